// Package cli is what the example programs have in common as programs: how they
// end, how they write files, and how they show that they are busy.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"
)

// ErrFindings is the error of a program that has done its work and has bad news:
// it exits with 1. The news has been printed.
var ErrFindings = errors.New("findings")

// Main runs a program and exits: with 0 if it returns nil, with 1 if it returns
// [ErrFindings], and else with 2 after one line on standard error. The
// context ends with an interrupt; a second one ends the program at once, whatever
// it waits for.
func Main(name string, run func(ctx context.Context, args []string) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, ErrFindings):
		os.Exit(1)
	default:
		fmt.Fprintf(os.Stderr, "%s: %s\n", name, message(name, err))
		os.Exit(2)
	}
}

// maxMessage is how many bytes of an error are shown. Of a file that is no evidence at
// all each line is a fault.
const maxMessage = 4096

// message returns what a program prints of an error, on one line.
func message(name string, err error) string {
	// Several faults are one error on several lines; a log wants one.
	text := strings.NewReplacer("\n", "; ", "\t", " ").Replace(strings.TrimPrefix(err.Error(), name+": "))
	if more := len(text) - maxMessage; more > 0 {
		text = fmt.Sprintf("%s… (%d bytes more)", strings.ToValidUTF8(text[:maxMessage], ""), more)
	}
	return Printable(text)
}

// Flags returns an empty set of flags for a program, to be parsed by [Parse].
func Flags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return flags
}

// Parse parses args. For -h it prints the usage and the flags on standard output
// and returns [flag.ErrHelp].
func Parse(flags *flag.FlagSet, usage string, args []string) error {
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Print(usage, "\n\nFlags:\n")
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
	case err != nil:
		return fmt.Errorf("%w (-h lists the flags)", err)
	}
	// Package flag takes what is behind the first argument for arguments.
	for _, arg := range flags.Args() {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && flags.Lookup(name) != nil && !slices.Contains(args, "--") {
			return fmt.Errorf("%s is behind an argument: flags come first (-h lists the flags)", arg)
		}
	}
	return err
}

// A List is a flag that may be given several times.
type List []string

func (l *List) String() string { return strings.Join(*l, ",") }

// Set appends s.
func (l *List) Set(s string) error {
	if s == "" {
		return errors.New("empty")
	}
	*l = append(*l, s)
	return nil
}

// A Time is a flag that says which time it is.
type Time struct{ at time.Time }

func (t *Time) String() string {
	if t.at.IsZero() {
		return ""
	}
	return t.at.Format(time.RFC3339)
}

// Set takes a time as RFC 3339 has it, or a day, which then begins, in UTC.
func (t *Time) Set(s string) (err error) {
	if t.at, err = time.Parse(time.DateOnly, s); err != nil {
		t.at, err = time.Parse(time.RFC3339, s)
	}
	if err != nil || t.at.IsZero() {
		return errors.New("want a time such as 2026-12-31T12:00:00Z or 2026-12-31")
	}
	return nil
}

// Time returns the time that was set, or the zero time.
func (t *Time) Time() time.Time { return t.at }

// Now returns the time that was set, or else the one that it is.
func (t *Time) Now() time.Time {
	if t.at.IsZero() {
		return time.Now()
	}
	return t.at
}

// Printable returns s as it can be shown on a terminal: whoever wrote it cannot
// make it look like several lines, or move the cursor.
func Printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// ReadFile returns what is in a file, of which at most limit bytes are read: a
// larger one is an error.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s: larger than %d bytes", path, limit)
	}
	return data, err
}

// Created returns the time to write into documents: that of the variable
// SOURCE_DATE_EPOCH if it is set, or else the one that the caller has.
//
// https://reproducible-builds.org/specs/source-date-epoch/
func Created(getenv func(string) string, otherwise time.Time) (time.Time, error) {
	v := getenv("SOURCE_DATE_EPOCH")
	if v == "" {
		return otherwise, nil
	}
	sec, err := strconv.ParseInt(v, 10, 64)
	if err != nil || sec < 0 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q, want a number of seconds", v)
	}
	return time.Unix(sec, 0).UTC(), nil
}

// WriteFile writes what write writes to the file path, all of it or nothing: to
// another file in the same directory, which then takes its name. A link leads to the
// file that is replaced. What is no file, such as /dev/null or a pipe, is written to as
// it is: to replace it would take it from everybody else.
func WriteFile(path string, perm fs.FileMode, write func(io.Writer) error) (err error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return &fs.PathError{Op: "replace", Path: path, Err: syscall.EISDIR}
	}
	if err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return about(path, "create", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok && e.Path == f.Name() {
			return about(path, "write", err)
		}
		return err
	}
	if err := f.Chmod(perm); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return about(path, "replace", os.Rename(f.Name(), path))
}

// about returns err as one about the file that the user named, and not about the one
// that is to take its name.
func about(path, op string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: op, Path: path, Err: e.Err}
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return &fs.PathError{Op: op, Path: path, Err: e.Err}
	}
	return err
}

// Bytes returns a function for [WriteFile] that writes data.
func Bytes(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// A Progress shows on a terminal what is being done, once it has taken longer
// than a second. It shows nothing if standard error is no terminal.
type Progress struct {
	mu    sync.Mutex
	text  string
	since time.Time
	shown bool
	stop  chan struct{}
	done  sync.WaitGroup
}

// NewProgress starts a Progress, which must be stopped.
func NewProgress() *Progress {
	p := &Progress{stop: make(chan struct{})}
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return p
	}
	p.done.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				p.clear()
				return
			case <-tick.C:
				p.draw()
			}
		}
	})
	return p
}

// Step says what is being done from now on.
func (p *Progress) Step(format string, a ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text, p.since = fmt.Sprintf(format, a...), time.Now()
}

// Note says how far what is being done has come.
func (p *Progress) Note(format string, a ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = fmt.Sprintf(format, a...)
}

// Stop removes what is shown.
func (p *Progress) Stop() {
	close(p.stop)
	p.done.Wait()
}

func (p *Progress) draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	took := time.Since(p.since)
	if p.text == "" || took < time.Second && !p.shown {
		return
	}
	p.shown = true
	fmt.Fprintf(os.Stderr, "\r\x1b[K%s … %ds", p.text, int(took.Seconds()))
}

func (p *Progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
		p.shown = false
	}
}
