package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"oras.land/oras-go/v2/registry/remote/credentials"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/oidc"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/oci"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
)

// signer returns the function that signs a payload, with a key or as the job. All
// that can be wrong with the flags for it is found out here, before anything is
// signed.
func (s *step) signer(ctx context.Context) (func(ctx context.Context, payload []byte) (*sign.Envelope, error), error) {
	switch {
	case s.key == "" && !s.keyless:
		return nil, errors.New("no -key and no -keyless: a statement that nobody signs proves nothing")
	case s.key != "" && s.keyless:
		return nil, errors.New("-key and -keyless: want one of them")
	case s.passphrase != "" && s.key == "":
		return nil, errors.New("-passphrase without -key")
	case !s.keyless && (s.trustedRoot != "" || s.signingConfig != ""):
		return nil, errors.New("-trusted-root and -signing-config are for -keyless")
	case (s.trustedRoot == "") != (s.signingConfig == ""):
		return nil, errors.New("-trusted-root and -signing-config: want both of an instance, or neither")
	}
	if !s.keyless {
		key, err := s.privateKey()
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, payload []byte) (*sign.Envelope, error) {
			return sign.Sign(ctx, provenance.MediaType, payload, key)
		}, nil
	}

	trust := new(sigstore.Trust)
	var err error
	if s.trustedRoot != "" {
		if trust.TrustedRoot, err = cli.ReadFile(s.trustedRoot, sigstore.MaxTrustedRootSize); err != nil {
			return nil, err
		}
		if trust.SigningConfig, err = cli.ReadFile(s.signingConfig, sigstore.MaxSigningConfigSize); err != nil {
			return nil, err
		}
	} else {
		trust, err = sigstore.FetchTrust(ctx, sigstore.PublicGoodURL, sigstore.PublicGoodRoot(), sigstore.TrustOptions{Client: s.client})
		if err != nil {
			return nil, err
		}
	}
	root, err := sigstore.ParseTrustedRoot(trust.TrustedRoot)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmp.Or(s.trustedRoot, sigstore.PublicGoodURL), err)
	}
	config, err := sigstore.ParseSigningConfig(trust.SigningConfig)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmp.Or(s.signingConfig, sigstore.PublicGoodURL), err)
	}
	keyless, err := sigstore.NewSigner(root, config, sigstore.SignerOptions{Client: s.client})
	if err != nil {
		return nil, err
	}
	token := oidc.Token(s.getenv, s.client)
	return func(ctx context.Context, payload []byte) (*sign.Envelope, error) {
		return keyless.Sign(ctx, provenance.MediaType, payload, token)
	}, nil
}

// privateKey returns the key of -key.
func (s *step) privateKey() (sign.SignerVerifier, error) {
	pem, err := cli.ReadFile(s.key, sign.MaxKeySize)
	if err != nil {
		return nil, err
	}
	var key sign.SignerVerifier
	if s.passphrase == "" {
		key, err = sign.ParsePrivateKey(pem)
		if errors.Is(err, sign.ErrEncrypted) {
			err = fmt.Errorf("%w: give it with -passphrase", err)
		}
	} else {
		var text []byte
		if text, err = cli.ReadFile(s.passphrase, sign.MaxKeySize); err != nil {
			return nil, err
		}
		// An editor ends the last line; a passphrase has no end of a line.
		key, err = sign.DecryptPrivateKey(pem, bytes.TrimRight(text, "\r\n"))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.key, err)
	}
	return key, nil
}

// lookUp finds out which images -oci names. A tag is looked up here, and not again.
func (s *step) lookUp(ctx context.Context) error {
	if len(s.references) == 0 {
		return nil
	}
	// Those that docker or podman log in with.
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return fmt.Errorf("credentials of docker: %w", err)
	}
	s.registry = &oci.Client{HTTP: s.client, Credential: credentials.Credential(store), PlainHTTP: s.plainHTTP}
	for _, reference := range s.references {
		image, err := s.registry.Resolve(ctx, reference)
		if err != nil {
			return err
		}
		s.images = append(s.images, image)
	}
	return nil
}

// attach puts the envelope beside the images.
func (s *step) attach(ctx context.Context, env *sign.Envelope) error {
	for _, image := range s.images {
		if _, err := s.registry.Attach(ctx, image, env); err != nil {
			return err
		}
	}
	return nil
}
