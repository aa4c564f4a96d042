//go:build linux || darwin

package gomod

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPipes has a named pipe, which nobody writes to, where a file is read. None of the
// functions may wait for it.
func TestPipes(t *testing.T) {
	for _, tt := range []struct {
		name string // of the pipe
		file string // that is there besides
		o    Options
		want string // in the error
	}{
		{name: "go.mod", want: "go.mod: a named pipe, want a file"},
		{name: "go.sum", want: "go.sum: a named pipe, want a file"},
		{name: "go.work", want: "go.work: a named pipe, want a file"},
		{name: "go.work.sum", file: "go.work", want: "go.work.sum: a named pipe, want a file"},
		{name: "vendor/modules.txt", want: "modules.txt: a named pipe, want a file"},
		{name: "x.go", want: "x.go: not a regular file"},
		{name: "x_windows.go"}, // which is not for the target
		{name: "x_test.go"},
		{name: "x_test.go", o: Options{Tests: true}, want: "x_test.go: not a regular file"},
		{name: "x.go", o: Options{Packages: []string{"x.go"}}, want: "x.go: not a regular file"},
		{name: "x/x.go"}, // no package
	} {
		files := []string{"a.go", "package a\n"}
		if tt.name != "go.mod" {
			files = append(files, "go.mod", "module example.com/a\n\ngo 1.24\n")
		}
		if tt.file == "go.work" {
			files = append(files, "go.work", "go 1.24\n\nuse .\n")
		}
		dir := writeFiles(t, files...)
		pipe(t, filepath.Join(dir, tt.name))
		tt.o.Targets = []Target{{GOOS: "linux", GOARCH: "amd64"}}
		tt.o.Getenv = getenv("GOWORK=auto")
		wait(t, tt.name, func() {
			_, err := Load(t.Context(), dir, tt.o)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
			}
		})
		wait(t, tt.name, func() { SourcePolicy{}.Check(t.Context(), dir, getenv("GOWORK=auto")) })
		wait(t, tt.name, func() { VerifyVendor(t.Context(), dir, VendorOptions{Getenv: getenv("GOWORK=auto")}) })
	}
}

// pipe makes a named pipe.
func pipe(t *testing.T, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(name, 0o666); err != nil {
		t.Fatal(err)
	}
	// For what waits all the same, so that it ends.
	t.Cleanup(func() {
		if f, err := os.OpenFile(name, os.O_RDWR|syscall.O_NONBLOCK, 0); err == nil {
			io.WriteString(f, "\n")
			f.Close()
		}
	})
}

// wait calls f and fails if it does not come to an end.
func wait(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan bool)
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: it waits", what)
	}
}
