// Package inspect looks into SBOMs and Go programs for a [verify.Policy].
//
// Package verify decides over statements and does not read what is in an SBOM or in
// an artifact. What a policy asks of these it asks its [verify.Inspector], and the
// [Inspector] here is one:
//
//	policy.Inspector = inspect.New(inspect.Options{
//		Open: func(context.Context, hallmark.Artifact) (io.ReaderAt, error) { return os.Open("dist/app") },
//	})
//
// # SBOMs
//
// An SBOM is the predicate of a statement of one of the types that
// [provenance.ParseSBOM] knows, and is read by sbom/cyclonedx or sbom/spdx. One that
// cannot be read, or that is not in the format or version that the predicate type
// says, fails whatever is asked of it. Another predicate type is unproven.
//
// An SBOM is parsed once and kept for the next question, by a digest of its content,
// so that the same SBOM of many statements is parsed once too. What is kept is
// bounded: all that was made of 64 MiB of SBOMs, or of the last one.
//
// # The artifact
//
// What the artifact says of itself is the build information of a Go program, as
// sbom/gomod reads it. The caller gives the bytes. They are believed if they have every
// digest by SHA-256 or better that the artifact has; what is read of them later is
// compared with what was hashed, so that a file may change meanwhile. Bytes that are not at
// hand, of something else, or no Go program, leave open what depends on them.
// Whoever built a program could make it say anything: that it agrees with the
// attestations shows that nothing contradicts.
//
// # What is asked
//
// Findings have these items, by which a [verify.Exception] can name them:
//
//	minimum-elements  PROFILE: FIELD, for each field that the profile requires
//	version           "main component" of an SBOM; "build info" of the artifact
//	build-info        of an SBOM, for each difference: "module PATH" if only one of SBOM and
//	                  artifact has it, "module PATH: version" (sum, …), "GOOS" and so on, as
//	                  gomod.Difference has it; "main component: digest". None if all agree.
//	build-info        of the provenance: "commit", "modified", "module version", "toolchain",
//	                  "modules" or, of a module that is not as the artifact has it, its
//	                  package URL; and "program", "main module", "setting NAME" or
//	                  "settings", if it has the recipe that provenance/gobuild records
//	dependency-age    the package URL, or else the Ref, of each dependency that fails or
//	                  is unproven; none for all others together
//	commit-signature  none
//
// A version is compared byte by byte, but for an SBOM whose main component is no Go
// module: other ecosystems write v1.2.0 without its v. That the artifact's version is
// not known is unproven.
//
// The minimum elements are those of sbom/minimum. The envelope counts as the signature
// that some of its profiles ask for.
//
// The modules of an SBOM of this module, which has the settings of the build, are
// compared by [gomod.Reconcile], with the settings and for each target. SBOMs of other
// tools tell less, and what they do not tell is not held against them: settings, sums, the
// standard library, what a module replaces. What they tell must be so, and each module
// that is linked must be there in its version, and no other. Components that are no Go
// modules are not compared, since no Go program tells of them, and neither are those that an
// SBOM says are no part of the artifact.
//
// The provenance must name the commit that the program was stamped with, as modified if it
// was. A program without a stamp is unproven. If the provenance lists Go modules, all of
// the program's must be among them, and have the same sums where both have one.
//
// Dependencies, for their age, are all components but the main one that are part of
// the artifact or may be, as far as the SBOM says what they are needed for. The
// standard library is left out: it has the age of the toolchain. When a version was
// released the caller's function says, or the SBOM by the properties that
// [gomod.AddReleases] finds, which are the word of whoever served the module. What was
// released after the policy is asked fails.
//
// The signature of the commit is the caller's to look at: [Checkout] does, with git.
//
// # What is not checked
//
// That the statement is about the artifact, and who signed it: verify has done that
// before it asks.
package inspect

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/git"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/verify"
)

// Options are what an [Inspector] has beside the statements. Without one of them, what
// depends on it is unproven. The functions are called by several goroutines at once.
type Options struct {
	// Open returns the bytes of an artifact, or an error that is [fs.ErrNotExist] if
	// they are not at hand; any other error leaves the verdict undecided. What it
	// returns is closed if it is an [io.Closer]. The name of an artifact is only a
	// name: which file is meant, the caller knows.
	Open func(context.Context, hallmark.Artifact) (io.ReaderAt, error)

	// Released returns when a dependency was released, or the zero time if it does not
	// know; then the SBOM is asked. An error leaves the verdict undecided. It is
	// called once for each dependency, and does not change it.
	Released func(context.Context, *sbom.Component) (time.Time, error)

	// Signature returns what is known of the signature of a source's commit, which
	// is good if it is by one of those whom the caller trusts for it. An error
	// leaves the verdict undecided.
	Signature func(context.Context, provenance.Source) (*git.Signature, error)
}

// An Inspector is a [verify.Inspector] for Go programs and for SBOMs of whatever. It is
// safe for concurrent use.
type Inspector struct {
	o        Options
	sboms    *cache[*document]
	programs *cache[program]
}

// New returns an Inspector. It keeps what it reads for later questions, so that one
// for a policy is enough.
func New(o Options) *Inspector {
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	return &Inspector{
		o:        o,
		sboms:    newCache(slots, func(d *document) int64 { return d.size }),
		programs: newCache(slots, func(p program) int64 { return p.size() }),
	}
}

// Inspect answers q, as the package comment tells. It fails if a function of the
// Options does, if the artifact cannot be read to its end or changes meanwhile, and if
// ctx is done.
func (i *Inspector) Inspect(ctx context.Context, a hallmark.Artifact, s *provenance.Statement, q verify.Question) ([]verify.Finding, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("inspect: %w", context.Cause(ctx))
	}
	isBuild := slices.Contains([]string{provenance.PredicateType, provenance.PredicateTypeV02, provenance.PredicateTypeV01}, s.PredicateType)
	var ask func(context.Context, hallmark.Artifact, *document, verify.Question) ([]verify.Finding, error)
	var askBuild func(context.Context, hallmark.Artifact, *provenance.Build, verify.Question) ([]verify.Finding, error)
	switch q.Rule {
	case verify.RuleMinimum:
		ask = i.minimum
	case verify.RuleVersion:
		ask, askBuild = i.version, i.programVersion
	case verify.RuleBuildInfo:
		ask, askBuild = i.modules, i.build
	case verify.RuleDependencyAge:
		ask = i.ages
	case verify.RuleCommitSigned:
		askBuild = i.signature
	default:
		return unproven("", "nothing is known of this rule", string(q.Rule)), nil
	}
	switch {
	case isBuild && askBuild != nil:
		b, err := provenance.ParseBuild(s)
		if err != nil {
			return failed("", err.Error(), "SLSA provenance"), nil
		}
		return askBuild(ctx, a, b, q)
	case ask != nil && isSBOM(s.PredicateType):
		d, err := i.sbom(ctx, s)
		switch {
		case err != nil:
			return nil, err
		case d.err != nil:
			return failed("", d.err.Error(), "an SBOM of the predicate type"), nil
		}
		return ask(ctx, a, d, q)
	case ask != nil:
		return unproven("", fmt.Sprintf("the predicate type %.200q is none that is known", s.PredicateType), "an SBOM"), nil
	}
	return unproven("", fmt.Sprintf("the predicate type %.200q is none that is known", s.PredicateType), "SLSA provenance"), nil
}

func passed(item, got, want string) []verify.Finding {
	return []verify.Finding{{Item: item, Outcome: verify.Passed, Got: got, Want: want}}
}

func failed(item, got, want string) []verify.Finding {
	return []verify.Finding{{Item: item, Outcome: verify.Failed, Got: got, Want: want}}
}

func unproven(item, got, want string) []verify.Finding {
	return []verify.Finding{{Item: item, Outcome: verify.Unproven, Got: got, Want: want}}
}

// equal holds what a statement says against what it should.
func equal(item, got, want string) []verify.Finding {
	if got != want {
		return failed(item, got, want)
	}
	return passed(item, got, want)
}
