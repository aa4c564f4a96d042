package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// script returns a folder with the shell script "prog" in it.
func script(t *testing.T, text string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a Unix shell")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "prog"), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRun(t *testing.T) {
	t.Setenv("LEAK", "leaked")
	dir := script(t, `echo "$0 $# $1|$A|$LEAK"; pwd; cat; echo noise >&2`)
	work, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	out, err := Run(t.Context(), work, []string{"A=0", "PATH=" + dir + ":/usr/bin:/bin", "A=1"}, "prog", "x y")
	if err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(dir, "prog") + " 1 x y|1|\n" + work + "\n"
	if string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestRunBoth(t *testing.T) {
	out, diagnostics, err := RunBoth(t.Context(), "", []string{"PATH=/usr/bin:/bin"}, filepath.Join(script(t, `echo out; echo found >&2`), "prog"))
	if err != nil || string(out) != "out\n" || string(diagnostics) != "found\n" {
		t.Errorf("got %q, %q, %v", out, diagnostics, err)
	}
}

// An empty environment stays empty: exec.Cmd takes nil for the process's own.
func TestRunNoEnvironment(t *testing.T) {
	t.Setenv("LEAK", "leaked")
	out, err := Run(t.Context(), "", nil, filepath.Join(script(t, `echo "[$LEAK]"`), "prog"))
	if err != nil || string(out) != "[]\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestRunFails(t *testing.T) {
	dir := script(t, `echo "out"; echo "  no such thing" >&2; exit 3`)
	_, err := Run(t.Context(), dir, []string{"PATH=" + dir}, "prog", "a", "b")
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got %T %v, want *Error", err, err)
	}
	if e.ExitCode != 3 || e.Stderr != "no such thing" || e.Name != "prog" || !slices.Equal(e.Args, []string{"a", "b"}) {
		t.Errorf("got %+v", e)
	}
	if want := "prog a b: exit status 3: no such thing"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestRunSignal(t *testing.T) {
	dir := script(t, `kill -9 $$`)
	_, err := Run(t.Context(), dir, []string{"PATH=" + dir}, "prog")
	if e, ok := errors.AsType[*Error](err); !ok || e.ExitCode != -1 || !strings.Contains(err.Error(), "killed") {
		t.Errorf("got %v", err)
	}
}

func TestRunNotFound(t *testing.T) {
	dir := script(t, `:`)
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte("not a program"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, test := range []struct {
		name, path, program string
	}{
		{"no PATH", "", "prog"},
		{"elsewhere", t.TempDir(), "prog"},
		{"relative PATH", ".", "prog"},
		{"empty entry", ":", "prog"},
		{"not executable", dir, "text"},
		{"a folder", dir, "folder"},
	} {
		_, err := Run(t.Context(), dir, []string{"PATH=" + test.path}, test.program)
		if !errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), test.program) {
			t.Errorf("%s: got %v, want %v", test.name, err, exec.ErrNotFound)
		}
	}
}

func TestRunNoDirectory(t *testing.T) {
	dir := script(t, `:`)
	_, err := Run(t.Context(), filepath.Join(dir, "nothing"), []string{"PATH=" + dir}, "prog")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
}

// The program that was started dies with its children, which would otherwise
// keep its output open.
func TestRunCancelled(t *testing.T) {
	dir := script(t, `sleep 60 & echo started > started; wait`)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for {
			if _, err := os.Stat(filepath.Join(dir, "started")); err == nil {
				cancel(cause)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	start := time.Now()
	_, err := Run(ctx, dir, []string{"PATH=" + dir + ":/usr/bin:/bin"}, "prog")
	if !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("returned after %v", d)
	}
	if _, err := Run(ctx, dir, []string{"PATH=" + dir}, "prog"); !errors.Is(err, cause) {
		t.Errorf("context already done: got %v, want %v", err, cause)
	}
}

func TestRunBounds(t *testing.T) {
	env := []string{"PATH=/usr/bin:/bin"}
	_, err := Run(t.Context(), "", env, filepath.Join(script(t, `exec cat /dev/zero`), "prog"))
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint(MaxStdout)) {
		t.Errorf("endless output: got %v", err)
	}
	_, err = Run(t.Context(), "", env, filepath.Join(script(t, `head -c 100000 /dev/zero | tr '\0' x >&2; exit 1`), "prog"))
	if e, ok := errors.AsType[*Error](err); !ok || e.Stderr != strings.Repeat("x", MaxStderr) {
		t.Errorf("long stderr: got %T of %d bytes", err, len(err.Error()))
	}
}

func TestBounded(t *testing.T) {
	over := 0
	b := bounded{limit: 4, over: func() { over++ }}
	for _, s := range []string{"abc", "de", "f"} {
		if n, err := b.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("Write(%q) = %d, %v", s, n, err)
		}
	}
	if !bytes.Equal(b.buf.Bytes(), []byte("abcd")) || over != 2 {
		t.Errorf("kept %q, over %d times", b.buf.Bytes(), over)
	}
}

func ExampleEnv() {
	getenv := func(name string) string {
		return map[string]string{"HOME": "/home/gopher", "PATH": "/bin", "TOKEN": "secret"}[name]
	}
	fmt.Println(Env(getenv, "PATH", "HOME", "GOFLAGS"))
	// Output: [PATH=/bin HOME=/home/gopher]
}
