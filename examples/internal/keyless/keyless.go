// Package keyless recognizes who signs without a key, for the example programs that
// read policies with workflows and accounts.
package keyless

import (
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
)

// Identities returns who signs without a key, as policyfile.Options want it, as far as a
// trusted root, trusted_root.json, vouches for them.
func Identities(trustedRoot []byte) (workflow, account func(issuer, name string) (verify.Identity, error), err error) {
	root, err := sigstore.ParseTrustedRoot(trustedRoot)
	if err != nil {
		return nil, nil, err
	}
	workflow = func(issuer, builder string) (verify.Identity, error) {
		return root.NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder})
	}
	account = func(issuer, subject string) (verify.Identity, error) {
		return root.NewIdentity(sigstore.Account{Issuer: issuer, Subject: subject})
	}
	return workflow, account, nil
}
