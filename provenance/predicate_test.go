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

// stated is a statement with a predicate of a type about subjects.
func stated(t testing.TB, predicateType, subjects, predicate string) *provenance.Statement {
	t.Helper()
	return parse(t, `{"_type":"https://in-toto.io/Statement/v1","subject":[`+subjects+`],"predicateType":"`+predicateType+`","predicate":`+predicate+`}`)
}

const (
	anApp    = `{"name":"app","digest":{"sha256":"` + shaA + `"}}`
	aCommit  = `{"uri":"https://example.com/c","digest":{"gitCommit":"` + commitA + `"},"annotations":{"sourceRefs":["refs/heads/main"]}}`
	aVSA     = `"verifier":{"id":"https://example.com/v"},"resourceUri":"https://example.com/app","policy":{"uri":"https://example.com/p","digest":{"sha256":"` + shaB + `"}},"verificationResult":"PASSED"`
	aSource  = `{"verifier":{"id":"https://example.com/v"},"resourceUri":"git+https://example.com/r","policy":{"uri":"https://example.com/p","digest":{"sha256":"` + shaB + `"}},"verificationResult":"PASSED","verifiedLevels":["SLSA_SOURCE_LEVEL_3"]}`
	anEntry  = `{"name":"c","uri":"https://example.com/c","digest":{"sha256":"` + shaB + `"}}`
	scanned  = `"metadata":{"scanStartedOn":"2026-01-02T03:04:05Z","scanFinishedOn":"2026-01-02T03:04:06Z"}`
	scannerA = `"uri":"https://example.com/s","db":{"lastUpdate":"2026-01-01T00:00:00Z"}`
)

// Each rule of each predicate type, broken by one case.
func TestValidatePredicates(t *testing.T) {
	vsa := func(more string) string { return `{` + aVSA + `,` + more + `}` }
	levels := func(ls ...string) string {
		return vsa(`"verifiedLevels":["` + strings.Join(ls, `","`) + `"]`)
	}
	vulns := func(scanner string) string { return `{"scanner":{` + scanner + `},` + scanned + `}` }
	for _, c := range []struct {
		name, typ, subjects, predicate string
		want                           []string // severity path: text
	}{
		// Verification summaries.
		{"a summary", provenance.VSAType, anApp, vsa(`"timeVerified":"2026-01-02T03:04:05Z","inputAttestations":[{"uri":"https://example.com/a","digest":{"sha256":"` + shaA + `"}}],"verifiedLevels":["SLSA_BUILD_LEVEL_3","SLSA_SOURCE_LEVEL_UNEVALUATED","ORG_TESTED"],"dependencyLevels":{"SLSA_BUILD_LEVEL_1":5},"slsaVersion":"1.2"`), nil},
		{"nothing in a summary", provenance.VSAType, anApp, `{}`, []string{
			"error $.predicate.verifier.id: missing",
			"error $.predicate.resourceUri: missing",
			"error $.predicate.policy: a resource needs a uri, a digest or content",
			"error $.predicate.policy.uri: missing",
			"warning $.predicate.policy.digest: missing: nobody can tell which version of the policy it was",
			`error $.predicate.verificationResult: "", want PASSED or FAILED`,
			"error $.predicate.verifiedLevels: missing",
		}},
		{"no predicate", provenance.VSAType, anApp, `null`, []string{"error $.predicate: missing"}},
		{"summary of another shape", provenance.VSAType, anApp, `{"verifier":"me"}`, []string{
			"error $.predicate: $.verifier (byte 12): want an object, got a string",
		}},
		{"member in another case", provenance.VSAType, anApp, vsa(`"verifiedlevels":[]`), []string{
			`error $.predicate: $.verifiedlevels (byte 258): want "verifiedLevels"`,
		}},
		{"verifier is no URI", provenance.VSAType, anApp, strings.Replace(levels("SLSA_BUILD_LEVEL_1"), "https://example.com/v", "example.com/v", 1), []string{
			`error $.predicate.verifier.id: "example.com/v" is not an absolute URI`,
		}},
		{"policy without a digest", provenance.VSAType, anApp, strings.Replace(levels("SLSA_BUILD_LEVEL_1"), `,"digest":{"sha256":"`+shaB+`"}`, "", 1), []string{
			"warning $.predicate.policy.digest: missing: nobody can tell which version of the policy it was",
		}},
		{"input attestation without a digest", provenance.VSAType, anApp, vsa(`"verifiedLevels":["SLSA_BUILD_LEVEL_1"],"inputAttestations":[{"uri":"a:b"}]`), []string{
			"error $.predicate.inputAttestations[0].digest: an input attestation needs a digest",
		}},
		{"input attestation without a uri", provenance.VSAType, anApp, vsa(`"verifiedLevels":["SLSA_BUILD_LEVEL_1"],"inputAttestations":[{"digest":{"sha256":"` + shaA + `"}}]`), []string{
			"warning $.predicate.inputAttestations[0].uri: missing: nobody can fetch the attestation",
		}},
		{"neither passed nor failed", provenance.VSAType, anApp, strings.Replace(levels("SLSA_BUILD_LEVEL_1"), "PASSED", "WARNED", 1), []string{
			`error $.predicate.verificationResult: "WARNED", want PASSED or FAILED`,
		}},
		{"failed", provenance.VSAType, anApp, strings.Replace(levels("FAILED"), "PASSED", "FAILED", 1), nil},
		{"failed with a level", provenance.VSAType, anApp, strings.Replace(levels("SLSA_BUILD_LEVEL_1"), "PASSED", "FAILED", 1), []string{
			"error $.predicate.verifiedLevels: the result is FAILED, so that FAILED is the only level",
		}},
		{"failed with a level beside", provenance.VSAType, anApp, strings.Replace(levels("FAILED", "SLSA_BUILD_LEVEL_1"), "PASSED", "FAILED", 1), []string{
			"error $.predicate.verifiedLevels: the result is FAILED, so that FAILED is the only level",
		}},
		{"passed and failed", provenance.VSAType, anApp, levels("SLSA_BUILD_LEVEL_1", "FAILED"), []string{
			"error $.predicate.verifiedLevels: FAILED, but the result is PASSED",
		}},
		{"two levels of a track", provenance.VSAType, anApp, levels("SLSA_BUILD_LEVEL_3", "SLSA_SOURCE_LEVEL_1", "SLSA_BUILD_LEVEL_2"), []string{
			"error $.predicate.verifiedLevels[2]: SLSA_BUILD_LEVEL_2, but there is SLSA_BUILD_LEVEL_3: one level of a track",
		}},
		{"the same level twice", provenance.VSAType, anApp, levels("SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_3"), []string{
			`warning $.predicate.verifiedLevels[1]: "SLSA_BUILD_LEVEL_3" occurs twice`,
		}},
		{"a level that nobody has defined", provenance.VSAType, anApp, levels("SLSA_BUILD_LEVEL_4", "SLSA_SOURCE_LEVEL_5", "SLSA_DEPENDENCY_LEVEL_9"), []string{
			"warning $.predicate.verifiedLevels[0]: SLSA 1.2 has no SLSA_BUILD_LEVEL_4",
			"warning $.predicate.verifiedLevels[1]: SLSA 1.2 has no SLSA_SOURCE_LEVEL_5",
		}},
		{"own name in the space of SLSA", provenance.VSAType, anApp, levels("SLSA_BUILD_HERMETIC", "SLSA_BUILD_LEVEL_03", "SLSA_BUILD_LEVEL_X", "SLSA__LEVEL_", "SLSA_build_LEVEL_1"), []string{
			`error $.predicate.verifiedLevels[0]: "SLSA_BUILD_HERMETIC" is neither a level nor a property of SLSA, and other names must not begin with SLSA_`,
			`error $.predicate.verifiedLevels[1]: "SLSA_BUILD_LEVEL_03" is neither a level nor a property of SLSA, and other names must not begin with SLSA_`,
			`error $.predicate.verifiedLevels[2]: "SLSA_BUILD_LEVEL_X" is neither a level nor a property of SLSA, and other names must not begin with SLSA_`,
			`error $.predicate.verifiedLevels[3]: "SLSA__LEVEL_" is neither a level nor a property of SLSA, and other names must not begin with SLSA_`,
			`error $.predicate.verifiedLevels[4]: "SLSA_build_LEVEL_1" is neither a level nor a property of SLSA, and other names must not begin with SLSA_`,
		}},
		{"level of an old SLSA", provenance.VSAType, anApp, levels("SLSA_LEVEL_3"), []string{
			`error $.predicate.verifiedLevels[0]: "SLSA_LEVEL_3" is a level of SLSA 0.1, which is none of any track of SLSA 1`,
		}},
		{"names that are empty or nearly of SLSA", provenance.VSAType, anApp, levels("", "slsa_build_level_3"), []string{
			"error $.predicate.verifiedLevels[0]: empty",
			`warning $.predicate.verifiedLevels[1]: "slsa_build_level_3" differs in case only from a name of SLSA`,
		}},
		{"properties", provenance.VSAType, anApp, levels(provenance.BuildReproduced, provenance.SourceTwoPartyReviewed), nil},
		{"reproduced by one builder", provenance.VSAType, anApp, vsa(`"verifiedLevels":["SLSA_BUILD_REPRODUCED"],"inputAttestations":[{"uri":"a:b","digest":{"sha256":"` + shaA + `"}}]`), []string{
			"warning $.predicate.inputAttestations: SLSA_BUILD_REPRODUCED needs the provenance of two builders",
		}},
		{"levels of dependencies", provenance.VSAType, anApp, vsa(`"verifiedLevels":["X"],"dependencyLevels":{"SLSA_X":1,"FAILED":2,"OWN":3}`), []string{
			`error $.predicate.dependencyLevels.SLSA_X: "SLSA_X" is neither a level nor a property of SLSA, and other names must not begin with SLSA_`,
		}},
		{"a count below zero", provenance.VSAType, anApp, vsa(`"verifiedLevels":["X"],"dependencyLevels":{"X":-1}`), []string{
			`error $.predicate: $.dependencyLevels.X (byte 290): "-1" is no count`,
		}},
		{"version", provenance.VSAType, anApp, vsa(`"verifiedLevels":["X"],"slsaVersion":"v1.2"`), []string{
			`error $.predicate.slsaVersion: "v1.2", want major.minor`,
		}},

		// Summaries of a source.
		{"a source", provenance.VSAType, aCommit, aSource, nil},
		{"an artifact with a level of its source", provenance.VSAType, anApp, levels("SLSA_SOURCE_LEVEL_2"), nil},
		{"a source without refs and uri", provenance.VSAType, `{"digest":{"gitCommit":"` + commitA + `"}}`, aSource, []string{
			"warning $.subject[0].uri: missing: people look a revision up there",
			"warning $.subject[0].annotations.sourceRefs: missing: nobody can tell the branch of the revision",
		}},
		{"refs of another shape", provenance.VSAType, strings.Replace(aCommit, `["refs/heads/main"]`, `"refs/heads/main"`, 1), aSource, []string{
			"error $.subject[0].annotations.sourceRefs: not a list of strings",
		}},
		{"a ref of another type", provenance.VSAType, strings.Replace(aCommit, `"refs/heads/main"`, `1`, 1), aSource, []string{
			"error $.subject[0].annotations.sourceRefs: not a list of strings",
		}},
		{"the short name of a ref", provenance.VSAType, strings.Replace(aCommit, "refs/heads/main", "main", 1), aSource, []string{
			`error $.subject[0].annotations.sourceRefs: "main" is not the full name of a ref, as refs/heads/main`,
		}},
		{"a source in no repository", provenance.VSAType, aCommit, strings.Replace(aSource, "git+", "", 1), []string{
			`warning $.predicate.resourceUri: "https://example.com/r", want git+ and the URL of the repository`,
		}},

		// Test results.
		{"tests", provenance.TestResultType, anApp, `{"result":"WARNED","configuration":[` + anEntry + `],"url":"https://example.com/run","passedTests":["a"],"warnedTests":["b"],"failedTests":[]}`, nil},
		{"nothing in tests", provenance.TestResultType, anApp, `{}`, []string{
			`error $.predicate.result: "", want PASSED, WARNED or FAILED`,
			"error $.predicate.configuration: missing",
		}},
		{"tests that nobody configured", provenance.TestResultType, anApp, `{"result":"PASSED","configuration":[]}`, []string{
			"warning $.predicate.configuration: empty: nobody can tell which tests were to run",
		}},
		{"configuration", provenance.TestResultType, anApp, `{"result":"PASSED","configuration":[{"name":"x"}],"url":"run"}`, []string{
			"error $.predicate.configuration[0]: a resource needs a uri, a digest or content",
			`error $.predicate.url: "run" is not an absolute URI`,
		}},
		{"passed with a failed test", provenance.TestResultType, anApp, `{"result":"PASSED","configuration":[` + anEntry + `],"failedTests":["a"]}`, []string{
			`error $.predicate.result: PASSED, but tests failed: "a" is the first`,
		}},
		{"warned with a failed test", provenance.TestResultType, anApp, `{"result":"WARNED","configuration":[` + anEntry + `],"failedTests":["a"]}`, []string{
			`error $.predicate.result: WARNED, but tests failed: "a" is the first`,
		}},
		{"passed with a warning", provenance.TestResultType, anApp, `{"result":"PASSED","configuration":[` + anEntry + `],"warnedTests":["a"]}`, []string{
			`error $.predicate.result: PASSED, but tests warned: "a" is the first`,
		}},
		{"failed and no test did", provenance.TestResultType, anApp, `{"result":"FAILED","configuration":[` + anEntry + `]}`, nil},
		{"a test in two lists", provenance.TestResultType, anApp, `{"result":"FAILED","configuration":[` + anEntry + `],"passedTests":["a","b","b"],"failedTests":["a"]}`, []string{
			`warning $.predicate.passedTests[2]: "b" occurs twice`,
			`error $.predicate.failedTests[0]: "a" is among passedTests too`,
		}},

		// Scans.
		{"a scan", provenance.VulnsType, anApp, vulns(scannerA + `,"result":[{"id":"GO-1","severity":[{"method":"x","score":"1"}],"annotations":[{"a":1}]}]`), nil},
		{"a scan that found nothing", provenance.VulnsType, anApp, vulns(scannerA + `,"result":[]`), nil},
		{"nothing in a scan", provenance.VulnsType, anApp, `{}`, []string{
			"error $.predicate.scanner.uri: missing",
			"error $.predicate.scanner.db.lastUpdate: missing: nobody can tell what the scanner could know",
			"error $.predicate.scanner.result: missing: only an empty list says that nothing was found",
			"error $.predicate.metadata.scanStartedOn: missing",
			"error $.predicate.metadata.scanFinishedOn: missing",
		}},
		{"names in a scan", provenance.VulnsType, anApp, vulns(`"uri":"trivy","db":{"uri":"db","lastUpdate":"2026-01-01T00:00:00Z"},"result":[{"id":" "},{"id":"a","severity":[{}]}]`), []string{
			`error $.predicate.scanner.uri: "trivy" is not an absolute URI`,
			`error $.predicate.scanner.db.uri: "db" is not an absolute URI`,
			"error $.predicate.scanner.result[0].id: missing",
			"warning $.predicate.scanner.result[0].severity: missing",
			"error $.predicate.scanner.result[1].severity[0].method: missing",
			"error $.predicate.scanner.result[1].severity[0].score: missing",
		}},
		{"a scan that ended before it began", provenance.VulnsType, anApp, `{"scanner":{` + scannerA + `,"result":[]},"metadata":{"scanStartedOn":"2026-01-02T03:04:05Z","scanFinishedOn":"2026-01-02T03:04:04Z"}}`, []string{
			"error $.predicate.metadata.scanFinishedOn: 2026-01-02T03:04:04Z is before scanStartedOn",
		}},

		// Attributes.
		{"attributes", provenance.SCAIType, anApp, `{"attributes":[{"attribute":"A","target":` + anEntry + `,"conditions":{"a":1},"evidence":` + anEntry + `}],"producer":` + anEntry + `}`, nil},
		{"no attributes", provenance.SCAIType, anApp, `{}`, []string{"error $.predicate.attributes: no attribute"}},
		{"faults of attributes", provenance.SCAIType, anApp, `{"attributes":[{},{"attribute":"A","target":{},"evidence":{"uri":"x"}}],"producer":{"name":"gcc"}}`, []string{
			"error $.predicate.attributes[0].attribute: missing",
			"error $.predicate.attributes[1].target: a resource needs a uri, a digest or content",
			`error $.predicate.attributes[1].evidence.uri: "x" is not an absolute URI`,
			"error $.predicate.producer: a resource needs a uri, a digest or content",
		}},

		// Releases.
		{"a release", provenance.ReleaseType, anApp, `{"purl":"pkg:golang/example.com/app@v1.2.3","packageId":"1"}`, nil},
		{"an image", provenance.ReleaseType, anApp, `{"purl":"pkg:oci/app@sha256%3Aab?tag=v1"}`, nil},
		{"nothing in a release", provenance.ReleaseType, `{"digest":{"sha256":"` + shaA + `"}}`, `{}`, []string{
			"error $.predicate.purl: missing",
			"warning $.subject[0].name: missing: a release names its files",
		}},
		{"a release that is no purl", provenance.ReleaseType, anApp, `{"purl":"https://example.com"}`, []string{
			`error $.predicate.purl: malformed package URL "https://example.com": it does not begin with pkg:`,
		}},
		{"a release of no version", provenance.ReleaseType, anApp, `{"purl":"pkg:golang/example.com/app"}`, []string{
			`error $.predicate.purl: "pkg:golang/example.com/app" has no version`,
		}},
		{"a release with qualifiers", provenance.ReleaseType, anApp, `{"purl":"pkg:golang/example.com/app@v1?goos=linux"}`, []string{
			`warning $.predicate.purl: "pkg:golang/example.com/app@v1?goos=linux" has qualifiers, which only some types need to name a release`,
		}},
		{"a release of a part", provenance.ReleaseType, anApp, `{"purl":"pkg:golang/example.com/app@v1#cmd"}`, []string{
			`warning $.predicate.purl: "pkg:golang/example.com/app@v1#cmd" has a subpath`,
		}},

		// Links.
		{"a link", provenance.LinkType, anApp, `{"name":"build","command":["go","build"],"materials":[` + anEntry + `],"byproducts":{"return-value":0},"environment":{}}`, nil},
		{"faults of a link", provenance.LinkType, `{"digest":{"sha256":"` + shaA + `"}}`, `{"materials":[{"name":"a","uri":"a:b"},{"uri":"a:b","digest":{"sha256":"` + shaA + `"}},` + anEntry + `,` + anEntry + `]}`, []string{
			"error $.subject[0].name: missing: a step is matched with others by the names of its products",
			"error $.predicate.name: missing",
			"error $.predicate.materials[0].digest: a material needs a digest",
			"error $.predicate.materials[1].name: missing",
			`error $.predicate.materials[3].name: "c" is also the name of material 2`,
		}},

		// References.
		{"a reference", provenance.ReferenceType, anApp, `{"attester":{"id":"https://example.com/a"},"references":[{"downloadLocation":"https://example.com/s","mediaType":"x/y","digest":{"sha256":"` + shaB + `"}}]}`, nil},
		{"nothing in a reference", provenance.ReferenceType, anApp, `{}`, []string{
			"error $.predicate.attester.id: missing",
			"error $.predicate.references: no reference",
		}},
		{"faults of a reference", provenance.ReferenceType, anApp, `{"attester":{"id":"a:b"},"references":[{"uri":"a:b"}]}`, []string{
			"error $.predicate.references[0].downloadLocation: missing",
			"error $.predicate.references[0].mediaType: missing: application/octet-stream if it is not known",
			"warning $.predicate.references[0].digest: missing: the document can be exchanged",
		}},

		// Simple verification results.
		{"a result", provenance.SVRType, anApp, `{"verifier":{"id":"https://example.com/v","policies":[]},"timeCreated":"2026-01-02T03:04:05Z","properties":["A"]}`, nil},
		{"nothing in a result", provenance.SVRType, anApp, `{}`, []string{
			"error $.predicate.verifier.id: missing",
			"error $.predicate.verifier.policies: missing: it is an empty list if there are none",
			"error $.predicate.timeCreated: missing",
			"error $.predicate.properties: missing",
		}},
		{"faults of a result", provenance.SVRType, anApp, `{"verifier":{"id":"a:b","policies":[{}]},"timeCreated":"2026-01-02T03:04:05Z","properties":["A","","A"]}`, []string{
			"error $.predicate.verifier.policies[0]: a resource needs a uri, a digest or content",
			"error $.predicate.properties[1]: empty",
			`warning $.predicate.properties[2]: "A" occurs twice`,
		}},

		// Older versions, which need only be such as can be read.
		{"an old summary", provenance.VSATypeV01, anApp, `{"policy_level":"SLSA_LEVEL_3"}`, nil},
		{"an old summary of another shape", provenance.VSATypeV02, anApp, `{"policy_level":3}`, []string{
			"error $.predicate: $.policy_level (byte 16): want an array, got a number",
		}},
		{"cosign's scan", provenance.CosignVulnsType, anApp, `{"scanner":{"result":{}}}`, nil},
		{"no old attributes", provenance.SCAITypeV02, anApp, `null`, []string{"error $.predicate: missing"}},

		// Members beside, wherever they are.
		{"extensions", provenance.VulnsType, anApp, vulns(scannerA + `,"x_a":1,"result":[{"id":"1","severity":[],"x":1,"x_b":{}}]`), []string{
			"warning $.predicate.scanner.result[0].x: neither a member that SLSA and in-toto name nor an extension, vendor_field",
		}},
		{"members in snake case", provenance.VSAType, anApp, vsa(`"verified_levels":[],"verifiedLevels":["X"]`), []string{
			"error $.predicate.verified_levels: some readers take it for verifiedLevels",
		}},

		// SBOMs.
		{"CycloneDX", provenance.CycloneDXType, anApp, `{"bomFormat":"CycloneDX","specVersion":"1.6"}`, nil},
		{"CycloneDX of a version", provenance.CycloneDXType + "/v1.4", anApp, `{"bomFormat":"CycloneDX","specVersion":"1.4"}`, nil},
		{"CycloneDX of another version", provenance.CycloneDXType + "/v1.4", anApp, `{"bomFormat":"CycloneDX","specVersion":"1.6"}`, []string{
			`error $.predicate: malformed SBOM: CycloneDX 1.6, but the predicate type is "https://cyclonedx.org/bom/v1.4"`,
		}},
		{"SPDX 2.3", provenance.SPDXType + "/v2.3", anApp, `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT"}`, nil},
		{"SPDX as CycloneDX", provenance.CycloneDXType, anApp, `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT"}`, []string{
			`error $.predicate: malformed SBOM: SPDX 2.3, but the predicate type is "https://cyclonedx.org/bom"`,
		}},
		{"SPDX 2.2 of no version", provenance.SPDXType, anApp, `{"spdxVersion":"SPDX-2.2","SPDXID":"SPDXRef-DOCUMENT"}`, nil},
		{"SPDX 3", provenance.SPDXType + "/v3", anApp, `{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[]}`, nil},
		{"SPDX 3 with another context", provenance.SPDXType + "/v3", anApp, `{"@context":[{},"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","https://example.com"],"@graph":[]}`, nil},
		{"SPDX 3 as 2.3", provenance.SPDXType + "/v2.3", anApp, `{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[]}`, []string{
			`error $.predicate: malformed SBOM: SPDX 3.0.1, but the predicate type is "https://spdx.dev/Document/v2.3"`,
		}},
		{"no SBOM", provenance.SPDXType, anApp, `{}`, []string{
			"error $.predicate: malformed SBOM: neither CycloneDX (bomFormat) nor SPDX (spdxVersion, @context)",
		}},
		{"two SBOMs", provenance.SPDXType, anApp, `{"bomFormat":"CycloneDX","specVersion":"1.6","spdxVersion":"SPDX-2.3"}`, []string{
			"error $.predicate: malformed SBOM: it is CycloneDX and SPDX at once",
		}},
		{"another SBOM", provenance.CycloneDXType, anApp, `{"bomFormat":"x","specVersion":"1.6"}`, []string{
			`error $.predicate: malformed SBOM: $.bomFormat: "x", want "CycloneDX"`,
		}},
		{"SBOM of no version", provenance.CycloneDXType, anApp, `{"bomFormat":"CycloneDX"}`, []string{
			`error $.predicate: malformed SBOM: CycloneDX version ""`,
		}},
		{"SPDX of another scheme", provenance.SPDXType, anApp, `{"spdxVersion":"2.3"}`, []string{
			`error $.predicate: malformed SBOM: $.spdxVersion (byte 20): "2.3" does not begin with SPDX-`,
		}},
		{"SPDX 2 without an id", provenance.SPDXType, anApp, `{"spdxVersion":"SPDX-2.3"}`, []string{
			`error $.predicate: malformed SBOM: $.SPDXID: "", want SPDXRef-DOCUMENT`,
		}},
		{"SPDX 3 without a graph", provenance.SPDXType, anApp, `{"@context":"https://spdx.org/rdf/3.0.1/x"}`, []string{
			"error $.predicate: malformed SBOM: $.@graph: missing",
		}},
		{"SBOM without a document", provenance.SPDXType, anApp, `null`, []string{"error $.predicate: malformed SBOM: no predicate"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, p := range stated(t, c.typ, c.subjects, c.predicate).Validate() {
				got = append(got, p.Severity.String()+" "+p.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// restate reads the predicate of s by its type and states it again.
func restate(s *provenance.Statement, subjects ...hallmark.Artifact) (*provenance.Statement, error) {
	type predicate interface {
		Statement(...hallmark.Artifact) (*provenance.Statement, error)
	}
	var p predicate
	var err error
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
		p, err = provenance.ParseSBOM(s)
	}
	if err != nil {
		return nil, err
	}
	return p.Statement(subjects...)
}

// fullPredicates has a predicate of each type in which everything is set, in the
// order in which it is written, with unknown members in every object.
func fullPredicates() map[string]string {
	const (
		extra    = `"x_a":{"b":[1.0,9007199254740993]},"x_b":null`
		resource = `{"name":"n","uri":"a:b","digest":{"sha256":"` + shaA + `"}}`
		when     = `"2026-01-02T03:04:05.5Z"`
	)
	return map[string]string{
		provenance.VSAType: `{"verifier":{"id":"a:b","version":{"p":"1"},` + extra + `},"timeVerified":` + when + `,"resourceUri":"a:b","policy":` + resource +
			`,"inputAttestations":[` + resource + `],"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_3","X"],"dependencyLevels":{"SLSA_BUILD_LEVEL_1":7},"slsaVersion":"1.2",` + extra + `}`,
		provenance.TestResultType: `{"result":"FAILED","configuration":[` + resource + `],"url":"a:b","passedTests":["b","a"],"warnedTests":[],"failedTests":["c"],` + extra + `}`,
		provenance.VulnsType: `{"scanner":{"uri":"a:b","version":"1","db":{"uri":"a:b","version":"2","lastUpdate":` + when + `,` + extra + `},"result":[{"id":"1","severity":[{"method":"m","score":"s",` + extra +
			`}],"annotations":[{"a":1.50}],` + extra + `}],` + extra + `},"metadata":{"scanStartedOn":` + when + `,"scanFinishedOn":` + when + `,` + extra + `},` + extra + `}`,
		provenance.SCAIType:           `{"attributes":[{"attribute":"B","target":` + resource + `,"conditions":{"a":1.50},"evidence":` + resource + `,` + extra + `},{"attribute":"A"}],"producer":` + resource + `,` + extra + `}`,
		provenance.ReleaseType:        `{"purl":"pkg:golang/a@v1","packageId":"1",` + extra + `}`,
		provenance.LinkType:           `{"name":"n","command":["b","a"],"materials":[` + resource + `],"byproducts":{"return-value":0},"environment":{"a":1.50},` + extra + `}`,
		provenance.ReferenceType:      `{"attester":{"id":"a:b","version":{"p":"1"},` + extra + `},"references":[{"digest":{"sha256":"` + shaA + `"},"downloadLocation":"a:b","mediaType":"x/y"}],` + extra + `}`,
		provenance.SVRType:            `{"verifier":{"id":"a:b","version":{"p":"1"},"policies":[` + resource + `],` + extra + `},"timeCreated":` + when + `,"properties":["b","a"],` + extra + `}`,
		provenance.CycloneDXType:      `{"x_b":null,"bomFormat":"CycloneDX","specVersion":"1.6","n":9007199254740993}`,
		provenance.SPDXType:           `{"x_b":null,"spdxVersion":"SPDX-2.2","SPDXID":"SPDXRef-DOCUMENT","n":1.0}`,
		provenance.SPDXType + "/v2.3": `{"SPDXID":"SPDXRef-DOCUMENT","spdxVersion":"SPDX-2.3"}`,
		provenance.SPDXType + "/v3":   `{"@context":"https://spdx.org/rdf/3.0.1/x","@graph":[{}]}`,
	}
}

// What is read is written again, whatever it is, to the byte.
func TestPredicatesKeepAll(t *testing.T) {
	for typ, predicate := range fullPredicates() {
		t.Run(typ, func(t *testing.T) {
			s := stated(t, typ, anApp, predicate)
			again, err := restate(s, app(t))
			if err != nil {
				t.Fatal(err)
			}
			if again.PredicateType != typ || string(again.Predicate) != predicate {
				t.Errorf("got %s\n%s\nwant %s\n%s", again.PredicateType, again.Predicate, typ, predicate)
			}
		})
	}
}

// What other versions say is said in the one that is written.
func TestPredicatesOfOldVersions(t *testing.T) {
	const old = `"verifier":{"id":"a:b"},"policy":{"uri":"a:b"}`
	for _, c := range []struct{ name, typ, predicate, wantType, want string }{
		{
			"VSA 0.1 with the names of 1", provenance.VSATypeV01,
			`{` + old + `,"resourceUri":"a:b","inputAttestations":null,"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_3"]}`,
			provenance.VSAType,
			`{` + old[:len(`"verifier":{"id":"a:b"}`)] + `,"resourceUri":"a:b","policy":{"uri":"a:b"},"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_3"]}`,
		},
		{
			"VSA 0.2", provenance.VSATypeV02,
			`{` + old + `,"time_verified":"2026-01-02T03:04:05Z","resource_uri":"a:b","input_attestations":[{"uri":"a:b","digest":{"sha256":"` + shaA + `"}}],"verification_result":"PASSED","policy_level":"OWN","dependency_levels":{"OWN":1}}`,
			provenance.VSAType,
			`{"verifier":{"id":"a:b"},"timeVerified":"2026-01-02T03:04:05Z","resourceUri":"a:b","policy":{"uri":"a:b"},"inputAttestations":[{"uri":"a:b","digest":{"sha256":"` + shaA + `"}}],"verificationResult":"PASSED","verifiedLevels":["OWN"],"dependencyLevels":{"OWN":1}}`,
		},
		{
			"VSA 0.2 with a level of its time", provenance.VSATypeV02,
			`{` + old + `,"resource_uri":"a:b","verification_result":"PASSED","policy_level":"SLSA_LEVEL_3"}`, "",
			`malformed statement: $.predicate.verifiedLevels[0]: "SLSA_LEVEL_3" is a level of SLSA 0.1, which is none of any track of SLSA 1`,
		},
		{
			"VSA 0.2 with two levels", provenance.VSATypeV02, `{"policy_level":"A","verifiedLevels":["B"]}`, "",
			`malformed verification summary: $.verifiedLevels (byte 37): a second verifiedLevels`,
		},
		{
			"VSA 1 with the names of 0.2", provenance.VSAType, `{` + old + `,"resource_uri":"a:b","verification_result":"PASSED","verifiedLevels":["OWN"]}`, "",
			`provenance: predicate: extension "resource_uri": some readers take it for resourceUri`,
		},
		{
			"VSA with counts in strings", provenance.VSAType,
			`{` + aVSA + `,"verifiedLevels":["OWN"],"dependencyLevels":{"OWN":"5"}}`,
			provenance.VSAType,
			`{` + aVSA + `,"verifiedLevels":["OWN"],"dependencyLevels":{"OWN":5}}`,
		},
		{
			"no dependencies", provenance.VSAType,
			`{` + aVSA + `,"verifiedLevels":["OWN"],"dependencyLevels":{}}`,
			provenance.VSAType,
			`{` + aVSA + `,"verifiedLevels":["OWN"],"dependencyLevels":{}}`,
		},
		{
			"scan 0.1 as its example", provenance.VulnsTypeV01,
			`{"invocation":{"uri":"a:b"},"scanner":{` + scannerA + `,"result":[{"id":"1"}]},` + scanned + `}`,
			provenance.VulnsType,
			`{"scanner":{` + scannerA + `,"result":[{"id":"1"}]},` + scanned + `,"invocation":{"uri":"a:b"}}`,
		},
		{
			"scan 0.1 as its text", provenance.VulnsTypeV01,
			`{"scanner":{` + scannerA + `,"result":[{"vulnerability":{"id":"1","annotations":{"a":1}}}]},` + scanned + `}`,
			provenance.VulnsType,
			`{"scanner":{` + scannerA + `,"result":[{"id":"1","annotations":[{"a":1}]}]},` + scanned + `}`,
		},
		{
			"scan 0.1 as its protocol buffer", provenance.VulnsTypeV01,
			`{"scanner":{"uri":"https://example.com/s","database":{"lastUpdate":"2026-01-01T00:00:00Z"},"result":{"vulnerabilities":[{"id":"1"}]}},"scanMetadata":` + strings.TrimPrefix(scanned, `"metadata":`) + `}`,
			provenance.VulnsType,
			`{"scanner":{` + scannerA + `,"result":[{"id":"1"}]},` + scanned + `}`,
		},
		{
			"scan 0.1 of two minds", provenance.VulnsTypeV01, `{"scanner":{"result":[{"id":"1","vulnerability":{"id":"2"}}]}}`, "",
			"malformed vulnerability scan: $.scanner.result[0].vulnerability.id (byte 54): a second id",
		},
		{
			"cosign's scan", provenance.CosignVulnsType,
			`{"scanner":{` + scannerA + `,"result":{"Results":[]}},` + scanned + `}`, "",
			"provenance: a report in the scanner's own format is no list of vulnerabilities",
		},
		{
			"cosign's scanners", provenance.CosignVulnsType, `{"scanners":[{},{}]}`, "",
			"malformed vulnerability scan: $.scanners[1] (byte 16): a second scanner",
		},
		{
			"attributes 0.2", provenance.SCAITypeV02, `{"attributes":[{"attribute":"A"}]}`,
			provenance.SCAIType, `{"attributes":[{"attribute":"A"}]}`,
		},
		{
			"release 0.1", provenance.ReleaseTypeV01, `{"purl":"pkg:golang/a@v1","releaseId":"1"}`,
			provenance.ReleaseType, `{"purl":"pkg:golang/a@v1","packageId":"1"}`,
		},
		{
			"release 0.1 as in the examples", provenance.ReleaseTypeV01, `{"purl":"pkg:golang/a@v1","packageId":"1"}`,
			provenance.ReleaseType, `{"purl":"pkg:golang/a@v1","packageId":"1"}`,
		},
		{
			"result 0.1", provenance.SVRTypeV01, `{"verifier":{"id":"a:b"},"timeCreated":"2026-01-02T03:04:05Z","properties":["A"]}`,
			provenance.SVRType, `{"verifier":{"id":"a:b","policies":[]},"timeCreated":"2026-01-02T03:04:05Z","properties":["A"]}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := restate(stated(t, c.typ, anApp, c.predicate), app(t))
			switch {
			case c.wantType == "" && (err == nil || err.Error() != c.want):
				t.Errorf("error %v, want %s", err, c.want)
			case c.wantType != "" && err != nil:
				t.Error(err)
			case c.wantType != "" && (got.PredicateType != c.wantType || string(got.Predicate) != c.want):
				t.Errorf("got %s\n%s\nwant %s\n%s", got.PredicateType, got.Predicate, c.wantType, c.want)
			}
		})
	}
}

// What a scanner of cosign's type found is not mistaken for nothing.
func TestCosignVulns(t *testing.T) {
	for _, scanner := range []string{`"scanner":{"uri":"a:b","result":{"Results":[1.0]}}`, `"scanners":[{"uri":"a:b","result":{"Results":[1.0]}}]`} {
		v, err := provenance.ParseVulns(stated(t, provenance.CosignVulnsType, anApp, `{"invocation":{"builder.id":"x"},`+scanner+`}`))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"Results": []any{json.Number("1.0")}}
		if v.Scanner.Vulnerabilities != nil || !reflect.DeepEqual(v.Scanner.Report, want) || v.Scanner.URI != "a:b" {
			t.Errorf("scanner %+v", v.Scanner)
		}
		if want := (provenance.Extensions{"invocation": json.RawMessage(`{"builder.id":"x"}`)}); !reflect.DeepEqual(v.Extensions, want) {
			t.Errorf("extensions %s, want %s", v.Extensions, want)
		}
	}
}

// A predicate of another type is none of ours.
func TestPredicatesOfOtherTypes(t *testing.T) {
	other := stated(t, "https://example.com/other", anApp, "{}")
	for want, parse := range map[string]func(*provenance.Statement) error{
		`"https://slsa.dev/verification_summary/v1"`:                 func(s *provenance.Statement) error { _, err := provenance.ParseVSA(s); return err },
		`"https://in-toto.io/attestation/test-result/v0.1"`:          func(s *provenance.Statement) error { _, err := provenance.ParseTestResult(s); return err },
		`"https://in-toto.io/attestation/vulns/v0.2"`:                func(s *provenance.Statement) error { _, err := provenance.ParseVulns(s); return err },
		`"https://in-toto.io/attestation/scai/v0.3"`:                 func(s *provenance.Statement) error { _, err := provenance.ParseSCAI(s); return err },
		`"https://in-toto.io/attestation/release/v0.2"`:              func(s *provenance.Statement) error { _, err := provenance.ParseRelease(s); return err },
		`"https://in-toto.io/attestation/link/v0.3"`:                 func(s *provenance.Statement) error { _, err := provenance.ParseLink(s); return err },
		`"https://in-toto.io/attestation/reference/v0.1"`:            func(s *provenance.Statement) error { _, err := provenance.ParseReference(s); return err },
		`"https://in-toto.io/attestation/svr/v0.2"`:                  func(s *provenance.Statement) error { _, err := provenance.ParseSVR(s); return err },
		`"https://cyclonedx.org/bom" or "https://spdx.dev/Document"`: func(s *provenance.Statement) error { _, err := provenance.ParseSBOM(s); return err },
	} {
		want = `provenance: predicate type "https://example.com/other", want ` + want
		if err := parse(other); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if _, err := provenance.ParseVSA(stated(t, provenance.VSAType, anApp, "null")); err == nil || err.Error() != "malformed verification summary: no predicate" {
		t.Errorf("no predicate: %v", err)
	}
}

// A member beside must not be read as one that this package knows.
func TestExtensionsAreOthers(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"x_a", "1", ""},
		{"purl", "1", `provenance: predicate: extension "purl": some readers take it for purl`},
		{"packageid", "1", `provenance: predicate: extension "packageid": some readers take it for packageId`},
		{"package_id", "1", `provenance: predicate: extension "package_id": some readers take it for packageId`},
		{"releaseId", "1", ""}, // of version 0.1, and unknown to this one
		{"x_\xff", "1", `provenance: predicate: string "x_\xff" is not UTF-8`},
		{"x_a", "{", `provenance: predicate: extension "x_a": $ (byte 1): want a member name, got the end`},
	} {
		r := &provenance.Release{PURL: "pkg:golang/a@v1", Extensions: provenance.Extensions{c.name: json.RawMessage(c.value)}}
		_, err := r.Statement(app(t))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q: error %q, want %q", c.name, got, c.want)
		}
	}
}

func TestPredicatesAreDeterministic(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	var want string
	for i := range 1000 {
		r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		extensions, levels := make(provenance.Extensions), make(map[string]int64)
		var inputs []provenance.ResourceDescriptor
		for _, n := range names {
			extensions["x_"+n] = json.RawMessage(`"` + n + `"`)
			levels[n] = 1
			inputs = append(inputs, provenance.ResourceDescriptor{URI: "a:" + n, Digest: provenance.DigestSet{"sha256": shaA}})
		}
		v := &provenance.VSA{
			Verifier: provenance.Agent{ID: "a:b", Extensions: extensions}, ResourceURI: "a:b", Policy: provenance.ResourceDescriptor{URI: "a:b"}, Extensions: extensions,
			InputAttestations: inputs, Result: provenance.Passed, VerifiedLevels: []string{"X"}, DependencyLevels: levels,
			TimeVerified: time.Date(2026, 1, 2, 4, 4, 5, 0, time.FixedZone("", 3600*(i%3))),
		}
		v.TimeVerified = v.TimeVerified.Add(time.Duration(i%3) * time.Hour) // the same instant everywhere
		s, err := v.Statement(app(t))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			want = string(s.Predicate)
		}
		if string(s.Predicate) != want {
			t.Fatalf("shuffle %d:\n%s\nwant\n%s", i, s.Predicate, want)
		}
	}
}

func TestVSALevel(t *testing.T) {
	for _, c := range []struct {
		result provenance.Result
		levels []string
		track  string
		want   string
	}{
		{provenance.Passed, []string{"SLSA_BUILD_LEVEL_3"}, provenance.BuildTrack, "3 true"},
		{provenance.Passed, []string{"X", "SLSA_SOURCE_LEVEL_2", "SLSA_BUILD_LEVEL_0"}, provenance.BuildTrack, "0 true"},
		{provenance.Passed, []string{"X", "SLSA_SOURCE_LEVEL_2", "SLSA_BUILD_LEVEL_0"}, provenance.SourceTrack, "2 true"},
		{provenance.Passed, []string{"SLSA_BUILD_LEVEL_3"}, provenance.SourceTrack, "0 false"},
		{provenance.Passed, []string{"SLSA_BUILD_LEVEL_UNEVALUATED"}, provenance.BuildTrack, "0 false"},
		{provenance.Passed, []string{"SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_2"}, provenance.BuildTrack, "0 false"},
		{provenance.Passed, []string{"SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_UNEVALUATED"}, provenance.BuildTrack, "0 false"},
		{provenance.Passed, []string{"SLSA_LEVEL_3", "SLSA_BUILD_LEVEL_+3"}, provenance.BuildTrack, "0 false"},
		{provenance.Failed, []string{"SLSA_BUILD_LEVEL_3"}, provenance.BuildTrack, "0 false"},
		{"", []string{"SLSA_BUILD_LEVEL_3"}, provenance.BuildTrack, "0 false"},
	} {
		v := &provenance.VSA{Result: c.result, VerifiedLevels: c.levels}
		level, ok := v.Level(c.track)
		if got := fmt.Sprint(level, ok); got != c.want {
			t.Errorf("%s %v: level of %s is %s, want %s", c.result, c.levels, c.track, got, c.want)
		}
	}
}

func TestSourceStatement(t *testing.T) {
	good := func() (*provenance.VSA, provenance.Revision) {
		v := &provenance.VSA{
			Verifier: provenance.Agent{ID: "a:b"}, ResourceURI: "git+https://example.com/r", Policy: provenance.ResourceDescriptor{URI: "a:b"},
			Result: provenance.Passed, VerifiedLevels: []string{"SLSA_SOURCE_LEVEL_3"},
		}
		return v, provenance.Revision{
			Commit: digest(t, "gitCommit:"+commitA), Digests: []hallmark.Digest{digest(t, "gitTree:"+commitB)},
			URI: "https://example.com/c", Refs: []string{"refs/tags/v1", "refs/heads/main"},
		}
	}
	v, r := good()
	s, err := v.SourceStatement(r)
	if err != nil {
		t.Fatal(err)
	}
	data, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	back, rs, err := provenance.ParseSourceVSA(parse(t, string(data)))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(r.Refs)
	if !reflect.DeepEqual(rs, []provenance.Revision{r}) || !reflect.DeepEqual(back, v) {
		t.Errorf("got %+v of %+v, want %+v of %+v", back, rs, v, r)
	}

	for _, c := range []struct {
		name string
		edit func(*provenance.VSA, *provenance.Revision)
		want string
	}{
		{"failed", func(v *provenance.VSA, _ *provenance.Revision) {
			v.Result, v.VerifiedLevels = provenance.Failed, []string{"FAILED"}
		}, ""},
		{"no level of the track", func(v *provenance.VSA, _ *provenance.Revision) { v.VerifiedLevels = []string{"SLSA_BUILD_LEVEL_3"} }, "provenance: a source VSA needs a level of the source track"},
		{"no repository", func(v *provenance.VSA, _ *provenance.Revision) { v.ResourceURI = "https://example.com/r" }, `provenance: the resource of a source VSA is "https://example.com/r", want git+ and the URL of the repository`},
		{"no commit", func(_ *provenance.VSA, r *provenance.Revision) { r.Commit = hallmark.Digest{} }, `provenance: the revision of a source VSA is "", want a gitCommit`},
		{"a tree", func(_ *provenance.VSA, r *provenance.Revision) { r.Commit = digest(t, "gitTree:"+commitA) }, `provenance: the revision of a source VSA is "gitTree:` + commitA + `", want a gitCommit`},
		{"a short ref", func(_ *provenance.VSA, r *provenance.Revision) { r.Refs = []string{"main"} }, `malformed statement: $.subject[0].annotations.sourceRefs: "main" is not the full name of a ref, as refs/heads/main`},
	} {
		v, r := good()
		c.edit(v, &r)
		_, err := v.SourceStatement(r)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: error %q, want %q", c.name, got, c.want)
		}
	}

	for _, c := range []struct{ subject, want string }{
		{anApp, "malformed verification summary: no subject with a gitCommit"},
		{strings.Replace(aCommit, `["refs/heads/main"]`, `{}`, 1), "malformed verification summary: subject 0: sourceRefs is not a list of strings"},
	} {
		if _, _, err := provenance.ParseSourceVSA(stated(t, provenance.VSAType, c.subject, aSource)); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
	if _, rs, err := provenance.ParseSourceVSA(stated(t, provenance.VSAType, `{"digest":{"gitCommit":"`+commitA+`"}}`, aSource)); err != nil || len(rs) != 1 || rs[0].Refs != nil {
		t.Errorf("no refs: %+v, %v", rs, err)
	}
}

func TestPredicateBounds(t *testing.T) {
	list := func(element string, n int) string {
		return `[` + strings.TrimSuffix(strings.Repeat(element+",", n), ",") + `]`
	}
	var levels []string
	for i := range provenance.MaxLevels + 1 {
		levels = append(levels, fmt.Sprintf(`"L%d":1`, i))
	}
	for _, c := range []struct{ typ, predicate, want string }{
		{provenance.VulnsType, `{"scanner":{"result":` + list("{}", provenance.MaxDependencies+1) + `}}`, "more than 100000 elements"},
		{provenance.SCAIType, `{"attributes":` + list("{}", provenance.MaxDependencies+1) + `}`, "more than 100000 elements"},
		{provenance.TestResultType, `{"configuration":` + list("{}", provenance.MaxDependencies+1) + `}`, "more than 100000 resources"},
		{provenance.TestResultType, `{"failedTests":` + list(`""`, provenance.MaxTests+1) + `}`, "more than 1000000 strings"},
		{provenance.VSAType, `{"verifiedLevels":` + list(`""`, provenance.MaxLevels+1) + `}`, "more than 1000 strings"},
		{provenance.VSAType, `{"dependencyLevels":{` + strings.Join(levels, ",") + `}}`, "more than 1000 levels"},
		{provenance.SVRType, `{"properties":` + list(`""`, provenance.MaxLevels+1) + `}`, "more than 1000 strings"},
		{provenance.LinkType, `{"command":` + list(`""`, provenance.MaxDependencies+1) + `}`, "more than 100000 strings"},
	} {
		s := &provenance.Statement{PredicateType: c.typ, Predicate: json.RawMessage(c.predicate)}
		if _, err := restate(s, app(t)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", c.typ, err, c.want)
		}
	}

	// What is not read is not written.
	v := &provenance.Vulns{}
	v.Scanner.Vulnerabilities = make([]provenance.Vulnerability, provenance.MaxDependencies+1)
	if _, err := v.Statement(app(t)); err == nil || !strings.Contains(err.Error(), "more than 100000 elements") {
		t.Errorf("error %v", err)
	}
	r := &provenance.SVR{Properties: make([]string, provenance.MaxLevels+1)}
	if _, err := r.Statement(app(t)); err == nil || !strings.Contains(err.Error(), "more than 1000 strings") {
		t.Errorf("error %v", err)
	}
}
