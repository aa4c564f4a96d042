package inspect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	xmodule "golang.org/x/mod/module"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/git"
	"github.com/hallmark-dev/hallmark/provenance/gobuild"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/verify"
)

// programVersion holds the version that the artifact says it has against the one that is
// asked for.
func (i *Inspector) programVersion(ctx context.Context, a hallmark.Artifact, _ *provenance.Build, q verify.Question) ([]verify.Finding, error) {
	const item = "build info"
	p, err := i.program(ctx, a)
	switch {
	case err != nil:
		return nil, err
	case p.doc == nil:
		return unproven(item, p.why, q.Version), nil
	case p.doc.Main.Version == "":
		return unproven(item, "the artifact does not say which version it is", q.Version), nil
	}
	return equal(item, p.doc.Main.Version, q.Version), nil
}

// build holds provenance against what the artifact says of itself: Got is what the
// provenance has, and Want what the artifact has.
func (i *Inspector) build(ctx context.Context, a hallmark.Artifact, b *provenance.Build, _ verify.Question) ([]verify.Finding, error) {
	p, err := i.program(ctx, a)
	if err != nil {
		return nil, err
	}
	if p.doc == nil {
		return unproven("", p.why, "what the provenance says of the artifact"), nil
	}
	says := func(name string) string { return strings.Join(values(p.doc, name), ", ") }
	source, _ := b.Source()
	commit := source.Commit.Hex()

	var findings []verify.Finding
	add := func(f []verify.Finding) { findings = append(findings, f...) }
	stamp := says("vcs.revision")
	switch {
	case stamp == "":
		add(unproven("commit", "the artifact was not stamped with a commit", commit))
	case commit == "":
		add(unproven("commit", "the provenance names no commit", stamp))
	default:
		if system := says("vcs"); system != "git" {
			stamp = system + " " + stamp
		}
		add(equal("commit", commit, stamp))
		add(equal("modified", fmt.Sprint(source.Modified), says("vcs.modified")))
	}
	// A pseudo-version has the beginning of a commit in it.
	version, _ := strings.CutSuffix(p.doc.Main.Version, "+dirty")
	if rev, err := xmodule.PseudoVersionRev(version); err == nil && commit != "" {
		f := equal("module version", commit[:min(len(rev), len(commit))], rev)
		f[0].Got, f[0].Want = commit, "the commit of "+version
		add(f)
	}
	add(dependenciesOf(b, p.doc))

	for _, d := range b.Byproducts {
		if d.Name != gobuild.RecipeName || len(d.Content) == 0 {
			continue
		}
		r, err := gobuild.ParseRecipe(d.Content)
		if err != nil {
			add(failed("recipe", err.Error(), "a recipe"))
			continue
		}
		add(equal("program", r.Package, says("Path")))
		if r.Module != "" {
			add(equal("main module", r.Module, p.doc.Main.Name))
		}
		if r.Go != "" {
			add(equal("toolchain", r.Go, says("GoVersion")))
		}
		add(settings(r.Settings, p.doc))
	}
	return findings, nil
}

// dependenciesOf holds the Go modules that b lists, if it lists any, against those
// that are linked.
func dependenciesOf(b *provenance.Build, doc *sbom.Document) (findings []verify.Finding) {
	sums := make(map[string]string) // by path@version; empty if it has none
	stdlib := ""
	for _, d := range b.Dependencies {
		p, err := purl.Parse(d.URI)
		if err != nil || p.Type != "golang" || p.Version == "" {
			continue
		}
		path, _, version, _ := module(&sbom.Component{PURL: d.URI})
		if isStdlibPath(path) {
			stdlib = version
			continue
		}
		sums[path+"@"+version] = d.Digest["dirHash"]
	}
	n := 0
	for k := range doc.Components {
		c := &doc.Components[k]
		path, _, version, ok := module(c)
		switch {
		case !ok || c.Scope != sbom.Runtime || version == "":
		case isStdlibPath(path):
			if stdlib != "" {
				findings = append(findings, equal("toolchain", stdlib, version)...)
			}
		case len(sums) == 0:
		default:
			sum, listed := sums[path+"@"+version]
			h1 := ""
			if len(c.Digests) > 0 {
				h1 = c.Digests[0].Hex()
			}
			switch {
			case !listed:
				findings = append(findings, failed(c.PURL, "not in the provenance", "a dependency")...)
			case sum != "" && h1 != "" && sum != h1:
				findings = append(findings, failed(c.PURL, "dirHash:"+sum, "dirHash:"+h1)...)
			default:
				n++
			}
		}
	}
	if n > 0 {
		findings = append(findings, passed("modules", fmt.Sprintf("%d modules of the artifact", n), "the modules of the artifact")...)
	}
	return findings
}

// settings holds those of a recipe against those of the artifact, both ways.
func settings(recipe map[string]string, doc *sbom.Document) (findings []verify.Finding) {
	if len(recipe) == 0 {
		return nil
	}
	has := make(map[string]string)
	all := maps.Clone(recipe)
	for _, p := range doc.Properties {
		// The others are not settings, or told by the source.
		switch p.Name {
		case "GoVersion", "Path", "versionFrom", "withheld", "vcs", "vcs.revision", "vcs.time", "vcs.modified":
			continue
		}
		has[p.Name], all[p.Name] = p.Value, p.Value
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if recipe[name] != has[name] {
			findings = append(findings, failed("setting "+name, cmp.Or(recipe[name], "none"), cmp.Or(has[name], "none"))...)
		}
	}
	if findings == nil {
		return passed("settings", fmt.Sprintf("%d settings", len(all)), "the settings of the artifact")
	}
	return findings
}

// signature tells what became of the signature of the commit.
func (i *Inspector) signature(ctx context.Context, _ hallmark.Artifact, b *provenance.Build, _ verify.Question) ([]verify.Finding, error) {
	const want = "a signature of the commit by somebody who is trusted for it"
	source, _ := b.Source()
	switch {
	case source.Commit.IsZero():
		return unproven("", "the provenance names no commit", want), nil
	case source.Modified:
		return unproven("", "files were modified after "+source.Commit.String(), want), nil
	case i.o.Signature == nil:
		return unproven("", "the signatures of commits are not at hand", want), nil
	}
	sig, err := i.o.Signature(ctx, source)
	switch {
	case err != nil:
		return nil, fmt.Errorf("inspect: signature of %s: %w", source.Commit, err)
	case sig == nil:
		return unproven("", "nothing is known of the signature of "+source.Commit.String(), want), nil
	case sig.Status == git.Good:
		return passed("", fmt.Sprintf("%s is signed by %s with %s", source.Commit, sig.Signer, sig.Key), want), nil
	}
	got := "the signature of " + source.Commit.String() + ": " + sig.Status.String()
	if sig.Why != "" {
		got += ": " + sig.Why
	}
	if sig.Status == git.Unknown {
		return unproven("", got, want), nil
	}
	return failed("", got, want), nil
}

// Checkout returns a function for [Options] that has git verify the signature of
// the commit that is checked out in c, as [git.Checkout.VerifyCommit] does: it is good if
// it is by one of signers. Of other commits nothing is known. Which repository they are
// in does not matter: a commit is the same in all.
func Checkout(c *git.Checkout, signers git.Signers, getenv func(string) string) func(context.Context, provenance.Source) (*git.Signature, error) {
	return func(ctx context.Context, s provenance.Source) (*git.Signature, error) {
		if s.Commit != c.Commit {
			return &git.Signature{Status: git.Unknown, Why: fmt.Sprintf("%s is checked out", c.Commit)}, nil
		}
		return c.VerifyCommit(ctx, signers, getenv)
	}
}
