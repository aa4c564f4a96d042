package gomod

import (
	"bytes"
	"errors"
	"fmt"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"go/version"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode"
)

// A target decides which files of a directory are compiled, by the rules that
// "go help buildconstraint" tells.
type target struct {
	tags     map[string]bool // all that are true
	cgo      bool
	allFiles bool // files that were named one by one are compiled whatever their constraints

	defaults bool        // whether tags has the toolchain's default experiments
	asked    atomic.Bool // whether a file depends on an experiment although they are not known
}

func newTarget(s *settings, goVersion string) *target {
	t := &target{tags: make(map[string]bool), cgo: s.cgo, defaults: s.defaults}
	for _, tag := range slices.Concat([]string{s.goos, s.goarch, "gc"}, s.tags, s.extraTags) {
		t.tags[tag] = true
	}
	if s.cgo {
		t.tags["cgo"] = true
	}
	switch s.goos {
	case "android":
		t.tags["linux"] = true
	case "illumos":
		t.tags["solaris"] = true
	case "ios":
		t.tags["darwin"] = true
	}
	switch s.goos {
	case "plan9", "windows", "js", "wasip1":
	default:
		t.tags["unix"] = true
	}
	// A release has the tags of all releases before it.
	minor, _ := strconv.Atoi(strings.TrimPrefix(version.Lang(goVersion), "go1."))
	for i := 1; i <= min(minor, 1000); i++ {
		t.tags["go1."+strconv.Itoa(i)] = true
	}
	return t
}

func (t *target) has(tag string) bool {
	if tag == "boringcrypto" {
		tag = "goexperiment.boringcrypto" // its old name
	}
	on := t.tags[tag]
	if !on && !t.defaults && strings.HasPrefix(tag, "goexperiment.") {
		t.asked.Store(true)
	}
	return on
}

// matchName reports whether the system in a file's name, as in x_linux.go or
// x_linux_arm64_test.go, is the target's.
func (t *target) matchName(name string) bool {
	name, _, _ = strings.Cut(name, ".")
	_, rest, ok := strings.Cut(name, "_") // linux.go is for all systems
	if !ok {
		return true
	}
	l := strings.Split(rest, "_")
	if n := len(l); l[n-1] == "test" {
		l = l[:n-1]
	}
	n := len(l)
	if n >= 2 && knownOS(l[n-2]) && knownArch(l[n-1]) {
		return t.has(l[n-1]) && t.has(l[n-2])
	}
	if n >= 1 && (knownOS(l[n-1]) || knownArch(l[n-1])) {
		return t.has(l[n-1])
	}
	return true
}

// knownOS reports whether a word in a file's name is a system, from
// internal/syslist.
func knownOS(s string) bool {
	switch s {
	case "aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux", "nacl",
		"netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows", "zos":
		return true
	}
	return false
}

// knownArch is knownOS for architectures.
func knownArch(s string) bool {
	switch s {
	case "386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "loong64", "mips", "mipsle", "mips64",
		"mips64le", "mips64p32", "mips64p32le", "ppc", "ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x",
		"sparc", "sparc64", "wasm":
		return true
	}
	return false
}

// matchHeader reports whether a file's build constraints are met.
func (t *target) matchHeader(header []byte) (bool, error) {
	return matchConstraints(header, func(x constraint.Expr) bool { return x.Eval(t.has) })
}

// matchConstraints reports whether the build constraints in a file's header are met,
// of which eval says what each is. It reads the header as shouldBuild of go/build
// does.
func matchConstraints(header []byte, eval func(constraint.Expr) bool) (bool, error) {
	header = bytes.TrimPrefix(header, []byte("\xef\xbb\xbf"))
	if !bytes.Contains(header, []byte("//go:build")) && !bytes.Contains(header, []byte("+build")) {
		return true, nil
	}
	// Constraints are in the run of blank lines and comments that the file
	// begins with; +build lines only where a blank line follows.
	var goBuild []byte
	end := 0
	ended, inComment := false, false
	p := header
lines:
	for len(p) > 0 {
		line, rest, _ := bytes.Cut(p, []byte("\n"))
		p = rest
		line = bytes.TrimSpace(line)
		if len(line) == 0 && !ended {
			end = len(header) - len(p)
			continue
		}
		if !bytes.HasPrefix(line, []byte("//")) {
			ended = true
		}
		if after, ok := bytes.CutPrefix(line, []byte("//go:build")); ok && !inComment && (len(after) == 0 || len(bytes.TrimSpace(after)) < len(after)) {
			if goBuild != nil {
				return false, errors.New("multiple //go:build comments")
			}
			goBuild = line
		}
		for len(line) > 0 {
			if inComment {
				_, after, ok := bytes.Cut(line, []byte("*/"))
				if !ok {
					continue lines
				}
				inComment = false
				line = bytes.TrimSpace(after)
				continue
			}
			if bytes.HasPrefix(line, []byte("//")) {
				continue lines
			}
			if after, ok := bytes.CutPrefix(line, []byte("/*")); ok {
				inComment = true
				line = bytes.TrimSpace(after)
				continue
			}
			break lines
		}
	}
	if goBuild != nil {
		x, err := constraint.Parse(string(goBuild))
		if err != nil {
			return false, fmt.Errorf("parsing //go:build line: %w", err)
		}
		return eval(x), nil
	}
	match := true
	for line := range bytes.Lines(header[:end]) {
		text := string(bytes.TrimSpace(line))
		if !constraint.IsPlusBuild(text) {
			continue
		}
		if x, err := constraint.Parse(text); err == nil && !eval(x) {
			match = false
		}
	}
	return match, nil
}

// A listing is what a directory has, for any target.
type listing struct {
	isGo  bool     // whether there is a Go file
	files []string // the Go files that a build may read, sorted
	err   error
}

func list(dir string) listing {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		} else if fi, statErr := os.Stat(dir); statErr == nil && !fi.IsDir() {
			err = nil // a file, which is no package
		}
		return listing{err: err}
	}
	var l listing
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		mode := e.Type()
		if mode&fs.ModeSymlink != 0 {
			fi, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				continue // as in the go command
			}
			mode = fi.Mode()
		}
		if !mode.IsRegular() {
			continue
		}
		l.isGo = true
		if name[0] != '_' && name[0] != '.' {
			l.files = append(l.files, name)
		}
	}
	return l
}

// A source is what the files of one directory say that are compiled for a target.
type source struct {
	name    string   // of the package; empty if there is no file but tests
	imports []string // sorted, without "C"
	cgo     bool     // whether a file imports "C"
	tests   bool     // whether name is empty and there are tests
}

// errNoFiles says that a directory has no file for the target.
var errNoFiles = errors.New("build constraints exclude all Go files")

// scan reads the package that the files of a directory are.
func (t *target) scan(dir string, files []string) (source, error) {
	var s source
	var buf []byte
	var tests []string
	first, taken := "", false
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			tests = append(tests, name)
			continue
		}
		if !t.allFiles && !t.matchName(name) {
			continue
		}
		h, err := t.readHeader(filepath.Join(dir, name), &buf)
		if err != nil {
			return source{}, err
		}
		if !h.match || h.name == "documentation" {
			continue
		}
		// The go command compares names before it looks for cgo.
		if first == "" {
			s.name, first = h.name, name
		} else if h.name != s.name {
			return source{}, fmt.Errorf("found packages %s (%s) and %s (%s) in one directory", s.name, first, h.name, name)
		}
		if slices.Contains(h.imports, "C") {
			if !t.cgo {
				continue
			}
			s.cgo = true
		}
		s.imports = append(s.imports, h.imports...)
		taken = true
	}
	if !taken {
		// No file was taken: is it a package that has nothing but tests?
		s.name = ""
		for _, name := range tests {
			if !t.allFiles && !t.matchName(name) {
				continue
			}
			h, err := t.readHeader(filepath.Join(dir, name), &buf)
			if err != nil {
				return source{}, err
			}
			if h.match {
				s.tests = true
				return s, nil
			}
		}
		return source{}, errNoFiles
	}
	slices.Sort(s.imports)
	s.imports = slices.Compact(s.imports)
	s.imports = slices.DeleteFunc(s.imports, func(path string) bool { return path == "C" })
	return s, nil
}

// A header is what a Go file says before its first declaration.
type header struct {
	match   bool // whether its constraints are met
	name    string
	imports []string
}

// readHeader reads a Go file as far as its imports go.
func (t *target) readHeader(file string, buf *[]byte) (header, error) {
	f, err := os.Open(file)
	if err != nil {
		return header{}, err
	}
	defer f.Close()
	if *buf == nil {
		*buf = make([]byte, 8<<10)
	}
	for n := 0; ; {
		m, err := f.Read((*buf)[n:])
		eof := err == io.EOF
		if err != nil && !eof {
			return header{}, err
		}
		n += m
		data := (*buf)[:n]
		h, end, err := parseHeader(data, eof)
		if err == errShort && !eof {
			if n >= maxHeader {
				return header{}, fmt.Errorf("%s: the imports do not end in the first %d bytes", filepath.Base(file), maxHeader)
			}
			if n == len(*buf) {
				*buf = append(*buf, make([]byte, n)...)
			}
			continue
		}
		data = data[:end]
		if err != nil {
			rest, err := io.ReadAll(io.LimitReader(f, int64(maxHeader-n)))
			if err != nil {
				return header{}, err
			}
			data = slices.Concat((*buf)[:n], rest)
		}
		match := t.allFiles
		if !match {
			var err error
			if match, err = t.matchHeader(data); err != nil {
				return header{}, fmt.Errorf("%s: %w", filepath.Base(file), err)
			}
		}
		if err != nil && match {
			// The parser says what is wrong, if anything is.
			h, err = parseWithGo(filepath.Base(file), data)
			if err != nil {
				return header{}, err
			}
		}
		h.match = match
		return h, nil
	}
}

// parseWithGo reads a header that parseHeader cannot.
func parseWithGo(name string, data []byte) (header, error) {
	var h header
	f, err := parser.ParseFile(token.NewFileSet(), name, data, parser.ImportsOnly)
	if err != nil {
		return header{}, err
	}
	h.name = f.Name.Name
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil || !validImport(path) {
			return header{}, fmt.Errorf("%s: invalid import path: %.100q", name, spec.Path.Value)
		}
		h.imports = append(h.imports, path)
	}
	return h, nil
}

var (
	errShort  = errors.New("end of data")
	errSyntax = errors.New("syntax error")
)

// parseHeader reads the package clause and the imports of a Go file, and returns
// where they end. It knows no more of the syntax than what files without errors
// have; the error is errShort if the data ends first, else errSyntax. The data
// are all of the file if eof is true.
func parseHeader(data []byte, eof bool) (header, int, error) {
	var h header
	i := 0
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		i = 3
	}
	// space skips white space, comments and semicolons, and says in parted
	// whether a declaration may begin behind them.
	parted := false
	space := func() error {
		parted = false
		for i < len(data) {
			switch data[i] {
			case '\n':
				parted = true
				i++
			case ';':
				if parted {
					return errSyntax // an empty declaration, where the parser stops
				}
				parted = true
				i++
			case ' ', '\t', '\r', '\f':
				i++
			case '/':
				if i+1 >= len(data) {
					return errShort
				}
				var n int
				switch data[i+1] {
				case '/':
					n = bytes.IndexByte(data[i:], '\n')
					if n < 0 && eof {
						n = len(data) - i
					} else if n < 0 {
						return errShort
					}
				case '*':
					if n = bytes.Index(data[i+2:], []byte("*/")); n < 0 {
						return errShort
					}
					n += 4
					parted = parted || bytes.IndexByte(data[i:i+n], '\n') >= 0
				default:
					return errSyntax
				}
				i += n
			default:
				return nil
			}
		}
		return errShort
	}
	ident := func() (string, error) {
		start := i
		for i < len(data) && (data[i] >= 0x80 || data[i] == '_' || 'a' <= data[i] && data[i] <= 'z' || 'A' <= data[i] && data[i] <= 'Z' || '0' <= data[i] && data[i] <= '9') {
			i++
		}
		if i == len(data) {
			return string(data[start:]), errShort
		}
		if i == start {
			return "", errSyntax
		}
		return string(data[start:i]), nil
	}
	spec := func() error {
		if data[i] == '.' {
			i++
		} else if data[i] != '"' && data[i] != '`' {
			if _, err := ident(); err != nil {
				return err
			}
		}
		if err := space(); err != nil {
			return err
		}
		q := data[i]
		if q != '"' && q != '`' {
			return errSyntax
		}
		n := bytes.IndexByte(data[i+1:], q)
		if n < 0 {
			return errShort
		}
		path := string(data[i+1 : i+1+n])
		// The parser is asked about what is rare: escapes, and what is wrong.
		if strings.ContainsAny(path, "\\\n\r\x00") || !validImport(path) {
			return errSyntax
		}
		h.imports = append(h.imports, path)
		i += n + 2
		return nil
	}

	if err := space(); err != nil {
		return h, i, err
	}
	if word, err := ident(); err != nil || word != "package" {
		if err == nil {
			err = errSyntax
		}
		return h, i, err
	}
	if err := space(); err != nil {
		return h, i, err
	}
	var err error
	if h.name, err = ident(); err == errShort && eof {
		err = nil
	}
	if err != nil {
		return h, i, err
	}
	if !token.IsIdentifier(h.name) {
		return h, i, errSyntax
	}
	for {
		end := i
		err := space()
		if err == errShort && eof && i == len(data) {
			err = nil // a file without declarations
		}
		if err != nil {
			return h, end, err
		}
		if bytes.IndexByte(data[:min(i+1, len(data))], 0) >= 0 {
			return h, end, errSyntax
		}
		if i == len(data) || data[i] != 'i' {
			return h, end, nil
		}
		if !parted {
			return h, i, errSyntax
		}
		if word, err := ident(); err != nil || word != "import" {
			if err == nil {
				err = errSyntax
			}
			return h, i, err
		}
		if err := space(); err != nil {
			return h, i, err
		}
		if data[i] != '(' {
			if err := spec(); err != nil {
				return h, i, err
			}
			continue
		}
		i++
		for first := true; ; first = false {
			if err := space(); err != nil {
				return h, i, err
			}
			if data[i] == ')' {
				i++
				break
			}
			if !first && !parted {
				return h, i, errSyntax
			}
			if err := spec(); err != nil {
				return h, i, err
			}
		}
	}
}

// validImport reports whether a path can be imported, by the restriction of
// https://go.dev/ref/spec#Import_declarations.
func validImport(path string) bool {
	for _, r := range path {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) || strings.ContainsRune("!\"#$%&'()*,:;<=>?[\\]^{|}`\uFFFD", r) {
			return false
		}
	}
	return path != ""
}

// readBounded reads a file of at most limit bytes.
func readBounded(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: larger than %d bytes", file, limit)
	}
	return data, nil
}
