// Package keyfile reads the private keys that the example programs sign with.
package keyfile

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sign"
)

// Read returns the key in a PEM file. If it is encrypted, passphrase is the file with its
// passphrase, and otherwise empty.
func Read(file, passphrase string) (sign.SignerVerifier, error) {
	pem, err := cli.ReadFile(file, sign.MaxKeySize)
	if err != nil {
		return nil, err
	}
	var key sign.SignerVerifier
	if passphrase == "" {
		key, err = sign.ParsePrivateKey(pem)
		if errors.Is(err, sign.ErrEncrypted) {
			err = fmt.Errorf("%w: give it with -passphrase", err)
		}
	} else {
		var text []byte
		if text, err = cli.ReadFile(passphrase, sign.MaxKeySize); err != nil {
			return nil, err
		}
		// An editor ends the last line; a passphrase has no end of a line.
		key, err = sign.DecryptPrivateKey(pem, bytes.TrimRight(text, "\r\n"))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}
