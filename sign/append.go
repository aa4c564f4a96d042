package sign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// AppendFile appends envelopes to the file of JSON Lines at path,
// "<artifact>.intoto.jsonl", one on each line, and returns how many it added. It
// makes the file if there is none. An envelope that was found in a bundle is
// written as that bundle.
//
// Lines that are there stay as they are, byte by byte; a last one without a
// newline gets it. An envelope that is there already, however its JSON is
// spelled, is not added again. An envelope and a bundle with it are two, and so
// are two bundles that differ in more than white space and escapes.
//
// A file is refused that is not a regular one, has a line that is neither a JSON
// object nor empty, or has more than [MaxLines] lines or [MaxLinesSize] bytes, as
// it is or with the envelopes. Objects that are not envelopes stay too:
// [ParseLines] passes over them.
//
// All envelopes are added or none, and no reader sees half of them: the new
// content is written to path with ".lock" added, and that file takes the place of
// the old one. So the file's directory must be writable, and further hard links
// to the file keep the old content. Others that use AppendFile wait for the lock,
// until ctx ends. One that stands unchanged for five seconds was left by a program
// that died: it is an error then, and for the caller to remove.
func AppendFile(ctx context.Context, path string, envelopes ...*Envelope) (added int, err error) {
	// All that can be refused is refused before the file is touched.
	lines := make([][]byte, len(envelopes))
	for i, e := range envelopes {
		if lines[i], err = e.line(); err != nil {
			return 0, fmt.Errorf("sign: envelope %d: %w", i, err)
		}
	}
	lock, err := lockFile(ctx, path)
	if err != nil {
		return 0, err
	}
	mine, err := lock.Stat()
	if err != nil {
		return 0, errors.Join(err, lock.Close())
	}
	// Somebody may have removed the lock, and somebody else made another.
	held := func() bool {
		now, err := os.Lstat(lock.Name())
		return err == nil && os.SameFile(mine, now)
	}
	renamed := false
	defer func() {
		own := !renamed && held() // while it is open, no other file can be taken for it
		lock.Close()
		if own {
			err = errors.Join(err, os.Remove(lock.Name()))
		}
	}()

	old, mode, err := readLines(path)
	if err != nil {
		return 0, err
	}
	have := make(map[string]bool)
	n := 0
	for text := range bytes.Lines(old) {
		n++
		if text = bytes.Trim(text, " \t\r\n"); len(text) == 0 {
			continue
		}
		err := strictjson.Read(text, func(r *strictjson.Reader) error {
			return r.Object(func(string) error { return r.Skip() })
		})
		if err != nil {
			return 0, fmt.Errorf("malformed envelope lines: %s: line %d: %w", path, n, err)
		}
		// What is no envelope is equal to none.
		if e, err := Parse(text); err == nil {
			if line, err := e.line(); err == nil {
				have[string(line)] = true
			}
		}
	}
	content := old
	if len(content) > 0 && content[len(content)-1] != '\n' {
		content = append(content, '\n')
	}
	for _, line := range lines {
		if have[string(line)] {
			continue
		}
		have[string(line)] = true
		content = append(append(content, line...), '\n')
		added++
	}
	if added == 0 {
		return 0, nil
	}
	if n += added; n > MaxLines {
		return 0, fmt.Errorf("sign: %s: %d lines, at most %d are read", path, n, MaxLines)
	}
	if len(content) > MaxLinesSize {
		return 0, fmt.Errorf("sign: %s: %d bytes, at most %d are read", path, len(content), MaxLinesSize)
	}
	if _, err := lock.Write(content); err != nil {
		return 0, err
	}
	if mode != 0 {
		if err := lock.Chmod(mode); err != nil {
			return 0, err
		}
	}
	if err := lock.Sync(); err != nil {
		return 0, err
	}
	if err := lock.Close(); err != nil {
		return 0, err
	}
	if !held() {
		return 0, fmt.Errorf("sign: %s was removed by somebody else: nothing was appended", lock.Name())
	}
	if err := os.Rename(lock.Name(), path); err != nil {
		return 0, err
	}
	renamed = true
	return added, nil
}

// line returns e as one line of JSON, without the newline: the same for whatever
// spelling it was parsed from.
func (e *Envelope) line() ([]byte, error) {
	if e == nil {
		return nil, errors.New("nil")
	}
	if e.Bundle == nil {
		return e.Marshal()
	}
	// What else is in e would not be written.
	again, err := Parse(e.Bundle)
	if err != nil {
		return nil, err
	}
	again.Bundle = nil
	want, err := again.Marshal()
	if err != nil {
		return nil, err
	}
	bare := *e
	bare.Bundle = nil
	got, err := bare.Marshal()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(got, want) {
		return nil, errors.New("its bundle has another envelope")
	}
	return strictjson.Append(nil, e.Bundle)
}

// readLines returns the content of the file at path, and its permissions; no
// content and 0 if there is no file.
func readLines(path string) ([]byte, fs.FileMode, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	// A link would be replaced by a file.
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("sign: %s: not a regular file (%s)", path, info.Mode().Type())
	}
	if info.Size() > MaxLinesSize {
		return nil, 0, fmt.Errorf("sign: %s: more than %d bytes", path, MaxLinesSize)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxLinesSize+1))
	if err != nil {
		return nil, 0, err
	}
	if len(data) > MaxLinesSize {
		return nil, 0, fmt.Errorf("sign: %s: more than %d bytes", path, MaxLinesSize)
	}
	return data, info.Mode().Perm(), nil
}

// Who waits for a lock looks for it this often, and so many times at the same
// one: for about five seconds.
const (
	lockPause = 10 * time.Millisecond
	lockTries = 500
)

// lockFile makes the file that takes the place of the one at path, and that
// nobody else makes while it is there.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	name := path + ".lock"
	var before fs.FileInfo
	for tries := 0; ; tries++ {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("sign: waiting for %s: %w", name, context.Cause(ctx))
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if now, err := os.Lstat(name); err == nil {
			// The next writer's file can have the number of the last one's, but
			// hardly its time.
			if before == nil || !os.SameFile(before, now) || !before.ModTime().Equal(now.ModTime()) || before.Size() != now.Size() {
				before, tries = now, 0
			}
		}
		if tries >= lockTries {
			return nil, fmt.Errorf("sign: %s stands unchanged for %v: if no program is writing, remove it", name, lockPause*lockTries)
		}
		select {
		case <-ctx.Done():
		case <-time.After(lockPause):
		}
	}
}
