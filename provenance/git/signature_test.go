package git_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/internal/command"
	"github.com/hallmark-dev/hallmark/provenance/git"
)

// sshKey makes an SSH key, and returns its file and its public form.
func sshKey(t *testing.T, args ...string) (file, public string) {
	t.Helper()
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("there is no ssh-keygen to make keys with")
	}
	file = filepath.Join(t.TempDir(), "key")
	if len(args) == 0 {
		args = []string{"-t", "ed25519"}
	}
	keygen(t, append([]string{"-q", "-N", "", "-C", "", "-f", file}, args...)...)
	text, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return file, strings.TrimSpace(string(text))
}

func keygen(t *testing.T, args ...string) {
	t.Helper()
	if _, err := command.Run(t.Context(), "", []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, "ssh-keygen", args...); err != nil {
		t.Fatal(err)
	}
}

// signed makes a tag that is signed by SSH, and one for each other format, with a
// signature that is none, and returns how many these are.
func (r repository) signed(t *testing.T) int {
	t.Helper()
	key, _ := sshKey(t)
	r.git("-c", "gpg.format=ssh", "-c", "user.signingKey="+key, "tag", "--sign", "--message=tag", "v-ssh")
	for _, format := range []string{"PGP SIGNATURE", "SIGNED MESSAGE"} {
		r.tagObject("v-"+strings.ToLower(format[:3]), "HEAD", "v-"+strings.ToLower(format[:3]), "-----BEGIN "+format+"-----\n\nAAAA\n-----END "+format+"-----\n")
	}
	return 3
}

// tagObject makes a tag whose object is of a name and a commit.
func (r repository) tagObject(ref, object, name, signature string) {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "tag")
	text := fmt.Sprintf("object %s\ntype commit\ntag %s\ntagger Committer <committer@example.com> 1700000001 +0100\n\ntag\n%s", r.git("rev-parse", object), name, signature)
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		r.t.Fatal(err)
	}
	r.git("update-ref", "refs/tags/"+ref, r.git("hash-object", "-t", "tag", "-w", file))
}

// rewrite makes HEAD a commit of another text.
func (r repository) rewrite(from, to string) {
	r.t.Helper()
	text := r.git("cat-file", "commit", "HEAD") + "\n"
	if !strings.Contains(text, from) {
		r.t.Fatalf("no %q in %s", from, text)
	}
	file := filepath.Join(r.t.TempDir(), "commit")
	if err := os.WriteFile(file, []byte(strings.Replace(text, from, to, 1)), 0o666); err != nil {
		r.t.Fatal(err)
	}
	r.git("update-ref", "HEAD", r.git("hash-object", "-t", "commit", "-w", "--literally", file))
}

func allowed(t *testing.T, lines ...string) []git.AllowedSigner {
	t.Helper()
	signers, err := git.ParseAllowedSigners([]byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return signers
}

func TestVerifySSH(t *testing.T) {
	key, public := sshKey(t)
	_, other := sshKey(t)
	authority, authorityPublic := sshKey(t)
	certified, _ := sshKey(t)
	keygen(t, "-q", "-s", authority, "-I", "octocat", "-n", "octocat@example.com", certified+".pub")
	rsa, rsaPublic := sshKey(t, "-t", "rsa", "-b", "2048")
	mine := allowed(t, "octocat@example.com "+public)
	fingerprint := mine[0].Fingerprint()

	for _, format := range []string{"sha1", "sha256"} {
		for _, c := range []struct {
			name    string
			key     string
			rewrite []string
			signers git.Signers
			want    git.Signature
			judge   string // what git says, %G?
		}{
			{"good", key, nil, git.Signers{SSH: mine}, git.Signature{Status: git.Good, Signer: "octocat@example.com", Key: fingerprint}, "G"},
			{"no signers", key, nil, git.Signers{}, git.Signature{Status: git.Unknown, Key: fingerprint, Why: "No principal matched."}, "U"},
			{"another key", key, nil, git.Signers{SSH: allowed(t, "octocat@example.com "+other)}, git.Signature{Status: git.Unknown, Key: fingerprint, Why: "No principal matched."}, "U"},
			{"among others", key, nil, git.Signers{SSH: allowed(t, "a@example.com "+other, `"*@example.com" `+public)}, git.Signature{Status: git.Good, Signer: "*@example.com", Key: fingerprint}, "G"},
			{"for git", key, nil, git.Signers{SSH: allowed(t, `octocat@example.com namespaces="file,git" `+public)}, git.Signature{Status: git.Good, Signer: "octocat@example.com", Key: fingerprint}, "G"},
			{"for files only", key, nil, git.Signers{SSH: allowed(t, `octocat@example.com namespaces="file" `+public)}, git.Signature{Status: git.Bad}, "B"},
			{"not yet", key, nil, git.Signers{SSH: allowed(t, `octocat@example.com valid-after="20240101" `+public)}, git.Signature{Status: git.Unknown, Key: fingerprint}, "U"},
			{"not any more", key, nil, git.Signers{SSH: allowed(t, `octocat@example.com valid-before="20231114221320Z" `+public)}, git.Signature{Status: git.Unknown, Key: fingerprint}, "U"},
			{"just in time", key, nil, git.Signers{SSH: allowed(t, `octocat@example.com valid-after="20231114221321",valid-before="20231114221322" `+public)}, git.Signature{Status: git.Good, Signer: "octocat@example.com", Key: fingerprint}, "G"},
			{"revoked", key, nil, git.Signers{SSH: mine, RevokedSSH: []byte(public + "\n")}, git.Signature{Status: git.Revoked, Signer: "octocat@example.com", Key: fingerprint, Why: "the key is revoked, or the list of revoked keys is malformed"}, "B"},
			{"another revoked", key, nil, git.Signers{SSH: mine, RevokedSSH: []byte(other + "\n")}, git.Signature{Status: git.Good, Signer: "octocat@example.com", Key: fingerprint}, "G"},
			{"changed", key, []string{"\n\ncommit\n", "\n\nother commit\n"}, git.Signers{SSH: mine}, git.Signature{Status: git.Bad, Why: "Could not verify signature.; Signature verification failed: incorrect signature"}, "B"},
			{"changed and revoked", key, []string{"\n\ncommit\n", "\n\nother commit\n"}, git.Signers{SSH: mine, RevokedSSH: []byte(public + "\n")}, git.Signature{Status: git.Bad}, "B"},
			{"changed, of another", key, []string{"\n\ncommit\n", "\n\nother commit\n"}, git.Signers{SSH: allowed(t, "octocat@example.com "+other)}, git.Signature{Status: git.Bad}, "B"},
			{"authority", certified + "-cert.pub", nil, git.Signers{SSH: allowed(t, "octocat@example.com cert-authority "+authorityPublic)}, git.Signature{Status: git.Good, Signer: "octocat@example.com"}, "G"},
			{"authority for another", certified + "-cert.pub", nil, git.Signers{SSH: allowed(t, "other@example.com cert-authority "+authorityPublic)}, git.Signature{Status: git.Unknown}, "U"},
			{"RSA", rsa, nil, git.Signers{SSH: allowed(t, "octocat@example.com "+rsaPublic)}, git.Signature{Status: git.Good, Signer: "octocat@example.com"}, "G"},
		} {
			if format == "sha256" && c.name != "good" && c.name != "changed" && c.name != "revoked" {
				continue // what ssh-keygen does is the same
			}
			t.Run(format+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				r := emptyRepository(t, "--object-format="+format)
				r.write("a", "a\n")
				r.git("add", "a")
				r.git("-c", "gpg.format=ssh", "-c", "user.signingKey="+c.key, "commit", "--quiet", "--gpg-sign", "--message=commit")
				if c.rewrite != nil {
					r.rewrite(c.rewrite[0], c.rewrite[1])
				}
				r.git("-c", "gpg.format=ssh", "-c", "user.signingKey="+c.key, "tag", "--sign", "--message=tag", "v1.0.0")

				// The user's and the checkout's own configuration trusts all of them.
				trusting := filepath.Join(t.TempDir(), "trusting")
				if err := os.WriteFile(trusting, []byte("* "+public+"\n* "+other+"\n"), 0o666); err != nil {
					t.Fatal(err)
				}
				r.git("config", "gpg.ssh.allowedSignersFile", trusting)

				co := r.inspect()
				got, err := co.VerifyCommit(t.Context(), c.signers, r.getenv)
				if err != nil {
					t.Fatal(err)
				}
				c.want.Format = "ssh"
				check := func(got *git.Signature) {
					t.Helper()
					if got.Status != git.Good && got.Why == "" {
						t.Error("no reason")
					}
					g := *got
					if c.want.Why == "" {
						g.Why = ""
					}
					if c.want.Key == "" {
						g.Key = ""
					}
					if g != c.want {
						t.Errorf("got %+v\nwant %+v", *got, c.want)
					}
					if strings.Contains(got.Why, os.TempDir()) {
						t.Errorf("a path of the machine: %s", got.Why)
					}
				}
				check(got)

				// git, with files of the same signers.
				list, revoked := filepath.Join(t.TempDir(), "allowed"), filepath.Join(t.TempDir(), "revoked")
				var lines string
				for _, s := range c.signers.SSH {
					lines += s.String() + "\n"
				}
				if err := errors.Join(os.WriteFile(list, []byte(lines), 0o666), os.WriteFile(revoked, c.signers.RevokedSSH, 0o666)); err != nil {
					t.Fatal(err)
				}
				args := []string{"-c", "gpg.ssh.allowedSignersFile=" + list}
				if c.signers.RevokedSSH != nil {
					args = append(args, "-c", "gpg.ssh.revocationFile="+revoked)
				}
				if judged := r.git(append(args, "log", "-n1", "--format=%G?")...); judged != c.judge {
					t.Errorf("git says %s, want %s", judged, c.judge)
				}

				if c.rewrite != nil {
					return
				}
				got, err = co.VerifyTag(t.Context(), co.Tags[0], c.signers, r.getenv)
				if err != nil {
					t.Fatal(err)
				}
				check(got)
			})
		}
	}
}

func TestVerifyNothing(t *testing.T) {
	r := newRepository(t)
	r.git("tag", "light")
	r.git("tag", "--annotate", "--message=tag", "annotated")
	c := r.inspect()
	sigs := make(map[string]*git.Signature)
	var err error
	if sigs["commit"], err = c.VerifyCommit(t.Context(), git.Signers{}, r.getenv); err != nil {
		t.Fatal(err)
	}
	for _, tag := range c.Tags {
		if sigs[tag.Ref], err = c.VerifyTag(t.Context(), tag, git.Signers{}, r.getenv); err != nil {
			t.Fatal(err)
		}
	}
	if len(sigs) != 3 {
		t.Errorf("got %v", sigs)
	}
	for name, sig := range sigs {
		if sig.Status != git.NoSignature || sig.Format != "" || sig.Why == "" {
			t.Errorf("%s: %+v", name, sig)
		}
	}
	if _, err := c.VerifyCommit(t.Context(), git.Signers{}, nil); err == nil {
		t.Error("no getenv, no error")
	}
	if _, err := c.VerifyTag(t.Context(), c.Tags[0], git.Signers{}, nil); err == nil {
		t.Error("no getenv, no error")
	}
}

// Signatures that are of none of the kinds, or cannot be verified.
func TestVerifyUnknown(t *testing.T) {
	r := newRepository(t)
	key, public := sshKey(t)
	sign := []string{"-c", "gpg.format=ssh", "-c", "user.signingKey=" + key}
	r.git(append(sign, "commit", "--quiet", "--allow-empty", "--gpg-sign", "--message=commit")...)
	r.git(append(sign, "tag", "--sign", "--message=tag", "v1.0.0")...)
	mine := git.Signers{SSH: allowed(t, "octocat@example.com "+public)}
	getenv := r.getenv
	verify := func() *git.Signature {
		t.Helper()
		sig, err := r.inspect().VerifyCommit(t.Context(), mine, getenv)
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	if sig := verify(); sig.Status != git.Good {
		t.Fatalf("got %+v", sig)
	}

	// Only git is there.
	program, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	only := t.TempDir()
	if err := os.Symlink(program, filepath.Join(only, "git")); err != nil {
		t.Fatal(err)
	}
	getenv = func(name string) string {
		if name == "PATH" {
			return only
		}
		return r.getenv(name)
	}
	if sig := verify(); sig.Status != git.Unknown || sig.Why != "there is no program ssh-keygen" {
		t.Errorf("got %+v", sig)
	}
	getenv = r.getenv

	// The tag of a release under the name of another, and at another commit.
	r.git("update-ref", "refs/tags/v2.0.0", "refs/tags/v1.0.0")
	r.git(append(sign, "tag", "--sign", "--message=tag", "older", "HEAD~")...)
	c := r.inspect()
	for _, tag := range append(c.Tags, git.Tag{Ref: "refs/tags/older", Object: digest(t, "gitTag:"+r.git("rev-parse", "older"))}) {
		sig, err := c.VerifyTag(t.Context(), tag, mine, r.getenv)
		if err != nil {
			t.Fatal(err)
		}
		want := git.Bad
		if tag.Ref == "refs/tags/v1.0.0" {
			want = git.Good
		}
		if sig.Status != want {
			t.Errorf("%s: %+v", tag.Ref, sig)
		}
	}

	for _, x := range []struct{ begin, why string }{
		{"-----BEGIN SIGNED MESSAGE-----", "X.509 signatures are not verified"},
		{"-----BEGIN X-----", "the signature is of no kind that git knows"},
		{"-----BEGIN SSH SIGNATURE-----\n AAAA", ""},
		{"-----BEGIN PGP SIGNATURE-----", ""},
		{"-----BEGIN PGP SIGNATURE-----\n\n AAAA\n -----END PGP SIGNATURE-----", ""},
	} {
		r.git("commit", "--quiet", "--allow-empty", "--message=commit")
		r.rewrite("\n\ncommit\n", "\ngpgsig "+x.begin+"\n\ncommit\n")
		if sig := verify(); sig.Status != git.Unknown && sig.Status != git.Bad || x.why != "" && sig.Why != x.why {
			t.Errorf("%s: %+v", x.begin, sig)
		}
	}
	mine.SSH[0].Principals = []string{"a\nb"}
	if sig, err := r.inspect().VerifyCommit(t.Context(), mine, r.getenv); err == nil {
		t.Errorf("malformed signers: %+v", sig)
	}
}

// gpg makes an OpenPGP key in a directory of its own, and returns that with the
// public key and its fingerprint.
func gpg(t *testing.T, expires string) (home, public, fingerprint string) {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("there is no gpg to make keys with")
	}
	home, err := os.MkdirTemp("", "gpg") // a short path: it has a socket
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GNUPGHOME=" + home}
	run := func(program string, args ...string) string {
		t.Helper()
		out, err := command.Run(context.Background(), "", env, program, args...)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	t.Cleanup(func() {
		run("gpgconf", "--kill", "all")
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	args := []string{"--batch", "--quiet", "--passphrase", "", "--faked-system-time", "1690000000!"}
	run("gpg", append(args, "--quick-gen-key", "Octocat <octocat@example.com>", "ed25519", "sign", expires)...)
	public = run("gpg", "--batch", "--quiet", "--armor", "--export")
	for line := range strings.Lines(run("gpg", "--batch", "--quiet", "--with-colons", "--list-keys")) {
		if f := strings.Split(line, ":"); f[0] == "fpr" && fingerprint == "" {
			fingerprint = f[9]
		}
	}
	return home, public, fingerprint
}

func TestVerifyOpenPGP(t *testing.T) {
	home, public, fingerprint := gpg(t, "never")
	oldHome, oldPublic, oldFingerprint := gpg(t, "20230801T000000")
	_, otherPublic, _ := gpg(t, "never")

	// gpg prints the revocation that it has made with the key into a file, not
	// to be used by mistake.
	text, err := os.ReadFile(filepath.Join(home, "openpgp-revocs.d", fingerprint+".rev"))
	if err != nil {
		t.Fatal(err)
	}
	_, revocation, _ := strings.Cut(string(text), "\n:-----BEGIN")
	revocation = "-----BEGIN" + revocation

	const octocat = "Octocat <octocat@example.com>"
	at := time.Unix(1690500000, 0).UTC()
	for _, c := range []struct {
		name, home, key string
		changed         bool
		keys            string
		want            git.Signature
	}{
		{"good", home, fingerprint, false, public, git.Signature{Status: git.Good, Signer: octocat, Key: fingerprint, Time: at}},
		{"among others", home, fingerprint, false, otherPublic + public, git.Signature{Status: git.Good, Signer: octocat, Key: fingerprint, Time: at}},
		{"no keys", home, fingerprint, false, "", git.Signature{Status: git.Unknown, Key: fingerprint, Why: "the key is none of the signers'"}},
		{"another key", home, fingerprint, false, otherPublic, git.Signature{Status: git.Unknown, Key: fingerprint, Why: "the key is none of the signers'"}},
		{"changed", home, fingerprint, true, public, git.Signature{Status: git.Bad, Signer: octocat, Why: "the signature is not one of this object"}},
		{"expired", oldHome, oldFingerprint, false, oldPublic, git.Signature{Status: git.Expired, Signer: octocat, Key: oldFingerprint, Time: at, Why: "the key has expired"}},
		{"revoked", home, fingerprint, false, public + revocation, git.Signature{Status: git.Revoked, Signer: octocat, Key: fingerprint, Time: at, Why: "the key is revoked"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRepository(t)
			program := filepath.Join(t.TempDir(), "gpg")
			if err := os.WriteFile(program, []byte("#!/bin/sh\nGNUPGHOME='"+c.home+"' exec gpg --faked-system-time '1690500000!' \"$@\"\n"), 0o777); err != nil {
				t.Fatal(err)
			}
			sign := []string{"-c", "gpg.program=" + program, "-c", "user.signingKey=" + c.key}
			r.git(append(sign, "commit", "--quiet", "--allow-empty", "--gpg-sign", "--message=commit")...)
			r.git(append(sign, "tag", "--sign", "--message=tag", "v1.0.0")...)
			r.git("config", "gpg.program", program) // which has the key, but is not asked
			if c.changed {
				r.rewrite("\n\ncommit\n", "\n\nother commit\n")
			}
			co := r.inspect()
			c.want.Format = "openpgp"
			check := func(got *git.Signature, err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
				if c.changed {
					got.Key = ""
				}
				if *got != c.want {
					t.Errorf("got %+v\nwant %+v", *got, c.want)
				}
			}
			check(co.VerifyCommit(t.Context(), git.Signers{OpenPGP: []byte(c.keys)}, r.getenv))
			if !c.changed {
				check(co.VerifyTag(t.Context(), co.Tags[0], git.Signers{OpenPGP: []byte(c.keys)}, r.getenv))
			}
			if sig, err := co.VerifyCommit(t.Context(), git.Signers{OpenPGP: []byte("no keys")}, r.getenv); err == nil || !strings.Contains(err.Error(), "malformed OpenPGP keys") {
				t.Errorf("got %+v, %v", sig, err)
			}
		})
	}
}
