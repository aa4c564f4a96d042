package conformance

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"github.com/secure-systems-lab/go-securesystemslib/signerverifier"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/hallmark-dev/hallmark/sign"
)

const keyPassphrase = "hallmark's own"

func pemText(name string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: name, Bytes: der}))
}

func ed25519Key(b []byte) ed25519.PublicKey { return b }

// signAlgorithms are all of package sign, with what OpenSSL calls them: the name
// of the hash, and options.
func signAlgorithms() []struct {
	algorithm sign.Algorithm
	hash      string
	options   []string
} {
	pss := []string{"-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"}
	return []struct {
		algorithm sign.Algorithm
		hash      string
		options   []string
	}{
		{sign.Ed25519, "", nil},
		{sign.ECDSAP256SHA256, "-sha256", nil},
		{sign.ECDSAP384SHA384, "-sha384", nil},
		{sign.ECDSAP384SHA256, "-sha256", nil},
		{sign.ECDSAP521SHA512, "-sha512", nil},
		{sign.ECDSAP521SHA256, "-sha256", nil},
		{sign.RSAPSSSHA256, "-sha256", pss},
		{sign.RSAPSSSHA384, "-sha384", pss},
		{sign.RSAPSSSHA512, "-sha512", pss},
		{sign.RSAPKCS1SHA256, "-sha256", nil},
		{sign.RSAPKCS1SHA384, "-sha384", nil},
		{sign.RSAPKCS1SHA512, "-sha512", nil},
	}
}

var onceRSA = sync.OnceValues(func() (crypto.Signer, error) { return sign.Generate(sign.RSAPSSSHA256) })

// keyFor returns a key for an algorithm: a new one, but for RSA, where making one
// takes long.
func keyFor(t testing.TB, a sign.Algorithm) crypto.Signer {
	t.Helper()
	generate := func() (crypto.Signer, error) { return sign.Generate(a) }
	if strings.HasPrefix(string(a), "rsa") {
		generate = onceRSA
	}
	key, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// workshop is a directory with keys, and a program to make and read them with.
type workshop struct {
	*testing.T
	program string
	dir     string
}

func newWorkshop(t *testing.T, program string) *workshop {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not in PATH: its keys and signatures judge those of package sign", program)
	}
	return &workshop{t, path, t.TempDir()}
}

// try runs the program in the directory and returns what it prints.
func (w *workshop) try(args ...string) (string, error) {
	cmd := exec.CommandContext(w.Context(), w.program, args...)
	cmd.Dir = w.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", filepath.Base(w.program), strings.Join(args, " "), err, out)
	}
	return string(out), err
}

func (w *workshop) run(args ...string) string {
	w.Helper()
	out, err := w.try(args...)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

func (w *workshop) read(name string) []byte {
	w.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.Fatal(err)
	}
	return data
}

func (w *workshop) write(name string, data []byte) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), data, 0o600); err != nil {
		w.Fatal(err)
	}
}

// OpenSSL reads the keys that package sign generates and writes, verifies what is
// signed with them by every algorithm, and makes signatures that are verified.
func TestOpenSSLSignatures(t *testing.T) {
	w := newWorkshop(t, "openssl")
	data := []byte("what is signed")
	w.write("data", data)
	for _, c := range signAlgorithms() {
		key := keyFor(t, c.algorithm)
		private, err := sign.MarshalPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		public, err := sign.MarshalPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		w.write("key.pem", private)
		w.write("key.pub", public)
		w.run("pkey", "-in", "key.pem", "-check", "-noout")
		w.run("pkey", "-pubin", "-in", "key.pub", "-pubcheck", "-noout")
		if got := w.run("pkey", "-in", "key.pem", "-pubout"); got != string(public) {
			t.Errorf("%s: OpenSSL makes the public key\n%s\nwant\n%s", c.algorithm, got, public)
		}

		signer, err := c.algorithm.NewSigner(key)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := signer.Sign(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		w.write("ours", sig)
		verify := append([]string{"dgst", c.hash, "-verify", "key.pub", "-signature", "ours"}, append(c.options, "data")...)
		make := append([]string{"dgst", c.hash, "-sign", "key.pem", "-out", "theirs"}, append(c.options, "data")...)
		if c.algorithm == sign.Ed25519 {
			verify = []string{"pkeyutl", "-verify", "-pubin", "-inkey", "key.pub", "-rawin", "-in", "data", "-sigfile", "ours"}
			make = []string{"pkeyutl", "-sign", "-inkey", "key.pem", "-rawin", "-in", "data", "-out", "theirs"}
		}
		if _, err := w.try(verify...); err != nil {
			t.Errorf("%s: %v", c.algorithm, err)
		}
		w.write("data", []byte("something else"))
		if _, err := w.try(verify...); err == nil {
			t.Errorf("%s: OpenSSL takes our signature for other data's", c.algorithm)
		}
		w.write("data", data)

		w.run(make...)
		theirs := w.read("theirs")
		verifier, err := c.algorithm.ParsePublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(t.Context(), data, theirs); err != nil {
			t.Errorf("%s: OpenSSL's signature: %v", c.algorithm, err)
		}
		if verifier.Verify(t.Context(), data[1:], theirs) == nil {
			t.Errorf("%s: OpenSSL's signature is taken for other data's", c.algorithm)
		}
	}
}

// OpenSSL's salt is as long as can be unless it is told: that is another scheme.
func TestOpenSSLLongSalt(t *testing.T) {
	w := newWorkshop(t, "openssl")
	w.write("data", []byte("data"))
	w.run("genrsa", "-out", "key.pem", "2048")
	w.run("dgst", "-sha256", "-sign", "key.pem", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:max", "-out", "sig", "data")
	s, err := sign.ParsePrivateKey(w.read("key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Verify(t.Context(), []byte("data"), w.read("sig")) == nil {
		t.Error("a signature with the longest salt is accepted")
	}
}

// The private keys that OpenSSL writes, in all its forms, are read or refused for
// the reason they should.
func TestOpenSSLKeys(t *testing.T) {
	w := newWorkshop(t, "openssl")
	pass := "pass:" + keyPassphrase
	ec := func(curve string) []string {
		return []string{"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:" + curve}
	}
	kinds := map[string][]string{
		"ed25519": {"genpkey", "-algorithm", "ED25519"},
		"p256":    ec("P-256"),
		"p384":    ec("P-384"),
		"p521":    ec("P-521"),
		"rsa":     {"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"},
		"rsa e=3": {"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_pubexp:3"},
	}
	for name, generate := range kinds {
		w.run(append(generate, "-out", name)...)
		public := w.run("pkey", "-in", name, "-pubout")
		same := func(what string, v sign.Verifier, err error) {
			t.Helper()
			if err != nil {
				t.Errorf("%s, %s: %v", name, what, err)
				return
			}
			if got, err := sign.MarshalPublicKey(v.Public()); err != nil || string(got) != public {
				t.Errorf("%s, %s: got the key\n%s\nwant\n%s (%v)", name, what, got, public, err)
			}
		}
		forms := map[string][]string{"PKCS #8": {"pkey", "-in", name}}
		if name != "ed25519" {
			forms["traditional"] = []string{"pkey", "-in", name, "-traditional"}
		}
		if strings.HasPrefix(name, "p") {
			forms["ec"] = []string{"ec", "-in", name}
			forms["compressed"] = []string{"ec", "-in", name, "-conv_form", "compressed"}
			forms["without public key"] = []string{"ec", "-in", name, "-no_public"}
		}
		for form, args := range forms {
			w.run(append(args, "-out", "out")...)
			s, err := sign.ParsePrivateKey(w.read("out"))
			same(form, s, err)
		}
		v, err := sign.ParsePublicKey([]byte(public))
		same("public", v, err)
		if strings.HasPrefix(name, "rsa") {
			w.run("rsa", "-in", name, "-RSAPublicKey_out", "-out", "out")
			v, err := sign.ParsePublicKey(w.read("out"))
			same("public, PKCS #1", v, err)
		}

		locked := map[string][]string{"default": nil, "scrypt": {"-scrypt"}, "larger scrypt": {"-scrypt", "-scrypt_N", "1024", "-scrypt_r", "4", "-scrypt_p", "3"}, "iterations": {"-iter", "100000"}}
		for _, cipher := range []string{"aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "des3"} {
			locked[cipher] = []string{"-v2", cipher}
		}
		for _, prf := range []string{"hmacWithSHA1", "hmacWithSHA224", "hmacWithSHA256", "hmacWithSHA384", "hmacWithSHA512"} {
			locked[prf] = []string{"-v2", "aes-256-cbc", "-v2prf", prf}
		}
		for form, args := range locked {
			w.run(append([]string{"pkcs8", "-topk8", "-in", name, "-out", "out", "-passout", pass}, args...)...)
			if _, err := sign.ParsePrivateKey(w.read("out")); !errors.Is(err, sign.ErrEncrypted) {
				t.Errorf("%s, %s: %v", name, form, err)
			}
			s, err := sign.DecryptPrivateKey(w.read("out"), []byte(keyPassphrase))
			same(form, s, err)
			if _, err := sign.DecryptPrivateKey(w.read("out"), []byte("another")); !errors.Is(err, sign.ErrPassphrase) {
				t.Errorf("%s, %s, another passphrase: %v", name, form, err)
			}
		}
		for form, c := range map[string]struct {
			want string
			args []string
		}{
			"PBES1":    {"want PBES2", []string{"-v1", "PBE-SHA1-3DES"}},
			"ARIA":     {"want AES or triple DES in CBC mode", []string{"-v2", "aria-256-cbc"}},
			"Camellia": {"want AES or triple DES in CBC mode", []string{"-v2", "camellia-128-cbc"}},
		} {
			w.run(append([]string{"pkcs8", "-topk8", "-in", name, "-out", "out", "-passout", pass}, c.args...)...)
			if _, err := sign.DecryptPrivateKey(w.read("out"), []byte(keyPassphrase)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: %v", name, form, err)
			}
		}
	}

	for name, c := range map[string]struct {
		want string
		args []string
	}{
		"secp256k1":           {"sign: ECDSA key on the curve secp256k1, want P-256, P-384 or P-521", ec("secp256k1")},
		"P-224":               {"sign: ECDSA key on the curve P-224, want P-256, P-384 or P-521", ec("P-224")},
		"brainpoolP256r1":     {"sign: ECDSA key on the curve 1.3.36.3.3.2.8.1.1.7, want P-256, P-384 or P-521", ec("brainpoolP256r1")},
		"explicit parameters": {"sign: ECDSA key without a named curve, want P-256, P-384 or P-521", append(ec("P-256"), "-pkeyopt", "ec_param_enc:explicit")},
		"X25519":              {"sign: unsupported key for X25519, want one for Ed25519, ECDSA or RSA", []string{"genpkey", "-algorithm", "X25519"}},
		"X448":                {"sign: unsupported key for X448, want one for Ed25519, ECDSA or RSA", []string{"genpkey", "-algorithm", "X448"}},
		"Ed448":               {"sign: unsupported key for Ed448, want one for Ed25519, ECDSA or RSA", []string{"genpkey", "-algorithm", "ED448"}},
		"RSASSA-PSS":          {"sign: unsupported key for RSASSA-PSS only, want one for Ed25519, ECDSA or RSA", []string{"genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"}},
		"RSA of 1024 bits":    {"sign: RSA key of 1024 bits, want 2048 to 8192", []string{"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"}},
		"RSA of three primes": {"sign: RSA private key with more than two primes", []string{"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_primes:3"}},
	} {
		w.run(append(c.args, "-out", "out")...)
		if _, err := sign.ParsePrivateKey(w.read("out")); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
		if strings.Contains(name, "primes") {
			continue // its public half is as any other
		}
		w.run("pkey", "-in", "out", "-pubout", "-out", "public")
		if _, err := sign.ParsePublicKey(w.read("public")); err == nil || err.Error() != c.want {
			t.Errorf("%s, public: got %v, want %s", name, err, c.want)
		}
	}
	w.run("rsa", "-in", "rsa", "-traditional", "-aes256", "-passout", pass, "-out", "out")
	for what, err := range map[string]error{
		"parsed":    second(sign.ParsePrivateKey(w.read("out"))),
		"decrypted": second(sign.DecryptPrivateKey(w.read("out"), []byte(keyPassphrase))),
	} {
		if err == nil || !strings.Contains(err.Error(), "encrypted by its headers") {
			t.Errorf("a traditional encrypted key, %s: %v", what, err)
		}
	}
}

func second(_ sign.SignerVerifier, err error) error { return err }

// The keys that ssh-keygen writes are read, and it reads those of package sign.
func TestSSHKeygen(t *testing.T) {
	w := newWorkshop(t, "ssh-keygen")
	n := 0
	generate := func(args ...string) (private, public []byte) {
		t.Helper()
		n++
		name := fmt.Sprint("key", n)
		w.run(append([]string{"-q", "-C", "somebody's key", "-f", name}, args...)...)
		return w.read(name), w.read(name + ".pub")
	}
	same := func(what string, private sign.SignerVerifier, public []byte, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		v, err := sign.ParsePublicKey(public)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		sig, err := private.Sign(t.Context(), []byte("data"))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		if err := v.Verify(t.Context(), []byte("data"), sig); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, kind := range [][]string{
		{"-t", "ed25519"},
		{"-t", "ecdsa", "-b", "256"},
		{"-t", "ecdsa", "-b", "384"},
		{"-t", "ecdsa", "-b", "521"},
		{"-t", "rsa", "-b", "2048"},
	} {
		what := strings.Join(kind, " ")
		private, public := generate(append(kind, "-N", "")...)
		s, err := sign.ParsePrivateKey(private)
		same(what, s, public, err)

		for _, cipher := range []string{"", "aes256-ctr", "aes256-cbc"} {
			args := append(kind, "-N", keyPassphrase, "-a", "4")
			if cipher != "" {
				args = append(args, "-Z", cipher)
			}
			private, public := generate(args...)
			if _, err := sign.ParsePrivateKey(private); !errors.Is(err, sign.ErrEncrypted) {
				t.Errorf("%s %s: %v", what, cipher, err)
			}
			s, err := sign.DecryptPrivateKey(private, []byte(keyPassphrase))
			same(what+" "+cipher, s, public, err)
			if _, err := sign.DecryptPrivateKey(private, []byte("another")); !errors.Is(err, sign.ErrPassphrase) {
				t.Errorf("%s %s, another passphrase: %v", what, cipher, err)
			}
		}
		if kind[1] == "ed25519" {
			continue // of these, OpenSSH before 9.6 has no other form
		}
		for _, form := range []string{"PEM", "PKCS8"} {
			private, public := generate(append(kind, "-N", "", "-m", form)...)
			s, err := sign.ParsePrivateKey(private)
			same(what+" "+form, s, public, err)
		}
		private, public = generate(append(kind, "-N", keyPassphrase, "-m", "PKCS8")...)
		s, err = sign.DecryptPrivateKey(private, []byte(keyPassphrase))
		same(what+" PKCS8, encrypted", s, public, err)

		// The other way round: ssh-keygen finds the same key in ours.
		v, err := sign.ParsePublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := sign.MarshalPublicKey(v.Public())
		if err != nil {
			t.Fatal(err)
		}
		w.write("ours.pub", ours)
		want := strings.Join(strings.Fields(string(public))[:2], " ")
		if got := strings.TrimSpace(w.run("-i", "-m", "PKCS8", "-f", "ours.pub")); got != want {
			t.Errorf("%s: ssh-keygen reads our public key as\n%s\nwant\n%s", what, got, want)
		}
	}
	for _, a := range []sign.Algorithm{sign.ECDSAP256SHA256, sign.ECDSAP384SHA384, sign.ECDSAP521SHA512, sign.RSAPSSSHA256} {
		key := keyFor(t, a)
		text, err := sign.MarshalPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		w.write("ours", text)
		v, err := sign.ParsePublicKey([]byte(w.run("-y", "-f", "ours")))
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		if want, err := sign.Fingerprint(key.Public()); err != nil || fmt.Sprint(v) != "key "+want.String() {
			t.Errorf("%s: ssh-keygen reads our private key as %s, want %s", a, v, want)
		}
	}

	for _, cipher := range []string{"aes128-ctr", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"} {
		private, _ := generate("-t", "ed25519", "-N", keyPassphrase, "-Z", cipher)
		want := fmt.Sprintf("sign: OpenSSH key encrypted with %q, want aes256-ctr or aes256-cbc", cipher)
		if _, err := sign.DecryptPrivateKey(private, []byte(keyPassphrase)); err == nil || err.Error() != want {
			t.Errorf("%s: %v", cipher, err)
		}
	}
	private, _ := generate("-t", "rsa", "-b", "2048", "-N", keyPassphrase, "-m", "PEM")
	if _, err := sign.DecryptPrivateKey(private, []byte(keyPassphrase)); err == nil || !strings.Contains(err.Error(), "encrypted by its headers") {
		t.Errorf("a traditional encrypted key: %v", err)
	}
	_, public := generate("-t", "rsa", "-b", "1024", "-N", "")
	if _, err := sign.ParsePublicKey(public); err == nil || err.Error() != "sign: RSA key of 1024 bits, want 2048 to 8192" {
		t.Errorf("RSA of 1024 bits: %v", err)
	}
}

// agentSigner is a key of ssh-agent as a crypto.Signer. The agent makes RSA
// signatures by PKCS #1 v1.5 only.
type agentSigner struct {
	agent agent.ExtendedAgent
	key   ssh.PublicKey
}

func (s agentSigner) Public() crypto.PublicKey {
	return s.key.(ssh.CryptoPublicKey).CryptoPublicKey()
}

func (s agentSigner) SignMessage(_ io.Reader, data []byte, opts crypto.SignerOpts) ([]byte, error) {
	var flags agent.SignatureFlags
	if s.key.Type() == ssh.KeyAlgoRSA {
		switch _, pss := opts.(*rsa.PSSOptions); {
		case pss:
			return nil, errors.New("an agent does not sign by RSASSA-PSS")
		case opts.HashFunc() == crypto.SHA256:
			flags = agent.SignatureFlagRsaSha256
		case opts.HashFunc() == crypto.SHA512:
			flags = agent.SignatureFlagRsaSha512
		}
	}
	sig, err := s.agent.SignWithFlags(s.key, data, flags)
	if err != nil {
		return nil, err
	}
	return sig.Blob, nil
}

func (s agentSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("an agent signs messages, not hashes")
}

// A real ssh-agent signs with keys that it was given.
func TestSSHAgent(t *testing.T) {
	w := newWorkshop(t, "ssh-agent")
	dir, err := os.MkdirTemp("", "agent") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "s")
	ctx, stop := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, w.program, "-D", "-a", socket)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { stop(); cmd.Wait() }()
	var conn net.Conn
	for i := 0; ; i++ {
		if conn, err = net.Dial("unix", socket); err == nil {
			break
		}
		if i == 500 {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	defer conn.Close()
	client := agent.NewClient(conn)
	for _, c := range []struct {
		algorithm sign.Algorithm
		want      string // of the error
	}{
		{sign.Ed25519, ""},
		{sign.RSAPKCS1SHA256, ""},
		{sign.RSAPKCS1SHA512, ""},
		{sign.RSAPSSSHA256, ": an agent does not sign by RSASSA-PSS"},
	} {
		key := keyFor(t, c.algorithm)
		if err := client.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
		public, err := ssh.NewPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		signer, err := c.algorithm.NewSigner(agentSigner{client, public})
		if err != nil {
			t.Fatal(err)
		}
		_, err = sign.Sign(t.Context(), "text/plain", []byte("data"), signer)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasSuffix(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.algorithm, err, c.want)
		}
	}
}

// go-securesystemslib loads our keys, private and public, and each verifies what
// the other one signs.
func TestKeysSecureSystems(t *testing.T) {
	for _, a := range []sign.Algorithm{sign.Ed25519, sign.ECDSAP256SHA256, sign.ECDSAP384SHA384, sign.ECDSAP521SHA512, sign.RSAPSSSHA256} {
		key := keyFor(t, a)
		private, err := sign.MarshalPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		public, err := sign.MarshalPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		load := func(text []byte) dsse.SignerVerifier {
			t.Helper()
			loaded, err := signerverifier.LoadKey(text)
			if err != nil {
				t.Fatalf("%s: %v", a, err)
			}
			var sv dsse.SignerVerifier
			switch key.(type) {
			case ed25519.PrivateKey:
				sv, err = signerverifier.NewED25519SignerVerifierFromSSLibKey(loaded)
			case *ecdsa.PrivateKey:
				sv, err = signerverifier.NewECDSASignerVerifierFromSSLibKey(loaded)
			case *rsa.PrivateKey:
				sv, err = signerverifier.NewRSAPSSSignerVerifierFromSSLibKey(loaded)
			}
			if err != nil {
				t.Fatalf("%s: %v", a, err)
			}
			return sv
		}
		ours, err := sign.NewSigner(key)
		if err != nil {
			t.Fatal(err)
		}
		theirs, verifier := load(private), load(public)
		data := []byte("data")
		sig, err := ours.Sign(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(t.Context(), data, sig); err != nil {
			t.Errorf("%s: go-securesystemslib on ours: %v", a, err)
		}
		if sig, err = theirs.Sign(t.Context(), data); err != nil {
			t.Fatal(err)
		}
		if err := ours.Verify(t.Context(), data, sig); err != nil {
			t.Errorf("%s: ours on go-securesystemslib's: %v", a, err)
		}
	}
}

// An encrypted key is what cosign reads: a block of one of two names, with a box
// of go-securesystemslib's package encrypted, in which there is PKCS #8. What cosign
// writes is read, by either name and in each of the package's strengths.
func TestCosignKeys(t *testing.T) {
	for _, a := range []sign.Algorithm{sign.Ed25519, sign.ECDSAP256SHA256, sign.ECDSAP521SHA512, sign.RSAPSSSHA256} {
		key := keyFor(t, a)
		want, err := sign.Fingerprint(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		text, err := sign.EncryptPrivateKey(key, []byte(keyPassphrase))
		if err != nil {
			t.Fatal(err)
		}
		block, rest := pem.Decode(text)
		if block == nil || block.Type != "ENCRYPTED SIGSTORE PRIVATE KEY" || len(rest) > 0 || len(block.Headers) > 0 {
			t.Fatalf("%s: %s", a, text)
		}
		der, err := encrypted.Decrypt(block.Bytes, []byte(keyPassphrase))
		if err != nil {
			t.Fatal(err)
		}
		read, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := sign.Fingerprint(read.(crypto.Signer).Public()); err != nil || got != want {
			t.Errorf("%s: another key is read", a)
		}

		for name, level := range map[string]encrypted.KDFParameterStrength{
			"ENCRYPTED COSIGN PRIVATE KEY":   encrypted.Legacy,
			"ENCRYPTED SIGSTORE PRIVATE KEY": encrypted.OWASP,
		} {
			if a != sign.Ed25519 {
				continue // scrypt takes its time, and does not care
			}
			for _, passphrase := range []string{keyPassphrase, ""} { // cosign takes an empty one
				box, err := encrypted.EncryptWithCustomKDFParameters(der, []byte(passphrase), level)
				if err != nil {
					t.Fatal(err)
				}
				s, err := sign.DecryptPrivateKey([]byte(pemText(name, box)), []byte(passphrase))
				if err != nil {
					t.Errorf("%s, %s: %v", a, name, err)
				} else if got, err := sign.Fingerprint(s.Public()); err != nil || got != want {
					t.Errorf("%s, %s: another key is read", a, name)
				}
			}
		}
	}
}

// BenchmarkAlgorithm signs and verifies 5 KB by every algorithm, beside the bare
// functions of the standard library.
func BenchmarkAlgorithm(b *testing.B) {
	data := bytes.Repeat([]byte("hallmark."), 5<<10/9)
	for _, c := range signAlgorithms() {
		key := keyFor(b, c.algorithm)
		s, err := c.algorithm.NewSigner(key)
		if err != nil {
			b.Fatal(err)
		}
		sig, err := s.Sign(b.Context(), data)
		if err != nil {
			b.Fatal(err)
		}
		digest := func() ([]byte, crypto.Hash) {
			switch c.hash {
			case "-sha256":
				sum := sha256.Sum256(data)
				return sum[:], crypto.SHA256
			case "-sha384":
				sum := sha512.Sum384(data)
				return sum[:], crypto.SHA384
			case "-sha512":
				sum := sha512.Sum512(data)
				return sum[:], crypto.SHA512
			}
			return data, 0
		}
		pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		for _, bench := range []struct {
			name string
			run  func() error
		}{
			{"sign/hallmark", func() error {
				_, err := s.Sign(b.Context(), data)
				return err
			}},
			{"sign/bare", func() error {
				sum, hash := digest()
				var opts crypto.SignerOpts = hash
				random := rand.Reader
				if c.options != nil {
					opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
				}
				if key, ok := key.(*ecdsa.PrivateKey); ok {
					_, err := key.Sign(nil, sum, opts) // deterministic, as Hallmark signs
					return err
				}
				_, err := key.Sign(random, sum, opts)
				return err
			}},
			{"verify/hallmark", func() error { return s.Verify(b.Context(), data, sig) }},
			{"verify/bare", func() error {
				sum, hash := digest()
				valid := false
				switch k := key.Public().(type) {
				case ed25519.PublicKey:
					valid = ed25519.Verify(k, data, sig)
				case *ecdsa.PublicKey:
					valid = ecdsa.VerifyASN1(k, sum, sig)
				case *rsa.PublicKey:
					if c.options != nil {
						return rsa.VerifyPSS(k, hash, sum, sig, pss)
					}
					return rsa.VerifyPKCS1v15(k, hash, sum, sig)
				}
				if !valid {
					return errors.New("the signature is not valid")
				}
				return nil
			}},
		} {
			b.Run(string(c.algorithm)+"/"+bench.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := bench.run(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkParseKey loads keys, as a program does once.
func BenchmarkParseKey(b *testing.B) {
	large, err := rsa.GenerateKey(rand.Reader, 4096)
	if err != nil {
		b.Fatal(err)
	}
	onP256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		key  crypto.Signer
	}{{"ed25519", ed}, {"p256", onP256}, {"rsa4096", large}} {
		private, err := sign.MarshalPrivateKey(c.key)
		if err != nil {
			b.Fatal(err)
		}
		public, err := sign.MarshalPublicKey(c.key.Public())
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name+"/private", func(b *testing.B) {
			for b.Loop() {
				if _, err := sign.ParsePrivateKey(private); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/public", func(b *testing.B) {
			for b.Loop() {
				if _, err := sign.ParsePublicKey(public); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
