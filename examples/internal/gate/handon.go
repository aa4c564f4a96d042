package gate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/keyfile"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

// A handOn is what is written of an artifact that is accepted, for those who come next:
// the policy for the next release, and a summary of the verification.
type handOn struct {
	expect, vsa, key, passphrase, verifier, resource, policy string

	signer sign.SignerVerifier
}

func (h *handOn) flags(flags *flag.FlagSet) {
	flags.StringVar(&h.expect, "expect", "", "a `FILE` to write the policy for the next release to, if this one is accepted")
	flags.StringVar(&h.vsa, "vsa", "", "a `FILE` of JSON Lines to add a signed summary of the verification to, if the artifact is accepted")
	flags.StringVar(&h.key, "vsa-key", "", "the private key to sign -vsa with, a PEM `FILE`")
	flags.StringVar(&h.passphrase, "passphrase", "", "a `FILE` with the passphrase of -vsa-key, if it is encrypted")
	flags.StringVar(&h.verifier, "verifier", "", "the `URI` by which -vsa names who verifies: you")
	flags.StringVar(&h.resource, "resource", "", "the `URI` by which -vsa names what was verified; for an image oci://REGISTRY/REPOSITORY@DIGEST by default")
	flags.StringVar(&h.policy, "policy-uri", "", "the `URI` by which -vsa names the policy; ni:///sha-256;… with its digest by default (RFC 6920)")
}

// check finds out what is wrong before anything is decided.
func (h *handOn) check(ctx context.Context, artifacts []string) error {
	switch {
	case h.vsa == "" && (h.key != "" || h.passphrase != "" || h.verifier != "" || h.resource != "" || h.policy != ""):
		return errors.New("-vsa-key, -passphrase, -verifier, -resource and -policy-uri are for -vsa")
	case h.expect == "" && h.vsa == "":
		return nil
	case len(artifacts) != 1:
		return fmt.Errorf("%d artifacts, and -expect and -vsa are about one", len(artifacts))
	case h.expect != "" && h.vsa != "" && filepath.Clean(h.expect) == filepath.Clean(h.vsa):
		return errors.New("-expect and -vsa name the same file")
	case h.vsa == "":
		return nil
	case h.key == "":
		return errors.New("-vsa without -vsa-key: a summary that nobody signs proves nothing")
	case h.verifier == "":
		return errors.New("-vsa without -verifier: say by a URI who verifies")
	}
	if h.resource == "" {
		name, digest, _ := strings.Cut(artifacts[0], "@")
		if !isImage(artifacts[0]) {
			return errors.New("-vsa without -resource: say by a URI where the artifact is to be had")
		}
		if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
			name = name[:colon] // a tag can move
		}
		h.resource = "oci://" + name + "@" + digest
	}
	var err error
	if h.signer, err = keyfile.Read(h.key, h.passphrase); err != nil {
		return err
	}
	// Nothing is appended, but whatever is wrong with the file is found.
	_, err = sign.AppendFile(ctx, h.vsa)
	return err
}

// write writes it of an artifact that the policy has accepted. Everything is made before
// anything is written.
func (h *handOn) write(ctx context.Context, rule Rule, res *verify.Result, at time.Time) error {
	var next []byte
	if h.expect != "" {
		var err error
		if next, err = expected(rule, res); err != nil {
			return err
		}
	}
	var env *sign.Envelope
	if h.vsa != "" {
		sum := sha256.Sum256(rule.Text)
		policy := policyfile.Descriptor(cmp.Or(h.policy, "ni:///sha-256;"+base64.RawURLEncoding.EncodeToString(sum[:])), rule.Text)
		st, err := res.VSA(provenance.Agent{ID: h.verifier}, h.resource, policy, at.UTC())
		if err != nil {
			return err
		}
		payload, err := st.Marshal()
		if err != nil {
			return err
		}
		if env, err = sign.Sign(ctx, provenance.MediaType, payload, h.signer); err != nil {
			return err
		}
	}
	if next != nil {
		if err := cli.WriteFile(h.expect, 0o644, cli.Bytes(next)); err != nil {
			return err
		}
	}
	if env != nil {
		if _, err := sign.AppendFile(ctx, h.vsa, env); err != nil {
			return err
		}
	}
	return nil
}

// expected returns the policy for the release after res, with the names that rule has,
// and the serial after its one.
func expected(rule Rule, res *verify.Result) ([]byte, error) {
	policy, err := verify.Expect(res)
	if err != nil {
		return nil, fmt.Errorf("-expect: %w", err)
	}
	text, err := policyfile.Marshal(policy, func(id verify.Identity) (policyfile.Signatory, error) {
		who, ok := rule.Names[id]
		if !ok {
			return who, fmt.Errorf("%s has no name for it", rule.File)
		}
		return who, nil
	})
	if err != nil {
		return nil, fmt.Errorf("-expect: %w", err)
	}
	if rule.Serial > 0 {
		text = append(fmt.Appendf(nil, "serial: %d\n", rule.Serial+1), text...)
	}
	return text, nil
}

// when returns the time that documents get: that of -at, of SOURCE_DATE_EPOCH, or now.
func (o *Options) when() (time.Time, error) {
	if o.At.String() != "" {
		return o.At.Now(), nil
	}
	return cli.Created(os.Getenv, time.Now().Truncate(time.Second))
}
