// Package keyless recognizes who signs without a key, for the example programs that
// read policies with workflows and accounts.
package keyless

import (
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

// Identities says in o who signs without a key, as far as a trusted root,
// trusted_root.json, vouches for them.
func Identities(trustedRoot []byte, o *policyfile.Options) error {
	root, err := sigstore.ParseTrustedRoot(trustedRoot)
	if err != nil {
		return err
	}
	o.Workflow = func(issuer, builder string, refs verify.Refs) (verify.Identity, error) {
		return root.NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder, Refs: refs})
	}
	o.Account = func(issuer, subject string) (verify.Identity, error) {
		return root.NewIdentity(sigstore.Account{Issuer: issuer, Subject: subject})
	}
	return nil
}
