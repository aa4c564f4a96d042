package verify_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// verdictOf is all that Verify says of one hearing, to be compared.
func verdictOf(r *verify.Result, err error) string {
	text := end(r, err) + "\n" + fmt.Sprint(err)
	if r != nil {
		text += fmt.Sprintf("\n%v\n%v\n%v\n%v", r.Checks(), r.Exceptions(), r.Warnings(), r.Builder().ID)
	}
	return text
}

// A hearing is a policy with what it is asked.
type hearing struct {
	*world
	envelopes []*sign.Envelope
}

// hearings are some of every kind: with exceptions, revocations, ages and thresholds,
// of real keys and of others.
func hearings(t testing.TB) (all []hearing) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 200 {
		w := newWorld(t, rng)
		h := hearing{world: w}
		for _, x := range w.evidence() {
			h.envelopes = append(h.envelopes, x.sealed)
		}
		w.policy.Expires = asOf().Add(time.Duration(rng.IntN(40)-1) * 24 * time.Hour)
		all = append(all, h)
	}
	c := newTrial(t)
	unreadable, readable := evidence(t, c.artifact)
	for _, e := range append(unreadable, readable...) {
		all = append(all, hearing{&world{t: t, artifact: c.artifact, policy: c.policy}, []*sign.Envelope{e}})
	}
	d, err := verify.During(identity(t, 1), asOf().Add(-time.Hour), asOf().Add(time.Hour), asOf)
	if err != nil {
		t.Fatal(err)
	}
	aged := policy(t)
	aged.Builders[0].Identity = d
	return append(all, hearing{&world{t: t, artifact: c.artifact, policy: aged}, readable[:1]})
}

func (h hearing) hear(ctx context.Context) string {
	return verdictOf(h.policy.Verify(ctx, h.artifact, h.envelopes...))
}

// Nothing asks a network, and nothing is printed, whatever the verdict is and
// whichever way it is told.
func TestHermetic(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	refuse := func(context.Context, string, string) (net.Conn, error) {
		t.Error("something dialled")
		return nil, errors.New("no network")
	}
	transport, resolver := http.DefaultTransport, net.DefaultResolver
	http.DefaultTransport = &http.Transport{DialContext: refuse}
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: refuse}
	defer func() { http.DefaultTransport, net.DefaultResolver = transport, resolver }()
	sockets := func() (n int) {
		files, _ := filepath.Glob("/proc/self/fd/*") // where there is one
		for _, f := range files {
			if to, err := os.Readlink(f); err == nil && strings.HasPrefix(to, "socket:") {
				n++
			}
		}
		return n
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := sockets()
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = write, write
	for _, h := range hearings(t) {
		r, err := h.policy.Verify(t.Context(), h.artifact, h.envelopes...)
		_ = verdictOf(r, err)
		_ = verify.NewReport(h.artifact, r, err).String()
		_ = h.policy.Review(t.Context(), h.artifact, r, err)
		_ = h.policy.Explain()
		_ = h.policy.Probe(t.Context())
	}
	os.Stdout, os.Stderr = stdout, stderr
	write.Close()
	if printed, err := io.ReadAll(read); err != nil || len(printed) > 0 {
		t.Errorf("printed %.200q, %v", printed, err)
	}
	if after := sockets(); after > before {
		t.Errorf("%d sockets, and %d before", after, before)
	}
}

// The clock is the policy's. What the machine's tells makes no difference: the same
// policies are asked now, at the begin of the century, and when it is half over.
func TestOtherClock(t *testing.T) {
	all := hearings(t)
	var want []string
	for _, h := range all {
		want = append(want, h.hear(context.Background()))
	}
	synctest.Test(t, func(t *testing.T) {
		for _, wait := range []time.Duration{0, 50 * 365 * 24 * time.Hour} {
			time.Sleep(wait)
			for i, h := range all {
				if got := h.hear(context.Background()); got != want[i] {
					t.Errorf("%s: %s\nwant %s", time.Now(), got, want[i])
				}
			}
		}
	})
}

// One policy and its identities are shared by many goroutines, each of
// which hears what it would hear alone.
func TestShared(t *testing.T) {
	w := newWorld(t, rand.New(rand.NewPCG(5, 5)))
	var sets [][]*sign.Envelope
	var want []string
	counts := make(map[string]int)
	for range 64 {
		var set []*sign.Envelope
		for _, x := range w.evidence() {
			set = append(set, x.sealed)
		}
		sets = append(sets, set)
	}
	for _, set := range sets {
		r, err := w.policy.Verify(t.Context(), w.artifact, set...)
		counts[end(r, err)]++
		want = append(want, verdictOf(r, err))
	}
	if counts[accepted] == 0 || counts[rejected] == 0 {
		t.Errorf("%v: the test shows little", counts)
	}
	before := *w.policy
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			for k := range sets {
				n := (i + k) % len(sets)
				if got := verdictOf(w.policy.Verify(t.Context(), w.artifact, sets[n]...)); got != want[n] {
					t.Errorf("%s\nwant %s", got, want[n])
				}
			}
		})
	}
	group.Wait()
	before.Now, w.policy.Now = nil, nil // functions cannot be compared
	if !reflect.DeepEqual(before, *w.policy) {
		t.Error("the policy has changed")
	}
}
