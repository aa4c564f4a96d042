package provenance_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

const (
	shaA    = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	shaB    = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
	commitA = "283bf967fa3c591925dd25e6a6e8e781542117bf"
	commitB = "b9f0fb3fdbb94c9d24b2c75b49663122a529e123"
)

func digest(t testing.TB, s string) hallmark.Digest {
	t.Helper()
	d, err := hallmark.ParseDigest(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func app(t testing.TB) hallmark.Artifact {
	t.Helper()
	return hallmark.Artifact{Name: "app", Digests: []hallmark.Digest{digest(t, "sha256:"+shaA)}}
}

// subjects is the list that most cases need, with one subject.
const subjects = `"subject":[{"name":"app","digest":{"sha256":"` + shaA + `"}}]`

// build is a predicate in which nothing is wrong, but for the members that a
// case replaces.
func build(replace map[string]string) string {
	member := map[string]string{
		"type":     `"buildType":"https://example.com/type/v1"`,
		"external": `"externalParameters":{"source":{"repository":"https://example.com/r"}}`,
		"more":     "",
		"builder":  `"builder":{"id":"https://example.com/builder"}`,
		"run":      "",
	}
	for name, text := range replace {
		member[name] = text
	}
	join := func(names ...string) string {
		var texts []string
		for _, n := range names {
			if member[n] != "" {
				texts = append(texts, member[n])
			}
		}
		return strings.Join(texts, ",")
	}
	return `{"buildDefinition":{` + join("type", "external", "more") + `},"runDetails":{` + join("builder", "run") + `}}`
}

func TestValidate(t *testing.T) {
	const definition, run = "$.predicate.buildDefinition", "$.predicate.runDetails"
	subject := func(members string) *provenance.Statement {
		return parse(t, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"`+shaB+`"}},{`+members+`}],"predicateType":"https://example.com/p"}`)
	}
	typed := func(predicateType string) *provenance.Statement {
		return &provenance.Statement{Subjects: parse(t, statement("{}")).Subjects, PredicateType: predicateType}
	}
	slsa := func(replace map[string]string) *provenance.Statement { return parse(t, statement(build(replace))) }
	old := func(version, predicate string) *provenance.Statement {
		return parse(t, strings.Replace(statement(predicate), "provenance/v1", "provenance/v"+version, 1))
	}
	good := `"digest":{"sha256":"` + shaA + `"}`
	many := make(map[string]string)
	for i := range provenance.MaxDigests + 1 {
		many[fmt.Sprintf("id%02d", i)] = "x"
	}

	for _, c := range []struct {
		name string
		s    *provenance.Statement
		want []string // severity path: text
	}{
		{"nothing wrong", slsa(nil), nil},
		{"nothing at all", &provenance.Statement{}, []string{
			"error $.subject: no subject",
			"error $.predicateType: missing",
		}},

		// Subjects.
		{"too many subjects", &provenance.Statement{Subjects: make([]provenance.ResourceDescriptor, provenance.MaxSubjects+1)}, []string{
			"error $.subject: 100001 subjects, at most 100000 can be read",
		}},
		{"same name twice", parse(t, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a",`+good+`},{"name":"a",`+good+`}],"predicateType":"https://example.com/p"}`), []string{
			`error $.subject[1].name: "a" is also the name of subject 0`,
		}},
		{"no name twice", subject(good), nil},
		{"same uri twice", parse(t, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"uri":"a:b",`+good+`},{"uri":"a:b",`+good+`}],"predicateType":"https://example.com/p"}`), []string{
			`warning $.subject[1].uri: "a:b" is also the uri of subject 0`,
		}},
		{"no digest", subject(`"name":"app","uri":"https://example.com/app"`), []string{
			"error $.subject[1].digest: a subject needs a digest",
		}},
		{"nothing in a subject", subject(""), []string{
			"error $.subject[1].digest: a subject needs a digest",
			"error $.subject[1]: a resource needs a uri, a digest or content",
		}},
		{"only broken algorithms", subject(`"digest":{"md5":"d41d8cd98f00b204e9800998ecf8427e","sha1":"da39a3ee5e6b4b0d3255bfef95601890afd80709"}`), []string{
			"error $.subject[1].digest: no digest but by broken or unknown algorithms",
		}},
		{"only an unknown algorithm", subject(`"digest":{"arn":"arn:aws:s3"}`), []string{
			"error $.subject[1].digest: no digest but by broken or unknown algorithms",
			`warning $.subject[1].digest.arn: malformed digest "arn:arn:aws:s3": unknown algorithm "arn"`,
		}},
		{"a commit", subject(`"digest":{"gitCommit":"` + commitA + `"}`), nil},
		{"a commit of a SHA-256 repository", subject(`"digest":{"gitCommit":"` + shaA + `"}`), nil},

		// Digests.
		{"unknown algorithm beside a known one", subject(`"digest":{"sha256":"` + shaA + `","arn":"x"}`), []string{
			`warning $.subject[1].digest.arn: malformed digest "arn:x": unknown algorithm "arn"`,
		}},
		{"algorithm in another spelling", subject(`"digest":{"sha256":"` + shaA + `","SHA-256":"` + shaB + `"}`), []string{
			`error $.subject[1].digest.SHA-256: malformed digest "SHA-256:` + shaB + `": unknown algorithm "SHA-256"`,
		}},
		{"algorithm with hyphens", subject(`"digest":{"sha256":"` + shaA + `","sha3-256":"` + shaB + `"}`), []string{
			`error $.subject[1].digest.sha3-256: malformed digest "sha3-256:` + shaB + `": unknown algorithm "sha3-256"`,
		}},
		{"upper case", subject(`"digest":{"sha512":"` + strings.Repeat("0", 128) + `","sha256":"` + strings.ToUpper(shaA) + `"}`), []string{
			`error $.subject[1].digest.sha256: malformed digest "sha256:` + strings.ToUpper(shaA) + `": not lower-case hexadecimal`,
		}},
		{"too short", subject(`"digest":{"sha512":"` + strings.Repeat("0", 128) + `","sha256":"9f86"}`), []string{
			`error $.subject[1].digest.sha256: malformed digest "sha256:9f86": 4 digits, want [64]`,
		}},
		{"too many digests", &provenance.Statement{
			Subjects: []provenance.ResourceDescriptor{{Digest: many}}, PredicateType: "a:b",
		}, append([]string{
			"error $.subject[0].digest: no digest but by broken or unknown algorithms",
			"error $.subject[0].digest: 33 digests, at most 32 can be read",
		}, unknown(many)...)},

		{"the other name of dirHash", &provenance.Statement{
			Subjects: []provenance.ResourceDescriptor{{Digest: provenance.DigestSet{"dirHash1": shaA}}}, PredicateType: "a:b",
		}, nil},
		{"both names of dirHash", &provenance.Statement{
			Subjects: []provenance.ResourceDescriptor{{Digest: provenance.DigestSet{"dirHash1": shaA, "dirHash": shaB}}}, PredicateType: "a:b",
		}, []string{"error $.subject[0].digest.dirHash1: another digest than dirHash"}},

		// The rest of a resource.
		{"uri that is a path", subject(good + `,"uri":"dist/app"`), []string{
			`error $.subject[1].uri: "dist/app" is not an absolute URI`,
		}},
		{"download location that is a path", subject(good + `,"downloadLocation":"dist/app"`), []string{
			`error $.subject[1].downloadLocation: "dist/app" is not an absolute URI`,
		}},
		{"content of 1 KiB", &provenance.Statement{
			Subjects:      []provenance.ResourceDescriptor{{Digest: provenance.DigestSet{"sha256": shaA}, Content: make([]byte, 1<<10)}},
			PredicateType: "a:b",
		}, []string{
			"warning $.subject[0].content: 1024 bytes, should be under 1 KiB",
		}},

		{"extension", subject(good + `,"acme_x":1`), nil},
		{"extension without a vendor", subject(good + `,"x":1,"_x":1,"x_":1,"a.b":1,"":1`), []string{
			`warning $.subject[1]."": neither a member that SLSA and in-toto name nor an extension, vendor_field`,
			`warning $.subject[1]._x: neither a member that SLSA and in-toto name nor an extension, vendor_field`,
			`warning $.subject[1]."a.b": neither a member that SLSA and in-toto name nor an extension, vendor_field`,
			`warning $.subject[1].x: neither a member that SLSA and in-toto name nor an extension, vendor_field`,
			`warning $.subject[1].x_: neither a member that SLSA and in-toto name nor an extension, vendor_field`,
		}},
		{"extension that protocol buffers know", subject(good + `,"media_type":"x/y"`), []string{
			`error $.subject[1].media_type: some readers take it for mediaType`,
		}},

		// Versions.
		{"version 0.1", parse(t, `{"_type":"https://in-toto.io/Statement/v0.1","subject":[{`+good+`}],"predicateType":"a:b"}`), []string{
			"warning $.subject[0].name: missing, which only later versions allow",
		}},
		{"type under another name", parse(t, `{"type":"https://in-toto.io/Statement/v1","subject":[{`+good+`}],"predicateType":"a:b"}`), []string{
			"warning $.type: read as _type, which is missing",
		}},

		// URIs.
		{"uri without a scheme", typed("example.com/p"), []string{`error $.predicateType: "example.com/p" is not an absolute URI`}},
		{"uri with nothing behind the scheme", typed("https:"), []string{`error $.predicateType: "https:" is not an absolute URI`}},
		{"uri whose scheme is a number", typed("127.0.0.1:80/p"), []string{`error $.predicateType: "127.0.0.1:80/p" is not an absolute URI`}},
		{"uri with another character in the scheme", typed("a_b:c"), []string{`error $.predicateType: "a_b:c" is not an absolute URI`}},
		{"uri with a space", typed("https://example.com/a b"), []string{`error $.predicateType: "https://example.com/a b" has a character that no URI has`}},
		{"uri with a quotation mark", typed(`https://example.com/"`), []string{`error $.predicateType: "https://example.com/\"" has a character that no URI has`}},
		{"uri with a newline", typed("https://example.com/\n"), []string{`error $.predicateType: "https://example.com/\n" has a character that no URI has`}},
		{"uri with a password", typed("https://user:secret@example.com/p"), []string{`error $.predicateType: "https://…@example.com/p" has user information, which can be a secret`}},
		{"uri with a token", typed("https://token@example.com?p"), []string{`error $.predicateType: "https://…@example.com?p" has user information, which can be a secret`}},
		{"uri with a password in capitals", typed("https://USER:SECRET@example.com/p"), []string{`error $.predicateType: "https://…@example.com/p" has user information, which can be a secret`}},
		{"secret before a host and a path", typed("secret@example.com/p"), []string{`error $.predicateType: "…@example.com/p" is not an absolute URI`}},
		{"secret without a scheme", typed("//user:secret@example.com/p"), []string{`error $.predicateType: "…@example.com/p" is not an absolute URI`}},
		{"secrets in two subjects", subject(`"name":"ssh://secret@a.example","uri":"ssh://secret@a.example","digest":{"sha256":"` + shaA + `"}},{"name":"ssh://secret@a.example","uri":"ssh://secret@a.example","digest":{"sha256":"` + shaA + `"}`), []string{
			`error $.subject[1].uri: "ssh://…@a.example" has user information, which can be a secret`,
			`error $.subject[2].name: "ssh://…@a.example" is also the name of subject 1`,
			`warning $.subject[2].uri: "ssh://…@a.example" is also the uri of subject 1`,
			`error $.subject[2].uri: "ssh://…@a.example" has user information, which can be a secret`,
		}},
		{"uri with git's user", typed("git+ssh://git@example.com/p"), nil},
		{"uri with an at sign in its path", typed("https://example.com/a@b"), nil},
		{"secret before a host", typed("secret@example.com:p"), []string{`error $.predicateType: "…@example.com:p" is not an absolute URI`}},
		{"path that an image has", typed("example.com/image@sha256:1"), []string{`error $.predicateType: "example.com/image@sha256:1" is not an absolute URI`}},
		{"uri with a letter beyond ASCII", typed("https://example.com/ä"), []string{`warning $.predicateType: "https://example.com/ä" has characters that ought to be escaped`}},
		{"uri with a percent sign", typed("https://example.com/100%"), []string{`warning $.predicateType: "https://example.com/100%" has characters that ought to be escaped`}},
		{"uri with an escape", typed("https://example.com/%7Ea%2f"), nil},
		{"scheme in upper case", typed("HTTPS://example.com/p"), []string{`error $.predicateType: the scheme of "HTTPS://example.com/p" is not in lower case`}},
		{"authority in upper case", typed("https://Example.com/p"), []string{`error $.predicateType: the authority of "https://Example.com/p" is not in lower case`}},
		{"path in upper case", typed("https://example.com/P"), nil},
		{"query in upper case", typed("https://example.com?P"), nil},
		{"fragment in upper case", typed("https://example.com#P"), nil},
		{"no authority", typed("urn:Example:P"), nil},

		// Predicates.
		{"no predicate", typed("https://example.com/p"), nil},
		{"provenance without a predicate", typed(provenance.PredicateType), []string{"error $.predicate: provenance without a predicate"}},
		{"predicate that is no object", &provenance.Statement{
			Subjects: typed("a:b").Subjects, PredicateType: "a:b", Predicate: json.RawMessage(`[]`),
		}, []string{"error $.predicate: $ (byte 0): not an object"}},
		{"predicate that is no JSON", &provenance.Statement{
			Subjects: typed("a:b").Subjects, PredicateType: "a:b", Predicate: json.RawMessage(`{"a":1,"a":2}`),
		}, []string{`error $.predicate: $ (byte 10): member "a" occurs twice`}},

		// SLSA Build provenance.
		{"empty build", parse(t, statement(`{}`)), []string{
			"error " + definition + ".buildType: missing",
			"error " + definition + ".externalParameters: missing or empty",
			"error " + run + ".builder.id: missing",
		}},
		{"build that cannot be read", parse(t, statement(`{"runDetails":{"metadata":{"startedOn":"today"}}}`)), []string{
			`error $.predicate: malformed provenance: $.runDetails.metadata.startedOn (byte 46): malformed time "today", want RFC 3339`,
		}},
		{"build type that is no URI", slsa(map[string]string{"type": `"buildType":"go build"`}), []string{
			`error ` + definition + `.buildType: "go build" is not an absolute URI`,
		}},
		{"no external parameters", slsa(map[string]string{"external": `"externalParameters":null`}), []string{
			"error " + definition + ".externalParameters: missing or empty",
		}},
		{"empty external parameters", slsa(map[string]string{"external": `"externalParameters":{}`}), []string{
			"error " + definition + ".externalParameters: missing or empty",
		}},
		{"a parameter that is both", slsa(map[string]string{"more": `"internalParameters":{"source":1}`}), []string{
			`warning ` + definition + `.internalParameters: "source" is an external parameter too`,
		}},
		{"empty dependency", slsa(map[string]string{"more": `"resolvedDependencies":[{"uri":"a:b"},{}]`}), []string{
			"error " + definition + ".resolvedDependencies[1]: a resource needs a uri, a digest or content",
		}},
		{"dependency with nothing but a name", slsa(map[string]string{"more": `"resolvedDependencies":[{"name":"x"}]`}), []string{
			"error " + definition + ".resolvedDependencies[0]: a resource needs a uri, a digest or content",
		}},
		{"dependency with nothing but content", slsa(map[string]string{"more": `"resolvedDependencies":[{"content":""}]`}), nil},
		{"builder that is no URI", slsa(map[string]string{"builder": `"builder":{"id":"me"}`}), []string{
			`error ` + run + `.builder.id: "me" is not an absolute URI`,
		}},
		{"builder dependency", slsa(map[string]string{"builder": `"builder":{"id":"a:b","builderDependencies":[{"uri":"x"}]}`}), []string{
			`error ` + run + `.builder.builderDependencies[0].uri: "x" is not an absolute URI`,
		}},
		{"finished before it started", slsa(map[string]string{"run": `"metadata":{"startedOn":"2026-01-02T03:04:05Z","finishedOn":"2026-01-02T04:04:04+01:00"}`}), []string{
			"error " + run + ".metadata.finishedOn: 2026-01-02T03:04:04Z is before startedOn",
			"warning " + run + ".metadata.finishedOn: 2026-01-02T04:04:04+01:00 is not in UTC, with a Z at its end",
		}},
		{"empty byproduct", slsa(map[string]string{"run": `"byproducts":[{"uri":"a:b"},{}]`}), []string{
			"error " + run + ".byproducts[1]: a resource needs a uri, a digest or content",
		}},
		{"extensions of a build", slsa(map[string]string{
			"more":    `"acme_x":{}`,
			"builder": `"builder":{"id":"a:b","acme":"1"}`,
			"run":     `"metadata":{"acme_x":1}`,
		}), []string{"warning " + run + ".builder.acme: neither a member that SLSA and in-toto name nor an extension, vendor_field"}},
		{"extensions that protocol buffers know", slsa(map[string]string{
			"more": `"build_type":"a:b"`,
			"run":  `"metadata":{"invocation_id":"1"}`,
		}), []string{
			"error " + definition + ".build_type: some readers take it for buildType",
			"error " + run + ".metadata.invocation_id: some readers take it for invocationId",
		}},
		{"the old name of the invocation", slsa(map[string]string{"run": `"metadata":{"invocationID":"1"}`}), []string{
			"note " + run + ".metadata.invocationID: read as invocationId",
		}},

		// Older versions of it.
		{"version 0.2", old("0.2", `{"builder":{"id":"a:b"},"buildType":"a:b","materials":[{},{"uri":"git+https://example.com/r"}]}`), []string{
			"note $.predicate: read as version 1, by the migration table of SLSA",
			`warning $.predicate.buildType: "a:b" does not describe the parameters of version 1`,
		}},
		{"nothing of version 0.2", old("0.2", `{}`), []string{
			"error $.predicate.builder.id: missing",
			"error $.predicate.buildType: missing",
			"note $.predicate: read as version 1, by the migration table of SLSA",
		}},
		{"nothing of version 0.1", old("0.1", `{}`), []string{
			"error $.predicate.builder.id: missing",
			"error $.predicate.recipe.type: missing",
			"note $.predicate: read as version 1, by the migration table of SLSA",
		}},
		{"values of version 0.2", old("0.2", `{"builder":{"id":"me"},"buildType":"make","invocation":{"configSource":{"uri":"src"}},`+
			`"metadata":{"buildStartedOn":"2026-01-02T03:04:05Z","buildFinishedOn":"2026-01-02T03:04:04Z"},"materials":[{},{"uri":"x","digest":{"sha256":"1"}}]}`), []string{
			`error $.predicate.builder.id: "me" is not an absolute URI`,
			`error $.predicate.buildType: "make" is not an absolute URI`,
			`error $.predicate.invocation.configSource.uri: "src" is not an absolute URI`,
			"error $.predicate.metadata.buildFinishedOn: 2026-01-02T03:04:04Z is before buildStartedOn",
			`error $.predicate.materials[1].uri: "x" is not an absolute URI`,
			`error $.predicate.materials[1].digest.sha256: malformed digest "sha256:1": 1 digits, want [64]`,
			"note $.predicate: read as version 1, by the migration table of SLSA",
			`warning $.predicate.buildType: "make" does not describe the parameters of version 1`,
		}},
		{"the other name of the invocation in version 0.2", old("0.2", `{"builder":{"id":"a:b"},"buildType":"a:b","metadata":{"buildInvocationID":"1"}}`), []string{
			"note $.predicate: read as version 1, by the migration table of SLSA",
			"note $.predicate.metadata.buildInvocationID: read as buildInvocationId",
			`warning $.predicate.buildType: "a:b" does not describe the parameters of version 1`,
		}},
		{"version 0.2 with a secret", old("0.2", `{"builder":{"id":"a:b"},"buildType":"https://secret@a.example"}`), []string{
			`error $.predicate.buildType: "https://…@a.example" has user information, which can be a secret`,
			"note $.predicate: read as version 1, by the migration table of SLSA",
			`warning $.predicate.buildType: "https://…@a.example" does not describe the parameters of version 1`,
		}},
		{"version 0.2 that cannot be read", old("0.2", `{"builder":[]}`), []string{
			"error $.predicate: malformed provenance: $.builder (byte 11): want an object, got an array",
		}},
		{"version 0.2 without a predicate", &provenance.Statement{Subjects: typed("a:b").Subjects, PredicateType: provenance.PredicateTypeV02}, []string{
			"error $.predicate: provenance without a predicate",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			failed := false
			for _, p := range c.s.Validate() {
				got = append(got, p.Severity.String()+" "+p.String())
				failed = failed || p.Severity == provenance.Error
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(c.want, "\n\t"))
			}
			if _, err := c.s.Marshal(); (err != nil) != failed {
				t.Errorf("Marshal: error %v, but Validate finds an error: %v", err, failed)
			}
		})
	}
}

// unknown returns the warnings about the digests in set, none of which has a
// known algorithm.
func unknown(set map[string]string) []string {
	var ws []string
	for name, value := range set {
		ws = append(ws, fmt.Sprintf("warning $.subject[0].digest.%s: malformed digest %q: unknown algorithm %q", name, name+":"+value, name))
	}
	slices.Sort(ws)
	return ws
}

// statement returns provenance with a predicate.
func statement(predicate string) string {
	return `{"_type":"https://in-toto.io/Statement/v1",` + subjects + `,"predicateType":"https://slsa.dev/provenance/v1","predicate":` + predicate + `}`
}

func parse(t testing.TB, text string) *provenance.Statement {
	t.Helper()
	s, err := provenance.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParseRefuses(t *testing.T) {
	const typ, predicateType = `"_type":"https://in-toto.io/Statement/v1"`, `"predicateType":"https://example.com/p"`
	all := func(members ...string) string { return "{" + strings.Join(members, ",") + "}" }
	subject := func(text string) string { return all(typ, `"subject":`+text, predicateType) }
	if _, err := provenance.Parse([]byte(all(typ, subjects, predicateType, `"predicate":{}`))); err != nil {
		t.Fatalf("the statement without a fault: %v", err)
	}
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "malformed statement: $ (byte 0): want an object, got the end"},
		{"an array", "[]", "malformed statement: $ (byte 0): want an object, got an array"},
		{"data after the end", all(typ, subjects, predicateType) + "{}", "data after the end of the document"},
		{"half a statement", `{"_type":"https://in-toto.io/Statement/v1"`, "got the end"},
		{"byte order mark", "\ufeff" + all(typ, subjects, predicateType), "want an object"},
		{"bytes that are not UTF-8", all(typ, subjects, predicateType, "\"x\":\"\xff\""), "string is not UTF-8"},
		{"half a surrogate pair", all(typ, subjects, predicateType, `"x":"\ud800"`), "half a surrogate pair"},
		{"nested too deep", all(typ, subjects, predicateType, `"x":`+strings.Repeat("[", 200)+strings.Repeat("]", 200)), "nested deeper than 100"},
		{"number out of range", all(typ, subjects, predicateType, `"predicate":{"x":1e999}`), "number out of range"},

		{"no type", all(subjects, predicateType), `malformed statement: _type "", want "https://in-toto.io/Statement/v1"`},
		{"empty type beside another name for it", all(`"_type":""`, `"type":"https://in-toto.io/Statement/v1"`, subjects, predicateType), `malformed statement: _type "", want`},
		{"another type", all(`"_type":"https://in-toto.io/Statement/v0.2"`, subjects, predicateType), `malformed statement: _type "https://in-toto.io/Statement/v0.2", want "https://in-toto.io/Statement/v1" or "https://in-toto.io/Statement/v0.1"`},
		{"type in another case", all(`"_type":"https://in-toto.io/statement/v1"`, subjects, predicateType), "malformed statement: _type"},
		{"type that is no string", all(`"_type":1`, subjects, predicateType), "$._type (byte 9): want a string, got a number"},
		{"no subject", all(typ, predicateType), "malformed statement: no subject"},
		{"empty subject", subject("[]"), "malformed statement: no subject"},
		{"null subject", subject("null"), "malformed statement: no subject"},
		{"subject that is an object", subject(`{"name":"app"}`), "$.subject (byte 53): want an array, got an object"},
		{"subject that is a list of strings", subject(`["app"]`), "$.subject[0] (byte 54): want an object, got a string"},
		{"no predicate type", all(typ, subjects), "malformed statement: no predicateType"},
		{"predicate that is a list", all(typ, subjects, predicateType, `"predicate":[]`), "the predicate is not an object"},
		{"predicate that is a string", all(typ, subjects, predicateType, `"predicate":"{}"`), "the predicate is not an object"},

		{"type twice", all(typ, typ, subjects, predicateType), `member "_type" occurs twice`},
		{"subject twice", all(typ, subjects, subjects, predicateType), `member "subject" occurs twice`},
		{"subject twice, escaped", all(typ, subjects, strings.Replace(subjects, "subject", `\u0073ubject`, 1), predicateType), `member "subject" occurs twice`},
		{"predicate twice", all(typ, subjects, predicateType, `"predicate":{}`, `"predicate":{}`), `member "predicate" occurs twice`},
		{"unknown member twice", all(typ, subjects, predicateType, `"x":1`, `"x":1`), `member "x" occurs twice`},
		{"twice in a predicate", all(typ, subjects, predicateType, `"predicate":{"a":[{"b":1,"b":1}]}`), `member "b" occurs twice`},
		{"digest twice", subject(`[{"digest":{"sha256":"a","sha256":"b"}}]`), `member "sha256" occurs twice`},

		{"type in upper case", all(`"_TYPE":"https://in-toto.io/Statement/v1"`, subjects, predicateType), `$._TYPE (byte 9): want "_type"`},
		{"a second subject in another case", all(typ, subjects, strings.Replace(subjects, "subject", "Subject", 1), predicateType), `want "subject"`},
		{"case as Unicode folds it", all(typ, subjects, predicateType, `"ſubject":[]`), `want "subject"`},
		{"predicate in another case", all(typ, subjects, predicateType, `"Predicate":{}`), `want "predicate"`},
		{"digest in another case", subject(`[{"Digest":{"sha256":"` + shaA + `"}}]`), `want "digest"`},

		{"name that is no string", subject(`[{"name":1}]`), "$.subject[0].name (byte 62): want a string, got a number"},
		{"digest that is a string", subject(`[{"digest":"` + shaA + `"}]`), "$.subject[0].digest (byte 64): want an object, got a string"},
		{"two digests by one algorithm", subject(`[{"digest":{"dirHash":"` + shaA + `","dirHash1":"` + shaB + `"}}]`), "$.subject[0].digest.dirHash1 (byte 219): two digests dirHash, "},
		{"digest that is a number", subject(`[{"digest":{"sha256":1}}]`), "$.subject[0].digest.sha256 (byte 74): want a string, got a number"},
		{"content that is no base64", subject(`[{"content":"?"}]`), "$.subject[0].content (byte 68): malformed base64"},
		{"content without padding", subject(`[{"content":"YQ"}]`), "malformed base64"},
		{"content with bits too many", subject(`[{"content":"YR=="}]`), "malformed base64"},
		{"content with a line break", subject(`[{"content":"YQ=\n="}]`), "malformed base64: line break"},
		{"content in the other alphabet", subject(`[{"content":"__8="}]`), "malformed base64"},
		{"annotations that are a list", subject(`[{"annotations":[]}]`), "annotations are not an object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := provenance.Parse([]byte(c.text))
			if err == nil {
				t.Fatalf("no error; want %q", c.want)
			}
			if s != nil {
				t.Error("a statement besides the error")
			}
			if !strings.HasPrefix(err.Error(), "malformed statement: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want %q", err, c.want)
			}
		})
	}
}

// What in-toto does not know is ignored, and so are predicates that no reader
// here knows.
func TestParseAccepts(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       provenance.Statement
	}{
		{
			"unknown members",
			`{"x":{"_type":1},"_type":"https://in-toto.io/Statement/v1","subject":[{"x":[],"name":"app","digest":{"md5":"short"}}],"predicateType":"p","predicate_type":"q","predicate":{"b":1,"a":2}}`,
			provenance.Statement{
				Subjects: []provenance.ResourceDescriptor{{
					Name: "app", Digest: provenance.DigestSet{"md5": "short"}, Extensions: provenance.Extensions{"x": json.RawMessage("[]")},
				}},
				PredicateType: "p", Predicate: json.RawMessage(`{"b":1,"a":2}`),
			},
		},
		{
			"version 0.1",
			`{"_type":"https://in-toto.io/Statement/v0.1","subject":[{}],"predicateType":"p"}`,
			provenance.Statement{Type: provenance.StatementTypeV01, Subjects: []provenance.ResourceDescriptor{{}}, PredicateType: "p"},
		},
		{
			"the name that the official Go types know too",
			`{"type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"dirHash1":"` + shaA + `"}}],"predicateType":"p"}`,
			provenance.Statement{
				Subjects: []provenance.ResourceDescriptor{{Digest: provenance.DigestSet{"dirHash": shaA}}}, PredicateType: "p",
				Notes: append(
					notes(provenance.Note, "$.subject[0].digest.dirHash1", "read as dirHash"),
					notes(provenance.Warning, "$.type", "read as _type, which is missing")...,
				),
			},
		},
		{
			"both names",
			`{"type":["x"],"_type":"https://in-toto.io/Statement/v1","subject":[{}],"predicateType":"p"}`,
			provenance.Statement{Subjects: []provenance.ResourceDescriptor{{}}, PredicateType: "p"},
		},
		{
			"nulls",
			`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":null,"annotations":null}],"predicateType":"p","predicate":null}`,
			provenance.Statement{Subjects: []provenance.ResourceDescriptor{{}}, PredicateType: "p"},
		},
		{
			"every member of a resource",
			`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"n","uri":"u","digest":{},"content":"","downloadLocation":"d","mediaType":"m","annotations":{"a":[1.0,null]}}],"predicateType":"p"}`,
			provenance.Statement{Subjects: []provenance.ResourceDescriptor{{
				Name: "n", URI: "u", Digest: provenance.DigestSet{}, Content: []byte{}, DownloadLocation: "d", MediaType: "m",
				Annotations: map[string]any{"a": []any{json.Number("1.0"), nil}},
			}}, PredicateType: "p"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := parse(t, c.text); !reflect.DeepEqual(*got, c.want) {
				t.Errorf("got %#v, want %#v", *got, c.want)
			}
		})
	}
}

// A statement does not change with the bytes that it was read from.
func TestParseCopies(t *testing.T) {
	data := []byte(statement(build(nil)))
	s, err := provenance.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	clear(data)
	got, err := s.Marshal()
	if err != nil || string(got) != string(want) {
		t.Errorf("got %s, error %v; want %s", got, err, want)
	}
}

func TestBounds(t *testing.T) {
	repeat := func(element string, n int) string { return strings.TrimSuffix(strings.Repeat(element+",", n), ",") }
	with := func(subject, predicate string) string {
		return `{"_type":"https://in-toto.io/Statement/v1","subject":[` + subject + `],"predicateType":"https://slsa.dev/provenance/v1","predicate":` + predicate + `}`
	}
	var digests []string
	for i := range provenance.MaxDigests + 1 {
		digests = append(digests, fmt.Sprintf(`"a%d":"x"`, i))
	}
	digest := func(n int) string { return `{"digest":{` + strings.Join(digests[:n], ",") + `}}` }
	dependencies := func(list string) string {
		return build(map[string]string{"more": `"resolvedDependencies":[` + list + `]`})
	}
	pad := func(size int) string {
		text := with("{}", "{}")
		return text + strings.Repeat(" ", size-len(text))
	}

	for _, c := range []struct{ name, text, want string }{
		{"size", pad(provenance.MaxStatementSize), ""},
		{"size and one", pad(provenance.MaxStatementSize + 1), "67108865 bytes, at most 67108864 are read"},
		{"subjects", with(repeat("{}", provenance.MaxSubjects), "{}"), ""},
		{"subjects and one", with(repeat("{}", provenance.MaxSubjects+1), "{}"), "$.subject[100000] (byte 300054): more than 100000 resources"},
		{"digests", with(digest(provenance.MaxDigests), "{}"), ""},
		{"digests and one", with(digest(provenance.MaxDigests+1), "{}"), "more than 32 digests"},
		{"dependencies", with("{}", dependencies(repeat("{}", provenance.MaxDependencies))), ""},
		{"dependencies and one", with("{}", dependencies(repeat("{}", provenance.MaxDependencies+1))), "more than 100000 resources"},
		{"byproducts and one", with("{}", build(map[string]string{"run": `"byproducts":[` + repeat("{}", provenance.MaxDependencies+1) + `]`})), "more than 100000 resources"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := provenance.Parse([]byte(c.text))
			if err == nil {
				_, err = provenance.ParseBuild(s)
			}
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}

	t.Run("size when written", func(t *testing.T) {
		s, err := provenance.New("a:b", json.RawMessage(`{"x":"`+strings.Repeat("x", provenance.MaxStatementSize)+`"}`), app(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Marshal(); err == nil || !strings.Contains(err.Error(), "at most 67108864 can be read") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("dependencies when written", func(t *testing.T) {
		b := provenance.Local(provenance.Source{Repository: "https://example.com/r"})
		b.Dependencies = make([]provenance.ResourceDescriptor, provenance.MaxDependencies+1)
		if _, err := b.Statement(app(t)); err == nil || !strings.Contains(err.Error(), "more than 100000 resources") {
			t.Errorf("error %v", err)
		}
	})
}

// full is a Build in which everything is set, with its lists and maps in an
// order that r decides.
func full(t testing.TB, r *rand.Rand) (*provenance.Build, []hallmark.Artifact) {
	t.Helper()
	names := []string{"zero", "one", "two", "three", "four", "five", "six", "seven"}
	shuffle := func(n int, swap func(i, j int)) { r.Shuffle(n, swap) }
	object := func() map[string]any {
		ns := slices.Clone(names)
		shuffle(len(ns), func(i, j int) { ns[i], ns[j] = ns[j], ns[i] })
		m := make(map[string]any)
		for _, n := range ns {
			m[n] = map[string]any{n + "<&>": json.Number("9007199254740993"), "list": []any{true, nil, n}}
		}
		return m
	}
	extensions := func() provenance.Extensions {
		ns := slices.Clone(names)
		shuffle(len(ns), func(i, j int) { ns[i], ns[j] = ns[j], ns[i] })
		e := make(provenance.Extensions)
		for _, n := range ns {
			e["acme_"+n] = json.RawMessage(`{ "z" : 1.0, "a" : [ "` + n + `" ] }`)
		}
		return e
	}
	list := func() []provenance.ResourceDescriptor {
		ds := []provenance.ResourceDescriptor{
			{URI: "pkg:golang/a@v1.0.0", Digest: provenance.DigestSet{"dirHash": shaA}},
			{URI: "pkg:golang/a@v1.0.0", Digest: provenance.DigestSet{"dirHash": shaB}},
			{URI: "pkg:golang/a@v1.0.0", Digest: provenance.DigestSet{"dirHash": shaB}, Annotations: map[string]any{"a": "1"}},
			{URI: "pkg:golang/a@v1.0.0", Digest: provenance.DigestSet{"dirHash": shaB}, Annotations: map[string]any{"a": "2"}},
			{URI: "pkg:golang/a@v1.0.0", Name: "a"},
			{Name: "b", Content: []byte("b\n"), MediaType: "text/plain"},
			{Name: "c", Digest: provenance.DigestSet{"sha512": strings.Repeat("0", 128), "sha256": shaA}, DownloadLocation: "https://example.com/c"},
			{URI: "git+https://example.com/r@refs/heads/main", Digest: provenance.DigestSet{"gitCommit": commitA}, Annotations: object(), Extensions: extensions()},
			{URI: "a:a", Digest: provenance.DigestSet{"dirHash1": shaA}},
			{URI: "a:a", Digest: provenance.DigestSet{"dirHash": shaB}},
		}
		shuffle(len(ds), func(i, j int) { ds[i], ds[j] = ds[j], ds[i] })
		return ds
	}
	version := make(map[string]string)
	for _, n := range names {
		version[n] = "v1"
	}
	b := &provenance.Build{
		Type:                "https://example.com/type/v1",
		External:            map[string]any{"source": map[string]any{"repository": "https://example.com/r", "ref": "refs/heads/main"}, "z": object(), "a": object()},
		Internal:            object(),
		Dependencies:        list(),
		Builder:             "https://example.com/builder",
		BuilderVersion:      version,
		BuilderDependencies: list(),
		Invocation:          "https://example.com/run/1",
		Started:             time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)),
		Finished:            time.Date(2026, 1, 2, 2, 4, 5, 60, time.UTC),
		Byproducts:          list(),
		Extensions: map[string]provenance.Extensions{
			"": extensions(), "buildDefinition": extensions(), "runDetails": extensions(), "runDetails.builder": extensions(), "runDetails.metadata": extensions(),
		},
	}
	var subjects []hallmark.Artifact
	for i, n := range append(names, "", "") {
		a, err := hallmark.Hash(strings.NewReader(fmt.Sprint(i)), "sha256", "sha512")
		if err != nil {
			t.Fatal(err)
		}
		subjects = append(subjects, hallmark.Artifact{Name: n, Digests: a})
	}
	shuffle(len(subjects), func(i, j int) { subjects[i], subjects[j] = subjects[j], subjects[i] })
	return b, subjects
}

func TestMarshalDeterministic(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var want []byte
	for i := range 1000 {
		b, subjects := full(t, r)
		s, err := b.Statement(subjects...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			want = got
		}
		if string(got) != string(want) {
			t.Fatalf("shuffle %d:\n%s\nwant\n%s", i, got, want)
		}
	}

	// What was written is read and written again.
	s := parse(t, string(want))
	again, err := s.Marshal()
	if err != nil || string(again) != string(want) {
		t.Errorf("encode(decode(x)), error %v:\n%s\nwant\n%s", err, again, want)
	}
	b, err := provenance.ParseBuild(s)
	if err != nil {
		t.Fatal(err)
	}
	whole := *s
	if s, err = b.Statement(app(t)); err != nil {
		t.Fatal(err)
	}
	if string(s.Predicate) != string(whole.Predicate) {
		t.Errorf("encode(decode(predicate)):\n%s\nwant\n%s", s.Predicate, whole.Predicate)
	}
	if !strings.HasPrefix(string(s.Predicate), `{"buildDefinition":{"buildType":"https://example.com/type/v1","externalParameters":{"a":{"five":{"five<&>":9007199254740993,`) {
		t.Errorf("predicate %.200s", s.Predicate)
	}
	if b.Dependencies[0].URI != "git+https://example.com/r@refs/heads/main" {
		t.Errorf("first dependency %q, want the source", b.Dependencies[0].URI)
	}
}

// Subjects without a name differ in what their name does not say.
func TestMarshalUnnamed(t *testing.T) {
	subject := func(annotation string) provenance.ResourceDescriptor {
		return provenance.ResourceDescriptor{Digest: provenance.DigestSet{"sha256": shaA}, Annotations: map[string]any{"a": annotation}}
	}
	var want []byte
	for _, order := range [][]string{{"1", "2", "3"}, {"3", "2", "1"}, {"2", "3", "1"}} {
		s := provenance.Statement{PredicateType: "a:b"}
		for _, a := range order {
			s.Subjects = append(s.Subjects, subject(a))
		}
		got, err := s.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if string(got) != string(want) {
			t.Errorf("order %v: %s, want %s", order, got, want)
		}
	}
}

func TestMarshalGolden(t *testing.T) {
	s := &provenance.Statement{
		Subjects: []provenance.ResourceDescriptor{
			{Name: "b", Digest: provenance.DigestSet{"sha256": shaB}},
			{Name: "a/<ü>\u2028\x01\"\\", Digest: provenance.DigestSet{"sha256": shaA, "gitCommit": commitA}, URI: "pkg:golang/a", Content: []byte{0xff}, DownloadLocation: "https://example.com/a?b&c", MediaType: "x/y", Annotations: map[string]any{"n": json.Number("1.50"), "i": 3, "s": []string{"x"}}},
		},
		PredicateType: "https://example.com/p",
		Predicate:     json.RawMessage(" { \"z\" : 9007199254740993 , \"a\" : [ 0.10000000000000000000000000001, -0, 1E+2, \"\\u003c\\/\" ] } "),
	}
	const want = `{"_type":"https://in-toto.io/Statement/v1","subject":[` +
		`{"name":"a/<ü>` + "\u2028" + `\u0001\"\\","uri":"pkg:golang/a","digest":{"gitCommit":"` + commitA + `","sha256":"` + shaA + `"},"content":"/w==","downloadLocation":"https://example.com/a?b&c","mediaType":"x/y","annotations":{"i":3,"n":1.50,"s":["x"]}},` +
		`{"name":"b","digest":{"sha256":"` + shaB + `"}}],` +
		`"predicateType":"https://example.com/p","predicate":{"z":9007199254740993,"a":[0.10000000000000000000000000001,-0,1E+2,"</"]}}`
	got, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if s.Subjects[0].Name != "b" {
		t.Error("Marshal changed the order in the statement")
	}
	again, err := parse(t, want).Marshal()
	if err != nil || string(again) != want {
		t.Errorf("encode(decode(x)) = %s, %v; want %s", again, err, want)
	}
}

// Numbers are no floating point numbers on their way.
func TestNumbers(t *testing.T) {
	for _, n := range []string{"9007199254740993", "-9007199254740993", "123456789012345678901234567890", "0.1000000000000000055511151231257827", "1.0", "1e2", "1E-7", "-0"} {
		predicate := build(map[string]string{
			"external": `"externalParameters":{"n":` + n + `}`,
			"more":     `"internalParameters":{"n":[` + n + `]},"resolvedDependencies":[{"uri":"a:b","annotations":{"n":` + n + `}}]`,
		})
		s := parse(t, statement(predicate))
		out, err := s.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if string(out) != statement(predicate) {
			t.Errorf("raw predicate: got %s, want %s", out, statement(predicate))
		}
		b, err := provenance.ParseBuild(s)
		if err != nil {
			t.Fatal(err)
		}
		if s, err = b.Statement(app(t)); err != nil {
			t.Fatal(err)
		}
		if string(s.Predicate) != predicate {
			t.Errorf("parameters: got %s, want %s", s.Predicate, predicate)
		}
	}
}

func TestNew(t *testing.T) {
	for _, c := range []struct {
		name      string
		typ       string
		predicate any
		artifact  hallmark.Artifact
		want      string // the predicate, or the error
	}{
		{"nothing", "a:b", nil, app(t), ""},
		{"raw", "a:b", json.RawMessage(`{ "b":1, "a":2 }`), app(t), `{"b":1,"a":2}`},
		{"struct", "a:b", struct{ B, A int }{1, 2}, app(t), `{"B":1,"A":2}`},
		{"map", "a:b", map[string]any{"b": 1, "a": "<"}, app(t), `{"a":"<","b":1}`},
		{"no object", "a:b", []string{}, app(t), "malformed statement: $.predicate: $ (byte 0): not an object"},
		{"null", "a:b", json.RawMessage("null"), app(t), "malformed statement: $.predicate: $ (byte 0): not an object"},
		{"no JSON", "a:b", json.RawMessage("{"), app(t), "provenance: predicate: $ (byte 1): want a member name, got the end"},
		{"no value", "a:b", map[string]any{"f": func() {}}, app(t), "provenance: predicate: json: unsupported type: func()"},
		{"not UTF-8", "a:b", map[string]any{"s": "\xff"}, app(t), `provenance: predicate: string "\xff" is not UTF-8`},
		{"no predicate type", "", nil, app(t), "malformed statement: $.predicateType: missing"},
		{"no digest", "a:b", nil, hallmark.Artifact{Name: "app"}, "malformed statement: $.subject[0].digest: a subject needs a digest\nmalformed statement: $.subject[0]: a resource needs a uri, a digest or content"},
		{"the zero digest", "a:b", nil, hallmark.Artifact{Digests: []hallmark.Digest{{}}}, "malformed statement: $.subject[0].digest: no digest but by broken or unknown algorithms"},
		{"a broken algorithm", "a:b", nil, hallmark.Artifact{Digests: []hallmark.Digest{digest(t, "sha1:"+commitA)}}, "malformed statement: $.subject[0].digest: no digest but by broken or unknown algorithms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := provenance.New(c.typ, c.predicate, c.artifact)
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				got = string(s.Predicate)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if _, err := provenance.New("a:b", nil); err == nil || err.Error() != "malformed statement: $.subject: no subject" {
		t.Errorf("no subject: error %v", err)
	}
}

func TestDigestSet(t *testing.T) {
	set := provenance.NewDigestSet(digest(t, "sha256:"+shaA), digest(t, "gitCommit:"+commitA), digest(t, "sha256:"+shaB))
	want := provenance.DigestSet{"sha256": shaB, "gitCommit": commitA}
	if !reflect.DeepEqual(set, want) {
		t.Errorf("got %v, want %v", set, want)
	}
	set["arn"], set["sha512"] = "x", "short"
	if got := set.Digests(); !slices.Equal(got, []hallmark.Digest{digest(t, "gitCommit:"+commitA), digest(t, "sha256:"+shaB)}) {
		t.Errorf("digests %v", got)
	}
	if got := provenance.NewDigestSet().Digests(); got != nil {
		t.Errorf("no digests: %v", got)
	}
}

// What shows only in the bytes is refused too.
func TestMarshalChecksItself(t *testing.T) {
	nested := func(depth int) json.RawMessage {
		return json.RawMessage(strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth))
	}
	for _, c := range []struct {
		name string
		s    provenance.Statement
		want string
	}{
		{"as deep as can be", provenance.Statement{PredicateType: "a:b", Predicate: nested(99)}, ""},
		{"too deep", provenance.Statement{PredicateType: "a:b", Predicate: nested(100)}, "provenance: what would be written is refused: malformed statement: $.predicate.a"},
		{"annotation that is too deep", provenance.Statement{PredicateType: "a:b", Subjects: []provenance.ResourceDescriptor{{
			Digest: provenance.DigestSet{"sha256": shaB}, Annotations: map[string]any{"a": nested(97)},
		}}}, "provenance: what would be written is refused: malformed statement: $.subject"},
		{"extension that is a member", provenance.Statement{PredicateType: "a:b", Subjects: []provenance.ResourceDescriptor{{
			Digest: provenance.DigestSet{"sha256": shaB}, Extensions: provenance.Extensions{"digest": json.RawMessage(`{}`)},
		}}}, "malformed statement: $.subject[1].digest: some readers take it for digest"},
		{"extension that is no JSON", provenance.Statement{PredicateType: "a:b", Subjects: []provenance.ResourceDescriptor{{
			Digest: provenance.DigestSet{"sha256": shaB}, Extensions: provenance.Extensions{"acme_x": json.RawMessage(`{`)},
		}}}, `provenance: subject 0: extension "acme_x": $ (byte 1): want a member name, got the end`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.s.Subjects = append([]provenance.ResourceDescriptor{{Name: "app", Digest: provenance.DigestSet{"sha256": shaA}}}, c.s.Subjects...)
			_, err := c.s.Marshal()
			switch {
			case c.want == "":
				if err != nil {
					t.Error(err)
				}
			case err == nil || !strings.HasPrefix(err.Error(), c.want):
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// A statement of version 0.1 is written as version 1, and dirHash1 as dirHash.
func TestMarshalNewNames(t *testing.T) {
	const text = `{"_type":"https://in-toto.io/Statement/v0.1","subject":[{"name":"app","digest":{"dirHash1":"` + shaA + `"},"acme_x":[1.0]}],"predicateType":"https://example.com/p","predicate":{"x":1}}`
	const want = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"dirHash":"` + shaA + `"},"acme_x":[1.0]}],"predicateType":"https://example.com/p","predicate":{"x":1}}`
	got, err := parse(t, text).Marshal()
	if err != nil || string(got) != want {
		t.Errorf("got %s, error %v; want %s", got, err, want)
	}
	s := parse(t, want)
	s.Subjects[0].Digest = provenance.DigestSet{"dirHash1": shaA}
	if got := s.Subjects[0].Digest.Digests(); len(got) != 1 || got[0].Algorithm() != "dirHash" {
		t.Errorf("digests %v", got)
	}
	if got, err = s.Marshal(); err != nil || string(got) != want {
		t.Errorf("got %s, error %v; want %s", got, err, want)
	}
}

func TestPayloadType(t *testing.T) {
	for predicateType, want := range map[string]string{
		provenance.PredicateType:                            "application/vnd.in-toto.provenance+json",
		provenance.PredicateTypeV02:                         "application/vnd.in-toto.provenance+json",
		"https://slsa.dev/verification_summary/v1":          "application/vnd.in-toto.vsa+json",
		"https://cyclonedx.org/bom":                         "application/vnd.in-toto.cyclonedx+json",
		"https://spdx.dev/Document":                         "application/vnd.in-toto.spdx2+json",
		"https://spdx.dev/Document/v3":                      "application/vnd.in-toto.spdx3+json",
		"https://in-toto.io/attestation/test-result/v0.1":   "application/vnd.in-toto.test-result+json",
		"https://in-toto.io/attestation/vulns/v0.1":         "application/vnd.in-toto.vuln+json",
		"https://in-toto.io/attestation/vulns/v0.2":         "application/vnd.in-toto.vulns_02+json",
		"https://in-toto.io/attestation/scai/v0.3":          "application/vnd.in-toto.scai+json",
		"https://in-toto.io/attestation/link/v0.3":          "application/vnd.in-toto.link+json",
		"https://in-toto.io/attestation/release/v0.1":       "application/vnd.in-toto.release+json",
		"https://in-toto.io/attestation/reference/v0.1":     "application/vnd.in-toto.reference+json",
		"https://in-toto.io/attestation/runtime-trace/v0.1": "application/vnd.in-toto.runtime-trace+json",
		"https://in-toto.io/attestation/svr/v0.2":           "application/vnd.in-toto.svr+json",
		"https://example.com/p":                             provenance.MediaType,
		"":                                                  provenance.MediaType,
	} {
		got := provenance.PayloadType(predicateType)
		if got != want {
			t.Errorf("%q: got %q, want %q", predicateType, got, want)
		}
		if !provenance.IsPayloadType(got) {
			t.Errorf("%q is no payload type", got)
		}
	}
	for _, no := range []string{
		"", "application/vnd.in-toto", "application/vnd.in-toto.+json", "application/vnd.in-toto.x", "application/vnd.in-toto.provenance+dsse",
		"application/vnd.in-toto.X+json", "application/vnd.in-toto.x/y+json", "application/vnd.in-toto.x+json ", "application/vnd.in-toto.x+json+json",
		"Application/vnd.in-toto+json", "application/json", "x application/vnd.in-toto+json", "application/vnd.in-toto+json; charset=utf-8",
	} {
		if provenance.IsPayloadType(no) {
			t.Errorf("%q is a payload type", no)
		}
	}
}
