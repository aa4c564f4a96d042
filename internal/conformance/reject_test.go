package conformance

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

// The catalogue of attacks that verifiers have fallen for, by its rows, and the
// tests that try each here: a file, and the functions in it.
func rejections() map[string][]string {
	const (
		policy      = "verify/reject_test.go TestMustReject"
		identity    = "sign/sigstore/sigstore_test.go TestBuilderIdentity"
		suite       = "sign/sigstore/internal/client/main_test.go TestConformance"
		notSigned   = "sign/sigstore/sigstore_test.go TestNotSigned"
		requirement = "sign/sigstore/require_test.go TestRequirements"
		claims      = "sign/sigstore/certificate_test.go TestClaims"
		envelopes   = "internal/conformance/dsse_test.go TestDSSE"
		refused     = "sign/sign_test.go TestParseRefuses TestParseBundle"
	)
	return map[string][]string{
		"R01": {policy, "verify/verify_test.go TestIncompletePolicy"},
		"R02": {policy},
		"R03": {policy},
		"R04": {identity, suite},
		"R05": {identity, notSigned},
		"R06": {"sign/sigstore/hostile_test.go TestChains"},
		"R07": {requirement, "sign/sigstore/hostile_test.go TestSharedKeys"},
		"R08": {requirement, "sign/sigstore/sigstore_test.go TestOtherInstances"},
		"R09": {notSigned, requirement, "sign/hostile_test.go TestHostile", "provenance/statement_test.go TestBounds"},
		"R10": {"sign/sigstore/timestamp_test.go TestInjectedCertificates"},
		"R11": {claims},
		"R12": {policy, envelopes, "sign/sign_test.go TestSignExactly", "verify/keys_test.go TestKeysVerifiedBytes"},
		"R13": {"sign/sigstore/hostile_test.go TestNoDialer", "sign/sigstore/require_test.go TestOffline", "verify/quiet_test.go TestHermetic"},
		"R14": {policy, envelopes},
		"R15": {policy, envelopes, "verify/keys_test.go TestKeysAnyOrder"},
		"R16": {"verify/policyfile/signed_test.go TestSerialAndExpiry TestParseSigned", "sign/sigstore/trust_test.go TestFetchTrust TestRootHistory"},
		"R17": {policy},
		"R18": {"internal/conformance/names_test.go TestNamesAreNoPaths"},
		"R19": {
			"sign/sign_test.go FuzzParse", "provenance/fuzz_test.go FuzzParse FuzzParseBuild", "verify/policyfile/policyfile_test.go FuzzParse",
			"sign/sigstore/sigstore_test.go FuzzRecognize FuzzParseTrustedRoot", "sign/sigstore/signer_test.go FuzzAnswers FuzzTimestamp",
		},
		"R20": {"sign/hostile_test.go TestHostile", "sign/sigstore/hostile_test.go TestCostlyTimestamps"},
		"R21": {"sign/sigstore/hostile_test.go TestBombs"},
		"R22": {policy, identity},
		"R23": {"verify/catalogue_test.go TestPackageNames", "sign/sigstore/matrix_test.go TestMatrixNpm"},
		"R24": {"sign/oci/oci_test.go TestParseImage"},
		"R25": {identity, "verify/verify_test.go TestClaims"},
		"R26": {"verify/catalogue_test.go TestPatterns"},
		"R27": {policy, envelopes, "verify/keys_test.go TestKeysAnyOrder"},
		"R28": {"sign/oci/oci_test.go TestCredentials", "sign/sigstore/signer_test.go TestSecrets"},
		"R29": {"sign/sigstore/hostile_test.go TestDamagedCache"},
		"R30": {"examples/release/main_test.go TestTampered"},
		"R31": {policy, envelopes, refused},
		"R32": {policy, envelopes, refused},
		"R33": {policy, refused, notSigned},
		"R34": {policy, envelopes, refused},
		"R35": {envelopes, refused, requirement},
		"R36": {policy, envelopes},
		"R37": {"sign/sign_test.go TestPAE", "internal/conformance/dsse_test.go TestDSSEPAE"},
		"R38": {envelopes, "sign/algorithm_test.go TestPSSSalt", "internal/conformance/wycheproof_test.go TestWycheproof"},
		"R39": {policy, "sign/key_test.go TestNewRefuses"},
		"R40": {policy},
		"R41": {identity, notSigned},
		"R42": {claims},
		"R43": {claims},
		"R44": {policy, identity},
		"R45": {policy, identity},
		"R46": {policy, identity},
		"R47": {policy, identity},
		"R48": {policy, identity},
		"R49": {policy, identity, "verify/catalogue_test.go TestRecycledNames"},
		"R50": {policy, identity},
		"R51": {policy, identity},
		"R52": {policy, identity},
		"R53": {policy, identity},
		"R54": {policy, identity},
		"R55": {identity, requirement, refused},
		"R56": {identity, notSigned},
		"R57": {identity, requirement},
		"R58": {requirement},
		"R59": {requirement},
		"R60": {"sign/sigstore/sigstore_test.go TestTrustedRoot", requirement},
		"R61": {"verify/catalogue_test.go TestExceptionsEnd", "verify/property_test.go TestExceptionsAreNarrow TestProperties"},
		"R62": {policy, "verify/order_test.go TestMonotone", "verify/property_test.go TestProperties"},
		"R63": {"verify/catalogue_test.go TestSummariesRefused", "internal/conformance/summary_test.go TestSummaries"},
		"R64": {"sign/sign_test.go TestParseLines", "sign/hostile_test.go TestParseLinesHostile"},
		"R65": {"artifact_test.go TestHashFilesChanged", "directory_test.go TestHashDirChanged TestHashDirRefuses"},
		"R66": {"sign/sign_test.go TestQuiet", "sign/sigstore/sigstore_test.go TestQuiet", "sign/sigstore/signer_test.go TestQuietSigner", "verify/quiet_test.go TestHermetic"},
	}
}

// Each row of the catalogue is tried by tests that exist.
func TestRejections(t *testing.T) {
	rows := rejections()
	for i := 1; i <= 66; i++ {
		if id := fmt.Sprintf("R%02d", i); len(rows[id]) == 0 {
			t.Errorf("%s: no test", id)
		}
	}
	if len(rows) != 66 {
		t.Errorf("%d rows, want 66", len(rows))
	}

	declared := make(map[string][]string) // names by file
	for id, tests := range rows {
		for _, where := range tests {
			names := strings.Fields(where)
			file := names[0]
			if declared[file] == nil {
				f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", filepath.FromSlash(file)), nil, parser.SkipObjectResolution)
				if err != nil {
					t.Errorf("%s: %v", id, err)
					continue
				}
				for _, d := range f.Decls {
					if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
						declared[file] = append(declared[file], f.Name.Name)
					}
				}
			}
			for _, name := range names[1:] {
				if !slices.Contains(declared[file], name) {
					t.Errorf("%s: %s has no %s", id, file, name)
				}
			}
		}
	}
}

// Policies of other programs, right ones and wrong ones, signed or not, are none of
// ours: who mistakes a file is told, and not given a policy that asks for less.
func TestPoliciesOfOthers(t *testing.T) {
	dir := os.Getenv("HALLMARK_CORPUS")
	if dir == "" {
		t.Skip("HALLMARK_CORPUS is not set: it names the directory of the documents to judge by")
	}
	refused := 0
	for _, pattern := range []string{
		"verify/policy-controller/*/*.yaml",
		"provenance/in-toto__archivista/*policy*.json",
		"provenance/in-toto__in-toto-golang/*layout",
		"provenance/conforma__policy/*policy*.json",
	} {
		files, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
		if err != nil || len(files) == 0 {
			t.Fatalf("no policies %s: %v", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if p, err := policyfile.Parse(data, policyfile.Options{}); err == nil {
				t.Errorf("%s is read as %+v", filepath.Base(file), p)
			}
			refused++
			e, err := sign.Parse(data)
			if err != nil {
				continue
			}
			if p, err := policyfile.Parse(e.Payload, policyfile.Options{}); err == nil {
				t.Errorf("what is signed in %s is read as %+v", filepath.Base(file), p)
			}
			if p, err := policyfile.ParseSigned(t.Context(), e, anyone{}, policyfile.Options{Now: time.Now}); err == nil {
				t.Errorf("%s is read as %+v", filepath.Base(file), p)
			}
		}
	}
	t.Logf("%d policies refused", refused)
}

// anyone has signed everything.
type anyone struct{}

func (anyone) Recognize(_ context.Context, e *sign.Envelope) (*verify.Evidence, error) {
	return &verify.Evidence{PayloadType: e.PayloadType, Payload: e.Payload, Claims: new(verify.Claims)}, nil
}

func (anyone) String() string { return "anyone" }
