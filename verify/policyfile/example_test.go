package policyfile_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

func exampleKey() (sign.SignerVerifier, error) {
	return sign.NewSigner(ed25519.NewKeyFromSeed([]byte("this is the seed of an example!!")))
}

func ExampleParse() {
	policy, err := policyfile.Parse([]byte(`
builders:
  - id: https://example.com/builder
    key: release
source: https://github.com/acme/app
buildTypes: [https://example.com/buildtypes/v1]
refs: {releases: true}
`), policyfile.Options{Key: func(name string) (sign.Verifier, error) {
		if name != "release" {
			return nil, errors.New("no such key")
		}
		return exampleKey()
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(policy.Builders[0].ID, "for", policy.Source, "at", policy.Refs)

	_, err = policyfile.Parse([]byte("source: https://github.com/acme/app\nref: main\n"), policyfile.Options{})
	fmt.Println(err)
	// Output:
	// https://example.com/builder for https://github.com/acme/app at a release tag (v1.2.3)
	// malformed policy: line 2: a policy has no member "ref"
}

// A job of GitHub Actions that signs without a key. Its identity is of the module
// sign/sigstore:
//
//	root, err := sigstore.ParseTrustedRoot(trustedRoot)
//	workflow := func(issuer, builder string, refs verify.Refs) (verify.Identity, error) {
//		return root.NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder, Refs: refs})
//	}
func ExampleParse_workflow() {
	workflow := func(issuer, builder string, _ verify.Refs) (verify.Identity, error) {
		return nil, fmt.Errorf("no trusted root vouches for %s", issuer)
	}
	_, err := policyfile.Parse([]byte(`
builders:
  - id: https://github.com/acme/app/.github/workflows/release.yml
    refs: {releases: true}
    workflow: {issuer: https://token.actions.githubusercontent.com}
    level: 2
source: https://github.com/acme/app
`), policyfile.Options{Workflow: workflow})
	fmt.Println(err)
	// Output:
	// malformed policy: line 5: workflow "https://github.com/acme/app/.github/workflows/release.yml": no trusted root vouches for https://token.actions.githubusercontent.com
}

// A policy that comes from where others can write. Only who keeps policies can sign
// one, nobody can keep an old one in force, and none before it is accepted again.
func ExampleParseSigned() {
	key, err := exampleKey()
	if err != nil {
		fmt.Println(err)
		return
	}
	file := []byte("serial: 7\nexpires: 2027-01-31\nsource: https://github.com/acme/app\n")
	envelope, err := sign.Sign(context.Background(), policyfile.MediaType, file, key)
	if err != nil {
		fmt.Println(err)
		return
	}

	keeper, err := verify.Key(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	o := policyfile.Options{
		MinSerial: 7, // of the last policy that was used
		Now:       func() time.Time { return time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) },
	}
	policy, err := policyfile.ParseSigned(context.Background(), envelope, keeper, o)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("for", policy.Source, "until", policy.Expires.Format(time.DateOnly))

	o.MinSerial = 8
	_, err = policyfile.ParseSigned(context.Background(), envelope, keeper, o)
	fmt.Println(err)
	envelope.Payload = append(envelope.Payload, "refs: any\n"...)
	_, err = policyfile.ParseSigned(context.Background(), envelope, keeper, o)
	fmt.Println(errors.Is(err, verify.ErrNotSigned))
	// Output:
	// for https://github.com/acme/app until 2027-01-31
	// refused policy: line 1: serial 7, and that of the last one was 8: it is an older one
	// true
}

func ExampleSerial() {
	serial, err := policyfile.Serial([]byte("serial: 7\nsource: https://github.com/acme/app\n"))
	fmt.Println(serial, err)
	// Output:
	// 7 <nil>
}

func ExampleDescriptor() {
	file := []byte("serial: 7\nsource: https://github.com/acme/app\n")
	d := policyfile.Descriptor("https://example.com/policies/app.yaml", file)
	fmt.Println(d.URI)
	fmt.Println(d.Digest["sha256"])
	// Output:
	// https://example.com/policies/app.yaml
	// 4d78c1a0ab1467a4609035c8b3731d510edfc909a520bdf191088e60b9b85c23
}

// Trust on first use: the policy for the next releases, from one that was accepted.
func ExampleMarshal() {
	key, err := exampleKey()
	if err != nil {
		fmt.Println(err)
		return
	}
	names := make(map[verify.Identity]policyfile.Signatory)
	policy, err := policyfile.Parse([]byte(`
builders: [{id: https://hallmark-dev.github.io/builders/local/v1, key: release}]
source: https://github.com/acme/app
buildTypes: [https://hallmark-dev.github.io/buildtypes/local/v1]
refs: any
`), policyfile.Options{
		Key:   func(string) (sign.Verifier, error) { return key, nil },
		Named: func(id verify.Identity, s policyfile.Signatory) { names[id] = s },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	app, envelope, err := exampleRelease(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := policy.Verify(context.Background(), app, envelope)
	if err != nil {
		fmt.Println(err)
		return
	}

	expected, err := verify.Expect(result)
	if err != nil {
		fmt.Println(err)
		return
	}
	file, err := policyfile.Marshal(expected, func(id verify.Identity) (policyfile.Signatory, error) { return names[id], nil })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(file))
	// Output:
	// builders:
	//   - id: https://hallmark-dev.github.io/builders/local/v1
	//     key: release
	// source: https://github.com/acme/app
	// refs: {releases: true}
	// atLeast: v1.2.3
	// buildTypes: ['https://hallmark-dev.github.io/buildtypes/local/v1']
}

// exampleRelease returns an artifact, and its provenance, signed.
func exampleRelease(key sign.SignerVerifier) (hallmark.Artifact, *sign.Envelope, error) {
	digests, err := hallmark.Hash(strings.NewReader("the artifact"))
	if err != nil {
		return hallmark.Artifact{}, nil, err
	}
	app := hallmark.Artifact{Name: "app", Digests: digests}
	commit, err := hallmark.ParseDigest("gitCommit:1f7c2d0a9b8e6f5d4c3b2a190807060504030201")
	if err != nil {
		return app, nil, err
	}
	st, err := provenance.Local(provenance.Source{
		Repository: "https://github.com/acme/app", Ref: "refs/tags/v1.2.3", Commit: commit,
	}).Statement(app)
	if err != nil {
		return app, nil, err
	}
	payload, err := st.Marshal()
	if err != nil {
		return app, nil, err
	}
	envelope, err := sign.Sign(context.Background(), provenance.MediaType, payload, key)
	return app, envelope, err
}

func ExamplePreset_Marshal() {
	file, err := policyfile.Preset{
		Platform:           policyfile.GitHub,
		Source:             "https://github.com/acme/app",
		Workflow:           ".github/workflows/release.yml",
		ArtifactToRegistry: policyfile.Minimum,
		Registry:           policyfile.Signatory{Key: "registry"},
	}.Marshal()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(file))
	// Output:
	// # Releases of https://github.com/acme/app, built by github.
	// # source to CI          nothing is asked
	// # CI to artifact        nothing is asked
	// # artifact to registry  minimum
	// # registry to runtime   nothing is asked
	//
	// # The workflow that signs, of any release. It is who it is by the platform's word,
	// # which its certificate has.
	// builders:
	//   - id: https://github.com/acme/app/.github/workflows/release.yml
	//     refs: {releases: true}
	//     workflow:
	//       issuer: https://token.actions.githubusercontent.com
	//     level: 2
	// # What it is built from: a tag such as v1.2.3, and what is in it.
	// source: https://github.com/acme/app
	// refs: {releases: true}
	// buildTypes: ['https://actions.github.io/buildtypes/workflow/v1']
	// # All that whoever starts a build may choose.
	// parameters:
	//   /workflow/path: .github/workflows/release.yml
	// # Only who may write to the repository causes these.
	// triggers: [push, release]
	// require:
	//   # Artifact to registry, minimum: controlled write. Provenance does not show who may write to
	//   # a registry, so who looks after it has to say it. That a digest does not change need not be
	//   # said: all that is verified here is of digests.
	//   - predicateType: https://in-toto.io/attestation/svr/v0.2
	//     keys: [registry]
	//     properties: [ORG_REGISTRY_CONTROLLED_WRITE]
}
