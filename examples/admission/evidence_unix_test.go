//go:build unix

package main

import (
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe among the evidence, at whose other end nobody is, is not waited for.
func TestPipeAmongEvidence(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "app.intoto.jsonl"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	f, err := loadFolder(dir, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if f.files != 1 || f.skipped != 1 || !strings.Contains(log.String(), "not a regular file") {
		t.Errorf("%d files, %d passed over: %s", f.files, f.skipped, log.String())
	}
}
