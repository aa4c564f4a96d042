package provenance

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// VSAType is the predicate type of a [VSA]. Versions 1.0 to 1.2 of the SLSA
// specification share it.
const VSAType = "https://slsa.dev/verification_summary/v1"

// Predicate types of a VSA that are read and not written. Their members have
// the names of version 1 or those in snake_case; both are in use.
const (
	VSATypeV01 = "https://slsa.dev/verification_summary/v0.1"
	VSATypeV02 = "https://slsa.dev/verification_summary/v0.2"
)

// Tracks of SLSA, for [VSA.Level].
const (
	BuildTrack  = "BUILD"
	SourceTrack = "SOURCE"
)

// Properties of SLSA that a [VSA] can have among its levels.
//
// https://slsa.dev/spec/v1.2/verified-properties
const (
	// BuildReproduced says that two or more builders, independently operated
	// and trusted by the verifier, have made the artifact and its provenance.
	BuildReproduced = "SLSA_BUILD_REPRODUCED"

	// SourceTwoPartyReviewed says that two trusted persons have reviewed the
	// source.
	SourceTwoPartyReviewed = "SLSA_SOURCE_TWO_PARTY_REVIEWED"
)

// A VSA is a verification summary: a verifier says that it held artifacts
// against a policy, and which levels it found. Who trusts the verifier need not
// see the evidence. The VSA of a commit is that of its source: see [Revision].
//
// https://slsa.dev/spec/v1.2/verification_summary
type VSA struct {
	// Verifier is who verified.
	Verifier Agent

	// TimeVerified is when; zero if not recorded.
	TimeVerified time.Time

	// ResourceURI is where the artifact is to be had, or the repository of a
	// commit. It is what the artifact was verified as: a consumer compares it.
	ResourceURI string

	// Policy is what the artifact was held against. It has a URI and should
	// have a digest.
	Policy ResourceDescriptor

	// InputAttestations is the evidence: all of it, or nil if the verifier does
	// not tell. Each has a digest.
	InputAttestations []ResourceDescriptor

	// Result is Passed or Failed.
	Result Result

	// VerifiedLevels has the highest level of each track,
	// "SLSA_BUILD_LEVEL_3" or "SLSA_SOURCE_LEVEL_UNEVALUATED", properties of
	// SLSA, and names of the verifier's own, which do not begin with "SLSA_".
	// If Result is Failed it is "FAILED" alone.
	VerifiedLevels []string

	// DependencyLevels counts the artifact's transitive dependencies by their
	// levels. Nil says nothing about dependencies; empty says that there are
	// none.
	DependencyLevels map[string]int64

	// SLSAVersion is the version of SLSA that was verified, "1.2"; empty for an
	// unspecified 1.x.
	SLSAVersion string

	// Extensions are members that this package does not know.
	Extensions Extensions
}

// ParseVSA returns the VSA in s, whose predicate type must be [VSAType],
// [VSATypeV01] or [VSATypeV02]. The level of an old one is in VerifiedLevels as
// it is written there, "SLSA_LEVEL_3": it is no level of a track. Counts that are
// decimal strings are read as numbers, because encoders of protocol buffers
// write them so.
//
// What it returns may be nonsense: see [Statement.Validate].
func ParseVSA(s *Statement) (*VSA, error) {
	v := new(VSA)
	if err := parse(s, v, "verification summary", VSAType, VSATypeV01, VSATypeV02); err != nil {
		return nil, err
	}
	return v, nil
}

// Statement returns the Statement that v was verified of subjects. It fails if
// [Statement.Validate] finds an error in it.
func (v *VSA) Statement(subjects ...hallmark.Artifact) (*Statement, error) {
	return state(v, subjects)
}

// Level returns the level of a track, [BuildTrack] or [SourceTrack]. ok is false
// if Result is not Passed, and if v has no level of the track, does not say which
// one ("UNEVALUATED"), or has two.
func (v *VSA) Level(track string) (level int, ok bool) {
	if v.Result != Passed {
		return 0, false
	}
	for _, l := range v.VerifiedLevels {
		t, n, isLevel := slsaLevel(l)
		if !isLevel || t != track {
			continue
		}
		if ok || n < 0 {
			return 0, false
		}
		level, ok = n, true
	}
	return level, ok
}

// slsaLevel returns the track and the level of SLSA_<track>_LEVEL_<n>. The level
// is -1 for UNEVALUATED.
func slsaLevel(s string) (track string, level int, ok bool) {
	s, ok = strings.CutPrefix(s, "SLSA_")
	track, number, found := strings.Cut(s, "_LEVEL_")
	if !ok || !found || track == "" || strings.Trim(track, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return "", 0, false
	}
	if number == "UNEVALUATED" {
		return track, -1, true
	}
	level, err := strconv.Atoi(number)
	if err != nil || level < 0 || strconv.Itoa(level) != number { // 03 and +3 are no levels
		return "", 0, false
	}
	return track, level, true
}

func (*VSA) predicateType() string { return VSAType }

func (v *VSA) shape(predicateType string) shape {
	levels := texts("verifiedLevels", &v.VerifiedLevels, MaxLevels)
	snake := func(f field, _ string) field { return f }
	if predicateType != VSAType {
		snake = func(f field, name string) field { return f.or(name) }
		list := levels.read
		levels.read = func(r *strictjson.Reader) error {
			if r.Kind() != '"' {
				return list(r)
			}
			level, err := r.String()
			v.VerifiedLevels = []string{level}
			return err
		}
	}
	return shape{[]field{
		nested("verifier", true, v.Verifier.shape()),
		snake(timestamp("timeVerified", &v.TimeVerified), "time_verified"),
		snake(text("resourceUri", &v.ResourceURI), "resource_uri"),
		resource("policy", &v.Policy),
		snake(descriptors("inputAttestations", &v.InputAttestations), "input_attestations"),
		snake(text("verificationResult", &v.Result), "verification_result"),
		snake(levels, "policy_level"),
		snake(counts("dependencyLevels", &v.DependencyLevels), "dependency_levels"),
		text("slsaVersion", &v.SLSAVersion),
	}, &v.Extensions}
}

// counts is an object of numbers, which is not written if it is nil.
func counts(name string, v *map[string]int64) field {
	m := make(map[string]any, len(*v))
	for key, n := range *v {
		m[key] = n
	}
	return plain(name, *v != nil, m, func(r *strictjson.Reader) error {
		*v = make(map[string]int64)
		return r.Object(func(key string) error {
			if len(*v) == MaxLevels {
				return r.Errorf("more than %d levels", MaxLevels)
			}
			var digits string
			if r.Kind() == '"' {
				s, err := r.String()
				if err != nil {
					return err
				}
				digits = s
			} else {
				n, err := r.Number()
				if err != nil {
					return err
				}
				digits = n.String()
			}
			n, err := strconv.ParseInt(digits, 10, 64)
			if err != nil || n < 0 {
				return r.Errorf("%.40q is no count", digits)
			}
			(*v)[key] = n
			return nil
		})
	})
}

func (v *VSA) validate(ps *problems, s *Statement) {
	const at = "$.predicate"
	checkURI(ps, at+".verifier.id", v.Verifier.ID)
	checkURI(ps, at+".resourceUri", v.ResourceURI)
	v.Policy.validate(ps, at+".policy")
	if v.Policy.URI == "" {
		ps.add(Error, at+".policy.uri", "missing")
	}
	if len(v.Policy.Digest) == 0 {
		ps.add(Warning, at+".policy.digest", "missing: nobody can tell which version of the policy it was")
	}
	validateDescriptors(ps, at+".inputAttestations", v.InputAttestations)
	for i, d := range v.InputAttestations {
		if len(d.Digest) == 0 {
			ps.add(Error, fmt.Sprintf("%s.inputAttestations[%d].digest", at, i), "an input attestation needs a digest")
		}
		if d.URI == "" {
			ps.add(Warning, fmt.Sprintf("%s.inputAttestations[%d].uri", at, i), "missing: nobody can fetch the attestation")
		}
	}
	if v.Result != Passed && v.Result != Failed {
		ps.add(Error, at+".verificationResult", "%.40q, want PASSED or FAILED", string(v.Result))
	}

	levels := at + ".verifiedLevels"
	tracks, seen := make(map[string]string), make(map[string]bool)
	for i, l := range v.VerifiedLevels {
		at := fmt.Sprintf("%s[%d]", levels, i)
		checkLevel(ps, at, l)
		if track, _, ok := slsaLevel(l); ok {
			if first, ok := tracks[track]; ok && first != l {
				ps.add(Error, at, "%s, but there is %s: one level of a track", l, first)
			}
			tracks[track] = l
		}
		if seen[l] {
			ps.add(Warning, at, "%.100q occurs twice", l)
		}
		seen[l] = true
	}
	switch failed := slices.Contains(v.VerifiedLevels, string(Failed)); {
	case len(v.VerifiedLevels) == 0:
		ps.add(Error, levels, "missing")
	case failed && v.Result == Passed:
		ps.add(Error, levels, "FAILED, but the result is PASSED")
	case v.Result == Failed && (!failed || len(v.VerifiedLevels) > 1):
		ps.add(Error, levels, "the result is FAILED, so that FAILED is the only level")
	}
	if slices.Contains(v.VerifiedLevels, BuildReproduced) && len(v.InputAttestations) == 1 {
		ps.add(Warning, at+".inputAttestations", "%s needs the provenance of two builders", BuildReproduced)
	}
	for _, l := range slices.Sorted(maps.Keys(v.DependencyLevels)) {
		at := member(at+".dependencyLevels", l)
		checkLevel(ps, at, l)
		if n := v.DependencyLevels[l]; n < 0 {
			ps.add(Error, at, "%d is no count", n)
		}
	}
	if v.SLSAVersion != "" {
		major, minor, ok := strings.Cut(v.SLSAVersion, ".")
		if !ok || major == "" || minor == "" || strings.Trim(major+minor, "0123456789") != "" {
			ps.add(Error, at+".slsaVersion", "%.40q, want major.minor", v.SLSAVersion)
		}
	}
	if _, ok := tracks[SourceTrack]; ok {
		v.validateSource(ps, s)
	}
}

// checkLevel reports what is wrong with a SlsaResult.
func checkLevel(ps *problems, at, l string) {
	track, n, ok := slsaLevel(l)
	switch {
	case l == "":
		ps.add(Error, at, "empty")
	case ok && (track == BuildTrack && n > 3 || track == SourceTrack && n > 4):
		ps.add(Warning, at, "SLSA 1.2 has no %s", l)
	case ok, l == BuildReproduced, l == SourceTwoPartyReviewed:
	case strings.HasPrefix(l, "SLSA_LEVEL_"):
		ps.add(Error, at, "%.100q is a level of SLSA 0.1, which is none of any track of SLSA 1", l)
	case strings.HasPrefix(l, "SLSA_"):
		ps.add(Error, at, "%.100q is neither a level nor a property of SLSA, and other names must not begin with SLSA_", l)
	case strings.HasPrefix(strings.ToUpper(l), "SLSA_"):
		ps.add(Warning, at, "%.100q differs in case only from a name of SLSA", l)
	}
}

// annotationSourceRefs is the annotation of a Revision with its refs.
const annotationSourceRefs = "sourceRefs"

// A Revision is the subject of a source VSA: a commit in a repository, which is
// the VSA's ResourceURI, "git+https://github.com/octocat/hello".
//
// https://slsa.dev/spec/v1.2/source-requirements#source-verification-summary-attestation
type Revision struct {
	// Commit is a gitCommit.
	Commit hallmark.Digest

	// Digests are others of what is in it, as its gitTree.
	Digests []hallmark.Digest

	// URI is where people find more about it. It is nothing to decide by.
	URI string

	// Refs are the full names of the branches and tags that pointed to it when
	// the VSA was made, "refs/heads/main". There may be more than are told.
	Refs []string
}

// SourceStatement returns the Statement that v was verified of the source at r.
// It fails if v has no level of the source track, its ResourceURI does not begin
// with "git+", r has no Commit, or [Statement.Validate] finds an error.
func (v *VSA) SourceStatement(r Revision) (*Statement, error) {
	var errs []error
	if !slices.ContainsFunc(v.VerifiedLevels, func(l string) bool {
		track, _, ok := slsaLevel(l)
		return ok && track == SourceTrack
	}) && v.Result != Failed {
		errs = append(errs, errors.New("provenance: a source VSA needs a level of the source track"))
	}
	if !strings.HasPrefix(v.ResourceURI, "git+") {
		errs = append(errs, fmt.Errorf("provenance: the resource of a source VSA is %.200q, want git+ and the URL of the repository", hideUsers(v.ResourceURI)))
	}
	if r.Commit.Algorithm() != "gitCommit" {
		errs = append(errs, fmt.Errorf("provenance: the revision of a source VSA is %q, want a gitCommit", r.Commit))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	b, err := write(v)
	if err != nil {
		return nil, err
	}
	subject := ResourceDescriptor{URI: r.URI, Digest: NewDigestSet(append(slices.Clip(r.Digests), r.Commit)...)}
	if len(r.Refs) > 0 {
		refs := make([]any, len(r.Refs))
		for i, ref := range slices.Sorted(slices.Values(r.Refs)) {
			refs[i] = ref
		}
		subject.Annotations = map[string]any{annotationSourceRefs: refs}
	}
	s := &Statement{Subjects: []ResourceDescriptor{subject}, PredicateType: VSAType, Predicate: b}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

// ParseSourceVSA returns the VSA in s and the revisions that it is about: the
// subjects with a gitCommit. It is an error if there is none, or if refs are not
// a list of strings. Which of the refs a revision is wanted from is for the
// caller to compare.
func ParseSourceVSA(s *Statement) (*VSA, []Revision, error) {
	v, err := ParseVSA(s)
	if err != nil {
		return nil, nil, err
	}
	var rs []Revision
	for i, d := range s.Subjects {
		commit, err := d.Digest.digest("gitCommit")
		if err != nil {
			continue
		}
		r := Revision{Commit: commit, URI: d.URI}
		for _, other := range d.Digest.Digests() {
			if other != commit {
				r.Digests = append(r.Digests, other)
			}
		}
		var ok bool
		if r.Refs, ok = sourceRefs(&d); !ok {
			return nil, nil, fmt.Errorf("malformed verification summary: subject %d: %s is not a list of strings", i, annotationSourceRefs)
		}
		rs = append(rs, r)
	}
	if len(rs) == 0 {
		return nil, nil, errors.New("malformed verification summary: no subject with a gitCommit")
	}
	return v, rs, nil
}

// sourceRefs returns the refs of a revision. ok is false if they are not a list
// of strings.
func sourceRefs(d *ResourceDescriptor) (refs []string, ok bool) {
	switch list := d.Annotations[annotationSourceRefs].(type) {
	case nil:
	case []string: // not from JSON, but as good
		refs = list
	case []any:
		for _, v := range list {
			ref, ok := v.(string)
			if !ok {
				return nil, false
			}
			refs = append(refs, ref)
		}
	default:
		return nil, false
	}
	return refs, true
}

// validateSource reports what is wrong with the commits among the subjects of s
// and with their repository.
func (v *VSA) validateSource(ps *problems, s *Statement) {
	isSource := false
	for i, d := range s.Subjects {
		if d.Digest["gitCommit"] == "" {
			continue
		}
		isSource = true
		at := fmt.Sprintf("$.subject[%d]", i)
		if d.URI == "" {
			ps.add(Warning, at+".uri", "missing: people look a revision up there")
		}
		at += ".annotations." + annotationSourceRefs
		refs, ok := sourceRefs(&d)
		switch {
		case !ok:
			ps.add(Error, at, "not a list of strings")
		case len(refs) == 0:
			ps.add(Warning, at, "missing: nobody can tell the branch of the revision")
		}
		for _, ref := range refs {
			if !strings.HasPrefix(ref, "refs/") || ref == "refs/" {
				ps.add(Error, at, "%.200q is not the full name of a ref, as refs/heads/main", ref)
			}
		}
	}
	if isSource && v.ResourceURI != "" && !strings.HasPrefix(v.ResourceURI, "git+") {
		ps.add(Warning, "$.predicate.resourceUri", "%.200q, want git+ and the URL of the repository", hideUsers(v.ResourceURI))
	}
}
