// Package command runs an outside program and returns what it prints.
//
// Nothing of the calling process reaches the program but what the caller names:
// its environment is exactly the one that is given, its standard input is
// empty, and it is looked up in the PATH of that environment. The environment
// is made by [Env] from a getenv function and a list of names, so that the list
// can be read where the program is run:
//
//	env := append(command.Env(getenv, "PATH", "HOME"), "LC_ALL=C")
//	out, err := command.Run(ctx, dir, env, "git", "rev-parse", "HEAD")
//
// The program must end: one that goes on when its context is done is killed,
// with the programs it started where the system has process groups.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Bounds on what a program prints.
const (
	MaxStdout = 256 << 20 // more is an error
	MaxStderr = 64 << 10  // what comes after is dropped
)

// waitDelay is how long to wait, after a program was killed, for others that
// have inherited its output to close it.
const waitDelay = time.Second

// An Error is a program that was run and failed. Its text has everything that
// the fields have, the arguments too.
type Error struct {
	Name     string   // the program
	Args     []string // its arguments, without its name
	ExitCode int      // -1 if a signal ended it
	Stderr   string   // what it printed, at most MaxStderr bytes, trimmed of white space
	Err      *exec.ExitError
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %v", line(e.Name, e.Args), e.Err)
	if e.Stderr != "" {
		text += ": " + e.Stderr
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Run runs the program name with args in dir, and returns its standard output.
// A nil or empty env is an empty environment; on Windows SYSTEMROOT is added,
// without which little works there. If a name occurs twice in env, the last one
// counts.
//
// A name without a path separator is looked up in the PATH of env, of which
// entries that are not absolute are passed over; one that is not there is an
// error that wraps [exec.ErrNotFound]. A program that fails is an [*Error]. One
// that prints more than [MaxStdout] is killed, which is an error, as is a dir
// that is not there. If ctx ends first, the error wraps its cause.
func Run(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	stdout, _, err := RunBoth(ctx, dir, env, name, args...)
	return stdout, err
}

// RunBoth is [Run] for a program that says on standard error what it has found.
// Of that it returns at most MaxStderr bytes, if the program succeeds.
func RunBoth(ctx context.Context, dir string, env []string, name string, args ...string) (out, diagnostics []byte, err error) {
	path, err := LookPath(env, name)
	if err != nil {
		return nil, nil, err
	}
	if dir != "" {
		// Else the error would be that the program is not there.
		if _, err := os.Stat(dir); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stdout := bounded{limit: MaxStdout, over: func() {
		cancel(fmt.Errorf("more than %d bytes of output", MaxStdout))
	}}
	stderr := bounded{limit: MaxStderr}

	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Args[0] = name
	cmd.Dir = dir
	cmd.Env = append([]string{}, env...) // nil would be the environment of this process
	cmd.Stdout = &stdout
	cmd.Stderr = &stderr
	cmd.WaitDelay = waitDelay
	killGroup(cmd)
	err = cmd.Run()
	if cause := context.Cause(ctx); cause != nil {
		return nil, nil, fmt.Errorf("%s: %w", line(name, args), cause)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, nil, &Error{Name: name, Args: args, ExitCode: exit.ExitCode(), Stderr: strings.TrimSpace(stderr.buf.String()), Err: exit}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", line(name, args), err)
	}
	return stdout.buf.Bytes(), stderr.buf.Bytes(), nil
}

// Env returns an environment of the variables that names lists, in their
// order, as getenv has them. Those that are empty are left out.
func Env(getenv func(string) string, names ...string) []string {
	var env []string
	for _, name := range names {
		if v := getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// LookPath returns the file of the program that [Run] runs.
func LookPath(env []string, name string) (string, error) {
	if filepath.Base(name) != name {
		return name, nil
	}
	file := name
	if runtime.GOOS == "windows" && filepath.Ext(file) == "" {
		file += ".exe"
	}
	for _, dir := range filepath.SplitList(value(env, "PATH")) {
		if !filepath.IsAbs(dir) {
			continue
		}
		path := filepath.Join(dir, file)
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() && (runtime.GOOS == "windows" || info.Mode()&0o111 != 0) {
			return path, nil
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}

// value returns the last value of a variable in env.
func value(env []string, name string) string {
	v := ""
	for _, e := range env {
		key, val, _ := strings.Cut(e, "=")
		if key == name || runtime.GOOS == "windows" && strings.EqualFold(key, name) {
			v = val
		}
	}
	return v
}

// line returns a command as a person would type it.
func line(name string, args []string) string {
	return strings.Join(append([]string{name}, args...), " ")
}

// A bounded buffer keeps what is written to it up to its limit. What is over
// the limit is dropped and reported.
type bounded struct {
	buf   bytes.Buffer
	limit int
	over  func() // may be nil
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := b.limit - b.buf.Len(); len(p) <= room {
		b.buf.Write(p)
	} else {
		b.buf.Write(p[:room])
		if b.over != nil {
			b.over()
		}
	}
	return len(p), nil
}
