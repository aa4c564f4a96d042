package policyfile_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

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
		return sign.NewVerifier(ed25519.NewKeyFromSeed([]byte("this is the seed of an example!!")).Public())
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
