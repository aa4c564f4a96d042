package provenance

import "strings"

// MediaType is the payload type of a Statement in an envelope.
const MediaType = "application/vnd.in-toto+json"

// PayloadType returns the payload type of a Statement in an envelope that names
// its predicate, such as "application/vnd.in-toto.provenance+json", which
// version 1.2 of in-toto's specification allows, or MediaType for a predicate
// that it has no file of. Not every reader knows these: package verify, for
// one, wants MediaType.
//
// https://github.com/in-toto/attestation/blob/v1.2.0/spec/v1/envelope.md
func PayloadType(predicateType string) string {
	// "<predicate> MUST match the predicate specification filename without
	// the file extension."
	var name string
	switch predicateType {
	case PredicateType, PredicateTypeV02, PredicateTypeV01:
		name = "provenance"
	case "https://slsa.dev/verification_summary/v1", "https://slsa.dev/verification_summary/v0.2", "https://slsa.dev/verification_summary/v0.1":
		name = "vsa"
	case "https://cyclonedx.org/bom":
		name = "cyclonedx"
	case "https://spdx.dev/Document", "https://spdx.dev/Document/v2.3":
		name = "spdx2"
	case "https://spdx.dev/Document/v3":
		name = "spdx3"
	case "https://in-toto.io/attestation/test-result/v0.1":
		name = "test-result"
	case "https://in-toto.io/attestation/vulns/v0.1":
		name = "vuln"
	case "https://in-toto.io/attestation/vulns/v0.2":
		name = "vulns_02"
	case "https://in-toto.io/attestation/scai/v0.3":
		name = "scai"
	case "https://in-toto.io/attestation/link/v0.3":
		name = "link"
	case "https://in-toto.io/attestation/release/v0.2", "https://in-toto.io/attestation/release/v0.1":
		name = "release"
	case "https://in-toto.io/attestation/reference/v0.1":
		name = "reference"
	case "https://in-toto.io/attestation/runtime-trace/v0.1":
		name = "runtime-trace"
	case "https://in-toto.io/attestation/svr/v0.1", "https://in-toto.io/attestation/svr/v0.2":
		name = "svr"
	default:
		return MediaType
	}
	return "application/vnd.in-toto." + name + "+json"
}

// IsPayloadType reports whether t is a payload type of Statements: MediaType, or
// one that names a predicate, known or not. What the predicate is, only the
// PredicateType of the Statement says, once its signature has been verified.
func IsPayloadType(t string) bool {
	if t == MediaType {
		return true
	}
	name, begins := strings.CutPrefix(t, "application/vnd.in-toto.")
	name, ends := strings.CutSuffix(name, "+json")
	return begins && ends && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}
