package conformance

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	linkv0 "github.com/in-toto/attestation/go/predicates/link/v0"
	referencev0 "github.com/in-toto/attestation/go/predicates/reference/v0"
	releasev02 "github.com/in-toto/attestation/go/predicates/release/v02"
	scaiv0 "github.com/in-toto/attestation/go/predicates/scai/v0"
	svrv01 "github.com/in-toto/attestation/go/predicates/svr/v01"
	testresultv0 "github.com/in-toto/attestation/go/predicates/test_result/v0"
	vsav1 "github.com/in-toto/attestation/go/predicates/vsa/v1"
	vulnsv02 "github.com/in-toto/attestation/go/predicates/vulns/v02"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

// A stater is a predicate of package provenance.
type stater interface {
	Statement(...hallmark.Artifact) (*provenance.Statement, error)
}

// predicateOf returns the predicate of s by its type; ok is false if package
// provenance has no reader for it beside that of builds.
func predicateOf(s *provenance.Statement) (p stater, ok bool, err error) {
	switch s.PredicateType {
	case provenance.VSAType, provenance.VSATypeV01, provenance.VSATypeV02:
		p, err = provenance.ParseVSA(s)
	case provenance.TestResultType:
		p, err = provenance.ParseTestResult(s)
	case provenance.VulnsType, provenance.VulnsTypeV01, provenance.CosignVulnsType:
		p, err = provenance.ParseVulns(s)
	case provenance.SCAIType, provenance.SCAITypeV02:
		p, err = provenance.ParseSCAI(s)
	case provenance.ReleaseType, provenance.ReleaseTypeV01:
		p, err = provenance.ParseRelease(s)
	case provenance.LinkType:
		p, err = provenance.ParseLink(s)
	case provenance.ReferenceType:
		p, err = provenance.ParseReference(s)
	case provenance.SVRType, provenance.SVRTypeV01:
		p, err = provenance.ParseSVR(s)
	default:
		if !strings.HasPrefix(s.PredicateType, provenance.CycloneDXType) && !strings.HasPrefix(s.PredicateType, provenance.SPDXType) {
			return nil, false, nil
		}
		p, err = provenance.ParseSBOM(s)
	}
	return p, true, err
}

// predicateFaults are what is wrong with the predicates of the corpus, and what
// has to be put in the place of what for them to be right.
func predicateFaults(file string) (paths []string, reason string, repair []string) {
	switch {
	case strings.HasPrefix(file, "guacsec__guac/internal__testing__testdata__exampledata__certify-vuln"):
		return []string{"scanner.uri", "scanner.db.lastUpdate"}, "test documents whose scanner has no URI and knows of no database",
			[]string{`"osv.dev"`, `"https://osv.dev"`, `"version":"0.0.14"`, `"version":"0.0.14","db":{"lastUpdate":"2022-11-21T00:00:00Z"}`}
	case strings.HasPrefix(file, "guacsec__guac/internal__testing__testdata__exampledata__certify-novuln"):
		return []string{"scanner.uri", "scanner.db.lastUpdate", "scanner.result"}, "test documents that do not say that nothing was found",
			[]string{`"osv.dev"`, `"https://osv.dev"`, `"version":"0.0.14"`, `"version":"0.0.14","db":{"lastUpdate":"2022-11-21T00:00:00Z"},"result":[]`}
	case file == bcidSummary:
		return []string{"resourceUri"}, "a scheme with an underscore, which is none (RFC 3986 section 3.1)",
			[]string{"gce_image://", "gce-image://"}
	}
	return nil, "", nil
}

// bcidSummary is the one summary of version 1 in the corpus. It is not in
// index.json.
const bcidSummary = "subjects/cli__slsa-verifier__testdata__vsa__gce__v1__gke-gce-pre.bcid-vsa.jsonl"

// Every predicate in the corpus that package provenance has a type for is read,
// and written again as the same JSON, but for members that are null.
func TestPredicateCorpus(t *testing.T) {
	all := attestations(t, func(string, string) bool { return true })
	// Two that attestations does not find: one has no _type, which its authors
	// call type.
	for _, file := range []string{bcidSummary, "in-toto__attestation-verifier/test-data__clone.fe1c6281.json"} {
		var envelope struct{ Payload string }
		if err := json.Unmarshal(readProvenance(t, file), &envelope); err != nil {
			t.Fatal(err)
		}
		payload, err := base64.StdEncoding.DecodeString(envelope.Payload)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, attestation{file: file, payload: payload})
	}

	count := make(map[string]int)
	for _, a := range all {
		var s struct {
			PredicateType string
			Predicate     json.RawMessage
		}
		if err := json.Unmarshal(a.payload, &s); err != nil {
			t.Fatal(err)
		}
		in := &provenance.Statement{PredicateType: s.PredicateType, Predicate: s.Predicate}
		_, ok, err := predicateOf(in)
		if !ok {
			continue
		}
		count[s.PredicateType]++
		if err != nil {
			t.Errorf("%s: %v", a.file, err)
			continue
		}

		// What is wrong with it is what Statement refuses it for.
		paths, reason, repair := predicateFaults(a.file)
		faults := func() (got []string) {
			p, _, err := predicateOf(in)
			if err != nil {
				return []string{err.Error()}
			}
			_, err = p.Statement(someArtifact(t))
			if err == nil {
				return nil
			}
			for _, line := range strings.Split(err.Error(), "\n") {
				path, _, _ := strings.Cut(strings.TrimPrefix(line, "malformed statement: $.predicate."), ":")
				got = append(got, path)
			}
			return got
		}
		if got := faults(); !slices.Equal(got, paths) {
			t.Errorf("%s: faults at %v, want %v (%s)", a.file, got, paths, reason)
			continue
		}
		if repair != nil {
			var compact bytes.Buffer
			if err := json.Compact(&compact, in.Predicate); err != nil {
				t.Fatal(err)
			}
			in.Predicate = []byte(strings.NewReplacer(repair...).Replace(compact.String()))
			if got := faults(); got != nil {
				t.Errorf("%s: faults %v after it was put right", a.file, got)
				continue
			}
		}
		p, _, err := predicateOf(in)
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.Statement(someArtifact(t))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := jsonValue(t, out.Predicate), jsonValue(t, in.Predicate); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %s\nwant %s", a.file, out.Predicate, in.Predicate)
		}
	}
	for typ, want := range map[string]int{
		provenance.VSAType:       1,
		provenance.VSATypeV01:    1,
		provenance.VulnsType:     2,
		provenance.VulnsTypeV01:  2,
		provenance.SCAITypeV02:   6,
		provenance.LinkType:      1,
		provenance.CycloneDXType: 2,
		provenance.SPDXType:      1,
	} {
		if count[typ] < want {
			t.Errorf("%d predicates of type %s, want %d", count[typ], typ, want)
		}
	}
	t.Logf("predicates: %v", count)
}

// Every document that the SBOM packages write is a predicate, of the type that
// its format and version call for, and is not changed by that.
func TestSBOMPredicates(t *testing.T) {
	doc := &sbom.Document{
		Main:  sbom.Component{Ref: "pkg:golang/example.com/app", Type: sbom.Application, Name: "example.com/app", PURL: "pkg:golang/example.com/app", Scope: sbom.Runtime},
		Phase: sbom.PostBuild,
	}
	stamp := sbom.Stamp{Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	cdx := func(v cyclonedx.Version) ([]byte, error) { return cyclonedx.MarshalVersion(doc, stamp, v) }
	spdxAs := func(v spdx.Version) ([]byte, error) { return spdx.MarshalVersion(doc, stamp, v) }
	for _, c := range []struct {
		format, version, typ string
		marshal              func() ([]byte, error)
	}{
		{"CycloneDX", "1.4", "https://cyclonedx.org/bom", func() ([]byte, error) { return cdx(cyclonedx.V14) }},
		{"CycloneDX", "1.5", "https://cyclonedx.org/bom", func() ([]byte, error) { return cdx(cyclonedx.V15) }},
		{"CycloneDX", "1.6", "https://cyclonedx.org/bom", func() ([]byte, error) { return cdx(cyclonedx.V16) }},
		{"CycloneDX", "1.7", "https://cyclonedx.org/bom", func() ([]byte, error) { return cdx(cyclonedx.V17) }},
		{"SPDX", "2.3", "https://spdx.dev/Document/v2.3", func() ([]byte, error) { return spdxAs(spdx.V23) }},
		{"SPDX", "3.0.1", "https://spdx.dev/Document/v3", func() ([]byte, error) { return spdxAs(spdx.V301) }},
	} {
		document, err := c.marshal()
		if err != nil {
			t.Fatal(err)
		}
		bom, err := provenance.NewSBOM(document)
		if err != nil {
			t.Errorf("%s %s: %v", c.format, c.version, err)
			continue
		}
		s, err := bom.Statement(someArtifact(t))
		if err != nil {
			t.Errorf("%s %s: %v", c.format, c.version, err)
			continue
		}
		if bom.Format != c.format || bom.Version != c.version || s.PredicateType != c.typ {
			t.Errorf("%s %s of type %s, want %s %s of type %s", bom.Format, bom.Version, s.PredicateType, c.format, c.version, c.typ)
		}
		if !slices.Equal(tokens(t, s.Predicate), tokens(t, document)) {
			t.Errorf("%s %s: %s\nwant %s", c.format, c.version, s.Predicate, document)
		}
	}
}

// jsonValue returns the value of a document with its numbers as they are
// written, and without members that are null.
func jsonValue(t *testing.T, document []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	var clean func(any)
	clean = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, e := range v {
				if e == nil {
					delete(v, name)
				}
				clean(e)
			}
		case []any:
			for _, e := range v {
				clean(e)
			}
		}
	}
	clean(v)
	return v
}

// The official types read every predicate that package provenance writes with
// everything set, strictly, but for what defects says of them. What they write
// is read as the same, but for what rounding says.
func TestOfficialPredicates(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	resource := provenance.ResourceDescriptor{
		Name: "n", URI: "https://example.com/n", Digest: provenance.DigestSet{"sha256": someSHA256},
		DownloadLocation: "https://example.com/d", MediaType: "x/y", Annotations: map[string]any{"a": "b"},
	}
	resources := []provenance.ResourceDescriptor{resource}
	agent := provenance.Agent{ID: "https://example.com/v"}
	values := map[string]any{"a": []any{"b", true, nil}}
	for _, c := range []struct {
		name   string
		p      stater
		proto  proto.Message
		defect string // of the official types, version 1.2.0
	}{
		{
			"VSA", &provenance.VSA{
				Verifier: agent, TimeVerified: when, ResourceURI: "https://example.com/r", Policy: provenance.ResourceDescriptor{URI: "https://example.com/p", Digest: resource.Digest},
				InputAttestations: []provenance.ResourceDescriptor{{URI: "https://example.com/a", Digest: resource.Digest}},
				Result:            provenance.Passed, VerifiedLevels: []string{"SLSA_BUILD_LEVEL_3"}, DependencyLevels: map[string]int64{"SLSA_BUILD_LEVEL_1": 7}, SLSAVersion: "1.2",
			}, new(vsav1.VerificationSummary), "",
		},
		{
			"VSA with versions of the verifier", &provenance.VSA{
				Verifier: provenance.Agent{ID: agent.ID, Version: map[string]string{"a": "1"}}, ResourceURI: "https://example.com/r",
				Policy: provenance.ResourceDescriptor{URI: "https://example.com/p"}, Result: provenance.Passed, VerifiedLevels: []string{"X"},
			}, new(vsav1.VerificationSummary), `unknown field "version"`, // of SLSA 1.1
		},
		{
			"VSA whose policy is a resource", &provenance.VSA{
				Verifier: agent, ResourceURI: "https://example.com/r", Policy: resource, Result: provenance.Passed, VerifiedLevels: []string{"X"},
			}, new(vsav1.VerificationSummary), `unknown field "name"`, // it is a ResourceDescriptor since SLSA 1.0
		},
		{
			"test result", &provenance.TestResult{
				Result: provenance.Failed, Configuration: resources, URL: "https://example.com/u",
				Passed: []string{"a"}, Warned: []string{"b"}, Failed: []string{"c"},
			}, new(testresultv0.TestResult), "",
		},
		{
			"vulns", &provenance.Vulns{
				Scanner: provenance.Scanner{
					URI: "https://example.com/s", Version: "1", DB: provenance.VulnsDB{URI: "https://example.com/d", Version: "2", LastUpdate: when},
					Vulnerabilities: []provenance.Vulnerability{{ID: "1", Severity: []provenance.Rating{{Method: "m", Score: "s"}}, Annotations: []map[string]any{values}}},
				},
				Metadata: provenance.ScanMetadata{Started: when, Finished: when},
			}, new(vulnsv02.Vulns), "",
		},
		{
			"SCAI", &provenance.SCAI{
				Attributes: []provenance.Assertion{{Attribute: "A", Target: &resource, Conditions: values, Evidence: &resource}}, Producer: &resource,
			}, new(scaiv0.AttributeReport), "",
		},
		{"release", &provenance.Release{PURL: "pkg:golang/a@v1", PackageID: "1"}, new(releasev02.Release), ""},
		{
			"link", &provenance.Link{Name: "n", Command: []string{"a"}, Materials: resources, Byproducts: values, Environment: values},
			new(linkv0.Link), "",
		},
		{"reference", &provenance.Reference{Attester: agent, References: resources}, new(referencev0.Reference), ""},
		{
			"SVR", &provenance.SVR{Verifier: agent, TimeCreated: when, Properties: []string{"A"}},
			new(svrv01.SimpleVerificationResult), `unknown field "policies"`, // of version 0.2
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := c.p.Statement(someArtifact(t))
			if err != nil {
				t.Fatal(err)
			}
			payload, err := s.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if err := officialValidate(payload); err != nil {
				t.Errorf("the statement: %v", err)
			}
			err = protojson.Unmarshal(s.Predicate, c.proto)
			if c.defect != "" {
				if err == nil || !strings.Contains(err.Error(), c.defect) {
					t.Errorf("error %v, want the defect %s: is it gone?", err, c.defect)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v in %s", err, s.Predicate)
			}
			if v, ok := c.proto.(interface{ Validate() error }); ok {
				if err := v.Validate(); err != nil {
					t.Error(err)
				}
			}
			theirs, err := protojson.Marshal(c.proto)
			if err != nil {
				t.Fatal(err)
			}
			p, _, err := predicateOf(&provenance.Statement{PredicateType: s.PredicateType, Predicate: theirs})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(p, c.p) {
				t.Errorf("read %+v, want %+v", p, c.p)
			}
		})
	}
}

// The difference between no dependencies and nothing said of them is lost on
// the official types.
func TestOfficialTypesDependencyLevels(t *testing.T) {
	v := &provenance.VSA{
		Verifier: provenance.Agent{ID: "https://example.com/v"}, ResourceURI: "https://example.com/r", Policy: provenance.ResourceDescriptor{URI: "https://example.com/p"},
		Result: provenance.Passed, VerifiedLevels: []string{"X"}, DependencyLevels: map[string]int64{},
	}
	s, err := v.Statement(someArtifact(t))
	if err != nil {
		t.Fatal(err)
	}
	official := new(vsav1.VerificationSummary)
	if err := protojson.Unmarshal(s.Predicate, official); err != nil {
		t.Fatal(err)
	}
	theirs, err := protojson.Marshal(official)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(theirs), "dependencyLevels") {
		t.Errorf("%s: the defect is gone", theirs)
	}
	back, err := provenance.ParseVSA(s)
	if err != nil || back.DependencyLevels == nil || len(back.DependencyLevels) != 0 {
		t.Errorf("ours: %+v, %v", back, err)
	}
}
