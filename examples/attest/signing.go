package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/images"
	"github.com/hallmark-dev/hallmark/examples/internal/keyfile"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/oidc"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
)

// signer returns the function that signs a payload, with a key or as the job. All
// that this machine knows to be wrong with the flags for it is found out here; the
// function uses the network if the job signs.
func (s *step) signer() (func(ctx context.Context, payload []byte) (*sign.Envelope, error), error) {
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
		key, err := keyfile.Read(s.key, s.passphrase)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, payload []byte) (*sign.Envelope, error) {
			return sign.Sign(ctx, provenance.MediaType, payload, key)
		}, nil
	}

	instance := func(ctx context.Context) (*sigstore.TrustedRoot, *sigstore.SigningConfig, error) {
		trust, err := sigstore.FetchTrust(ctx, sigstore.PublicGoodURL, sigstore.PublicGoodRoot(), sigstore.TrustOptions{Client: s.client})
		if err != nil {
			return nil, nil, err
		}
		return parseInstance(sigstore.PublicGoodURL, trust.TrustedRoot, sigstore.PublicGoodURL, trust.SigningConfig)
	}
	if s.trustedRoot != "" {
		rootText, err := cli.ReadFile(s.trustedRoot, sigstore.MaxTrustedRootSize)
		if err != nil {
			return nil, err
		}
		configText, err := cli.ReadFile(s.signingConfig, sigstore.MaxSigningConfigSize)
		if err != nil {
			return nil, err
		}
		root, config, err := parseInstance(s.trustedRoot, rootText, s.signingConfig, configText)
		if err != nil {
			return nil, err
		}
		instance = func(context.Context) (*sigstore.TrustedRoot, *sigstore.SigningConfig, error) {
			return root, config, nil
		}
	}
	return func(ctx context.Context, payload []byte) (*sign.Envelope, error) {
		root, config, err := instance(ctx)
		if err != nil {
			return nil, err
		}
		// The certificate is to name the builder that the provenance names.
		signer, err := sigstore.NewSigner(root, config, sigstore.SignerOptions{Client: s.client, Expect: s.expect})
		if err != nil {
			return nil, err
		}
		return signer.Sign(ctx, provenance.MediaType, payload, oidc.Token(s.getenv, s.client))
	}, nil
}

// parseInstance parses what tells of an instance of Sigstore, with errors that say
// where it is from.
func parseInstance(rootFrom string, root []byte, configFrom string, config []byte) (*sigstore.TrustedRoot, *sigstore.SigningConfig, error) {
	r, err := sigstore.ParseTrustedRoot(root)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", rootFrom, err)
	}
	c, err := sigstore.ParseSigningConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", configFrom, err)
	}
	return r, c, nil
}

// lookUp finds out which images -oci names. A tag is looked up here, and not again.
func (s *step) lookUp(ctx context.Context) error {
	if len(s.references) == 0 {
		return nil
	}
	var err error
	if s.registry, err = images.NewClient(s.client, s.plainHTTP); err != nil {
		return err
	}
	for _, reference := range s.references {
		image, err := s.registry.Resolve(ctx, reference)
		if err != nil {
			return err
		}
		// That it is there to be attached to: Resolve does not ask for a digest.
		if _, err := s.registry.Platforms(ctx, image); err != nil {
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
