package gate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

const (
	// maxTrustedRoot is the size of a trusted root, in bytes.
	maxTrustedRoot = 4 << 20

	// maxPolicyFile is the size of a file with a policy or an envelope with one, in
	// bytes.
	maxPolicyFile = 2 * policyfile.MaxSize

	// maxPolicies is how many policies there may be.
	maxPolicies = 1000
)

// Identities says in o who signs without a key, by what is in a file trusted_root.json:
// that of package keyless, in a program that links it.
type Identities func(trustedRoot []byte, o *policyfile.Options) error

// Editions say which policy files are believed: those that somebody has signed, and none
// that is older than what was seen before.
type Editions struct {
	Keys      cli.List // files with public keys, of which one must have signed; without them nobody must have
	MinSerial int
}

// Flags defines the flags of e.
func (e *Editions) Flags(flags *flag.FlagSet) {
	flags.Var(&e.Keys, "policy-key", "a `FILE` with a public key, in PEM: a policy must be signed with it, or with another one that is given so; may be repeated")
	flags.IntVar(&e.MinSerial, "min-serial", 0, "the serial `N` that a policy must have at least, so that no older one comes back")
}

// A Loader reads policies. The identities that they name are resolved by it and nowhere
// else.
type Loader struct {
	Keys        cli.List // NAME=FILE
	TrustedRoot string   // a file, if it is not empty
	Editions    Editions
	Identities  Identities
	Inspector   verify.Inspector
	Now         func() time.Time
}

// named is what a Loader resolves names by.
type named struct {
	keys map[string][]byte
	root []byte
	sum  string // of all of it

	author verify.Identity // who must have signed a policy, or nil
}

func (l *Loader) read() (*named, error) {
	f := &named{keys: make(map[string][]byte)}
	h := sha256.New()
	for _, k := range l.Keys {
		name, file, ok := strings.Cut(k, "=")
		if !ok || name == "" || file == "" {
			return nil, fmt.Errorf("-key %s: want NAME=FILE", k)
		}
		if _, ok := f.keys[name]; ok {
			return nil, fmt.Errorf("-key %s: %s is there twice", k, name)
		}
		pem, err := cli.ReadFile(file, sign.MaxKeySize)
		if err != nil {
			return nil, fmt.Errorf("-key %s: %w", k, err)
		}
		f.keys[name] = pem
		fmt.Fprintf(h, "key %q %d\n%s", name, len(pem), pem)
	}
	if l.TrustedRoot != "" {
		var err error
		if f.root, err = cli.ReadFile(l.TrustedRoot, maxTrustedRoot); err != nil {
			return nil, err
		}
		fmt.Fprintf(h, "root %d\n%s", len(f.root), f.root)
	}
	if l.Editions.MinSerial < 0 {
		return nil, fmt.Errorf("-min-serial %d: want a number that is not negative", l.Editions.MinSerial)
	}
	var authors []sign.Verifier
	for _, file := range l.Editions.Keys {
		pem, err := cli.ReadFile(file, sign.MaxKeySize)
		if err != nil {
			return nil, fmt.Errorf("-policy-key: %w", err)
		}
		key, err := sign.ParsePublicKey(pem)
		if err != nil {
			return nil, fmt.Errorf("-policy-key %s: %w", file, err)
		}
		authors = append(authors, key)
		fmt.Fprintf(h, "author %d\n%s", len(pem), pem)
	}
	if authors != nil {
		var err error
		if f.author, err = verify.Keys(1, authors...); err != nil {
			return nil, fmt.Errorf("-policy-key: %w", err)
		}
	}
	f.sum = fmt.Sprintf("%x", h.Sum(nil))
	return f, nil
}

// Load reads a policy, as the rule for everything.
func (l *Loader) Load(ctx context.Context, file string) (Rule, error) {
	f, err := l.read()
	if err != nil {
		return Rule{}, err
	}
	return l.load(ctx, file, f, nil)
}

// load reads a policy. If that is an older edition than the one of was from the same
// file, that one stays in force, by the keys that there are now.
func (l *Loader) load(ctx context.Context, file string, f *named, was Rules) (Rule, error) {
	data, err := cli.ReadFile(file, maxPolicyFile)
	if err != nil {
		return Rule{}, err
	}
	rule, err := l.parse(ctx, file, data, f, was)
	if err != nil {
		return Rule{}, err
	}
	for _, r := range was {
		if r.File == file && r.Serial > rule.Serial {
			older := fmt.Errorf("%s: serial %d, and that of the last one was %d: it is an older one, and the last one stays in force", file, rule.Serial, r.Serial)
			if rule, err = l.parse(ctx, file, r.data, f, was); err != nil {
				return Rule{}, fmt.Errorf("%w, but it cannot be read again: %w", older, err)
			}
			rule.Older = older
		}
	}
	return rule, nil
}

// parse returns the rule that data says, which was read from a file. One of was that is
// made of the same bytes is not made again.
func (l *Loader) parse(ctx context.Context, file string, data []byte, f *named, was Rules) (Rule, error) {
	digest := fmt.Sprintf("%s %x", f.sum, sha256.Sum256(data))
	for _, r := range was {
		if r.Digest == digest {
			r.File, r.Older = file, nil
			return r, nil
		}
	}
	options := policyfile.Options{Now: l.Now, Inspector: l.Inspector, MinSerial: l.Editions.MinSerial, Key: func(name string) (sign.Verifier, error) {
		pem, ok := f.keys[name]
		if !ok {
			return nil, fmt.Errorf("give it with -key %s=FILE", name)
		}
		return sign.ParsePublicKey(pem)
	}}
	passing := false // somebody may sign for some time only
	names := make(map[verify.Identity]policyfile.Signatory)
	options.Named = func(id verify.Identity, who policyfile.Signatory) {
		names[id] = who
		passing = passing || !who.From.IsZero() || !who.Until.IsZero()
	}
	switch {
	case f.root != nil:
		if err := l.Identities(f.root, &options); err != nil {
			return Rule{}, fmt.Errorf("%s: %w", l.TrustedRoot, err)
		}
	case l.Identities != nil:
		options.Account = func(string, string) (verify.Identity, error) {
			return nil, errors.New("give the trusted root of its Sigstore instance with -trusted-root FILE")
		}
		options.Workflow = func(string, string, verify.Refs) (verify.Identity, error) { return options.Account("", "") }
	}
	var policy *verify.Policy
	text := data
	env, err := sign.Parse(data)
	switch {
	case f.author == nil && err == nil:
		return Rule{}, fmt.Errorf("%s: an envelope, and no policy: give the key that must have signed the policy in it with -policy-key FILE", file)
	case f.author == nil:
		policy, err = policyfile.Parse(data, options)
	case err != nil:
		return Rule{}, fmt.Errorf("%s: not signed, as -policy-key demands of a policy: %w", file, err)
	default:
		text = env.Payload
		policy, err = policyfile.ParseSigned(ctx, env, f.author, options)
	}
	if err != nil {
		return Rule{}, fmt.Errorf("%s: %w", file, err)
	}
	serial, err := policyfile.Serial(text)
	if err != nil {
		return Rule{}, fmt.Errorf("%s: %w", file, err)
	}
	return Rule{
		Pattern: "*", Policy: policy, Digest: digest, Timeless: !passing && timeless(policy),
		File: file, Text: text, Serial: serial, Names: names, data: data,
	}, nil
}

// Rules say which policy an image is held against.
type Rules []Rule

// A Rule is a policy and the repositories that it is for.
type Rule struct {
	Pattern string // "registry.example/team/app", "registry.example/team/*", or "*"
	Policy  *verify.Policy
	Digest  string // of everything that the policy was made of

	// Timeless says that the policy decides over the same evidence alike at any time.
	Timeless bool

	File   string
	Text   []byte // of the policy, without the envelope
	Serial int    // or 0

	// Names are how the policy names its identities.
	Names map[verify.Identity]policyfile.Signatory

	// Older says that File has an older edition now, which is not this one.
	Older error

	data []byte // what was in File
}

// LoadRules reads policies, each FILE or REPOSITORY=FILE: all of them or none. They must
// be complete, and are probed. What is made of the same bytes as one of was is taken from
// there, and so is what is newer there: see [Rule.Older].
func LoadRules(ctx context.Context, policies []string, l Loader, was Rules) (Rules, error) {
	if len(policies) > maxPolicies {
		return nil, fmt.Errorf("%d policies, at most %d are read", len(policies), maxPolicies)
	}
	f, err := l.read()
	if err != nil {
		return nil, err
	}
	var rules Rules
	for _, p := range policies {
		pattern, file, ok := strings.Cut(p, "=")
		if !ok {
			pattern, file = "*", p
		}
		prefix, all := strings.CutSuffix(pattern, "*")
		if strings.Contains(prefix, "*") || all && prefix != "" && !strings.HasSuffix(prefix, "/") || pattern == "" {
			return nil, fmt.Errorf("-policy %s: want REPOSITORY=FILE, where the repository may end in /*", p)
		}
		if slices.ContainsFunc(rules, func(r Rule) bool { return r.Pattern == pattern }) {
			return nil, fmt.Errorf("-policy %s: there are two policies for %s", p, pattern)
		}
		rule, err := l.load(ctx, file, f, was)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(was, func(r Rule) bool { return r.Policy == rule.Policy }) {
			if err := rule.Policy.Probe(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
		rule.Pattern = pattern
		rules = append(rules, rule)
	}
	// The longest pattern decides.
	slices.SortStableFunc(rules, func(a, b Rule) int { return cmp.Compare(len(b.Pattern), len(a.Pattern)) })
	return rules, nil
}

// For returns the rule for the images of a repository.
func (rs Rules) For(repository string) (Rule, bool) {
	for _, r := range rs {
		prefix, ok := strings.CutSuffix(r.Pattern, "*")
		if ok && strings.HasPrefix(repository, prefix) || r.Pattern == repository {
			return r, true
		}
	}
	return Rule{}, false
}

// timeless reports whether no field of a policy is about time. Its identities may be.
func timeless(p *verify.Policy) bool {
	return p.MaxAge == 0 && len(p.Exceptions) == 0 && p.Expires.IsZero() && !slices.ContainsFunc(p.Require, func(q verify.Requirement) bool {
		return q.MaxAge != 0 || q.SBOM != nil && (q.SBOM.MinAge != 0 || q.SBOM.MaxAge != 0)
	})
}
