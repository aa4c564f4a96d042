// Keys are encrypted by what takes long, and for the race detector even longer.

//go:build !race

package sign_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/hallmark-dev/hallmark/sign"
)

// exampleKey is the same in every run. Make yours with Generate.
func exampleKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte("an example is no place for a key"))
}

func ExampleNewSigner() {
	signer, err := sign.NewSigner(exampleKey()) // or a token's crypto.Signer
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signer) // never the private key

	sig, err := signer.Sign(context.Background(), []byte("data"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(sig), signer.Verify(context.Background(), []byte("data"), sig))
	// Output:
	// key sha256:256e8c6026a3d7179b22adf2e753fc59b397233953ebb1a6bfd6c141f5df90ef
	// 64 <nil>
}

func ExampleNewVerifier() {
	ctx := context.Background()
	v, err := sign.NewVerifier(exampleKey().Public())
	if err != nil {
		log.Fatal(err)
	}
	sig := ed25519.Sign(exampleKey(), []byte("data"))
	fmt.Println(v.Verify(ctx, []byte("data"), sig))
	fmt.Println(v.Verify(ctx, []byte("Data"), sig))
	// Output:
	// <nil>
	// invalid signature
}

// Keys of a signing agent: its own keys sign, and stay where they are. An agent
// that speaks over the socket of ssh-agent is used alike; a key service is, too,
// with a request in the place of the call.
func ExampleNewSigner_agent() {
	keys := agent.NewKeyring() // or agent.NewClient(connection)
	if err := keys.Add(agent.AddedKey{PrivateKey: exampleKey()}); err != nil {
		log.Fatal(err)
	}
	list, err := keys.Signers()
	if err != nil {
		log.Fatal(err)
	}
	signer, err := sign.NewSigner(agentKey{list[0]})
	if err != nil {
		log.Fatal(err)
	}
	e, err := sign.Sign(context.Background(), "text/plain", []byte("hello world"), signer)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signer, len(e.Signatures))
	// Output: key sha256:256e8c6026a3d7179b22adf2e753fc59b397233953ebb1a6bfd6c141f5df90ef 1
}

// agentKey is an Ed25519 key in an agent as a crypto.Signer.
type agentKey struct{ key ssh.Signer }

func (k agentKey) Public() crypto.PublicKey {
	if public, ok := k.key.PublicKey().(ssh.CryptoPublicKey); ok {
		return public.CryptoPublicKey()
	}
	return nil
}

func (k agentKey) Sign(random io.Reader, data []byte, _ crypto.SignerOpts) ([]byte, error) {
	sig, err := k.key.Sign(random, data)
	if err != nil {
		return nil, err
	}
	return sig.Blob, nil
}

// cosign signs with RSA keys by PKCS #1 v1.5, which has to be named.
func ExampleAlgorithm_NewSigner() {
	ctx := context.Background()
	key, err := sign.Generate(sign.RSAPKCS1SHA256)
	if err != nil {
		log.Fatal(err)
	}
	signer, err := sign.RSAPKCS1SHA256.NewSigner(key)
	if err != nil {
		log.Fatal(err)
	}
	sig, err := signer.Sign(ctx, []byte("data"))
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range []sign.Algorithm{sign.RSAPKCS1SHA256, sign.RSAPSSSHA256} {
		v, err := a.NewVerifier(key.Public())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(a, v.Verify(ctx, []byte("data"), sig))
	}
	// Output:
	// rsa-pkcs1v15-sha256 <nil>
	// rsa-pss-sha256 invalid signature
}

// An algorithm can be named by a setting.
func ExampleAlgorithm_NewVerifier() {
	_, err := sign.Algorithm("rsa-pss-sha256").NewVerifier(exampleKey().Public())
	fmt.Println(err)
	// Output:
	// sign: algorithm rsa-pss-sha256 with a key for Ed25519, want one for RSA
}

func ExampleAlgorithm_ParsePrivateKey() {
	text, err := sign.MarshalPrivateKey(exampleKey())
	if err != nil {
		log.Fatal(err)
	}
	signer, err := sign.Ed25519.ParsePrivateKey(text)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signer)
	_, err = sign.RSAPSSSHA512.ParsePrivateKey(text)
	fmt.Println(err)
	// Output:
	// key sha256:256e8c6026a3d7179b22adf2e753fc59b397233953ebb1a6bfd6c141f5df90ef
	// sign: algorithm rsa-pss-sha512 with a key for Ed25519, want one for RSA
}

func ExampleAlgorithm_ParsePublicKey() {
	v, err := sign.Ed25519.ParsePublicKey([]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAL8LDllLYmGK3e1fYQZs+rSg1OsoRheOPFAEZvZhDUG me@example.com"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v)
	// Output:
	// key sha256:256e8c6026a3d7179b22adf2e753fc59b397233953ebb1a6bfd6c141f5df90ef
}

func ExampleAlgorithm_DecryptPrivateKey() {
	text, err := sign.EncryptPrivateKey(exampleKey(), []byte("passphrase"))
	if err != nil {
		log.Fatal(err)
	}
	signer, err := sign.Ed25519.DecryptPrivateKey(text, []byte("passphrase"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signer)
	// Output:
	// key sha256:256e8c6026a3d7179b22adf2e753fc59b397233953ebb1a6bfd6c141f5df90ef
}

// A first key: the encrypted half for its owner, the other one for everybody.
func ExampleGenerate() {
	key, err := sign.Generate(sign.ECDSAP256SHA256)
	if err != nil {
		log.Fatal(err)
	}
	private, err := sign.EncryptPrivateKey(key, []byte("passphrase")) // keep it with the permissions 0600
	if err != nil {
		log.Fatal(err)
	}
	public, err := sign.MarshalPublicKey(key.Public())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.46s\n%.26s\n", private, public)
	// Output:
	// -----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
	// -----BEGIN PUBLIC KEY-----
}

func ExampleMarshalPrivateKey() {
	text, err := sign.MarshalPrivateKey(exampleKey())
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	// For its owner only.
	if err := os.WriteFile(filepath.Join(dir, "key.pem"), text, 0o600); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.27s\n", text)
	// Output:
	// -----BEGIN PRIVATE KEY-----
}

// A program finds out whether it needs the passphrase, and asks again for a wrong one.
func ExampleDecryptPrivateKey() {
	file, err := sign.EncryptPrivateKey(exampleKey(), []byte("passphrase"))
	if err != nil {
		log.Fatal(err)
	}
	signer, err := sign.ParsePrivateKey(file)
	for _, passphrase := range []string{"Passphrase", "passphrase"} { // as somebody types it
		if !errors.Is(err, sign.ErrEncrypted) && !errors.Is(err, sign.ErrPassphrase) {
			break
		}
		fmt.Println(err)
		signer, err = sign.DecryptPrivateKey(file, []byte(passphrase))
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signer)
	// Output:
	// sign: the private key is encrypted
	// sign: wrong passphrase
	// key sha256:256e8c6026a3d7179b22adf2e753fc59b397233953ebb1a6bfd6c141f5df90ef
}

func ExampleEncryptPrivateKey() {
	text, err := sign.EncryptPrivateKey(exampleKey(), []byte("passphrase"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.46s\n", text)
	// Output:
	// -----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
}

func ExampleSign() {
	signer, err := sign.NewSigner(exampleKey())
	if err != nil {
		log.Fatal(err)
	}
	e, err := sign.Sign(context.Background(), "text/plain", []byte("hello world"), signer)
	if err != nil {
		log.Fatal(err)
	}
	data, err := e.Marshal()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", data)
	// Output:
	// {"payload":"aGVsbG8gd29ybGQ=","payloadType":"text/plain","signatures":[{"keyid":"256e8c6026a3d7179b22adf2e753fc59b397233953ebb1a6bfd6c141f5df90ef","sig":"msPe7ttRSZAnZm89Gm28PfVsXlRm7VqM2+VPB7BzE4dzjUiErjxwKW8LtN5ZbqmxDVHa0mOW12OkwuPTWCqxCQ=="}]}
}

// The job signs what it built, and a person signs the same envelope after having
// a look at it.
func ExampleCountersign() {
	ctx := context.Background()
	job, err := sign.NewSigner(exampleKey())
	if err != nil {
		log.Fatal(err)
	}
	person, err := sign.NewSigner(ed25519.NewKeyFromSeed([]byte("and neither is it for two of them")[:ed25519.SeedSize]))
	if err != nil {
		log.Fatal(err)
	}
	e, err := sign.Sign(ctx, "text/plain", []byte("hello world"), job)
	if err != nil {
		log.Fatal(err)
	}
	both, err := sign.Countersign(ctx, e, person)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(e.Signatures), len(both.Signatures))

	_, err = sign.Countersign(ctx, both, person)
	fmt.Println(err)
	// Output:
	// 1 2
	// sign: signer 0: its key made signature 1 already
}

// Parse says what stands in an envelope, not whether it is true.
func ExampleParse() {
	e, err := sign.Parse([]byte(`{"payload":"aGVsbG8gd29ybGQ=","payloadType":"text/plain","signatures":[{"keyid":"a hint","sig":"c2ln"}]}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s, %d signature\n", e.PayloadType, e.Payload, len(e.Signatures))

	_, err = sign.Parse([]byte(`{"payload":"aGVsbG8=","payload":"d29ybGQ=","payloadType":"text/plain","signatures":[{"sig":"c2ln"}]}`))
	fmt.Println(err)
	// Output:
	// text/plain: hello world, 1 signature
	// malformed envelope: $ (byte 31): member "payload" occurs twice
}

func ExampleParseLines() {
	envelopes, skipped, err := sign.ParseLines([]byte(`{"payload":"b25l","payloadType":"text/plain","signatures":[{"sig":"c2ln"}]}
{"note":"not an envelope"}
{"payload":"dHdv","payloadType":"text/plain","signatures":[{"sig":"c2ln"}]}`))
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range envelopes {
		fmt.Printf("%s\n", e.Payload)
	}
	for _, err := range skipped {
		fmt.Println("skipped", err)
	}
	// Output:
	// one
	// two
	// skipped line 2: malformed envelope: no payloadType
}

func ExampleAppendFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "app.intoto.jsonl")
	e, err := sign.Parse([]byte(`{"payload":"b25l","payloadType":"text/plain","signatures":[{"sig":"c2ln"}]}`))
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		added, err := sign.AppendFile(context.Background(), path, e)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("added", added)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", data)
	// Output:
	// added 1
	// added 0
	// {"payload":"b25l","payloadType":"text/plain","signatures":[{"sig":"c2ln"}]}
}

func ExampleParsePrivateKey() {
	file, err := sign.MarshalPrivateKey(exampleKey())
	if err != nil {
		log.Fatal(err)
	}
	signer, err := sign.ParsePrivateKey(file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signer)

	_, err = sign.ParsePrivateKey(append(file, file...))
	fmt.Println(err)
	// Output:
	// key sha256:256e8c6026a3d7179b22adf2e753fc59b397233953ebb1a6bfd6c141f5df90ef
	// malformed private key: more than one PEM block
}

func ExampleParsePublicKey() {
	v, err := sign.ParsePublicKey([]byte(`-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAAvwsOWUtiYYrd7V9hBmz6tKDU6yhGF448UARm9mENQY=
-----END PUBLIC KEY-----
`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v)
	// Output:
	// key sha256:256e8c6026a3d7179b22adf2e753fc59b397233953ebb1a6bfd6c141f5df90ef
}

func ExampleMarshalPublicKey() {
	text, err := sign.MarshalPublicKey(exampleKey().Public())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", text)
	// Output:
	// -----BEGIN PUBLIC KEY-----
	// MCowBQYDK2VwAyEAAvwsOWUtiYYrd7V9hBmz6tKDU6yhGF448UARm9mENQY=
	// -----END PUBLIC KEY-----
}

func ExampleFingerprint() {
	d, err := sign.Fingerprint(exampleKey().Public())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d)
	// Output:
	// sha256:256e8c6026a3d7179b22adf2e753fc59b397233953ebb1a6bfd6c141f5df90ef
}

// The encoding is what any other implementation of DSSE signs and verifies too.
func ExampleEnvelope_PAE() {
	e := &sign.Envelope{PayloadType: "http://example.com/HelloWorld", Payload: []byte("hello world")}
	fmt.Printf("%s\n", e.PAE())
	// Output:
	// DSSEv1 29 http://example.com/HelloWorld 11 hello world
}

func ExampleEnvelope_Marshal() {
	e := &sign.Envelope{
		PayloadType: "text/plain",
		Payload:     []byte("hello world"),
		Signatures:  []sign.Signature{{KeyID: "a hint", Sig: []byte("sig")}},
	}
	data, err := e.Marshal()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", data)
	// Output:
	// {"payload":"aGVsbG8gd29ybGQ=","payloadType":"text/plain","signatures":[{"keyid":"a hint","sig":"c2ln"}]}
}

// A registry of packages lists what is attested of one, in a document of its own.
func ExampleEnvelope_UnmarshalJSON() {
	var list struct {
		Attestations []struct {
			PredicateType string
			Bundle        *sign.Envelope
		}
	}
	err := json.Unmarshal([]byte(`{"attestations":[{
		"predicateType": "https://slsa.dev/provenance/v1",
		"bundle": {
			"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
			"verificationMaterial": {"publicKey": {"hint": "registry"}},
			"dsseEnvelope": {"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": [{"sig": "c2ln"}]}
		}
	}]}`), &list)
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range list.Attestations {
		fmt.Println(a.Bundle.PayloadType, a.Bundle.Bundle != nil)
	}
	// Output:
	// application/vnd.in-toto+json true
}

// Programs of Sigstore want a bundle even if there is no certificate in it.
func ExampleEnvelope_MarshalBundle() {
	e := &sign.Envelope{
		PayloadType: "text/plain",
		Payload:     []byte("hello world"),
		Signatures:  []sign.Signature{{KeyID: "a hint", Sig: []byte("sig")}},
	}
	data, err := e.MarshalBundle()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", data)
	// Output:
	// {"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"a hint"}},"dsseEnvelope":{"payload":"aGVsbG8gd29ybGQ=","payloadType":"text/plain","signatures":[{"sig":"c2ln"}]}}
}
