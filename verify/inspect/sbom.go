package inspect

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/sbom/minimum"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
	"github.com/hallmark-dev/hallmark/verify"
)

// A document is an SBOM that was read. It is not changed.
type document struct {
	*sbom.Document
	stamp  sbom.Stamp
	format sbom.Format
	err    error // why it is none
	size   int64 // in the predicate
}

// isSBOM reports whether a predicate type is one of an SBOM in a format that is read, of
// whatever version.
func isSBOM(predicateType string) bool {
	for _, t := range []string{provenance.CycloneDXType, provenance.SPDXType} {
		if predicateType == t || strings.HasPrefix(predicateType, t+"/v") {
			return true
		}
	}
	return false
}

// sbom returns what is in s. That it cannot be read is in the document: it never will be.
func (i *Inspector) sbom(ctx context.Context, s *provenance.Statement) (*document, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", s.PredicateType)
	h.Write(s.Predicate)
	return i.sboms.get(ctx, string(h.Sum(nil)), func() (*document, error) {
		d := &document{size: int64(len(s.Predicate))}
		b, err := provenance.ParseSBOM(s)
		if err != nil {
			d.err = err
			return d, nil
		}
		if b.Format == provenance.CycloneDX {
			d.format = sbom.Format{Name: sbom.CycloneDX, Version: b.Version}
			d.Document, d.stamp, d.err = cyclonedx.Parse(b.Document)
		} else {
			d.format = sbom.Format{Name: sbom.SPDX, Version: b.Version}
			d.Document, d.stamp, d.err = spdx.Parse(b.Document)
		}
		return d, nil
	})
}

// minimum tells which fields of a profile are satisfied.
func (i *Inspector) minimum(_ context.Context, _ hallmark.Artifact, d *document, q verify.Question) ([]verify.Finding, error) {
	profile, ok := minimum.Lookup(q.Profile)
	if !ok {
		var names []string
		for _, p := range minimum.Profiles() {
			names = append(names, p.Name)
		}
		return unproven(q.Profile, "no profile has this name", strings.Join(names, ", ")), nil
	}
	var findings []verify.Finding
	for _, r := range profile.Check(minimum.Subject{Document: d.Document, Stamp: d.stamp, Format: d.format, Signed: true}).Results {
		if r.Field.Level != minimum.Required {
			continue
		}
		f := verify.Finding{Item: profile.Name + ": " + r.Field.Name, Outcome: verify.Passed, Got: "it has it", Want: r.Field.Definition}
		if !r.Satisfied {
			f.Outcome, f.Got = verify.Failed, shortcomings(r)
		}
		findings = append(findings, f)
	}
	return findings, nil
}

// shortcomings says what r lacks, and where first.
func shortcomings(r minimum.Result) string {
	var short []minimum.Finding
	for _, f := range r.Findings {
		if f.Status == minimum.Missing || f.Status == minimum.Unknown && !r.Field.Unknown || f.Status == minimum.Withheld && !r.Field.Withheld {
			short = append(short, f)
		}
	}
	first := short[0]
	text := string(first.Status)
	if r.Field.Component {
		text = fmt.Sprintf("%s in %s", text, first.Ref)
	}
	if first.Detail != "" {
		text += ": " + first.Detail
	}
	if n := len(short) - 1; n > 0 {
		text += fmt.Sprintf("; and in %d more of %d components", n, r.Present+r.Unknown+r.Withheld+r.Missing)
	}
	return text
}

// version holds the version of the main component against the one that is asked for.
func (i *Inspector) version(_ context.Context, _ hallmark.Artifact, d *document, q verify.Question) ([]verify.Finding, error) {
	const item = "main component"
	got := d.Main.Version
	switch {
	case got == "":
		return unproven(item, "the SBOM does not say which version it is of", q.Version), nil
	case !strings.HasPrefix(d.Main.PURL, "pkg:golang/") && "v"+got == q.Version:
		got = q.Version
	}
	return equal(item, got, q.Version), nil
}

// ages tells how old the releases of dependencies are.
func (i *Inspector) ages(ctx context.Context, _ hallmark.Artifact, d *document, q verify.Question) ([]verify.Finding, error) {
	var want []string
	if q.MinAge > 0 {
		want = append(want, "released at least "+days(q.MinAge)+" ago")
	}
	if q.MaxAge > 0 {
		want = append(want, "released at most "+days(q.MaxAge)+" ago")
	}
	switch {
	case want == nil:
		return passed("", "any age is allowed", "any age"), nil
	case q.Now.IsZero():
		return unproven("", "it is not known what time it is", strings.Join(want, " and ")), nil
	}
	f := verify.Finding{Want: strings.Join(want, " and ")}
	var findings []verify.Finding
	n, all := 0, 0
	for c := range dependencies(d.Document) {
		all++
		when, err := i.released(ctx, c)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("inspect: %w", context.Cause(ctx))
		}
		if err != nil {
			return nil, fmt.Errorf("inspect: release of %s: %w", cmp.Or(c.PURL, c.Ref), err)
		}
		f.Item, f.Outcome, f.Got = cmp.Or(c.PURL, c.Ref), verify.Failed, "released "+when.UTC().Format(time.RFC3339)
		switch age := q.Now.Sub(when); {
		case when.IsZero():
			f.Outcome, f.Got = verify.Unproven, "nobody says when it was released"
		case age < 0:
			f.Got += ", after the policy is asked"
		case q.MinAge > 0 && age < q.MinAge, q.MaxAge > 0 && age > q.MaxAge:
		default:
			n++
			continue
		}
		findings = append(findings, f)
	}
	if n > 0 || findings == nil {
		f.Item, f.Outcome, f.Got = "", verify.Passed, fmt.Sprintf("%d of %d dependencies", n, all)
		findings = append(findings, f)
	}
	return findings, nil
}

// days writes a time for people.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == day:
		return "1 day"
	case d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}

// dependencies yields the components whose releases have an age.
func dependencies(d *sbom.Document) iter.Seq[*sbom.Component] {
	return func(yield func(*sbom.Component) bool) {
		for k := range d.Components {
			c := &d.Components[k]
			if !inArtifact(c) || c.Type == sbom.FileType || isStdlib(c) {
				continue
			}
			if !yield(c) {
				return
			}
		}
	}
}

// inArtifact reports whether c is part of the artifact, or may be.
func inArtifact(c *sbom.Component) bool {
	return c.Scope == sbom.Runtime || c.Scope == sbom.Optional || c.Scope == sbom.Unscoped
}

func isStdlib(c *sbom.Component) bool {
	path, _, _, ok := module(c)
	return ok && isStdlibPath(path)
}

// isStdlibPath reports whether a package URL with this path is one that tools have for
// the standard library. No module has such a path.
func isStdlibPath(path string) bool { return path == "stdlib" || path == "std" }

// module returns the path and the version of the Go module that c is, by its package
// URL: that is what databases know it by, whatever its name is. A subpath is a package in
// the module, or the end of the module's path, which some tools take for one. outer is
// the path without it.
func module(c *sbom.Component) (path, outer, version string, ok bool) {
	if !strings.HasPrefix(c.PURL, "pkg:golang/") {
		return "", "", "", false
	}
	p, err := purl.Parse(c.PURL)
	if err != nil {
		return "", "", "", false
	}
	outer = strings.TrimPrefix(p.Namespace+"/"+p.Name, "/")
	path = strings.TrimSuffix(outer+"/"+p.Subpath, "/")
	return path, outer, cmp.Or(p.Version, c.Version), true
}

// released returns when c was released, or the zero time if nobody says.
func (i *Inspector) released(ctx context.Context, c *sbom.Component) (time.Time, error) {
	if i.o.Released != nil {
		when, err := i.o.Released(ctx, c)
		if err != nil || !when.IsZero() {
			return when, err
		}
	}
	when, err := time.Parse(time.RFC3339, property(c.Properties, "released"))
	if err != nil {
		return time.Time{}, nil
	}
	return when, nil
}

// modules holds the modules of an SBOM against those of the artifact.
func (i *Inspector) modules(ctx context.Context, a hallmark.Artifact, d *document, _ verify.Question) ([]verify.Finding, error) {
	p, err := i.program(ctx, a)
	if err != nil {
		return nil, err
	}
	if p.doc == nil {
		return unproven("", p.why, "the modules of the artifact"), nil
	}
	var findings []verify.Finding
	for _, has := range d.Main.Digests {
		if want := a.Digest(has.Algorithm()); has.Secure() && !want.IsZero() && has != want {
			findings = append(findings, failed("main component: digest", has.String(), want.String())...)
		}
	}
	for _, f := range differences(gomod.Reconcile(asSource(d.Document, p.doc), p.doc)) {
		item := f.What
		if f.Target != "" {
			item = strings.TrimSuffix("target "+f.Target+": "+item, ": ")
		}
		got, want := cmp.Or(f.Source, "not in the SBOM"), cmp.Or(f.Binary, "not in the artifact")
		findings = append(findings, failed(item, got, want)...)
	}
	if findings == nil {
		n := 0
		for _, c := range p.doc.Components {
			if c.Scope == sbom.Runtime && !isStdlib(&c) {
				n++
			}
		}
		return passed("", fmt.Sprintf("the %d modules of the artifact", n), "the modules of the artifact"), nil
	}
	return findings, nil
}

// differences returns what Reconcile has found. What is none of its differences is
// one all the same.
func differences(err error) []*gomod.Difference {
	if err == nil {
		return nil
	}
	if joined, ok := errors.Unwrap(err).(interface{ Unwrap() []error }); ok {
		var all []*gomod.Difference
		for _, e := range joined.Unwrap() {
			d, ok := errors.AsType[*gomod.Difference](e)
			if !ok {
				d = &gomod.Difference{What: "difference", Source: e.Error()}
			}
			all = append(all, d)
		}
		return all
	}
	return []*gomod.Difference{{What: "difference", Source: err.Error()}}
}

// asSource returns d as the Document of sources that Reconcile holds against one
// of a binary.
func asSource(d, binary *sbom.Document) *sbom.Document {
	c := *d
	c.Phase = sbom.Built
	if len(values(d, "GoVersion")) > 0 { // one of sbom/gomod
		return &c
	}

	// What documents of others do not tell, they get from the binary, and then it is
	// equal: settings, sums, the standard library.
	c.Properties, c.Targets, c.Components = binary.Properties, binary.Targets, nil
	known, knownFold := make(map[string]*sbom.Component), make(map[string]*sbom.Component)
	for k := range binary.Components {
		b := &binary.Components[k]
		if path, _, _, ok := module(b); ok && b.Scope == sbom.Runtime {
			known[path], knownFold[strings.ToLower(path)] = b, b
		}
	}
	// as returns the component of others as one that Reconcile understands.
	as := func(other *sbom.Component, path, version string, like *sbom.Component) sbom.Component {
		// Other digests than sums are of files that nothing here knows.
		one := sbom.Component{Ref: other.Ref, Name: path, Version: version, Scope: sbom.Runtime, Replaces: other.Replaces, Digests: sumsOf(other.Digests)}
		if like != nil {
			one.Name, one.Properties = like.Name, like.Properties
			one.Replaces = cmp.Or(one.Replaces, like.Replaces)
			if "v"+version == like.Version || isStdlibPath(path) && strings.TrimLeft(version, "gov") == like.Version {
				one.Version = like.Version
			}
			if len(one.Digests) == 0 {
				one.Digests = like.Digests
			}
		}
		one.PURL = gomod.PURL(one.Name, one.Version)
		return one
	}
	c.Main = binary.Main
	seen := make(map[string]bool)
	stdlib := false
	for k, other := range d.All() {
		path, outer, version, ok := module(other)
		if !ok || k > 0 && !inArtifact(other) {
			continue
		}
		if known[path] == nil && (known[outer] != nil || k == 0 && outer == binary.Main.Name) {
			path = outer
		}
		if isStdlibPath(path) {
			path = "stdlib"
		}
		like := cmp.Or(known[path], knownFold[strings.ToLower(path)])
		one := as(other, path, version, like)
		switch {
		case k == 0 || path == binary.Main.Name:
			switch {
			case version == "(devel)":
				version = ""
			case "v"+version == binary.Main.Version:
				version = binary.Main.Version
			}
			c.Main.Name, c.Main.Version = path, version
			continue
		case like == nil && other.Scope == sbom.Optional: // it is not part of the artifact
			continue
		case path == "stdlib":
			stdlib = true
		}
		if key := one.PURL; !seen[key] { // some list a module for each place where they found it
			seen[key] = true
			c.Components = append(c.Components, one)
		}
	}
	if std := known["stdlib"]; !stdlib && std != nil {
		c.Components = append(c.Components, *std)
	}
	return &c
}

// sumsOf returns those of digests that are sums of modules.
func sumsOf(digests []hallmark.Digest) []hallmark.Digest {
	return slices.DeleteFunc(slices.Clone(digests), func(d hallmark.Digest) bool { return d.H1() == "" })
}

// property returns the first value of a property, or "".
func property(ps []sbom.Property, name string) string {
	for _, p := range ps {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// values returns the values of a property of d, also those for some of its targets.
func values(d *sbom.Document, name string) []string {
	var all []string
	add := func(ps []sbom.Property) {
		for _, p := range ps {
			if p.Name == name && !slices.Contains(all, p.Value) {
				all = append(all, p.Value)
			}
		}
	}
	add(d.Properties)
	for _, t := range d.Targets {
		add(t.Properties)
	}
	return all
}
