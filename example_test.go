package hallmark_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/github"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// job is the environment of a job in GitHub Actions, and claims what its
// identity token says of it. A program in a job has os.Getenv.
var (
	job = map[string]string{
		"GITHUB_ACTIONS":    "true",
		"GITHUB_SERVER_URL": "https://github.com",
		"PATH":              os.Getenv("PATH"),
		"HOME":              os.Getenv("HOME"),
		"GOFLAGS":           "-mod=readonly",
	}
	claims = &provenance.Claims{
		Issuer: "https://token.actions.githubusercontent.com",
		Values: map[string]string{
			"event_name":          "push",
			"job_workflow_ref":    "example/builder/.github/workflows/go.yml@refs/tags/v1.0.0",
			"ref":                 "refs/tags/v1.2.3",
			"repository":          "example/app",
			"repository_id":       "1",
			"repository_owner_id": "2",
			"run_attempt":         "1",
			"run_id":              "42",
			"runner_environment":  "github-hosted",
			"sha":                 "0123456789abcdef0123456789abcdef01234567",
			"workflow_ref":        "example/app/.github/workflows/release.yml@refs/tags/v1.2.3",
		},
	}
)

// The whole way, from a Go module to a decision about what was built of it.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	write(dir, "go.mod", "module example.com/app\n\ngo 1.26\n")
	write(dir, "main.go", "package main\n\nfunc main() { println(\"hello\") }\n")
	write(dir, "app", "stands for the program that was built")
	getenv := func(name string) string { return job[name] }

	// What is inside?
	doc, err := gomod.Load(ctx, dir, gomod.Options{Getenv: getenv})
	if err != nil {
		log.Fatal(err)
	}
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	bom, err := cyclonedx.Marshal(doc, sbom.Stamp{Created: when})
	if err != nil {
		log.Fatal(err)
	}

	// Where did it come from?
	app, err := hallmark.HashFile(filepath.Join(dir, "app"))
	if err != nil {
		log.Fatal(err)
	}
	build, err := github.Observe(getenv, claims)
	if err != nil {
		log.Fatal(err)
	}
	made, err := build.Statement(app)
	if err != nil {
		log.Fatal(err)
	}
	contains, err := provenance.New(cyclonedx.PredicateType, json.RawMessage(bom), app)
	if err != nil {
		log.Fatal(err)
	}

	// Who says so?
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signer, err := sign.NewSigner(key)
	if err != nil {
		log.Fatal(err)
	}
	var envelopes []*sign.Envelope
	for _, st := range []*provenance.Statement{made, contains} {
		payload, err := st.Marshal()
		if err != nil {
			log.Fatal(err)
		}
		env, err := sign.Sign(ctx, provenance.MediaType, payload, signer)
		if err != nil {
			log.Fatal(err)
		}
		envelopes = append(envelopes, env)
	}

	// Elsewhere, at the gate: is it what was expected?
	verifier, err := sign.NewVerifier(key.Public())
	if err != nil {
		log.Fatal(err)
	}
	builder, err := verify.Key(verifier)
	if err != nil {
		log.Fatal(err)
	}
	policy := &verify.Policy{
		Builders: []verify.Builder{{
			ID:       "https://github.com/example/builder/.github/workflows/go.yml@refs/tags/v1.0.0",
			Identity: builder,
		}},
		Source:     "https://github.com/example/app",
		Refs:       verify.Refs{Releases: true},
		BuildTypes: []string{github.BuildType},
		Parameters: map[string]verify.Parameter{
			"/workflow/path": {OneOf: []any{".github/workflows/release.yml"}},
		},
		Require: []verify.Requirement{{
			PredicateType: cyclonedx.PredicateType,
			Identities:    []verify.Identity{builder},
		}},
	}
	res, err := policy.Verify(ctx, app, envelopes...)
	if err != nil {
		log.Fatal(err)
	}
	source, _ := res.Build().Source()
	fmt.Println(res.Artifact().Name, "was built from", source.URI())
	fmt.Println("at", source.Commit)

	// The same evidence does not speak for another source.
	policy.Source = "https://github.com/fork/app"
	_, err = policy.Verify(ctx, app, envelopes...)
	if rejected, ok := errors.AsType[*verify.RejectedError](err); ok {
		for _, c := range rejected.Reasons {
			fmt.Println(c.Rule, c.Outcome)
		}
	}

	// And without the SBOM it is not enough.
	policy.Source = "https://github.com/example/app"
	_, err = policy.Verify(ctx, app, envelopes[0])
	if rejected, ok := errors.AsType[*verify.RejectedError](err); ok {
		for _, c := range rejected.Reasons {
			fmt.Println(c.Rule, c.Item, c.Outcome)
		}
	}
	// Output:
	// app was built from git+https://github.com/example/app@refs/tags/v1.2.3
	// at gitCommit:0123456789abcdef0123456789abcdef01234567
	// source failed
	// required https://cyclonedx.org/bom failed
}

func write(dir, name, text string) {
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
		log.Fatal(err)
	}
}
