package gobuild

import (
	"bytes"
	"cmp"
	"context"
	debuginfo "debug/buildinfo"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/module"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/buildinfo"
	"github.com/hallmark-dev/hallmark/internal/command"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/git"
)

// Names of the links of a [Binding].
const (
	ArtifactDigest  = "artifact digest"  // the file and the digest that it should have
	Program         = "program"          // main package: build information and source
	MainModule      = "main module"      // path of the main module: build information and source
	ModuleVersion   = "module version"   // of the main module: build information and what the tags make of HEAD
	Commit          = "commit"           // build information and checkout
	Modified        = "modified"         // build information and checkout
	CommitTime      = "commit time"      // build information and checkout
	Toolchain       = "toolchain"        // Go version: build information and the go command
	BuildSettings   = "settings"         // build information and the go command's environment and flags
	Modules         = "modules"          // linked modules and their sums: build information and source
	SourceFiles     = "source"           // every compiled file and the commit
	ClaimCommit     = "claim commit"     // the Build's source and the checkout
	ClaimRepository = "claim repository" // the Build's source and the checkout
	ClaimRef        = "claim ref"        // the Build's source and the checkout
	WorkflowFile    = "workflow"         // the workflow's file and the commit that it ran at
)

// A Status is what came of a link.
type Status int

const (
	Unlinked   Status = iota // unknown: one side does not say
	Matched                  // both sides say the same
	Mismatched               // they contradict each other
)

func (s Status) String() string {
	switch s {
	case Matched:
		return "match"
	case Mismatched:
		return "mismatch"
	}
	return "unknown"
}

// A Link holds two sides against each other that tell of one fact.
type Link struct {
	Name      string
	Status    Status
	Got, Want string              // what the first side says, and the second; empty if it does not
	Evidence  provenance.Evidence // how Got became known
	Why       string              // of what is unknown, and what there is to say else
}

func (l Link) String() string {
	text := l.Name + ": " + l.Status.String()
	switch {
	case l.Status == Mismatched:
		text += fmt.Sprintf(": got %s, want %s", cmp.Or(l.Got, "nothing"), cmp.Or(l.Want, "nothing"))
	case l.Status == Matched && l.Got != "":
		text += ": " + l.Got
	}
	if l.Why != "" {
		text += " (" + l.Why + ")"
	}
	if l.Status != Unlinked {
		text += ", by " + l.Evidence.String()
	}
	return text
}

// A MismatchError says which links of a binding contradict each other: the
// artifact is not what the Build says of it. There is at least one.
type MismatchError struct {
	Links   []Link
	Binding *Binding // all links, if [Bind] made it
}

func (e *MismatchError) Error() string {
	var texts []string
	for _, l := range e.Links {
		texts = append(texts, l.String())
	}
	return "gobuild: " + strings.Join(texts, "; ")
}

// Parts are what [Bind] holds against each other. What is not given is unknown.
type Parts struct {
	// Getenv returns variables of the environment, usually os.Getenv. Required.
	Getenv func(string) string

	// Artifact is what the file should be, if that is known: its digests.
	Artifact hallmark.Artifact

	// Source is the proof, made before the build, of the packages that were
	// built.
	Source *SourceProof

	// Checkout is what [git.Inspect] found before the build. Without it the
	// directory of Source is inspected now: with what the build left there.
	Checkout *git.Checkout

	// Build is what was observed, with the evidence for it.
	Build *provenance.Build

	// Workflow is the file that defines the job, if there is one.
	Workflow Workflow
}

// A Workflow is the file that a platform read the job from.
type Workflow struct {
	Path     string              // slash-separated, in the repository of the checkout; "" if there is none
	Commit   hallmark.Digest     // the gitCommit that it was read at: the claim workflow_sha
	Blob     hallmark.Digest     // gitBlob that it should have, or zero
	Evidence provenance.Evidence // how Commit became known
}

// A Binding ties an artifact to its build information, to the checkout, to the
// proof of its source and to what the platform says, link by link.
type Binding struct {
	Artifact hallmark.Artifact // with its SHA-256
	Info     *debug.BuildInfo  // what the artifact says of itself
	Links    []Link            // in the order of the constants

	source   *SourceProof
	workflow provenance.ResourceDescriptor
}

// Link returns the link of a name; its zero value, which is unknown, if there is
// none.
func (b *Binding) Link(name string) Link {
	for _, l := range b.Links {
		if l.Name == name {
			return l
		}
	}
	return Link{Name: name}
}

// String lists the links, one per line.
func (b *Binding) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s\n", b.Artifact.Name, b.Artifact.Digest("sha256"))
	for _, l := range b.Links {
		fmt.Fprintf(&text, "  %s\n", l)
	}
	return text.String()
}

// mismatches returns a [*MismatchError] if there are any.
func (b *Binding) mismatches() error {
	e := &MismatchError{Binding: b}
	for _, l := range b.Links {
		if l.Status == Mismatched {
			e.Links = append(e.Links, l)
		}
	}
	if e.Links == nil {
		return nil
	}
	return e
}

// Bind reads the Go binary in file and holds it against p. It is an error if the
// file has no build information, and a [*MismatchError], which has the Binding,
// if any two sides contradict each other. What one side does not tell is unknown
// and is never taken for agreement: a binary without a commit has an unknown
// link, and so has one whose source was not proved.
//
// What a binary says of itself, whoever has it can change; so that a match with
// the evidence "binary" shows no more than that nothing contradicts. What ties the
// artifact to the source is to build it again: see [Rebuild].
func Bind(ctx context.Context, file string, p Parts) (*Binding, error) {
	if p.Getenv == nil {
		return nil, errors.New("gobuild: no getenv")
	}
	artifact, err := hallmark.HashFile(file)
	if err != nil {
		return nil, fmt.Errorf("gobuild: %w", err)
	}
	data, err := debuginfo.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("gobuild: %s has no build information: %w", filepath.Base(file), err)
	}
	again, err := hallmark.HashFile(file)
	if err != nil {
		return nil, fmt.Errorf("gobuild: %w", err)
	}
	if !slices.Equal(artifact.Digests, again.Digests) {
		return nil, fmt.Errorf("gobuild: %s changed while it was read", filepath.Base(file))
	}
	b := &Binding{Artifact: artifact, Info: data, source: p.Source}
	checkout := p.Checkout
	var stamp *git.Module
	var stampWhy string
	if p.Source != nil {
		if checkout == nil {
			if checkout, err = git.Inspect(ctx, cmp.Or(moduleDir(p.Source), p.Source.dir), p.Getenv); err != nil {
				return nil, fmt.Errorf("gobuild: %w", err)
			}
		}
		if checkout.Commit != p.Source.Commit {
			return nil, fmt.Errorf("gobuild: the source was proved at commit %s, and %s is checked out", p.Source.Commit.Hex(), checkout.Commit.Hex())
		}
		if stamp, err = git.InspectModule(ctx, p.Source.dir, p.Getenv); err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			stampWhy = "git does not tell it"
		}
	}

	if len(p.Artifact.Digests) > 0 {
		l := Link{Name: ArtifactDigest, Got: artifact.Digest("sha256").String(), Want: p.Artifact.Digest("sha256").String(), Evidence: provenance.Binary}
		b.add(l, "the expected artifact has no SHA-256")
	}
	b.bindInfo(p.Source, stamp, stampWhy, checkout)
	b.bindSource(p.Source)
	b.bindClaims(p.Build, checkout)
	if p.Workflow.Path != "" {
		if err := b.bindWorkflow(ctx, p, checkout); err != nil {
			return nil, err
		}
	}
	if err := b.mismatches(); err != nil {
		return nil, err
	}
	return b, nil
}

func moduleDir(p *SourceProof) string {
	if p.Dir == "" {
		return ""
	}
	return filepath.Join(p.top, filepath.FromSlash(p.Dir))
}

// add adds a link whose status follows from its sides. why says what is missing.
func (b *Binding) add(l Link, why string) {
	switch {
	case l.Status != Unlinked:
	case l.Got == "" || l.Want == "":
		l.Why = cmp.Or(l.Why, why)
	case l.Got == l.Want:
		l.Status = Matched
	default:
		l.Status = Mismatched
	}
	b.Links = append(b.Links, l)
}

// allowed reports whether the source deviates from the commit, and may.
func (b *Binding) allowed() bool {
	return b.source != nil && b.source.o.AllowDirty && !b.source.Clean()
}

// bindInfo holds the build information against the source and the checkout.
func (b *Binding) bindInfo(p *SourceProof, stamp *git.Module, stampWhy string, checkout *git.Checkout) {
	const (
		noSource = "the source was not proved"
		noStamp  = "the binary has no stamp of a version control system"
	)
	info := b.Info
	settings := settingsOf(info)
	link := func(name, got string) Link {
		return Link{Name: name, Got: got, Evidence: provenance.Binary}
	}

	l := link(Program, info.Path)
	if p != nil {
		l.Want = strings.Join(p.Packages, " ")
		if slices.Contains(p.Packages, info.Path) {
			l.Want = info.Path
		}
	}
	b.add(l, noSource)

	l = link(MainModule, info.Main.Path)
	if p != nil {
		l.Want = p.ModulePath
	}
	if info.Main.Sum != "" {
		l.Status, l.Why = Mismatched, "it was built in the module cache, from "+info.Main.Version+", and not in the checkout"
	}
	b.add(l, noSource)

	l = link(ModuleVersion, info.Main.Version)
	if l.Got == "(devel)" {
		l.Got, l.Why = "", "the binary has no version of its module"
	}
	if stamp != nil {
		l.Want = stamp.Version
	}
	if rev, err := module.PseudoVersionRev(strings.TrimSuffix(info.Main.Version, "+dirty")); err == nil && checkout != nil {
		switch {
		case !strings.HasPrefix(checkout.Commit.Hex(), rev): // that of another repository
			l.Status, l.Want = Mismatched, "commit "+checkout.Commit.Hex()
		case p != nil && p.settings["GOPROXY"] == "off" && l.Got != l.Want && strings.HasSuffix(l.Got, "+dirty") == strings.HasSuffix(l.Want, "+dirty"):
			l.Want, l.Why = "", "with GOPROXY=off the go command takes a pseudo-version of the commit from the module cache"
		}
	}
	b.add(l, cmp.Or(stampWhy, "the checkout gives the module no version"))

	l = link(Commit, settings["vcs.revision"])
	if l.Got == "" {
		l.Why = noStamp
	}
	if system := settings["vcs"]; system != "" && system != "git" {
		l.Status, l.Got = Mismatched, system+" "+l.Got
	}
	if checkout != nil {
		l.Want = checkout.Commit.Hex()
	}
	b.add(l, "there is no checkout")

	l = link(Modified, settings["vcs.modified"])
	if l.Got == "" {
		l.Why = noStamp
	}
	if checkout != nil {
		l.Want = fmt.Sprint(len(checkout.Modified) > 0)
	}
	if l.Got == "false" && l.Want == "true" && b.allowed() {
		l.Want, l.Why = "", "the go command did not see that files were modified, which was allowed"
	}
	b.add(l, "there is no checkout")

	l = link(CommitTime, settings["vcs.time"])
	if l.Got == "" {
		l.Why = noStamp
	}
	if checkout != nil {
		l.Want = checkout.Time.UTC().Format(time.RFC3339)
	}
	b.add(l, "there is no checkout")

	l = link(Toolchain, info.GoVersion)
	if p != nil {
		l.Want = p.Go
		if r := buildinfo.Release(p.Go); r != "" && r == buildinfo.Release(l.Got) {
			l.Want = l.Got // but for the experiments, which are a setting
		}
	}
	b.add(l, noSource)

	l = link(BuildSettings, "")
	if p == nil {
		l.Why = noSource
	} else if len(settings) == 0 {
		l.Why = "the binary has no settings"
	} else {
		var got, want []string
		show := func(key, value string) string {
			if _, public := buildinfo.Setting(key, value); value != "" && !public {
				value = "a value that is not shown"
			}
			return key + "=" + value
		}
		for _, s := range p.expected() {
			if settings[s.Key] != s.Value {
				got, want = append(got, show(s.Key, settings[s.Key])), append(want, show(s.Key, s.Value))
			}
		}
		l.Got, l.Want, l.Status = strings.Join(got, " "), strings.Join(want, " "), Matched
		if got != nil {
			l.Status = Mismatched
		}
	}
	b.add(l, "")

	b.bindModules(p)
}

// expected returns the settings that a binary has if it was built as p says, as
// far as they follow from it.
func (p *SourceProof) expected() []debug.BuildSetting {
	var s []debug.BuildSetting
	add := func(key, value string) { s = append(s, debug.BuildSetting{Key: key, Value: value}) }
	if tags, ok := flag(p.flags, "tags"); ok {
		// The go command writes them with commas.
		add("-tags", strings.Join(strings.FieldsFunc(tags, func(r rune) bool { return r == ',' || r == ' ' }), ","))
	} else {
		add("-tags", "")
	}
	for _, name := range []string{"asan", "msan", "race", "trimpath"} {
		switch v, ok := flag(p.flags, name); {
		case ok && v != "false" && v != "0":
			add("-"+name, "true")
		default:
			add("-"+name, "")
		}
	}
	// Of several, the go command writes the last.
	for _, name := range []string{"asmflags", "gcflags"} {
		v, _ := flag(p.flags, name)
		add("-"+name, v)
	}
	add("CGO_ENABLED", p.settings["CGO_ENABLED"])
	add("GOARCH", p.settings["GOARCH"])
	add("GOEXPERIMENT", p.settings["GOEXPERIMENT"])
	if v := p.settings["GOFIPS140"]; v == "" || v == "off" { // else it is a version, which has other names
		add("GOFIPS140", "")
	}
	add("GOOS", p.settings["GOOS"])
	if name := archVariable(p.settings["GOARCH"]); name != "" {
		add(name, p.settings[name])
	}
	return s
}

// archVariable returns the name of the variable that says which machines of an
// architecture are meant.
func archVariable(goarch string) string {
	switch goarch {
	case "386", "amd64", "arm", "arm64", "riscv64", "wasm":
		return "GO" + strings.ToUpper(goarch)
	case "mips", "mipsle":
		return "GOMIPS"
	case "mips64", "mips64le":
		return "GOMIPS64"
	case "ppc64", "ppc64le":
		return "GOPPC64"
	}
	return ""
}

// bindModules holds the linked modules against those of the source.
func (b *Binding) bindModules(p *SourceProof) {
	l := Link{Name: Modules, Evidence: provenance.Binary}
	if p == nil {
		l.Why = "the source was not proved"
		b.Links = append(b.Links, l)
		return
	}
	has := make(map[string]hallmark.Digest)
	for _, m := range p.Modules {
		has[m.Path+"@"+m.Version] = m.Sum
	}
	vendored := slices.ContainsFunc(p.Files, func(f File) bool {
		return path.Base(path.Dir(f.Path)) == "vendor" && path.Base(f.Path) == "modules.txt"
	})
	var got, want []string
	linked := make(map[string]bool)
	unknown := 0
	for _, m := range b.Info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		if isDirectory(m) {
			continue // its files are among those of the source
		}
		key := m.Path + "@" + m.Version
		linked[key] = true
		sum, ok := has[key]
		switch {
		case !ok && vendored:
			unknown++ // its files are among those of the source
		case !ok:
			got, want = append(got, key), append(want, "no "+m.Path+"@"+m.Version)
		case m.Sum == "" || sum.IsZero():
			unknown++
		case m.Sum != sum.H1():
			got, want = append(got, key+" "+m.Sum), append(want, key+" "+sum.H1())
		}
	}
	if len(p.Packages) == 1 { // else another program can have it
		for _, m := range p.Modules {
			if key := m.Path + "@" + m.Version; !linked[key] {
				got, want = append(got, "no "+key), append(want, key)
			}
		}
	}
	short := func(texts []string) string {
		if len(texts) > maxShown {
			texts = append(texts[:maxShown:maxShown], "…")
		}
		return strings.Join(texts, ", ")
	}
	switch {
	case got != nil:
		l.Status, l.Got, l.Want = Mismatched, short(got), short(want)
	case unknown > 0 && vendored:
		l.Why = "vendored modules have no sums; their files are those of the source"
	case unknown > 0:
		l.Why = fmt.Sprintf("%d modules have no sum", unknown)
	default:
		l.Status, l.Got = Matched, fmt.Sprint(len(linked))
	}
	b.Links = append(b.Links, l)
}

// isDirectory reports whether a module of the build information is a directory
// of the building machine.
func isDirectory(m *debug.Module) bool {
	return m.Version == "" || m.Version == "(devel)" || m.Path == "" || strings.ContainsAny(m.Path, `:\`) || m.Path[0] == '.' || m.Path[0] == '/'
}

// bindSource says what became of the proof.
func (b *Binding) bindSource(p *SourceProof) {
	l := Link{Name: SourceFiles, Evidence: provenance.Git, Why: "the source was not proved"}
	if p != nil {
		l.Want, l.Why = p.Commit.Hex(), ""
		e, deviates := errors.AsType[*UnprovenError](p.check())
		known := deviates && (slices.ContainsFunc(e.Files, func(f File) bool { return f.Outcome != Unknown }) ||
			slices.ContainsFunc(e.Modules, func(m Module) bool { return m.Outcome != Unknown }))
		switch {
		case !deviates:
			l.Status, l.Got = Matched, l.Want
			n := 0
			for _, f := range p.Files {
				if f.Outcome == Declared {
					n++
				}
			}
			l.Why = fmt.Sprintf("%d files, %d of them declared as generated", len(p.Files), n)
		case known && p.o.AllowDirty:
			l.Why = fmt.Sprintf("%d files and %d modules deviate, which was allowed", len(e.Files), len(e.Modules))
		case known:
			l.Status = Mismatched
			var names []string
			for _, f := range e.Files {
				names = append(names, f.String())
			}
			for _, m := range e.Modules {
				names = append(names, m.String())
			}
			if len(names) > maxShown {
				names = append(names[:maxShown], "…")
			}
			l.Got = strings.Join(names, ", ")
		default:
			l.Why = fmt.Sprintf("%d files and %d modules cannot be compared", len(e.Files), len(e.Modules))
		}
	}
	b.Links = append(b.Links, l)
}

// bindClaims holds what the platform says against the checkout.
func (b *Binding) bindClaims(build *provenance.Build, checkout *git.Checkout) {
	var s provenance.Source
	evidence := func(string) provenance.Evidence { return provenance.NoEvidence }
	if build != nil {
		s, _ = build.Source()
		evidence = func(name string) provenance.Evidence { return build.Evidence[name] }
	}
	if checkout == nil {
		checkout = new(git.Checkout)
	}
	const why = "one of the Build and the checkout does not say"
	b.add(Link{Name: ClaimCommit, Got: s.Commit.Hex(), Want: checkout.Commit.Hex(), Evidence: evidence("source.commit")}, why)

	l := Link{Name: ClaimRepository, Got: s.Repository, Want: checkout.Repository, Evidence: evidence("source.repository")}
	// GitHub takes names in any case for the same.
	if strings.HasPrefix(l.Got, "https://github.com/") && strings.EqualFold(l.Got, l.Want) {
		l.Status = Matched
	}
	b.add(l, why)

	l = Link{Name: ClaimRef, Got: s.Ref, Want: checkout.Ref, Evidence: evidence("source.ref")}
	// A commit has many refs. Only that two branches are checked out at once
	// cannot be.
	branches := strings.HasPrefix(l.Got, "refs/heads/") && strings.HasPrefix(l.Want, "refs/heads/")
	if l.Got != l.Want && !branches {
		l.Why = cmp.Or(l.Why, fmt.Sprintf("the Build says %s, the checkout %s: a commit can have both", cmp.Or(l.Got, "none"), cmp.Or(l.Want, "none")))
		b.Links = append(b.Links, l)
		return
	}
	b.add(l, why)
}

// bindWorkflow looks for the file of the workflow.
func (b *Binding) bindWorkflow(ctx context.Context, p Parts, checkout *git.Checkout) error {
	w := p.Workflow
	l := Link{Name: WorkflowFile, Evidence: w.Evidence}
	if path.Clean(w.Path) != w.Path || path.IsAbs(w.Path) || !filepath.IsLocal(filepath.FromSlash(w.Path)) {
		return fmt.Errorf("gobuild: workflow %q: want a path relative to the top of the repository", w.Path)
	}
	switch {
	case checkout == nil:
		l.Why = "there is no checkout"
	case w.Commit.IsZero():
		l.Why = "the commit that it ran at is not known"
	default:
		t := tool{checkout.Root, p.Getenv}
		commit := w.Commit.Hex()
		// Of a shallow clone, and of the workflow of another repository.
		if _, err := t.git(ctx, "cat-file", "-e", commit+"^{commit}"); err != nil {
			if _, ok := errors.AsType[*command.Error](err); !ok {
				return err
			}
			l.Why = "the checkout does not have the commit that it ran at"
			break
		}
		text, err := t.git(ctx, "cat-file", "blob", commit+":"+w.Path)
		if err != nil {
			if _, ok := errors.AsType[*command.Error](err); !ok {
				return err
			}
			l.Status, l.Want = Mismatched, w.Path+" at "+commit
			break
		}
		blob, err := hallmark.ParseDigest("gitBlob:" + objectID("blob", text, len(commit)))
		if err != nil {
			return fmt.Errorf("gobuild: %w", err)
		}
		l.Got, l.Want = blob.Hex(), w.Blob.Hex()
		if l.Want == "" {
			l.Want = l.Got
			l.Why = w.Path + " at " + commit
		}
		b.workflow = provenance.ResourceDescriptor{
			Name:        w.Path,
			Digest:      provenance.NewDigestSet(blob),
			MediaType:   "text/x-yaml",
			Annotations: map[string]any{"workflowCommit": w.Commit.String()},
		}
	}
	b.add(l, "")
	return nil
}

// BindingName is the name of the byproduct that says what a binding found.
const BindingName = "go-build-binding.json"

// Record adds to build what the binding found:
//
//   - what [Attach] adds of the binary and of r, which may be incomplete;
//   - what [SourceProof.Record] adds;
//   - the file of the workflow as a dependency, by its gitBlob;
//   - a byproduct with the links, as JSON, its content if that is under 1 KiB;
//   - for each link that matches its evidence, as "binding.<name>" in Evidence.
//
// The byproduct says what whoever built has seen. It is no evidence for a
// verifier beyond the signature that it is under. build is not changed if there
// is an error.
func (b *Binding) Record(build *provenance.Build, r Recipe) error {
	if build == nil {
		return errors.New("gobuild: no build")
	}
	changed := *build
	// What Bind let pass, because it was allowed, is no mismatch here.
	if e, ok := errors.AsType[*MismatchError](stamps(build, b.Info)); ok && !(b.allowed() && len(e.Links) == 1 && e.Links[0].Name == Modified) {
		return e
	}
	if b.source != nil {
		if err := b.source.Record(&changed); err != nil {
			return err
		}
	}
	if err := attach(&changed, b.Info, r); err != nil {
		return err
	}
	if b.workflow.Name != "" {
		changed.Dependencies = append(changed.Dependencies, b.workflow)
	}
	evidence := make(map[string]provenance.Evidence)
	for name, e := range build.Evidence {
		evidence[name] = e
	}
	for _, l := range b.Links {
		if l.Status == Matched {
			evidence["binding."+l.Name] = l.Evidence
		}
	}
	links, err := b.Marshal()
	if err != nil {
		return err
	}
	d, err := byproduct(BindingName, links)
	if err != nil {
		return err
	}
	changed.Byproducts = append(changed.Byproducts, d)
	changed.Evidence = evidence
	*build = changed
	return nil
}

// Marshal returns the links as JSON, which are the bytes of the byproduct
// [BindingName].
func (b *Binding) Marshal() ([]byte, error) {
	var links []any
	for _, l := range b.Links {
		link := map[string]any{"name": l.Name, "status": l.Status.String()}
		for name, text := range map[string]string{"got": l.Got, "want": l.Want, "why": l.Why} {
			if text != "" && !(name == "want" && l.Status == Matched) {
				link[name] = text
			}
		}
		if l.Status != Unlinked {
			link["evidence"] = l.Evidence.String()
		}
		links = append(links, link)
	}
	text, err := strictjson.Append(nil, map[string]any{"links": links})
	if err != nil {
		return nil, fmt.Errorf("gobuild: %s: %w", BindingName, err)
	}
	return text, nil
}

// byproduct returns JSON as a resource, with its content if that is small.
func byproduct(name string, text []byte) (provenance.ResourceDescriptor, error) {
	digests, err := hallmark.Hash(bytes.NewReader(text))
	if err != nil {
		return provenance.ResourceDescriptor{}, fmt.Errorf("gobuild: %s: %w", name, err)
	}
	d := provenance.ResourceDescriptor{Name: name, Digest: provenance.NewDigestSet(digests...), MediaType: "application/json"}
	if len(text) < 1<<10 {
		d.Content = text
	}
	return d, nil
}
