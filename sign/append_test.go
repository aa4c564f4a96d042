package sign_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/sign"
)

func parsed(t testing.TB, in string) *sign.Envelope {
	t.Helper()
	e, err := sign.Parse([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// bundled returns a bundle with the envelope of line.
func bundled(payload string) string {
	return object(bundle03, byCert, `"dsseEnvelope":`+line(payload))
}

func TestAppendFile(t *testing.T) {
	a, b := parsed(t, line("a")), parsed(t, line("b"))
	pretty := "{ " + bundle03 + ",\n " + byCert + `, "dsseEnvelope": ` + line("a") + `}`
	spaced := `{ "payloadType":"t", "x": 1, "payload":"YQ==", "signatures":[{"sig":"c2ln"}]}`
	for _, c := range []struct {
		name, old string // the file; "none" for no file
		add       []*sign.Envelope
		want      string
		added     int
	}{
		{"no file", "none", []*sign.Envelope{a}, line("a") + "\n", 1},
		{"an empty file", "", []*sign.Envelope{a, b}, line("a") + "\n" + line("b") + "\n", 2},
		{"a line", line("b") + "\n", []*sign.Envelope{a}, line("b") + "\n" + line("a") + "\n", 1},
		{"a line without a newline", line("b"), []*sign.Envelope{a}, line("b") + "\n" + line("a") + "\n", 1},
		{"DOS and empty lines", "\r\n" + line("b") + "\r\n\n", []*sign.Envelope{a}, "\r\n" + line("b") + "\r\n\n" + line("a") + "\n", 1},
		{"what is no envelope", `{"x": 1}` + "\n", []*sign.Envelope{a}, `{"x": 1}` + "\n" + line("a") + "\n", 1},
		{"the same", line("a"), []*sign.Envelope{a}, line("a"), 0},
		{"the same and another", line("a"), []*sign.Envelope{a, b, b}, line("a") + "\n" + line("b") + "\n", 1},
		{"the same in another spelling", spaced, []*sign.Envelope{a}, spaced, 0},
		{"a bundle", line("a") + "\n", []*sign.Envelope{parsed(t, pretty)}, line("a") + "\n" + bundled("a") + "\n", 1},
		{"the same bundle", bundled("a") + "\n", []*sign.Envelope{parsed(t, pretty)}, bundled("a") + "\n", 0},
		{"the envelope of a bundle", bundled("a") + "\n", []*sign.Envelope{a}, bundled("a") + "\n" + line("a") + "\n", 1},
		{"nothing", line("a"), nil, line("a"), 0},
		{"nothing and no file", "none", nil, "none", 0},
		{"as many lines as can be", strings.Repeat("\n", sign.MaxLines-1), []*sign.Envelope{a}, strings.Repeat("\n", sign.MaxLines-1) + line("a") + "\n", 1},
	} {
		path := filepath.Join(t.TempDir(), "app.intoto.jsonl")
		if c.old != "none" {
			writeFile(t, path, c.old)
		}
		added, err := sign.AppendFile(t.Context(), path, c.add...)
		if err != nil || added != c.added {
			t.Errorf("%s: added %d, want %d, error %v", c.name, added, c.added, err)
		}
		if got := content(t, path); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
		noLock(t, c.name, path)
	}
}

func TestAppendFileRefuses(t *testing.T) {
	a := parsed(t, line("a"))
	other := parsed(t, bundled("a"))
	other.Payload = []byte("b")
	broken := parsed(t, line("a"))
	broken.Bundle = json.RawMessage(`{`)
	for _, c := range []struct {
		name, old string
		add       *sign.Envelope
		want      string
	}{
		{"a pretty document", "{\n}", a, "line 1: $ (byte 1): want a member name, got the end"},
		{"half a line", line("b") + "\n" + line("b")[:20], a, "line 2: $"},
		{"two on a line", line("b") + line("b"), a, "data after the end of the document"},
		{"not an object", "[]\n", a, "want an object"},
		{"text", "hello\n", a, "line 1: $"},
		{"a member twice", `{"a":1,"a":2}`, a, "occurs twice"},
		{"an envelope without a signature", line("b"), &sign.Envelope{PayloadType: "t"}, "sign: envelope 0: sign: envelope without"},
		{"nil", line("b"), nil, "sign: envelope 0: nil"},
		{"a bundle with another envelope", line("b"), other, "its bundle has another envelope"},
		{"a broken bundle", line("b"), broken, "malformed envelope"},
		{"too many lines", strings.Repeat("\n", sign.MaxLines), a, "10001 lines, at most 10000 are read"},
	} {
		path := filepath.Join(t.TempDir(), "app.intoto.jsonl")
		writeFile(t, path, c.old)
		added, err := sign.AppendFile(t.Context(), path, c.add)
		if err == nil || !strings.Contains(err.Error(), c.want) || added != 0 {
			t.Errorf("%s: added %d, got %v, want %s", c.name, added, err, c.want)
		}
		if got := content(t, path); got != c.old {
			t.Errorf("%s: the file has changed to\n%s", c.name, got)
		}
		noLock(t, c.name, path)
	}

	dir := t.TempDir()
	_, err := sign.AppendFile(t.Context(), filepath.Join(dir, "none", "a.jsonl"), a)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
	if _, err = sign.AppendFile(t.Context(), dir, a); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
	// Sparse where it can be.
	large := filepath.Join(dir, "large")
	writeFile(t, large, "")
	if err := os.Truncate(large, sign.MaxLinesSize+1); err != nil {
		t.Fatal(err)
	}
	if spent := allocated(func() { _, err = sign.AppendFile(t.Context(), large, a) }); spent > 1<<20 {
		t.Errorf("a large file: %d bytes are allocated to refuse it", spent)
	}
	if err == nil || !strings.Contains(err.Error(), "more than 268435456 bytes") {
		t.Errorf("a large file: %v", err)
	}
	if runtime.GOOS != "windows" {
		link := filepath.Join(dir, "link")
		if err := os.Symlink("large", link); err != nil {
			t.Fatal(err)
		}
		if _, err = sign.AppendFile(t.Context(), link, a); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("a link: %v", err)
		}
	}
}

// Appending at once loses nothing, adds nothing twice, and shows nobody a part
// of a line.
func TestAppendFileAtOnce(t *testing.T) {
	const writers, each = 8, 12
	path := filepath.Join(t.TempDir(), "app.intoto.jsonl")
	writeFile(t, path, line("first")) // without a newline
	stop := make(chan struct{})
	var reader, wg sync.WaitGroup
	reader.Go(func() {
		for {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
				return
			}
			if _, skipped, err := sign.ParseLines(data); err != nil || skipped != nil {
				t.Errorf("a reader sees %v %v", skipped, err)
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	var total, all int
	var mu sync.Mutex
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				// One of its own, and one that all add.
				n, err := sign.AppendFile(t.Context(), path, parsed(t, line(fmt.Sprint(w, "-", i))), parsed(t, line(fmt.Sprint(i))))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				total += n
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	close(stop)
	reader.Wait()
	envelopes, skipped, err := sign.ParseLines([]byte(content(t, path)))
	if err != nil || skipped != nil {
		t.Fatal(skipped, err)
	}
	seen := make(map[string]bool)
	for _, e := range envelopes {
		seen[string(e.Payload)] = true
		all++
	}
	if want := 1 + writers*each + each; all != want || len(seen) != want || total != want-1 {
		t.Errorf("%d lines, %d different, %d added, want %d", all, len(seen), total, want)
	}
	noLock(t, "at once", path)
}

func TestAppendFileMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permission bits here")
	}
	path := filepath.Join(t.TempDir(), "app.intoto.jsonl")
	writeFile(t, path, "")
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := sign.AppendFile(t.Context(), path, parsed(t, line("a"))); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestAppendFileLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.intoto.jsonl")
	writeFile(t, path, line("b"))
	writeFile(t, path+".lock", "half a li")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := sign.AppendFile(ctx, path, parsed(t, line("a")))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	_, err = sign.AppendFile(t.Context(), path, parsed(t, line("a")))
	if err == nil || !strings.Contains(err.Error(), "app.intoto.jsonl.lock stands unchanged for 5s") {
		t.Errorf("got %v", err)
	}
	if got := content(t, path); got != line("b") {
		t.Errorf("the file has changed to %s", got)
	}
	if got := content(t, path+".lock"); got != "half a li" {
		t.Errorf("another one's lock has changed to %s", got)
	}
}

// Who removes the lock of a program that is alive loses what that would append,
// and nothing else.
func TestAppendFileLockRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.intoto.jsonl")
	writeFile(t, path, line("b"))
	// To write it takes so long that its lock is found.
	large := parsed(t, line(strings.Repeat("x", 8<<20)))
	var wg sync.WaitGroup
	var first error
	wg.Go(func() { _, first = sign.AppendFile(t.Context(), path, large) })
	for wait := 0; wait < 1000; wait++ {
		if os.Remove(path+".lock") == nil {
			break
		}
		time.Sleep(time.Millisecond / 10)
	}
	writeFile(t, path+".lock", "half a line")
	wg.Wait()
	if first != nil && !strings.Contains(first.Error(), "was removed by somebody else") {
		t.Errorf("got %v", first)
	}
	if got := content(t, path); strings.Contains(got, "half") || !strings.HasPrefix(got, line("b")) {
		t.Errorf("the file has changed to %.100s", got)
	}
	if first != nil && content(t, path+".lock") != "half a line" {
		t.Error("another one's lock has changed")
	}
}

// FuzzAppendFile: whatever is there stays at the beginning, and what is appended
// to is read again with one envelope more.
func FuzzAppendFile(f *testing.F) {
	for _, s := range fuzzSeeds() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, old []byte) {
		path := filepath.Join(t.TempDir(), "a.jsonl")
		writeFile(t, path, string(old))
		e := parsed(t, line("appended by the test"))
		added, err := sign.AppendFile(t.Context(), path, e)
		got := content(t, path)
		if err != nil || added == 0 {
			if got != string(old) {
				t.Fatalf("%q has changed to %q", old, got)
			}
			return
		}
		if !strings.HasPrefix(got, string(old)) {
			t.Fatalf("%q has changed to %q", old, got)
		}
		before, _, err := sign.ParseLines(old)
		if err != nil {
			t.Fatal(err)
		}
		after, _, err := sign.ParseLines([]byte(got))
		if err != nil || len(after) != len(before)+1 {
			t.Fatalf("%q: %d envelopes, then %d, %v", old, len(before), len(after), err)
		}
		if added, err = sign.AppendFile(t.Context(), path, e); added != 0 || err != nil {
			t.Fatalf("%q: again: %d %v", old, added, err)
		}
	})
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// content returns what is in the file at path, or "none" if there is no file.
func content(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "none"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func noLock(t *testing.T, what, path string) {
	t.Helper()
	if _, err := os.Lstat(path + ".lock"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: the lock is left: %v", what, err)
	}
}
