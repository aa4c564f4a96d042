package verify_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

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

// examplePolicy is one that the build of exampleBuild satisfies.
func examplePolicy(key sign.Verifier) *verify.Policy {
	builder, err := verify.Key(key)
	if err != nil {
		panic(err)
	}
	return &verify.Policy{
		Builders:   []verify.Builder{{ID: provenance.LocalBuilder, Identity: builder}},
		Source:     "https://github.com/acme/app",
		BuildTypes: []string{provenance.LocalBuildType},
		Refs:       verify.Refs{Releases: true},
		Now:        func() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) },
	}
}

// What was verified once is kept, and asked when a key turns out to be lost.
func ExamplePolicy_Recall() {
	key, app, env := exampleBuild()
	policy := examplePolicy(key)
	evidence, err := policy.Recognize(context.Background(), env)
	if err != nil {
		fmt.Println(err)
		return
	}
	kept, err := json.Marshal(evidence)
	if err != nil {
		fmt.Println(err)
		return
	}

	// Later, without the envelope:
	var again []verify.Evidence
	if err := json.Unmarshal(kept, &again); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(policy.Recall(context.Background(), app, again...).Verdict)
	policy.Revoked = []verify.Revocation{{Key: again[0].Keys[0], Reason: "a laptop was stolen"}}
	fmt.Println(policy.Recall(context.Background(), app, again...))
	fmt.Println(policy.Recalls(again[0]))
	// Output:
	// accepted
	// app rejected by evidence that was kept, no signature was verified now
	//   revoked: got key sha256:339e2ff917630507b6a423b5ce084e285d1fa65d93b3e27a6195d3bbebc9ae23 is revoked: a laptop was stolen, want a signer who is trusted (evidence 0)
	//   next: Build and sign the artifact anew by somebody whom the policy trusts.
	// false <nil>
}

// These are facts, whoever is trusted.
func ExamplePolicy_Recognize() {
	key, _, env := exampleBuild()
	evidence, err := examplePolicy(key).Recognize(context.Background(), env)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range evidence {
		fmt.Println(e.PayloadType, e.Keys)
	}
	// Output:
	// application/vnd.in-toto+json [sha256:339e2ff917630507b6a423b5ce084e285d1fa65d93b3e27a6195d3bbebc9ae23]
}

// Of what was accepted, there is evidence for each statement.
func ExampleResult_Evidence() {
	key, app, env := exampleBuild()
	res, err := examplePolicy(key).Verify(context.Background(), app, env)
	if err != nil {
		fmt.Println(err)
		return
	}
	evidence := res.Evidence()
	for i, st := range res.Statements() {
		for _, e := range evidence[i] {
			fmt.Println(st.PredicateType, "by", e.Keys, bytes.Equal(e.Payload, env.Payload))
		}
	}
	// Output:
	// https://slsa.dev/provenance/v1 by [sha256:339e2ff917630507b6a423b5ce084e285d1fa65d93b3e27a6195d3bbebc9ae23] true
}

// A report says what is wrong, and what to do.
func ExampleNewReport() {
	key, app, env := exampleBuild()
	policy := examplePolicy(key)
	policy.Version = "v1.3.0"
	res, err := policy.Verify(context.Background(), app, env)
	fmt.Println(verify.NewReport(app, res, err))
	// Output:
	// app rejected
	//   version tag: got refs/tags/v1.2.3, want v1.3.0 (evidence 0)
	//   next: Offer the artifact as the version that it is.
}

// An exception is for one check of one artifact, and for a time.
func ExampleException() {
	key, app, env := exampleBuild()
	policy := examplePolicy(key)
	policy.Refs = verify.Refs{Branches: []string{"main"}}
	policy.Exceptions = []verify.Exception{{
		Rule: verify.RuleRef, Digest: app.Digest("sha256"), Owner: "release team",
		Reason: "built from the tag by hand", Control: "rebuilt and compared",
		Expires: time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC),
	}}
	res, err := policy.Verify(context.Background(), app, env)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range res.Checks() {
		if c.Outcome == verify.Excused {
			fmt.Println(c)
		}
	}
	fmt.Println("answers for it:", res.Exceptions()[0].Owner)
	fmt.Println(res.Warnings()[0])
	// Output:
	// ref: excused: refs/tags/v1.2.3, want refs/heads/main (evidence 0)
	// answers for it: release team
	// the exception for ref, for which release team answers, ends on 2026-03-09, in 6 days
}

// One gate hands its verdict on, and another believes it.
func ExampleResult_VSA() {
	key, app, env := exampleBuild()
	res, err := examplePolicy(key).Verify(context.Background(), app, env)
	if err != nil {
		fmt.Println(err)
		return
	}
	st, err := res.VSA(provenance.Agent{ID: "https://ci.acme.example/gate"}, "pkg:generic/app@1.2.3",
		provenance.ResourceDescriptor{URI: "https://acme.example/policy.yaml"}, time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))
	if err != nil {
		fmt.Println(err)
		return
	}
	payload, err := st.Marshal()
	if err != nil {
		fmt.Println(err)
		return
	}
	summary, err := sign.Sign(context.Background(), provenance.MediaType, payload, key)
	if err != nil {
		fmt.Println(err)
		return
	}

	gate, err := verify.Key(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	consumer := &verify.Policy{Require: []verify.Requirement{{
		PredicateType: provenance.VSAType, Identities: []verify.Identity{gate},
		Summary: &verify.Summary{Verifier: "https://ci.acme.example/gate", Resource: "pkg:generic/app@1.2.3", Level: 1},
	}}}
	res, err = consumer.Verify(context.Background(), app, summary)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("level", res.Level())
	// Output:
	// level 1
}

// The same in the simpler form.
func ExampleResult_SVR() {
	key, app, env := exampleBuild()
	res, err := examplePolicy(key).Verify(context.Background(), app, env)
	if err != nil {
		fmt.Println(err)
		return
	}
	st, err := res.SVR(provenance.Agent{ID: "https://ci.acme.example/gate"},
		provenance.ResourceDescriptor{URI: "https://acme.example/policy.yaml"}, time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(st.Predicate))
	// Output:
	// {"verifier":{"id":"https://ci.acme.example/gate","policies":[{"uri":"https://acme.example/policy.yaml"}]},"timeCreated":"2026-03-02T12:00:00Z","properties":["SLSA_BUILD_LEVEL_1"]}
}

// Who signed with a certificate is known by what that says.
func ExampleResult_Claims() {
	key, app, env := exampleBuild()
	res, err := examplePolicy(key).Verify(context.Background(), app, env)
	if err != nil {
		fmt.Println(err)
		return
	}
	if c := res.Claims(); c != nil {
		fmt.Println(c.Issuer, c.Subject)
	} else {
		fmt.Println("signed with a key")
	}
	// Output:
	// signed with a key
}

// A gate asks for help where it can.
func ExampleCheck_Hint() {
	key, app, env := exampleBuild()
	policy := examplePolicy(key)
	policy.MaxAge = 30 * 24 * time.Hour
	_, err := policy.Verify(context.Background(), app, env)
	if rejected, ok := errors.AsType[*verify.RejectedError](err); ok {
		for _, c := range rejected.Reasons {
			fmt.Println(c)
			fmt.Println(c.Hint())
		}
	}
	// Output:
	// age: unproven: the evidence does not say, want at most 30 days (evidence 0)
	// Sign with a timestamp or a log, or let the provenance say when the build finished.
}

// A policy is tried before it is used.
func ExamplePolicy_Probe() {
	key, _, _ := exampleBuild()
	policy := examplePolicy(key)
	fmt.Println(policy.Probe(context.Background()))
	policy.Builders = nil
	fmt.Println(policy.Probe(context.Background()))
	// Output:
	// <nil>
	// verify: policy: no builders
}

// What changed from one build to the next, although both are accepted.
func ExampleResult_Compare() {
	key, app, env := exampleBuild()
	policy := examplePolicy(key)
	first, err := policy.Verify(context.Background(), app, env)
	if err != nil {
		fmt.Println(err)
		return
	}
	commit, err := hallmark.ParseDigest("gitCommit:0102030405060708090a0b0c0d0e0f1011121314")
	if err != nil {
		fmt.Println(err)
		return
	}
	st, err := provenance.Local(provenance.Source{Repository: "https://github.com/acme/app", Ref: "refs/tags/v1.2.4", Commit: commit}).Statement(app)
	if err != nil {
		fmt.Println(err)
		return
	}
	payload, err := st.Marshal()
	if err != nil {
		fmt.Println(err)
		return
	}
	if env, err = sign.Sign(context.Background(), provenance.MediaType, payload, key); err != nil {
		fmt.Println(err)
		return
	}
	second, err := policy.Verify(context.Background(), app, env)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range first.Compare(second) {
		fmt.Printf("%s: %s → %s\n", c.What, c.Old, c.New)
	}
	// Output:
	// commit: gitCommit:1f7c2d0a9b8e6f5d4c3b2a190807060504030201 → gitCommit:0102030405060708090a0b0c0d0e0f1011121314
	// ref: refs/tags/v1.2.3 → refs/tags/v1.2.4
}

// What the first release was, the next one is held to.
func ExampleExpect() {
	key, app, env := exampleBuild()
	res, err := examplePolicy(key).Verify(context.Background(), app, env)
	if err != nil {
		fmt.Println(err)
		return
	}
	next, err := verify.Expect(res)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range next.Explain() {
		fmt.Println(s)
	}
	// Output:
	// https://hallmark-dev.github.io/builders/local/v1 may have built it, up to SLSA Build level 1, if key sha256:339e2ff917630507b6a423b5ce084e285d1fa65d93b3e27a6195d3bbebc9ae23 signed.
	// It must be built from https://github.com/acme/app.
	// Whoever holds the name of the repository is believed to be who held it before.
	// Whoever holds the name of the owner is believed to be who held it before.
	// What was built must be a release tag (v1.2.3).
	// The build type must be https://hallmark-dev.github.io/buildtypes/local/v1.
	// It must not be older than v1.2.3.
	// The build must have no external parameters but its source.
	// What started the build must be push, release or workflow_dispatch, where the platform tells.
	// The machine must be github-hosted or gitlab-hosted, where the platform tells.
	// Old evidence is as good as new.
}

func ExamplePolicy_Review() {
	key, app, env := exampleBuild()
	policy := examplePolicy(key)
	res, err := policy.Verify(context.Background(), app, env)
	for _, a := range policy.Review(context.Background(), app, res, err) {
		fmt.Println(a.Question, a.Answer)
	}
	// Output:
	// Can the artifact be traced to the exact commit and workflow? yes
	// Does the build job reach production by short-lived federation alone, and by no credential that it keeps? unproven
	// Can untrusted pull-request code influence the release? unproven
	// Can a registry tag be overwritten after the release? unproven
	// Can production reject an artifact that is unsigned, or built by an unexpected workflow? yes
	// Can all deployments of this digest be found if it is compromised? unproven
}

// A key that signed while it was good stays good if a timestamp says so.
func ExampleDuring() {
	key, _, env := exampleBuild()
	builder, err := verify.Key(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	last := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	builder, err = verify.During(builder, time.Time{}, last, func() time.Time { return last.AddDate(0, 1, 0) })
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = builder.Recognize(context.Background(), env)
	fmt.Println(err)
	// Output:
	// not signed by this identity: 2026-02-01, as nobody saw when it was made, which is not before 2026-01-01
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
