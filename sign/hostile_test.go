package sign_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/sign"
)

// hostile are documents of about n bytes that are made to cost much: R09 and R20.
func hostile() map[string]func(n int) string {
	// fill puts units between before and after until there are n bytes.
	fill := func(n int, before, unit, after string) string {
		return before + strings.Repeat(unit, max(0, n-len(before)-len(after))/len(unit)) + after
	}
	const rest = `","payloadType":"t","signatures":[{"sig":"c2ln"}]}`
	// aside puts a value into a member that means nothing.
	aside := func(value string) string { return strings.TrimSuffix(line("a"), "}") + `,"x":` + value + "}" }
	list := func(unit string) func(n int) string {
		return func(n int) string { return aside(fill(n, "[", unit+",", "0]")) }
	}
	members := func(n int) string {
		var b strings.Builder
		b.WriteByte('{')
		for i := 0; b.Len() < n; i++ {
			fmt.Fprintf(&b, `"%d":0,`, i)
		}
		b.WriteString(`"x":0}`)
		return b.String()
	}
	return map[string]func(n int) string{
		"payload":         func(n int) string { return fill(n, `{"payload":"`, "QUJD", rest) },
		"escaped payload": func(n int) string { return fill(n, `{"payload":"`, `\/\/\/\/`, rest) },
		"escaped letters": func(n int) string { return fill(n, `{"payload":"`, `\u0041\u0041\u0041\u0041`, rest) },
		"other bits":      func(n int) string { return fill(n, `{"payload":"`, "QUJD", "QUJ="+rest) },
		"two alphabets":   func(n int) string { return fill(n, `{"payload":"`, "+/-_", rest) },
		"no end":          func(n int) string { return fill(n, `{"payload":"`, "QUJD", "") },
		"bundle": func(n int) string {
			return object(bundle03, byKey, `"dsseEnvelope":`+fill(n, `{"payload":"`, "QUJD", rest))
		},
		"type": func(n int) string {
			return fill(n, `{"payload":"","payloadType":"`, "é", `","signatures":[{"sig":""}]}`)
		},
		"escaped type": func(n int) string {
			return fill(n, `{"payload":"","payloadType":"`, `\n`, `","signatures":[{"sig":""}]}`)
		},
		"key ids": func(n int) string {
			one := fill(n/sign.MaxSignatures, `{"sig":"","keyid":"`, `\n`, `"}`)
			return `{"payload":"","payloadType":"t","signatures":[` + strings.Repeat(one+",", sign.MaxSignatures-1) + one + "]}"
		},
		"signatures":          func(n int) string { return signatures(n / len(`{"sig":"c2ln"},`)) },
		"members":             members,
		"members aside":       func(n int) string { return aside(members(n)) },
		"small objects":       list(`{"a":0}`),
		"objects with many":   list(`{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0,"j":0,"k":0,"l":0,"m":0,"n":0,"o":0,"p":0,"q":0}`),
		"names of bundles":    list(`{"a_b":0,"PAYLOAD":1,"dsseEnvelope":null}`),
		"empty arrays":        list("[]"),
		"deep arrays":         list(strings.Repeat("[", 90) + strings.Repeat("]", 90)),
		"deeper than allowed": func(n int) string { return aside(fill(n, "", "[", "")) },
		"numbers":             list("1e9"),
		"a long number":       func(n int) string { return aside(fill(n, "", "1", "")) },
		"strings":             list(`"\n"`),
		"surrogates":          list(`"\ud83d\ude00"`),
		"a long name":         func(n int) string { return "{" + fill(n/2, `"`, "x", `":0,`) + fill(n/2, `"`, "x", `":0}`) },
		"a long media type": func(n int) string {
			return object(fill(n, `"mediaType":"`, "x", `"`), byKey, sealed)
		},
		"white space": func(n int) string { return line("a") + strings.Repeat(" ", n) },
	}
}

// Time and memory grow no faster than the input, whoever wrote it.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	for name, make := range hostile() {
		var before uint64
		for _, n := range []int{1 << 18, 1 << 20} {
			in := []byte(make(n))
			var err error
			spent := allocated(func() { _, err = sign.Parse(in) })
			if err != nil && len(err.Error()) > 2000 {
				t.Errorf("%s: an error of %d bytes: %.100s…", name, len(err.Error()), err)
			}
			if spent > 20*uint64(len(in)) {
				t.Errorf("%s: %d bytes are allocated for %d", name, spent, len(in))
			}
			if before > 64<<10 && spent > 6*before {
				t.Errorf("%s: %d bytes are allocated for %d, and %d for a quarter of it", name, spent, len(in), before)
			}
			before = spent
			// It is less than 0.2 s on a machine with nothing else to do.
			took := time.Hour
			for try := 0; try < 3 && took > 10*time.Second; try++ {
				start := time.Now()
				sign.Parse(in)
				took = time.Since(start)
			}
			if took > 10*time.Second {
				t.Errorf("%s: %v for %d bytes", name, took, len(in))
			}
		}
	}

	// What an envelope as it should be costs: its payload, and in a bundle the
	// bundle too.
	for name, most := range map[string]float64{"payload": 0.8, "bundle": 1.8} {
		in := []byte(hostile()[name](4 << 20))
		if spent := allocated(func() { sign.Parse(in) }); float64(spent) > most*float64(len(in)) {
			t.Errorf("%s: %d bytes are allocated for %d", name, spent, len(in))
		}
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// The lines of a file are bounded in number and each in size, and one that is too
// long does not hide the others (R64).
func TestParseLinesHostile(t *testing.T) {
	long := `{"x":"` + strings.Repeat("x", sign.MaxEnvelopeSize) + `"}`
	envelopes, skipped, err := sign.ParseLines([]byte(line("a") + "\n" + long + "\n" + line("b")))
	if err != nil || len(envelopes) != 2 || len(skipped) != 1 {
		t.Fatalf("%d envelopes, %v, %v", len(envelopes), skipped, err)
	}
	wantError(t, "a long line", skipped[0], "line 2: malformed envelope: 67108872 bytes, at most 67108864 are read")

	_, _, err = sign.ParseLines(make([]byte, sign.MaxLinesSize+1))
	wantError(t, "a large file", err, "malformed envelope lines: 268435457 bytes, at most 268435456 are read")

	// As many lines as can be, each of them with a fault.
	in := []byte(strings.Repeat(object(bundle03, sealed)+"\n", sign.MaxLines))
	spent := allocated(func() { _, skipped, err = sign.ParseLines(in) })
	if err != nil || len(skipped) != sign.MaxLines {
		t.Errorf("%d lines are skipped, %v", len(skipped), err)
	}
	if spent > 20*uint64(len(in)) {
		t.Errorf("%d bytes are allocated for %d", spent, len(in))
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, make := range hostile() {
		b.Run(name, func(b *testing.B) {
			in := []byte(make(4 << 20))
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				sign.Parse(in)
			}
		})
	}
}
