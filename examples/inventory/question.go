package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
	"github.com/hallmark-dev/hallmark/sbom/osv"
	"github.com/hallmark-dev/hallmark/sign"
)

const questionUsage = `
What is asked for is one of

  -purl, -range, -digest, -license  a component by all of these that are given
  -toolchain RANGE                  the Go standard library in a version
  -osv FILE, -vulndb DIR -id ID     what an advisory is about
  none of these                     artifacts by how they were built and signed

of artifacts for which all of -name, -artifact, -source, -commit, -builder, -workflow,
-signer, -signed-with, -input, -after, -before and -deployed hold. When a build was is not
always known: then it counts as one between -after and -before.`

// A question says what is asked for.
type question struct {
	query    inventory.Query
	advisory *osv.Advisory

	toolchain, digest, osvFile, vulndb, id string
	artifact, commit, key, input           string
	after, before                          cli.Time
}

func (q *question) flags(flags *flag.FlagSet) {
	flags.StringVar(&q.query.Package.PURL, "purl", "", "the package `URL` of the component, such as pkg:golang/golang.org/x/net")
	flags.StringVar(&q.query.Package.Versions, "range", "", "the `VERSIONS` of -purl, such as \">= v0.1.0, < v0.23.0\"")
	flags.StringVar(&q.digest, "digest", "", "a `DIGEST` of the component; of a Go module its sum \"h1:…\" too")
	flags.StringVar(&q.query.License, "license", "", "a licence of the component, by its SPDX `ID`")
	flags.StringVar(&q.toolchain, "toolchain", "", "the `VERSIONS` of Go that it was built with: -purl pkg:golang/stdlib -range VERSIONS")
	flags.StringVar(&q.osvFile, "osv", "", "a `FILE` with an advisory in the OSV format")
	flags.StringVar(&q.vulndb, "vulndb", "", "a `DIRECTORY` with advisories, such as a clone of the Go vulnerability database")
	flags.StringVar(&q.id, "id", "", "the `ID` of the advisory in -vulndb, such as GO-2024-2687")
	q.filterFlags(flags)
}

func (q *question) filterFlags(flags *flag.FlagSet) {
	of := &q.query.Of
	flags.StringVar(&of.Name, "name", "", "artifacts of this `NAME`")
	flags.StringVar(&q.artifact, "artifact", "", "the artifact that is this `FILE`, digest or image")
	flags.StringVar(&of.Source, "source", "", "artifacts that were built from the repository at this `URL`")
	flags.StringVar(&q.commit, "commit", "", "artifacts that were built from this commit, in `HEX`")
	flags.StringVar(&of.Builder, "builder", "", "artifacts that the builder with this `ID` made; without a ref for all its refs")
	flags.StringVar(&of.Workflow, "workflow", "", "artifacts that this workflow built: a `PATH` in its repository, or a URI")
	flags.StringVar(&of.Signer, "signer", "", "artifacts with evidence that `NAME` signed, as the answers have it")
	flags.StringVar(&q.key, "signed-with", "", "artifacts with evidence that a key signed: a `FILE` with the public key, in PEM, or its fingerprint")
	flags.StringVar(&q.input, "input", "", "artifacts whose build took in what has this `DIGEST`")
	flags.Var(&q.after, "after", "artifacts that were built at this `TIME` or later")
	flags.Var(&q.before, "before", "artifacts that were built before this `TIME`")
	flags.BoolVar(&of.Deployed, "deployed", false, "artifacts that run")
}

// component reports whether it is asked for a component.
func (q *question) component() bool {
	return q.query.Package.PURL != "" || !q.query.Digest.IsZero() || q.query.License != ""
}

// asked reports whether anything is asked for.
func (q *question) asked() bool {
	return q.component() || q.advisory != nil || q.query.Of != inventory.Filter{}
}

// read reads what the flags name.
func (q *question) read() error {
	of := &q.query.Of
	of.After, of.Before = q.after.Time(), q.before.Time()
	digest := func(flag, text string, to *hallmark.Digest) (err error) {
		if text == "" {
			return nil
		}
		if strings.HasPrefix(text, "h1:") {
			*to, err = hallmark.ParseH1(text)
		} else {
			*to, err = hallmark.ParseDigest(text)
		}
		if err != nil {
			return fmt.Errorf("-%s: %w", flag, err)
		}
		return nil
	}
	commit := q.commit
	if commit != "" {
		commit = "gitCommit:" + commit
	}
	if err := errors.Join(digest("digest", q.digest, &q.query.Digest), digest("commit", commit, &of.Commit), digest("input", q.input, &of.Input)); err != nil {
		return err
	}
	if q.artifact != "" {
		a, err := artifactOf(q.artifact)
		if err != nil {
			return fmt.Errorf("-artifact: %w", err)
		}
		of.Digest = key(a)
	}
	if q.key != "" {
		var err error
		if of.Key, err = fingerprint(q.key); err != nil {
			return fmt.Errorf("-signed-with: %w", err)
		}
	}
	if q.query.Package.Versions != "" && q.query.Package.PURL == "" {
		return errors.New("-range without -purl")
	}
	if q.toolchain != "" {
		if q.component() {
			return errors.New("-toolchain and another component: ask one after the other")
		}
		q.query.Package.PURL, q.query.Package.Versions = "pkg:golang/stdlib", q.toolchain
	}
	if q.query.Package != (sbom.Query{}) {
		if _, err := new(sbom.Document).Find(q.query.Package); err != nil {
			return err
		}
	}
	return q.readAdvisory()
}

// readAdvisory reads the advisory, if one is named.
func (q *question) readAdvisory() error {
	switch {
	case q.osvFile == "" && q.vulndb == "" && q.id == "":
		return nil
	case q.component():
		return errors.New("a component and an advisory: ask one after the other")
	case q.osvFile != "" && (q.vulndb != "" || q.id != ""):
		return errors.New("-osv is one advisory: it goes without -vulndb and -id")
	case q.osvFile == "" && (q.vulndb == "" || q.id == ""):
		return errors.New("-vulndb and -id go together")
	case q.osvFile != "":
		data, err := cli.ReadFile(q.osvFile, osv.MaxRecord)
		if err == nil {
			q.advisory, err = osv.Parse(data)
		}
		if err != nil {
			return about(q.osvFile, err)
		}
		return q.answerable(q.osvFile)
	}
	root, err := os.OpenRoot(q.vulndb)
	if err != nil {
		return err
	}
	defer root.Close()
	db, err := osv.ReadDB(root.FS())
	if err == nil {
		q.advisory, err = db.Advisory(q.id)
	}
	if err != nil {
		return about(q.vulndb, err)
	}
	return q.answerable(q.vulndb)
}

// answerable reports an advisory of which nothing can be looked for: that nothing is found
// would not mean that nothing is affected.
func (q *question) answerable(file string) error {
	if unknown := q.advisory.Unknown(); len(unknown) > 0 && len(q.advisory.PURLs()) == 0 {
		return about(file, fmt.Errorf("%s: nothing of it can be looked for: %s", q.advisory.ID, strings.Join(unknown, "; ")))
	}
	return nil
}

// about returns err with the name of a file, if it does not have it.
func about(file string, err error) error {
	if strings.Contains(err.Error(), file) {
		return err
	}
	return fmt.Errorf("%s: %w", file, err)
}

// fingerprint returns that of a key in a file, or the one that the argument is.
func fingerprint(name string) (hallmark.Digest, error) {
	if d, err := hallmark.ParseDigest(name); err == nil {
		return d, nil
	}
	pem, err := cli.ReadFile(name, sign.MaxKeySize)
	if err != nil {
		return hallmark.Digest{}, err
	}
	verifier, err := sign.ParsePublicKey(pem)
	if err != nil {
		return hallmark.Digest{}, fmt.Errorf("%s: %w", name, err)
	}
	return sign.Fingerprint(verifier.Public())
}

// answers returns what q asks for. Without a component in the question there is none in
// the answers.
func (q *question) answers(ctx context.Context, s *store) iter.Seq2[inventory.Hit, error] {
	switch {
	case q.advisory != nil:
		return s.Advisory(ctx, q.advisory, q.query.Of, q.query.Rule)
	case q.component():
		return s.Affected(ctx, q.query)
	}
	return func(yield func(inventory.Hit, error) bool) {
		if q.query.Rule != nil {
			for j, err := range s.Judge(ctx, *q.query.Rule, q.query.Of) {
				j.Trust = j.Now
				if !yield(inventory.Hit{Entry: j.Entry}, err) {
					return
				}
			}
			return
		}
		for e, err := range s.Artifacts(ctx, q.query.Of) {
			if !yield(inventory.Hit{Entry: e}, err) {
				return
			}
		}
	}
}
