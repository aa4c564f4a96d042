package verify_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// ecdsaSigner returns an ECDSA key of its own for each n.
func ecdsaSigner(t testing.TB, n int) sign.SignerVerifier {
	t.Helper()
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{byte(n + 1)}, 32))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sign.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// otherForm returns the other signature that an ECDSA signature makes known: with
// n-s in the place of s.
func otherForm(t testing.TB, sig []byte) []byte {
	t.Helper()
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sig, &rs); err != nil {
		t.Fatal(err)
	}
	rs.S.Sub(elliptic.P256().Params().N, rs.S)
	other, err := asn1.Marshal(rs)
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// Of any signatures in any order under any key ids, those count that are somebody's,
// and somebody counts once (R15, R27).
func TestKeysAnyOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	const n = 4 // keys, and then there is a stranger
	keys := []sign.SignerVerifier{newKey(t, 1), ecdsaSigner(t, 1), newKey(t, 2), ecdsaSigner(t, 2), newKey(t, 3)}
	e, err := sign.Sign(t.Context(), "t", []byte("payload"), keys...)
	if err != nil {
		t.Fatal(err)
	}
	another, err := sign.Sign(t.Context(), "t", []byte("another payload"), keys...)
	if err != nil {
		t.Fatal(err)
	}
	// A signature, and whose it is; -1 for nobody's.
	type choice struct {
		sig []byte
		by  int
	}
	choices := []choice{{nil, -1}, {[]byte{}, -1}, {make([]byte, 64), -1}, {[]byte("0\x80garbage"), -1}, {make([]byte, 10_000), -1}}
	var ids []string
	for i, s := range e.Signatures {
		by := i
		if i == n {
			by = -1
		}
		flipped := slices.Clone(s.Sig)
		flipped[len(flipped)/2] ^= 1
		choices = append(
			choices, choice{s.Sig, by}, choice{flipped, -1}, choice{another.Signatures[i].Sig, -1},
			choice{append(slices.Clone(s.Sig), 0), -1}, choice{s.Sig[:len(s.Sig)-1], -1},
		)
		if i%2 == 1 {
			choices = append(choices, choice{otherForm(t, s.Sig), by})
		}
		ids = append(ids, s.KeyID)
	}
	ids = append(ids, "", "nobody's")

	identities := make([]verify.Identity, n)
	var verifiers []sign.Verifier
	for _, k := range keys[:n] {
		verifiers = append(verifiers, k)
	}
	for i := range identities {
		if identities[i], err = verify.Keys(i+1, verifiers...); err != nil {
			t.Fatal(err)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 1500 {
		trial := &sign.Envelope{PayloadType: "t", Payload: []byte("payload")}
		signed := make(map[int]bool)
		for range random.IntN(10) {
			c := choices[random.IntN(len(choices))]
			trial.Signatures = append(trial.Signatures, sign.Signature{KeyID: ids[random.IntN(len(ids))], Sig: c.sig})
			if c.by >= 0 {
				signed[c.by] = true
			}
		}
		threshold := 1 + random.IntN(n)
		ev, err := identities[threshold-1].Recognize(t.Context(), trial)
		switch {
		case len(signed) < threshold:
			if !errors.Is(err, verify.ErrNotSigned) || ev != nil {
				t.Errorf("%d have signed, %d must: %v, %v", len(signed), threshold, ev, err)
			}
			want := verify.ErrNotSigned.Error()
			if len(signed) > 0 {
				want = fmt.Sprintf("%s: by %d of its keys, and %d must", want, len(signed), threshold)
			}
			if err != nil && err.Error() != want {
				t.Errorf("got %q, want %q", err, want)
			}
		case err != nil || len(ev.Keys) != len(signed):
			t.Errorf("%d have signed, %d must: %v, %v", len(signed), threshold, ev, err)
		}
	}
}

// watched is a key that is told what it is asked.
type watched struct {
	sign.Verifier
	ask func(data, sig []byte)
}

func (w watched) Verify(ctx context.Context, data, sig []byte) error {
	w.ask(data, sig)
	return w.Verifier.Verify(ctx, data, sig)
}

// A key id that is right saves time, one that is wrong costs some, and there is
// an end to it: no key looks at a signature twice. What they look at is made once.
func TestKeysCost(t *testing.T) {
	const n = 3
	var asked int
	var seen map[*byte]bool
	var keys []sign.Verifier
	var signers []sign.SignerVerifier
	for i := range n {
		k := newKey(t, i+1)
		signers = append(signers, k)
		keys = append(keys, watched{k, func(data, _ []byte) { asked++; seen[&data[0]] = true }})
	}
	id, err := verify.Keys(1, keys...)
	if err != nil {
		t.Fatal(err)
	}
	e, err := sign.Sign(t.Context(), "t", []byte("payload"), signers...)
	if err != nil {
		t.Fatal(err)
	}
	garbage := *e
	garbage.Signatures = make([]sign.Signature, sign.MaxSignatures)
	hinted := *e
	hinted.Signatures = slices.Repeat([]sign.Signature{{KeyID: e.Signatures[0].KeyID}}, sign.MaxSignatures)
	wrong := *e
	wrong.Signatures = slices.Clone(e.Signatures)
	slices.Reverse(wrong.Signatures)
	for i := range wrong.Signatures {
		wrong.Signatures[i].KeyID = e.Signatures[i].KeyID
	}
	for _, test := range []struct {
		name string
		e    *sign.Envelope
		want int
	}{
		{"right key ids", e, n},
		{"wrong key ids", &wrong, 1 + 3 + 3},
		{"garbage", &garbage, n * sign.MaxSignatures},
		{"garbage under the id of a key", &hinted, n * sign.MaxSignatures},
	} {
		asked, seen = 0, make(map[*byte]bool)
		id.Recognize(t.Context(), test.e)
		if asked > n*len(test.e.Signatures) || asked > test.want {
			t.Errorf("%s: %d verifications, want %d", test.name, asked, test.want)
		}
		if len(seen) != 1 {
			t.Errorf("%s: what is verified is made %d times", test.name, len(seen))
		}
	}
}

// Evidence has the bytes that were verified, whatever becomes of the envelope
// (R12).
func TestKeysVerifiedBytes(t *testing.T) {
	e := seal(t, "t", []byte("pay the bearer 1"), 1)
	v := watched{newKey(t, 1), func([]byte, []byte) { e.Payload[15] = '2' }}
	id, err := verify.Key(v)
	if err != nil {
		t.Fatal(err)
	}
	ev, err := id.Recognize(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if string(e.Payload) != "pay the bearer 2" || string(ev.Payload) != "pay the bearer 1" {
		t.Errorf("the envelope has %q, the evidence %q", e.Payload, ev.Payload)
	}
	if cap(ev.Payload) != len(ev.Payload) {
		t.Error("who appends to the payload writes behind it")
	}
}

// A large payload with as many bad signatures as can be does not hold up whoever
// has lost patience.
func TestKeysCancelled(t *testing.T) {
	e := &sign.Envelope{PayloadType: "t", Payload: make([]byte, 1<<20), Signatures: make([]sign.Signature, sign.MaxSignatures)}
	for i := range e.Signatures {
		e.Signatures[i].Sig = make([]byte, 64)
	}
	asked := 0
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var keys []sign.Verifier
	for i := range 100 {
		keys = append(keys, watched{newKey(t, i+1), func([]byte, []byte) {
			if asked++; asked == 10 {
				cancel()
			}
		}})
	}
	id, err := verify.Keys(1, keys...)
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	if ev, err := id.Recognize(ctx, e); ev != nil || !errors.Is(err, context.Canceled) || errors.Is(err, verify.ErrNotSigned) {
		t.Errorf("%v, %v, want it cancelled", ev, err)
	}
	if asked != 10 {
		t.Errorf("%d verifications, want no more than the 10 before the end", asked)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, and %d before", after, before)
	}

	// A machine with much else to do may be late, but not always.
	took := time.Hour
	for try := 0; try < 5 && took > 100*time.Millisecond; try++ {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		deadline, _ := ctx.Deadline()
		if _, err := id.Recognize(ctx, e); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the deadline", err)
		}
		took = time.Since(deadline)
		cancel()
	}
	if took > 100*time.Millisecond {
		t.Errorf("gave up %v after the context", took)
	}
}

// A nil envelope is an error, and not anybody's.
func TestKeysNoEnvelope(t *testing.T) {
	id, err := verify.Key(newKey(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	if ev, err := id.Recognize(t.Context(), nil); err == nil || ev != nil || errors.Is(err, verify.ErrNotSigned) {
		t.Errorf("%v, %v", ev, err)
	}
}

// An envelope that nobody has signed, at the cost of all its signatures.
func BenchmarkKeysGarbage(b *testing.B) {
	e := &sign.Envelope{PayloadType: "t", Payload: make([]byte, 5<<10), Signatures: make([]sign.Signature, sign.MaxSignatures)}
	for i := range e.Signatures {
		e.Signatures[i].Sig = make([]byte, 64)
	}
	for _, n := range []int{1, 4, 16} {
		var keys []sign.Verifier
		for i := range n {
			keys = append(keys, newKey(b, i+1))
		}
		id, err := verify.Keys(1, keys...)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := id.Recognize(b.Context(), e); !errors.Is(err, verify.ErrNotSigned) {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/key")
		})
	}
}
