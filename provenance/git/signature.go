package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/internal/command"
)

// A Status is what has been found out of a signature. Only Good is a yes.
type Status int

const (
	NoSignature Status = iota // there is none
	Unknown                   // it could not be verified, or by no key that counts
	Bad                       // it is not one of what it stands at, or malformed
	Revoked                   // it is right, but the key was revoked
	Expired                   // it is right, but it has expired, or the key has
	Good                      // it is right, by one of the Signers
)

func (s Status) String() string {
	switch s {
	case NoSignature:
		return "no signature"
	case Bad:
		return "bad"
	case Revoked:
		return "revoked"
	case Expired:
		return "expired"
	case Good:
		return "good"
	}
	return "unknown"
}

// A Signature is what is known of the signature of a commit or a tag. Unless its
// Status is Good, nothing in it is vouched for.
type Signature struct {
	Status Status // what has been found out

	// Format is "ssh", "openpgp" or "x509", or "" for one of another kind and
	// where there is none.
	Format string

	// Signer is the principal of the line of allowed signers, as ssh-keygen
	// names it, or the user ID of the OpenPGP key.
	Signer string

	// Key is the fingerprint of the key: "SHA256:…" of an SSH key, and of an
	// OpenPGP key that of the primary key, in upper-case hexadecimal.
	Key string

	// Time is when the signature was made, as an OpenPGP signature says. SSH
	// signatures have no time: theirs is zero.
	Time time.Time

	// Why says why the signature is not good.
	Why string
}

// VerifyCommit verifies the signature of c.Commit.
//
// It is verified as "git verify-commit" does: for SSH by ssh-keygen, to whom the
// key must have been an allowed signer when the commit was made, as the commit
// itself says; for OpenPGP by gpg, to whom a key has expired if it has by the
// clock of the machine. These programs are found in the PATH that getenv gives;
// without one, the status is [Unknown]. X.509 signatures are Unknown. The settings
// and the keys of the user and of the checkout have no effect; gpg reads those in
// /etc/gnupg. What the signers are given for is written into a temporary
// directory while it is verified.
//
// A signature that is not good is no error: an error says that it was not looked
// at, because of malformed signers for instance.
func (c *Checkout) VerifyCommit(ctx context.Context, s Signers, getenv func(string) string) (*Signature, error) {
	if getenv == nil {
		return nil, errors.New("git: no getenv")
	}
	g := newGit(c.Root, getenv)
	head, err := g.commit(ctx, c.Commit.Hex())
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	if head.signature == "" {
		return &Signature{Why: "the commit has no signature"}, nil
	}
	sig, err := g.verify(ctx, "verify-commit", c.Commit.Hex(), signatureFormat(head.signature), s, getenv)
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	return sig, nil
}

// VerifyTag verifies the signature of a tag at c.Commit, one of c.Tags, as
// [Checkout.VerifyCommit] does that of the commit. It is [Bad] if the tag object
// is of another commit or has another name than the tag: with such a one, an old
// release would look like a new one. git verify-tag does not mind the name.
func (c *Checkout) VerifyTag(ctx context.Context, t Tag, s Signers, getenv func(string) string) (*Signature, error) {
	if getenv == nil {
		return nil, errors.New("git: no getenv")
	}
	if t.Object.IsZero() {
		return &Signature{Why: "the tag is a name only"}, nil
	}
	g := newGit(c.Root, getenv)
	text, err := g.objectText(ctx, "tag", t.Object.Hex())
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	tag, err := parseTag(text)
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	format := signatureFormat(tag.signature)
	switch {
	case tag.signature == "":
		return &Signature{Why: "the tag has no signature"}, nil
	case tag.kind != "commit":
		return &Signature{Status: Unknown, Format: format, Why: "the tag is that of a " + tag.kind}, nil
	case tag.object != c.Commit.Hex():
		return &Signature{Status: Bad, Format: format, Why: "the tag is that of another commit, " + tag.object}, nil
	case "refs/tags/"+tag.name != t.Ref:
		return &Signature{Status: Bad, Format: format, Why: fmt.Sprintf("the tag object is that of the tag %.200q", tag.name)}, nil
	}
	sig, err := g.verify(ctx, "verify-tag", t.Object.Hex(), format, s, getenv)
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	return sig, nil
}

// signatureFormat returns the format of a signature by its first line, or "".
func signatureFormat(signature string) string {
	for _, f := range []struct{ begin, format string }{
		{"-----BEGIN PGP SIGNATURE-----", "openpgp"},
		{"-----BEGIN PGP MESSAGE-----", "openpgp"},
		{"-----BEGIN SIGNED MESSAGE-----", "x509"},
		{"-----BEGIN SSH SIGNATURE-----", "ssh"},
	} {
		if strings.HasPrefix(signature, f.begin) {
			return f.format
		}
	}
	return ""
}

// verify has git verify an object that has a signature of the format.
func (g gitIn) verify(ctx context.Context, verb, id, format string, s Signers, getenv func(string) string) (*Signature, error) {
	allowed, err := file(s.SSH)
	if err != nil {
		return nil, err
	}
	if len(s.RevokedSSH) > MaxSignersSize || len(s.OpenPGP) > MaxSignersSize {
		return nil, fmt.Errorf("malformed signers: want at most %d bytes", MaxSignersSize)
	}
	sig := &Signature{Status: Unknown, Format: format}
	var name string
	switch format {
	case "ssh":
		name = "ssh-keygen"
	case "openpgp":
		name = "gpg"
	case "x509":
		sig.Why = "X.509 signatures are not verified"
		return sig, nil
	default:
		sig.Why = "the signature is of no kind that git knows"
		return sig, nil
	}
	program, err := command.LookPath(g.env, name)
	if err != nil {
		sig.Why = "there is no program " + name
		return sig, nil
	}

	dir, err := os.MkdirTemp(getenv("TMPDIR"), "hallmark-signers-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := os.Mkdir(in("gnupg"), 0o700); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name    string
		content []byte
	}{
		{"allowed_signers", allowed},
		{"revoked", s.RevokedSSH},
		{"none", nil},
		{"keys", s.OpenPGP},
		// No other program, nothing from elsewhere, and each key counts.
		{"gnupg/gpg.conf", []byte("batch\nno-tty\nno-autostart\nno-auto-key-locate\nno-auto-key-retrieve\ndisable-dirmngr\ntrust-model always\n")},
	} {
		if err := os.WriteFile(in(f.name), f.content, 0o600); err != nil {
			return nil, err
		}
	}
	// Of the environment of g, what comes last counts.
	g.env = append(append([]string{}, g.env...),
		"HOME="+dir, "USERPROFILE="+dir, "XDG_CONFIG_HOME="+dir, "TMPDIR="+dir, "TEMP="+dir, "TMP="+dir,
		"GNUPGHOME="+in("gnupg"),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
	)
	if format == "openpgp" && len(s.OpenPGP) > 0 {
		if _, err := command.Run(ctx, dir, g.env, program, "--quiet", "--import", in("keys")); err != nil {
			return nil, fmt.Errorf("malformed OpenPGP keys: %w", err)
		}
	}
	run := func(revoked string) (text string, ok bool, err error) {
		// Whoever came here has read the object with the settings of the user, who
		// says whose checkouts are safe.
		args := []string{"-c", "safe.directory=*"}
		for _, setting := range []string{
			"gpg.program=" + os.DevNull,
			"gpg.openpgp.program=" + os.DevNull,
			"gpg.x509.program=" + os.DevNull,
			"gpg.ssh.program=" + os.DevNull,
			"gpg." + format + ".program=" + program, // the last counts
			"gpg.minTrustLevel=undefined",
			"gpg.ssh.defaultKeyCommand=",
			"gpg.ssh.allowedSignersFile=" + in("allowed_signers"),
			"gpg.ssh.revocationFile=" + in(revoked),
		} {
			args = append(args, "-c", setting)
		}
		_, out, err := command.RunBoth(ctx, g.dir, g.env, "git", arguments(append(args, verb, "--raw", id))...)
		if failed, ok := errors.AsType[*command.Error](err); ok && failed.ExitCode == 1 {
			return failed.Stderr, false, nil
		}
		return string(out), err == nil, err
	}
	text, ok, err := run("revoked")
	if err != nil {
		return nil, err
	}
	if format == "openpgp" {
		sig.parseOpenPGP(text, ok)
		return sig, nil
	}
	sig.parseSSH(text, ok, dir)
	if sig.Status == Bad && len(s.RevokedSSH) > 0 {
		// ssh-keygen does not say that this is the reason.
		if text, ok, err = run("none"); err != nil {
			return nil, err
		}
		if sig.parseSSH(text, ok, dir); sig.Status == Good {
			sig.Status, sig.Why = Revoked, "the key is revoked, or the list of revoked keys is malformed"
		}
	}
	return sig, nil
}

// parseSSH reads what ssh-keygen has printed:
//
//	Good "git" signature for octocat@example.com with ED25519 key SHA256:…
func (sig *Signature) parseSSH(text string, ok bool, dir string) {
	*sig = Signature{Status: Unknown, Format: "ssh"}
	var why []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.ReplaceAll(line, dir+string(filepath.Separator), ""))
		rest, good := strings.CutPrefix(line, `Good "git" signature `)
		var signer string
		if named, ok := strings.CutPrefix(rest, "for "); ok {
			// The signer may have the word in it, and the key has not.
			at := max(0, strings.LastIndex(named, " with "))
			signer, rest = named[:at], strings.TrimPrefix(named[at:], " ")
		}
		// with ED25519 key SHA256:…
		f := strings.Fields(rest)
		if !good || len(f) != 4 || f[0] != "with" || f[2] != "key" || !strings.HasPrefix(f[3], "SHA256:") {
			if line != "" {
				why = append(why, line)
			}
			continue
		}
		if sig.Key != "" {
			*sig = Signature{Status: Unknown, Format: "ssh", Why: "ssh-keygen names two keys"}
			return
		}
		sig.Signer, sig.Key = signer, f[3]
	}
	switch {
	case ok && sig.Signer != "":
		sig.Status = Good
		return
	case sig.Key == "" && strings.Contains(text, "Could not verify signature"), strings.Contains(text, "incorrect signature"):
		sig.Status = Bad
	}
	sig.Signer = ""
	if len(why) == 0 {
		why = append(why, "git or ssh-keygen does not confirm the signature")
	}
	sig.Why = strings.ToValidUTF8(strings.Join(why, "; "), "\uFFFD")
}

// parseOpenPGP reads what gpg has printed for programs, DETAILS in its
// documentation:
//
//	[GNUPG:] GOODSIG A7D6FEB4B4A4ADBC Octocat <octocat@example.com>
//	[GNUPG:] VALIDSIG 34AC… 2023-11-14 1700000000 0 4 0 22 8 00 34AC…
func (sig *Signature) parseOpenPGP(text string, ok bool) {
	*sig = Signature{Status: Unknown, Format: "openpgp"}
	signatures, valid := 0, 0
	status := Unknown
	for line := range strings.Lines(text) {
		line, is := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "[GNUPG:] ")
		if !is {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		f := strings.Fields(rest)
		switch word {
		case "GOODSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "BADSIG":
			signatures++
			sig.Key, sig.Signer, _ = strings.Cut(rest, " ")
			sig.Signer = strings.ToValidUTF8(sig.Signer, "\uFFFD")
			switch word {
			case "GOODSIG":
				status = Good
			case "EXPSIG":
				status, sig.Why = Expired, "the signature has expired"
			case "EXPKEYSIG":
				status, sig.Why = Expired, "the key has expired"
			case "REVKEYSIG":
				status, sig.Why = Revoked, "the key is revoked"
			case "BADSIG":
				status, sig.Why = Bad, "the signature is not one of this object"
			}
		case "ERRSIG":
			signatures++
			sig.Why = "gpg cannot verify the signature"
			if len(f) > 0 {
				sig.Key = f[0]
			}
			if len(f) > 6 && len(f[6]) > 1 { // "-" in some cases
				sig.Key = f[6]
			}
			if len(f) > 5 && f[5] == "9" {
				sig.Why = "the key is none of the signers'"
			}
		case "VALIDSIG":
			valid++
			if len(f) < 10 {
				valid++ // two are refused below
				continue
			}
			sig.Key = f[9]
			if sec, err := strconv.ParseInt(f[2], 10, 64); err == nil && 0 <= sec && sec <= maxSeconds {
				sig.Time = time.Unix(sec, 0).UTC()
			} else if t, err := time.Parse("20060102T150405", f[2]); err == nil {
				sig.Time = t
			}
		}
	}
	switch {
	case signatures > 1 || valid > 1:
		*sig = Signature{Status: Unknown, Format: "openpgp", Why: "there are several signatures"}
	case signatures == 0:
		*sig = Signature{Status: Unknown, Format: "openpgp", Why: "gpg says nothing of a signature"}
	case status == Good && (!ok || valid != 1):
		sig.Why = "git or gpg does not confirm the signature"
	default:
		sig.Status = status
	}
}
