package sign_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/pbkdf2"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"hash"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"golang.org/x/crypto/scrypt"
	"golang.org/x/crypto/ssh"

	"github.com/hallmark-dev/hallmark/sign"
)

const passphrase = "correct horse battery staple"

// marshal returns v in DER, without the element that a zero RawValue would be.
func marshal(t testing.TB, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func oid(numbers ...int) asn1.ObjectIdentifier { return numbers }

// algorithm returns an AlgorithmIdentifier with parameters in DER, or without.
func algorithm(id asn1.ObjectIdentifier, parameters []byte) pkix.AlgorithmIdentifier {
	return pkix.AlgorithmIdentifier{Algorithm: id, Parameters: asn1.RawValue{FullBytes: parameters}}
}

var (
	null     = []byte{5, 0}
	idEd     = oid(1, 3, 101, 112)
	idRSA    = oid(1, 2, 840, 113549, 1, 1, 1)
	idEC     = oid(1, 2, 840, 10045, 2, 1)
	idP256   = oid(1, 2, 840, 10045, 3, 1, 7)
	idP384   = oid(1, 3, 132, 0, 34)
	idPBES2  = oid(1, 2, 840, 113549, 1, 5, 13)
	idPBKDF2 = oid(1, 2, 840, 113549, 1, 5, 12)
	idScrypt = oid(1, 3, 6, 1, 4, 1, 11591, 4, 11)
	idAES128 = oid(2, 16, 840, 1, 101, 3, 4, 1, 2)
	idAES192 = oid(2, 16, 840, 1, 101, 3, 4, 1, 22)
	idAES256 = oid(2, 16, 840, 1, 101, 3, 4, 1, 42)
	idDES3   = oid(1, 2, 840, 113549, 3, 7)
)

// info returns a PrivateKeyInfo.
func info(t testing.TB, version int, id pkix.AlgorithmIdentifier, key []byte, more ...asn1.RawValue) []byte {
	t.Helper()
	der := slices.Concat(marshal(t, version), marshal(t, id), marshal(t, key))
	for _, m := range more {
		der = append(der, marshal(t, m)...)
	}
	return sequence(t, der)
}

func sequence(t testing.TB, content ...[]byte) []byte {
	t.Helper()
	return marshal(t, asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: slices.Concat(content...)})
}

// context returns what stands in the place [tag] of a sequence.
func inContext(tag int, compound bool, content []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: compound, Bytes: content}
}

// numbers returns an RSAPrivateKey of any numbers.
func numbers(t testing.TB, ns ...*big.Int) []byte {
	t.Helper()
	der := marshal(t, 0)
	for _, n := range ns {
		der = append(der, marshal(t, n)...)
	}
	return sequence(t, der)
}

func point(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	p, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ec returns an ECPrivateKey with the parameters and the public key, if they are
// not nil.
func ec(t testing.TB, number, parameters, public []byte) []byte {
	t.Helper()
	der := slices.Concat(marshal(t, 1), marshal(t, number))
	if parameters != nil {
		der = append(der, marshal(t, inContext(0, true, parameters))...)
	}
	if public != nil {
		der = append(der, marshal(t, inContext(1, true, marshal(t, asn1.BitString{Bytes: public, BitLength: 8 * len(public)})))...)
	}
	return sequence(t, der)
}

func openSSH(t testing.TB, key crypto.Signer) *pem.Block {
	t.Helper()
	b, err := ssh.MarshalPrivateKey(key, "a comment")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// lockedSSH returns a key of the tests that ssh-keygen has encrypted with the
// passphrase and one round of bcrypt, "-a 1": more take long, here and always.
func lockedSSH(t testing.TB, name string) *pem.Block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "openssh", name+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := pem.Decode(text)
	return b
}

// sshFile is the outer form of an OpenSSH private key.
type sshFile struct {
	Cipher, KDF, Options string
	Keys                 uint32
	Public, Private      []byte
	Rest                 []byte `ssh:"rest"`
}

const sshMagic = "openssh-key-v1\x00"

// changed returns an OpenSSH private key with something of its outer form changed.
func changed(t testing.TB, b *pem.Block, change func(*sshFile)) string {
	t.Helper()
	var f sshFile
	if err := ssh.Unmarshal(b.Bytes[len(sshMagic):], &f); err != nil {
		t.Fatal(err)
	}
	change(&f)
	return block("OPENSSH PRIVATE KEY", append([]byte(sshMagic), ssh.Marshal(f)...))
}

func sshLine(t testing.TB, key crypto.PublicKey) string {
	t.Helper()
	k, err := ssh.NewPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(k)), "\n")
}

// pbes2 returns plain encrypted by PBES2 with a KDF whose result key is, and a
// cipher.
func pbes2(t testing.TB, plain []byte, kdf pkix.AlgorithmIdentifier, key []byte, id asn1.ObjectIdentifier) []byte {
	t.Helper()
	size := aes.BlockSize
	if id.Equal(idDES3) {
		size = des.BlockSize
	}
	pad := size - len(plain)%size
	return pbes2Padded(t, append(bytes.Clone(plain), bytes.Repeat([]byte{byte(pad)}, pad)...), kdf, key, id)
}

// pbes2Padded is pbes2 of what is padded already.
func pbes2Padded(t testing.TB, plain []byte, kdf pkix.AlgorithmIdentifier, key []byte, id asn1.ObjectIdentifier) []byte {
	t.Helper()
	newCipher := aes.NewCipher
	if id.Equal(idDES3) {
		newCipher = des.NewTripleDESCipher
	}
	c, err := newCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	iv := bytes.Repeat([]byte("i"), c.BlockSize())
	sealed := make([]byte, len(plain))
	cipher.NewCBCEncrypter(c, iv).CryptBlocks(sealed, plain)
	params := sequence(t, marshal(t, kdf), marshal(t, algorithm(id, marshal(t, iv))))
	return sequence(t, marshal(t, algorithm(idPBES2, params)), marshal(t, sealed))
}

// pbkdf2Of returns the parameters and the result of PBKDF2 with an HMAC.
func pbkdf2Of(t testing.TB, h func() hash.Hash, prf []byte, iterations, size int) (pkix.AlgorithmIdentifier, []byte) {
	t.Helper()
	key, err := pbkdf2.Key(h, passphrase, []byte("12345678"), iterations, size)
	if err != nil {
		t.Fatal(err)
	}
	return algorithm(idPBKDF2, sequence(t, marshal(t, []byte("12345678")), marshal(t, iterations), prf)), key
}

// encryptedPKCS8 returns a key as OpenSSL encrypts it, but for the iterations.
func encryptedPKCS8(t testing.TB, plain []byte) string {
	t.Helper()
	kdf, key := pbkdf2Of(t, sha256.New, marshal(t, algorithm(oid(1, 2, 840, 113549, 2, 9), null)), 2, 32)
	return block("ENCRYPTED PRIVATE KEY", pbes2(t, plain, kdf, key, idAES256))
}

// sigstoreKey returns a key as cosign encrypts it.
func sigstoreKey(t testing.TB, plain []byte) string {
	t.Helper()
	box, err := encrypted.EncryptWithCustomKDFParameters(plain, []byte(passphrase), encrypted.Legacy)
	if err != nil {
		t.Fatal(err)
	}
	return block("ENCRYPTED SIGSTORE PRIVATE KEY", box)
}

func TestParsePrivateKey(t *testing.T) {
	edPKCS8, ecPKCS8 := pkcs8(t, edKey()), pkcs8(t, ecKey(t, elliptic.P256()))
	ecParameters := block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7})
	space := strings.Repeat("\n", sign.MaxKeySize-len(block("PRIVATE KEY", edPKCS8)))
	p256, p384, p521 := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), ecKey(t, elliptic.P521())
	r := rsaKey(t)
	edSeed := marshal(t, secret)
	edPublic := edKey()[32:]
	bits := func(b []byte) []byte { return append([]byte{0}, b...) }
	other, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	squeezed := append([]byte{2 | point(t, p256)[64]&1}, point(t, p256)[1:33]...)

	for _, test := range []struct {
		name, in string
		public   crypto.PublicKey
	}{
		{"Ed25519", block("PRIVATE KEY", edPKCS8), edKey().Public()},
		{"Ed25519 with its public key", block("PRIVATE KEY", info(t, 1, algorithm(idEd, nil), edSeed, inContext(1, false, bits(edPublic)))), edKey().Public()},
		{"Ed25519 with attributes", block("PRIVATE KEY", info(t, 0, algorithm(idEd, nil), edSeed, inContext(0, true, nil))), edKey().Public()},
		{"P-256", block("PRIVATE KEY", ecPKCS8), p256.Public()},
		{"P-384", block("PRIVATE KEY", pkcs8(t, p384)), p384.Public()},
		{"P-521", block("PRIVATE KEY", pkcs8(t, p521)), p521.Public()},
		{"P-256 without its public key", block("PRIVATE KEY", info(t, 0, algorithm(idEC, marshal(t, idP256)), ec(t, secret, nil, nil))), p256.Public()},
		{"P-256 with its public key twice", block("PRIVATE KEY", info(t, 1, algorithm(idEC, marshal(t, idP256)), ec(t, secret, marshal(t, idP256), point(t, p256)), inContext(1, false, bits(point(t, p256))))), p256.Public()},
		{"P-256 with its public key compressed", block("EC PRIVATE KEY", ec(t, secret, marshal(t, idP256), squeezed)), p256.Public()},
		{"P-521 without zeros", block("EC PRIVATE KEY", ec(t, secret, marshal(t, oid(1, 3, 132, 0, 35)), nil)), p521.Public()},
		{"P-256 in SEC 1", block("EC PRIVATE KEY", sec1(t, p256)), p256.Public()},
		{"P-384 in SEC 1", block("EC PRIVATE KEY", sec1(t, p384)), p384.Public()},
		{"P-521 in SEC 1", block("EC PRIVATE KEY", sec1(t, p521)), p521.Public()},
		{"RSA", block("PRIVATE KEY", pkcs8(t, r)), r.Public()},
		{"RSA in PKCS #1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r)), r.Public()},
		{"Ed25519 of OpenSSH", string(pem.EncodeToMemory(openSSH(t, edKey()))), edKey().Public()},
		{"P-256 of OpenSSH", string(pem.EncodeToMemory(openSSH(t, p256))), p256.Public()},
		{"P-384 of OpenSSH", string(pem.EncodeToMemory(openSSH(t, p384))), p384.Public()},
		{"P-521 of OpenSSH", string(pem.EncodeToMemory(openSSH(t, p521))), p521.Public()},
		{"RSA of OpenSSH", string(pem.EncodeToMemory(openSSH(t, r))), r.Public()},
		{"white space", "\n \n" + block("PRIVATE KEY", edPKCS8) + "\n \n", edKey().Public()},
		{"DOS", strings.ReplaceAll(block("PRIVATE KEY", ecPKCS8), "\n", "\r\n"), p256.Public()},
		{"no last newline", strings.TrimSpace(block("PRIVATE KEY", edPKCS8)), edKey().Public()},
		{"as much as is read", block("PRIVATE KEY", edPKCS8) + space, edKey().Public()},
	} {
		s, err := sign.ParsePrivateKey([]byte(test.in))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got, want := spkiOf(t, s.Public()), spkiOf(t, test.public); !bytes.Equal(got, want) {
			t.Errorf("%s: got the key %x, want %x", test.name, got, want)
		}
		if _, err := sign.DecryptPrivateKey([]byte(test.in), []byte(passphrase)); err == nil || err.Error() != "sign: the private key is not encrypted" {
			t.Errorf("%s: decrypted: %v", test.name, err)
		}
	}

	headers := string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: ecPKCS8, Headers: map[string]string{
		"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00",
	}}))
	x25519, err := ecdh.X25519().NewPrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.Replace(block("PRIVATE KEY", edPKCS8), "\n", "\n!", 1)
	e, one := big.NewInt(65537), big.NewInt(1)
	dp := new(big.Int).Mod(r.D, new(big.Int).Sub(r.Primes[0], one))
	dq := new(big.Int).Mod(r.D, new(big.Int).Sub(r.Primes[1], one))
	qinv := new(big.Int).ModInverse(r.Primes[1], r.Primes[0])
	small := new(big.Int).Sub(new(big.Int).Lsh(one, 1024), one)
	large := new(big.Int).Add(new(big.Int).Lsh(one, 150_000), one)
	huge := new(big.Int).Add(new(big.Int).Lsh(one, 64), one)
	const (
		notPKCS8   = "malformed private key: the PEM block does not hold one in the form of PKCS #8"
		notPKCS1   = "malformed private key: the PEM block does not hold one in the form of PKCS #1"
		notSEC1    = "malformed private key: the PEM block does not hold one in the form of SEC 1"
		notOpenSSH = "malformed private key: the PEM block does not hold one in the form of OpenSSH"
		wantBlock  = ", want PRIVATE KEY, RSA PRIVATE KEY, EC PRIVATE KEY, OPENSSH PRIVATE KEY or an encrypted one"
		apart      = "sign: the numbers of the RSA private key do not belong together"
	)
	in8 := func(id asn1.ObjectIdentifier, parameters, key []byte) string {
		return block("PRIVATE KEY", info(t, 0, algorithm(id, parameters), key))
	}
	for _, test := range []struct{ name, in, want string }{
		{"nothing", "", "malformed private key: no PEM block"},
		{"text", "key", "malformed private key: no PEM block"},
		{"DER", string(edPKCS8), "malformed private key: no PEM block"},
		{"no end", strings.Split(block("PRIVATE KEY", edPKCS8), "-----END")[0], "malformed private key: no PEM block"},
		{"broken", broken, "malformed private key: no PEM block"},
		{"public key", block("PUBLIC KEY", spkiOf(t, edKey().Public())), `malformed private key: PEM block "PUBLIC KEY"` + wantBlock},
		{"certificate", block("CERTIFICATE", edPKCS8), `malformed private key: PEM block "CERTIFICATE"` + wantBlock},
		{"DSA", block("DSA PRIVATE KEY", edPKCS8), `malformed private key: PEM block "DSA PRIVATE KEY"` + wantBlock},
		{"long type", block(strings.Repeat("K", 100), edPKCS8), `malformed private key: PEM block "` + strings.Repeat("K", 40) + `"` + wantBlock},
		{"encrypted by headers", headers, `malformed private key: the PEM block is encrypted by its headers, which protects little and is not read: "openssl pkcs8 -topk8" makes another form of it`},
		{"headers", strings.Replace(block("PRIVATE KEY", edPKCS8), "\n", "\nA: b\n\n", 1), "malformed private key: the PEM block has headers"},
		{"text before", "my key\n" + block("PRIVATE KEY", edPKCS8), "malformed private key: data before the PEM block"},
		{"text after", block("PRIVATE KEY", edPKCS8) + "my key\n", "malformed private key: data after the PEM block"},
		{"NUL after", block("PRIVATE KEY", edPKCS8) + "\x00", "malformed private key: data after the PEM block"},
		{"two keys", block("PRIVATE KEY", edPKCS8) + block("PRIVATE KEY", ecPKCS8), "malformed private key: more than one PEM block"},
		{"a broken key and another", broken + block("PRIVATE KEY", ecPKCS8), "malformed private key: more than one PEM block"},
		{"parameters", ecParameters + block("EC PRIVATE KEY", ecPKCS8), `malformed private key: PEM block "EC PARAMETERS": "openssl ecparam -noout" leaves it out, "openssl pkey" takes it away`},
		{"too large", block("PRIVATE KEY", edPKCS8) + space + "\n", "malformed private key: 65537 bytes, at most 65536 are read"},

		{"empty", block("PRIVATE KEY", nil), notPKCS8},
		{"garbage", block("PRIVATE KEY", secret), notPKCS8},
		{"cut", block("PRIVATE KEY", edPKCS8[:len(edPKCS8)-1]), notPKCS8},
		{"SEC 1 as PKCS #8", block("PRIVATE KEY", sec1(t, p256)), notPKCS8},
		{"PKCS #1 as PKCS #8", block("PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r)), notPKCS8},
		{"PKCS #8 as SEC 1", block("EC PRIVATE KEY", ecPKCS8), notSEC1},
		{"PKCS #8 as PKCS #1", block("RSA PRIVATE KEY", pkcs8(t, r)), notPKCS1},
		{"PKCS #8 as OpenSSH's", block("OPENSSH PRIVATE KEY", edPKCS8), notOpenSSH},
		{"data after the key", block("PRIVATE KEY", append(bytes.Clone(edPKCS8), 0)), notPKCS8},
		{"data in the key", block("PRIVATE KEY", info(t, 0, algorithm(idEd, nil), append(bytes.Clone(edSeed), 0))), notPKCS8},
		{"more members", block("PRIVATE KEY", info(t, 0, algorithm(idEd, nil), edSeed, inContext(2, true, nil))), notPKCS8},
		{"version 2", block("PRIVATE KEY", info(t, 2, algorithm(idEd, nil), edSeed)), notPKCS8},
		{"a public key in version 0", block("PRIVATE KEY", info(t, 0, algorithm(idEd, nil), edSeed, inContext(1, false, bits(edPublic)))), notPKCS8},
		{"Ed25519 of two keys", block("PRIVATE KEY", info(t, 1, algorithm(idEd, nil), edSeed, inContext(1, false, bits(secret)))), "sign: the halves of the Ed25519 key do not belong together"},
		{"short Ed25519", in8(idEd, nil, marshal(t, secret[1:])), notPKCS8},
		{"Ed25519 with parameters", in8(idEd, null, edSeed), "malformed key: Ed25519 with parameters"},
		{"X25519", block("PRIVATE KEY", pkcs8(t, x25519)), "sign: unsupported key for X25519, want one for Ed25519, ECDSA or RSA"},
		{"Ed448", in8(oid(1, 3, 101, 113), nil, edSeed), "sign: unsupported key for Ed448, want one for Ed25519, ECDSA or RSA"},
		{"DSA in PKCS #8", in8(oid(1, 2, 840, 10040, 4, 1), sequence(t), edSeed), "sign: unsupported key for DSA, want one for Ed25519, ECDSA or RSA"},
		{"ML-DSA", in8(oid(2, 16, 840, 1, 101, 3, 4, 3, 18), nil, edSeed), "sign: unsupported key for ML-DSA-65, want one for Ed25519, ECDSA or RSA"},
		{"RSASSA-PSS", in8(oid(1, 2, 840, 113549, 1, 1, 10), nil, x509.MarshalPKCS1PrivateKey(r)), "sign: unsupported key for RSASSA-PSS only, want one for Ed25519, ECDSA or RSA"},
		{"another algorithm", in8(oid(1, 2, 3), nil, edSeed), "sign: unsupported key of the algorithm 1.2.3, want one for Ed25519, ECDSA or RSA"},

		{"P-224", block("PRIVATE KEY", pkcs8(t, ecKey(t, elliptic.P224()))), "sign: ECDSA key on the curve P-224, want P-256, P-384 or P-521"},
		{"P-224 in SEC 1", block("EC PRIVATE KEY", sec1(t, ecKey(t, elliptic.P224()))), "sign: ECDSA key on the curve P-224, want P-256, P-384 or P-521"},
		{"secp256k1", in8(idEC, marshal(t, oid(1, 3, 132, 0, 10)), ec(t, secret, nil, nil)), "sign: ECDSA key on the curve secp256k1, want P-256, P-384 or P-521"},
		{"brainpool", in8(idEC, marshal(t, oid(1, 3, 36, 3, 3, 2, 8, 1, 1, 7)), ec(t, secret, nil, nil)), "sign: ECDSA key on the curve 1.3.36.3.3.2.8.1.1.7, want P-256, P-384 or P-521"},
		{"explicit curve", in8(idEC, sequence(t, marshal(t, 1)), ec(t, secret, nil, nil)), "sign: ECDSA key without a named curve, want P-256, P-384 or P-521"},
		{"no curve", in8(idEC, nil, ec(t, secret, nil, nil)), "sign: ECDSA key without a named curve, want P-256, P-384 or P-521"},
		{"no curve in SEC 1", block("EC PRIVATE KEY", ec(t, secret, nil, nil)), "malformed private key: ECDSA key without a curve"},
		{"two curves", in8(idEC, marshal(t, idP384), ec(t, secret, marshal(t, idP256), nil)), "sign: ECDSA private key on two curves, P-384 and P-256"},
		{"ECDSA of two keys", in8(idEC, marshal(t, idP256), ec(t, secret, nil, point(t, other))), "sign: the halves of the ECDSA key do not belong together"},
		{"ECDSA of two keys in SEC 1", block("EC PRIVATE KEY", ec(t, secret, marshal(t, idP256), point(t, other))), "sign: the halves of the ECDSA key do not belong together"},
		{"ECDSA of two keys outside", block("PRIVATE KEY", info(t, 1, algorithm(idEC, marshal(t, idP256)), ec(t, secret, nil, nil), inContext(1, false, bits(point(t, other))))), "sign: the halves of the ECDSA P-256 key do not belong together"},
		{"ECDSA with the number 0", in8(idEC, marshal(t, idP256), ec(t, make([]byte, 32), nil, nil)), "sign: the number of the ECDSA private key is not from 1 to the order of its curve"},
		{"ECDSA with a large number", in8(idEC, marshal(t, idP256), ec(t, bytes.Repeat([]byte{255}, 32), nil, nil)), "sign: the number of the ECDSA private key is not from 1 to the order of its curve"},
		{"ECDSA with a long number", in8(idEC, marshal(t, idP256), ec(t, append([]byte{0}, secret...), nil, nil)), notSEC1},
		{"data after the SEC 1 key", block("EC PRIVATE KEY", append(sec1(t, p256), 0)), notSEC1},

		{"RSA of 1024 bits", block("RSA PRIVATE KEY", numbers(t, small, e, r.D, r.Primes[0], r.Primes[1], dp, dq, qinv)), "sign: RSA key of 1024 bits, want 2048 to 8192"},
		{"RSA with the exponent 1", in8(idRSA, null, numbers(t, r.N, one, one, r.Primes[0], r.Primes[1], one, one, qinv)), "sign: RSA key with the exponent 1, want an odd one from 3 to 2147483647"},
		{"RSA with an even exponent", in8(idRSA, null, numbers(t, r.N, big.NewInt(4), r.D, r.Primes[0], r.Primes[1], dp, dq, qinv)), "sign: RSA key with the exponent 4, want an odd one from 3 to 2147483647"},
		{"RSA with a huge exponent", in8(idRSA, null, numbers(t, r.N, huge, r.D, r.Primes[0], r.Primes[1], dp, dq, qinv)), "sign: RSA key with the exponent 18446744073709551617, want an odd one from 3 to 2147483647"},
		{"RSA of other primes", in8(idRSA, null, numbers(t, r.N, e, r.D, r.Primes[1], r.Primes[1], dq, dq, qinv)), apart},
		{"RSA with another d", in8(idRSA, null, numbers(t, r.N, e, new(big.Int).Add(r.D, one), r.Primes[0], r.Primes[1], dp, dq, qinv)), apart},
		{"RSA with another dP", in8(idRSA, null, numbers(t, r.N, e, r.D, r.Primes[0], r.Primes[1], dq, dq, qinv)), apart},
		{"RSA with another qInv", in8(idRSA, null, numbers(t, r.N, e, r.D, r.Primes[0], r.Primes[1], dp, dq, dp)), apart},
		{"RSA with another e", in8(idRSA, null, numbers(t, r.N, big.NewInt(3), r.D, r.Primes[0], r.Primes[1], dp, dq, qinv)), apart},
		{"RSA with large primes", in8(idRSA, null, numbers(t, r.N, e, r.D, large, large, dp, dq, qinv)), apart},
		{"RSA with a large d", in8(idRSA, null, numbers(t, r.N, e, large, r.Primes[0], r.Primes[1], dp, dq, qinv)), apart},
		{"RSA with a negative d", in8(idRSA, null, numbers(t, r.N, e, new(big.Int).Neg(r.D), r.Primes[0], r.Primes[1], dp, dq, qinv)), apart},
		{"RSA with a ninth number", in8(idRSA, null, numbers(t, r.N, e, r.D, r.Primes[0], r.Primes[1], dp, dq, qinv, one)), notPKCS1},
		{"RSA with three primes", in8(idRSA, null, sequence(t, marshal(t, 1), marshal(t, r.N), marshal(t, e))), "sign: RSA private key with more than two primes"},
		{"RSA without parameters", in8(idRSA, nil, x509.MarshalPKCS1PrivateKey(r)), "malformed key: RSA with parameters other than NULL"},
		{"data after the PKCS #1 key", block("RSA PRIVATE KEY", append(x509.MarshalPKCS1PrivateKey(r), 0)), notPKCS1},

		{"OpenSSH's of two keys", changed(t, openSSH(t, edKey()), func(f *sshFile) {
			f.Public = ssh.Marshal(struct {
				Type string
				Key  []byte
			}{"ssh-ed25519", ed25519.NewKeyFromSeed(make([]byte, 32))[32:]})
		}), "sign: the halves of the OpenSSH key do not belong together"},
		{"OpenSSH's with data after it", changed(t, openSSH(t, edKey()), func(f *sshFile) { f.Rest = []byte("x") }), notOpenSSH},
		{"two OpenSSH's", changed(t, openSSH(t, edKey()), func(f *sshFile) { f.Keys = 2 }), "malformed private key: 2 OpenSSH keys, want 1"},
		{"no OpenSSH's", changed(t, openSSH(t, edKey()), func(f *sshFile) { f.Keys = 0 }), "malformed private key: 0 OpenSSH keys, want 1"},
		{"OpenSSH's without a key", changed(t, openSSH(t, edKey()), func(f *sshFile) { f.Private = nil }), notOpenSSH},
		{"OpenSSH's, cut", changed(t, openSSH(t, edKey()), func(f *sshFile) { f.Private = f.Private[:100] }), notOpenSSH},
		{"OpenSSH's of a security key", changed(t, openSSH(t, edKey()), func(f *sshFile) {
			f.Public = ssh.Marshal(struct {
				Type        string
				Key         []byte
				Application string
			}{"sk-ssh-ed25519@openssh.com", edPublic, "ssh:"})
		}), `sign: unsupported key of type "sk-ssh-ed25519@openssh.com", want ssh-ed25519, ecdsa-sha2-nistp256, -nistp384, -nistp521 or ssh-rsa`},

		{"encrypted PKCS #8", encryptedPKCS8(t, edPKCS8), "sign: the private key is encrypted"},
		{"cosign's", sigstoreKey(t, edPKCS8), "sign: the private key is encrypted"},
		{"encrypted OpenSSH", string(pem.EncodeToMemory(lockedSSH(t, "ed25519"))), "sign: the private key is encrypted"},
	} {
		var s sign.SignerVerifier
		var err error
		if spent := allocated(func() { s, err = sign.ParsePrivateKey([]byte(test.in)) }); spent > 4<<20 {
			t.Errorf("%s: %d bytes are allocated", test.name, spent)
		}
		wantError(t, test.name, err, test.want)
		if s != nil {
			t.Errorf("%s: %v beside the error", test.name, s)
		}
		if err == nil {
			continue
		}
		noSecret(t, test.name, err.Error())
		if got, want := errors.Is(err, sign.ErrEncrypted), test.want == "sign: the private key is encrypted"; got != want {
			t.Errorf("%s: is ErrEncrypted: %t", test.name, got)
		}
	}
}

func TestDecryptPrivateKey(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	plain := pkcs8(t, edKey())
	if len(plain)%16 != 0 {
		t.Fatalf("%d bytes are not whole blocks", len(plain))
	}
	p384, r := ecKey(t, elliptic.P384()), rsaKey(t)
	hmac := func(n int) []byte { return marshal(t, algorithm(oid(1, 2, 840, 113549, 2, n), null)) }
	by := func(h func() hash.Hash, prf []byte, size int, id asn1.ObjectIdentifier) string {
		kdf, key := pbkdf2Of(t, h, prf, 3, size)
		return block("ENCRYPTED PRIVATE KEY", pbes2(t, plain, kdf, key, id))
	}
	scryptParams := func(n, r, p int64, more ...[]byte) pkix.AlgorithmIdentifier {
		return algorithm(idScrypt, sequence(t, append([][]byte{marshal(t, []byte("salt")), marshal(t, n), marshal(t, r), marshal(t, p)}, more...)...))
	}
	scryptKey, err := scrypt.Key([]byte(passphrase), []byte("salt"), 16, 8, 1, 32)
	if err != nil {
		t.Fatal(err)
	}
	byScrypt := func(kdf pkix.AlgorithmIdentifier) string {
		return block("ENCRYPTED PRIVATE KEY", pbes2(t, plain, kdf, scryptKey, idAES256))
	}
	box, err := encrypted.EncryptWithCustomKDFParameters(plain, []byte(passphrase), encrypted.Legacy)
	if err != nil {
		t.Fatal(err)
	}
	sigstore := func(change ...string) string {
		text := string(box)
		for i := 0; i < len(change); i += 2 {
			if !strings.Contains(text, change[i]) {
				t.Fatalf("no %s in %s", change[i], text)
			}
			text = strings.Replace(text, change[i], change[i+1], 1)
		}
		return block("ENCRYPTED SIGSTORE PRIVATE KEY", []byte(text))
	}
	locked := lockedSSH(t, "ed25519")
	rounds := func(n uint32) func(f *sshFile) {
		return func(f *sshFile) {
			f.Options = string(ssh.Marshal(struct {
				Salt   []byte
				Rounds uint32
			}{[]byte("salt"), n}))
		}
	}

	for _, test := range []struct {
		name, in string
		public   crypto.PublicKey
	}{
		{"PBKDF2 without a PRF", by(sha1.New, nil, 32, idAES256), edKey().Public()},
		{"PBKDF2 with SHA-1", by(sha1.New, hmac(7), 16, idAES128), edKey().Public()},
		{"PBKDF2 with SHA-224", by(sha256.New224, hmac(8), 16, idAES128), edKey().Public()},
		{"PBKDF2 with SHA-256", by(sha256.New, hmac(9), 24, idAES192), edKey().Public()},
		{"PBKDF2 with SHA-384", by(sha512.New384, hmac(10), 32, idAES256), edKey().Public()},
		{"PBKDF2 with SHA-512", by(sha512.New, hmac(11), 32, idAES256), edKey().Public()},
		{"PBKDF2 with a key length", by(sha256.New, append(marshal(t, 32), hmac(9)...), 32, idAES256), edKey().Public()},
		{"triple DES", by(sha1.New, nil, 24, idDES3), edKey().Public()},
		{"scrypt", byScrypt(scryptParams(16, 8, 1)), edKey().Public()},
		{"scrypt with a key length", byScrypt(scryptParams(16, 8, 1, marshal(t, 32))), edKey().Public()},
		{"P-384", encryptedPKCS8(t, pkcs8(t, p384)), p384.Public()},
		{"RSA", encryptedPKCS8(t, pkcs8(t, r)), r.Public()},
		{"Sigstore", sigstore(), edKey().Public()},
		{"cosign", strings.ReplaceAll(sigstore(), "SIGSTORE", "COSIGN"), edKey().Public()},
		{"Sigstore, P-384", sigstoreKey(t, pkcs8(t, p384)), p384.Public()},
		{"Sigstore with another member", sigstore("{", `{"x":[1],`), edKey().Public()},
		{"OpenSSH", string(pem.EncodeToMemory(locked)), edKey().Public()},
		{"OpenSSH, P-384", string(pem.EncodeToMemory(lockedSSH(t, "p384"))), p384.Public()},
		{"OpenSSH, RSA", string(pem.EncodeToMemory(lockedSSH(t, "rsa"))), r.Public()},
	} {
		s, err := sign.DecryptPrivateKey([]byte(test.in), []byte(passphrase))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got, want := spkiOf(t, s.Public()), spkiOf(t, test.public); !bytes.Equal(got, want) {
			t.Errorf("%s: got the key %x, want %x", test.name, got, want)
		}
		for _, wrong := range []string{"", passphrase + "\n"} {
			if s, err := sign.DecryptPrivateKey([]byte(test.in), []byte(wrong)); s != nil || !errors.Is(err, sign.ErrPassphrase) {
				t.Errorf("%s with the passphrase %q: %v", test.name, wrong, err)
			}
		}
		if _, err := sign.ParsePrivateKey([]byte(test.in)); !errors.Is(err, sign.ErrEncrypted) {
			t.Errorf("%s not decrypted: %v", test.name, err)
		}
	}

	kdf := func(params ...[]byte) string {
		return block("ENCRYPTED PRIVATE KEY", pbes2(t, plain, algorithm(idPBKDF2, sequence(t, params...)), make([]byte, 32), idAES256))
	}
	padded := func(plain []byte) string {
		return block("ENCRYPTED PRIVATE KEY", pbes2Padded(t, plain, scryptParams(16, 8, 1), scryptKey, idAES256))
	}
	salt := marshal(t, []byte("12345678"))
	wrongIV := sequence(t, marshal(t, algorithm(idPBES2, sequence(t,
		marshal(t, algorithm(idPBKDF2, sequence(t, salt, marshal(t, 1)))),
		marshal(t, algorithm(idAES256, marshal(t, []byte("short"))))))), marshal(t, make([]byte, 32)))
	const (
		notPKCS8    = "malformed private key: the PEM block does not hold one in the form of encrypted PKCS #8"
		notSigstore = "malformed private key: the PEM block does not hold one in the form of Sigstore"
		notOpenSSH  = "malformed private key: the PEM block does not hold one in the form of OpenSSH"
		wantScrypt  = ", want N 32768, 65536 or 131072, r 8 and p 1"
	)
	for _, test := range []struct{ name, in, want string }{
		{"nothing", "", "malformed private key: no PEM block"},
		{"public key", block("PUBLIC KEY", spkiOf(t, edKey().Public())), `malformed private key: PEM block "PUBLIC KEY", want ENCRYPTED PRIVATE KEY, OPENSSH PRIVATE KEY, ENCRYPTED SIGSTORE PRIVATE KEY or ENCRYPTED COSIGN PRIVATE KEY`},
		{"not encrypted", block("PRIVATE KEY", plain), "sign: the private key is not encrypted"},
		{"OpenSSH's, not encrypted", string(pem.EncodeToMemory(openSSH(t, edKey()))), "sign: the private key is not encrypted"},

		{"empty", block("ENCRYPTED PRIVATE KEY", nil), notPKCS8},
		{"a plain key", block("ENCRYPTED PRIVATE KEY", plain), notPKCS8},
		{"PBES1", block("ENCRYPTED PRIVATE KEY", sequence(t, marshal(t, algorithm(oid(1, 2, 840, 113549, 1, 12, 1, 3), sequence(t))), marshal(t, plain))), `sign: private key encrypted by the scheme 1.2.840.113549.1.12.1.3, want PBES2: "openssl pkcs8 -topk8" makes it`},
		{"another KDF", byScrypt(algorithm(oid(1, 2, 3), sequence(t, salt))), "sign: private key encrypted by the KDF 1.2.3, want PBKDF2 or scrypt"},
		{"another cipher", block("ENCRYPTED PRIVATE KEY", pbes2(t, plain, scryptParams(16, 8, 1), scryptKey, oid(1, 2, 3))), "sign: private key encrypted with the cipher 1.2.3, want AES or triple DES in CBC mode"},
		{"another HMAC", kdf(salt, marshal(t, 1), marshal(t, algorithm(oid(1, 2, 840, 113549, 2, 6), null))), "sign: private key encrypted by PBKDF2 with 1.2.840.113549.2.6, want HMAC with SHA-1 or SHA-2"},
		{"no iterations", kdf(salt, marshal(t, 0)), notPKCS8},
		{"iterations below zero", kdf(salt, marshal(t, -1)), notPKCS8},
		{"many iterations", kdf(salt, marshal(t, 5_000_001)), "sign: private key encrypted by 5000001 iterations of PBKDF2, at most 5000000 are done"},
		{"iterations without number", kdf(salt, marshal(t, new(big.Int).Lsh(big.NewInt(1), 70))), notPKCS8},
		{"another key length", kdf(salt, marshal(t, 1), marshal(t, 16)), notPKCS8},
		{"a KDF without salt", kdf(marshal(t, 1)), notPKCS8},
		{"more parameters", kdf(salt, marshal(t, 1), hmac(9), null), notPKCS8},
		{"padding of 0", padded(make([]byte, 16)), "sign: wrong passphrase"},
		{"padding longer than a block", padded(bytes.Repeat([]byte{32}, 32)), "sign: wrong passphrase"},
		{"padding of different bytes", padded(append(make([]byte, 15), 16)), "sign: wrong passphrase"},
		{"short IV", block("ENCRYPTED PRIVATE KEY", wrongIV), notPKCS8},
		{"scrypt with much memory", byScrypt(scryptParams(1<<19, 8, 1)), "sign: private key encrypted by scrypt with N 524288, r 8 and p 1, at most 268435456 bytes of memory are used and 1073741824 are filled"},
		{"scrypt with large blocks", byScrypt(scryptParams(16, 1<<30, 1)), "sign: private key encrypted by scrypt with N 16, r 1073741824 and p 1, at most 268435456 bytes of memory are used and 1073741824 are filled"},
		{"scrypt done often", byScrypt(scryptParams(16, 8, 65537)), "sign: private key encrypted by scrypt with N 16, r 8 and p 65537, at most 268435456 bytes of memory are used and 1073741824 are filled"},
		{"scrypt with past an int64", byScrypt(scryptParams(1<<62, 1<<62, 1)), "sign: private key encrypted by scrypt with N 4611686018427387904, r 4611686018427387904 and p 1, at most 268435456 bytes of memory are used and 1073741824 are filled"},
		// Each of the p blocks is in memory from the beginning to the end.
		{"scrypt with many blocks", byScrypt(scryptParams(2, 1, 1<<22)), "sign: private key encrypted by scrypt with N 2, r 1 and p 4194304, at most 268435456 bytes of memory are used and 1073741824 are filled"},
		{"scrypt with large blocks and a small N", byScrypt(scryptParams(2, 1<<20, 4)), "sign: private key encrypted by scrypt with N 2, r 1048576 and p 4, at most 268435456 bytes of memory are used and 1073741824 are filled"},
		{"scrypt without a power of two", byScrypt(scryptParams(15, 8, 1)), notPKCS8},
		{"scrypt with 0 blocks", byScrypt(scryptParams(16, 0, 1)), notPKCS8},
		{"data after the key", block("ENCRYPTED PRIVATE KEY", append([]byte(nil), append(sequence(t, marshal(t, algorithm(idPBES2, sequence(t))), salt), 0)...)), notPKCS8},
		{"X25519 within", encryptedPKCS8(t, info(t, 0, algorithm(oid(1, 3, 101, 110), nil), marshal(t, secret))), "sign: unsupported key for X25519, want one for Ed25519, ECDSA or RSA"},
		{"more padding than a block", padded(append(bytes.Clone(plain), bytes.Repeat([]byte{32}, 32)...)), "sign: wrong passphrase"},
		{"padding of several bytes", padded(append(append(bytes.Clone(plain), make([]byte, 15)...), 16)), "sign: wrong passphrase"},
		{"no padding", padded(info(t, 0, algorithm(idEd, nil), marshal(t, secret), inContext(0, true, make([]byte, 14)))), "sign: wrong passphrase"},
		{"data after the key within", encryptedPKCS8(t, append(bytes.Clone(plain), 0)), "sign: wrong passphrase"},

		{"Sigstore, no JSON", block("ENCRYPTED SIGSTORE PRIVATE KEY", plain), notSigstore},
		{"Sigstore, salt twice", sigstore(`"salt"`, `"salt":"","salt"`), notSigstore},
		{"Sigstore, KDF", sigstore(`"scrypt"`, `"pbkdf2"`), `sign: private key encrypted by "pbkdf2" and "nacl/secretbox", want scrypt and nacl/secretbox`},
		{"Sigstore, KDF in another case", sigstore(`"kdf"`, `"KDF"`), `sign: private key encrypted by "" and "nacl/secretbox", want scrypt and nacl/secretbox`},
		{"Sigstore, cipher", sigstore(`"nacl/secretbox"`, `"none"`), `sign: private key encrypted by "scrypt" and "none", want scrypt and nacl/secretbox`},
		{"Sigstore, nonce", sigstore(`"nonce":"`, `"nonce":"AAAA`), "malformed private key: nonce of 27 bytes, want 24"},
		{"Sigstore, N", sigstore(`32768`, `1073741824`), "sign: private key encrypted by scrypt with N 1073741824, r 8 and p 1" + wantScrypt},
		{"Sigstore, r", sigstore(`"r":8`, `"r":800`), "sign: private key encrypted by scrypt with N 32768, r 800 and p 1" + wantScrypt},
		{"Sigstore, p", sigstore(`"p":1`, `"p":1e3`), "sign: private key encrypted by scrypt with N 32768, r 8 and p 1e3" + wantScrypt},
		{"Sigstore, changed", sigstore(`"ciphertext":"`, `"ciphertext":"AAAA`), "sign: wrong passphrase"},
		{"Sigstore, not PKCS #8", sigstoreKey(t, secret), "malformed private key: the PEM block does not hold one in the form of PKCS #8"},

		{"OpenSSH, many rounds", changed(t, locked, rounds(513)), "sign: OpenSSH key encrypted by 513 rounds of bcrypt, at most 512 are done"},
		{"OpenSSH, all rounds", changed(t, locked, rounds(1<<32-1)), "sign: OpenSSH key encrypted by 4294967295 rounds of bcrypt, at most 512 are done"},
		{"OpenSSH, no rounds", changed(t, locked, rounds(0)), notOpenSSH},
		{"OpenSSH, no salt", changed(t, locked, func(f *sshFile) { f.Options = "\x00\x00\x00\x00\x00\x00\x00\x10" }), notOpenSSH},
		{"OpenSSH, no options", changed(t, locked, func(f *sshFile) { f.Options = "" }), notOpenSSH},
		{"OpenSSH, cipher", changed(t, locked, func(f *sshFile) { f.Cipher = "chacha20-poly1305@openssh.com" }), `sign: OpenSSH key encrypted with "chacha20-poly1305@openssh.com", want aes256-ctr or aes256-cbc`},
		{"OpenSSH, data after it", changed(t, locked, func(f *sshFile) { f.Rest = []byte("x") }), notOpenSSH},
		{"OpenSSH, no cipher", changed(t, locked, func(f *sshFile) { f.Cipher = "none" }), `sign: OpenSSH key encrypted with "none", want aes256-ctr or aes256-cbc`},
		{"OpenSSH, KDF", changed(t, locked, func(f *sshFile) { f.KDF = "scrypt" }), `sign: OpenSSH key encrypted by the KDF "scrypt", want bcrypt`},
		{"OpenSSH, other salt", changed(t, locked, rounds(1)), "sign: wrong passphrase"},
	} {
		start := time.Now()
		s, err := sign.DecryptPrivateKey([]byte(test.in), []byte(passphrase))
		wantError(t, test.name, err, test.want)
		if s != nil {
			t.Errorf("%s: %v beside the error", test.name, s)
		}
		if err == nil {
			continue
		}
		noSecret(t, test.name, err.Error())
		if strings.Contains(err.Error(), "horse") {
			t.Errorf("%s: the error has the passphrase: %v", test.name, err)
		}
		if strings.Contains(test.want, "at most") && time.Since(start) > time.Second {
			t.Errorf("%s: refused after %v", test.name, time.Since(start))
		}
	}
}

func TestParsePublicKey(t *testing.T) {
	p256, p384, p521 := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), ecKey(t, elliptic.P521())
	r := rsaKey(t)
	edPKIX, ecPKIX := spkiOf(t, edKey().Public()), spkiOf(t, p256.Public())
	for _, test := range []struct {
		name, in string
		public   crypto.PublicKey
	}{
		{"Ed25519", block("PUBLIC KEY", edPKIX), edKey().Public()},
		{"P-256", block("PUBLIC KEY", ecPKIX), p256.Public()},
		{"P-384", block("PUBLIC KEY", spkiOf(t, p384.Public())), p384.Public()},
		{"P-521", block("PUBLIC KEY", spkiOf(t, p521.Public())), p521.Public()},
		{"RSA", block("PUBLIC KEY", spkiOf(t, r.Public())), r.Public()},
		{"RSA in PKCS #1", block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&r.PublicKey)), r.Public()},
		{"RSA with the largest exponent", block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: r.N, E: 1<<31 - 1})), &rsa.PublicKey{N: r.N, E: 1<<31 - 1}},
		{"RSA with the exponent 3", block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: r.N, E: 3})), &rsa.PublicKey{N: r.N, E: 3}},
		{"line of Ed25519", sshLine(t, edKey().Public()), edKey().Public()},
		{"line of P-256", sshLine(t, p256.Public()) + " me@example.com", p256.Public()},
		{"line of P-384", sshLine(t, p384.Public()) + " a comment of words\n", p384.Public()},
		{"line of P-521", sshLine(t, p521.Public()) + "\r\n", p521.Public()},
		{"line of RSA", "\n" + sshLine(t, r.Public()) + "\n\n", r.Public()},
	} {
		v, err := sign.ParsePublicKey([]byte(test.in))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got, want := spkiOf(t, v.Public()), spkiOf(t, test.public); !bytes.Equal(got, want) {
			t.Errorf("%s: got the key %x, want %x", test.name, got, want)
		}
		text, err := sign.MarshalPublicKey(v.Public())
		if err != nil || string(text) != block("PUBLIC KEY", spkiOf(t, test.public)) {
			t.Errorf("%s comes back as %s, %v", test.name, text, err)
		}
	}

	offCurve := bytes.Clone(ecPKIX)
	offCurve[len(offCurve)-1] ^= 1
	spki := func(id asn1.ObjectIdentifier, parameters, key []byte) string {
		return block("PUBLIC KEY", sequence(t, marshal(t, algorithm(id, parameters)), marshal(t, asn1.BitString{Bytes: key, BitLength: 8 * len(key)})))
	}
	two := func(n, e *big.Int) []byte { return sequence(t, marshal(t, n), marshal(t, e)) }
	e := big.NewInt(65537)
	squeezed := append([]byte{2}, point(t, p256)[1:33]...)
	line := sshLine(t, edKey().Public())
	// The last letter before the padding has bits that mean nothing.
	looser := strings.TrimSuffix(sshLine(t, p256.Public()), "=")
	looser = looser[:len(looser)-1] + string(looser[len(looser)-1]+1) + "="
	blob := func(name string, fields ...[]byte) string {
		b := ssh.Marshal(struct{ Name string }{name})
		for _, f := range fields {
			b = append(b, ssh.Marshal(struct{ F []byte }{f})...)
		}
		return name + " " + base64.StdEncoding.EncodeToString(b)
	}
	const (
		notPKIX  = "malformed public key: the PEM block does not hold one in PKIX form"
		notLine  = `malformed public key: no PEM block, and no line "ssh-ed25519 AAAA… comment"`
		notRSA   = "malformed public key: the PEM block does not hold an RSA key of two numbers"
		notPoint = "malformed public key: the ECDSA P-256 key is not an uncompressed point on the curve"
		others   = ", want one for Ed25519, ECDSA or RSA"
		curves   = ", want P-256, P-384 or P-521"
		types    = ", want ssh-ed25519, ecdsa-sha2-nistp256, -nistp384, -nistp521 or ssh-rsa"
	)
	for _, test := range []struct{ name, in, want string }{
		{"nothing", "", notLine},
		{"text", "no key", notLine},
		{"private key", block("PRIVATE KEY", pkcs8(t, edKey())), `malformed public key: PEM block "PRIVATE KEY", want PUBLIC KEY or RSA PUBLIC KEY`},
		{"private key by another name", block("PUBLIC KEY", pkcs8(t, edKey())), notPKIX},
		{"certificate", block("CERTIFICATE", edPKIX), `malformed public key: PEM block "CERTIFICATE", want PUBLIC KEY or RSA PUBLIC KEY`},
		{"short Ed25519", spki(idEd, nil, secret[1:]), "sign: Ed25519 key of 31 bytes, want 32"},
		{"Ed25519 of low order", spki(idEd, nil, make([]byte, 32)), "sign: Ed25519 key is a point of low order, with which anybody can sign"},
		{"Ed25519 with parameters", spki(idEd, null, secret), "malformed key: Ed25519 with parameters"},
		{"data after the key", block("PUBLIC KEY", append(bytes.Clone(edPKIX), 0)), notPKIX},
		{"garbage", block("PUBLIC KEY", secret), notPKIX},
		{"X25519", spki(oid(1, 3, 101, 110), nil, secret), "sign: unsupported key for X25519" + others},
		{"DSA", spki(oid(1, 2, 840, 10040, 4, 1), sequence(t), secret), "sign: unsupported key for DSA" + others},
		{"RSASSA-PSS", spki(oid(1, 2, 840, 113549, 1, 1, 10), nil, x509.MarshalPKCS1PublicKey(&r.PublicKey)), "sign: unsupported key for RSASSA-PSS only" + others},
		{"ML-DSA", spki(oid(2, 16, 840, 1, 101, 3, 4, 3, 17), nil, secret), "sign: unsupported key for ML-DSA-44" + others},

		{"not on the curve", block("PUBLIC KEY", offCurve), notPoint},
		{"at infinity", spki(idEC, marshal(t, idP256), []byte{0}), notPoint},
		{"compressed", spki(idEC, marshal(t, idP256), squeezed), notPoint},
		{"point of another curve", spki(idEC, marshal(t, idP256), point(t, p384)), notPoint},
		{"P-224", block("PUBLIC KEY", spkiOf(t, ecKey(t, elliptic.P224()).Public())), "sign: ECDSA key on the curve P-224" + curves},
		{"secp256k1", spki(idEC, marshal(t, oid(1, 3, 132, 0, 10)), point(t, p256)), "sign: ECDSA key on the curve secp256k1" + curves},
		{"explicit curve", spki(idEC, sequence(t, marshal(t, 1)), point(t, p256)), "sign: ECDSA key without a named curve" + curves},

		{"RSA of 1024 bits", spki(idRSA, null, two(new(big.Int).Rsh(r.N, 1024), e)), "sign: RSA key of 1024 bits, want 2048 to 8192"},
		{"RSA of 16384 bits", block("RSA PUBLIC KEY", two(new(big.Int).Lsh(r.N, 14336), e)), "sign: RSA key of 16384 bits, want 2048 to 8192"},
		{"RSA with the exponent 0", spki(idRSA, null, two(r.N, new(big.Int))), "sign: RSA key with the exponent 0, want an odd one from 3 to 2147483647"},
		{"RSA with the exponent 1", spki(idRSA, null, two(r.N, big.NewInt(1))), "sign: RSA key with the exponent 1, want an odd one from 3 to 2147483647"},
		{"RSA with an even exponent", spki(idRSA, null, two(r.N, big.NewInt(65536))), "sign: RSA key with the exponent 65536, want an odd one from 3 to 2147483647"},
		{"RSA with a large exponent", spki(idRSA, null, two(r.N, big.NewInt(1<<31+1))), "sign: RSA key with the exponent 2147483649, want an odd one from 3 to 2147483647"},
		{"RSA with a huge exponent", spki(idRSA, null, two(r.N, new(big.Int).Add(new(big.Int).Lsh(e, 1000), e))), "sign: RSA key with the exponent " + new(big.Int).Add(new(big.Int).Lsh(e, 1000), e).String()[:40] + ", want an odd one from 3 to 2147483647"},
		{"RSA with a negative modulus", spki(idRSA, null, two(new(big.Int).Neg(r.N), e)), "sign: RSA key of 2048 bits, want 2048 to 8192"},
		{"RSA with an even modulus", spki(idRSA, null, two(new(big.Int).Sub(r.N, big.NewInt(1)), e)), "sign: RSA key with an even modulus"},
		{"RSA with one number", block("RSA PUBLIC KEY", sequence(t, marshal(t, r.N))), notRSA},
		{"RSA with three numbers", block("RSA PUBLIC KEY", sequence(t, marshal(t, r.N), marshal(t, e), marshal(t, e))), notRSA},
		{"RSA with data after it", block("RSA PUBLIC KEY", append(two(r.N, e), 0)), notRSA},
		{"RSA without NULL", spki(idRSA, nil, two(r.N, e)), "malformed key: RSA with parameters other than NULL"},

		{"text before", "my key\n" + block("PUBLIC KEY", edPKIX), "malformed public key: data before the PEM block"},
		{"text after", block("PUBLIC KEY", edPKIX) + "x", "malformed public key: data after the PEM block"},
		{"two keys", block("PUBLIC KEY", edPKIX) + block("PUBLIC KEY", ecPKIX), "malformed public key: more than one PEM block"},
		{"a private key too", block("PUBLIC KEY", edPKIX) + block("PRIVATE KEY", pkcs8(t, edKey())), "malformed public key: more than one PEM block"},
		{"headers", strings.Replace(block("PUBLIC KEY", edPKIX), "\n", "\nA: b\n\n", 1), "malformed public key: the PEM block has headers"},
		{"too large", strings.Repeat(" ", sign.MaxKeySize+1), "malformed public key: 65537 bytes, at most 65536 are read"},

		{"two lines", line + "\n" + line, notLine},
		{"line with options", `no-pty ` + line, notLine},
		{"line of another type", strings.Replace(line, "ssh-ed25519", "ssh-rsa", 1), notLine},
		{"line without padding", "ssh-ed25519 " + strings.TrimRight(strings.Fields(line)[1], "=") + "A", notLine},
		{"line with other bits", looser, notLine},
		{"line with a certificate", blob("ssh-ed25519-cert-v01@openssh.com", secret), `sign: unsupported key of type "ssh-ed25519-cert-v01@openssh.com"` + types},
		{"line with a security key", blob("sk-ssh-ed25519@openssh.com", secret, []byte("ssh:")), `sign: unsupported key of type "sk-ssh-ed25519@openssh.com"` + types},
		{"line of DSA", blob("ssh-dss", secret), `sign: unsupported key of type "ssh-dss"` + types},
		{"line of Ed25519 of low order", blob("ssh-ed25519", make([]byte, 32)), "sign: Ed25519 key is a point of low order, with which anybody can sign"},
		{"line of RSA of 1024 bits", blob("ssh-rsa", e.Bytes(), append([]byte{0}, new(big.Int).Rsh(r.N, 1024).Bytes()...)), "sign: RSA key of 1024 bits, want 2048 to 8192"},
		{"line of RSA with a zero more", blob("ssh-rsa", e.Bytes(), append([]byte{0, 0}, r.N.Bytes()...)), notLine},
		{"line with another curve", blob("ecdsa-sha2-nistp256", []byte("nistp256"), point(t, p384)), "malformed public key: ecdsa-sha2-nistp256: ssh: invalid curve point"},
		{"line with data after the key", blob("ssh-ed25519", edPKIX[12:], nil), "malformed public key: ssh-ed25519: ssh: trailing junk in public key"},
	} {
		v, err := sign.ParsePublicKey([]byte(test.in))
		wantError(t, test.name, err, test.want)
		if v != nil {
			t.Errorf("%s: %v beside the error", test.name, v)
		}
		if err != nil && !strings.HasPrefix(test.name, "garbage") {
			noSecret(t, test.name, err.Error())
		}
	}
}

func TestMarshalPrivateKey(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	ed := edKey()
	for _, key := range []crypto.Signer{ed, &ed, ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), ecKey(t, elliptic.P521()), rsaKey(t)} {
		text, err := sign.MarshalPrivateKey(key)
		if err != nil {
			t.Fatalf("%T: %v", key, err)
		}
		s, err := sign.ParsePrivateKey(text)
		if err != nil {
			t.Fatalf("%T: %v", key, err)
		}
		if !bytes.Equal(spkiOf(t, s.Public()), spkiOf(t, key.Public())) {
			t.Errorf("%T comes back as another key", key)
		}
		again, err := sign.MarshalPrivateKey(key)
		if err != nil || !bytes.Equal(text, again) {
			t.Errorf("%T: another text for the same key", key)
		}

		if _, ok := key.(*ecdsa.PrivateKey); ok {
			continue // to encrypt takes long, and what is encrypted is what was written above
		}
		text, err = sign.EncryptPrivateKey(key, []byte(passphrase))
		if err != nil {
			t.Fatalf("%T: %v", key, err)
		}
		noSecret(t, "encrypted", strings.ReplaceAll(string(text), "\n", ""))
		b, _ := pem.Decode(text)
		noSecret(t, "encrypted, decoded", string(b.Bytes))
		if s, err = sign.DecryptPrivateKey(text, []byte(passphrase)); err != nil {
			t.Fatalf("%T: %v", key, err)
		}
		if !bytes.Equal(spkiOf(t, s.Public()), spkiOf(t, key.Public())) {
			t.Errorf("%T comes back from encryption as another key", key)
		}
	}

	other := edKey()
	other[63] ^= 1
	for _, test := range []struct {
		name string
		key  crypto.Signer
		want string
	}{
		{"nothing", nil, "sign: no key"},
		{"nil Ed25519", (*ed25519.PrivateKey)(nil), "sign: no key"},
		{"token", token{Signer: edKey()}, "sign: key is a sign_test.token, want an ed25519.PrivateKey, an *ecdsa.PrivateKey or an *rsa.PrivateKey"},
		{"P-224", ecKey(t, elliptic.P224()), "sign: ECDSA key on another curve than P-256, P-384 or P-521"},
		{"two keys", other, "sign: the halves of the Ed25519 key do not belong together"},
	} {
		text, err := sign.MarshalPrivateKey(test.key)
		wantError(t, test.name, err, test.want)
		if text != nil {
			t.Errorf("%s: %s beside the error", test.name, text)
		}
		text, err = sign.EncryptPrivateKey(test.key, []byte(passphrase))
		wantError(t, test.name+", encrypted", err, test.want)
		if text != nil {
			t.Errorf("%s: %s beside the error", test.name, text)
		}
	}
	_, err := sign.EncryptPrivateKey(edKey(), nil)
	wantError(t, "no passphrase", err, "sign: no passphrase")
}

// keyFiles returns a private key in each form that is read.
func keyFiles(t testing.TB) (plain, locked []string) {
	t.Helper()
	for _, key := range []crypto.Signer{edKey(), ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), ecKey(t, elliptic.P521())} {
		plain = append(plain, block("PRIVATE KEY", pkcs8(t, key)), string(pem.EncodeToMemory(openSSH(t, key))))
		if k, ok := key.(*ecdsa.PrivateKey); ok {
			plain = append(plain, block("EC PRIVATE KEY", sec1(t, k)))
		}
		locked = append(locked, encryptedPKCS8(t, pkcs8(t, key)))
	}
	locked = append(locked, sigstoreKey(t, pkcs8(t, edKey())), string(pem.EncodeToMemory(lockedSSH(t, "ed25519"))))
	return plain, locked
}

func FuzzParsePrivateKey(f *testing.F) {
	plain, locked := keyFiles(f)
	for _, s := range append(append(plain, locked...), "", block("PRIVATE KEY", secret), "-----BEGIN PRIVATE KEY-----\n",
		block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey(f)))) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := sign.ParsePrivateKey(data)
		if err != nil {
			noSecret(t, "the error", err.Error())
			return
		}
		canSign(t, s, data)
	})
}

// canSign checks that what was read signs, and comes back from what it is written
// as.
func canSign(t *testing.T, s sign.SignerVerifier, data []byte) {
	t.Helper()
	sig, err := s.Sign(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(t.Context(), data, sig); err != nil {
		t.Fatal(err)
	}
	text, err := sign.MarshalPublicKey(s.Public())
	if err != nil {
		t.Fatal(err)
	}
	v, err := sign.ParsePublicKey(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Verify(t.Context(), data, sig); err != nil {
		t.Fatal(err)
	}
}

func FuzzDecryptPrivateKey(f *testing.F) {
	plain, locked := keyFiles(f)
	for _, s := range append(locked, "", plain[0], plain[1]) {
		f.Add([]byte(s), passphrase)
	}
	f.Fuzz(func(t *testing.T, data []byte, secretWord string) {
		s, err := sign.DecryptPrivateKey(data, []byte(secretWord))
		if err != nil {
			noSecret(t, "the error", err.Error())
			// A word that the fixed text of an error may have tells nothing.
			if len(secretWord) > 16 && strings.Contains(err.Error(), secretWord) && !bytes.Contains(data, []byte(secretWord)) {
				t.Fatalf("the error has the passphrase: %v", err)
			}
			return
		}
		canSign(t, s, data)
	})
}

// FuzzDecrypted is what a hostile file is once it was decrypted.
func FuzzDecrypted(f *testing.F) {
	for _, key := range []crypto.Signer{edKey(), ecKey(f, elliptic.P256()), ecKey(f, elliptic.P521()), rsaKey(f)} {
		f.Add(pkcs8(f, key))
	}
	f.Add(info(f, 1, algorithm(idEd, nil), marshal(f, secret), inContext(1, false, append([]byte{0}, secret...))))
	f.Add(info(f, 0, algorithm(idEC, marshal(f, idP256)), ec(f, secret, marshal(f, idP256), point(f, ecKey(f, elliptic.P256())))))
	f.Fuzz(func(t *testing.T, der []byte) {
		s, err := sign.DecryptPrivateKey([]byte(encryptedPKCS8(t, der)), []byte(passphrase))
		if err != nil {
			noSecret(t, "the error", err.Error())
			return
		}
		canSign(t, s, der)
		// Who reads it as most do reads the same.
		key, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			t.Fatalf("crypto/x509: %v", err)
		}
		if !bytes.Equal(spkiOf(t, key.(crypto.Signer).Public()), spkiOf(t, s.Public())) {
			t.Fatal("crypto/x509 reads another key")
		}
	})
}

func FuzzParsePublicKey(f *testing.F) {
	for _, key := range []crypto.Signer{edKey(), ecKey(f, elliptic.P256()), ecKey(f, elliptic.P384()), ecKey(f, elliptic.P521()), rsaKey(f)} {
		f.Add([]byte(block("PUBLIC KEY", spkiOf(f, key.Public()))))
		f.Add([]byte(sshLine(f, key.Public()) + " comment\n"))
	}
	f.Add([]byte(block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey(f).PublicKey))))
	f.Add([]byte(""))
	f.Add([]byte(block("PUBLIC KEY", secret)))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := sign.ParsePublicKey(data)
		if err != nil {
			return
		}
		text, err := sign.MarshalPublicKey(v.Public())
		if err != nil {
			t.Fatal(err)
		}
		again, err := sign.ParsePublicKey(text)
		if err != nil {
			t.Fatal(err)
		}
		one, _ := v.KeyID()
		two, _ := again.KeyID()
		if one == "" || one != two {
			t.Fatalf("the key id is %s, and %s after a round trip", one, two)
		}
		if v.Verify(t.Context(), data, data) == nil {
			t.Fatal("data is its own signature")
		}
		// In PEM, who reads it as most do reads the same.
		if b, _ := pem.Decode(data); b != nil && b.Type == "PUBLIC KEY" {
			key, err := x509.ParsePKIXPublicKey(b.Bytes)
			if err != nil {
				t.Fatalf("crypto/x509: %v", err)
			}
			if !bytes.Equal(spkiOf(t, key), spkiOf(t, v.Public())) {
				t.Fatal("crypto/x509 reads another key")
			}
		}
	})
}
