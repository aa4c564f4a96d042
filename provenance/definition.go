package provenance

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// DefinitionDigest returns a sha256 of what s says was built, and of what and
// how: the same for every run of the same build that makes the same artifacts,
// whoever ran it, when, and how often. It is an error if s is not SLSA Build
// provenance.
//
// The digest is that of a JSON object in the form that [Statement.Marshal]
// writes, but with the members of all objects in byte order:
//
//	{"buildDefinition":{"buildType":…,"externalParameters":…,"internalParameters":…,"resolvedDependencies":[…]},
//	 "predicateType":"https://slsa.dev/provenance/v1","subject":[…]}
//
// The build definition has its extensions too, and an old version is digested in
// the form of version 1: see [Convert]. What that has no place for, buildConfig of
// version 0.2 for one, is not in it. Members that are empty are left out.
// Subjects and dependencies come in the byte order of their JSON. They have the
// members name, uri, digest, content and annotations: where a resource was had,
// its media type, and the annotations that tell how a source is known,
// repositoryFrom and commitFrom, do not say which resource it is. Nothing of
// runDetails is in it: it tells of one run.
//
// A build type can put parameters of one run beside those of the build. These
// are left out:
//
//   - of https://buildkite.github.io/slsa-buildtypes/job/v1 the external job and
//     step.id, and the internal buildkite.build_id and buildkite.build_number;
//   - of https://cloud.google.com/build/gcb-buildtypes/google-worker/v1 the
//     internal systemSubstitutions.BUILD_ID;
//   - of the types that begin with https://github.com/slsa-framework/slsa-github-generator
//     or https://github.com/npm/, in lower and in upper case, the internal
//     github_run_id, github_run_number, github_run_attempt, github_event_payload,
//     github_actor, github_actor_id, github_triggering_actor_id and runner_name;
//   - of those of this module, which begin with
//     https://hallmark-dev.github.io/buildtypes/, the internal gitlab.job_id,
//     gitlab.pipeline_id, gitlab.runner_id and ci.run_number.
func (s *Statement) DefinitionDigest() (hallmark.Digest, error) {
	d, _, err := s.definition()
	if err != nil {
		return hallmark.Digest{}, err
	}
	b, err := strictjson.Append(nil, d)
	if err != nil {
		return hallmark.Digest{}, fmt.Errorf("provenance: definition: %w", err)
	}
	sum := sha256.Sum256(b)
	return hallmark.NewDigest("sha256", sum[:])
}

// A Difference is one place in which two builds differ.
type Difference struct {
	Path string // as "$.predicate.buildDefinition.externalParameters.source.ref"
	A, B string // the values as JSON, URLs without user information; empty if there is none
}

func (d Difference) String() string {
	value := func(s string) string {
		if s == "" {
			return "nothing"
		}
		return shorten(s, 200)
	}
	return shorten(d.Path, 500) + ": " + value(d.A) + ", then " + value(d.B)
}

// recipeName is the byproduct with the flags of a Go build, as
// gobuild.RecipeName.
const recipeName = "go-build-recipe.json"

// Equivalent returns what differs between the builds of a and b: nothing if they
// made the same artifacts of the same definition, in two runs or by two
// builders. What is compared is what [Statement.DefinitionDigest] digests, and
// the recipe of a Go build, which is a byproduct of both. Resources are compared
// with those of the same name and URI, wherever they are in their list. It is an
// error if a or b is not SLSA Build provenance.
//
// That builds are equivalent says nothing about who signed for them.
func Equivalent(a, b *Statement) ([]Difference, error) {
	da, ra, err := a.definition()
	if err != nil {
		return nil, err
	}
	db, rb, err := b.definition()
	if err != nil {
		return nil, err
	}
	var ds differences
	ds.compare("$.subject", da["subject"], db["subject"])
	ds.compare("$.predicate.buildDefinition", da["buildDefinition"], db["buildDefinition"])
	ds.compare("$.predicate.runDetails.byproducts", ra, rb)
	return ds, nil
}

// definition returns what DefinitionDigest digests, and the recipes.
func (s *Statement) definition() (definition map[string]any, recipes []any, err error) {
	b, err := ParseBuild(s)
	if err != nil {
		return nil, nil, err
	}
	build := map[string]any{"buildType": b.Type}
	external, internal := b.External, b.Internal
	for _, path := range perRun(b.Type) {
		switch parameters, rest, _ := strings.Cut(path, "."); parameters {
		case "externalParameters":
			external = without(external, rest)
		case "internalParameters":
			internal = without(internal, rest)
		}
	}
	if len(external) > 0 {
		build["externalParameters"] = external
	}
	if len(internal) > 0 {
		build["internalParameters"] = internal
	}
	if len(b.Dependencies) > 0 {
		if build["resolvedDependencies"], err = resources(b.Dependencies); err != nil {
			return nil, nil, err
		}
	}
	for name, raw := range b.Extensions["buildDefinition"] {
		if build[name], err = strictjson.Value(raw); err != nil {
			return nil, nil, fmt.Errorf("provenance: definition: extension %.100q: %w", name, err)
		}
	}
	subjects, err := resources(s.Subjects)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range b.Byproducts {
		if d.Name != recipeName {
			continue
		}
		recipe := canonical(&d)
		if v, err := strictjson.Value(d.Content); err == nil {
			// Its digest is that of the content.
			recipe = map[string]any{"name": d.Name, "content": v}
		}
		recipes = append(recipes, recipe)
	}
	return map[string]any{"subject": subjects, "predicateType": PredicateType, "buildDefinition": build}, recipes, nil
}

// perRun returns the parameters of a build type that are new in each run.
func perRun(buildType string) []string {
	const external, internal = "externalParameters.", "internalParameters."
	switch {
	case buildType == "https://buildkite.github.io/slsa-buildtypes/job/v1":
		return []string{external + "job", external + "step.id", internal + "buildkite.build_id", internal + "buildkite.build_number"}
	case buildType == "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1":
		return []string{internal + "systemSubstitutions.BUILD_ID"}
	case strings.HasPrefix(buildType, "https://github.com/slsa-framework/slsa-github-generator"),
		strings.HasPrefix(buildType, "https://github.com/npm/"):
		var paths []string
		for _, name := range []string{
			"github_run_id", "github_run_number", "github_run_attempt", "github_event_payload",
			"github_actor", "github_actor_id", "github_triggering_actor_id", "runner_name",
		} {
			paths = append(paths, internal+name, internal+strings.ToUpper(name))
		}
		return paths
	case strings.HasPrefix(buildType, "https://hallmark-dev.github.io/buildtypes/"):
		return []string{internal + "gitlab.job_id", internal + "gitlab.pipeline_id", internal + "gitlab.runner_id", internal + "ci.run_number"}
	}
	return nil
}

// without returns m without the member that path names, and without objects that
// are empty for it. It does not change m.
func without(m map[string]any, path string) map[string]any {
	name, rest, nested := strings.Cut(path, ".")
	v, ok := m[name]
	if !ok {
		return m
	}
	m = maps.Clone(m)
	if !nested {
		delete(m, name)
		return m
	}
	if inner, ok := v.(map[string]any); ok {
		m[name] = without(inner, rest)
		if len(m[name].(map[string]any)) == 0 {
			delete(m, name)
		}
	}
	return m
}

// canonical returns what of d says which resource it is.
func canonical(d *ResourceDescriptor) map[string]any {
	m := make(map[string]any)
	if d.Name != "" {
		m["name"] = d.Name
	}
	if d.URI != "" {
		m["uri"] = d.URI
	}
	if len(d.Digest) > 0 {
		digest := make(map[string]any, len(d.Digest))
		for algorithm, sum := range d.Digest {
			digest[algorithm] = sum
		}
		m["digest"] = digest
	}
	if d.Content != nil {
		m["content"] = d.Content
	}
	annotations := maps.Clone(d.Annotations)
	delete(annotations, annotationRepositoryFrom)
	delete(annotations, annotationCommitFrom)
	if len(annotations) > 0 {
		m["annotations"] = annotations
	}
	return m
}

// resources returns ds in the byte order of their JSON.
func resources(ds []ResourceDescriptor) ([]any, error) {
	type keyed struct {
		value any
		json  []byte
	}
	ks := make([]keyed, len(ds))
	for i := range ds {
		m := canonical(&ds[i])
		b, err := strictjson.Append(nil, m)
		if err != nil {
			return nil, fmt.Errorf("provenance: definition: %w", err)
		}
		ks[i] = keyed{m, b}
	}
	slices.SortFunc(ks, func(a, b keyed) int { return bytes.Compare(a.json, b.json) })
	list := make([]any, len(ks))
	for i, k := range ks {
		list[i] = k.value
	}
	return list, nil
}

// differences collects Differences.
type differences []Difference

// compare adds what differs between two values that were read from JSON; nil is
// none.
func (ds *differences) compare(path string, a, b any) {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			break
		}
		names := maps.Clone(x)
		maps.Copy(names, y)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			va, inA := x[name]
			vb, inB := y[name]
			at := member(path, name)
			if isResources(at) { // none is an empty list
				if !inA {
					va = []any{}
				}
				if !inB {
					vb = []any{}
				}
				inA, inB = true, true
			}
			if inA && inB {
				ds.compare(at, va, vb)
			} else {
				ds.add(at, inA, va, inB, vb)
			}
		}
		return
	case []any:
		y, ok := b.([]any)
		if !ok {
			break
		}
		if isResources(path) {
			ds.compareResources(path, x, y)
			return
		}
		for i := range max(len(x), len(y)) {
			at := fmt.Sprintf("%s[%d]", path, i)
			switch {
			case i >= len(x):
				ds.add(at, false, nil, true, y[i])
			case i >= len(y):
				ds.add(at, true, x[i], false, nil)
			default:
				ds.compare(at, x[i], y[i])
			}
		}
		return
	}
	ds.add(path, true, a, true, b)
}

// isResources reports whether the list at path is one of resources, in which the
// order means nothing.
func isResources(path string) bool {
	switch path {
	case "$.subject", "$.predicate.buildDefinition.resolvedDependencies", "$.predicate.runDetails.byproducts":
		return true
	}
	return false
}

// compareResources compares resources with those of the same name and URI. Of
// several with the same, those that are in both lists are passed over, and the
// others compared in their order.
func (ds *differences) compareResources(path string, a, b []any) {
	key := func(v any) string {
		m := v.(map[string]any)
		name, _ := m["name"].(string)
		uri, _ := m["uri"].(string)
		switch {
		case uri == "":
			return strconv.Quote(name)
		case name == "":
			return strconv.Quote(uri)
		}
		return strconv.Quote(name) + " " + strconv.Quote(uri)
	}
	as, bs := make(map[string][]any), make(map[string][]any)
	for _, v := range a {
		as[key(v)] = append(as[key(v)], v)
	}
	for _, v := range b {
		bs[key(v)] = append(bs[key(v)], v)
	}
	keys := maps.Clone(as)
	maps.Copy(keys, bs)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		x, y := missing(as[k], bs[k]), missing(bs[k], as[k])
		at := path + "[" + k + "]"
		for i := range max(len(x), len(y)) {
			switch {
			case i >= len(x):
				ds.add(at, false, nil, true, y[i])
			case i >= len(y):
				ds.add(at, true, x[i], false, nil)
			default:
				ds.compare(at, x[i], y[i])
			}
		}
	}
}

// missing returns what of a is not in b, as often as it is in a.
func missing(a, b []any) []any {
	key := func(v any) string {
		j, _ := strictjson.Append(nil, v) // it was read from JSON
		return string(j)
	}
	have := make(map[string]int)
	for _, v := range b {
		have[key(v)]++
	}
	var rest []any
	for _, v := range a {
		if k := key(v); have[k] > 0 {
			have[k]--
		} else {
			rest = append(rest, v)
		}
	}
	return rest
}

// add adds a difference at path, unless the values are equal.
func (ds *differences) add(path string, inA bool, a any, inB bool, b any) {
	text := func(in bool, v any) string {
		if !in {
			return ""
		}
		j, err := strictjson.Append(nil, v)
		if err != nil {
			return strconv.Quote(err.Error())
		}
		return string(j)
	}
	if x, y := text(inA, a), text(inB, b); x != y {
		*ds = append(*ds, Difference{hideUsers(path), hideUsers(x), hideUsers(y)})
	}
}

// shorten returns at most n bytes of s, without user information in URLs, which
// can be a secret, and quoted if it has what does not show: a line break, a
// control character.
func shorten(s string, n int) string {
	s = hideUsers(s)
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsGraphic(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// hideUsers returns s with an ellipsis in place of the user information of all
// URLs in it, but for "git", which is no secret.
func hideUsers(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "://")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("://")
		end := strings.IndexAny(after, "/?#\"\\ \n")
		if end < 0 {
			end = len(after)
		}
		if at := strings.LastIndexByte(after[:end], '@'); at >= 0 && after[:at] != "git" {
			b.WriteString("…")
			after = after[at:]
		}
		s = after
	}
}
