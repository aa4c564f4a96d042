package conformance

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sign"
)

// wycheproofGroup is a group of vectors, all for one key.
type wycheproofGroup struct {
	Type         string // EcdsaVerify and so on
	PublicKeyDER string
	PublicKeyPEM string
	SHA          string // SHA-256
	MGF, MGFSHA  string
	SLen         int
	PublicKey    json.RawMessage // an object, or hexadecimal
	Tests        []struct {
		TcID             int
		Comment          string
		Msg, Sig, Result string
	}
}

// algorithm names the scheme of a group as package sign would, whether it has
// that one or not.
func (g *wycheproofGroup) algorithm(t *testing.T, suite string) sign.Algorithm {
	t.Helper()
	var key struct{ Curve string }
	if len(g.PublicKey) > 0 && g.PublicKey[0] == '{' {
		if err := json.Unmarshal(g.PublicKey, &key); err != nil {
			t.Fatal(err)
		}
	}
	sha := strings.ReplaceAll(strings.ToLower(g.SHA), "-", "")
	curve := strings.TrimSuffix(strings.Replace(key.Curve, "sec", "", 1), "r1")
	switch g.Type {
	case "EddsaVerify":
		if key.Curve == "edwards25519" {
			return sign.Ed25519
		}
		return sign.Algorithm(strings.ToLower(key.Curve))
	case "EcdsaVerify":
		return sign.Algorithm("ecdsa-" + curve + "-" + sha)
	case "EcdsaP1363Verify":
		return sign.Algorithm("ecdsa-" + curve + "-" + sha + "-p1363")
	case "RsassaPkcs1Verify":
		return sign.Algorithm("rsa-pkcs1v15-" + sha)
	case "RsassaPssVerify":
		name := "rsa-pss-" + sha
		bits, err := strconv.Atoi(strings.TrimPrefix(g.SHA, "SHA-"))
		if err != nil || g.MGF != "MGF1" || g.MGFSHA != g.SHA || 8*g.SLen != bits {
			name += "-" + strings.ToLower(g.MGF+"-"+g.MGFSHA) + "-" + strconv.Itoa(g.SLen)
		}
		return sign.Algorithm(name)
	case "MlDsaVerify":
		return sign.Algorithm(strings.ToLower(suite))
	}
	t.Fatalf("a group of the type %s", g.Type)
	return ""
}

// supported reports whether package sign says that it has an algorithm.
func supported(t *testing.T, a sign.Algorithm) bool {
	t.Helper()
	_, err := sign.Generate(a)
	if err != nil && !strings.Contains(err.Error(), "unsupported algorithm") {
		t.Fatal(err)
	}
	return err == nil
}

// The vectors of Project Wycheproof, through the keys that package sign loads.
// What they call acceptable is not accepted. Groups for schemes that package sign
// does not have are refused by their names, and none of their signatures is taken
// by the schemes that it has for the same key.
func TestWycheproof(t *testing.T) {
	dir := os.Getenv("HALLMARK_CORPUS")
	if dir == "" {
		t.Skip("HALLMARK_CORPUS is not set: it names the directory of the documents to judge by")
	}
	files, err := filepath.Glob(filepath.Join(dir, "verify", "wycheproof", "*_test.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files (%v)", err)
	}
	schemes := make(map[sign.Algorithm]bool) // known ones
	ran := make(map[sign.Algorithm]int)      // vectors of them
	total, refused := 0, 0
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			var suite struct {
				Algorithm     string
				NumberOfTests int
				TestGroups    []wycheproofGroup
			}
			if err := json.Unmarshal(readVerify(t, "wycheproof/"+name), &suite); err != nil {
				t.Fatal(err)
			}
			seen, valid := 0, 0
			for _, g := range suite.TestGroups {
				a := g.algorithm(t, suite.Algorithm)
				has, known := schemes[a]
				if !known {
					has = supported(t, a)
					schemes[a] = has
				}
				var verifiers []sign.Verifier
				if has {
					v, err := a.ParsePublicKey([]byte(g.PublicKeyPEM))
					if err != nil {
						t.Fatal(err)
					}
					verifiers = append(verifiers, v)
				} else {
					verifiers = others(t, a, &g)
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
					seen++
					want := has && test.Result == "valid"
					if want {
						valid++
					}
					if !has && test.Result != "valid" {
						// The scheme is refused already. What is wrong by it can
						// be right by another one: a salt of another length.
						continue
					}
					for _, v := range verifiers {
						if err := v.Verify(t.Context(), msg, sig); (err == nil) != want {
							t.Errorf("%s: %d (%s) is %s: %v", a, test.TcID, test.Comment, test.Result, err)
						}
					}
				}
				if has {
					ran[a] += len(g.Tests)
				} else {
					refused += len(g.Tests)
				}
			}
			total += seen
			if seen != suite.NumberOfTests {
				t.Errorf("%d of %d vectors were run", seen, suite.NumberOfTests)
			}
			t.Logf("%d vectors, %d accepted", seen, valid)
		})
	}
	not := make(map[string]bool)
	for a, has := range schemes {
		if !has {
			name, _, foreign := strings.Cut(string(a), "-mgf1-")
			if foreign {
				name += " with another salt or mask"
			}
			not[name] = true
		}
	}
	t.Logf("%d vectors: %v", total, ran)
	t.Logf("%d refused as unsupported: %s", refused, strings.Join(slices.Sorted(maps.Keys(not)), ", "))
	for _, a := range []sign.Algorithm{
		sign.Ed25519, sign.ECDSAP256SHA256, sign.ECDSAP384SHA384, sign.ECDSAP384SHA256, sign.ECDSAP521SHA512,
		sign.RSAPSSSHA256, sign.RSAPSSSHA384, sign.RSAPSSSHA512, sign.RSAPKCS1SHA256, sign.RSAPKCS1SHA384, sign.RSAPKCS1SHA512,
	} {
		if ran[a] == 0 {
			t.Errorf("no vector for %s", a)
		}
	}
}

// others returns what package sign has for the key of a group, but for its
// algorithm, which it does not have. It has none for a kind of keys that it does
// not know, and must say so.
func others(t *testing.T, unsupported sign.Algorithm, g *wycheproofGroup) []sign.Verifier {
	t.Helper()
	if _, err := unsupported.ParsePublicKey([]byte(g.PublicKeyPEM)); err == nil || g.PublicKeyPEM != "" && !strings.HasPrefix(err.Error(), "sign: unsupported algorithm") {
		t.Errorf("%s: %v", unsupported, err)
	}
	text := g.PublicKeyPEM
	if text == "" && g.PublicKeyDER != "" {
		der, err := hex.DecodeString(g.PublicKeyDER)
		if err != nil {
			t.Fatal(err)
		}
		text = pemText("PUBLIC KEY", der)
	}
	if strings.HasPrefix(string(unsupported), "ml-dsa-") {
		if text == "" {
			return nil // the group is about keys of a wrong length, which have no such form
		}
		want := strings.ToUpper(string(unsupported))
		if _, err := sign.ParsePublicKey([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), "sign: unsupported key for "+want) {
			t.Errorf("%s: %v", unsupported, err)
		}
		return nil
	}
	var vs []sign.Verifier
	v, err := sign.ParsePublicKey([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", unsupported, err)
	}
	vs = append(vs, v)
	for _, a := range []sign.Algorithm{
		sign.RSAPSSSHA384, sign.RSAPSSSHA512, sign.RSAPKCS1SHA256, sign.ECDSAP384SHA256, sign.ECDSAP521SHA256,
	} {
		// It is an error for another kind of keys.
		if v, err := a.NewVerifier(v.Public()); err == nil {
			vs = append(vs, v)
		}
	}
	return vs
}

// The edge cases of CCTV: which keys and signatures Ed25519 takes is not the same
// everywhere. Keys of low order, and keys in another form than the canonical one,
// are refused when they are loaded, and signatures are valid by the equation
// without cofactor over R as it is written, which is what crypto/ed25519 does. So
// a public key of mixed order is taken, with signatures that leave no residue.
func TestCCTV(t *testing.T) {
	var vectors []struct {
		Number        int
		Key, Sig, Msg string
		Flags         []string
	}
	if err := json.Unmarshal(readVerify(t, "cctv/ed25519vectors.json"), &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	accepted, keys := 0, 0
	for _, v := range vectors {
		has := func(flag string) bool { return slices.Contains(v.Flags, flag) }
		key, err := hex.DecodeString(v.Key)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := hex.DecodeString(v.Sig)
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := sign.NewVerifier(ed25519Key(key))
		if (err != nil) != (has("low_order_A") || has("non_canonical_A")) {
			t.Errorf("%d %v: the key: %v", v.Number, v.Flags, err)
		}
		if err != nil {
			keys++
			continue
		}
		err = verifier.Verify(t.Context(), []byte(v.Msg), sig)
		if want := !has("low_order_residue") && !has("non_canonical_R"); (err == nil) != want {
			t.Errorf("%d %v: the signature: %v", v.Number, v.Flags, err)
		}
		if err == nil {
			accepted++
		}
	}
	t.Logf("%d vectors, %d accepted, %d refused by their keys", len(vectors), accepted, keys)
}
