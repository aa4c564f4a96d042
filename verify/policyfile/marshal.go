package policyfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// Marshal returns p as a policy file, in YAML, of which [Parse] makes p again, but for
// Now and Inspector, and with identities of several kinds sorted by these. The same
// policy gives the same bytes. name says how the file is to name an identity: as the
// one that p was read of did, which Options.Named tells, or otherwise. A serial is the
// caller's to add, as a line before or behind.
//
// It is an error if an identity has no name, if a string is not UTF-8 or is empty in
// a place where it must not be, if an age is no number of hours, and if anything else
// of p has no place in a file. All of these are reported together.
func Marshal(p *verify.Policy, name func(verify.Identity) (Signatory, error)) ([]byte, error) {
	if p == nil || name == nil {
		return nil, errors.New("policyfile: no policy to write, or nobody who names its identities")
	}
	text, err := write(p, name)
	if err != nil {
		return nil, err
	}
	// What is read of it says the same.
	doc, err := document(text)
	if err != nil {
		return nil, fmt.Errorf("policyfile: what was written is not read: %w", err)
	}
	r := parser{nominal: true}
	read := r.policy(doc, false)
	if err := r.err(); err != nil {
		return nil, fmt.Errorf("policyfile: what was written is not read: %w", err)
	}
	again, err := write(read, named)
	if err == nil && !bytes.Equal(text, again) {
		err = errors.New("policyfile: the policy cannot be written: what is read of it is another one")
	}
	if err != nil {
		return nil, err
	}
	return text, nil
}

// nominal is an identity of which nothing is known but its name.
type nominal Signatory

func (nominal) Recognize(context.Context, *sign.Envelope) (*verify.Evidence, error) {
	return nil, verify.ErrNotSigned
}

func (n nominal) String() string { return Signatory(n).String() }

func write(p *verify.Policy, name func(verify.Identity) (Signatory, error)) ([]byte, error) {
	w := writer{name: name}
	return w.encode(w.policy(p))
}

// writer makes YAML of a policy and collects what cannot be written.
type writer struct {
	name func(verify.Identity) (Signatory, error)
	errs []error
}

func (w *writer) fail(format string, a ...any) {
	w.errs = append(w.errs, fmt.Errorf("policyfile: the policy cannot be written: "+format, a...))
}

func (w *writer) encode(doc *yaml.Node) ([]byte, error) {
	if len(doc.Content) == 0 {
		w.fail("it is empty")
	}
	if err := errors.Join(w.errs...); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(doc), enc.Close()); err != nil {
		return nil, fmt.Errorf("policyfile: %w", err)
	}
	return b.Bytes(), nil
}

func (w *writer) policy(p *verify.Policy) *yaml.Node {
	m := w.block()
	m.time("expires", p.Expires)
	m.elements("builders", len(p.Builders), func(i int) *yaml.Node { return w.builder(&p.Builders[i]) })
	m.text("source", p.Source)
	m.text("sourceID", p.SourceID)
	m.text("ownerID", p.OwnerID)
	m.text("subject", p.Subject)
	m.refs("refs", p.Refs)
	m.commit("commit", p.Commit)
	m.boolean("signedCommit", p.SignedCommit)
	m.text("version", p.Version)
	m.text("atLeast", p.AtLeast)
	m.texts("buildTypes", p.BuildTypes)
	m.boolean("older", p.Older)
	if len(p.Parameters) > 0 {
		params := w.block()
		for _, at := range slices.Sorted(maps.Keys(p.Parameters)) {
			params.add(at, w.parameter(at, p.Parameters[at]))
		}
		m.add("parameters", params.Node)
	}
	m.texts("triggers", p.Triggers)
	m.texts("runners", p.Runners)
	m.texts("environments", p.Environments)
	m.duration("maxAge", p.MaxAge)
	in := w.block()
	if len(p.Inputs.Pinned) > 0 {
		pinned := w.block()
		for _, uri := range slices.Sorted(maps.Keys(p.Inputs.Pinned)) {
			pinned.digest(uri, p.Inputs.Pinned[uri])
		}
		in.add("pinned", pinned.Node)
	}
	in.texts("origins", p.Inputs.Origins)
	in.boolean("digests", p.Inputs.Digests)
	m.filled("inputs", in)
	m.boolean("buildInfo", p.BuildInfo)
	m.elements("steps", len(p.Steps), func(i int) *yaml.Node {
		s := &p.Steps[i]
		m := w.block()
		m.text("name", s.Name)
		m.text("predicateType", s.PredicateType)
		m.text("builder", s.Builder)
		m.signatories(s.Identities, s.Threshold)
		return m.Node
	})
	m.elements("require", len(p.Require), func(i int) *yaml.Node { return w.requirement(&p.Require[i]) })
	m.elements("revoked", len(p.Revoked), func(i int) *yaml.Node {
		r := &p.Revoked[i]
		m := w.block()
		m.digest("key", r.Key)
		m.text("issuer", r.Issuer)
		m.text("subject", r.Subject)
		m.text("builder", r.Builder)
		m.time("from", r.From)
		m.text("reason", r.Reason)
		return m.Node
	})
	m.elements("exceptions", len(p.Exceptions), func(i int) *yaml.Node {
		e := &p.Exceptions[i]
		m := w.block()
		m.text("rule", string(e.Rule))
		m.text("item", e.Item)
		m.digest("digest", e.Digest)
		m.text("owner", e.Owner)
		m.text("reason", e.Reason)
		m.text("control", e.Control)
		m.time("expires", e.Expires)
		return m.Node
	})
	return m.Node
}

func (w *writer) builder(b *verify.Builder) *yaml.Node {
	m := w.block()
	m.text("id", b.ID)
	m.refs("refs", b.Refs)
	switch who, ok := w.signatory(b.Identity); {
	case !ok:
	case who.Key != "":
		m.add("key", w.key(who))
	case who.Subject != "":
		w.fail("%s is that of a builder", who)
	default:
		if !b.Delegated {
			// It is the builder: another one would not be read.
			if who.Builder != b.ID || refsText(who.Refs) != refsText(b.Refs) {
				w.fail("%s is that of the builder %.100q, which is not delegated", who, b.ID)
			}
			who.Builder, who.Refs = "", verify.Refs{}
		}
		m.add("workflow", w.keyless(who))
	}
	m.boolean("delegated", b.Delegated)
	m.commit("commit", b.Commit)
	m.number("level", b.Level)
	return m.Node
}

func (w *writer) requirement(q *verify.Requirement) *yaml.Node {
	m := w.block()
	m.text("predicateType", q.PredicateType)
	m.boolean("source", q.OfSource)
	m.signatories(q.Identities, q.Threshold)
	m.text("subject", q.Subject)
	m.duration("maxAge", q.MaxAge)
	if s := q.Summary; s != nil {
		v := w.block()
		v.text("verifier", s.Verifier)
		v.text("resource", s.Resource)
		v.refs("refs", s.Refs)
		v.number("level", s.Level)
		v.texts("properties", s.Properties)
		v.digest("policy", s.Policy)
		m.add("summary", v.Node)
	}
	m.boolean("tests", q.Tests)
	if s := q.Scan; s != nil {
		v := w.flow()
		v.text("below", s.Below)
		v.text("method", s.Method)
		m.add("scan", v.Node)
	}
	if s := q.SBOM; s != nil {
		v := w.block()
		v.texts("minimum", s.Minimum)
		v.boolean("buildInfo", s.BuildInfo)
		v.duration("minAge", s.MinAge)
		v.duration("maxAge", s.MaxAge)
		m.add("sbom", v.Node)
	}
	m.texts("properties", q.Properties)
	return m.Node
}

// signatory returns how the file names id.
func (w *writer) signatory(id verify.Identity) (Signatory, bool) {
	if id == nil {
		w.fail("an identity is nobody")
		return Signatory{}, false
	}
	s, err := w.name(id)
	kinds := 0
	for _, name := range []string{s.Key, s.Builder, s.Subject} {
		if name != "" {
			kinds++
		}
	}
	switch {
	case err != nil:
		w.fail("%s: %w", id, err)
	case kinds != 1:
		w.fail("%s has no name, or several", id)
	default:
		return s, true
	}
	return s, false
}

func (w *writer) key(s Signatory) *yaml.Node {
	if s.From.IsZero() && s.Until.IsZero() {
		return w.scalar("the name of a key", s.Key)
	}
	m := w.flow()
	m.text("name", s.Key)
	m.time("from", s.From)
	m.time("until", s.Until)
	return m.Node
}

func (w *writer) keyless(s Signatory) *yaml.Node {
	m := w.block()
	m.text("issuer", s.Issuer)
	m.text("builder", s.Builder)
	m.refs("refs", s.Refs)
	m.text("subject", s.Subject)
	m.time("from", s.From)
	m.time("until", s.Until)
	return m.Node
}

func (w *writer) parameter(at string, q verify.Parameter) *yaml.Node {
	if q.Any {
		if len(q.OneOf) > 0 {
			w.fail("parameter %.100q has any and values", at)
		}
		return plain("any")
	}
	one := func(v any) *yaml.Node {
		n, err := w.value(v, 0)
		if err != nil {
			w.fail("parameter %.100q: %w", at, err)
			return plain("null")
		}
		return n
	}
	if len(q.OneOf) == 1 {
		// An object is a map of its own.
		if m, ok := q.OneOf[0].(map[string]any); !ok || len(m) > 0 {
			return one(q.OneOf[0])
		}
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, v := range q.OneOf {
		list.Content = append(list.Content, one(v))
	}
	m := w.flow()
	m.add("oneOf", list)
	return m.Node
}

// value returns a JSON value as YAML.
func (w *writer) value(v any, depth int) (*yaml.Node, error) {
	switch v := v.(type) {
	case string:
		n := w.string(v)
		if v == "any" { // which is a word there
			n.Style = yaml.DoubleQuotedStyle
		}
		return n, nil
	case []any:
		list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, e := range v {
			n, err := w.value(e, depth+1)
			if err != nil {
				return nil, err
			}
			list.Content = append(list.Content, n)
		}
		return list, nil
	case map[string]any:
		if depth == 0 && len(v) > 0 {
			return nil, errors.New("a value that is an object with members")
		}
		m := w.flow()
		for _, name := range slices.Sorted(maps.Keys(v)) {
			n, err := w.value(v[name], depth+1)
			if err != nil {
				return nil, err
			}
			m.Content = append(m.Content, w.string(name), n)
		}
		return m.Node, nil
	}
	text, err := strictjson.Append(nil, v)
	if err != nil {
		return nil, err
	}
	return plain(string(text)), nil
}

// scalar returns a string that must not be empty.
func (w *writer) scalar(what, s string) *yaml.Node {
	if s == "" {
		w.fail("%s is empty", what)
	}
	return w.string(s)
}

// string returns a string, in quotation marks where it has to be.
func (w *writer) string(s string) *yaml.Node {
	if !utf8.ValidString(s) {
		w.fail("%.100q is not UTF-8", s)
		s = "" // which YAML can write
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if s == "<<" || strings.ContainsAny(s, "\n\r\u0085\u2028\u2029") {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// plain returns what is not a string.
func plain(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

// fields is a map that is written. A member that is zero is left out.
type fields struct {
	*yaml.Node
	w *writer
}

func (w *writer) block() fields { return fields{&yaml.Node{Kind: yaml.MappingNode}, w} }

func (w *writer) flow() fields {
	return fields{&yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}, w}
}

func (m fields) add(name string, v *yaml.Node) {
	m.Content = append(m.Content, m.w.scalar("a name", name), v)
}

func (m fields) filled(name string, v fields) {
	if len(v.Content) > 0 {
		m.add(name, v.Node)
	}
}

func (m fields) elements(name string, n int, element func(i int) *yaml.Node) {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range n {
		list.Content = append(list.Content, element(i))
	}
	if n > 0 {
		m.add(name, list)
	}
}

func (m fields) text(name, s string) {
	if s != "" {
		m.add(name, m.w.scalar(name, s))
	}
}

func (m fields) texts(name string, all []string) {
	list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, s := range all {
		list.Content = append(list.Content, m.w.scalar("one of "+name, s))
	}
	if len(all) > 0 {
		m.add(name, list)
	}
}

func (m fields) boolean(name string, b bool) {
	if b {
		m.add(name, plain("true"))
	}
}

func (m fields) number(name string, n int) {
	if n != 0 {
		m.add(name, plain(strconv.Itoa(n)))
	}
}

func (m fields) digest(name string, d hallmark.Digest) {
	if !d.IsZero() {
		m.add(name, m.w.string(d.String()))
	}
}

func (m fields) commit(name string, d hallmark.Digest) {
	if d.IsZero() {
		return
	}
	if d.Algorithm() != "gitCommit" {
		m.w.fail("%s is a %s, want a gitCommit", name, d.Algorithm())
	}
	m.add(name, m.w.string(d.Hex()))
}

func (m fields) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	t = t.UTC()
	text := t.Format(time.RFC3339)
	if back, err := time.Parse(time.RFC3339, text); err != nil || !back.Equal(t) {
		m.w.fail("%s is %s, which is not a second of a year with four digits", name, t)
	}
	if day, ok := strings.CutSuffix(text, "T00:00:00Z"); ok {
		text = day
	}
	m.add(name, plain(text))
}

func (m fields) duration(name string, d time.Duration) {
	switch hours := int64(d / time.Hour); {
	case d == 0:
	case d < 0 || d%time.Hour != 0:
		m.w.fail("%s is %s, want a number of hours", name, d)
	case hours%24 == 0:
		m.add(name, plain(fmt.Sprintf("%dd", hours/24)))
	default:
		m.add(name, plain(fmt.Sprintf("%dh", hours)))
	}
}

func (m fields) refs(name string, r verify.Refs) {
	v := m.w.flow()
	v.boolean("releases", r.Releases)
	v.text("versions", r.Versions)
	v.texts("branches", r.Branches)
	v.texts("tags", r.Tags)
	v.boolean("any", r.Any)
	m.filled(name, v)
}

// refsText is equal for equal refs.
func refsText(r verify.Refs) string {
	return fmt.Sprintf("%q %q %t %q %t", r.Branches, r.Tags, r.Releases, r.Versions, r.Any)
}

// signatories writes those of whom threshold must have signed, each kind in a list of
// its own.
func (m fields) signatories(all []verify.Identity, threshold int) {
	lists := make(map[string]*yaml.Node)
	var order []string // of the first of each kind
	for _, id := range all {
		s, ok := m.w.signatory(id)
		if !ok {
			continue
		}
		name, n := "workflows", (*yaml.Node)(nil)
		switch {
		case s.Key != "":
			name, n = "keys", m.w.key(s)
		case s.Subject != "":
			name, n = "accounts", m.w.keyless(s)
		default:
			n = m.w.keyless(s)
		}
		if lists[name] == nil {
			lists[name] = &yaml.Node{Kind: yaml.SequenceNode}
			order = append(order, name)
		}
		lists[name].Content = append(lists[name].Content, n)
	}
	for _, name := range order {
		if name == "keys" {
			lists[name].Style = yaml.FlowStyle
		}
		m.add(name, lists[name])
	}
	m.number("threshold", threshold)
}
