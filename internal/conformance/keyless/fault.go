package keyless

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"golang.org/x/mod/sumdb/note"
)

// A Fault is a way in which a service fails: what answers in place of it. It may
// ask the service.
type Fault func(service http.Handler) http.Handler

// Faults of any service.

// Down closes connections without an answer.
func Down() Fault {
	return answer(func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) })
}

// Hang accepts requests and never answers.
func Hang() Fault {
	return answer(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	})
}

// Trickle answers as the service does, with that long between the bytes.
func Trickle(each time.Duration) Fault {
	return answer(func(w http.ResponseWriter, r *http.Request, service http.Handler) {
		a := ask(service, r)
		send(w, a, func(w http.ResponseWriter) {
			for _, b := range a.Body.Bytes() {
				w.Write([]byte{b})
				http.NewResponseController(w).Flush()
				select {
				case <-time.After(each):
				case <-r.Context().Done():
					panic(http.ErrAbortHandler)
				}
			}
		})
	})
}

// Status answers with a status. Headers are names and values in turn.
func Status(code int, headers ...string) Fault {
	return answer(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		http.Error(w, http.StatusText(code), code)
	})
}

// TooMany says that there are too many requests, and when to come again.
func TooMany(after time.Duration) Fault {
	return Status(http.StatusTooManyRequests, "Retry-After", strconv.Itoa(int(after.Seconds())))
}

// Redirect sends clients to the same path at another URL, with their body.
func Redirect(url string) Fault {
	return answer(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		http.Redirect(w, r, url+r.URL.Path, http.StatusPermanentRedirect)
	})
}

// Oversized answers as the service does, after that many bytes of white space.
func Oversized(size int) Fault {
	return answer(func(w http.ResponseWriter, r *http.Request, service http.Handler) {
		a := ask(service, r)
		send(w, a, func(w http.ResponseWriter) {
			for space := bytes.Repeat([]byte(" "), 1<<10); size > 0; size -= len(space) {
				if _, err := w.Write(space); err != nil {
					panic(http.ErrAbortHandler)
				}
			}
			w.Write(a.Body.Bytes())
		})
	})
}

// Truncated answers with half of what the service answers.
func Truncated() Fault {
	return answer(func(w http.ResponseWriter, r *http.Request, service http.Handler) {
		a := ask(service, r)
		a.Body.Truncate(a.Body.Len() / 2)
		send(w, a, nil)
	})
}

// Times is f for the first n requests; then the service works.
func Times(n int, f Fault) Fault {
	var requests atomic.Int64
	return func(service http.Handler) http.Handler {
		if requests.Add(1) > int64(n) {
			return service
		}
		return f(service)
	}
}

// Faults of Fulcio and of the log that its certificates are in.

// CertificateForAnotherKey lets Fulcio certify a key of somebody in between, who
// has proven to hold it.
func (s *Stack) CertificateForAnotherKey(t testing.TB) Fault {
	key := newKey(t)
	return answer(func(w http.ResponseWriter, r *http.Request, fulcio http.Handler) {
		var request object
		body(r, &request)
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if credentials, _ := request["credentials"].(object); !ok {
			token, _ = credentials["oidcIdentityToken"].(string)
		}
		var claims struct{ Sub string }
		if parts := strings.Split(token, "."); len(parts) == 3 {
			text, _ := base64.RawURLEncoding.DecodeString(parts[1])
			json.Unmarshal(text, &claims)
		}
		delete(request, "certificateSigningRequest")
		request["publicKeyRequest"] = object{
			"publicKey": object{
				"algorithm": "ECDSA",
				"content":   string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: marshal(t, key.Public())})),
			},
			"proofOfPossession": signed(t, key, []byte(claims.Sub)),
		}
		send(w, ask(fulcio, with(r, toJSON(request))), nil)
	})
}

// ExpiredCertificate is a Fulcio whose certificates were issued that long ago.
func (s *Stack) ExpiredCertificate(t testing.TB, age time.Duration) Fault {
	t.Helper()
	p, err := run(t, s.program, "/api/v2/trustBundle", append(s.fulcio[:len(s.fulcio):len(s.fulcio)], "-age", age.String())...)
	if err != nil {
		t.Fatal(err)
	}
	return func(http.Handler) http.Handler { return p.proxy() }
}

// UnknownFulcio is a Fulcio that issues its certificates with the key of an
// authority that has the names of the stack's.
func (s *Stack) UnknownFulcio(t testing.TB) Fault {
	t.Helper()
	dir := t.TempDir()
	newKeys(t, dir, time.Now())
	args := append([]string(nil), s.fulcio...)
	for i, arg := range args {
		if args[max(0, i-1)] == "-chain" || args[max(0, i-1)] == "-key" {
			args[i] = dir + "/" + arg[strings.LastIndexAny(arg, `/\`)+1:]
		}
	}
	p, err := run(t, s.program, "/api/v2/trustBundle", args...)
	if err != nil {
		t.Fatal(err)
	}
	return func(http.Handler) http.Handler { return p.proxy() }
}

// WrongSCT is a certificate log whose promises have the signature of another
// key. Fulcio does not look.
func (s *Stack) WrongSCT(t testing.TB) Fault {
	log := &ctLog{newKey(t), s.keys.ctLog.id}
	return func(http.Handler) http.Handler { return log }
}

// UnknownCTLog is another certificate log.
func (s *Stack) UnknownCTLog(t testing.TB) Fault {
	key := newKey(t)
	log := &ctLog{key, sha256.Sum256(marshal(t, key.Public()))}
	return func(http.Handler) http.Handler { return log }
}

// Faults of Rekor.

// WrongProof answers with a proof of inclusion that leads to another root.
func (s *Stack) WrongProof() Fault {
	return entry(func(e object) {
		proof := e["inclusionProof"].(object)
		hashes, _ := proof["hashes"].([]any)
		other := sha256.Sum256([]byte("other"))
		if len(hashes) == 0 {
			hashes = []any{nil}
		}
		hashes[0] = other[:]
		proof["hashes"] = hashes
	})
}

// ForeignCheckpoint answers with the checkpoint of the log, signed by another key
// in the log's name.
func (s *Stack) ForeignCheckpoint(t testing.TB) Fault {
	secret, _, err := note.GenerateKey(rand.Reader, rekorHost)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return entry(func(e object) {
		checkpoint := e["inclusionProof"].(object)["checkpoint"].(object)
		text, _, _ := strings.Cut(checkpoint["envelope"].(string), "\n\n")
		other, err := note.Sign(&note.Note{Text: text + "\n"}, signer)
		if err != nil {
			t.Error(err)
		}
		checkpoint["envelope"] = string(other)
	})
}

// OtherEntry logs a signature of somebody else, and answers with that entry: all
// of it is in the log.
func (s *Stack) OtherEntry(t testing.TB) Fault {
	key := newKey(t)
	return answer(func(w http.ResponseWriter, r *http.Request, rekor http.Handler) {
		digest := sha256.Sum256([]byte(rand.Text()))
		signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		if err != nil {
			t.Error(err)
		}
		send(w, ask(rekor, with(r, toJSON(object{"hashedRekordRequestV002": object{
			"digest": digest[:],
			"signature": object{
				"content": signature,
				"verifier": object{
					"publicKey":  object{"rawBytes": marshal(t, key.Public())},
					"keyDetails": "PKIX_ECDSA_P256_SHA_256",
				},
			},
		}}))), nil)
	})
}

// OtherBody answers with the proof of the right entry, and another one's body.
func (s *Stack) OtherBody(t testing.TB) Fault {
	other := s.OtherEntry(t)
	return func(rekor http.Handler) http.Handler {
		return answer(func(w http.ResponseWriter, r *http.Request, rekor http.Handler) {
			var foreign object
			json.Unmarshal(ask(other(rekor), r).Body.Bytes(), &foreign)
			entry(func(e object) { e["canonicalizedBody"] = foreign["canonicalizedBody"] })(rekor).ServeHTTP(w, r)
		})(rekor)
	}
}

// Faults of the TSA.

// OldTimestamp answers with a time that has passed that long ago.
func (s *Stack) OldTimestamp(t testing.TB, age time.Duration) Fault {
	return stamp(t, s.keys.tsa, age)
}

// UnknownTSA is an authority of the same names with another key.
func (s *Stack) UnknownTSA(t testing.TB) Fault {
	return stamp(t, newAuthority(t, "TSA", x509.ExtKeyUsageTimeStamping, false, s.keys.since), 0)
}

// ForeignTimestamp answers with a timestamp of something else.
func (s *Stack) ForeignTimestamp(t testing.TB) Fault {
	return answer(func(w http.ResponseWriter, r *http.Request, tsa http.Handler) {
		data, _ := io.ReadAll(r.Body)
		request, err := timestamp.ParseRequest(data)
		if err != nil {
			t.Error(err)
			return
		}
		request.HashedMessage[0] ^= 1
		if data, err = request.Marshal(); err != nil {
			t.Error(err)
		}
		send(w, ask(tsa, with(r, data)), nil)
	})
}

// stamp answers as a TSA that has the key of a and whose clock is slow.
func stamp(t testing.TB, a *authority, age time.Duration) Fault {
	return answer(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		data, _ := io.ReadAll(r.Body)
		request, err := timestamp.ParseRequest(data)
		if err != nil {
			t.Error(err)
			return
		}
		token := timestamp.Timestamp{
			HashAlgorithm:     request.HashAlgorithm,
			HashedMessage:     request.HashedMessage,
			Time:              time.Now().Add(-age).UTC(),
			Nonce:             request.Nonce,
			Policy:            []int{1, 3, 6, 1, 4, 1, 57264, 2},
			AddTSACertificate: request.Certificates,
		}
		reply, err := token.CreateResponseWithOpts(a.chain[0], a.key, crypto.SHA256)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		w.WriteHeader(http.StatusCreated)
		w.Write(reply)
	})
}

// What faults are made of.

func answer(f func(w http.ResponseWriter, r *http.Request, service http.Handler)) Fault {
	return func(service http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f(w, r, service) })
	}
}

// entry answers as Rekor does, with a change of the entry.
func entry(change func(object)) Fault {
	return answer(func(w http.ResponseWriter, r *http.Request, rekor http.Handler) {
		a := ask(rekor, r)
		var e object
		if err := json.Unmarshal(a.Body.Bytes(), &e); err == nil && a.Code < 300 {
			change(e)
			a.Body = bytes.NewBuffer(toJSON(e))
		}
		send(w, a, nil)
	})
}

// ask returns the answer of the service to r.
func ask(service http.Handler, r *http.Request) *httptest.ResponseRecorder {
	a := httptest.NewRecorder()
	service.ServeHTTP(a, r)
	return a
}

// with returns r with another body.
func with(r *http.Request, body []byte) *http.Request {
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r
}

func body(r *http.Request, v any) {
	data, _ := io.ReadAll(r.Body)
	json.Unmarshal(data, v)
	r.Body = io.NopCloser(bytes.NewReader(data))
}

// send answers with a, or with its status and headers and what write writes.
func send(w http.ResponseWriter, a *httptest.ResponseRecorder, write func(http.ResponseWriter)) {
	maps.Copy(w.Header(), a.Header())
	w.Header().Del("Content-Length")
	w.WriteHeader(a.Code)
	if write != nil {
		write(w)
		return
	}
	w.Write(a.Body.Bytes())
}

func signed(t testing.TB, key *ecdsa.PrivateKey, data []byte) []byte {
	digest := sha256.Sum256(data)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Error(err)
	}
	return signature
}
