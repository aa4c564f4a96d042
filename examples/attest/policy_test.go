package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/examples/internal/keyfile"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

const policyText = `serial: 7
expires: 2127-01-31
builders:
  - id: https://example.com/builder
    key: release
  - id: https://github.com/org/app/.github/workflows/release.yml
    refs: {releases: true}
    workflow: {issuer: https://token.actions.githubusercontent.com}
buildTypes: [https://example.com/type]
source: https://example.com/app
refs: {releases: true}
require:
  - predicateType: https://example.com/review
    keys: [alice, {name: bob, until: 2027-01-01}]
    accounts: [{issuer: https://accounts.google.com, subject: eve@example.com}]
    threshold: 3
`

// A policy that is signed is read as it was.
func TestPolicy(t *testing.T) {
	w := newWorkplace(t)
	file := write(t, filepath.Join(w.dir, "policy.yaml"), policyText)
	key, err := keyfile.Read(w.key, "")
	if err != nil {
		t.Fatal(err)
	}
	author, err := verify.Key(key)
	if err != nil {
		t.Fatal(err)
	}
	for out, args := range map[string][]string{
		file + ".dsse":                  {"-key", w.key, "-policy", file},
		filepath.Join(w.dir, "p.jsonl"): {"-key", w.key, "-policy", file, "-o", filepath.Join(w.dir, "p.jsonl")},
	} {
		for range 2 {
			if err := run(t.Context(), args, new(bytes.Buffer), environ(nil), http.DefaultClient); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		env, err := sign.Parse(data)
		if err != nil || string(env.Payload) != policyText || env.PayloadType != policyfile.MediaType {
			t.Fatalf("%s, %v", data, err)
		}
		// Its builders are unknown here, and so whoever signed it is all that is asked.
		_, err = policyfile.ParseSigned(t.Context(), env, author, policyfile.Options{Now: time.Now})
		if err == nil || !strings.Contains(err.Error(), `key "release"`) {
			t.Errorf("%v", err)
		}
	}

	out := filepath.Join(w.dir, "no.dsse")
	n := 0
	with := func(text string) []string {
		n++
		return []string{"-key", w.key, "-o", out, "-policy", write(t, filepath.Join(w.dir, fmt.Sprint("policy", n)), text)}
	}
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no key":         {[]string{"-policy", file, "-o", out}, "-policy without -key"},
		"missing key":    {[]string{"-policy", file, "-o", out, "-key", filepath.Join(w.dir, "no")}, "no such file"},
		"missing policy": {[]string{"-policy", filepath.Join(w.dir, "no"), "-o", out, "-key", w.key}, "no such file"},
		"no directory":   {[]string{"-policy", file, "-o", filepath.Join(w.dir, "no", "x"), "-key", w.key}, "no such file"},
		"a subject":      {[]string{"-policy", file, "-o", out, "-key", w.key, w.app}, "which has no subjects"},
		"keyless":        {[]string{"-policy", file, "-o", out, "-keyless"}, "-keyless is not for -policy"},
		"a predicate":    {[]string{"-policy", file, "-o", out, "-key", w.key, "-tests", w.app}, "-tests is not for -policy"},
		"an image":       {[]string{"-policy", file, "-o", out, "-key", w.key, "-oci", "x"}, "-oci is not for -policy"},
		"an empty one":   {with(""), "policy1: malformed policy: it is empty"},
		"no policy":      {with("x: 1\n"), "malformed policy: line 1"},
		"no serial":      {with(strings.Replace(policyText, "serial: 7\n", "", 1)), "a signed policy without serial"},
		"no expires":     {with(strings.Replace(policyText, "expires: 2127-01-31\n", "", 1)), "a signed policy without expires"},
		"expired":        {with(strings.Replace(policyText, "2127-01-31", "2026-01-31", 1)), "it expired"},
		"a bad one":      {with(strings.Replace(policyText, "threshold: 3", "threshold: 4", 1)), "4 signers of 3"},
	} {
		// Of several faults each is on its line until the program shows them.
		err := run(t.Context(), tt.args, new(bytes.Buffer), environ(nil), http.DefaultClient)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Fatalf("%s: something was written", name)
		}
	}
}
