package sigstore

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// testLog returns a log of version 2, and what signs its checkpoints.
func testLog(t testing.TB) (*transparencyLog, note.Signer) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	l := &transparencyLog{host: "log.example", key: key.Public()}
	v, err := l.noteVerifier("log.example", true)
	if err != nil {
		t.Fatal(err)
	}
	return l, &testSigner{v, key}
}

type testSigner struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s *testSigner) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// Inclusion proofs in trees of all sizes up to 33, and in none but their own.
func TestProofs(t *testing.T) {
	l, signer := testLog(t)
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var all []tlog.Hash
		for _, i := range indexes {
			all = append(all, hashes[i])
		}
		return all, nil
	})
	for size := int64(1); size <= 33; size++ {
		added, err := tlog.StoredHashes(size-1, fmt.Append(nil, size-1), reader)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, added...)
		root, err := tlog.TreeHash(size, reader)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("log.example\n%d\n%s\n", size, base64.StdEncoding.EncodeToString(root[:]))
		checkpoint, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		for i := range size {
			record, err := tlog.ProveRecord(size, i, reader)
			if err != nil {
				t.Fatal(err)
			}
			f := &inclusionProof{index: i, size: size, root: root[:], checkpoint: string(checkpoint)}
			for _, h := range record {
				f.hashes = append(f.hashes, h[:])
			}
			e := &logEntry{index: i, body: fmt.Append(nil, i), proof: f}
			if err := l.verifyProof(e, true); err != nil {
				t.Fatalf("entry %d of %d: %v", i, size, err)
			}
			other := *e
			other.body = fmt.Append(nil, size)
			if err := l.verifyProof(&other, true); err == nil || !strings.Contains(err.Error(), "inclusion proof") {
				t.Fatalf("entry %d of %d, of another body: %v", i, size, err)
			}
		}
	}
}

// What a checkpoint must not be.
func TestCheckpoints(t *testing.T) {
	l, signer := testLog(t)
	body := []byte("body")
	root := tlog.RecordHash(body)
	b64 := base64.StdEncoding.EncodeToString(root[:])
	for _, test := range []struct {
		text string
		want string // the fault, or "" for none
	}{
		{"log.example\n1\n" + b64 + "\n", ""},
		{"log.example\n1\n" + b64 + "\nan extension\n", ""},
		{"log.example - 1\n1\n" + b64 + "\n", `checkpoint: of "log.example - 1", want "log.example"`},
		{"evil.example\n1\n" + b64 + "\n", `checkpoint: of "evil.example", want "log.example"`},
		{"log.example\n1\n", "checkpoint: malformed text of 2 lines"},
		{"log.example\n01\n" + b64 + "\n", `malformed size "01"`},
		{"log.example\n-1\n" + b64 + "\n", "checkpoint: of another tree"},
		{"log.example\n2\n" + b64 + "\n", "checkpoint: of another tree"},
		{"log.example\n1\n" + b64[:43] + "\n", "malformed root hash"},
		{"log.example\n1\nAAAA\n", "malformed root hash"},
		{"log.example\n1\n" + base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n", "checkpoint: of another tree"},
	} {
		checkpoint, err := note.Sign(&note.Note{Text: test.text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		e := &logEntry{body: body, proof: &inclusionProof{size: 1, root: root[:], checkpoint: string(checkpoint)}}
		err = l.verifyProof(e, true)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%q: %v, want %q", test.text, err, test.want)
		}
	}
}

// Bodies of log entries of version 1.
func TestBodies(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	pem := b64("-----BEGIN PUBLIC KEY-----\n" + base64.StdEncoding.EncodeToString(der) + "\n-----END PUBLIC KEY-----\n")
	const sum = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" // of {}
	s := &signed{signature: []byte("sig"), key: key.Public(), payload: []byte("{}")}
	dsse := func(hash, sig, key string) string {
		return `{"apiVersion":"0.0.1","kind":"dsse","spec":{"envelopeHash":{"algorithm":"sha256","value":"00"},"payloadHash":{"algorithm":"sha256","value":"` +
			hash + `"},"signatures":[{"signature":"` + sig + `","verifier":"` + key + `"}]}}`
	}
	intoto := func(sig string) string {
		return `{"apiVersion":"0.0.2","kind":"intoto","spec":{"content":{"envelope":{"payloadType":"x","signatures":[{"publicKey":"` + pem + `","sig":"` + sig +
			`"}]},"hash":{"algorithm":"sha256","value":"00"},"payloadHash":{"algorithm":"sha256","value":"` + sum + `"}}}}`
	}
	for _, test := range []struct {
		body, want string
	}{
		{dsse(sum, b64("sig"), pem), ""},
		{intoto(b64(b64("sig"))), ""},
		{intoto(b64("sig")), "another signature"},
		{intoto(b64(b64("gis"))), "another signature"},
		{dsse(strings.Repeat("0", 64), b64("sig"), pem), "another payload"},
		{dsse(strings.ToUpper(sum), b64("sig"), pem), "another payload"},
		{dsse(sum, b64("gis"), pem), "another signature"},
		{dsse(sum, b64("sig"), b64("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")), "another key"},
		{dsse(sum, b64("sig"), strings.ToLower(b64("no PEM"))), "no key"},
		{strings.Replace(dsse(sum, b64("sig"), pem), "[{", `[{"signature":"`+b64("sig")+`","verifier":"`+pem+`"},{`, 1), "another signature"},
		{strings.Replace(dsse(sum, b64("sig"), pem), "0.0.1", "0.0.2", 1), "says nothing of what was signed here"},
		{`{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}`, "another payload"},
		{`{"apiVersion":"0.0.1","kind":"rpm"}`, "says nothing of what was signed here"},
		{`{"apiVersion":"0.0.1","kind":"dsse","kind":"dsse"}`, "twice"},
		{dsse(sum, "%", pem), "malformed base64"},
		{`[]`, "malformed"},
	} {
		b, err := parseBody([]byte(test.body))
		if err == nil {
			err = s.is(b)
		} else {
			err = fmt.Errorf("malformed body: %w", err)
		}
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", test.body, err, test.want)
		}
	}
}

// FuzzLogEntry: whatever a log entry is, no log that did not sign it has it.
func FuzzLogEntry(f *testing.F) {
	l, _ := testLog(f)
	f.Add([]byte(`{"apiVersion":"0.0.1","kind":"dsse","spec":{"payloadHash":{},"signatures":[{}]}}`), "log.example\n1\nAAAA\n\n— log.example AAAA\n", []byte{1}, int64(0), int64(1))
	f.Add([]byte(`{"apiVersion":"0.0.2","kind":"hashedrekord"}`), "log.example - 1\n1\n", []byte{}, int64(5), int64(1))
	f.Add([]byte(`{"apiVersion":"0.0.2","kind":"intoto","spec":{"content":{"envelope":{"signatures":[{"sig":"QQ=="}]}}}}`), "", []byte{}, int64(0), int64(0))
	f.Fuzz(func(t *testing.T, body []byte, checkpoint string, hash []byte, index, size int64) {
		if index < 0 || size < 0 {
			return // parseBundle refuses them
		}
		root := tlog.RecordHash(body)
		e := &logEntry{index: index, body: body, proof: &inclusionProof{
			index: index, size: size, root: root[:], hashes: [][]byte{hash}, checkpoint: checkpoint,
		}}
		if b, err := parseBody(body); err == nil {
			e.kind, e.version = b.kind, b.version
		}
		s := &signed{signature: []byte(hex.EncodeToString(hash)), key: l.key, payload: body, pae: body}
		for _, version := range []int{1, 3} {
			if _, err := l.verify(e, s, version); err == nil {
				t.Fatalf("%q is in the log", body)
			}
		}
		for _, tiles := range []bool{true, false} {
			if err := l.verifyProof(e, tiles); err == nil {
				t.Fatalf("%q is proved", checkpoint)
			}
		}
	})
}
