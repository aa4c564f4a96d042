package gate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
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

	// maxPolicies is how many policies there may be.
	maxPolicies = 1000
)

// Identities says in o who signs without a key, by what is in a file trusted_root.json:
// that of package keyless, in a program that links it.
type Identities func(trustedRoot []byte, o *policyfile.Options) error

// A Loader reads policies. The identities that they name are resolved by it and nowhere
// else.
type Loader struct {
	Keys        cli.List // NAME=FILE
	TrustedRoot string   // a file, if it is not empty
	Identities  Identities
	Now         func() time.Time
}

// Load reads a policy. digest is of all the files that it was made of.
func (l *Loader) Load(file string) (policy *verify.Policy, digest string, err error) {
	data, err := cli.ReadFile(file, policyfile.MaxSize)
	if err != nil {
		return nil, "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d\n%s", len(data), data)
	keys := make(map[string]string)
	for _, k := range l.Keys {
		name, file, ok := strings.Cut(k, "=")
		if !ok || name == "" || file == "" {
			return nil, "", fmt.Errorf("-key %s: want NAME=FILE", k)
		}
		if _, ok := keys[name]; ok {
			return nil, "", fmt.Errorf("-key %s: %s is there twice", k, name)
		}
		keys[name] = file
	}
	options := policyfile.Options{Now: l.Now, Key: func(name string) (sign.Verifier, error) {
		file, ok := keys[name]
		if !ok {
			return nil, fmt.Errorf("give it with -key %s=FILE", name)
		}
		pem, err := cli.ReadFile(file, sign.MaxKeySize)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(h, "key %q %d\n%s", name, len(pem), pem)
		return sign.ParsePublicKey(pem)
	}}
	switch {
	case l.TrustedRoot != "":
		root, err := cli.ReadFile(l.TrustedRoot, maxTrustedRoot)
		if err != nil {
			return nil, "", err
		}
		fmt.Fprintf(h, "root %d\n%s", len(root), root)
		if err := l.Identities(root, &options); err != nil {
			return nil, "", fmt.Errorf("%s: %w", l.TrustedRoot, err)
		}
	case l.Identities != nil:
		options.Account = func(string, string) (verify.Identity, error) {
			return nil, errors.New("give the trusted root of its Sigstore instance with -trusted-root FILE")
		}
		options.Workflow = func(string, string, verify.Refs) (verify.Identity, error) { return options.Account("", "") }
	}
	policy, err = policyfile.Parse(data, options)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", file, err)
	}
	return policy, fmt.Sprintf("%x", h.Sum(nil)), nil
}

// Rules say which policy an image is held against.
type Rules []Rule

// A Rule is a policy and the repositories that it is for.
type Rule struct {
	Pattern string // "registry.example/team/app", "registry.example/team/*", or "*"
	Policy  *verify.Policy
	Digest  string // of everything that the policy was made of
}

// LoadRules reads policies, each FILE or REPOSITORY=FILE: all of them or none. They must
// be complete, and are probed.
func LoadRules(ctx context.Context, policies []string, l Loader) (Rules, error) {
	if len(policies) > maxPolicies {
		return nil, fmt.Errorf("%d policies, at most %d are read", len(policies), maxPolicies)
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
		policy, digest, err := l.Load(file)
		if err != nil {
			return nil, err
		}
		if err := policy.Probe(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		rules = append(rules, Rule{pattern, policy, digest})
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

// Timeless reports whether a policy decides over the same evidence alike at any time.
func Timeless(p *verify.Policy) bool {
	return p.MaxAge == 0 && len(p.Exceptions) == 0 && p.Expires.IsZero() && !slices.ContainsFunc(p.Require, func(q verify.Requirement) bool {
		return q.MaxAge != 0 || q.SBOM != nil && (q.SBOM.MinAge != 0 || q.SBOM.MaxAge != 0)
	})
}
