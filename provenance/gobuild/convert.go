package gobuild

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/command"
)

// hashBlob returns the name that git gives to a file as it is, or to a symbolic
// link. digits is how long the names are; buf is used to read.
func hashBlob(name string, mode os.FileMode, digits int, buf []byte) (string, error) {
	if mode&os.ModeSymlink != 0 {
		to, err := os.Readlink(name)
		if err != nil {
			return "", fmt.Errorf("gobuild: %w", err)
		}
		return objectID("blob", []byte(filepath.ToSlash(to)), digits), nil
	}
	if !mode.IsRegular() {
		return "", fmt.Errorf("gobuild: %s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("gobuild: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("gobuild: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("gobuild: %s is not a regular file", name)
	}
	h := newObjectHash(digits)
	h.Write(append(strconv.AppendInt([]byte("blob "), info.Size(), 10), 0))
	var read int64
	for {
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if read += int64(n); err == io.EOF {
			break
		} else if err != nil {
			return "", fmt.Errorf("gobuild: %w", err)
		}
		if read > info.Size() {
			break
		}
	}
	if read != info.Size() {
		return "", fmt.Errorf("gobuild: %s changed while it was read", name)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// digestOf returns the SHA-256 of a file, or of what a symbolic link says.
func digestOf(f *File, digits int) (hallmark.Digest, error) {
	var ds []hallmark.Digest
	if f.mode&os.ModeSymlink != 0 {
		to, err := os.Readlink(f.name)
		if err != nil {
			return hallmark.Digest{}, fmt.Errorf("gobuild: %w", err)
		}
		if ds, err = hallmark.Hash(strings.NewReader(filepath.ToSlash(to))); err != nil {
			return hallmark.Digest{}, err
		}
	} else {
		a, err := hallmark.HashFile(f.name)
		if err != nil {
			return hallmark.Digest{}, fmt.Errorf("gobuild: %w", err)
		}
		ds = a.Digests
	}
	if again, err := hashBlob(f.name, f.mode, digits, make([]byte, bufferSize)); err != nil || again != f.hash {
		return hallmark.Digest{}, errors.Join(fmt.Errorf("gobuild: %s changed while it was read", f.name), err)
	}
	return ds[0], nil
}

// convert decides of a file that is not its blob whether it is what git makes of
// it on checkout.
func (s *source) convert(ctx context.Context, t tool, f *File) error {
	// In its own directory, which can be a submodule's.
	g := t.in(filepath.Dir(f.name))
	out, err := g.git(ctx, "check-attr", "-z", "text", "eol", "crlf", "filter", "ident", "working-tree-encoding", "--", filepath.Base(f.name))
	if err != nil {
		return err
	}
	attributes := make(map[string]string)
	fields := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	for ; len(fields) >= 3; fields = fields[3:] { // path, attribute, value
		switch fields[2] {
		case "unspecified", "unset":
			if fields[2] == "unset" && fields[1] == "text" {
				attributes["text"] = "unset"
			}
		default:
			attributes[fields[1]] = fields[2]
		}
	}
	f.Outcome = Differs
	switch filter := attributes["filter"]; {
	case filter == "lfs":
		return s.convertLFS(ctx, g, f)
	case filter != "":
		f.Outcome, f.Why = Unknown, fmt.Sprintf("the filter %.100q of git lies between", filter)
		return nil
	case attributes["working-tree-encoding"] != "":
		f.Outcome, f.Why = Unknown, "git converts its encoding"
		return nil
	case attributes["ident"] != "":
		f.Outcome, f.Why = Unknown, "git expands keywords in it"
		return nil
	case attributes["text"] == "unset":
		return nil
	}
	lines := attributes["text"] != "" || attributes["eol"] != "" || attributes["crlf"] != ""
	if !lines {
		if s.autocrlf == "" {
			s.autocrlf = "false"
			out, err := g.git(ctx, "config", "--get", "core.autocrlf")
			if failed, ok := errors.AsType[*command.Error](err); err != nil && (!ok || failed.ExitCode != 1) {
				return err
			}
			if err == nil {
				s.autocrlf = strings.TrimSpace(string(out))
			}
		}
		lines = s.autocrlf == "true" || s.autocrlf == "input"
	}
	data, err := readBounded(f.name, maxConvertible)
	if err != nil || data == nil {
		return err
	}
	if objectID("blob", bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), s.digits) != f.Blob.Hex() {
		return nil
	}
	f.Why = "only its line ends differ"
	if lines {
		f.Outcome, f.Why = Converted, "line ends"
	}
	return nil
}

// convertLFS compares a file with the one that its blob names:
//
//	version https://git-lfs.github.com/spec/v1
//	oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
//	size 12345
//
// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
func (s *source) convertLFS(ctx context.Context, g tool, f *File) error {
	size, err := g.git(ctx, "cat-file", "-s", f.Blob.Hex())
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(size))); err != nil || n > maxPointer {
		f.Why = "its blob is no LFS pointer"
		return nil
	}
	pointer, err := g.git(ctx, "cat-file", "blob", f.Blob.Hex())
	if err != nil {
		return err
	}
	if objectID("blob", pointer, s.digits) != f.Blob.Hex() {
		return fmt.Errorf("gobuild: the repository has a blob of the name %s with another hash", f.Blob.Hex())
	}
	oid, length, ok := parsePointer(string(pointer))
	if !ok {
		f.Why = "its blob is no LFS pointer"
		return nil
	}
	file, err := os.Open(f.name)
	if err != nil {
		return fmt.Errorf("gobuild: %w", err)
	}
	defer file.Close()
	h := sha256.New()
	n, err := io.Copy(h, file)
	if err != nil {
		return fmt.Errorf("gobuild: %w", err)
	}
	if n == length && hex.EncodeToString(h.Sum(nil)) == oid {
		f.Outcome, f.Why = Converted, "LFS"
		return nil
	}
	f.Why = "the LFS pointer names another file"
	return nil
}

// parsePointer parses an LFS pointer: "key value" lines, version first and the
// others sorted.
func parsePointer(text string) (oid string, size int64, ok bool) {
	rest, found := strings.CutPrefix(text, "version https://git-lfs.github.com/spec/v1\n")
	if !found || !strings.HasSuffix(text, "\n") {
		return "", 0, false
	}
	size = -1
	last := ""
	for line := range strings.Lines(rest) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if key <= last {
			return "", 0, false
		}
		last = key
		switch key {
		case "oid":
			if oid, found = strings.CutPrefix(value, "sha256:"); !found || len(oid) != 64 || strings.Trim(oid, "0123456789abcdef") != "" {
				return "", 0, false
			}
		case "size":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 0 || strconv.FormatInt(n, 10) != value {
				return "", 0, false
			}
			size = n
		default:
			// ext-0-name sha256:…: an extension makes other bytes of the file.
			return "", 0, false
		}
	}
	return oid, size, oid != "" && size >= 0
}

// readBounded reads a file, or returns nil if it is larger than the bound.
func readBounded(name string, bound int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("gobuild: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, bound+1))
	if err != nil {
		return nil, fmt.Errorf("gobuild: %w", err)
	}
	if int64(len(data)) > bound {
		return nil, nil
	}
	return data, nil
}
