package keyless

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const (
	// rekorHost is the name of the log in its checkpoints, and so the host of
	// its URL in the trusted root, wherever it is reached.
	rekorHost = "rekor.hallmark.example"

	operator = "hallmark.example"
)

// keys are what the services sign with.
type keys struct {
	fulcio, tsa *authority
	rekor       ed25519.PrivateKey
	ctLog       *ctLog
	since       time.Time
}

// An authority is a key with its certificate, an intermediate's and a root's, in
// this order.
type authority struct {
	key   *ecdsa.PrivateKey
	chain []*x509.Certificate
}

// newKeys makes the keys, and leaves in dir those that the services need.
func newKeys(t testing.TB, dir string, now time.Time) *keys {
	t.Helper()
	// Long enough ago for certificates and timestamps that are old.
	k := &keys{since: now.AddDate(0, 0, -1), ctLog: &ctLog{key: newKey(t)}}
	k.ctLog.id = sha256.Sum256(marshal(t, k.ctLog.key.Public()))
	k.fulcio = newAuthority(t, "Fulcio", x509.ExtKeyUsageCodeSigning, true, k.since)
	k.tsa = newAuthority(t, "TSA", x509.ExtKeyUsageTimeStamping, false, k.since)
	var err error
	if _, k.rekor, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	write := func(name string, blocks ...*pem.Block) {
		var text bytes.Buffer
		for _, b := range blocks {
			pem.Encode(&text, b)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	private := func(key crypto.Signer) *pem.Block {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return &pem.Block{Type: "PRIVATE KEY", Bytes: der}
	}
	write("rekor.key", private(k.rekor))
	for name, a := range map[string]*authority{"fulcio": k.fulcio, "tsa": k.tsa} {
		write(name+".key", private(a.key))
		var blocks []*pem.Block
		for _, c := range a.chain {
			blocks = append(blocks, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
		}
		write(name+".pem", blocks...)
	}
	return k
}

// newAuthority makes a root, and below it an intermediate that issues
// certificates for usage. That is the authority, unless the authority is who
// holds such a certificate.
func newAuthority(t testing.TB, name string, usage x509.ExtKeyUsage, issues bool, since time.Time) *authority {
	t.Helper()
	a := new(authority)
	add := func(part string, is func(*x509.Certificate)) {
		c := &x509.Certificate{
			SerialNumber:          big.NewInt(int64(len(a.chain) + 1)),
			Subject:               pkix.Name{Organization: []string{operator}, CommonName: name + " " + part},
			NotBefore:             since,
			NotAfter:              since.AddDate(10, 0, 0),
			BasicConstraintsValid: true,
		}
		is(c)
		key := newKey(t)
		parent, signer := c, key
		if len(a.chain) > 0 {
			parent, signer = a.chain[0], a.key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		a.key, a.chain = key, append([]*x509.Certificate{cert}, a.chain...)
	}
	add("root", func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	})
	add("intermediate", func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
		c.ExtKeyUsage, c.MaxPathLenZero = []x509.ExtKeyUsage{usage}, true
	})
	if issues {
		return a
	}
	add("signer", func(c *x509.Certificate) {
		c.KeyUsage = x509.KeyUsageDigitalSignature
		// RFC 3161 section 2.3: the usage must be critical, which x509 would
		// not make it.
		c.ExtraExtensions = []pkix.Extension{{
			Id: []int{2, 5, 29, 37}, Critical: true,
			Value: []byte{0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08}, // id-kp-timeStamping
		}}
	})
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func marshal(t testing.TB, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

type object = map[string]any

// TrustedRoot returns the trusted root of the stack, as a file of version 0.1,
// which the public instance publishes.
func (s *Stack) TrustedRoot() []byte {
	return s.trustedRoot("application/vnd.dev.sigstore.trustedroot+json;version=0.1")
}

// TrustedRootV02 returns the trusted root as a file of version 0.2, which also
// names operators and the ids of checkpoint keys.
func (s *Stack) TrustedRootV02() []byte {
	return s.trustedRoot("application/vnd.dev.sigstore.trustedroot.v0.2+json")
}

func (s *Stack) trustedRoot(mediaType string) []byte {
	valid := object{"start": s.keys.since.UTC().Format(time.RFC3339)}
	log := func(url, details string, key crypto.PublicKey, id []byte) object {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			panic(err) // of keys that are made here
		}
		return object{
			"baseUrl":       url,
			"hashAlgorithm": "SHA2_256",
			"publicKey":     object{"rawBytes": der, "keyDetails": details, "validFor": valid},
			"logId":         object{"keyId": id},
		}
	}
	authority := func(url string, a *authority) object {
		var certs []object
		for _, c := range a.chain {
			certs = append(certs, object{"rawBytes": c.Raw})
		}
		return object{
			"subject":   object{"organization": operator, "commonName": a.chain[len(a.chain)-1].Subject.CommonName},
			"uri":       url,
			"certChain": object{"certificates": certs},
			"validFor":  valid,
		}
	}
	rekorKey := s.keys.rekor.Public().(ed25519.PublicKey)
	// "key ID = SHA-256(key name || 0x0A || 0x01 || 32-byte Ed25519 public key)";
	// four bytes of it are in signatures.
	//
	// https://github.com/C2SP/C2SP/blob/main/signed-note.md#signature-types
	rekorID := sha256.Sum256(fmt.Appendf(nil, "%s\n\x01%s", rekorHost, rekorKey))
	root := object{
		"mediaType": mediaType,
		"tlogs":     []object{log("https://"+rekorHost, "PKIX_ED25519", rekorKey, rekorID[:])},
		"ctlogs":    []object{log(s.CTLog.URL, "PKIX_ECDSA_P256_SHA_256", s.keys.ctLog.key.Public(), s.keys.ctLog.id[:])},

		"certificateAuthorities": []object{authority(s.Fulcio.URL, s.keys.fulcio)},
		"timestampAuthorities":   []object{authority(s.TSA.URL, s.keys.tsa)},
	}
	if mediaType == "application/vnd.dev.sigstore.trustedroot.v0.2+json" {
		for _, kind := range []string{"tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"} {
			root[kind].([]object)[0]["operator"] = operator
		}
		root["tlogs"].([]object)[0]["checkpointKeyId"] = object{"keyId": rekorID[:4]}
	}
	return toJSON(root)
}

// SigningConfig returns the signing config of the stack, of version 0.2.
func (s *Stack) SigningConfig() []byte {
	services := func(url string, version int) []object {
		return []object{{
			"url": url, "majorApiVersion": version, "operator": operator,
			"validFor": object{"start": s.keys.since.UTC().Format(time.RFC3339)},
		}}
	}
	return toJSON(object{
		"mediaType":       "application/vnd.dev.sigstore.signingconfig.v0.2+json",
		"caUrls":          services(s.Fulcio.URL, 1),
		"rekorTlogUrls":   services(s.Rekor.URL, 2),
		"rekorTlogConfig": object{"selector": "ANY"},
		"tsaUrls":         services(s.TSA.URL+"/api/v1/timestamp", 1),
		"tsaConfig":       object{"selector": "ANY"},
	})
}

func toJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // of values that are made here
	}
	return data
}
