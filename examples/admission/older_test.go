package main

import (
	"bytes"
	"crypto/ed25519"
	"log/slog"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

// An older policy does not come back while the program runs, whatever is between.
func TestOlderPolicy(t *testing.T) {
	s := newSite(t)
	s.evidence("good", "https://example.com/app")
	s.evidence("moved", "https://example.com/moved")
	moved := strings.Replace(policyText, "example.com/app", "example.com/moved", 1)
	s.write("policy.yaml", "serial: 7\n"+policyText)
	k := s.keeper()
	var logged bytes.Buffer
	k.log = slog.New(slog.NewJSONHandler(&logged, nil))
	check := func(what, image string, allowed bool, failures int64) {
		t.Helper()
		was := k.gate.metrics.reloadsFailed.Load()
		k.look()
		if _, got := post(t, k.gate, podReview(ref(image))); got.Allowed != allowed {
			t.Errorf("%s: allowed %v: %+v", what, got.Allowed, got.Status)
		}
		if n := k.gate.metrics.reloadsFailed.Load() - was; n != failures {
			t.Errorf("%s: %d failures, want %d", what, n, failures)
		}
	}
	check("the first", "good", true, 0)
	for _, older := range []string{"serial: 6\n" + moved, moved} {
		s.write("policy.yaml", older)
		logged.Reset()
		check("an older one", "good", true, 1)
		check("an older one, again", "moved", false, 1)
		if !k.gate.metrics.ready.Load() || strings.Count(logged.String(), "\n") != 1 || !strings.Contains(logged.String(), "an older policy is not loaded: the last one stays in force") || !strings.Contains(logged.String(), "that of the last one was 7") {
			t.Errorf("ready %v, and logged %s", k.gate.metrics.ready.Load(), &logged)
		}
		s.write("policy.yaml", "garbage")
		check("garbage", "good", false, 1)
		s.write("policy.yaml", older)
		check("an older one after garbage", "moved", false, 1)
		check("the last one", "good", true, 1)
	}

	// The last one stays in force by the keys that there are now.
	public, err := sign.MarshalPublicKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)).Public())
	if err != nil {
		t.Fatal(err)
	}
	release, err := sign.MarshalPublicKey(s.signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	s.write("release.pub", string(public))
	check("another key", "good", false, 1)
	s.write("release.pub", string(release))
	check("the key is back", "good", true, 1)

	s.write("policy.yaml", "serial: 7\n"+moved)
	check("of the same serial", "moved", true, 0)
	s.write("policy.yaml", "serial: 8\n"+policyText)
	logged.Reset()
	check("a newer one", "good", true, 0)
	check("a newer one", "moved", false, 0)
	if !strings.Contains(logged.String(), `"msg":"loaded"`) {
		t.Errorf("logged %s", &logged)
	}
}

// With -policy-key a policy that nobody has signed denies everything, and one that is
// signed and older does not come back.
func TestSignedPolicy(t *testing.T) {
	s := newSite(t)
	s.evidence("good", "https://example.com/app")
	moved := strings.Replace(policyText, "example.com/app", "example.com/moved", 1)
	k := s.keeper()
	k.o.editions.Keys = cli.List{s.path("release.pub")}
	check := func(what string, allowed bool, want string) {
		t.Helper()
		k.look()
		_, got := post(t, k.gate, podReview(ref("good")))
		if got.Allowed != allowed || !allowed && !strings.Contains(got.Status.Message, want) {
			t.Errorf("%s: allowed %v: %+v, want %s", what, got.Allowed, got.Status, want)
		}
	}
	signed := func(text string) {
		t.Helper()
		env, err := sign.Sign(t.Context(), policyfile.MediaType, []byte("expires: 2127-01-31\n"+text), s.signer)
		if err != nil {
			t.Fatal(err)
		}
		line, err := env.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		s.write("policy.yaml", string(line))
	}
	check("unsigned", false, "cannot be loaded")
	signed("serial: 2" + policyText)
	check("signed", true, "")
	signed("serial: 1" + moved)
	check("older", true, "")
	signed("serial: 3" + moved)
	check("newer", false, "source")
	s.write("policy.yaml", "serial: 4"+policyText)
	check("unsigned and newer", false, "cannot be loaded")
}
