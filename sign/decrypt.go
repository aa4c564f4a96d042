package sign

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"fmt"
	"hash"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/nacl/secretbox"
	"golang.org/x/crypto/scrypt"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// decryptPKCS8 decrypts RFC 5958's
//
//	EncryptedPrivateKeyInfo ::= SEQUENCE {
//	    encryptionAlgorithm  AlgorithmIdentifier,
//	    encryptedData        OCTET STRING }
//
// whose algorithm is the PBES2 of RFC 8018, appendix A.4.
//
//	PBES2-params ::= SEQUENCE {
//	    keyDerivationFunc  AlgorithmIdentifier,
//	    encryptionScheme   AlgorithmIdentifier }
func decryptPKCS8(data, passphrase []byte) ([]byte, error) {
	malformed := malformedPrivate("encrypted PKCS #8")
	in := cryptobyte.String(data)
	var info, params, iv, encrypted cryptobyte.String
	if !in.ReadASN1(&info, der.SEQUENCE) || !in.Empty() {
		return nil, malformed
	}
	scheme, err := readAlgorithm(&info)
	if err != nil || !info.ReadASN1(&encrypted, der.OCTET_STRING) || !info.Empty() {
		return nil, malformed
	}
	if !scheme.algorithm.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}) {
		return nil, fmt.Errorf("sign: private key encrypted by the scheme %s, want PBES2: \"openssl pkcs8 -topk8\" makes it", scheme.algorithm)
	}
	if !scheme.parameters.ReadASN1(&params, der.SEQUENCE) {
		return nil, malformed
	}
	kdf, err := readAlgorithm(&params)
	if err != nil {
		return nil, malformed
	}
	enc, err := readAlgorithm(&params)
	if err != nil || !params.Empty() || !enc.parameters.ReadASN1(&iv, der.OCTET_STRING) || !enc.parameters.Empty() {
		return nil, malformed
	}

	var newCipher func([]byte) (cipher.Block, error)
	var size int
	is := func(oid ...int) bool { return slices.Equal(enc.algorithm, oid) }
	switch {
	case is(2, 16, 840, 1, 101, 3, 4, 1, 2):
		newCipher, size = aes.NewCipher, 16
	case is(2, 16, 840, 1, 101, 3, 4, 1, 22):
		newCipher, size = aes.NewCipher, 24
	case is(2, 16, 840, 1, 101, 3, 4, 1, 42):
		newCipher, size = aes.NewCipher, 32
	case is(1, 2, 840, 113549, 3, 7): // what OpenSSL before 1.1 took
		newCipher, size = des.NewTripleDESCipher, 24
	default:
		return nil, fmt.Errorf("sign: private key encrypted with the cipher %s, want AES or triple DES in CBC mode", enc.algorithm)
	}
	key, err := kdf.derive(passphrase, size)
	if err != nil {
		return nil, err
	}
	block, err := newCipher(key)
	if err != nil {
		return nil, malformed
	}
	n := block.BlockSize()
	if len(iv) != n || len(encrypted) == 0 || len(encrypted)%n != 0 {
		return nil, malformed
	}
	plain := make([]byte, len(encrypted))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, encrypted)
	// Another passphrase leaves noise, in which neither the padding of RFC 8018,
	// section 6.1.1, is likely nor one sequence that is as long as all the rest.
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > n {
		return nil, fmt.Errorf("sign: %w", ErrPassphrase)
	}
	for _, b := range plain[len(plain)-pad:] {
		if int(b) != pad {
			return nil, fmt.Errorf("sign: %w", ErrPassphrase)
		}
	}
	plain = plain[:len(plain)-pad]
	var all cryptobyte.String
	if rest := cryptobyte.String(plain); !rest.ReadASN1(&all, der.SEQUENCE) || !rest.Empty() {
		return nil, fmt.Errorf("sign: %w", ErrPassphrase)
	}
	return plain, nil
}

// derive makes a key of size bytes of a passphrase, if it does not cost too much.
func (id identifier) derive(passphrase []byte, size int) ([]byte, error) {
	malformed := malformedPrivate("encrypted PKCS #8")
	in := id.parameters
	var params, salt cryptobyte.String
	if !in.ReadASN1(&params, der.SEQUENCE) || !in.Empty() || !params.ReadASN1(&salt, der.OCTET_STRING) {
		return nil, malformed
	}
	// A key length that is written down must be the cipher's.
	length := func() bool {
		var n int64
		return !params.PeekASN1Tag(der.INTEGER) || params.ReadASN1Integer(&n) && n == int64(size)
	}
	switch is := func(oid ...int) bool { return slices.Equal(id.algorithm, oid) }; {
	case is(1, 2, 840, 113549, 1, 5, 12):
		// PBKDF2-params ::= SEQUENCE { salt OCTET STRING, iterationCount INTEGER,
		// keyLength INTEGER OPTIONAL, prf AlgorithmIdentifier DEFAULT hmacWithSHA1 }
		var iterations int64
		if !params.ReadASN1Integer(&iterations) || iterations < 1 || !length() {
			return nil, malformed
		}
		if iterations > MaxPBKDF2Iterations {
			return nil, fmt.Errorf("sign: private key encrypted by %d iterations of PBKDF2, at most %d are done", iterations, MaxPBKDF2Iterations)
		}
		h := sha1.New
		if !params.Empty() {
			prf, err := readAlgorithm(&params)
			if err != nil || !params.Empty() {
				return nil, malformed
			}
			if h = prf.hmac(); h == nil {
				return nil, fmt.Errorf("sign: private key encrypted by PBKDF2 with %s, want HMAC with SHA-1 or SHA-2", prf.algorithm)
			}
		}
		key, err := pbkdf2.Key(h, string(passphrase), salt, int(iterations), size)
		if err != nil {
			return nil, fmt.Errorf("sign: PBKDF2: %w", err)
		}
		return key, nil
	case is(1, 3, 6, 1, 4, 1, 11591, 4, 11):
		// RFC 7914, section 7: scrypt-params ::= SEQUENCE { salt OCTET STRING,
		// costParameter INTEGER, blockSize INTEGER, parallelizationParameter INTEGER,
		// keyLength INTEGER OPTIONAL }
		var n, r, p int64
		if !params.ReadASN1Integer(&n) || !params.ReadASN1Integer(&r) || !params.ReadASN1Integer(&p) || !length() || !params.Empty() ||
			n < 2 || n&(n-1) != 0 || r < 1 || p < 1 {
			return nil, malformed
		}
		// Divided, because the product could be past an int64. Beside its table,
		// scrypt has p blocks in memory.
		if n > MaxScryptMemory/128 || r > MaxScryptMemory/128/n || p > MaxScryptWork/128/n/r || r*p > MaxScryptMemory/128/64 {
			return nil, fmt.Errorf("sign: private key encrypted by scrypt with N %d, r %d and p %d, at most %d bytes of memory are used and %d are filled", n, r, p, MaxScryptMemory, MaxScryptWork)
		}
		key, err := scrypt.Key(passphrase, salt, int(n), int(r), int(p), size)
		if err != nil {
			return nil, fmt.Errorf("sign: scrypt: %w", err)
		}
		return key, nil
	}
	return nil, fmt.Errorf("sign: private key encrypted by the KDF %s, want PBKDF2 or scrypt", id.algorithm)
}

// hmac returns the hash of the HMAC that id names, or nil.
func (id identifier) hmac() func() hash.Hash {
	if len(id.parameters) > 0 && !slices.Equal(id.parameters, []byte{byte(der.NULL), 0}) {
		return nil
	}
	prefix := asn1.ObjectIdentifier{1, 2, 840, 113549, 2}
	if len(id.algorithm) != len(prefix)+1 || !id.algorithm[:len(prefix)].Equal(prefix) {
		return nil
	}
	switch id.algorithm[len(prefix)] {
	case 7:
		return sha1.New
	case 8:
		return sha256.New224
	case 9:
		return sha256.New
	case 10:
		return sha512.New384
	case 11:
		return sha512.New
	}
	return nil
}

// decryptSigstore decrypts what go-securesystemslib's package encrypted writes:
//
//	{"kdf":{"name":"scrypt","params":{"N":65536,"r":8,"p":1},"salt":"<base64>"},
//	 "cipher":{"name":"nacl/secretbox","nonce":"<base64>"},"ciphertext":"<base64>"}
//
// That package would read members twice, and in any case.
func decryptSigstore(data, passphrase []byte) ([]byte, error) {
	var kdfName, cipherName string
	var n, r, p string
	var salt, nonce, sealed []byte
	err := strictjson.Read(data, func(in *strictjson.Reader) error {
		number := func(to *string) error {
			v, err := in.Number()
			*to = v.String()
			return err
		}
		return in.Object(func(name string) (err error) {
			switch name {
			case "kdf":
				return in.Object(func(name string) (err error) {
					switch name {
					case "name":
						kdfName, err = in.String()
						return err
					case "params":
						return in.Object(func(name string) error {
							switch name {
							case "N":
								return number(&n)
							case "r":
								return number(&r)
							case "p":
								return number(&p)
							}
							return in.Skip()
						})
					case "salt":
						salt, err = decode(in)
						return err
					}
					return in.Skip()
				})
			case "cipher":
				return in.Object(func(name string) (err error) {
					switch name {
					case "name":
						cipherName, err = in.String()
						return err
					case "nonce":
						nonce, err = decode(in)
						return err
					}
					return in.Skip()
				})
			case "ciphertext":
				sealed, err = decode(in)
				return err
			}
			return in.Skip()
		})
	})
	if err != nil {
		return nil, malformedPrivate("Sigstore")
	}
	if kdfName != "scrypt" || cipherName != "nacl/secretbox" {
		return nil, fmt.Errorf("sign: private key encrypted by %.40q and %.40q, want scrypt and nacl/secretbox", kdfName, cipherName)
	}
	if len(nonce) != 24 {
		return nil, fmt.Errorf("malformed private key: nonce of %d bytes, want 24", len(nonce))
	}
	// The three strengths that the package writes, and the only ones that it reads.
	cost := 0
	switch n {
	case "32768":
		cost = 1 << 15
	case "65536":
		cost = 1 << 16
	case "131072":
		cost = 1 << 17
	}
	if cost == 0 || r != "8" || p != "1" {
		return nil, fmt.Errorf("sign: private key encrypted by scrypt with N %.20s, r %.20s and p %.20s, want N 32768, 65536 or 131072, r 8 and p 1", n, r, p)
	}
	key, err := scrypt.Key(passphrase, salt, cost, 8, 1, 32)
	if err != nil {
		return nil, fmt.Errorf("sign: scrypt: %w", err)
	}
	plain, ok := secretbox.Open(nil, sealed, (*[24]byte)(nonce), (*[32]byte)(key))
	if !ok {
		return nil, fmt.Errorf("sign: %w", ErrPassphrase)
	}
	return plain, nil
}
