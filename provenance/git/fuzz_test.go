package git

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
	"time"
)

const zeroID = "0000000000000000000000000000000000000000"

func FuzzParseAllowedSigners(f *testing.F) {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFlK659IQv/tI0e1t0vqKv35Q5inxdNPdAVfCZD2Gwus"
	f.Add("octocat@example.com " + key + " comment\n# comment\n\n")
	f.Add(`"a b",*@example.com,!c cert-authority,namespaces="git,file",valid-after="20230101",valid-before="20231231235959Z" ` + key)
	f.Add("a@example.com\tNAMESPACES=\"git\"\t" + key + "\r\n")
	f.Fuzz(func(t *testing.T, data string) {
		signers, err := ParseAllowedSigners([]byte(data))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "malformed allowed signers: ") {
				t.Fatal(err)
			}
			return
		}
		// What is written for ssh-keygen says the same.
		written, err := file(signers)
		if err != nil {
			t.Fatalf("%v in %q", err, data)
		}
		again, err := ParseAllowedSigners(written)
		if err != nil || !reflect.DeepEqual(again, signers) {
			t.Fatalf("%+v\nthen %+v, %v", signers, again, err)
		}
		for _, s := range signers {
			if s.Fingerprint() == "" || len(s.Principals) == 0 {
				t.Fatalf("%+v", s)
			}
		}
	})
}

func FuzzParseCommit(f *testing.F) {
	f.Add([]byte("tree "+zeroID+"\nparent "+zeroID+"\nauthor A <a@example.com> 1700000000 +0100\ncommitter C <> -1 +0000\ngpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\n\nmessage\n"), false)
	f.Add([]byte("tree x\nauthor <x> 1 +0000\ncommitter \xff <\xff> 1 +0000\n"), true)
	f.Fuzz(func(t *testing.T, text []byte, sha256 bool) {
		c, err := parseCommit(text, sha256)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "malformed commit: ") {
				t.Fatal(err)
			}
			return
		}
		for _, p := range []Person{c.author, c.committer} {
			if _, err := p.Time.MarshalText(); err != nil && p.Time.Year() > 0 {
				t.Fatalf("%v of %+v", err, p)
			}
			if p.Name != strings.ToValidUTF8(p.Name, "") || p.Mail != strings.ToValidUTF8(p.Mail, "") {
				t.Fatalf("%+v", p)
			}
		}
	})
}

func FuzzParseTag(f *testing.F) {
	f.Add([]byte("object " + zeroID + "\ntype commit\ntag v1\ntagger A <a@example.com> 1700000000 +0100\n\nmessage\n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"))
	f.Add([]byte("object x\ntype tree\ntag y\n\n-----BEGIN SSH SIGNATURE-----\n-----BEGIN SIGNED MESSAGE-----"))
	f.Fuzz(func(t *testing.T, text []byte) {
		tag, err := parseTag(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "malformed tag: ") {
				t.Fatal(err)
			}
			return
		}
		if tag.signature != "" && (signatureFormat(tag.signature) == "" || !strings.HasSuffix(string(text), tag.signature)) {
			t.Fatalf("signature %q", tag.signature)
		}
	})
}

func FuzzParseTags(f *testing.F) {
	f.Add([]byte("refs/tags/v1\x00commit\x00" + zeroID + "\x00\x00\x00\nrefs/tags/v2\x00tag\x00" + zeroID + "\x00A\x00<a@example.com>\x001700000000 +0100\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		tags, err := parseTags(out)
		if err != nil {
			return
		}
		for _, tag := range tags {
			if !strings.HasPrefix(tag.Ref, "refs/tags/") || !tag.Object.IsZero() && tag.Object.Algorithm() != "gitTag" {
				t.Fatalf("%+v", tag)
			}
		}
	})
}

func FuzzParseTree(f *testing.F) {
	f.Add([]byte("040000 tree " + zeroID + "\tdir\x00100644 blob " + zeroID + "\tdir/a\nb\x00160000 commit " + zeroID + "\tsub\x00"))
	f.Fuzz(func(t *testing.T, out []byte) {
		entries, err := parseTree(out)
		if err != nil {
			return
		}
		for _, e := range entries {
			// It is joined to the directory of the checkout.
			if e.path == "" || strings.HasPrefix(e.path, "/") || strings.Contains("/"+e.path+"/", "/../") {
				t.Fatalf("path %q", e.path)
			}
			fileMode(e.mode)
		}
	})
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte("H 100644 " + zeroID + " 0\ta\x00s 100755 " + zeroID + " 3\tdir/b\tc\x00"))
	f.Fuzz(func(t *testing.T, out []byte) {
		entries, err := parseIndex(out)
		if err != nil {
			return
		}
		for _, e := range entries {
			if e.stage < 0 || e.stage > 3 {
				t.Fatalf("%+v", e)
			}
		}
	})
}

// FuzzSignature: only what both a program and git confirm is good.
func FuzzSignature(f *testing.F) {
	f.Add("Good \"git\" signature for octocat@example.com with ED25519 key SHA256:x\n", true)
	f.Add("Good \"git\" signature with ED25519 key SHA256:x\nNo principal matched.\n", false)
	f.Add("[GNUPG:] GOODSIG 00 Octocat\n[GNUPG:] VALIDSIG F 2023-11-14 1700000000 0 4 0 22 8 00 F\n", true)
	f.Add("[GNUPG:] ERRSIG A7D6FEB4B4A4ADBC 22 8 00 1795291501 9 34AC\n", false)
	f.Fuzz(func(t *testing.T, text string, ok bool) {
		var ssh, pgp Signature
		ssh.parseSSH(text, ok, "/tmp/x")
		pgp.parseOpenPGP(text, ok)
		for _, s := range []Signature{ssh, pgp} {
			if s.Status == Good && (!ok || s.Key == "" || s.Why != "") || s.Status == NoSignature {
				t.Fatalf("%+v", s)
			}
			if !s.Time.IsZero() && (s.Time.Year() > 9999 || s.Time.Location() != time.UTC) {
				t.Fatalf("%+v", s)
			}
		}
		if ssh.Status == Good && !strings.Contains(text, `Good "git" signature for `) || pgp.Status == Good && (!strings.Contains(text, "[GNUPG:] GOODSIG ") || !strings.Contains(text, "[GNUPG:] VALIDSIG ")) {
			t.Fatalf("%+v, %+v", ssh, pgp)
		}
	})
}

// What gpg and ssh-keygen do not print, or not together.
func TestParseSignature(t *testing.T) {
	const (
		good  = "[GNUPG:] GOODSIG 00 Octocat <octocat@example.com>\n"
		valid = "[GNUPG:] VALIDSIG F0 2023-11-14 1700000000 0 4 0 22 8 00 F1\n"
		ssh   = `Good "git" signature for octocat@example.com with ED25519 key SHA256:x` + "\n"
	)
	for _, c := range []struct {
		text string
		ok   bool
		want Status
	}{
		{good + valid, true, Good},
		{good + valid, false, Unknown},
		{good, true, Unknown},
		{valid, true, Unknown},
		{good + valid + good + valid, true, Unknown},
		{good + valid + valid, true, Unknown},
		{good + "[GNUPG:] BADSIG 00 Octocat\n" + valid, true, Unknown},
		{good + "[GNUPG:] VALIDSIG F0 2023-11-14 1700000000\n", true, Unknown},
		{"gpg: " + good + valid, true, Unknown},
		{"[GNUPG:] EXPSIG 00 Octocat\n" + valid, true, Expired},
		{"[GNUPG:] EXPKEYSIG 00 Octocat\n" + valid, false, Expired},
		{"[GNUPG:] REVKEYSIG 00 Octocat\n" + valid, false, Revoked},
		{"[GNUPG:] BADSIG 00 Octocat\n", false, Bad},
		{"[GNUPG:] ERRSIG 00 22 8 00 1700000000 9 -\n", false, Unknown},
		{"", true, Unknown},
	} {
		var sig Signature
		sig.parseOpenPGP(c.text, c.ok)
		if sig.Status != c.want || sig.Status != Good && sig.Why == "" {
			t.Errorf("%q, %t: %+v, want %v", c.text, c.ok, sig, c.want)
		}
	}
	for _, c := range []struct {
		text   string
		ok     bool
		want   Status
		signer string
	}{
		{ssh, true, Good, "octocat@example.com"},
		{ssh, false, Unknown, ""},
		{ssh + ssh, true, Unknown, ""},
		{`Good "git" signature for a with RSA key SHA256:y with ED25519 key SHA256:x`, true, Good, "a with RSA key SHA256:y"},
		{`Good "git" signature for  with ED25519 key SHA256:x`, true, Unknown, ""},
		{`Good "git" signature for octocat@example.com with ED25519 key x`, true, Unknown, ""},
		{`Good "file" signature for octocat@example.com with ED25519 key SHA256:x`, true, Unknown, ""},
		{`Good "git" signature with ED25519 key SHA256:x`, true, Unknown, ""},
		{"Could not verify signature.\n", false, Bad, ""},
		{"", true, Unknown, ""},
	} {
		var sig Signature
		sig.parseSSH(c.text, c.ok, "/tmp/x")
		if sig.Status != c.want || sig.Signer != c.signer || sig.Status == Good && sig.Key != "SHA256:x" {
			t.Errorf("%q, %t: %+v, want %v", c.text, c.ok, sig, c.want)
		}
		if sig.Status != Good && sig.Why == "" {
			t.Errorf("%q, %t: no reason", c.text, c.ok)
		}
	}
}

func TestParsePerson(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Person
	}{
		{"A U Thor <a@example.com> 1700000000 +0100", Person{"A U Thor", "a@example.com", time.Unix(1700000000, 0).UTC()}},
		{"<> 0 +0000", Person{"", "", time.Unix(0, 0).UTC()}},
		{"A <b> <c@example.com> 1 -1200", Person{"A", "b> <c@example.com", time.Unix(1, 0).UTC()}},
		{"\xe4 <\xff> -1 +0000", Person{"\uFFFD", "\uFFFD", time.Unix(-1, 0).UTC()}},
		{"A a@example.com 1 +0000", Person{}},
		{"A >< 1 +0000", Person{}},
		{"A <a> 1", Person{}},
		{"A <a> x +0000", Person{}},
		{"A <a> 253402300800 +0000", Person{}},
		{"A <a> 1 +0000 x", Person{}},
	} {
		got, err := parsePerson(c.in)
		if got != c.want || (err != nil) != c.want.Time.IsZero() {
			t.Errorf("%q: %+v, %v", c.in, got, err)
		}
	}
}

func TestParseMalformed(t *testing.T) {
	const person = "A <a> 1 +0000\n"
	for _, text := range []string{
		"", "x", "tree x\n", "tree x\nauthor " + person, "tree x\nauthor " + person + "committer A\n",
		"tree x\ntree y\nauthor " + person + "committer " + person,
		"tree x\nauthor " + person + "author " + person + "committer " + person,
		"tree x\nauthor " + person + "committer " + person + "gpgsig a\ngpgsig b\n",
		" tree x\nauthor " + person + "committer " + person,
	} {
		if c, err := parseCommit([]byte(text), false); err == nil {
			t.Errorf("%q: %+v", text, c)
		}
	}
	for _, text := range []string{"", "object x\ntype y\n", "object x\nobject x\ntype y\ntag z\n", "object x\ntype y\ntag \n"} {
		if tag, err := parseTag([]byte(text)); err == nil {
			t.Errorf("%q: %+v", text, tag)
		}
	}
	for _, out := range []string{"x", "100644 blob x", "100644 blob x\t../y", "100644 blob x\t/y", "100644 blob x\ty/", "100644 blob x\t.", "100644 blob\ty", "1 blob x\ty//z"} {
		if e, err := parseTree([]byte(out)); err == nil {
			t.Errorf("%q: %+v", out, e)
		}
	}
	for _, out := range []string{"x", "H 1 2\tx", "HH 1 2 0\tx", "H 1 2 4\tx", "H 1 2 00\tx"} {
		if e, err := parseIndex([]byte(out)); err == nil {
			t.Errorf("%q: %+v", out, e)
		}
	}
	for _, out := range []string{"x", "refs/heads/x\x00\x00\x00\x00\x00", "refs/tags/x\x00tag\x00x\x00\x00\x00", "refs/tags/x\x00tag\x00" + zeroID + "\x00A\x00\x00"} {
		if tags, err := parseTags([]byte(out)); err == nil {
			t.Errorf("%q: %+v", out, tags)
		}
	}
}

// Trees of old programs have zeros before their modes.
func TestWithoutZeros(t *testing.T) {
	id := strings.Repeat("\x01", 20)
	raw := "040000 dir\x00" + id + "100644 x\x00" + id
	if got, want := string(withoutZeros([]byte(raw), 20)), "40000 dir\x00"+id+"100644 x\x00"+id; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := withoutZeros([]byte("100644 x\x00short"), 20); got != nil {
		t.Errorf("got %q", got)
	}
	if got, want := objectID(false, "blob", nil), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"; got != want {
		t.Errorf("the empty blob is %s, want %s", got, want)
	}
	if got, want := objectID(true, "tree", nil), "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"; got != want {
		t.Errorf("the empty tree is %s, want %s", got, want)
	}
	if _, err := hex.DecodeString(objectID(true, "blob", []byte("x"))); err != nil {
		t.Error(err)
	}
}

func TestFileMode(t *testing.T) {
	for mode, want := range map[string]string{"100644": modeFile, "100664": modeFile, "100755": modeExecutable, "100775": modeExecutable, "120000": modeLink, "160000": modeSubmodule, "x": "x"} {
		if got := fileMode(mode); got != want {
			t.Errorf("%s: got %s, want %s", mode, got, want)
		}
	}
}
