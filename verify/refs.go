package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/versions"
)

// Refs are the branches and tags that a build may be of. The zero Refs allows
// none.
type Refs struct {
	Branches []string // exact names, "main"
	Tags     []string // exact names, "v1.2.3"

	// Releases allows every tag that is a semantic version with a v, all three
	// numbers, and neither a pre-release nor build metadata: "v1.2.3".
	Releases bool

	// Versions allows every tag that is a version in a range, ">=1.2.0 <2.0.0":
	// conditions with =, !=, <, <=, > or >= and no space behind it, all of which must
	// hold. A range of "v1" or "v1.2" alone is of all versions that begin so. A tag is
	// a semantic version with a v, of which the last numbers may be missing: "v14.2"
	// is v14.2.0. One with a pre-release or build metadata is in no range, and
	// neither is the last part of a path, "tools/v1.2.0".
	Versions string

	// Any allows every ref, and a build that names none.
	Any bool
}

// IsZero reports whether r allows nothing because nothing is in it.
func (r Refs) IsZero() bool {
	return len(r.Branches) == 0 && len(r.Tags) == 0 && !r.Releases && r.Versions == "" && !r.Any
}

// Check returns everything that is wrong with r: a branch or tag without a name, or
// a malformed range of versions. The zero Refs has no fault.
func (r Refs) Check() error {
	var errs []error
	if slices.Contains(r.Branches, "") || slices.Contains(r.Tags, "") {
		errs = append(errs, errors.New("a branch or tag without a name"))
	}
	if r.Versions != "" {
		if _, err := r.inRange(versions.Version{}); err != nil {
			errs = append(errs, fmt.Errorf("malformed range of versions %.100q: %w", r.Versions, err))
		}
	}
	return errors.Join(errs...)
}

// Allow reports whether ref, a full name such as "refs/tags/v1.2.3", is one of r. A
// malformed range of versions has none.
func (r Refs) Allow(ref string) bool {
	if r.Any {
		return true
	}
	if branch, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
		return slices.Contains(r.Branches, branch)
	}
	tag, ok := strings.CutPrefix(ref, "refs/tags/")
	if !ok {
		return false
	}
	if slices.Contains(r.Tags, tag) {
		return true
	}
	v, err := tagged(tag)
	if err != nil || v.Pre != nil || v.Build != "" {
		return false
	}
	if r.Releases && v.Written == len(v.Numbers) {
		return true
	}
	if r.Versions == "" {
		return false
	}
	in, err := r.inRange(v)
	return in && err == nil
}

// AllowAt reports whether uri is base with one of r behind an @, as platforms name
// a workflow: "https://github.com/org/builder/.github/workflows/build.yml@refs/tags/v1.2.3".
// There must be a ref, or with Any something without another @.
func (r Refs) AllowAt(base, uri string) bool {
	ref, ok := strings.CutPrefix(uri, base+"@")
	if !ok || ref == "" || strings.Contains(ref, "@") && !strings.HasPrefix(ref, "refs/") {
		return false
	}
	return r.Allow(ref)
}

// String says what r allows.
func (r Refs) String() string {
	var all []string
	for _, b := range r.Branches {
		all = append(all, "refs/heads/"+b)
	}
	for _, t := range r.Tags {
		all = append(all, "refs/tags/"+t)
	}
	if r.Releases {
		all = append(all, "a release tag (v1.2.3)")
	}
	if r.Versions != "" {
		all = append(all, "a tag of a version in "+r.Versions)
	}
	if r.Any {
		all = append(all, "any")
	}
	return strings.Join(all, " or ")
}

// inRange reports whether v, which is no pre-release, is in r.Versions. It fails if
// that is malformed.
func (r Refs) inRange(v versions.Version) (bool, error) {
	words := strings.Fields(r.Versions)
	switch {
	case len(words) == 0:
		return false, errors.New("no conditions")
	case len(words) > versions.MaxConditions:
		return false, fmt.Errorf("%d conditions, want at most %d", len(words), versions.MaxConditions)
	}
	in := true
	for _, word := range words {
		text := strings.TrimLeft(word, "<>=!")
		operator := word[:len(word)-len(text)]
		w, err := bound(text)
		switch {
		case err != nil:
			return false, err
		case w.Pre != nil || w.Build != "":
			return false, fmt.Errorf("%.50s: neither a pre-release nor build metadata is in a range", word)
		}
		holds, ok := versions.Holds(operator, v.Compare(w))
		switch {
		case operator == "" && len(words) > 1:
			return false, fmt.Errorf("%.50s: want an operator before it, or nothing beside it", word)
		case operator == "":
			holds = slices.Equal(v.Numbers[:w.Written], w.Numbers[:w.Written])
		case !ok:
			return false, fmt.Errorf("%.50s: unknown operator", word)
		}
		in = in && holds
	}
	return in, nil
}

// tagged returns the version that a tag is: with a v, and as many of the numbers as
// there are.
func tagged(tag string) (versions.Version, error) {
	if !strings.HasPrefix(tag, "v") {
		return versions.Version{}, fmt.Errorf("malformed version %.100q: want a v", tag)
	}
	return versions.Parse("golang", tag)
}

// bound returns the version that a policy names, which may lack the v of a tag.
func bound(s string) (versions.Version, error) {
	return versions.Parse("golang", "v"+strings.TrimPrefix(s, "v"))
}

// isVersion reports whether ref is the tag of a version, alone or as the last part of
// a path: "refs/tags/tools/v1.2.0".
func isVersion(ref, version string) bool {
	tag, ok := strings.CutPrefix(ref, "refs/tags/")
	return ok && (tag == version || lastPart(tag) == version)
}

// notBefore reports whether ref is the tag of a version that is not before least,
// alone or as the last part of a path.
func notBefore(ref, least string) bool {
	tag, ok := strings.CutPrefix(ref, "refs/tags/")
	if !ok {
		return false
	}
	v, err := tagged(lastPart(tag))
	if err != nil {
		return false
	}
	w, err := bound(least)
	return err == nil && v.Compare(w) >= 0
}

func lastPart(tag string) string { return tag[strings.LastIndexByte(tag, '/')+1:] }
