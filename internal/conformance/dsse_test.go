package conformance

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// readVerify returns a file of the signing and verification corpus.
func readVerify(t testing.TB, name string) []byte {
	t.Helper()
	dir := os.Getenv("HALLMARK_CORPUS")
	if dir == "" {
		t.Skip("HALLMARK_CORPUS is not set: it names the directory of the documents to judge by")
	}
	data, err := os.ReadFile(filepath.Join(dir, "verify", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

type dsseCases struct {
	Cases []dsseCase
	Keys  map[string]struct {
		Alg          string
		PublicKeyPEM string
	}
	PAE []struct {
		TypeHex, BodyHex, PAEHex string
	}
	SpecVector struct {
		X, Y, D              string
		PayloadType, Payload string
		PAE                  string
		Sig                  []byte
	}
}

type dsseCase struct {
	ID              string
	Desc            string
	Envelope        string
	TrustedKeys     []string
	TrustedKeyIDs   []string
	Threshold       int
	WantPayloadType string
	Want            string
	Class           string
	Peer            string `json:"goSecuresystemslibV0111"`
}

func readDSSE(t *testing.T) *dsseCases {
	t.Helper()
	var all dsseCases
	if err := json.Unmarshal(readVerify(t, "dsse/cases.json"), &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Cases) == 0 {
		t.Fatal("no cases")
	}
	for i, c := range all.Cases {
		// A case about a byte that is not UTF-8 cannot be held in cases.json,
		// which has the replacement character there.
		if c.Class == "json" {
			all.Cases[i].Envelope = strings.ReplaceAll(c.Envelope, "\uFFFD", "\xff")
		}
	}
	return &all
}

// verifiers returns the trusted keys of a case under the ids that they have in
// it.
func (all *dsseCases) verifiers(t *testing.T, c dsseCase) []dsse.Verifier {
	t.Helper()
	if n := len(c.TrustedKeyIDs); n > 0 && n != len(c.TrustedKeys) {
		t.Fatalf("%s: %d keys and %d ids for them", c.ID, len(c.TrustedKeys), n)
	}
	var vs []dsse.Verifier
	for i, name := range c.TrustedKeys {
		k, ok := all.Keys[name]
		if !ok {
			t.Fatalf("%s: no key %s", c.ID, name)
		}
		id := name
		if len(c.TrustedKeyIDs) > 0 {
			id = c.TrustedKeyIDs[i]
		}
		v, err := sign.Algorithm(k.Alg).ParsePublicKey([]byte(k.PublicKeyPEM))
		if err != nil {
			t.Fatalf("%s: key %s for %s: %v", c.ID, name, k.Alg, err)
		}
		vs = append(vs, known{v, id})
	}
	return vs
}

// known is a Verifier under another key id.
type known struct {
	sign.Verifier
	id string
}

func (k known) KeyID() (string, error) { return k.id, nil }

// hallmarkVerdict returns why Hallmark rejects a case, and the class of the
// reason; or nil and "".
func hallmarkVerdict(ctx context.Context, c dsseCase, vs []dsse.Verifier) (class string, err error) {
	identity, err := verify.Keys(c.Threshold, vs...)
	if err != nil && strings.HasSuffix(err.Error(), "is there twice") {
		// Hallmark wants to be given each key once. What the threshold counts are
		// keys, so it is not reached where so few are there.
		var once []dsse.Verifier
		seen := make(map[string]bool)
		for _, v := range vs {
			fp, err := sign.Fingerprint(v.Public())
			if err != nil {
				return "", err
			}
			if !seen[fp.String()] {
				once = append(once, v)
			}
			seen[fp.String()] = true
		}
		if c.Threshold > len(once) {
			return "threshold", err
		}
		identity, err = verify.Keys(c.Threshold, once...)
	}
	if err != nil {
		return "config", err
	}
	e, err := sign.Parse([]byte(c.Envelope))
	if err != nil {
		return parseClass(err), err
	}
	ev, err := identity.Recognize(ctx, e)
	switch {
	case errors.Is(err, verify.ErrNotSigned):
		if c.Threshold > 1 {
			return "threshold", err
		}
		return "signature", err
	case err != nil:
		return "", err
	}
	if ev.PayloadType != c.WantPayloadType {
		return "payload-type", fmt.Errorf("payload type %q, want %q", ev.PayloadType, c.WantPayloadType)
	}
	return "", nil
}

// parseClass returns what kind of fault sign.Parse has found, by what it says.
func parseClass(err error) string {
	for _, rule := range []struct{ class, text string }{
		{"base64", `: malformed base64: `},
		{"limit", `nested deeper than \d+$|more than \d+ |, at most \d+ are read$`},
		// What is JSON, and is not what an envelope has in that place.
		{"format", `: want [a-z ]+, got (null|an? (array|object|string|number|boolean))$`},
		// A name in another case is another name.
		{"json", `, but a member ".*": names are compared byte by byte$`},
		{"format", `: (no (payloadType|payload|signature)|signature without sig)$|^malformed bundle: [^$]`},
		// All else is what strict JSON has against it.
		{"json", `^malformed (envelope|bundle): \$`},
	} {
		if regexp.MustCompile(rule.text).MatchString(err.Error()) {
			return rule.class
		}
	}
	return ""
}

// alsoClasses returns what else a rejection may be called: where two classes are
// true of one envelope, which of them it is depends on what is looked at first.
func alsoClasses(class string, err error) []string {
	switch {
	case class == "threshold" && err.Error() == verify.ErrNotSigned.Error():
		return []string{"signature"} // no signature is good
	case class == "config" && strings.Contains(err.Error(), "a threshold of"):
		return []string{"threshold"} // it cannot be reached
	case class == "format" && strings.HasSuffix(err.Error(), ": no payloadType"):
		return []string{"payload-type"} // it is there, and empty
	case class == "json" && strings.Contains(err.Error(), "names are compared byte by byte"):
		return []string{"format"} // the member is not there
	}
	return nil
}

// peerVerdict returns why go-securesystemslib rejects a case, or nil.
func peerVerdict(ctx context.Context, c dsseCase, vs []dsse.Verifier) error {
	v, err := dsse.NewMultiEnvelopeVerifier(c.Threshold, vs...)
	if err != nil {
		return err
	}
	var e dsse.Envelope
	if err := json.Unmarshal([]byte(c.Envelope), &e); err != nil {
		return err
	}
	_, err = v.Verify(ctx, &e)
	return err
}

// peerDefect says what is wrong with go-securesystemslib if it has another verdict
// than Hallmark, whose class is given; "" if no rule tells.
func peerDefect(c dsseCase, vs []dsse.Verifier, class string) string {
	switch class {
	case "payload-type":
		return "it leaves the payload type to its caller"
	case "format":
		return "it does not tell an absent or null member from an empty one"
	case "json":
		return "it takes the last of two members of one name, a name in another case for the name, and U+FFFD for what is not text"
	case "base64":
		return "it reads several encodings of the same bytes"
	case "threshold":
		return "it tells keys apart by their ids"
	case "limit":
		return "it has no bound"
	case "":
		// Hallmark accepts.
		ids := make(map[string]bool)
		for _, v := range vs {
			id, _ := v.KeyID()
			if ids[id] {
				return "it tells keys apart by their ids"
			}
			ids[id] = true
		}
		e, err := sign.Parse([]byte(c.Envelope))
		if err != nil {
			return ""
		}
		for _, s := range e.Signatures {
			if s.KeyID != "" && !ids[s.KeyID] {
				return "it takes the key id for more than a hint"
			}
		}
		for _, v := range vs {
			id, _ := v.KeyID()
			for _, s := range e.Signatures {
				if s.KeyID != "" && s.KeyID != id && v.Verify(context.Background(), e.PAE(), s.Sig) == nil {
					return "it takes the key id for more than a hint"
				}
			}
		}
		var members map[string]json.RawMessage
		json.Unmarshal([]byte(c.Envelope), &members)
		for name := range members {
			for _, known := range []string{"payload", "payloadType", "signatures"} {
				if name != known && strings.EqualFold(name, known) {
					return "it takes a name in another case for the name"
				}
			}
		}
		var signatures []map[string]json.RawMessage
		json.Unmarshal(members["signatures"], &signatures)
		for _, s := range signatures {
			for name := range s {
				if name != "keyid" && strings.EqualFold(name, "keyid") || name != "sig" && strings.EqualFold(name, "sig") {
					return "it takes a name in another case for the name"
				}
			}
		}
	}
	return ""
}

// R12, R14, R15, R27, R31, R32, R34 to R38: a case says in its name which.
func TestDSSE(t *testing.T) {
	verdict := func(err error) string {
		if err != nil {
			return "reject"
		}
		return "accept"
	}
	all := readDSSE(t)
	different := 0
	for _, c := range all.Cases {
		vs := all.verifiers(t, c)
		class, ours := hallmarkVerdict(t.Context(), c, vs)
		if got := verdict(ours); got != c.Want {
			t.Errorf("%s (%s): %s (%v), want %s", c.ID, c.Desc, got, ours, c.Want)
			continue
		}
		if class != c.Class && !slices.Contains(alsoClasses(class, ours), c.Class) {
			t.Errorf("%s (%s): rejected for %q (%v), want %q", c.ID, c.Desc, class, ours, c.Class)
		}

		// A difference from the peer is the peer's defect. What it does is told
		// here, and is no fault of ours if it does something else than it did.
		theirs := peerVerdict(t.Context(), c, vs)
		if was, _, _ := strings.Cut(c.Peer, ":"); was != "" && was != verdict(theirs) {
			t.Logf("%s (%s): go-securesystemslib says %v, and once said %s", c.ID, c.Desc, theirs, c.Peer)
		}
		if verdict(ours) == verdict(theirs) {
			continue
		}
		different++
		defect := peerDefect(c, vs, class)
		if defect == "" {
			defect = "no rule says why"
		}
		t.Logf("%s (%s): go-securesystemslib says %s: %s", c.ID, c.Desc, verdict(theirs), defect)
	}
	t.Logf("%d cases, in %d of them go-securesystemslib has another verdict", len(all.Cases), different)
}

// accepted reports whether Hallmark accepts a case.
func accepted(ctx context.Context, c dsseCase, vs []dsse.Verifier) bool {
	_, err := hallmarkVerdict(ctx, c, vs)
	return err == nil
}

// some yields the numbers from 0 to n-1, but fewer of them if the envelope is so
// large that trying each would take long.
func (c *dsseCase) some(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		most := max(32, (4<<20)/max(1, len(c.Envelope)))
		for i := 0; i < n; i += 1 + n/most {
			if !yield(i) {
				return
			}
		}
	}
}

// An accepted case is no longer accepted when a bit of its payload, its type or
// all its signatures is another one, and is never when a member is gone.
func TestDSSEMutations(t *testing.T) {
	all := readDSSE(t)
	mutants := 0
	for _, c := range all.Cases {
		if c.Want != "accept" {
			continue
		}
		vs := all.verifiers(t, c)
		e, err := sign.Parse([]byte(c.Envelope))
		if err != nil {
			t.Errorf("%s: %v", c.ID, err)
			continue
		}
		mutant := func(what string, change func(*sign.Envelope)) {
			mutants++
			m := *e
			m.Payload = slices.Clone(e.Payload)
			m.Signatures = slices.Clone(e.Signatures)
			change(&m)
			data, err := m.Marshal()
			if err != nil {
				return
			}
			changed := c
			changed.Envelope = string(data)
			if accepted(t.Context(), changed, vs) {
				t.Errorf("%s is accepted with %s", c.ID, what)
			}
		}
		for i := range c.some(len(e.Payload)) {
			mutant(fmt.Sprintf("another byte %d of the payload", i), func(m *sign.Envelope) { m.Payload[i] ^= 1 })
		}
		mutant("a longer payload", func(m *sign.Envelope) { m.Payload = append(m.Payload, ' ') })
		mutant("a byte moved from the payload to the type", func(m *sign.Envelope) {
			m.PayloadType += " "
			m.Payload = append([]byte(" "), m.Payload...)
		})
		for i := range e.PayloadType {
			mutant(fmt.Sprintf("another byte %d of the type", i), func(m *sign.Envelope) {
				m.PayloadType = m.PayloadType[:i] + string(m.PayloadType[i]^1) + m.PayloadType[i+1:]
			})
		}
		bits := 0
		for _, s := range e.Signatures {
			bits = max(bits, 8*len(s.Sig))
		}
		for i := range c.some(bits) {
			mutant(fmt.Sprintf("another bit %d of the signatures", i), func(m *sign.Envelope) {
				for k, s := range m.Signatures {
					if len(s.Sig) > 0 {
						m.Signatures[k].Sig = slices.Clone(s.Sig)
						m.Signatures[k].Sig[i/8%len(s.Sig)] ^= 1 << (i % 8)
					}
				}
			})
		}
		if len(e.Signatures) == c.Threshold {
			for i := range e.Signatures {
				mutant(fmt.Sprintf("signature %d gone", i), func(m *sign.Envelope) {
					m.Signatures = slices.Delete(m.Signatures, i, i+1)
				})
				if c.Threshold > 1 {
					mutant(fmt.Sprintf("signature %d in the place of all", i), func(m *sign.Envelope) {
						for k := range m.Signatures {
							m.Signatures[k].Sig = e.Signatures[i].Sig
						}
					})
				}
			}
		}
		for _, name := range []string{"payload", "payloadType", "signatures", "sig"} {
			for _, to := range []string{strings.ToUpper(name), name + " ", "x"} {
				mutants++
				changed := c
				changed.Envelope = strings.ReplaceAll(c.Envelope, `"`+name+`"`, `"`+to+`"`)
				if changed.Envelope != c.Envelope && accepted(t.Context(), changed, vs) {
					t.Errorf("%s is accepted with %s for %s", c.ID, to, name)
				}
			}
		}
	}
	t.Logf("%d mutants", mutants)
}

// member is a member of an object, and its value as it stands there.
type member struct {
	name  string
	value string
}

func membersOf(t *testing.T, object string) []member {
	t.Helper()
	var all []member
	err := strictjson.Read([]byte(object), func(r *strictjson.Reader) error {
		return r.Object(func(name string) error {
			value, err := r.Raw()
			all = append(all, member{name, string(value)})
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func objectOf(members []member) string {
	var all []string
	for _, m := range members {
		name, _ := json.Marshal(m.name)
		all = append(all, string(name)+":"+m.value)
	}
	return "{" + strings.Join(all, ",") + "}"
}

// An accepted case is no longer accepted when a letter of its base64 is another
// one, and when a member is gone, twice there, in another case or of another kind.
// What nobody has signed and nothing is decided by, key ids and members that DSSE
// does not know, may be gone and otherwise, but not twice there.
func TestDSSEMembers(t *testing.T) {
	all := readDSSE(t)
	mutants := 0
	for _, c := range all.Cases {
		if c.Want != "accept" {
			continue
		}
		vs := all.verifiers(t, c)
		try := func(envelope, what string, may bool) {
			t.Helper()
			mutants++
			changed := c
			changed.Envelope = envelope
			if accepted(t.Context(), changed, vs) && !may {
				t.Errorf("%s is accepted with %s", c.ID, what)
			}
		}
		top := membersOf(t, c.Envelope)
		// change tries every change of the members of an object, which whole puts
		// into the place where it is.
		change := func(at string, object []member, needless bool, whole func(string) string) {
			for i, m := range object {
				required := false
				switch m.name {
				case "payload", "payloadType", "signatures", "sig":
					required = true
				}
				with := func(name, value string) string {
					other := slices.Clone(object)
					other[i] = member{name, value}
					return whole(objectOf(other))
				}
				try(whole(objectOf(slices.Delete(slices.Clone(object), i, i+1))), at+m.name+" gone", !required)
				try(whole(objectOf(append(slices.Clone(object), m))), at+m.name+" twice", false)
				for _, value := range []string{"null", `""`, "{}", "[]", "0"} {
					try(whole(objectOf(append(slices.Clone(object), member{m.name, value}))), at+m.name+" and then "+value, false)
					try(whole(objectOf(slices.Insert(slices.Clone(object), i, member{m.name, value}))), at+m.name+" after "+value, false)
					if value != m.value {
						try(with(m.name, value), at+m.name+" as "+value, !required || needless && value == `""`)
					}
				}
				for _, name := range []string{strings.ToUpper(m.name), strings.ToUpper(m.name[:min(1, len(m.name))]) + m.name[min(1, len(m.name)):], m.name + " ", m.name + "\x00"} {
					if name != m.name {
						try(with(name, m.value), at+name+" for "+m.name, !required)
					}
				}
			}
		}
		change("", top, false, func(s string) string { return s })
		for i, m := range top {
			replaced := func(value string) string {
				other := slices.Clone(top)
				other[i].value = value
				return objectOf(other)
			}
			// flip tries other letters in the string at text.
			flip := func(what, text string, may bool, whole func(string) string) {
				for k := range c.some(len(text)) {
					if k == 0 || k == len(text)-1 {
						continue // the quotation marks
					}
					for _, letter := range []byte{text[k] ^ 1, '-', '='} {
						// The two alphabets have a letter each for the same bits.
						same := letter == '-' && text[k] == '+' && strings.Count(text, "+")+strings.Count(text, "/") == 1
						if letter != text[k] && !same {
							try(whole(text[:k]+string(letter)+text[k+1:]), fmt.Sprintf("%s with %q for %q at %d", what, letter, text[k], k), may)
						}
					}
				}
			}
			switch m.name {
			case "payload", "payloadType":
				flip(m.name, m.value, false, replaced)
			case "signatures":
				var signatures []json.RawMessage
				if err := json.Unmarshal([]byte(m.value), &signatures); err != nil {
					t.Fatal(err)
				}
				for k, sig := range signatures {
					whole := func(s string) string {
						parts := make([]string, len(signatures))
						for n, other := range signatures {
							parts[n] = string(other)
						}
						parts[k] = s
						return replaced("[" + strings.Join(parts, ",") + "]")
					}
					at := fmt.Sprintf("signature %d: ", k)
					one := membersOf(t, string(sig))
					// A signature that is not needed may be anybody's.
					without := c
					without.Envelope = whole(`{"sig":""}`)
					needless := accepted(t.Context(), without, vs)
					change(at, one, needless, whole)
					for n, m := range one {
						if m.name == "sig" {
							flip(at+"sig", m.value, needless, func(value string) string {
								other := slices.Clone(one)
								other[n].value = value
								return whole(objectOf(other))
							})
						}
					}
				}
			}
		}
	}
	t.Logf("%d mutants", mutants)
}

func TestDSSEPAE(t *testing.T) {
	all := readDSSE(t)
	if len(all.PAE) == 0 {
		t.Fatal("no vectors")
	}
	text := func(h string) string {
		b, err := hex.DecodeString(h)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, v := range all.PAE {
		e := sign.Envelope{PayloadType: text(v.TypeHex), Payload: []byte(text(v.BodyHex))}
		if got := string(e.PAE()); got != text(v.PAEHex) {
			t.Errorf("type %q, body %q: got %q, want %q", e.PayloadType, e.Payload, got, text(v.PAEHex))
		}
		if theirs := dsse.PAE(e.PayloadType, e.Payload); string(theirs) != string(e.PAE()) {
			t.Errorf("type %q, body %q: got %q, go-securesystemslib has %q", e.PayloadType, e.Payload, e.PAE(), theirs)
		}
	}
}

// The vector of the specification has its signature as the two numbers one after
// the other. Package sign has it in DER, and makes the same one: both follow RFC
// 6979.
func TestDSSESpecVector(t *testing.T) {
	v := readDSSE(t).SpecVector
	number := func(s string) []byte {
		n, ok := new(big.Int).SetString(s, 10)
		if !ok {
			t.Fatalf("%q is not a number", s)
		}
		return n.FillBytes(make([]byte, 32))
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), number(v.D))
	if err != nil {
		t.Fatal(err)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, number(v.X), number(v.Y)))
	if err != nil || !key.PublicKey.Equal(public) {
		t.Fatalf("the vector's key halves do not belong together (%v)", err)
	}
	signer, err := sign.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	e, err := sign.Sign(t.Context(), v.PayloadType, []byte(v.Payload), signer)
	if err != nil {
		t.Fatal(err)
	}
	if string(e.PAE()) != v.PAE {
		t.Errorf("PAE is %q, want %q", e.PAE(), v.PAE)
	}
	der, err := derSignature(v.Sig)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(e.Signatures[0].Sig, der) {
		t.Errorf("got the signature %x, want %x", e.Signatures[0].Sig, der)
	}
	if err := signer.Verify(t.Context(), []byte(v.PAE), der); err != nil {
		t.Errorf("the vector's signature in DER: %v", err)
	}
	if err := signer.Verify(t.Context(), []byte(v.PAE), v.Sig); err == nil {
		t.Error("the vector's signature is accepted as it is, but is not DER")
	}
}

// derSignature returns an ECDSA signature in ASN.1 DER that has its two numbers
// one after the other.
func derSignature(raw []byte) ([]byte, error) {
	if len(raw) != 64 {
		return nil, fmt.Errorf("signature of %d bytes, want 64", len(raw))
	}
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
}

// What the one signs the other verifies, through JSON as each writes it.
func TestDSSEInterop(t *testing.T) {
	const payloadType = "application/vnd.in-toto+json"
	keys := everyEnvelopeKey(t)
	sets := [][]envelopeKey{keys}
	for _, k := range keys {
		sets = append(sets, []envelopeKey{k})
	}
	for _, set := range sets {
		var name []string
		var ourSigners []sign.SignerVerifier
		var theirSigners []dsse.Signer
		var ours, theirs []dsse.Verifier
		for _, k := range set {
			name = append(name, k.name)
			ourSigners = append(ourSigners, k.ours)
			theirSigners = append(theirSigners, k.theirs)
			ours = append(ours, k.ours)
			theirs = append(theirs, k.theirs)
		}
		t.Run(strings.Join(name, "+"), func(t *testing.T) {
			for _, payload := range []string{"", "{}", "\x00\xff\xfe", strings.Repeat("hallmark?>", 1000)} {
				// Ours, verified by go-securesystemslib.
				e, err := sign.Sign(t.Context(), payloadType, []byte(payload), ourSigners...)
				if err != nil {
					t.Fatal(err)
				}
				data, err := e.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				var read dsse.Envelope
				if err := json.Unmarshal(data, &read); err != nil {
					t.Fatal(err)
				}
				verifier, err := dsse.NewMultiEnvelopeVerifier(len(theirs), theirs...)
				if err != nil {
					t.Fatal(err)
				}
				accepted, body, err := verifier.VerifyAndDecode(t.Context(), &read)
				if err != nil || len(accepted) != len(set) || string(body) != payload || read.PayloadType != payloadType {
					t.Errorf("go-securesystemslib on ours: %v, %d keys, payload %q, type %q", err, len(accepted), body, read.PayloadType)
				}

				// Theirs, verified by us, in both alphabets of base64.
				signer, err := dsse.NewEnvelopeSigner(theirSigners...)
				if err != nil {
					t.Fatal(err)
				}
				made, err := signer.SignPayload(t.Context(), payloadType, []byte(payload))
				if err != nil {
					t.Fatal(err)
				}
				identity, err := verify.Keys(len(ours), ours...)
				if err != nil {
					t.Fatal(err)
				}
				urlSafe := *made
				urlSafe.Payload = base64.URLEncoding.EncodeToString([]byte(payload))
				for _, made := range []*dsse.Envelope{made, &urlSafe} {
					data, err := json.Marshal(made)
					if err != nil {
						t.Fatal(err)
					}
					e, err := sign.Parse(data)
					if err != nil {
						t.Fatal(err)
					}
					ev, err := identity.Recognize(t.Context(), e)
					if err != nil || len(ev.Keys) != len(set) || string(ev.Payload) != payload || ev.PayloadType != payloadType {
						t.Errorf("ours on go-securesystemslib's: %v, %+v", err, ev)
					}

					// Marshaled by us, it still is what they signed.
					again, err := e.Marshal()
					if err != nil {
						t.Fatal(err)
					}
					var back dsse.Envelope
					if err := json.Unmarshal(again, &back); err != nil {
						t.Fatal(err)
					}
					if made != &urlSafe && !reflect.DeepEqual(&back, made) {
						t.Errorf("go-securesystemslib's envelope comes back as %+v, want %+v", back, made)
					}
					if _, err := verifier.Verify(t.Context(), &back); err != nil {
						t.Errorf("go-securesystemslib on its own, marshaled by us: %v", err)
					}
				}

				// Neither takes it for another payload.
				e.Payload = append(e.Payload, 'x')
				if _, err := identity.Recognize(t.Context(), e); !errors.Is(err, verify.ErrNotSigned) {
					t.Errorf("another payload: %v", err)
				}
			}
		})
	}
}

// Several people sign one envelope, one after the other and in every order, and
// go-securesystemslib counts as many of them as we do.
func TestDSSECountersigned(t *testing.T) {
	const payloadType = "application/vnd.in-toto+json"
	payload := []byte(`{"hallmark":"?>"}`)
	keys := append(envelopeKeys(t), envelopeKeysOf(t, 'l')...)
	stranger := envelopeKeysOf(t, 'm')[0]
	var ours, theirs []dsse.Verifier
	for _, k := range keys {
		ours, theirs = append(ours, k.ours), append(theirs, k.theirs)
	}
	for order := range permutations(len(keys)) {
		e, err := sign.Sign(t.Context(), payloadType, payload, keys[order[0]].ours)
		if err != nil {
			t.Fatal(err)
		}
		if e, err = sign.Countersign(t.Context(), e, stranger.ours); err != nil {
			t.Fatal(err)
		}
		for signed := 1; ; signed++ {
			data, err := e.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			var read dsse.Envelope
			if err := json.Unmarshal(data, &read); err != nil {
				t.Fatal(err)
			}
			for threshold := 1; threshold <= len(keys); threshold++ {
				peer, err := dsse.NewMultiEnvelopeVerifier(threshold, theirs...)
				if err != nil {
					t.Fatal(err)
				}
				accepted, body, err := peer.VerifyAndDecode(t.Context(), &read)
				if (err == nil) != (threshold <= signed) || err == nil && (len(accepted) != signed || !bytes.Equal(body, payload)) {
					t.Errorf("order %v, %d have signed, %d must: go-securesystemslib has %d and %v", order, signed, threshold, len(accepted), err)
				}
				identity, err := verify.Keys(threshold, ours...)
				if err != nil {
					t.Fatal(err)
				}
				ev, err := identity.Recognize(t.Context(), e)
				if (err == nil) != (threshold <= signed) || err == nil && (len(ev.Keys) != signed || !bytes.Equal(ev.Payload, payload)) {
					t.Errorf("order %v, %d have signed, %d must: %+v, %v", order, signed, threshold, ev, err)
				}
			}
			if signed == len(keys) {
				break
			}
			if e, err = sign.Countersign(t.Context(), e, keys[order[signed]].ours); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// permutations yields every order of n things.
func permutations(n int) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		var rest func(done []int) bool
		rest = func(done []int) bool {
			if len(done) == n {
				return yield(done)
			}
			for i := range n {
				if !slices.Contains(done, i) && !rest(append(slices.Clone(done), i)) {
					return false
				}
			}
			return true
		}
		rest(nil)
	}
}
