package provenance

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// Lint names known mistakes of programs that write provenance, in a statement
// of anybody: most of them make it say something else than was meant, or
// nothing. Where a program is known to make a mistake, or to have made it, the
// text names it. payload is that of an envelope, or a statement by itself; it
// need not be one that [Parse] reads.
//
// Lint finds what [Statement.Validate] cannot, because it guesses what was
// meant. It does not find all that Validate finds: a statement without
// mistakes can be invalid.
func Lint(payload []byte) []Problem {
	var l linter
	if len(payload) > MaxStatementSize {
		l.add(Error, "$", "%d bytes, at most %d are read", len(payload), MaxStatementSize)
		return l.problems
	}
	v, err := strictjson.Value(payload)
	if err != nil {
		text, err64 := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(payload)))
		if err64 == nil && len(text) > 0 && text[0] == '{' {
			l.add(Error, "$", "base64 of a statement, not the statement: the Buildkite plugin signs that")
		} else {
			l.add(Error, "$", "%v", err)
		}
		return l.problems
	}
	s, ok := v.(map[string]any)
	if !ok {
		l.add(Error, "$", "not an object")
		return l.problems
	}
	l.statement(s)
	return l.problems
}

// A linter collects the mistakes of one statement, which is a JSON value.
type linter struct{ problems }

func (l *linter) statement(s map[string]any) {
	if s["payload"] != nil && s["payloadType"] != nil {
		l.add(Error, "$", "an envelope, not the statement in it")
		return
	}
	typ, _ := s["_type"].(string)
	if typ == "" {
		typ, _ = s["type"].(string)
	}
	switch typ {
	case StatementType, StatementTypeV01, "": // missing is for Parse to say
	default:
		l.add(Error, "$._type", "%.200q is not a type of statements, want %q", typ, StatementType)
	}
	l.names("$", s, "_type", "subject", "predicateType", "predicate")

	predicateType, _ := s["predicateType"].(string)
	if predicateType == "" {
		predicateType, _ = s["predicate_type"].(string)
	}
	want := rightPredicateType(predicateType)
	switch {
	case predicateType == "":
	case want != predicateType:
		why := ""
		if predicateType == PredicateType+".0" {
			why = ", which go-witness writes"
		}
		l.add(Error, "$.predicateType", "%.200q%s, want %q", predicateType, why, want)
	case !strings.Contains(predicateType, ":"):
		l.add(Error, "$.predicateType", "%.200q has no scheme", predicateType)
	}
	if typ == StatementTypeV01 && want == PredicateType {
		l.add(Note, "$._type", "version 0.1 of the statement around version 1 of provenance, as gitlab-runner and npm wrote it")
	}
	l.resources("$.subject", s["subject"], want)

	predicate, ok := s["predicate"].(map[string]any)
	switch {
	case !ok && s["slsaProvenance"] != nil:
		l.add(Warning, "$.slsaProvenance", "Google Cloud Build shows the predicate here; the one that it signed is in an envelope")
	case !ok:
	case predicate["predicateType"] != nil && predicate["subject"] != nil:
		l.add(Error, "$.predicate", "a whole statement instead of its predicate")
	case want == PredicateType:
		l.build(predicate)
	case want == PredicateTypeV02 || want == PredicateTypeV01:
		l.oldBuild(predicate, want)
	}
}

// jsonOfProtobuf is how names in snake case and times in seconds come about.
const jsonOfProtobuf = "encoding/json wrote a protocol buffer, as in go-witness and melange"

// rightPredicateType returns the predicate type that was probably meant.
func rightPredicateType(t string) string {
	version, ok := strings.CutPrefix(strings.Replace(t, "http://", "https://", 1), "https://slsa.dev/provenance/")
	if !ok {
		if t == "https://in-toto.io/Provenance/v0.1" || t == "https://in-toto.io/provenance/v0.1" {
			return PredicateTypeV01
		}
		return t
	}
	version, _, _ = strings.Cut(version, "?")
	switch strings.TrimPrefix(strings.TrimSuffix(version, "/"), "v") {
	case "1", "1.0", "1.1", "1.2":
		return PredicateType
	case "0.2":
		return PredicateTypeV02
	case "0.1":
		return PredicateTypeV01
	}
	return t
}

// names reports members of o that are known ones in another spelling.
func (l *linter) names(at string, o map[string]any, known ...string) {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		k := mistaken(name, known...)
		switch {
		case k == "" || k == name:
		case name == "invocationID" || name == "buildInvocationID":
			l.add(Note, member(at, name), "want %s: in-toto-golang wrote it so", k)
		case strings.Contains(name, "_") != strings.Contains(k, "_"):
			l.add(Error, member(at, name), "want %s: %s", k, jsonOfProtobuf)
		default:
			l.add(Error, member(at, name), "want %s: some readers take it for that, and others for nothing", k)
		}
	}
}

// object returns the member of o by its name, in camel case or snake case, if it
// is an object, and its path.
func object(at string, o map[string]any, name, snake string) (string, map[string]any) {
	if v, ok := o[snake].(map[string]any); ok && o[name] == nil {
		return at + "." + snake, v
	}
	v, _ := o[name].(map[string]any)
	return at + "." + name, v
}

// either returns the member of o by its name, in camel case or snake case, and
// its path.
func either(at string, o map[string]any, name, snake string) (string, any) {
	if v, ok := o[snake]; ok && o[name] == nil {
		return at + "." + snake, v
	}
	return at + "." + name, o[name]
}

func (l *linter) build(predicate map[string]any) {
	l.names("$.predicate", predicate, extensible("")...)
	at, definition := object("$.predicate", predicate, "buildDefinition", "build_definition")
	l.names(at, definition, extensible("buildDefinition")...)
	_, buildType := either(at, definition, "buildType", "build_type")
	path, external := object(at, definition, "externalParameters", "external_parameters")
	l.parameters(path, external)
	if buildType == any("https://buildkite.github.io/slsa-buildtypes/job/v1") {
		_, build := object(path, external, "build", "build")
		if commit, ok := build["commit"].(string); ok && !isCommit(commit) {
			l.add(Error, path+".build.commit", "%.100q is not a commit: the Buildkite plugin writes what the job was asked for", commit)
		}
	}
	path, internal := object(at, definition, "internalParameters", "internal_parameters")
	l.environment(path, internal)
	if buildType == any("https://actions.github.io/buildtypes/workflow/v1") {
		_, github := object(path, internal, "github", "github")
		switch event, _ := github["event_name"].(string); event {
		case "", "create", "release", "push", "workflow_dispatch":
		default:
			l.add(Warning, path+".github.event_name", "%.100q: the build type is not for this event, although actions/attest uses it for all", event)
		}
	}
	path, dependencies := either(at, definition, "resolvedDependencies", "resolved_dependencies")
	l.resources(path, dependencies, PredicateType)

	at, run := object("$.predicate", predicate, "runDetails", "run_details")
	l.names(at, run, extensible("runDetails")...)
	path, builder := object(at, run, "builder", "builder")
	l.names(path, builder, extensible("runDetails.builder")...)
	l.builder(path, builder)
	path, dependencies = either(path, builder, "builderDependencies", "builder_dependencies")
	l.resources(path, dependencies, PredicateType)
	path, metadata := object(at, run, "metadata", "metadata")
	l.names(path, metadata, extensible("runDetails.metadata")...)
	for _, name := range []string{"invocationId", "invocationID", "invocation_id"} {
		l.invocation(path, metadata, name)
	}
	for _, name := range []string{"startedOn", "started_on", "finishedOn", "finished_on"} {
		l.time(path, metadata, name)
	}
	path, byproducts := either(at, run, "byproducts", "byproducts")
	l.resources(path, byproducts, PredicateType)
}

func (l *linter) oldBuild(predicate map[string]any, predicateType string) {
	const at = "$.predicate"
	call, known := "invocation", []string{"builder", "buildType", "invocation", "buildConfig", "metadata", "materials"}
	if predicateType == PredicateTypeV01 {
		call, known = "recipe", []string{"builder", "recipe", "metadata", "materials"}
	}
	l.names(at, predicate, known...)
	path, builder := object(at, predicate, "builder", "builder")
	l.names(path, builder, "id")
	l.builder(path, builder)
	path, o := object(at, predicate, call, call)
	if call == "recipe" {
		l.names(path, o, "type", "definedInMaterial", "entryPoint", "arguments", "environment")
	} else {
		l.names(path, o, "configSource", "parameters", "environment")
		path, config := object(path, o, "configSource", "config_source")
		l.names(path, config, "uri", "digest", "entryPoint")
		if config != nil {
			l.resource(path, config, predicateType)
		}
		_, parameters := object(path, o, "parameters", "parameters")
		l.parameters(at+"."+call+".parameters", parameters)
	}
	path, environment := object(path, o, "environment", "environment")
	l.environment(path, environment)
	path, metadata := object(at, predicate, "metadata", "metadata")
	l.names(path, metadata, "buildInvocationId", "buildStartedOn", "buildFinishedOn", "completeness", "reproducible")
	for _, name := range []string{"buildInvocationId", "buildInvocationID", "build_invocation_id"} {
		l.invocation(path, metadata, name)
	}
	for _, name := range []string{"buildStartedOn", "build_started_on", "buildFinishedOn", "build_finished_on"} {
		l.time(path, metadata, name)
	}
	completeness, _ := metadata["completeness"].(map[string]any)
	if metadata["reproducible"] == any(true) && len(completeness) == 3 && !slices.ContainsFunc(slices.Collect(maps.Values(completeness)), func(v any) bool { return v != any(true) }) {
		l.add(Warning, path, "claims to be complete and reproducible, which the Jenkins plugin always does")
	}
	l.resources(at+".materials", predicate["materials"], predicateType)
}

func (l *linter) builder(at string, builder map[string]any) {
	if id, _ := builder["id"].(string); id == "" {
		l.add(Error, at+".id", "no builder, which BuildKit leaves empty unless it is told")
	}
}

func (l *linter) invocation(at string, metadata map[string]any, name string) {
	if id, _ := metadata[name].(string); id != "" && strings.Trim(id, "0123456789") == "" {
		l.add(Note, member(at, name), "a number, which is not unique: gitlab-runner writes that of the job")
	}
}

func (l *linter) time(at string, metadata map[string]any, name string) {
	if t, ok := metadata[name].(map[string]any); ok && (t["seconds"] != nil || t["nanos"] != nil || len(t) == 0) {
		l.add(Error, member(at, name), "an object, want RFC 3339: %s", jsonOfProtobuf)
	}
}

// parameters reports external parameters that have names and no values.
func (l *linter) parameters(at string, parameters map[string]any) {
	for _, v := range parameters {
		if v != any("") {
			return
		}
	}
	if len(parameters) > 1 {
		l.add(Warning, at, "every parameter is blank, as gitlab-runner makes them")
	}
}

// environment reports what looks like a whole environment.
func (l *linter) environment(at string, parameters map[string]any) {
	for _, c := range []struct {
		at   string
		vars any
	}{{at, parameters}, {at + ".env", parameters["env"]}, {at + ".environment", parameters["environment"]}, {at + ".variables", parameters["variables"]}} {
		vars, _ := c.vars.(map[string]any)
		upper := 0
		for name := range vars {
			if name == strings.ToUpper(name) {
				upper++
			}
		}
		if vars["PATH"] != nil || vars["HOME"] != nil || upper > 40 {
			l.add(Warning, c.at, "looks like all of an environment, which can have secrets: go-witness and npm write it")
		}
	}
}

func (l *linter) resources(at string, list any, predicateType string) {
	elements, _ := list.([]any)
	for i, e := range elements {
		path := fmt.Sprintf("%s[%d]", at, i)
		if o, ok := e.(map[string]any); ok {
			l.names(path, o, descriptorMembers()...)
			l.resource(path, o, predicateType)
		}
	}
}

func (l *linter) resource(at string, o map[string]any, predicateType string) {
	uri, _ := o["uri"].(string)
	name, _ := o["name"].(string)
	digest, _ := o["digest"].(map[string]any)
	if len(o) == 0 && strings.HasSuffix(at, "]") {
		l.add(Warning, at, "an empty resource, which Google Cloud Build writes")
	}
	scheme, rest, _ := strings.Cut(uri, ":")
	switch {
	case uri == "":
		if isGit(name) && len(digest) > 0 {
			l.add(Note, at+".name", "a repository as the name, want it as the uri: oss-rebuild writes it so")
		}
	case strings.Contains(scheme, "@") && !strings.Contains(scheme, "/"):
		l.add(Error, at+".uri", "user@host:path is not a URI: the Buildkite plugin writes it so")
	case rest == "" || strings.ContainsAny(scheme, "/."):
		l.add(Warning, at+".uri", "no scheme: Google Cloud Build writes images so")
	}
	for _, algorithm := range slices.Sorted(maps.Keys(digest)) {
		if value, ok := digest[algorithm].(string); ok {
			l.digest(member(at+".digest", algorithm), algorithm, value, isGit(uri), predicateType)
		}
	}
}

// digest names what is wrong with one digest. git says that it is one of a git
// repository.
func (l *linter) digest(at, algorithm, value string, git bool, predicateType string) {
	length := len(value)
	if strings.Trim(value, "0123456789abcdefABCDEF") != "" {
		length = 0
	}
	switch {
	case algorithm == "dirHash1":
		l.add(Note, at, "want dirHash")
	case misspelled(algorithm) && !hallmark.KnownAlgorithm(algorithm):
		l.add(Error, at, "%.50q is not the name of an algorithm: they are in lower case, without a hyphen", algorithm)
	case strings.HasPrefix(value, algorithm+":"):
		l.add(Error, at, "the algorithm is in the digest too")
	case algorithm == "sha256" && length == 40:
		l.add(Error, at, "a SHA-1 under sha256: gitlab-runner puts commits there, which belong under gitCommit")
	case algorithm == "sha1" && length == 64:
		l.add(Error, at, "a SHA-256 under sha1: a commit of a SHA-256 repository belongs under gitCommit")
	case algorithm == "sha256" && length == 64 && git:
		l.add(Warning, at, "of a git repository: a commit belongs under gitCommit")
	case algorithm == "sha1" && length == 40 && git && predicateType == PredicateType:
		l.add(Note, at, "of a git repository: a commit belongs under gitCommit")
	case algorithm == "gitCommit" && length == 0:
		l.add(Error, at, "%.100q is not a commit", value)
	case length > 0 && value != strings.ToLower(value):
		l.add(Error, at, "not in lower case")
	case length == 0 && hallmark.KnownAlgorithm(algorithm):
		if sum, err := base64.StdEncoding.DecodeString(value); err == nil && hallmark.KnownAlgorithm(algorithm) {
			if _, err := hallmark.ParseDigest(fmt.Sprintf("%s:%x", algorithm, sum)); err == nil {
				l.add(Error, at, "base64, want hexadecimal")
			}
		}
	}
}

// isGit reports whether uri is one of a git repository.
func isGit(uri string) bool {
	rest, _, _ := strings.Cut(uri, "@refs/")
	return strings.HasPrefix(uri, "git+") || strings.HasPrefix(uri, "git://") || strings.HasPrefix(uri, "git@") || strings.HasSuffix(rest, ".git")
}

// isCommit reports whether s has the form of a git object's name.
func isCommit(s string) bool {
	_, err := hallmark.ParseDigest("gitCommit:" + s)
	return err == nil
}
