package policyfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// parser walks over a document and collects its faults.
type parser struct {
	options Options
	errs    []error
	more    int // faults beyond MaxFaults

	nominal bool // whether it is enough that somebody has a name
}

func (p *parser) fail(n *yaml.Node, format string, a ...any) { p.fault("malformed", n, format, a...) }

// refuse is fail for what is well-formed, and not accepted now.
func (p *parser) refuse(n *yaml.Node, format string, a ...any) { p.fault("refused", n, format, a...) }

func (p *parser) fault(kind string, n *yaml.Node, format string, a ...any) {
	if len(p.errs) == MaxFaults {
		p.more++
		return
	}
	p.errs = append(p.errs, fmt.Errorf("%s policy: line %d: %s", kind, n.Line, fmt.Sprintf(format, a...)))
}

// err returns all faults together.
func (p *parser) err() error {
	errs := p.errs
	if p.more > 0 {
		errs = append(errs, fmt.Errorf("malformed policy: %d more faults", p.more))
	}
	return errors.Join(errs...)
}

func (p *parser) policy(n *yaml.Node, signed bool) *verify.Policy {
	policy := new(verify.Policy)
	var serial int
	at := make(map[string]*yaml.Node)
	seen := p.mapping(n, "a policy", func(name string, key, v *yaml.Node) bool {
		at[name] = v
		switch name {
		case "expires":
			policy.Expires = p.time(v)
		case "serial":
			serial = p.number(v)
		case "builders":
			p.list(v, func(e *yaml.Node) { policy.Builders = append(policy.Builders, p.builder(e)) })
		case "source":
			policy.Source = p.text(v)
		case "sourceID":
			policy.SourceID = p.text(v)
		case "ownerID":
			policy.OwnerID = p.text(v)
		case "subject":
			policy.Subject = p.text(v)
		case "refs":
			policy.Refs = p.refs(v)
		case "commit":
			policy.Commit = p.commit(v)
		case "signedCommit":
			policy.SignedCommit = p.boolean(v)
		case "version":
			policy.Version = p.text(v)
		case "atLeast":
			policy.AtLeast = p.text(v)
		case "buildTypes":
			policy.BuildTypes = p.texts(v)
		case "older":
			policy.Older = p.boolean(v)
		case "parameters":
			policy.Parameters = make(map[string]verify.Parameter)
			p.mapping(v, "parameters", func(at string, key, v *yaml.Node) bool {
				if !strings.HasPrefix(at, "/") {
					p.fail(key, "parameter %.100q is not a JSON Pointer, which begins with /", at)
				} else if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(at), "~") {
					p.fail(key, "parameter %.100q is not a JSON Pointer, which has ~0 for ~", at)
				}
				policy.Parameters[at] = p.parameter(v)
				return true
			})
		case "triggers":
			policy.Triggers = p.texts(v)
		case "runners":
			policy.Runners = p.texts(v)
		case "environments":
			policy.Environments = p.texts(v)
		case "maxAge":
			policy.MaxAge = p.duration(v)
		case "inputs":
			policy.Inputs = p.inputs(v)
		case "buildInfo":
			policy.BuildInfo = p.boolean(v)
		case "steps":
			p.list(v, func(e *yaml.Node) { policy.Steps = append(policy.Steps, p.step(e)) })
		case "require":
			p.list(v, func(e *yaml.Node) { policy.Require = append(policy.Require, p.requirement(e)) })
		case "revoked":
			p.list(v, func(e *yaml.Node) { policy.Revoked = append(policy.Revoked, p.revocation(e)) })
		case "exceptions":
			p.list(v, func(e *yaml.Node) { policy.Exceptions = append(policy.Exceptions, p.exception(e)) })
		default:
			return false
		}
		return true
	})
	if seen != nil && len(n.Content) == 0 {
		p.fail(n, "it is empty")
	}
	if signed {
		p.need(n, seen, "a signed policy", "expires", "serial")
	}
	if now := p.options.Now; now != nil && !policy.Expires.IsZero() && !now().Before(policy.Expires) {
		p.refuse(at["expires"], "it expired at %s", policy.Expires.Format(time.RFC3339))
	}
	switch least := p.options.MinSerial; {
	case seen == nil || serial >= least:
	case serial > 0:
		p.refuse(at["serial"], "serial %d, and that of the last one was %d: it is an older one", serial, least)
	case at["serial"] == nil:
		p.refuse(n, "no serial, and that of the last one was %d: it may be an older one", least)
	}
	return policy
}

func (p *parser) builder(n *yaml.Node) verify.Builder {
	var b verify.Builder
	at := make(map[string]*yaml.Node)
	seen := p.mapping(n, "a builder", func(name string, _, v *yaml.Node) bool {
		at[name] = v
		switch name {
		case "id":
			b.ID = p.text(v)
		case "refs":
			b.Refs = p.someRefs(v)
		case "key":
			if who, ok := p.key(v); ok {
				b.Identity = p.identity(v, who)
			}
		case "workflow":
			// It may stand before the id and the refs.
		case "delegated":
			b.Delegated = p.boolean(v)
		case "commit":
			b.Commit = p.commit(v)
		case "level":
			if b.Level = p.number(v); b.Level > 3 {
				p.fail(v, "level %d, want 1 to 3", b.Level)
			}
		default:
			return false
		}
		return true
	})
	p.need(n, seen, "a builder", "id")
	p.needOneOf(n, seen, "a builder", "key", "workflow")
	if at["key"] != nil && at["workflow"] != nil {
		p.fail(n, "a builder with key and workflow")
	}
	other := false // than the id
	if w := at["workflow"]; w != nil {
		who, ok := p.workflow(w, Signatory{Builder: b.ID, Refs: b.Refs})
		if ok {
			b.Identity = p.identity(w, who)
		}
		other = who.Builder != b.ID || refsText(who.Refs) != refsText(b.Refs)
		if ok && b.ID != "" && other && !b.Delegated {
			p.fail(w, "the workflow is another than the id, and delegated is not true")
		}
	}
	if seen != nil && b.Delegated && !other {
		p.fail(at["delegated"], "delegated, and the id has no other workflow")
	}
	return b
}

func (p *parser) inputs(n *yaml.Node) verify.Inputs {
	var in verify.Inputs
	p.filled(n, p.mapping(n, "inputs", func(name string, _, v *yaml.Node) bool {
		switch name {
		case "pinned":
			in.Pinned = make(map[string]hallmark.Digest)
			p.filled(v, p.mapping(v, "pinned inputs", func(uri string, _, v *yaml.Node) bool {
				in.Pinned[uri] = p.digest(v)
				return true
			}))
		case "origins":
			in.Origins = p.texts(v)
		case "digests":
			in.Digests = p.boolean(v)
		default:
			return false
		}
		return true
	}))
	return in
}

func (p *parser) step(n *yaml.Node) verify.Step {
	var s verify.Step
	var who signatories
	seen := p.mapping(n, "a step", func(name string, _, v *yaml.Node) bool {
		switch name {
		case "name":
			s.Name = p.text(v)
		case "predicateType":
			s.PredicateType = p.text(v)
		case "builder":
			s.Builder = p.text(v)
		case "threshold":
			s.Threshold = p.number(v)
		default:
			return p.signatories(&who, name, v)
		}
		return true
	})
	p.need(n, seen, "a step", "name", "predicateType")
	p.needOneOf(n, seen, "a step", "keys", "workflows", "accounts")
	s.Identities = who.identities
	return s
}

func (p *parser) requirement(n *yaml.Node) verify.Requirement {
	var q verify.Requirement
	var who signatories
	seen := p.mapping(n, "a requirement", func(name string, _, v *yaml.Node) bool {
		switch name {
		case "predicateType":
			q.PredicateType = p.text(v)
		case "threshold":
			q.Threshold = p.number(v)
		case "source":
			q.OfSource = p.boolean(v)
		case "subject":
			q.Subject = p.text(v)
		case "maxAge":
			q.MaxAge = p.duration(v)
		case "summary":
			q.Summary = p.summary(v)
		case "tests":
			q.Tests = p.boolean(v)
		case "scan":
			q.Scan = p.scan(v)
		case "sbom":
			q.SBOM = p.sbom(v)
		case "properties":
			q.Properties = p.texts(v)
		default:
			return p.signatories(&who, name, v)
		}
		return true
	})
	p.need(n, seen, "a requirement", "predicateType")
	p.needOneOf(n, seen, "a requirement", "keys", "workflows", "accounts")
	q.Identities = who.identities
	return q
}

func (p *parser) summary(n *yaml.Node) *verify.Summary {
	s := new(verify.Summary)
	seen := p.mapping(n, "a summary", func(name string, _, v *yaml.Node) bool {
		switch name {
		case "verifier":
			s.Verifier = p.text(v)
		case "resource":
			s.Resource = p.text(v)
		case "level":
			if s.Level = p.number(v); s.Level > 4 {
				p.fail(v, "level %d, want 1 to 4", s.Level)
			}
		case "refs":
			s.Refs = p.someRefs(v)
		case "properties":
			s.Properties = p.texts(v)
		case "policy":
			s.Policy = p.digest(v)
		default:
			return false
		}
		return true
	})
	p.need(n, seen, "a summary", "verifier", "resource")
	return s
}

func (p *parser) scan(n *yaml.Node) *verify.Scan {
	s := new(verify.Scan)
	seen := p.mapping(n, "a scan", func(name string, _, v *yaml.Node) bool {
		switch name {
		case "below":
			// A score is a number for YAML, and kept as it is written.
			if v.Kind == yaml.ScalarNode && (v.Tag == "!!int" || v.Tag == "!!float") && json.Valid([]byte(v.Value)) {
				s.Below = v.Value
			} else {
				s.Below = p.text(v)
			}
		case "method":
			s.Method = p.text(v)
		default:
			return false
		}
		return true
	})
	// By itself neither says anything.
	if len(seen) == 1 {
		p.need(n, seen, "a scan", "below", "method")
	}
	return s
}

func (p *parser) sbom(n *yaml.Node) *verify.SBOM {
	s := new(verify.SBOM)
	p.filled(n, p.mapping(n, "an sbom", func(name string, _, v *yaml.Node) bool {
		switch name {
		case "minimum":
			s.Minimum = p.texts(v)
		case "buildInfo":
			s.BuildInfo = p.boolean(v)
		case "minAge":
			s.MinAge = p.duration(v)
		case "maxAge":
			s.MaxAge = p.duration(v)
		default:
			return false
		}
		return true
	}))
	if s.MaxAge != 0 && s.MaxAge < s.MinAge {
		p.fail(n, "an sbom with minAge beyond maxAge")
	}
	return s
}

func (p *parser) revocation(n *yaml.Node) verify.Revocation {
	var r verify.Revocation
	seen := p.mapping(n, "what is revoked", func(name string, _, v *yaml.Node) bool {
		switch name {
		case "key":
			r.Key = p.digest(v)
		case "issuer":
			r.Issuer = p.text(v)
		case "subject":
			r.Subject = p.text(v)
		case "builder":
			r.Builder = p.text(v)
		case "from":
			r.From = p.time(v)
		case "reason":
			r.Reason = p.text(v)
		default:
			return false
		}
		return true
	})
	p.needOneOf(n, seen, "what is revoked", "key", "subject", "builder")
	return r
}

func (p *parser) exception(n *yaml.Node) verify.Exception {
	var e verify.Exception
	seen := p.mapping(n, "an exception", func(name string, _, v *yaml.Node) bool {
		switch name {
		case "rule":
			e.Rule = verify.Rule(p.text(v))
		case "item":
			e.Item = p.text(v)
		case "digest":
			e.Digest = p.digest(v)
		case "owner":
			e.Owner = p.text(v)
		case "reason":
			e.Reason = p.text(v)
		case "control":
			e.Control = p.text(v)
		case "expires":
			e.Expires = p.time(v)
		default:
			return false
		}
		return true
	})
	p.need(n, seen, "an exception", "rule", "digest", "owner", "reason", "control", "expires")
	return e
}

// signatories are those of whom some must have signed.
type signatories struct {
	identities []verify.Identity
	seen       map[string]bool
}

// signatories adds those in v to who, if name is that of a list of them.
func (p *parser) signatories(who *signatories, name string, v *yaml.Node) bool {
	var one func(*yaml.Node) (Signatory, bool)
	switch name {
	case "keys":
		one = p.key
	case "workflows":
		one = func(n *yaml.Node) (Signatory, bool) { return p.workflow(n, Signatory{}) }
	case "accounts":
		one = p.account
	default:
		return false
	}
	p.some(v, func(e *yaml.Node) {
		s, ok := one(e)
		if !ok {
			return
		}
		// The threshold would count them once.
		all := fmt.Sprintf("%q %q %q %q %s %s %s", s.Key, s.Issuer, s.Builder, s.Subject, refsText(s.Refs), s.From, s.Until)
		if who.seen[all] {
			p.fail(e, "%s is there twice", s)
			return
		}
		if who.seen == nil {
			who.seen = make(map[string]bool)
		}
		who.seen[all] = true
		who.identities = append(who.identities, p.identity(e, s))
	})
	return true
}

// key returns who holds a key. ok is false after a fault, as it is of workflow and
// account.
func (p *parser) key(n *yaml.Node) (s Signatory, ok bool) {
	if n.Kind != yaml.MappingNode {
		s.Key = p.text(n)
		return s, s.Key != ""
	}
	seen := p.mapping(n, "a key", func(name string, _, v *yaml.Node) bool {
		if name == "name" {
			s.Key = p.text(v)
			return true
		}
		return p.window(&s, name, v)
	})
	p.need(n, seen, "a key", "name")
	return s, s.Key != ""
}

// workflow returns a workflow, which is otherwise if n does not say which one; if
// that is nobody, n must.
func (p *parser) workflow(n *yaml.Node, otherwise Signatory) (s Signatory, ok bool) {
	seen := p.mapping(n, "a workflow", func(name string, _, v *yaml.Node) bool {
		switch name {
		case "issuer":
			s.Issuer = p.text(v)
		case "builder":
			s.Builder = p.text(v)
		case "refs":
			s.Refs = p.someRefs(v)
		default:
			return p.window(&s, name, v)
		}
		return true
	})
	p.need(n, seen, "a workflow", "issuer")
	_, builder := seen["builder"]
	if _, refs := seen["refs"]; !builder && (refs || otherwise.Builder == "") {
		p.need(n, seen, "a workflow", "builder")
	} else if !builder || !refs && s.Builder != "" && s.Builder == otherwise.Builder {
		s.Builder, s.Refs = otherwise.Builder, otherwise.Refs
	}
	return s, s.Issuer != "" && s.Builder != ""
}

func (p *parser) account(n *yaml.Node) (s Signatory, ok bool) {
	seen := p.mapping(n, "an account", func(name string, _, v *yaml.Node) bool {
		switch name {
		case "issuer":
			s.Issuer = p.text(v)
		case "subject":
			s.Subject = p.text(v)
		default:
			return p.window(&s, name, v)
		}
		return true
	})
	p.need(n, seen, "an account", "issuer", "subject")
	return s, s.Issuer != "" && s.Subject != ""
}

// window reads from and until, if name is one of these.
func (p *parser) window(s *Signatory, name string, v *yaml.Node) bool {
	switch name {
	case "from":
		s.From = p.time(v)
	case "until":
		s.Until = p.time(v)
	default:
		return false
	}
	return true
}

// identity returns who s is, or nil after a fault.
func (p *parser) identity(n *yaml.Node, s Signatory) verify.Identity {
	if p.nominal {
		return nominal(s)
	}
	var id verify.Identity
	var err error
	switch o := p.options; {
	case s.Key != "" && o.Key == nil:
		p.fail(n, "%s is not known", s)
		return nil
	case s.Key != "":
		var v sign.Verifier
		if v, err = o.Key(s.Key); err == nil {
			id, err = verify.Key(v)
		}
	case s.Subject != "" && o.Account != nil:
		id, err = o.Account(s.Issuer, s.Subject)
	case s.Subject == "" && o.Workflow != nil:
		id, err = o.Workflow(s.Issuer, s.Builder, s.Refs)
	default:
		p.fail(n, "%s is not known: nothing here recognizes who signs without a key", s)
		return nil
	}
	if err == nil && id == nil {
		err = errors.New("it is nobody")
	}
	if err == nil && !(s.From.IsZero() && s.Until.IsZero()) {
		id, err = verify.During(id, s.From, s.Until, p.options.Now)
	}
	if err != nil {
		p.fail(n, "%s: %v", s, err)
		return nil
	}
	if p.options.Named != nil {
		p.options.Named(id, s)
	}
	return id
}

func (p *parser) refs(n *yaml.Node) verify.Refs {
	if isAny(n) {
		return verify.Refs{Any: true}
	}
	var r verify.Refs
	p.mapping(n, "refs", func(name string, _, v *yaml.Node) bool {
		switch name {
		case "branches":
			r.Branches = p.texts(v)
		case "tags":
			r.Tags = p.texts(v)
		case "releases":
			r.Releases = p.boolean(v)
		case "versions":
			r.Versions = p.text(v)
		case "any":
			r.Any = p.boolean(v)
		default:
			return false
		}
		return true
	})
	// What is empty has its fault already.
	if err := r.Check(); err != nil && !slices.Contains(r.Branches, "") && !slices.Contains(r.Tags, "") {
		p.fail(n, "%v", err)
	}
	return r
}

// someRefs is refs for those that must not be zero: that would mean that there is no
// ref behind a builder, and not what it looks like.
func (p *parser) someRefs(n *yaml.Node) verify.Refs {
	faults := len(p.errs) + p.more
	r := p.refs(n)
	if r.IsZero() && len(p.errs)+p.more == faults {
		p.fail(n, "refs that allow none")
	}
	return r
}

func (p *parser) digest(n *yaml.Node) hallmark.Digest {
	text := p.text(n)
	if text == "" {
		return hallmark.Digest{}
	}
	d, err := hallmark.ParseDigest(text)
	if err != nil {
		p.fail(n, "%v", err)
	}
	return d
}

func (p *parser) commit(n *yaml.Node) hallmark.Digest {
	// Forty decimal digits are a number for YAML, and a commit here.
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" && n.Tag != "!!int" && n.Tag != "!!float" {
		p.fail(n, "want a commit")
		return hallmark.Digest{}
	}
	d, err := hallmark.ParseDigest("gitCommit:" + n.Value)
	if err != nil {
		p.fail(n, "commit: %v", err)
	}
	return d
}

func (p *parser) parameter(n *yaml.Node) verify.Parameter {
	if n.Kind == yaml.ScalarNode {
		if isAny(n) {
			return verify.Parameter{Any: true}
		}
		return verify.Parameter{OneOf: []any{p.value(n, 0)}}
	}
	if n.Kind == yaml.SequenceNode {
		return verify.Parameter{OneOf: []any{p.value(n, 0)}}
	}
	var q verify.Parameter
	p.mapping(n, "a parameter", func(name string, _, v *yaml.Node) bool {
		switch name {
		case "oneOf":
			p.list(v, func(e *yaml.Node) { q.OneOf = append(q.OneOf, p.value(e, 0)) })
		case "any":
			q.Any = p.boolean(v)
		default:
			return false
		}
		return true
	})
	if len(q.OneOf) == 0 && !q.Any {
		p.fail(n, "a parameter that no value satisfies")
	}
	if len(q.OneOf) > 0 && q.Any {
		p.fail(n, "a parameter with oneOf and any")
	}
	return q
}

// isAny reports whether n is the word any. In quotation marks it is a string.
func isAny(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!str" && n.Style == 0 && n.Value == "any"
}

// value returns n as a JSON value. It is depth deep in others.
func (p *parser) value(n *yaml.Node, depth int) any {
	switch {
	case depth > MaxDepth:
		p.fail(n, "values in each other, more than %d", MaxDepth)
		return nil
	case n.Kind == yaml.SequenceNode:
		all := []any{}
		p.list(n, func(e *yaml.Node) { all = append(all, p.value(e, depth+1)) })
		return all
	case n.Kind == yaml.MappingNode:
		all := make(map[string]any)
		p.mapping(n, "an object", func(name string, _, v *yaml.Node) bool {
			all[name] = p.value(v, depth+1)
			return true
		})
		if depth == 0 && len(all) > 0 {
			// They are parameters with pointers of their own.
			p.fail(n, "a value that is an object with members")
		}
		return all
	case n.Kind == yaml.ScalarNode:
		switch n.Tag {
		case "!!str":
			return n.Value
		case "!!bool":
			if n.Value == "true" || n.Value == "false" {
				return n.Value == "true"
			}
		case "!!null":
			return nil
		case "!!int", "!!float":
			if json.Valid([]byte(n.Value)) {
				return json.Number(n.Value)
			}
		}
	}
	p.fail(n, "%.100q is no value that JSON has; put it in quotation marks", n.Value)
	return nil
}

// mapping calls member for each member of n, which reports whether it knows
// the name. It returns the lines of the names.
func (p *parser) mapping(n *yaml.Node, what string, member func(name string, key, v *yaml.Node) bool) map[string]int {
	if n.Kind != yaml.MappingNode || n.Tag != "!!map" {
		p.fail(n, "want %s", what)
		return nil
	}
	if members := len(n.Content) / 2; members > MaxItems {
		p.fail(n, "%d members, at most %d are read", members, MaxItems)
		return nil
	}
	seen := make(map[string]int)
	for i := 0; i < len(n.Content); i += 2 {
		key, v := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Tag != "!!str" {
			p.fail(key, "a name that is not a string")
			continue
		}
		if line, ok := seen[key.Value]; ok {
			p.fail(key, "%.100q is already on line %d", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		if v.Kind == yaml.AliasNode {
			p.fail(v, "aliases are not read")
			continue
		}
		if !member(key.Value, key, v) {
			p.fail(key, "%s has no member %.100q", what, key.Value)
		}
	}
	return seen
}

// need reports the members that are missing from n. seen is what mapping
// returned for it.
func (p *parser) need(n *yaml.Node, seen map[string]int, what string, names ...string) {
	for _, name := range names {
		if _, ok := seen[name]; !ok && seen != nil {
			p.fail(n, "%s without %s", what, name)
		}
	}
}

// needOneOf reports that n has none of several members.
func (p *parser) needOneOf(n *yaml.Node, seen map[string]int, what string, names ...string) {
	for _, name := range names {
		if _, ok := seen[name]; ok {
			return
		}
	}
	if seen != nil {
		p.fail(n, "%s without %s", what, strings.Join(names, " or "))
	}
}

// filled reports that n, of which mapping returned seen, asks for nothing.
func (p *parser) filled(n *yaml.Node, seen map[string]int) {
	if seen != nil && len(seen) == 0 && len(n.Content) == 0 {
		p.fail(n, "it is empty")
	}
}

func (p *parser) list(n *yaml.Node, element func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode || n.Tag != "!!seq" {
		p.fail(n, "want a list")
		return
	}
	if len(n.Content) > MaxItems {
		p.fail(n, "%d elements, at most %d are read", len(n.Content), MaxItems)
		return
	}
	for _, e := range n.Content {
		if e.Kind == yaml.AliasNode {
			p.fail(e, "aliases are not read")
			continue
		}
		element(e)
	}
}

// some is list for what must not be empty: that would mean the default, and not
// what it looks like.
func (p *parser) some(n *yaml.Node, element func(*yaml.Node)) {
	p.list(n, element)
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		p.fail(n, "an empty list")
	}
}

func (p *parser) texts(n *yaml.Node) []string {
	var all []string
	seen := make(map[string]bool)
	p.some(n, func(e *yaml.Node) {
		text := p.text(e)
		if seen[text] && text != "" {
			p.fail(e, "%.100q is there twice", text)
		}
		seen[text] = true
		all = append(all, text)
	})
	return all
}

func (p *parser) text(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" || n.Value == "" {
		p.fail(n, "want a string")
		return ""
	}
	return n.Value
}

func (p *parser) boolean(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Value != "true" && n.Value != "false" {
		p.fail(n, "want true or false")
	}
	return n.Value == "true"
}

// time returns a time in UTC, or the zero time after a fault.
func (p *parser) time(n *yaml.Node) time.Time {
	if n.Kind == yaml.ScalarNode && (n.Tag == "!!timestamp" || n.Tag == "!!str") {
		for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04:05-07:00"} {
			// Parse is laxer than RFC 3339, which Format is not.
			if t, err := time.Parse(layout, n.Value); err == nil && t.Format(layout) == n.Value && !t.IsZero() {
				return t.UTC()
			}
		}
	}
	p.fail(n, "want a day, 2027-01-31, or a time, 2027-01-31T12:00:00Z")
	return time.Time{}
}

// duration returns a number of days or hours, or 0 after a fault.
func (p *parser) duration(n *yaml.Node) time.Duration {
	units := map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour}
	text := n.Value
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && text != "" {
		number, unit := text[:len(text)-1], units[text[len(text)-1]]
		i, err := strconv.Atoi(number)
		if unit != 0 && err == nil && strconv.Itoa(i) == number && i >= 1 && i <= 100_000 {
			return time.Duration(i) * unit
		}
	}
	p.fail(n, "want a number of days or hours, 30d or 12h")
	return 0
}

// number returns a number of 1 or more, or 0 after a fault.
func (p *parser) number(n *yaml.Node) int {
	i, err := strconv.Atoi(n.Value)
	// For some readers 010 is 8.
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || strconv.Itoa(i) != n.Value || i < 1 {
		p.fail(n, "want a number, 1 or more")
		return 0
	}
	return i
}
