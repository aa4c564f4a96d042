package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/keyfile"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

// alone returns an error if there is more beside -policy than what a policy is signed
// with.
func alone(flags *flag.FlagSet) (err error) {
	if flags.NArg() > 0 {
		return fmt.Errorf("%s: -policy signs a policy, which has no subjects", flags.Arg(0))
	}
	flags.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "policy", "key", "passphrase", "o":
		default:
			err = fmt.Errorf("-%s is not for -policy, which goes with -key, -passphrase and -o", f.Name)
		}
	})
	return err
}

// signPolicy signs a policy file. What it makes is read as a gate reads it before it is
// written. Who the names in it are only a gate knows.
func signPolicy(ctx context.Context, file, out, key, passphrase string) error {
	if key == "" {
		return errors.New("-policy without -key")
	}
	signer, err := keyfile.Read(key, passphrase)
	if err != nil {
		return err
	}
	text, err := cli.ReadFile(file, policyfile.MaxSize)
	if err != nil {
		return err
	}
	env, err := sign.Sign(ctx, policyfile.MediaType, text, signer)
	if err != nil {
		return err
	}
	author, err := verify.Key(signer)
	if err != nil {
		return err
	}
	_, err = policyfile.ParseSigned(ctx, env, author, policyfile.Options{
		Now: time.Now,
		Key: func(name string) (sign.Verifier, error) {
			seed := sha256.Sum256([]byte(name))
			return sign.NewSigner(ed25519.NewKeyFromSeed(seed[:]))
		},
		Workflow: func(issuer, builder string, _ verify.Refs) (verify.Identity, error) {
			return nobody(issuer + " " + builder), nil
		},
		Account: func(issuer, subject string) (verify.Identity, error) { return nobody(issuer + " " + subject), nil },
	})
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	line, err := env.Marshal()
	if err != nil {
		return err
	}
	return cli.WriteFile(out, 0o644, cli.Bytes(append(line, '\n')))
}

// nobody stands for somebody who signs without a key, and is of this name.
type nobody string

func (nobody) Recognize(context.Context, *sign.Envelope) (*verify.Evidence, error) {
	return nil, verify.ErrNotSigned
}

func (n nobody) String() string { return string(n) }
