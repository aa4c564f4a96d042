package git_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/internal/command"
	"github.com/hallmark-dev/hallmark/provenance/git"
)

const exampleKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFlK659IQv/tI0e1t0vqKv35Q5inxdNPdAVfCZD2Gwus"

func TestParseAllowedSigners(t *testing.T) {
	day := time.Date(2023, 11, 14, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		line string
		want git.AllowedSigner
		text string // if String returns another line
	}{
		{"octocat@example.com " + exampleKey, git.AllowedSigner{Principals: []string{"octocat@example.com"}, Key: exampleKey}, ""},
		{"a,b*,!c? " + exampleKey + " a comment", git.AllowedSigner{Principals: []string{"a", "b*", "!c?"}, Key: exampleKey}, "a,b*,!c? " + exampleKey},
		{`"with space,b" ` + exampleKey, git.AllowedSigner{Principals: []string{"with space", "b"}, Key: exampleKey}, ""},
		{"a cert-authority " + exampleKey, git.AllowedSigner{Principals: []string{"a"}, CertAuthority: true, Key: exampleKey}, ""},
		{`a namespaces="git,file" ` + exampleKey, git.AllowedSigner{Principals: []string{"a"}, Namespaces: []string{"git", "file"}, Key: exampleKey}, ""},
		{
			`a Valid-After="20231114",valid-before="20231114221320Z" ` + exampleKey,
			git.AllowedSigner{Principals: []string{"a"}, ValidAfter: day, ValidBefore: time.Unix(1700000000, 0).UTC(), Key: exampleKey},
			`a valid-after="20231114000000",valid-before="20231114221320" ` + exampleKey,
		},
		{
			`a cert-authority,namespaces="x y",valid-after="202311142213" ` + exampleKey,
			git.AllowedSigner{Principals: []string{"a"}, CertAuthority: true, Namespaces: []string{"x y"}, ValidAfter: time.Unix(1699999980, 0).UTC(), Key: exampleKey},
			`a cert-authority,namespaces="x y",valid-after="20231114221300" ` + exampleKey,
		},
	} {
		got, err := git.ParseAllowedSigners([]byte("# comment\n\n" + c.line + "\r\n"))
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], c.want) {
			t.Errorf("%s:\ngot %+v, %v\nwant %+v", c.line, got, err, c.want)
			continue
		}
		if c.text == "" {
			c.text = c.line
		}
		if text := got[0].String(); text != c.text {
			t.Errorf("got %s\nwant %s", text, c.text)
		}
	}
	if got, err := git.ParseAllowedSigners(nil); got != nil || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestParseAllowedSignersMalformed(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"a", "want principals, options and a key"},
		{"a ssh-ed25519", "option"},
		{exampleKey, "option"},
		{"a ssh-rsa " + strings.Fields(exampleKey)[1], "option"},
		{"a ssh-ed25519 AAAA", "option"},
		{"a x " + exampleKey, "option"},
		{"a namespaces=git " + exampleKey, "in quotes"},
		{`a namespaces="git` + " " + exampleKey, "quote"},
		{`a namespaces="" ` + exampleKey, "namespaces"},
		{`a namespaces="a",namespaces="b" ` + exampleKey, "a second option namespaces"},
		{"a cert-authority,cert-authority " + exampleKey, "a second option"},
		{`a cert-authority="" ` + exampleKey, "option"},
		{"a namespaces " + exampleKey, "option"},
		{"a cert-authority, " + exampleKey, "option"},
		{`a valid-after="2023" ` + exampleKey, "time"},
		{`a valid-after="20231301" ` + exampleKey, "time"},
		{`a valid-after="19691231" ` + exampleKey, "time"},
		{`a valid-after="20230102",valid-before="20230101" ` + exampleKey, "is not before"},
		{"a,,b " + exampleKey, "principals"},
		{`"a b ` + exampleKey, "quote"},
		{`"a"b" ` + exampleKey, "quote"},
		{`a"b" ` + exampleKey, "principals"},
		{`a\ b ` + exampleKey, "character"},
		{"a\x00 " + exampleKey, "character"},
	} {
		got, err := git.ParseAllowedSigners([]byte("b " + exampleKey + "\n" + c.line + "\n"))
		if got != nil || err == nil || !strings.HasPrefix(err.Error(), "malformed allowed signers: line 2: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %+v, %v, want %q", c.line, got, err, c.want)
		}
	}
	if _, err := git.ParseAllowedSigners(make([]byte, git.MaxSignersSize+1)); err == nil {
		t.Error("no error for too many bytes")
	}
	if _, err := git.ParseAllowedSigners([]byte(strings.Repeat("a "+exampleKey+"\n", git.MaxAllowedSigners+1))); err == nil {
		t.Error("no error for too many signers")
	}
}

// ssh-keygen is the judge of fingerprints, and reads what String writes.
func TestAllowedSignerJudge(t *testing.T) {
	for _, args := range [][]string{{"-t", "ed25519"}, {"-t", "rsa", "-b", "2048"}, {"-t", "ecdsa", "-b", "384"}} {
		key, public := sshKey(t, args...)
		env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TZ=UTC"}
		out, err := command.Run(t.Context(), "", env, "ssh-keygen", "-l", "-f", key+".pub")
		if err != nil {
			t.Fatal(err)
		}
		s := git.AllowedSigner{
			Principals: []string{"oc to", "*@example.com"}, Namespaces: []string{"git", "f*"}, Key: public,
			ValidAfter: time.Unix(1700000000, 0), ValidBefore: time.Unix(1700000002, 0),
		}
		if got, want := s.Fingerprint(), strings.Fields(string(out))[1]; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		dir := t.TempDir()
		data, list := filepath.Join(dir, "data"), filepath.Join(dir, "allowed")
		for name, text := range map[string]string{data: "data", list: s.String() + "\n"} {
			if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		keygen(t, "-q", "-Y", "sign", "-f", key, "-n", "git", data)
		for at, want := range map[string]bool{"20231114221321": true, "20231114221319": false, "20231114221323": false} {
			out, err := command.Run(t.Context(), "", env, "ssh-keygen", "-Y", "find-principals", "-s", data+".sig", "-f", list, "-Overify-time="+at)
			if (err == nil) != want || want && string(out) != "oc to\n*@example.com\n" {
				t.Errorf("at %s: %q, %v", at, out, err)
			}
		}
	}
	if got := (git.AllowedSigner{Key: "ssh-ed25519 AAAA"}).Fingerprint(); got != "" {
		t.Errorf("got %q of a malformed key", got)
	}
}
