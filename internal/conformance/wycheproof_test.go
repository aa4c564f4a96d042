package conformance

import (
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/hallmark-dev/hallmark/sign"
)

// The vectors of Project Wycheproof, through the keys that package sign loads.
// What they call acceptable is not accepted.
func TestWycheproof(t *testing.T) {
	for _, file := range []string{"ed25519_test.json", "ecdsa_secp256r1_sha256_test.json"} {
		t.Run(file, func(t *testing.T) {
			var suite struct {
				NumberOfTests int
				TestGroups    []struct {
					PublicKeyPEM string
					Tests        []struct {
						TcID             int
						Comment          string
						Msg, Sig, Result string
					}
				}
			}
			if err := json.Unmarshal(readVerify(t, "wycheproof/"+file), &suite); err != nil {
				t.Fatal(err)
			}
			run, valid := 0, 0
			for _, g := range suite.TestGroups {
				v, err := sign.ParsePublicKey([]byte(g.PublicKeyPEM))
				if err != nil {
					t.Fatal(err)
				}
				if v, err = sign.NewVerifier(v.Public()); err != nil {
					t.Fatal(err)
				}
				for _, test := range g.Tests {
					msg, err := hex.DecodeString(test.Msg)
					if err != nil {
						t.Fatal(err)
					}
					sig, err := hex.DecodeString(test.Sig)
					if err != nil {
						t.Fatal(err)
					}
					run++
					want := test.Result == "valid"
					if want {
						valid++
					}
					if err := v.Verify(t.Context(), msg, sig); (err == nil) != want {
						t.Errorf("%d (%s) is %s: %v", test.TcID, test.Comment, test.Result, err)
					}
				}
			}
			if run != suite.NumberOfTests || valid == 0 || valid == run {
				t.Errorf("%d of %d vectors were run, %d valid ones", run, suite.NumberOfTests, valid)
			}
		})
	}
}
