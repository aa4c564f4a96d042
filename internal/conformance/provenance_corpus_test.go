package conformance

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

// readProvenance returns a file of the corpus of attestations.
func readProvenance(t *testing.T, file string) []byte {
	t.Helper()
	dir := os.Getenv("HALLMARK_CORPUS")
	if dir == "" {
		t.Skip("HALLMARK_CORPUS is not set: it names the directory of the documents to judge by")
	}
	data, err := os.ReadFile(filepath.Join(dir, "provenance", filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// An attestation is a statement in the corpus.
type attestation struct {
	file      string
	negative  bool   // tampered with, by the name of the file
	container string // the outermost thing that it is in
	payload   []byte
}

// attestations returns the distinct statements in the corpus that match, bare
// ones and those in envelopes of any kind, in the order of index.json.
func attestations(t *testing.T, match func(statementType, predicateType string) bool) []attestation {
	t.Helper()
	var index []struct {
		File string
		Val  string
	}
	if err := json.Unmarshal(readProvenance(t, "index.json"), &index); err != nil {
		t.Fatal(err)
	}
	var all []attestation
	seen := make(map[string]bool)
	for _, entry := range index {
		data := readProvenance(t, entry.File)
		documents := [][]byte{data}
		if !json.Valid(data) {
			documents = slices.Collect(bytes.Lines(data))
		}
		var walk func(document []byte, container string)
		walk = func(document []byte, container string) {
			var list []json.RawMessage
			var object map[string]json.RawMessage
			switch {
			case json.Unmarshal(document, &list) == nil:
				for _, e := range list {
					walk(e, container)
				}
			case json.Unmarshal(document, &object) == nil:
				var statementType, predicateType string
				_ = json.Unmarshal(object["_type"], &statementType)
				_ = json.Unmarshal(object["predicateType"], &predicateType)
				if statementType != "" || object["predicateType"] != nil && object["subject"] != nil {
					if match(statementType, predicateType) && !seen[string(document)] {
						seen[string(document)] = true
						all = append(all, attestation{entry.File, strings.HasPrefix(entry.Val, "NEGATIVE"), cmp.Or(container, "bare"), document})
					}
					return
				}
				for _, c := range []struct{ member, container string }{
					{"provenance_summary", "gcloud"},
					{"attestation_bundles", "PEP 740"},
					{"envelope", "PEP 740"},
					{"attestations", "attestations API"},
					{"dsseEnvelope", "Sigstore bundle"},
					{"payload", "DSSE"},
				} {
					if object[c.member] != nil {
						container = cmp.Or(container, c.container)
					}
				}
				// In an envelope, and in a PEP 740 attestation.
				for _, name := range []string{"payload", "statement"} {
					var text string
					if json.Unmarshal(object[name], &text) != nil {
						continue
					}
					text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
					if payload, err := base64.StdEncoding.DecodeString(text); err == nil {
						walk(payload, container)
					}
				}
				for _, name := range slices.Sorted(maps.Keys(object)) {
					walk(object[name], container)
				}
			}
		}
		for _, d := range documents {
			walk(d, "")
		}
	}
	return all
}

// tokens returns the tokens of a JSON document, numbers with the digits that
// they are written with.
func tokens(t *testing.T, document []byte) []json.Token {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var all []json.Token
	for {
		token, err := d.Token()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, token)
	}
}

// Every statement of version 1 that is in use can be read, whatever its
// predicate, and the predicate loses nothing when it is written again.
func TestStatementCorpus(t *testing.T) {
	all := attestations(t, func(statementType, _ string) bool { return statementType == provenance.StatementType })
	types := make(map[string]bool)
	for _, a := range all {
		s, err := provenance.Parse(a.payload)
		if err != nil {
			t.Errorf("%s: %v", a.file, err)
			continue
		}
		types[s.PredicateType] = true
		if s.Predicate == nil {
			continue
		}
		again, err := provenance.New("https://example.com/any", s.Predicate, someArtifact(t))
		if err != nil {
			t.Errorf("%s: %v", a.file, err)
			continue
		}
		if !slices.Equal(tokens(t, again.Predicate), tokens(t, s.Predicate)) {
			t.Errorf("%s: predicate %s\nwant %s", a.file, again.Predicate, s.Predicate)
		}
	}
	if len(all) < 50 || len(types) < 10 {
		t.Errorf("%d statements with %d predicate types, want 50 and 10", len(all), len(types))
	}
	t.Logf("%d statements with %d predicate types", len(all), len(types))
}

// provenanceFaults returns the paths at which Validate finds errors in a file of
// the corpus that nobody has tampered with, and why; and whether the official Go
// types find fault with it too.
func provenanceFaults(file string) (paths []string, reason string, official bool) {
	const predicate = "$.predicate."
	switch {
	case strings.HasPrefix(file, "slsa-framework__slsa-verifier/verifiers__internal__gcb__testdata__v1.0-gcloud-container-"):
		return []string{predicate + "buildDefinition.resolvedDependencies[1].uri", predicate + "runDetails.byproducts[0]"},
			"Google Cloud Build names images without a scheme and writes an empty byproduct", true
	}
	switch file {
	case "slsa-framework__gcb-buildtypes/triggered-build__v1__example.json":
		return []string{predicate + "runDetails.builder.id"}, "the example of the build type has no builder, which SLSA requires", true
	case "in-toto__attestation-verifier/test-data-raw__build.json":
		return []string{predicate + "buildDefinition.externalParameters"}, "a test document without the parameters that SLSA requires", true
	case "buildkite-plugins__generate-provenance-attestation-buildkite-plugin/examples__statement.json":
		return []string{"$.subject[0].digest", "$.subject[0].digest.sha256", "$.subject[1].digest", "$.subject[1].digest.sha256"}, "an example with digests that are none", true
	}
	return nil, "", false
}

func TestProvenanceCorpus(t *testing.T) {
	all := attestations(t, func(statementType, predicateType string) bool {
		return statementType == provenance.StatementType && predicateType == provenance.PredicateType
	})
	genuine := 0
	for _, a := range all {
		s, err := provenance.Parse(a.payload)
		if err != nil {
			t.Errorf("%s: %v", a.file, err)
			continue
		}
		b, err := provenance.ParseBuild(s)
		if err != nil {
			t.Errorf("%s: %v", a.file, err)
			continue
		}
		if a.negative {
			continue // what is wrong with it need not be in the statement
		}
		genuine++
		want, reason, official := provenanceFaults(a.file)
		var got []string
		for _, p := range s.Validate() {
			if p.Severity == provenance.Error {
				got = append(got, p.Path)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: errors at %v, want %v (%s)", a.file, s.Validate(), want, reason)
		}
		if err := officialValidate(a.payload); (err != nil) != official {
			t.Errorf("%s: the official types say %v, want a fault: %v", a.file, err, official)
		}
		if want != nil {
			continue
		}

		// What this module knows of it can be written and is read as the same.
		var subjects []hallmark.Artifact
		for _, d := range s.Subjects {
			subjects = append(subjects, hallmark.Artifact{Name: d.Name, Digests: d.Digest.Digests()})
		}
		again, err := b.Statement(subjects...)
		if err != nil {
			t.Errorf("%s: %v", a.file, err)
			continue
		}
		b2, err := provenance.ParseBuild(again)
		if err != nil {
			t.Errorf("%s: %v", a.file, err)
			continue
		}
		again2, err := b2.Statement(subjects...)
		if err != nil || !slices.Equal(again2.Predicate, again.Predicate) {
			t.Errorf("%s: error %v, predicate %s, then %s", a.file, err, again.Predicate, again2.Predicate)
		}
		if source, _ := b.Source(); source.Repository != "" && source.Commit.IsZero() {
			t.Errorf("%s: source %+v has no commit", a.file, source)
		}
	}
	if genuine < 20 {
		t.Errorf("%d genuine documents, want 20", genuine)
	}
	t.Logf("%d documents, %d of them genuine", len(all), genuine)
}
