package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// An Algorithm is a signature scheme with all that it leaves open: the curve, the
// hash, the padding. It is settled when a key is made or loaded; nothing in a
// signature or an envelope has a say in it.
//
// The zero Algorithm stands for the default of the key: [Ed25519],
// [ECDSAP256SHA256], [ECDSAP384SHA384], [ECDSAP521SHA512] or [RSAPSSSHA256]. The
// functions of this package that take no Algorithm use it. The text of the others
// is fit for a flag or a file of settings; a method of an Algorithm that is not
// one of the constants below returns an error that names them.
type Algorithm string

// The algorithms. ECDSA signatures are in ASN.1 DER, not two numbers one after the
// other. The salt of RSASSA-PSS is as long as the hash, which is also that of its
// mask generation function MGF1; a signature with another salt is not valid.
const (
	Ed25519 Algorithm = "ed25519" // RFC 8032, over the data itself

	ECDSAP256SHA256 Algorithm = "ecdsa-p256-sha256"
	ECDSAP384SHA384 Algorithm = "ecdsa-p384-sha384"
	ECDSAP521SHA512 Algorithm = "ecdsa-p521-sha512"

	// What cosign made of larger keys up to version 2. It is never a default.
	ECDSAP384SHA256 Algorithm = "ecdsa-p384-sha256"
	ECDSAP521SHA256 Algorithm = "ecdsa-p521-sha256"

	RSAPSSSHA256 Algorithm = "rsa-pss-sha256" // RFC 8017, section 8.1
	RSAPSSSHA384 Algorithm = "rsa-pss-sha384"
	RSAPSSSHA512 Algorithm = "rsa-pss-sha512"

	// What cosign, ssh-agent and older tokens make. It is never a default.
	RSAPKCS1SHA256 Algorithm = "rsa-pkcs1v15-sha256" // RFC 8017, section 8.2
	RSAPKCS1SHA384 Algorithm = "rsa-pkcs1v15-sha384"
	RSAPKCS1SHA512 Algorithm = "rsa-pkcs1v15-sha512"
)

// A kind of keys has one default algorithm.
type kind string

const (
	kindEd25519 kind = "Ed25519"
	kindP256    kind = "ECDSA P-256"
	kindP384    kind = "ECDSA P-384"
	kindP521    kind = "ECDSA P-521"
	kindRSA     kind = "RSA"
)

// scheme is an algorithm taken apart.
type scheme struct {
	kind kind
	hash crypto.Hash // 0 if the data itself is signed
	pss  bool
}

func (a Algorithm) scheme() (scheme, error) {
	switch a {
	case Ed25519:
		return scheme{kind: kindEd25519}, nil
	case ECDSAP256SHA256:
		return scheme{kind: kindP256, hash: crypto.SHA256}, nil
	case ECDSAP384SHA384:
		return scheme{kind: kindP384, hash: crypto.SHA384}, nil
	case ECDSAP384SHA256:
		return scheme{kind: kindP384, hash: crypto.SHA256}, nil
	case ECDSAP521SHA512:
		return scheme{kind: kindP521, hash: crypto.SHA512}, nil
	case ECDSAP521SHA256:
		return scheme{kind: kindP521, hash: crypto.SHA256}, nil
	case RSAPSSSHA256:
		return scheme{kindRSA, crypto.SHA256, true}, nil
	case RSAPSSSHA384:
		return scheme{kindRSA, crypto.SHA384, true}, nil
	case RSAPSSSHA512:
		return scheme{kindRSA, crypto.SHA512, true}, nil
	case RSAPKCS1SHA256:
		return scheme{kindRSA, crypto.SHA256, false}, nil
	case RSAPKCS1SHA384:
		return scheme{kindRSA, crypto.SHA384, false}, nil
	case RSAPKCS1SHA512:
		return scheme{kindRSA, crypto.SHA512, false}, nil
	}
	var names []string
	for _, known := range []Algorithm{
		Ed25519, ECDSAP256SHA256, ECDSAP384SHA384, ECDSAP384SHA256, ECDSAP521SHA512, ECDSAP521SHA256,
		RSAPSSSHA256, RSAPSSSHA384, RSAPSSSHA512, RSAPKCS1SHA256, RSAPKCS1SHA384, RSAPKCS1SHA512,
	} {
		names = append(names, string(known))
	}
	return scheme{}, fmt.Errorf("sign: unsupported algorithm %.40q, want %s", string(a), strings.Join(names, ", "))
}

// algorithm returns the default one.
func (k kind) algorithm() Algorithm {
	switch k {
	case kindEd25519:
		return Ed25519
	case kindP256:
		return ECDSAP256SHA256
	case kindP384:
		return ECDSAP384SHA384
	case kindP521:
		return ECDSAP521SHA512
	}
	return RSAPSSSHA256
}

func (k kind) curve() elliptic.Curve {
	switch k {
	case kindP256:
		return elliptic.P256()
	case kindP384:
		return elliptic.P384()
	case kindP521:
		return elliptic.P521()
	}
	return nil
}

// Generate returns a new private key for a, an ed25519.PrivateKey, an
// *ecdsa.PrivateKey or an *rsa.PrivateKey: one for [Ed25519] if a is zero. An RSA
// key has 3072 bits. [EncryptPrivateKey] and [MarshalPrivateKey] return it as
// they are kept, [MarshalPublicKey] the half to give away.
//
// The key holds its kind but not its algorithm: one that is not the default must
// be named again where the key is loaded.
func Generate(a Algorithm) (crypto.Signer, error) {
	if a == "" {
		a = Ed25519
	}
	s, err := a.scheme()
	if err != nil {
		return nil, err
	}
	switch s.kind {
	case kindEd25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case kindRSA:
		return rsa.GenerateKey(rand.Reader, 3072)
	}
	return ecdsa.GenerateKey(s.kind.curve(), rand.Reader)
}

// checkPublic returns a copy of key, which its owner cannot change any more, and
// its kind. It is an error if the key is weak or odd.
func checkPublic(key crypto.PublicKey) (crypto.PublicKey, kind, error) {
	if err := checkWhole(key); err != nil {
		return nil, "", err
	}
	switch k := key.(type) {
	case ed25519.PublicKey:
		if err := checkEd25519(k); err != nil {
			return nil, "", err
		}
		return ed25519.PublicKey(bytes.Clone(k)), kindEd25519, nil
	case *ecdsa.PublicKey:
		for _, kind := range []kind{kindP256, kindP384, kindP521} {
			if k.Curve != kind.curve() {
				continue
			}
			point, err := k.Bytes()
			if err != nil {
				return nil, "", fmt.Errorf("sign: %s key: %w", kind, err)
			}
			same, err := ecdsa.ParseUncompressedPublicKey(k.Curve, point)
			if err != nil {
				return nil, "", fmt.Errorf("sign: %s key: %w", kind, err)
			}
			return same, kind, nil
		}
		return nil, "", errors.New("sign: ECDSA key on another curve than P-256, P-384 or P-521")
	case *rsa.PublicKey:
		if err := checkRSA(k.N, big.NewInt(int64(k.E))); err != nil {
			return nil, "", err
		}
		return &rsa.PublicKey{N: new(big.Int).Set(k.N), E: k.E}, kindRSA, nil
	}
	return nil, "", fmt.Errorf("sign: key is a %T, want an ed25519.PublicKey, an *ecdsa.PublicKey or an *rsa.PublicKey", key)
}

// checkWhole refuses keys over whose missing parts the standard library panics.
func checkWhole(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		//lint:ignore SA1019 to look whether they are there
		if k == nil || k.X == nil || k.Y == nil {
			return errors.New("sign: ECDSA key without a point")
		}
	case *rsa.PublicKey:
		if k == nil || k.N == nil {
			return errors.New("sign: RSA key without a modulus")
		}
	}
	return nil
}

// checkEd25519 refuses what crypto/ed25519 would verify with, but nobody has made
// as a key: signatures by a point of low order can be valid for any data, and two
// encodings of one point would be two keys.
func checkEd25519(k ed25519.PublicKey) error {
	if len(k) != ed25519.PublicKeySize {
		return fmt.Errorf("sign: Ed25519 key of %d bytes, want %d", len(k), ed25519.PublicKeySize)
	}
	// RFC 8032, section 5.1.2: y, little-endian, with the sign of x in the
	// highest bit. The curve is -x² + y² = 1 + d x² y² over the field of p.
	var b [ed25519.PublicKeySize]byte
	for i := range b {
		b[i] = k[len(k)-1-i]
	}
	b[0] &= 0x7f
	y := new(big.Int).SetBytes(b[:])
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	if y.Cmp(p) >= 0 {
		return errors.New("sign: Ed25519 key is not in its one canonical form: y is not below the prime")
	}
	mod := func(n *big.Int) *big.Int { return n.Mod(n, p) }
	d := new(big.Int).ModInverse(big.NewInt(121666), p)
	d = mod(d.Mul(d, big.NewInt(-121665)))
	yy := mod(new(big.Int).Mul(y, y))
	one := big.NewInt(1)

	// x² = u/v with v never zero, so u/v is a square if u v is.
	u := new(big.Int).Sub(yy, one)
	v := mod(new(big.Int).Mul(d, yy))
	v.Add(v, one)
	if big.Jacobi(mod(new(big.Int).Mul(u, v)), p) < 0 {
		return errors.New("sign: Ed25519 key is not a point on the curve")
	}
	// The order divides 2 if x = 0, so y = ±1; it is 4 if y = 0; and it is 8 if
	// doubling gives y = 0, that is if x² = -y², so d y⁴ + 2 y² - 1 = 0.
	eight := mod(new(big.Int).Mul(d, yy))
	eight.Add(eight, big.NewInt(2))
	eight = mod(eight.Mul(eight, yy))
	if mod(u).Sign() == 0 || y.Sign() == 0 || eight.Cmp(one) == 0 {
		return errors.New("sign: Ed25519 key is a point of low order, with which anybody can sign")
	}
	return nil
}

// checkRSA refuses numbers that are no RSA key, or one that was not made with care.
func checkRSA(n, e *big.Int) error {
	if bits := n.BitLen(); n.Sign() < 0 || bits < MinRSABits || bits > MaxRSABits {
		return fmt.Errorf("sign: RSA key of %d bits, want %d to %d", bits, MinRSABits, MaxRSABits)
	}
	// crypto/rsa takes no larger exponents on any platform. FIPS 186-5 wants at
	// least 65537, but keys with 3 are out there, and no weakness of theirs with
	// signatures is known that a verifier of the whole padding has.
	if e.Cmp(big.NewInt(3)) < 0 || e.BitLen() > 31 || e.Bit(0) == 0 {
		return fmt.Errorf("sign: RSA key with the exponent %.40s, want an odd one from 3 to 2147483647", e.String())
	}
	if n.Bit(0) == 0 {
		return errors.New("sign: RSA key with an even modulus")
	}
	// Faulty generators have made moduli with small factors, and ones whose
	// primes are next to each other, which Fermat's method finds at once.
	small := new(big.Int)
	for f := int64(3); f < 1000; f += 2 {
		if small.Mod(n, big.NewInt(f)).Sign() == 0 {
			return fmt.Errorf("sign: RSA key with a modulus that %d divides", f)
		}
	}
	a := new(big.Int).Sqrt(n)
	b, root := new(big.Int), new(big.Int)
	for range 100 {
		b.Sub(b.Mul(a, a), n)
		// A square ends in the bits of 0, 1, 4 or 9; the root takes longer.
		if low := b.Bit(3)<<3 | b.Bit(2)<<2 | b.Bit(1)<<1 | b.Bit(0); b.Sign() >= 0 && (low == 0 || low == 1 || low == 4 || low == 9) &&
			root.Sqrt(b).Mul(root, root).Cmp(b) == 0 {
			return errors.New("sign: RSA key whose primes are next to each other")
		}
		a.Add(a, big.NewInt(1))
	}
	return nil
}

// checkPrivate returns key, without the pointer if it is one to an Ed25519 key. It
// refuses private keys in memory whose parts do not belong together: a signature
// made with another key's public half can give the private one away.
func checkPrivate(key crypto.Signer) (crypto.Signer, error) {
	switch k := key.(type) {
	case nil:
		return nil, errors.New("sign: no key")
	case *ed25519.PrivateKey:
		if k == nil {
			return nil, errors.New("sign: no key")
		}
		return checkPrivate(*k)
	case ed25519.PrivateKey:
		// crypto/ed25519 panics over a key of another length.
		if len(k) != ed25519.PrivateKeySize {
			return nil, fmt.Errorf("sign: Ed25519 private key of %d bytes, want %d", len(k), ed25519.PrivateKeySize)
		}
		if !k.Equal(ed25519.NewKeyFromSeed(k.Seed())) {
			return nil, errors.New("sign: the halves of the Ed25519 key do not belong together")
		}
	case *ecdsa.PrivateKey:
		if k == nil {
			return nil, errors.New("sign: no key")
		}
		if _, _, err := checkPublic(&k.PublicKey); err != nil {
			return nil, err
		}
		//lint:ignore SA1019 Bytes would panic
		if k.D == nil {
			return nil, errors.New("sign: ECDSA private key without a number")
		}
		// What these say could quote the key.
		raw, err := k.Bytes()
		if err != nil {
			return nil, errors.New("sign: the number of the ECDSA private key is not from 1 to the order of its curve")
		}
		same, err := ecdsa.ParseRawPrivateKey(k.Curve, raw)
		if err != nil {
			return nil, errors.New("sign: the number of the ECDSA private key is not from 1 to the order of its curve")
		}
		if !same.PublicKey.Equal(&k.PublicKey) {
			return nil, errors.New("sign: the halves of the ECDSA key do not belong together")
		}
	case *rsa.PrivateKey:
		if k == nil {
			return nil, errors.New("sign: no key")
		}
		if _, _, err := checkPublic(&k.PublicKey); err != nil {
			return nil, err
		}
		if len(k.Primes) != 2 {
			return nil, fmt.Errorf("sign: RSA private key with %d primes, want 2", len(k.Primes))
		}
		for _, n := range []*big.Int{k.D, k.Primes[0], k.Primes[1]} {
			if n == nil || n.Sign() <= 0 || n.Cmp(k.N) >= 0 {
				return nil, errors.New("sign: RSA private key with a number that is not between 0 and its modulus")
			}
		}
		if k.Validate() != nil {
			return nil, errors.New("sign: the halves of the RSA key do not belong together")
		}
	}
	return key, nil
}
