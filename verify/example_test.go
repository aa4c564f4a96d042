package verify_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// exampleBuild is what a builder hands on: its key, and an artifact with signed
// provenance.
func exampleBuild() (sign.SignerVerifier, hallmark.Artifact, *sign.Envelope) {
	key, err := sign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		panic(err)
	}
	ds, err := hallmark.Hash(strings.NewReader("the artifact"))
	if err != nil {
		panic(err)
	}
	app := hallmark.Artifact{Name: "app", Digests: ds}
	commit, err := hallmark.ParseDigest("gitCommit:1f7c2d0a9b8e6f5d4c3b2a190807060504030201")
	if err != nil {
		panic(err)
	}
	st, err := provenance.Local(provenance.Source{
		Repository: "https://github.com/acme/app",
		Ref:        "refs/tags/v1.2.3",
		Commit:     commit,
	}).Statement(app)
	if err != nil {
		panic(err)
	}
	payload, err := st.Marshal()
	if err != nil {
		panic(err)
	}
	env, err := sign.Sign(context.Background(), provenance.MediaType, payload, key)
	if err != nil {
		panic(err)
	}
	return key, app, env
}

func ExamplePolicy_Verify() {
	key, app, env := exampleBuild()
	builder, err := verify.Key(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	policy := &verify.Policy{
		Builders:   []verify.Builder{{ID: provenance.LocalBuilder, Identity: builder}},
		Source:     "https://github.com/acme/app",
		BuildTypes: []string{provenance.LocalBuildType},
		Refs:       verify.Refs{Releases: true},
	}
	res, err := policy.Verify(context.Background(), app, env)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Artifact().Name, "by", res.Builder().ID, "at level", res.Level())
	source, _ := res.Build().Source()
	fmt.Println(source.URI())
	for _, st := range res.Statements() {
		fmt.Println(st.PredicateType)
	}
	for _, c := range res.Checks() {
		fmt.Println(c)
	}
	// Output:
	// app by https://hallmark-dev.github.io/builders/local/v1 at level 1
	// git+https://github.com/acme/app@refs/tags/v1.2.3
	// https://slsa.dev/provenance/v1
	// signature: key sha256:339e2ff917630507b6a423b5ce084e285d1fa65d93b3e27a6195d3bbebc9ae23
	// provenance: "https://slsa.dev/provenance/v1"
	// subject: sha256:03473f89a784c14707308b73a324b887c10627dc400d8f62fd37a74d66b12438
	// builder: https://hallmark-dev.github.io/builders/local/v1
	// build-type: https://hallmark-dev.github.io/buildtypes/local/v1
	// source: https://github.com/acme/app
	// ref: refs/tags/v1.2.3
	// commit: gitCommit:1f7c2d0a9b8e6f5d4c3b2a190807060504030201
}

// A rejection has every reason as data.
func ExampleRejectedError_Unproven() {
	key, app, env := exampleBuild()
	builder, err := verify.Key(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	policy := &verify.Policy{
		Builders:   []verify.Builder{{ID: provenance.LocalBuilder, Identity: builder}},
		Source:     "https://github.com/acme/other",
		BuildTypes: []string{provenance.LocalBuildType},
		Refs:       verify.Refs{Branches: []string{"main"}},
	}
	_, err = policy.Verify(context.Background(), app, env)
	var rejected *verify.RejectedError
	if errors.As(err, &rejected) {
		fmt.Println("unproven:", rejected.Unproven())
		for _, c := range rejected.Reasons {
			fmt.Printf("%s %s: %q, not %q\n", c.Rule, c.Outcome, c.Got, c.Want)
		}
	}
	// Output:
	// unproven: false
	// source failed: "https://github.com/acme/app", not "https://github.com/acme/other"
	// ref failed: "refs/tags/v1.2.3", not "refs/heads/main"
}

// Two of three people must have signed.
func ExampleKeys() {
	var keys []sign.Verifier
	var signers []sign.SignerVerifier
	for i := range 3 {
		k, err := sign.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i)}, ed25519.SeedSize)))
		if err != nil {
			fmt.Println(err)
			return
		}
		keys, signers = append(keys, k), append(signers, k)
	}
	group, err := verify.Keys(2, keys...)
	if err != nil {
		fmt.Println(err)
		return
	}
	for n := 1; n <= 3; n++ {
		env, err := sign.Sign(context.Background(), "text/plain", []byte("release it"), signers[:n]...)
		if err != nil {
			fmt.Println(err)
			return
		}
		ev, err := group.Recognize(context.Background(), env)
		if err != nil {
			fmt.Println(n, err)
			continue
		}
		fmt.Println(n, "recognized by", len(ev.Keys), "keys")
	}
	// Output:
	// 1 not signed by this identity: by 1 of its keys, and 2 must
	// 2 recognized by 2 keys
	// 3 recognized by 3 keys
}
