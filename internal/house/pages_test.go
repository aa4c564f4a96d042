package house_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

// Whoever follows the pages meets no command that does not run as it is written, and
// no policy that gates do not read. A page is followed in a clone of this working
// tree, from its first block to its last, by one shell. A comment "# exit 1" is the
// exit code of its command, if that is not 0. What a block that begins with "# needs"
// needs is not here: its programs are asked whether they have the flags.
func TestPages(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the example programs")
	}
	for _, program := range []string{"bash", "openssl", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the pages want it: %v", err)
		}
	}
	for _, page := range []string{"README.md", "examples/README.md"} {
		t.Run(page, func(t *testing.T) {
			clone := cloneTree(t)
			var script strings.Builder
			var others []block
			for _, b := range blocks(t, page) {
				switch b.language {
				case "sh":
					if strings.HasPrefix(b.text, "# needs ") {
						others = append(others, b)
						continue
					}
					script.WriteString(b.script())
				case "yaml":
					b.checkPolicy(t)
				case "", "go": // what is printed, and what is not a whole program
				default:
					t.Errorf("%s: nobody follows a block of %q", b.at(0), b.language)
				}
			}
			cmd := exec.CommandContext(t.Context(), "bash", "-c", script.String())
			// With -trimpath, what is compiled does not depend on where the clone is, and
			// is compiled once for both pages.
			cmd.Dir, cmd.Env = clone, append(os.Environ(), "TMPDIR="+t.TempDir(), "GOFLAGS=-trimpath")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, b := range others {
				b.checkFlags(t, clone)
			}
		})
	}
}

// A block is what stands between two fences of a page.
type block struct {
	page, language, text string
	line                 int // of the page, on which the text begins
}

func (b block) at(line int) string { return fmt.Sprintf("%s:%d", b.page, b.line+line) }

func blocks(t *testing.T, page string) []block {
	data, err := os.ReadFile(filepath.Join(rootDir(t), filepath.FromSlash(page)))
	if err != nil {
		t.Fatal(err)
	}
	var all []block
	inside := false
	for i, line := range strings.Split(string(data), "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && !inside:
			all = append(all, block{page: page, language: language, line: i + 2})
			inside = true
		case fence:
			inside = false
		case inside:
			all[len(all)-1].text += line + "\n"
		}
	}
	if inside || len(all) == 0 {
		t.Fatalf("%s: %d blocks, and the last has no end", page, len(all))
	}
	return all
}

// commands returns the commands of a block by their first lines: each is a line, with
// those that a backslash or a here-document adds to it.
func (b block) commands() (commands []string, first []int) {
	lines := strings.Split(strings.TrimSuffix(b.text, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		start := i
		for i+1 < len(lines) && strings.HasSuffix(lines[i], `\`) {
			i++
		}
		if _, end, ok := strings.Cut(lines[i], "<<"); ok {
			end = strings.Trim(strings.Fields(end)[0], "'")
			for i++; i+1 < len(lines) && lines[i] != end; i++ {
			}
		}
		commands = append(commands, strings.Join(lines[start:i+1], "\n"))
		first = append(first, start)
	}
	return commands, first
}

var exits = regexp.MustCompile(`# exit ([0-9]+)`)

// script returns the block for a shell that stops at the first command with another
// exit code than the page says.
func (b block) script() string {
	var s strings.Builder
	commands, first := b.commands()
	for i, command := range commands {
		if command == "go test work" {
			continue // this is one of the tests
		}
		want := "0"
		if m := exits.FindStringSubmatch(command); m != nil {
			want = m[1]
		}
		fmt.Fprintf(&s, "%s\ngot=$?; [ $got = %s ] || { echo \"%s: exit $got, want %s\" >&2; exit 99; }\n", command, want, b.at(first[i]), want)
	}
	return s.String()
}

// checkPolicy reads the block as a gate does, with a key for every name and nobody who
// signs without one, and has a file decided that nobody has signed: that is rejected,
// and not an error.
func (b block) checkPolicy(t *testing.T) {
	policy, err := policyfile.Parse([]byte(b.text), policyfile.Options{
		Key: func(name string) (sign.Verifier, error) {
			seed := make([]byte, ed25519.SeedSize)
			copy(seed, name)
			return sign.NewVerifier(ed25519.NewKeyFromSeed(seed).Public())
		},
		Workflow: func(_, builder string, _ verify.Refs) (verify.Identity, error) { return stranger(builder), nil },
		Account:  func(_, subject string) (verify.Identity, error) { return stranger(subject), nil },
		Now:      func() time.Time { return time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Errorf("%s: %v", b.at(0), err)
		return
	}
	d, err := hallmark.ParseDigest("sha256:" + strings.Repeat("0", 64))
	if err != nil {
		t.Fatal(err)
	}
	_, err = policy.Verify(t.Context(), hallmark.Artifact{Name: "app", Digests: []hallmark.Digest{d}})
	if _, ok := errors.AsType[*verify.RejectedError](err); !ok {
		t.Errorf("%s: %v, want a rejection", b.at(0), err)
	}
}

// A stranger has signed nothing.
type stranger string

func (s stranger) Recognize(context.Context, *sign.Envelope) (*verify.Evidence, error) {
	return nil, verify.ErrNotSigned
}

func (s stranger) String() string { return string(s) }

var flags = regexp.MustCompile(`(?:^|\s)-([a-z][a-z-]*)`)

// checkFlags checks the block's syntax, and that the programs in dist have the flags
// that it gives them.
func (b block) checkFlags(t *testing.T, clone string) {
	syntax := exec.CommandContext(t.Context(), "bash", "-n")
	syntax.Stdin = strings.NewReader(b.text)
	if out, err := syntax.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", b.at(0), err, out)
	}
	commands, first := b.commands()
	for i, command := range commands {
		for part := range strings.SplitSeq(command, "|") {
			_, part, _ = strings.Cut(part, "dist/")
			name, args, ok := strings.Cut(part, " ")
			if !ok {
				continue
			}
			usage, err := exec.CommandContext(t.Context(), filepath.Join(clone, "dist", name), "-h").CombinedOutput()
			if err != nil {
				t.Errorf("%s: %s -h: %v\n%s", b.at(first[i]), name, err, usage)
			}
			for _, m := range flags.FindAllStringSubmatch(args, -1) {
				if !regexp.MustCompile(`(?m)^  -` + m[1] + `\b`).Match(usage) {
					t.Errorf("%s: %s has no flag -%s", b.at(first[i]), name, m[1])
				}
			}
		}
	}
}

// cloneTree returns a checkout, on the branch main, of a commit that has the files of
// this working tree.
func cloneTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range repositoryFiles(t) {
		from, to := filepath.Join(rootDir(t), filepath.FromSlash(f)), filepath.Join(dir, filepath.FromSlash(f))
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"},
		{"add", "-A"},
		{"-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false", "commit", "-q", "-m", "all"},
	} {
		run(t, dir, nil, "git", args...)
	}
	return dir
}
