//go:build unix

package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What is no file keeps being what it is: a program that runs as root must not put a
// file in the place of /dev/null.
func TestWriteFileKeeps(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		b, err := os.ReadFile(fifo)
		if err != nil {
			b = []byte(err.Error())
		}
		read <- string(b)
	}()
	if err := WriteFile(fifo, 0o644, Bytes([]byte("through"))); err != nil {
		t.Error(err)
	}
	if got := <-read; got != "through" {
		t.Errorf("read %q", got)
	}
	if info, err := os.Lstat(fifo); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("%v, %v: it is no pipe any more", info, err)
	}

	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(link, 0o644, Bytes([]byte("new"))); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "new" {
		t.Errorf("%q, %v", b, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("%v, %v: it is no link any more", info, err)
	}

	if err := WriteFile(dir, 0o644, Bytes([]byte("new"))); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("to a directory: %v", err)
	}

	// What could not be written is named as the user named it.
	err := WriteFile(file, 0o644, func(w io.Writer) error {
		w.(*os.File).Close()
		_, err := w.Write([]byte("half"))
		return err
	})
	if err == nil || err.Error() != "write "+file+": file already closed" {
		t.Errorf("%v, want it about %s", err, file)
	}

	// All of it or nothing.
	failed := errors.New("failed")
	if err := WriteFile(file, 0o644, func(w io.Writer) error { io.WriteString(w, "half"); return failed }); !errors.Is(err, failed) {
		t.Errorf("%v, want %v", err, failed)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "new" {
		t.Errorf("%q, %v", b, err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 3 {
		t.Errorf("%v, %v: something is left behind", files, err)
	}
	if err := WriteFile(dir, 0o644, Bytes(nil)); err == nil {
		t.Error("a directory is written to")
	}
}
