package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ssh"
)

// ErrEncrypted says that a private key is encrypted: [DecryptPrivateKey] reads it.
var ErrEncrypted = errors.New("the private key is encrypted")

// ErrPassphrase says that a private key cannot be decrypted with a passphrase:
// either it is another one, or the file is damaged.
var ErrPassphrase = errors.New("wrong passphrase")

// ParsePrivateKey parses a private key in PEM, for its default [Algorithm]: PKCS #8
// ("PRIVATE KEY"), PKCS #1 ("RSA PRIVATE KEY"), SEC 1 ("EC PRIVATE KEY") or
// OpenSSH's ("OPENSSH PRIVATE KEY"). The error wraps [ErrEncrypted] if the key is
// encrypted in one of the forms that [DecryptPrivateKey] reads.
//
// The key must be one that [NewSigner] takes, and what the file says more than
// once must be the same: a public key beside the private one, the parameters of a
// curve, the numbers that follow from others. Data beside the one PEM block or
// within it is an error, as are headers, by which traditional PEM files were
// encrypted, and data of more than [MaxKeySize]. No error holds any part of the
// private key.
func ParsePrivateKey(data []byte) (SignerVerifier, error) { return Algorithm("").ParsePrivateKey(data) }

// ParsePrivateKey is as the function [ParsePrivateKey], with this algorithm. It is
// an error if the key is for another one.
func (a Algorithm) ParsePrivateKey(data []byte) (SignerVerifier, error) {
	block, err := onlyBlock(data, "private key")
	if err != nil {
		return nil, err
	}
	var key crypto.Signer
	switch block.Type {
	case "PRIVATE KEY":
		key, err = parsePKCS8(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = parsePKCS1(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = parseSEC1(block.Bytes, nil)
	case "OPENSSH PRIVATE KEY":
		key, err = parseOpenSSH(block, nil)
	case "ENCRYPTED PRIVATE KEY", "ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY":
		err = fmt.Errorf("sign: %w", ErrEncrypted)
	default:
		err = blockTypeError("private key", block, "PRIVATE KEY, RSA PRIVATE KEY, EC PRIVATE KEY, OPENSSH PRIVATE KEY or an encrypted one")
	}
	if err != nil {
		return nil, err
	}
	return a.NewSigner(key)
}

// DecryptPrivateKey parses an encrypted private key in PEM, for its default
// [Algorithm]: PKCS #8 ("ENCRYPTED PRIVATE KEY", with PBES2, AES or triple DES in
// CBC mode, and PBKDF2 or scrypt), OpenSSH's ("OPENSSH PRIVATE KEY", with
// aes256-ctr or aes256-cbc) or the one of cosign and Sigstore ("ENCRYPTED SIGSTORE
// PRIVATE KEY" or "ENCRYPTED COSIGN PRIVATE KEY").
//
// The error wraps [ErrPassphrase] if the key is not found with the passphrase,
// which is taken as it is: a newline at its end is part of it. What decrypting
// costs is bounded before it begins, see [MaxPBKDF2Iterations] and the bounds
// beside it, but it cannot be interrupted. A key that is not encrypted is an
// error, so that nobody thinks that it was; otherwise all is as with
// [ParsePrivateKey].
func DecryptPrivateKey(data, passphrase []byte) (SignerVerifier, error) {
	return Algorithm("").DecryptPrivateKey(data, passphrase)
}

// DecryptPrivateKey is as the function [DecryptPrivateKey], with this algorithm. It
// is an error if the key is for another one.
func (a Algorithm) DecryptPrivateKey(data, passphrase []byte) (SignerVerifier, error) {
	block, err := onlyBlock(data, "private key")
	if err != nil {
		return nil, err
	}
	var key crypto.Signer
	switch block.Type {
	case "OPENSSH PRIVATE KEY":
		if passphrase == nil {
			passphrase = []byte{}
		}
		key, err = parseOpenSSH(block, passphrase)
	case "ENCRYPTED PRIVATE KEY", "ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY":
		decrypt := decryptSigstore
		if block.Type == "ENCRYPTED PRIVATE KEY" {
			decrypt = decryptPKCS8
		}
		var plain []byte
		if plain, err = decrypt(block.Bytes, passphrase); err == nil {
			key, err = parsePKCS8(plain)
			clear(plain)
		}
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
		err = errNotEncrypted
	default:
		err = blockTypeError("private key", block, "ENCRYPTED PRIVATE KEY, OPENSSH PRIVATE KEY, ENCRYPTED SIGSTORE PRIVATE KEY or ENCRYPTED COSIGN PRIVATE KEY")
	}
	if err != nil {
		return nil, err
	}
	return a.NewSigner(key)
}

var errNotEncrypted = errors.New("sign: the private key is not encrypted")

// ParsePublicKey parses a public key, for its default [Algorithm]: in PEM, in PKIX
// form ("PUBLIC KEY") or for RSA in that of PKCS #1 ("RSA PUBLIC KEY"), or a line
// of OpenSSH, "ssh-ed25519 AAAA… comment", without options before it. The key must
// be one that [NewVerifier] takes. Data beside the one PEM block or line is an
// error, as are data of more than [MaxKeySize].
//
// A certificate is not read: to trust the key in it, whatever the certificate
// says, take its PublicKey to NewVerifier. Nor is a key that is for RSASSA-PSS
// only, by the identifier in it, which few programs write.
func ParsePublicKey(data []byte) (Verifier, error) { return Algorithm("").ParsePublicKey(data) }

// ParsePublicKey is as the function [ParsePublicKey], with this algorithm. It is an
// error if the key is for another one.
func (a Algorithm) ParsePublicKey(data []byte) (Verifier, error) {
	var key crypto.PublicKey
	var err error
	if len(data) <= MaxKeySize && !bytes.Contains(data, []byte("-----BEGIN ")) {
		key, err = parseLine(strings.TrimSpace(string(data)))
	} else {
		var block *pem.Block
		if block, err = onlyBlock(data, "public key"); err != nil {
			return nil, err
		}
		switch block.Type {
		case "PUBLIC KEY":
			key, err = parsePKIX(block.Bytes)
		case "RSA PUBLIC KEY":
			key, err = parsePKCS1Public(block.Bytes)
		default:
			err = blockTypeError("public key", block, "PUBLIC KEY or RSA PUBLIC KEY")
		}
	}
	if err != nil {
		return nil, err
	}
	return a.NewVerifier(key)
}

// MarshalPublicKey returns key in PEM, in PKIX form, which [ParsePublicKey] reads
// and so does nearly everybody. It is an error if [NewVerifier] does not take the
// key.
func MarshalPublicKey(key crypto.PublicKey) ([]byte, error) {
	if _, _, err := checkPublic(key); err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("sign: public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// MarshalPrivateKey returns key in PEM, as PKCS #8 and not encrypted, which
// [ParsePrivateKey] reads. The key must be one in memory: an ed25519.PrivateKey, an
// *ecdsa.PrivateKey or an *rsa.PrivateKey. Who keeps it in a file must see to it that
// nobody else can read that, as os.WriteFile does with the permissions 0600.
func MarshalPrivateKey(key crypto.Signer) ([]byte, error) {
	der, err := marshalPKCS8(key)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// EncryptPrivateKey returns key in PEM, encrypted as cosign does ("ENCRYPTED
// SIGSTORE PRIVATE KEY": PKCS #8 in a NaCl secret box, whose key scrypt makes of the
// passphrase), which [DecryptPrivateKey] reads, and openssl does not. It takes the
// keys that [MarshalPrivateKey] takes. An empty passphrase is an error. As there is
// a random salt, no two results are the same.
//
// A file with it is as safe as its passphrase is hard to guess, so it too should
// be for its owner only.
func EncryptPrivateKey(key crypto.Signer, passphrase []byte) ([]byte, error) {
	if len(passphrase) == 0 {
		return nil, errors.New("sign: no passphrase")
	}
	der, err := marshalPKCS8(key)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	box, err := encrypted.Encrypt(der, passphrase)
	if err != nil {
		return nil, fmt.Errorf("sign: encrypting a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: box}), nil
}

func marshalPKCS8(key crypto.Signer) ([]byte, error) {
	key, err := checkPrivate(key)
	if err != nil {
		return nil, err
	}
	switch key.(type) {
	case ed25519.PrivateKey, *ecdsa.PrivateKey, *rsa.PrivateKey:
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, errors.New("sign: the private key has no PKCS #8 form")
		}
		return der, nil
	}
	return nil, fmt.Errorf("sign: key is a %T, want an ed25519.PrivateKey, an *ecdsa.PrivateKey or an *rsa.PrivateKey", key)
}

func onlyBlock(data []byte, what string) (*pem.Block, error) {
	if len(data) > MaxKeySize {
		return nil, fmt.Errorf("malformed %s: %d bytes, at most %d are read", what, len(data), MaxKeySize)
	}
	block, rest := pem.Decode(data)
	switch {
	case block == nil:
		return nil, fmt.Errorf("malformed %s: no PEM block", what)
	case block.Type == "EC PARAMETERS": // before the key, which repeats them
		return nil, fmt.Errorf("malformed %s: PEM block \"EC PARAMETERS\": \"openssl ecparam -noout\" leaves it out, \"openssl pkey\" takes it away", what)
	case bytes.Count(data, []byte("-----BEGIN ")) > 1:
		// Counted, because encoding/pem passes over a block that is broken.
		return nil, fmt.Errorf("malformed %s: more than one PEM block", what)
	case !bytes.HasPrefix(bytes.TrimSpace(data), []byte("-----BEGIN ")):
		return nil, fmt.Errorf("malformed %s: data before the PEM block", what)
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, fmt.Errorf("malformed %s: data after the PEM block", what)
	case block.Headers["Proc-Type"] != "":
		// One round of MD5 stands between the passphrase and the cipher's key.
		return nil, fmt.Errorf("malformed %s: the PEM block is encrypted by its headers, which protects little and is not read: \"openssl pkcs8 -topk8\" makes another form of it", what)
	case len(block.Headers) > 0:
		return nil, fmt.Errorf("malformed %s: the PEM block has headers", what)
	}
	return block, nil
}

func blockTypeError(what string, block *pem.Block, want string) error {
	return fmt.Errorf("malformed %s: PEM block %.40q, want %s", what, block.Type, want)
}

// What the parsers below make of a private key does not say why it is malformed:
// the errors of those they call could quote the key.
func malformedPrivate(form string) error {
	return fmt.Errorf("malformed private key: the PEM block does not hold one in the form of %s", form)
}

// parsePKCS8 parses RFC 5958's
//
//	OneAsymmetricKey ::= SEQUENCE {
//	    version                  INTEGER { v1(0), v2(1) },
//	    privateKeyAlgorithm      AlgorithmIdentifier,
//	    privateKey               OCTET STRING,
//	    attributes           [0] SET OF Attribute OPTIONAL,
//	    publicKey            [1] BIT STRING OPTIONAL }
//
// crypto/x509 would pass over what follows the private key.
func parsePKCS8(data []byte) (crypto.Signer, error) {
	malformed := malformedPrivate("PKCS #8")
	in := cryptobyte.String(data)
	var info, attributes, public, private cryptobyte.String
	var version uint
	var hasAttributes, hasPublic bool
	if !in.ReadASN1(&info, der.SEQUENCE) || !in.Empty() || !info.ReadASN1Integer(&version) {
		return nil, malformed
	}
	id, err := readAlgorithm(&info)
	if err != nil {
		return nil, malformed
	}
	if !info.ReadASN1(&private, der.OCTET_STRING) ||
		!info.ReadOptionalASN1(&attributes, &hasAttributes, der.Tag(0).ContextSpecific().Constructed()) ||
		!info.ReadOptionalASN1(&public, &hasPublic, der.Tag(1).ContextSpecific()) ||
		!info.Empty() || version > 1 || hasPublic && version != 1 {
		return nil, malformed
	}
	kind, err := id.kind()
	if err != nil {
		return nil, err
	}
	var key crypto.Signer
	var half []byte // as publicKey has it
	switch kind {
	case kindEd25519:
		var seed cryptobyte.String
		if !private.ReadASN1(&seed, der.OCTET_STRING) || !private.Empty() || len(seed) != ed25519.SeedSize {
			return nil, malformed
		}
		k := ed25519.NewKeyFromSeed(seed)
		key, half = k, k[ed25519.SeedSize:]
	case kindRSA:
		k, err := parsePKCS1(private)
		if err != nil {
			return nil, err
		}
		key, half = k, x509.MarshalPKCS1PublicKey(&k.PublicKey)
	default:
		k, err := parseSEC1(private, kind.curve())
		if err != nil {
			return nil, err
		}
		if half, err = k.PublicKey.Bytes(); err != nil {
			return nil, malformed
		}
		key = k
	}
	// A BIT STRING begins with the number of bits that its last byte lacks.
	if hasPublic && !bytes.Equal(public, append([]byte{0}, half...)) {
		return nil, fmt.Errorf("sign: the halves of the %s key do not belong together", kind)
	}
	return key, nil
}

// parsePKCS1 parses the RSAPrivateKey of RFC 8017, appendix A.1.2.
func parsePKCS1(data []byte) (*rsa.PrivateKey, error) {
	malformed := malformedPrivate("PKCS #1")
	in := cryptobyte.String(data)
	var numbers cryptobyte.String
	var version uint
	n, e := new(big.Int), new(big.Int)
	if !in.ReadASN1(&numbers, der.SEQUENCE) || !in.Empty() || !numbers.ReadASN1Integer(&version) ||
		!numbers.ReadASN1Integer(n) || !numbers.ReadASN1Integer(e) {
		return nil, malformed
	}
	if version != 0 {
		return nil, errors.New("sign: RSA private key with more than two primes")
	}
	if err := checkRSA(n, e); err != nil {
		return nil, err
	}
	apart := errors.New("sign: the numbers of the RSA private key do not belong together")
	// No number can be above n; crypto/x509 would calculate with any.
	for i := new(big.Int); numbers.PeekASN1Tag(der.INTEGER); {
		if !numbers.ReadASN1Integer(i) {
			return nil, malformed
		}
		if i.CmpAbs(n) > 0 {
			return nil, apart
		}
	}
	key, err := x509.ParsePKCS1PrivateKey(data)
	if err != nil {
		return nil, apart
	}
	// There is one way to write a key, so nothing was passed over.
	if !bytes.Equal(x509.MarshalPKCS1PrivateKey(key), data) {
		return nil, malformed
	}
	return key, nil
}

// parseSEC1 parses the ECPrivateKey of RFC 5915:
//
//	ECPrivateKey ::= SEQUENCE {
//	    version        INTEGER { ecPrivkeyVer1(1) },
//	    privateKey     OCTET STRING,
//	    parameters [0] OBJECT IDENTIFIER OPTIONAL,
//	    publicKey  [1] BIT STRING OPTIONAL }
//
// The curve is nil if the parameters must tell it.
func parseSEC1(data []byte, curve elliptic.Curve) (*ecdsa.PrivateKey, error) {
	malformed := malformedPrivate("SEC 1")
	in := cryptobyte.String(data)
	var fields, number, parameters, public cryptobyte.String
	var version uint
	var hasParameters, hasPublic bool
	if !in.ReadASN1(&fields, der.SEQUENCE) || !in.Empty() || !fields.ReadASN1Integer(&version) || version != 1 ||
		!fields.ReadASN1(&number, der.OCTET_STRING) ||
		!fields.ReadOptionalASN1(&parameters, &hasParameters, der.Tag(0).ContextSpecific().Constructed()) ||
		!fields.ReadOptionalASN1(&public, &hasPublic, der.Tag(1).ContextSpecific().Constructed()) ||
		!fields.Empty() {
		return nil, malformed
	}
	if hasParameters {
		kind, err := curveKind(parameters)
		if err != nil {
			return nil, err
		}
		if curve != nil && curve != kind.curve() {
			return nil, fmt.Errorf("sign: ECDSA private key on two curves, %s and %s", curve.Params().Name, kind.curve().Params().Name)
		}
		curve = kind.curve()
	}
	if curve == nil {
		return nil, errors.New("malformed private key: ECDSA key without a curve")
	}
	// Some programs leave out the zeros that the number begins with.
	size := (curve.Params().BitSize + 7) / 8
	if len(number) > size {
		return nil, malformed
	}
	key, err := ecdsa.ParseRawPrivateKey(curve, append(make([]byte, size-len(number)), number...))
	if err != nil {
		return nil, errors.New("sign: the number of the ECDSA private key is not from 1 to the order of its curve")
	}
	if hasPublic {
		var point []byte
		if !public.ReadASN1BitStringAsBytes(&point) || !public.Empty() {
			return nil, malformed
		}
		half, err := key.PublicKey.Bytes()
		if err != nil {
			return nil, malformed
		}
		if !bytes.Equal(point, half) && !bytes.Equal(point, compressed(half)) {
			return nil, errors.New("sign: the halves of the ECDSA key do not belong together")
		}
	}
	return key, nil
}

// compressed returns an uncompressed point in the other form of SEC 1, section
// 2.3.3: whether y is odd, and x.
func compressed(point []byte) []byte {
	x := point[1 : 1+(len(point)-1)/2]
	return append([]byte{2 | point[len(point)-1]&1}, x...)
}

// parseOpenSSH parses OpenSSH's own form, PROTOCOL.key of its source. It is an error
// if the key is encrypted and passphrase is nil, or it is not and passphrase is
// not nil.
func parseOpenSSH(block *pem.Block, passphrase []byte) (crypto.Signer, error) {
	malformed := malformedPrivate("OpenSSH")
	const magic = "openssh-key-v1\x00"
	var file struct {
		Cipher, KDF, Options string
		Keys                 uint32
		Public, Private      []byte
		Rest                 []byte `ssh:"rest"`
	}
	in, ok := bytes.CutPrefix(block.Bytes, []byte(magic))
	if !ok || ssh.Unmarshal(in, &file) != nil {
		return nil, malformed
	}
	if file.Keys != 1 {
		return nil, fmt.Errorf("malformed private key: %d OpenSSH keys, want 1", file.Keys)
	}
	text := pem.EncodeToMemory(block)
	var key any
	var err error
	switch {
	case file.Cipher == "none" && file.KDF == "none":
		if len(file.Rest) > 0 {
			return nil, malformed
		}
		if passphrase != nil {
			return nil, errNotEncrypted
		}
		key, err = ssh.ParseRawPrivateKey(text)
	case passphrase == nil:
		return nil, fmt.Errorf("sign: %w", ErrEncrypted)
	default:
		// The cost is bounded before it is paid.
		var kdf struct {
			Salt   []byte
			Rounds uint32
		}
		if file.KDF != "bcrypt" {
			return nil, fmt.Errorf("sign: OpenSSH key encrypted by the KDF %.40q, want bcrypt", file.KDF)
		}
		if file.Cipher != "aes256-ctr" && file.Cipher != "aes256-cbc" {
			return nil, fmt.Errorf("sign: OpenSSH key encrypted with %.40q, want aes256-ctr or aes256-cbc", file.Cipher)
		}
		// What follows the key is the tag of other ciphers.
		if len(file.Rest) > 0 || ssh.Unmarshal([]byte(file.Options), &kdf) != nil || len(kdf.Salt) == 0 || kdf.Rounds == 0 {
			return nil, malformed
		}
		if kdf.Rounds > MaxBcryptRounds {
			return nil, fmt.Errorf("sign: OpenSSH key encrypted by %d rounds of bcrypt, at most %d are done", kdf.Rounds, MaxBcryptRounds)
		}
		if len(passphrase) == 0 {
			return nil, fmt.Errorf("sign: %w", ErrPassphrase)
		}
		if key, err = ssh.ParseRawPrivateKeyWithPassphrase(text, passphrase); errors.Is(err, x509.IncorrectPasswordError) {
			return nil, fmt.Errorf("sign: %w", ErrPassphrase)
		}
	}
	clear(text)
	// What is within, its parser checks itself, so these are for their words only.
	outer, outerErr := ssh.ParsePublicKey(file.Public)
	if outerErr == nil {
		if err := checkLineType(outer.Type()); err != nil {
			return nil, err
		}
		if k, ok := outer.(ssh.CryptoPublicKey); ok {
			if _, _, err := checkPublic(k.CryptoPublicKey()); err != nil {
				return nil, err
			}
		}
	}
	if err != nil || outerErr != nil {
		return nil, malformed
	}
	var signer crypto.Signer
	switch k := key.(type) {
	case *ed25519.PrivateKey:
		signer = *k
	case *ecdsa.PrivateKey:
		signer = k
	case *rsa.PrivateKey:
		signer = k
	default:
		return nil, malformed
	}
	// The file has the public key outside of what is encrypted, too.
	public, err := ssh.NewPublicKey(signer.Public())
	if err != nil {
		return nil, malformed
	}
	if !bytes.Equal(public.Marshal(), file.Public) {
		return nil, errors.New("sign: the halves of the OpenSSH key do not belong together")
	}
	return signer, nil
}

// parsePKIX parses RFC 5280's
//
//	SubjectPublicKeyInfo ::= SEQUENCE {
//	    algorithm         AlgorithmIdentifier,
//	    subjectPublicKey  BIT STRING }
func parsePKIX(data []byte) (crypto.PublicKey, error) {
	malformed := errors.New("malformed public key: the PEM block does not hold one in PKIX form")
	in := cryptobyte.String(data)
	var info cryptobyte.String
	var public []byte
	if !in.ReadASN1(&info, der.SEQUENCE) || !in.Empty() {
		return nil, malformed
	}
	id, err := readAlgorithm(&info)
	if err != nil || !info.ReadASN1BitStringAsBytes(&public) || !info.Empty() {
		return nil, malformed
	}
	kind, err := id.kind()
	if err != nil {
		return nil, err
	}
	switch kind {
	case kindEd25519:
		return ed25519.PublicKey(public), nil
	case kindRSA:
		return parsePKCS1Public(public)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(kind.curve(), public)
	if err != nil {
		return nil, fmt.Errorf("malformed public key: the %s key is not an uncompressed point on the curve", kind)
	}
	return key, nil
}

// parsePKCS1Public parses the RSAPublicKey of RFC 8017, appendix A.1.1.
func parsePKCS1Public(data []byte) (*rsa.PublicKey, error) {
	in := cryptobyte.String(data)
	var numbers cryptobyte.String
	n, e := new(big.Int), new(big.Int)
	if !in.ReadASN1(&numbers, der.SEQUENCE) || !in.Empty() ||
		!numbers.ReadASN1Integer(n) || !numbers.ReadASN1Integer(e) || !numbers.Empty() {
		return nil, errors.New("malformed public key: the PEM block does not hold an RSA key of two numbers")
	}
	if err := checkRSA(n, e); err != nil {
		return nil, err
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

// parseLine parses a line of OpenSSH's authorized_keys or of a .pub file.
func parseLine(text string) (crypto.PublicKey, error) {
	malformed := errors.New(`malformed public key: no PEM block, and no line "ssh-ed25519 AAAA… comment"`)
	fields := strings.SplitN(text, " ", 3)
	if strings.ContainsAny(text, "\r\n") || len(fields) < 2 {
		return nil, malformed
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(fields[1])
	if err != nil {
		return nil, malformed
	}
	var head struct {
		Type string
		Rest []byte `ssh:"rest"`
	}
	if ssh.Unmarshal(blob, &head) != nil || head.Type != fields[0] {
		return nil, malformed
	}
	if err := checkLineType(head.Type); err != nil {
		return nil, err
	}
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return nil, fmt.Errorf("malformed public key: %s: %w", head.Type, err)
	}
	of, ok := key.(ssh.CryptoPublicKey)
	if !ok || !bytes.Equal(key.Marshal(), blob) {
		return nil, malformed
	}
	return of.CryptoPublicKey(), nil
}

func checkLineType(name string) error {
	switch name {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSA:
		return nil
	}
	return fmt.Errorf("sign: unsupported key of type %.60q, want ssh-ed25519, ecdsa-sha2-nistp256, -nistp384, -nistp521 or ssh-rsa", name)
}

// identifier is an AlgorithmIdentifier of RFC 5280: what a key is for.
type identifier struct {
	algorithm  asn1.ObjectIdentifier
	parameters cryptobyte.String // all of them in DER; empty if absent
}

func readAlgorithm(in *cryptobyte.String) (id identifier, err error) {
	var fields cryptobyte.String
	if !in.ReadASN1(&fields, der.SEQUENCE) || !fields.ReadASN1ObjectIdentifier(&id.algorithm) {
		return identifier{}, errors.New("malformed algorithm")
	}
	id.parameters = fields
	var one cryptobyte.String
	var tag der.Tag
	if !fields.Empty() && (!fields.ReadAnyASN1(&one, &tag) || !fields.Empty()) {
		return identifier{}, errors.New("malformed algorithm")
	}
	return id, nil
}

// kind returns the kind of the key that id stands before.
func (id identifier) kind() (kind, error) {
	is := func(oid ...int) bool { return slices.Equal(id.algorithm, oid) }
	null := cryptobyte.String{byte(der.NULL), 0}
	name := "of the algorithm " + id.algorithm.String()
	switch {
	case is(1, 3, 101, 112): // RFC 8410: parameters are absent
		if !id.parameters.Empty() {
			return "", errors.New("malformed key: Ed25519 with parameters")
		}
		return kindEd25519, nil
	case is(1, 2, 840, 113549, 1, 1, 1): // RFC 3279: parameters are NULL
		if !bytes.Equal(id.parameters, null) {
			return "", errors.New("malformed key: RSA with parameters other than NULL")
		}
		return kindRSA, nil
	case is(1, 2, 840, 10045, 2, 1):
		return curveKind(id.parameters)
	case is(1, 2, 840, 113549, 1, 1, 10):
		name = "for RSASSA-PSS only"
	case is(1, 2, 840, 10040, 4, 1):
		name = "for DSA"
	case is(1, 3, 101, 110):
		name = "for X25519"
	case is(1, 3, 101, 111):
		name = "for X448"
	case is(1, 3, 101, 113):
		name = "for Ed448"
	case is(2, 16, 840, 1, 101, 3, 4, 3, 17):
		name = "for ML-DSA-44"
	case is(2, 16, 840, 1, 101, 3, 4, 3, 18):
		name = "for ML-DSA-65"
	case is(2, 16, 840, 1, 101, 3, 4, 3, 19):
		name = "for ML-DSA-87"
	}
	return "", fmt.Errorf("sign: unsupported key %s, want one for Ed25519, ECDSA or RSA", name)
}

// curveKind returns the kind of keys on the curve of ECDSA parameters.
func curveKind(parameters cryptobyte.String) (kind, error) {
	var oid asn1.ObjectIdentifier
	if !parameters.ReadASN1ObjectIdentifier(&oid) || !parameters.Empty() {
		return "", errors.New("sign: ECDSA key without a named curve, want P-256, P-384 or P-521")
	}
	is := func(want ...int) bool { return slices.Equal(oid, want) }
	name := oid.String()
	switch {
	case is(1, 2, 840, 10045, 3, 1, 7):
		return kindP256, nil
	case is(1, 3, 132, 0, 34):
		return kindP384, nil
	case is(1, 3, 132, 0, 35):
		return kindP521, nil
	case is(1, 3, 132, 0, 33):
		name = "P-224"
	case is(1, 3, 132, 0, 10):
		name = "secp256k1"
	}
	return "", fmt.Errorf("sign: ECDSA key on the curve %s, want P-256, P-384 or P-521", name)
}
