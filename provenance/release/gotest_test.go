package release_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/release"
)

// event returns an event of package p from its action and, if there is one, the
// test.
func event(action, test string) string {
	if test != "" {
		test = `,"Test":"` + test + `"`
	}
	return `{"Action":"` + action + `","Package":"p"` + test + "}\n"
}

// passing is a run with one test.
func passing() string {
	return event("start", "") + event("run", "TestA") + event("pass", "TestA") + event("pass", "")
}

func TestReadGoTest(t *testing.T) {
	for _, c := range []struct {
		name, in               string
		o                      release.GoTestOptions
		result                 provenance.Result
		passed, warned, failed string
	}{
		{name: "a test", in: passing(), result: provenance.Passed, passed: "p.TestA"},
		{name: "without start, as before Go 1.20", in: event("run", "TestA") + event("pass", "TestA") + event("pass", ""), result: provenance.Passed, passed: "p.TestA"},
		{name: "without a newline", in: strings.TrimSuffix(passing(), "\n"), result: provenance.Passed, passed: "p.TestA"},
		{name: "DOS", in: strings.ReplaceAll(passing(), "\n", "\r\n"), result: provenance.Passed, passed: "p.TestA"},
		{
			name: "actions that are not known",
			in:   event("start", "") + event("brew", "TestA") + `{"Action":"brew"}` + "\n" + passing()[len(event("start", "")):], result: provenance.Passed, passed: "p.TestA",
		},
		{
			name: "subtests", in: event("start", "") + event("run", "TestA") + event("run", "TestA/x") + event("pause", "TestA/x") + event("cont", "TestA/x") +
				event("fail", "TestA/x") + event("run", "TestA/y") + event("pass", "TestA/y") + event("fail", "TestA") + event("fail", ""),
			result: provenance.Failed, passed: "p.TestA/y", failed: "p.TestA p.TestA/x",
		},
		{
			name: "skipped", in: event("run", "TestA") + event("pass", "TestA") + event("run", "TestB") + event("skip", "TestB") + event("pass", ""),
			result: provenance.Warned, passed: "p.TestA", warned: "p.TestB",
		},
		{
			name: "skipped, and may be", in: event("run", "TestA") + event("pass", "TestA") + event("run", "TestB") + event("skip", "TestB") + event("pass", ""),
			o: release.GoTestOptions{MaySkip: []string{"p.TestB", "q.TestC"}}, result: provenance.Passed, passed: "p.TestA",
		},
		{name: "all skipped", in: event("run", "TestA") + event("skip", "TestA") + event("pass", ""), result: provenance.Warned, warned: "p.TestA"},
		{
			name: "failed although it may be skipped", in: event("run", "TestA") + event("fail", "TestA") + event("fail", ""),
			o: release.GoTestOptions{MaySkip: []string{"p.TestA"}}, result: provenance.Failed, failed: "p.TestA",
		},
		{
			name: "panic or exit in a test", in: event("run", "TestA") + event("pass", "TestA") + event("run", "TestB") + event("run", "TestB/x") + event("fail", ""),
			result: provenance.Failed, passed: "p.TestA", failed: "p.TestB p.TestB/x",
		},
		{name: "a test that says no end", in: event("run", "TestA") + event("pass", ""), result: provenance.Warned, warned: "p.TestA"},
		{name: "a test of which there is only output", in: event("output", "TestA") + event("pass", ""), result: provenance.Warned, warned: "p.TestA"},
		{name: "a second time that says no end", in: event("run", "TestA") + event("pass", "TestA") + event("run", "TestA") + event("pass", ""), result: provenance.Warned, warned: "p.TestA"},
		{
			name: "sorted", in: event("run", "TestC") + event("run", "TestA") + event("run", "TestE") + event("run", "TestB") + event("run", "TestD") +
				event("pass", "TestC") + event("pass", "TestA") + event("pass", "TestE") + event("pass", "TestB") + event("pass", "TestD") + event("pass", ""),
			result: provenance.Passed, passed: "p.TestA p.TestB p.TestC p.TestD p.TestE",
		},
		{name: "a failure that its package does not know of", in: event("run", "TestA") + event("fail", "TestA") + event("pass", ""), result: provenance.Failed, failed: "p.TestA"},
		{name: "TestMain", in: event("run", "TestA") + event("pass", "TestA") + event("fail", ""), result: provenance.Failed, passed: "p.TestA", failed: "p"},
		{
			name: "not built", in: `{"ImportPath":"p [p.test]","Action":"build-output","Output":"# p\n"}` + "\n" + `{"ImportPath":"p [p.test]","Action":"build-fail"}` + "\n" +
				event("start", "") + `{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}` + "\n",
			result: provenance.Failed, failed: "p",
		},
		{
			name: "not built, although a package that is passed has it", in: `{"ImportPath":"q","Action":"build-fail"}` + "\n" + event("run", "TestA") + event("pass", "TestA") + `{"Action":"pass","Package":"p","FailedBuild":"q"}` + "\n",
			result: provenance.Failed, passed: "p.TestA", failed: "q",
		},
		{name: "not built, and of no package", in: passing() + `{"ImportPath":"q","Action":"build-fail"}` + "\n", result: provenance.Failed, passed: "p.TestA", failed: "q"},
		{name: "twice, and failed once", in: event("run", "TestA") + event("fail", "TestA") + event("run", "TestA") + event("pass", "TestA") + event("fail", ""), result: provenance.Failed, failed: "p.TestA"},
		{name: "two runs, one skips", in: passing() + strings.ReplaceAll(passing(), `"pass","Package":"p","Test"`, `"skip","Package":"p","Test"`), result: provenance.Warned, warned: "p.TestA"},
		{
			name: "two runs, the second fails without a test", in: strings.ReplaceAll(passing(), "pass", "fail") + event("start", "") + event("fail", ""),
			result: provenance.Failed, failed: "p p.TestA",
		},
		{
			name: "two packages at once", in: event("start", "") + strings.ReplaceAll(passing(), `"p"`, `"q"`) + event("run", "TestA") + event("skip", "TestA") + event("pass", ""),
			result: provenance.Warned, passed: "q.TestA", warned: "p.TestA",
		},
		{name: "a package without tests", in: passing() + strings.ReplaceAll(event("start", "")+event("skip", ""), `"p"`, `"q"`), o: release.GoTestOptions{Packages: []string{"p", "q"}}, result: provenance.Passed, passed: "p.TestA"},
		{
			name: "benchmarks", in: event("run", "TestA") + event("pass", "TestA") + event("run", "BenchmarkA") + event("run", "BenchmarkB") + event("skip", "BenchmarkB") + event("run", "BenchmarkC") + event("bench", "BenchmarkC") + event("pass", ""),
			result: provenance.Passed, passed: "p.TestA",
		},
		{name: "a benchmark that failed", in: event("run", "BenchmarkA") + event("run", "BenchmarkB") + event("fail", "BenchmarkB") + event("fail", ""), result: provenance.Failed, failed: "p.BenchmarkB"},
		{name: "a benchmark that exits", in: event("run", "BenchmarkA") + event("fail", ""), result: provenance.Failed, failed: "p"},
		{name: "no package, as of test2json", in: strings.ReplaceAll(passing(), `,"Package":"p"`, ""), result: provenance.Passed, passed: "TestA"},
	} {
		got, err := release.ReadGoTest(iotest.OneByteReader(strings.NewReader(c.in)), c.o)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if p, w, f := strings.Join(got.Passed, " "), strings.Join(got.Warned, " "), strings.Join(got.Failed, " "); got.Result != c.result || p != c.passed || w != c.warned || f != c.failed {
			t.Errorf("%s: got %s, passed %q, warned %q, failed %q\nwant %s, passed %q, warned %q, failed %q", c.name, got.Result, p, w, f, c.result, c.passed, c.warned, c.failed)
		}
	}

	configuration := []provenance.ResourceDescriptor{{Name: "go.mod", Digest: provenance.DigestSet{"sha256": strings.Repeat("a", 64)}}}
	got, err := release.ReadGoTest(strings.NewReader(passing()), release.GoTestOptions{Configuration: configuration, URL: "https://example.com/runs/1"})
	if err != nil {
		t.Fatal(err)
	}
	st := state(t, got, artifact(t, "app", "a"))
	if want := `{"result":"PASSED","configuration":[{"name":"go.mod","digest":{"sha256":"` + strings.Repeat("a", 64) + `"}}],"url":"https://example.com/runs/1","passedTests":["p.TestA"]}`; string(st.Predicate) != want {
		t.Errorf("got %s\nwant %s", st.Predicate, want)
	}
}

func TestReadGoTestRefuses(t *testing.T) {
	for _, c := range []struct {
		name, in string
		o        release.GoTestOptions
		want     string
	}{
		{name: "nothing", in: "", want: "no test was run"},
		{name: "only packages without tests", in: event("start", "") + event("skip", ""), want: "no test was run"},
		{name: "a package with no tests to run", in: event("start", "") + event("pass", ""), want: "no test was run"},
		{name: "only benchmarks", in: event("run", "BenchmarkA") + event("pass", ""), want: "no test was run"},
		{name: "all may be skipped", in: event("run", "TestA") + event("skip", "TestA") + event("pass", ""), o: release.GoTestOptions{MaySkip: []string{"p.TestA"}}, want: "no test was run"},
		{name: "cut off in a package", in: event("start", "") + event("run", "TestA") + event("pass", "TestA"), want: `it ends before package "p" does`},
		{name: "cut off in a package that does not say its start", in: event("run", "TestA") + event("pass", "TestA"), want: `it ends before package "p" does`},
		{name: "cut off at its start", in: passing() + strings.ReplaceAll(event("start", ""), `"p"`, `"q"`), want: `it ends before package "q" does`},
		{name: "cut off in a line", in: passing()[:len(passing())-5], want: "line 4: $.Package"},
		{name: "a package that is not there", in: passing(), o: release.GoTestOptions{Packages: []string{"p", "q"}}, want: `package "q" was not tested`},
		{name: "started twice", in: event("start", "") + passing(), want: `line 2: package "p" starts before it has ended`},
		{name: "the standard error", in: "go: downloading example.com/x v1.0.0\n" + passing(), want: "line 1: $"},
		{name: "the output of tests without -json", in: "ok  \tp\t0.01s\n", want: "line 1: $"},
		{name: "an empty line", in: "\n" + passing(), want: "line 1: $"},
		{name: "two events on a line", in: strings.Replace(passing(), "\n", "", 1), want: "data after the end"},
		{name: "an array", in: "[]\n", want: "want an object"},
		{name: "no action", in: "{}\n", want: "an event without an action"},
		{name: "an action twice", in: `{"Action":"fail","Action":"pass","Package":"p"}` + "\n", want: "occurs twice"},
		{name: "an action that is no text", in: `{"Action":1}` + "\n", want: "line 1: $.Action"},
		{name: "a long line", in: `{"Action":"output","Output":"` + strings.Repeat("x", release.MaxEvent) + `"}` + "\n", want: "line 1: more than 1048576 bytes"},
	} {
		got, err := release.ReadGoTest(strings.NewReader(c.in), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || got != nil {
			t.Errorf("%s: got %v and %v, want %s", c.name, got, err, c.want)
		}
	}
	fault := errors.New("fault")
	if _, err := release.ReadGoTest(io.MultiReader(strings.NewReader(passing()), iotest.ErrReader(fault)), release.GoTestOptions{}); !errors.Is(err, fault) {
		t.Errorf("a reader that fails: %v", err)
	}
}

// Streams are as long as they like, and what is kept of them is not.
func TestReadGoTestBounds(t *testing.T) {
	output := strings.NewReader(strings.Repeat(`{"Action":"output","Package":"p","Test":"TestA","Output":"`+strings.Repeat("x", 4000)+`"}`+"\n", 20_000))
	in := io.MultiReader(strings.NewReader(event("start", "")+event("run", "TestA")), output, strings.NewReader(event("pass", "TestA")+event("pass", "")))
	if got, err := release.ReadGoTest(in, release.GoTestOptions{}); err != nil || got.Result != provenance.Passed {
		t.Errorf("80 MB of output: %v %v", got, err)
	}
	var b strings.Builder
	for i := range release.MaxText/900_000 + 2 {
		b.WriteString(event("run", fmt.Sprint("Test", i, strings.Repeat("x", 900_000))))
	}
	if _, err := release.ReadGoTest(strings.NewReader(b.String()), release.GoTestOptions{}); err == nil || !strings.Contains(err.Error(), "bytes of text to keep") {
		t.Errorf("long names: %v", err)
	}
}

// FuzzReadGoTest: what is read makes a statement, and a run with a line more that
// fails has not passed.
func FuzzReadGoTest(f *testing.F) {
	f.Add([]byte(passing()))
	f.Add([]byte(strings.ReplaceAll(passing(), `"pass"`, `"fail"`)))
	f.Add([]byte(event("run", "TestA") + event("skip", "TestA") + event("pass", "") + `{"ImportPath":"q","Action":"build-fail"}`))
	f.Add([]byte(event("run", "BenchmarkA") + passing()))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := release.ReadGoTest(bytes.NewReader(data), release.GoTestOptions{Configuration: []provenance.ResourceDescriptor{}})
		if err != nil {
			return
		}
		state(t, r, artifact(t, "app", "a"))
		if r.Result == provenance.Passed != (len(r.Failed)+len(r.Warned) == 0) {
			t.Fatalf("%+v", r)
		}
		more := append(bytes.TrimSuffix(slices.Clone(data), []byte("\n")), "\n"+event("run", "TestZ")+event("fail", "TestZ")+event("fail", "")...)
		if r, err := release.ReadGoTest(bytes.NewReader(more), release.GoTestOptions{}); err != nil || r.Result != provenance.Failed {
			t.Fatalf("%q: with a failure more: %+v %v", data, r, err)
		}
	})
}

func BenchmarkReadGoTest(b *testing.B) {
	var in bytes.Buffer
	for i := range 10_000 {
		name := "TestSomething/" + strings.Repeat("x", i%50)
		in.WriteString(event("run", name) + event("output", name) + event("output", name) + event("pass", name))
	}
	in.WriteString(event("pass", ""))
	b.SetBytes(int64(in.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := release.ReadGoTest(bytes.NewReader(in.Bytes()), release.GoTestOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
