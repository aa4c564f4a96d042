// Package policyfile reads a [verify.Policy] from a file, in YAML or in JSON.
//
//	builders:
//	  - id: https://github.com/org/builder/.github/workflows/build.yml@refs/tags/v1.0.0
//	    key: release                # a name; Options.Key returns the key
//	    level: 2
//	    commit: 89abcdef0123456789abcdef0123456789abcdef   # of the builder
//	source: https://github.com/org/app
//	sourceID: "1296269"             # by which the platform tells the repository
//	ownerID: "583231"               # and whom it belongs to
//	refs: {releases: true, branches: [main], tags: [nightly]}      # or: any, {any: true}
//	commit: 0123456789abcdef0123456789abcdef01234567
//	buildTypes: [https://actions.github.io/buildtypes/workflow/v1]
//	parameters:
//	  /workflow/path: .github/workflows/release.yml   # exactly this value
//	  /inputs/channel: {oneOf: [stable, beta]}
//	  /inputs/note: any                               # or: {any: true}
//	triggers: [push, release]
//	runners: [github-hosted]
//	environments: [production]
//	maxAge: 30d                     # or hours, 12h
//	require:
//	  - predicateType: https://cyclonedx.org/bom
//	    keys: [release, audit]
//	    threshold: 2
//
// Every member of the document may be left out. What is missing is then missing in
// the Policy, and the caller may fill it in; a Policy that lacks what it must have is
// refused by [verify.Policy.Verify]. A builder has an id and a key, and what is
// required a predicate type and keys. Files do not name who signs without a key:
// builders with an Identity of package sign/sigstore are for the caller to add.
//
// A member that is not known, is there twice or has another type is an error with
// its line, as are an empty list, and a document that is empty or has a second one
// behind it. Aliases, merge keys and custom tags are not read.
//
// Truth is written true or false, and numbers as JSON has them: what versions
// of YAML or its readers disagree about is an error. JSON is read as the YAML
// that it is, so its escapes \/ and those of surrogate pairs (\ud83d\ude00) are
// not; the characters themselves are.
package policyfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// Options says how [Parse] resolves what a file only names.
type Options struct {
	// Key returns the public key that a file calls name. Without it every
	// name is unknown.
	Key func(name string) (sign.Verifier, error)

	// Now is what the policy has as its Now. A policy without a maximum age needs
	// none.
	Now func() time.Time
}

// Parse parses a policy. Faults are reported together, each as
// "malformed policy: line N: what". What is no YAML is one fault, whose line is
// given if the YAML reader knows it.
func Parse(data []byte, o Options) (*verify.Policy, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("malformed policy: %d bytes, at most %d are read", len(data), MaxSize)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("malformed policy: it is empty")
	case err != nil:
		return nil, fmt.Errorf("malformed policy: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("malformed policy: a second document")
	}
	p := parser{key: o.Key}
	policy := p.policy(doc.Content[0])
	if err := errors.Join(p.errs...); err != nil {
		return nil, err
	}
	policy.Now = o.Now
	return policy, nil
}

// parser walks over a document and collects its faults.
type parser struct {
	key  func(string) (sign.Verifier, error)
	errs []error
}

func (p *parser) fail(n *yaml.Node, format string, a ...any) {
	p.errs = append(p.errs, fmt.Errorf("malformed policy: line %d: %s", n.Line, fmt.Sprintf(format, a...)))
}

func (p *parser) policy(n *yaml.Node) *verify.Policy {
	policy := new(verify.Policy)
	members := 0
	p.mapping(n, "a policy", func(name string, key, v *yaml.Node) bool {
		members++
		switch name {
		case "builders":
			p.list(v, func(e *yaml.Node) { policy.Builders = append(policy.Builders, p.builder(e)) })
		case "source":
			policy.Source = p.text(v)
		case "sourceID":
			policy.SourceID = p.text(v)
		case "ownerID":
			policy.OwnerID = p.text(v)
		case "refs":
			policy.Refs = p.refs(v)
		case "commit":
			policy.Commit = p.commit(v)
		case "buildTypes":
			policy.BuildTypes = p.texts(v)
		case "parameters":
			policy.Parameters = make(map[string]verify.Parameter)
			p.mapping(v, "parameters", func(at string, key, v *yaml.Node) bool {
				if !strings.HasPrefix(at, "/") {
					p.fail(key, "parameter %.100q is not a JSON Pointer, which begins with /", at)
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
		case "require":
			p.list(v, func(e *yaml.Node) { policy.Require = append(policy.Require, p.requirement(e)) })
		default:
			return false
		}
		return true
	})
	if members == 0 && len(p.errs) == 0 {
		p.fail(n, "it is empty")
	}
	return policy
}

func (p *parser) builder(n *yaml.Node) verify.Builder {
	var b verify.Builder
	seen := p.mapping(n, "a builder", func(name string, _, v *yaml.Node) bool {
		switch name {
		case "id":
			b.ID = p.text(v)
		case "key":
			b.Identity = p.identity(v)
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
	p.need(n, seen, "a builder", "id", "key")
	return b
}

func (p *parser) requirement(n *yaml.Node) verify.Requirement {
	var q verify.Requirement
	seen := p.mapping(n, "a requirement", func(name string, _, v *yaml.Node) bool {
		switch name {
		case "predicateType":
			q.PredicateType = p.text(v)
		case "keys":
			p.list(v, func(e *yaml.Node) { q.Identities = append(q.Identities, p.identity(e)) })
			if v.Kind == yaml.SequenceNode && len(v.Content) == 0 {
				p.fail(v, "a requirement that nobody can sign")
			}
		case "threshold":
			q.Threshold = p.number(v)
		default:
			return false
		}
		return true
	})
	p.need(n, seen, "a requirement", "predicateType", "keys")
	return q
}

func (p *parser) identity(n *yaml.Node) verify.Identity {
	name := p.text(n)
	if name == "" {
		return nil
	}
	if p.key == nil {
		p.fail(n, "key %.100q is not known", name)
		return nil
	}
	v, err := p.key(name)
	if err != nil {
		p.fail(n, "key %.100q: %v", name, err)
		return nil
	}
	id, err := verify.Key(v)
	if err != nil {
		p.fail(n, "key %.100q: %v", name, err)
		return nil
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
		case "any":
			r.Any = p.boolean(v)
		default:
			return false
		}
		return true
	})
	return r
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
		return verify.Parameter{OneOf: []any{p.value(n)}}
	}
	if n.Kind == yaml.SequenceNode {
		return verify.Parameter{OneOf: []any{p.value(n)}}
	}
	var q verify.Parameter
	p.mapping(n, "a parameter", func(name string, _, v *yaml.Node) bool {
		switch name {
		case "oneOf":
			p.list(v, func(e *yaml.Node) { q.OneOf = append(q.OneOf, p.value(e)) })
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

// value returns n as a JSON value.
func (p *parser) value(n *yaml.Node) any {
	switch {
	case n.Kind == yaml.SequenceNode:
		all := []any{}
		p.list(n, func(e *yaml.Node) { all = append(all, p.value(e)) })
		return all
	case n.Kind == yaml.MappingNode:
		// The members of an object are parameters with pointers of their own.
		if len(n.Content) == 0 && n.Tag == "!!map" {
			return map[string]any{}
		}
		p.fail(n, "a value that is an object with members")
		return nil
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

func (p *parser) list(n *yaml.Node, element func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode || n.Tag != "!!seq" {
		p.fail(n, "want a list")
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

func (p *parser) texts(n *yaml.Node) []string {
	var all []string
	p.list(n, func(e *yaml.Node) { all = append(all, p.text(e)) })
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		// It would mean the default, and not what it looks like.
		p.fail(n, "an empty list")
	}
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
