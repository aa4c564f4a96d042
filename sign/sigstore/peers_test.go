package sigstore_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	sigstoreverify "github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
)

// Every bundle that the corpus has, as people in the world publish them:
// sigstore-go and we agree on each, by the same trusted root.
func TestPeers(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	production := read(t, corpus(t, "sigstore-roots", "production", "trusted_root.json"))
	peerRoot, err := root.NewTrustedRootFromJSON(production)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := sigstoreverify.NewVerifier(peerRoot, sigstoreverify.WithSignedCertificateTimestamps(1),
		sigstoreverify.WithTransparencyLog(1), sigstoreverify.WithObserverTimestamps(1))
	if err != nil {
		t.Fatal(err)
	}
	r, err := sigstore.ParseTrustedRoot(production)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = r.Require(sigstore.Requirements{OldestBundle: "0.1"}); err != nil {
		t.Fatal(err)
	}

	both, neither := 0, 0
	for _, dir := range []string{"slsa-verifier", "gh-attestation", "sigstore-go", "carabiner-signer"} {
		root, err := filepath.EvalSymlinks(corpus(t, dir)) // WalkDir does not follow the first
		if err != nil {
			t.Fatal(err)
		}
		err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for i, text := range bundlesIn(data) {
				b := new(bundle.Bundle)
				peerErr := b.UnmarshalJSON(text)
				var who sigstore.Account
				if peerErr == nil {
					content, err := b.VerificationContent()
					if err != nil || content.Certificate() == nil {
						continue // a managed key, of which the corpus does not say whose
					}
					c, err := certificate.SummarizeCertificate(content.Certificate())
					if err != nil {
						continue
					}
					who = sigstore.Account{Issuer: c.Issuer, Subject: c.SubjectAlternativeName}
					of := sigstoreverify.WithoutArtifactUnsafe()
					if m := b.GetMessageSignature(); m != nil {
						of = sigstoreverify.WithArtifactDigest("sha256", m.GetMessageDigest().GetDigest())
					}
					_, peerErr = peer.Verify(b, sigstoreverify.NewPolicy(of, sigstoreverify.WithoutIdentitiesUnsafe()))
				}
				var ourErr error
				if e, err := sign.Parse(text); b.GetMessageSignature() != nil {
					d, err := hallmark.ParseDigest(fmt.Sprintf("sha256:%x", b.GetMessageSignature().GetMessageDigest().GetDigest()))
					if err != nil {
						return err
					}
					_, ourErr = r.RecognizeArtifact(t.Context(), text, hallmark.Artifact{Digests: []hallmark.Digest{d}}, who)
				} else if err != nil {
					ourErr = err
				} else {
					id, err := r.NewIdentity(who)
					if err != nil {
						id, err = r.NewIdentity(sigstore.Account{Issuer: "?", Subject: "?"})
					}
					if err != nil {
						return err
					}
					_, ourErr = id.Recognize(t.Context(), e)
					if ourErr != nil && !errors.Is(ourErr, verify.ErrNotSigned) {
						t.Errorf("%s, %d: %v", path, i, ourErr)
					}
				}
				switch {
				case (peerErr == nil) != (ourErr == nil):
					t.Errorf("%s, %d: sigstore-go: %v; ours: %v", path, i, peerErr, ourErr)
				case ourErr == nil:
					both++
				default:
					neither++
					t.Logf("%s, %d: sigstore-go: %.200v; ours: %.200v", path, i, peerErr, ourErr)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d bundles verified by both, %d by neither", both, neither)
	if both == 0 {
		t.Error("no bundle verified")
	}
}

// bundlesIn returns the bundles in data, a bundle, several on
// lines, or a list of attestations as the npm registry has it.
func bundlesIn(data []byte) (all [][]byte) {
	is := func(b []byte) bool {
		return bytes.Contains(b, []byte(`mediaType`)) && bytes.Contains(b, []byte(`verificationMaterial`))
	}
	if !is(data) {
		return nil
	}
	var list struct {
		Attestations []struct{ Bundle json.RawMessage }
	}
	switch {
	case json.Unmarshal(data, &list) == nil && list.Attestations != nil:
		for _, a := range list.Attestations {
			all = append(all, a.Bundle)
		}
	case json.Valid(data):
		all = append(all, data)
	default:
		for line := range bytes.Lines(data) {
			if is(line) {
				all = append(all, bytes.TrimSpace(line))
			}
		}
	}
	return all
}
