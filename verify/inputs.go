package verify

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

// Inputs are what a build may have taken in: the resolvedDependencies of its
// provenance. The zero Inputs asks nothing. With any other a build that lists none
// is unproven. The source, for which other rules answer, is not an input.
//
// A build lists what its platform knows of; that it lists all, none can tell.
type Inputs struct {
	// Pinned are inputs that must be there, by URI, each with its digest.
	Pinned map[string]hallmark.Digest

	// Origins are where inputs may come from: an input's URI is one of these, or
	// goes on from one that ends in a slash. Empty means from anywhere.
	Origins []string

	// Digests asks that each input has a digest for which [hallmark.Digest.Secure]
	// holds, or is a gitCommit, a gitTree or a dirHash, as Go modules have.
	Digests bool
}

func (in *Inputs) none() bool { return len(in.Pinned) == 0 && len(in.Origins) == 0 && !in.Digests }

// check holds what b took in beside its source against in.
func (in *Inputs) check(i int, b *provenance.Build) []Check {
	if in.none() {
		return nil
	}
	inputs := b.Inputs()
	if len(inputs) == 0 {
		return []Check{newCheck(RuleInput, "", Unproven, "the provenance lists no inputs", in.String(), i)}
	}
	var checks []Check
	for _, uri := range slices.Sorted(maps.Keys(in.Pinned)) {
		want := in.Pinned[uri]
		c := newCheck(RuleInput, "pinned "+uri, Unproven, "not among the inputs", want.String(), i)
		for _, d := range inputs {
			if d.URI != uri {
				continue
			}
			// One entry of two with another digest is one too many.
			got := d.Digest[want.Algorithm()]
			if c.Outcome = Passed; got != want.Hex() {
				c.Outcome, c.Got = Failed, cmp.Or(strings.Join(texts(d.Digest.Digests()), " "), "no digest")
				break
			}
			c.Got = want.String()
		}
		checks = append(checks, c)
	}
	if len(in.Origins) == 0 && !in.Digests {
		return checks
	}
	want := in.String()
	for _, d := range inputs {
		name := cmp.Or(d.URI, d.Name, d.DownloadLocation)
		c := newCheck(RuleInput, name, Passed, name, want, i)
		hashed := slices.ContainsFunc(d.Digest.Digests(), func(d hallmark.Digest) bool { return identifies(d) })
		switch {
		case len(in.Origins) > 0 && d.URI == "":
			c.Outcome, c.Got = Unproven, "no URI"
		case !in.from(d.URI):
			c.Outcome = Failed
		case in.Digests && !hashed:
			c.Outcome, c.Got = Unproven, "no digest that identifies it"
		}
		checks = append(checks, c)
	}
	return checks
}

// identifies reports whether d is a digest that a resource can be pinned by.
func identifies(d hallmark.Digest) bool {
	switch d.Algorithm() {
	case "gitCommit", "gitTree", "dirHash":
		return true
	}
	return d.Secure()
}

// from reports whether an input with the URI may be taken in. A URI whose path has
// dot segments may lead elsewhere than it begins, however its slashes are written.
func (in *Inputs) from(uri string) bool {
	if len(in.Origins) == 0 {
		return true
	}
	plain := strings.NewReplacer("%2e", ".", "%2f", "/", "%5c", "/", "\\", "/", "?", "/", "#", "/").Replace(strings.ToLower(uri))
	for segment := range strings.SplitSeq(plain, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return slices.ContainsFunc(in.Origins, func(origin string) bool {
		return uri == origin || strings.HasSuffix(origin, "/") && strings.HasPrefix(uri, origin)
	})
}

// String says what in asks of each input.
func (in *Inputs) String() string {
	var all []string
	if len(in.Origins) > 0 {
		all = append(all, "from "+strings.Join(in.Origins, " or "))
	}
	if in.Digests {
		all = append(all, "with a digest")
	}
	if len(in.Pinned) > 0 {
		all = append(all, fmt.Sprintf("%d of given digests among them", len(in.Pinned)))
	}
	return strings.Join(all, ", ")
}

func texts(ds []hallmark.Digest) []string {
	var all []string
	for _, d := range ds {
		all = append(all, d.String())
	}
	return all
}
