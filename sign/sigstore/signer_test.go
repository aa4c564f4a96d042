package sigstore_test

import (
	"testing"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
)

func TestSign(t *testing.T) {
	for _, rekor := range []int{1, 2} {
		s := newStack()
		defer s.close()
		e, err := s.signer(rekor, sigstore.SignerOptions{}).Sign(t.Context(), provenance.MediaType, []byte(`{"a":"b"}`), s.token)
		if err != nil {
			t.Fatal(rekor, err)
		}
		t.Logf("%s %q", e.Bundle, s.asked())
	}
}
