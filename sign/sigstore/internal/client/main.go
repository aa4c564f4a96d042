// Command client is a client of Sigstore as the official suite of tests drives
// one: it verifies a bundle that the suite gives it, or signs a statement of
// in-toto. It reads the files that it is told; a trusted root must be given, and to
// sign a signing config, whose services are all of the network that is used.
//
//	client sign-bundle --in-toto --identity-token TOKEN --bundle FILE --trusted-root FILE --signing-config FILE STATEMENT
//	client verify-bundle --bundle FILE --certificate-identity IDENTITY --certificate-oidc-issuer URL --trusted-root FILE FILE_OR_DIGEST
//	client verify-bundle --bundle FILE --key FILE --trusted-root FILE FILE_OR_DIGEST
//
// It exits with 0 if the bundle is verified or written, with 1 if not, and with 2 if
// it was not understood, with one line on stderr. Files that are no statement are
// not signed: a Signer makes attestations.
//
// https://github.com/sigstore/sigstore-conformance/blob/main/docs/cli_protocol.md
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stderr)) }

// errUsage is an error of who called.
var errUsage = errors.New("usage: client verify-bundle --bundle FILE (--certificate-identity IDENTITY --certificate-oidc-issuer URL | --key FILE) --trusted-root FILE FILE_OR_DIGEST" +
	" | sign-bundle --in-toto --identity-token TOKEN --bundle FILE --trusted-root FILE --signing-config FILE STATEMENT")

func run(ctx context.Context, args []string, stderr io.Writer) int {
	err := errUsage
	switch {
	case len(args) > 0 && args[0] == "verify-bundle":
		err = verifyBundle(ctx, args[1:])
	case len(args) > 0 && args[0] == "sign-bundle":
		err = signBundle(ctx, args[1:])
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(stderr, err)
		return 2
	}
	fmt.Fprintln(stderr, strings.ReplaceAll(err.Error(), "\n", "; "))
	return 1
}

func signBundle(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("sign-bundle", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	staging := fs.Bool("staging", false, "")
	isStatement := fs.Bool("in-toto", false, "")
	token := fs.String("identity-token", "", "")
	bundleFile := fs.String("bundle", "", "")
	rootFile := fs.String("trusted-root", "", "")
	configFile := fs.String("signing-config", "", "")
	if err := fs.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", err, errUsage)
	}
	switch {
	case fs.NArg() != 1 || *token == "" || *bundleFile == "":
		return errUsage
	case *staging || *rootFile == "" || *configFile == "":
		return fmt.Errorf("no trusted root and no signing config is fetched here: %w", errUsage)
	case !*isStatement:
		return fmt.Errorf("only statements of in-toto are signed here: %w", errUsage)
	}

	root, err := trustedRoot(*rootFile)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(*configFile)
	if err != nil {
		return err
	}
	config, err := sigstore.ParseSigningConfig(data)
	if err != nil {
		return err
	}
	statement, err := os.ReadFile(fs.Arg(0))
	if err != nil {
		return err
	}
	if _, err := provenance.Parse(statement); err != nil {
		return err
	}
	signer, err := sigstore.NewSigner(root, config, sigstore.SignerOptions{})
	if err != nil {
		return err
	}
	env, err := signer.Sign(ctx, provenance.MediaType, statement, func(context.Context, string) (string, error) { return *token, nil })
	if err != nil {
		return err
	}
	return os.WriteFile(*bundleFile, env.Bundle, 0o644)
}

func trustedRoot(file string) (*sigstore.TrustedRoot, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return sigstore.ParseTrustedRoot(data)
}

func verifyBundle(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("verify-bundle", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	staging := fs.Bool("staging", false, "")
	bundleFile := fs.String("bundle", "", "")
	subject := fs.String("certificate-identity", "", "")
	issuer := fs.String("certificate-oidc-issuer", "", "")
	keyFile := fs.String("key", "", "")
	rootFile := fs.String("trusted-root", "", "")
	if err := fs.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", err, errUsage)
	}
	if fs.NArg() != 1 || *bundleFile == "" || (*keyFile == "") == (*subject == "" || *issuer == "") {
		return errUsage
	}
	if *staging || *rootFile == "" {
		return fmt.Errorf("no trusted root is fetched here: %w", errUsage)
	}

	root, err := trustedRoot(*rootFile)
	if err != nil {
		return err
	}
	// The suite has bundles of all versions.
	root, err = root.Require(sigstore.Requirements{OldestBundle: "0.1"})
	if err != nil {
		return err
	}
	var who sigstore.Signatory = sigstore.Account{Issuer: *issuer, Subject: *subject}
	if *keyFile != "" {
		data, err := os.ReadFile(*keyFile)
		if err != nil {
			return err
		}
		key, err := sign.ParsePublicKey(data)
		if err != nil {
			return err
		}
		who = sigstore.Key{Verifier: key}
	}
	app, err := artifact(fs.Arg(0))
	if err != nil {
		return err
	}
	bundle, err := os.ReadFile(*bundleFile)
	if err != nil {
		return err
	}

	env, err := sign.Parse(bundle)
	if err != nil {
		// Then it has a signature of a digest, or what is wrong with it is told.
		_, err = root.RecognizeArtifact(ctx, bundle, app, who)
		return err
	}
	id, err := root.NewIdentity(who)
	if err != nil {
		return err
	}
	ev, err := id.Recognize(ctx, env)
	if err != nil {
		return err
	}
	if ev.PayloadType != provenance.MediaType {
		return fmt.Errorf("envelope with a payload of type %q, want %s", ev.PayloadType, provenance.MediaType)
	}
	st, err := provenance.Parse(ev.Payload)
	if err != nil {
		return err
	}
	for _, s := range st.Subjects {
		for _, want := range s.Digest.Digests() {
			if want.Secure() && app.Digest(want.Algorithm()) == want {
				return nil
			}
		}
	}
	return fmt.Errorf("the statement is of another artifact than %s", app.Digests)
}

// artifact is the file at arg, or what the digest is of that arg may be instead.
func artifact(arg string) (hallmark.Artifact, error) {
	if d, err := hallmark.ParseDigest(arg); err == nil && d.Algorithm() == "sha256" {
		if _, err := os.Lstat(arg); errors.Is(err, os.ErrNotExist) {
			return hallmark.Artifact{Digests: []hallmark.Digest{d}}, nil
		}
	}
	return hallmark.HashFile(arg, "sha256", "sha384", "sha512")
}
