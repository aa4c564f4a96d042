package sigstore_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
)

// What real platforms wrote into certificates and predicates agrees, for each build
// type that slsa-verifier and gh have evidence of, wherever the key of the certificate
// signed.
func TestRealClaims(t *testing.T) {
	compared := make(map[string]int) // by build type
	for _, dir := range []string{"slsa-verifier", "gh-attestation"} {
		err := filepath.WalkDir(corpus(t, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			texts := bundlesIn(data)
			if len(texts) == 0 {
				texts = [][]byte{data}
			}
			for _, text := range texts {
				e, err := sign.Parse(bytes.TrimSpace(text))
				if err != nil {
					continue // Much in these directories is something else.
				}
				if buildType, faults := disagreement(t, text, e); buildType != "" {
					compared[buildType]++
					if faults != nil {
						t.Errorf("%s: %s: %v", filepath.Base(path), buildType, faults)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, buildType := range []string{
		"https://actions.github.io/buildtypes/workflow/v1",
		"https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1",
		"https://github.com/slsa-framework/slsa-github-generator/generic@v1",
		"https://github.com/slsa-framework/slsa-github-generator/go@v1",
		"https://github.com/slsa-framework/slsa-github-generator@v1",
		"https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0",
		"https://slsa.dev/container-based-build/v0.1?draft",
	} {
		if compared[buildType] == 0 {
			t.Errorf("there is no evidence of the build type %s", buildType)
		}
	}
	t.Log(compared)
}

// disagreement returns the build type of the provenance in e, if there is a certificate
// whose key signed it, and where the two disagree. What is of another repository than
// its certificate is made to be refused, and not told.
func disagreement(t *testing.T, text []byte, e *sign.Envelope) (buildType string, faults []verify.Check) {
	t.Helper()
	claims, ok := certified(t, text, e)
	st, err := provenance.Parse(e.Payload)
	if !ok || err != nil || len(st.Subjects) == 0 {
		return "", nil
	}
	b, err := provenance.ParseBuild(st)
	if err != nil {
		return "", nil
	}
	source, _ := b.Source()
	a := hallmark.Artifact{Name: "it", Digests: st.Subjects[0].Digest.Digests()}
	if source.Repository == "" || source.Repository != claims.Repository || !slices.ContainsFunc(a.Digests, hallmark.Digest.Secure) {
		return "", nil
	}
	p := &verify.Policy{
		Builders: []verify.Builder{{ID: b.Builder, Delegated: true, Identity: &holder{&verify.Evidence{PayloadType: e.PayloadType, Payload: e.Payload, Claims: claims}}}},
		Source:   source.Repository, BuildTypes: []string{b.Type}, Refs: verify.Refs{Any: true}, Older: true,
	}
	_, err = p.Verify(t.Context(), a, e)
	var rejected *verify.RejectedError
	if errors.As(err, &rejected) {
		for _, c := range rejected.Reasons {
			if c.Rule == verify.RuleCertificate {
				faults = append(faults, c)
			}
		}
		err = nil
	}
	if err != nil {
		t.Error(err)
	}
	return b.Type, faults
}

// A holder is who holds the certificate of some evidence.
type holder struct{ ev *verify.Evidence }

func (h *holder) Recognize(context.Context, *sign.Envelope) (*verify.Evidence, error) {
	return h.ev, nil
}

func (h *holder) String() string { return h.ev.Claims.Subject }

// certified returns what the certificate beside e says, if its key signed e. Whether
// an authority vouches for it does not matter to what it says.
func certified(t *testing.T, data []byte, e *sign.Envelope) (*verify.Claims, bool) {
	t.Helper()
	var der []byte
	if e.Bundle != nil {
		der = bundleLeaf(t, e.Bundle)
	} else {
		var bare struct{ Signatures []struct{ Cert string } }
		if json.Unmarshal(data, &bare) == nil && len(bare.Signatures) == 1 {
			if block, _ := pem.Decode([]byte(bare.Signatures[0].Cert)); block != nil {
				der = block.Bytes
			}
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, false
	}
	claims, err := sigstore.ClaimsOf(cert)
	if err != nil {
		return nil, false
	}
	v, err := sign.NewVerifier(cert.PublicKey)
	return claims, err == nil && v.Verify(t.Context(), e.PAE(), e.Signatures[0].Sig) == nil
}
