package facts_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/internal/facts"
)

func TestGet(t *testing.T) {
	env := map[string]string{"A": "a", "B": "b", "BAD": "secret", "LONG": strings.Repeat("x", facts.MaxValue+1), "MAX": strings.Repeat("x", facts.MaxValue)}
	claims := map[string]string{"a": "a", "b": "b", "bad": "secret", "long": env["LONG"]}
	upper := func(s string) (string, error) {
		if s == "secret" {
			return "", errors.New("is not readable")
		}
		return strings.ToUpper(s), nil
	}
	for _, c := range []struct {
		name    string
		fact    facts.Fact
		claimed bool // there is a token
		want    string
		known   string // "claim", "variable" or ""
		err     string
	}{
		{"variable", facts.Fact{Variables: []string{"A"}}, false, "a", "variable", ""},
		{"first that is set", facts.Fact{Variables: []string{"X", "B", "A"}}, false, "b", "variable", ""},
		{"not set", facts.Fact{Variables: []string{"X"}}, false, "", "", ""},
		{"not set, required", facts.Fact{Variables: []string{"X", "Y"}, Required: true}, false, "", "", "p: X or Y is not set"},
		{"claim without a token", facts.Fact{Claim: "a", Variables: []string{"A"}}, false, "a", "variable", ""},
		{"claim", facts.Fact{Claim: "a"}, true, "a", "claim", ""},
		{"claim and variable", facts.Fact{Claim: "a", Variables: []string{"A"}}, true, "a", "claim", ""},
		{"contradiction", facts.Fact{Claim: "a", Variables: []string{"B"}}, true, "a", "claim", `p: B is "b", but the token's claim a is "a"`},
		{"no claim", facts.Fact{Claim: "x", Variables: []string{"A"}}, true, "", "", ""},
		{"no claim, required", facts.Fact{Claim: "x", Variables: []string{"A"}, Required: true}, true, "", "", "p: the token has no claim x"},
		{"no claim, lax", facts.Fact{Claim: "x", Variables: []string{"A"}, Lax: true}, true, "a", "variable", ""},
		{"no claim of that fact", facts.Fact{Variables: []string{"A"}}, true, "a", "variable", ""},
		{"read", facts.Fact{Claim: "a", ReadClaim: upper, Variables: []string{"A"}, Read: upper}, true, "A", "claim", ""},
		{"unreadable variable", facts.Fact{Variables: []string{"BAD"}, Read: upper, Required: true}, false, "", "", "p: BAD is not readable"},
		{"unreadable variable beside a claim", facts.Fact{Claim: "a", Variables: []string{"BAD"}, Read: upper}, true, "", "", "p: BAD is not readable"},
		{"unreadable claim", facts.Fact{Claim: "bad", ReadClaim: upper, Lax: true, Variables: []string{"A"}}, true, "", "", "p: the claim bad is not readable"},
		{"long", facts.Fact{Variables: []string{"LONG"}}, false, "", "", "p: LONG has more than 4096 bytes"},
		{"long claim", facts.Fact{Claim: "long"}, true, "", "", "p: the claim long has more than 4096 bytes"},
		{"longest", facts.Fact{Variables: []string{"MAX"}}, false, env["MAX"], "variable", ""},
	} {
		var values map[string]string
		if c.claimed {
			values = claims
		}
		f := facts.New("p", func(name string) string { return env[name] }, values)
		c.fact.Path = "at"
		got := f.Get(c.fact)
		known := ""
		if claimed, ok := f.Known["at"]; ok {
			known = "variable"
			if claimed {
				known = "claim"
			}
		}
		err := ""
		if f.Err() != nil {
			err = f.Err().Error()
		}
		if got != c.want || known != c.known || err != c.err {
			t.Errorf("%s: %.20q known by %q, error %q, want %.20q by %q, %q", c.name, got, known, err, c.want, c.known, c.err)
		}
	}
}

func TestRead(t *testing.T) {
	type read func(string) (string, error)
	for _, c := range []struct {
		name, in, want string // want "" is an error
		read           read
	}{
		{"segment", "a-B_9.~", "a-B_9.~", facts.Segment},
		{"segment", "{2792d082-f400}", "2792d082-f400", facts.Segment},
		{"segment", "..", "", facts.Segment},
		{"segment", ".", "", facts.Segment},
		{"segment", "a/b", "", facts.Segment},
		{"segment", "a b", "", facts.Segment},
		{"segment", "a%2f", "", facts.Segment},
		{"segment", "ä", "", facts.Segment},

		{"server", "https://gitlab.com", "https://gitlab.com", facts.Server},
		{"server", "http://host.example:8080/path/", "http://host.example:8080/path", facts.Server},
		{"server", "https://GitLab.com", "", facts.Server},
		{"server", "https://user@gitlab.com", "", facts.Server},
		{"server", "https://gitlab.com?x", "", facts.Server},
		{"server", "https://gitlab.com#x", "", facts.Server},
		{"server", "ssh://gitlab.com", "", facts.Server},
		{"server", "gitlab.com", "", facts.Server},
		{"server", "https://", "", facts.Server},
		{"server", "https://[", "", facts.Server},

		{"page", "https://user:password@Host.example/a?token=b#c", "https://host.example/a", facts.Page},
		{"page", "javascript:alert(1)", "", facts.Page},
		{"page", "/a", "", facts.Page},

		{"branch", "main", "refs/heads/main", facts.Branch},
		{"branch", "feature/one@two", "refs/heads/feature/one@two", facts.Branch},
		{"branch", "refs/pull/1/head", "refs/pull/1/head", facts.Branch},
		{"branch", "a b", "", facts.Branch},
		{"branch", "a..b", "", facts.Branch},
		{"branch", "a@{b", "", facts.Branch},
		{"branch", "a//b", "", facts.Branch},
		{"branch", "a/", "", facts.Branch},
		{"branch", ".a", "", facts.Branch},
		{"branch", "a.lock", "", facts.Branch},
		{"branch", "a.", "", facts.Branch},
		{"branch", "mona:main", "", facts.Branch},
		{"branch", "a\xff", "", facts.Branch},
		{"branch", "a\x7f", "", facts.Branch},
		{"tag", "v1", "refs/tags/v1", facts.Tag},
		{"tag", "refs/tags/v1", "refs/tags/v1", facts.Tag},
		{"tag", "refs/heads/v1", "", facts.Tag},
		{"tag", "v 1", "", facts.Tag},
		{"ref", "refs/tags/v1", "refs/tags/v1", facts.Ref},
		{"ref", "v1", "", facts.Ref},
		{"ref", "refs/", "", facts.Ref},
	} {
		got, err := c.read(c.in)
		if c.want == "" {
			if err == nil || strings.Contains(err.Error(), "password") {
				t.Errorf("%s %q: %q, error %v", c.name, c.in, got, err)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%s %q: %q, %v, want %q", c.name, c.in, got, err, c.want)
		}
	}
}

// What looks like a token is put together, so that nobody takes it for one.
func TestSecretValue(t *testing.T) {
	mixed := strings.Repeat("aB3", 8)
	for _, s := range []string{
		"ghp_" + "0123456789abcdef", "TOKEN=" + "glpat-" + "abcdefgh", "--token " + "npm_" + "abcdefghij", "AKIA" + "ABCDEFGHIJKLMNOP",
		"eyJ" + "hbGciOiJIUzI1NiJ9" + ".e30.x", "-----BEGIN " + "PRIVATE KEY-----", "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----",
		"https://user:password@example.com", "x https://a.example y://token@b.example", "git clone https://x-access-token:y@github.com/a/b",
		mixed, "x=" + mixed + ";", "hvs." + "CAESIabcdefgh",
	} {
		if !facts.SecretValue(s) {
			t.Errorf("%q is none", s)
		}
	}
	for _, s := range []string{
		"", "stable", "v1.2.3-rc.1+build.5", "refs/heads/feature/One2Three", "283bf967fa3c591925dd25e6a6e8e781542117bf",
		strings.ToUpper("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"), "https://example.com/a?b=c@d", "ssh://git@github.com/a/b",
		"make release VERSION=v1.2.3 GOFLAGS=-trimpath", "a-very-long-name-of-something-that-is-no-secret-at-all", "2026-01-02T03:04:05Z",
		"ThisIsALongNameInCamelCase", "skip_npm_x", "monkey@example.com", mixed[:23], "AKIAABCDEFGHIJKLMNOPQ", "linux/amd64,linux/arm64,darwin/arm64",
	} {
		if facts.SecretValue(s) {
			t.Errorf("%q is one", s)
		}
	}
}

func TestSecretName(t *testing.T) {
	for name, want := range map[string]bool{
		"GITHUB_TOKEN": true, "api_key": true, "DB_PASSWORD": true, "AWS_SECRET_ACCESS_KEY": true, "SIGNING_IDENTITY": true, "NETRC_PASSWD": true, "GH_PAT_AUTH": true,
		"CHANNEL": false, "VERSION": false, "GOFLAGS": false, "CACHE_KEYS": false, "MONKEY": false,
	} {
		if facts.SecretName(name) != want {
			t.Errorf("%s: %t", name, !want)
		}
	}
}

// No environment and no token makes a value known that nobody said.
func FuzzGet(f *testing.F) {
	f.Add("a", "b", true)
	f.Add("", "b", false)
	f.Add("https://user:x@host/a", "refs/heads/main", true)
	f.Fuzz(func(t *testing.T, variable, claim string, claimed bool) {
		for _, read := range []func(string) (string, error){nil, facts.Segment, facts.Server, facts.Page, facts.Branch, facts.Tag, facts.Ref} {
			var claims map[string]string
			if claimed {
				claims = map[string]string{"c": claim}
			}
			fs := facts.New("p", func(string) string { return variable }, claims)
			got := fs.Get(facts.Fact{Path: "at", Claim: "c", ReadClaim: read, Variables: []string{"V"}, Read: read, Lax: true})
			_, known := fs.Known["at"]
			if (got != "") != known {
				t.Errorf("%q, known: %t", got, known)
			}
			if got == "" || read == nil {
				continue
			}
			// What was read is read as itself.
			if again, err := read(got); err != nil || again != got {
				t.Errorf("%q is read as %q, %v", got, again, err)
			}
		}
		if v, err := facts.Parameters(func(string) string { return variable }, []string{"V"}, 1); err == nil && facts.SecretValue(fmt.Sprint(v["V"])) {
			t.Errorf("parameters %q", v)
		}
	})
}
