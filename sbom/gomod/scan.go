package gomod

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"go/version"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
)

// A selector decides which files of a directory are compiled for a target, by
// the rules that "go help buildconstraint" tells.
type selector struct {
	tags     map[string]bool // all that are true
	cgo      bool
	allFiles bool // files that were named one by one are compiled whatever their constraints

	defaults bool        // whether tags has the toolchain's default experiments
	asked    atomic.Bool // whether a file depends on an experiment although they are not known
}

func newSelector(s *settings, goVersion string) *selector {
	t := &selector{tags: make(map[string]bool), cgo: s.cgo, defaults: s.defaults}
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

func (t *selector) has(tag string) bool {
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
func (t *selector) matchName(name string) bool {
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

// constraints returns the lines that say when a file is compiled, all of which
// must be met: one //go:build line, or else +build lines. It reads the header as
// shouldBuild of go/build does.
func constraints(header []byte) ([]string, error) {
	header = bytes.TrimPrefix(header, []byte("\xef\xbb\xbf"))
	if !bytes.Contains(header, []byte("//go:build")) && !bytes.Contains(header, []byte("+build")) {
		return nil, nil
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
				return nil, errors.New("multiple //go:build comments")
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
		if _, err := constraint.Parse(string(goBuild)); err != nil {
			return nil, fmt.Errorf("parsing //go:build line: %w", err)
		}
		return []string{string(goBuild)}, nil
	}
	var lines []string
	for line := range bytes.Lines(header[:end]) {
		text := string(bytes.TrimSpace(line))
		if !constraint.IsPlusBuild(text) {
			continue
		}
		if _, err := constraint.Parse(text); err == nil {
			lines = append(lines, text)
		}
	}
	return lines, nil
}

// meets reports whether all of a file's constraints are met.
func (t *selector) meets(constraints []string) bool {
	for _, line := range constraints {
		if x, err := constraint.Parse(line); err != nil || !x.Eval(t.has) {
			return false
		}
	}
	return true
}

// meetsAny reports whether all of a file's constraints may be met by some target.
func meetsAny(constraints []string) bool {
	for _, line := range constraints {
		if x, err := constraint.Parse(line); err != nil || !satisfiable(x, true) {
			return false
		}
	}
	return true
}

// satisfiable reports whether a constraint may be met, if each tag but "ignore"
// may be on and off. So does eval in cmd/go/internal/imports.
func satisfiable(x constraint.Expr, prefer bool) bool {
	switch x := x.(type) {
	case *constraint.NotExpr:
		return !satisfiable(x.X, !prefer)
	case *constraint.AndExpr:
		return satisfiable(x.X, prefer) && satisfiable(x.Y, prefer)
	case *constraint.OrExpr:
		return satisfiable(x.X, prefer) || satisfiable(x.Y, prefer)
	case *constraint.TagExpr:
		return x.Tag != "ignore" && prefer
	}
	return false
}

// A directory is what a directory of a module has, for any target.
type directory struct {
	isGo  bool      // whether there is a Go file
	files []*goFile // the Go files that a build may read, sorted by name
	err   error
}

// A goFile is a Go file, which is read when it is first asked for.
type goFile struct {
	name string

	once   sync.Once
	header *header
	err    error // also, from the beginning, of what is no regular file
}

// readDirectory lists a directory. One that does not exist has nothing, and
// neither has a file.
func readDirectory(files fs.FS, dir string) *directory {
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		} else if fi, statErr := fs.Stat(files, dir); statErr == nil && !fi.IsDir() {
			err = nil // a file, which is no package
		}
		return &directory{err: err}
	}
	d := new(directory)
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		f := &goFile{name: name}
		mode := e.Type()
		if mode&fs.ModeSymlink != 0 {
			var fi fs.FileInfo
			if fi, f.err = fs.Stat(files, path.Join(dir, name)); f.err == nil {
				mode = fi.Mode()
			}
		}
		switch {
		case mode.IsDir():
			continue
		case mode.IsRegular():
			d.isGo = true
		case f.err == nil:
			f.err = fmt.Errorf("%s: not a regular file", name) // a named pipe would keep its reader waiting
		}
		if name[0] != '_' && name[0] != '.' {
			d.files = append(d.files, f)
		}
	}
	return d
}

// A source is what the files of one directory say that are compiled for a target.
type source struct {
	name    string   // of the package; empty if there is no file but tests
	imports []string // sorted, without "C"
	cgo     bool     // whether a file imports "C"
	tests   bool     // whether name is empty and there are tests
	embeds  []string // the files that import "embed", by name
}

// errNoFiles says that a directory has no file for the target.
var errNoFiles = errors.New("build constraints exclude all Go files")

// scan reads the package that the files of a directory are.
func (t *selector) scan(tree *sourceTree, dir string, files []*goFile) (source, error) {
	var s source
	first, taken := "", false
	for _, f := range files {
		if strings.HasSuffix(f.name, "_test.go") || !t.allFiles && !t.matchName(f.name) {
			continue
		}
		h, err := tree.read(dir, f)
		if err != nil {
			return source{}, err
		}
		if !t.allFiles && !t.meets(h.Constraints) || h.Name == "documentation" {
			continue
		}
		if h.Broken != "" {
			return source{}, errors.New(h.Broken)
		}
		// The go command compares names before it looks for cgo.
		if first == "" {
			s.name, first = h.Name, f.name
		} else if h.Name != s.name {
			return source{}, fmt.Errorf("found packages %s (%s) and %s (%s) in one directory", s.name, first, h.Name, f.name)
		}
		if slices.Contains(h.Imports, "C") {
			if !t.cgo {
				continue
			}
			s.cgo = true
		}
		if slices.Contains(h.Imports, "embed") {
			s.embeds = append(s.embeds, f.name)
		}
		s.imports = append(s.imports, h.Imports...)
		taken = true
	}
	if !taken {
		// No file was taken: is it a package that has nothing but tests?
		s.name = ""
		tests, err := t.scanTests(tree, dir, files, "")
		if err != nil {
			return source{}, err
		}
		if tests == nil {
			return source{}, errNoFiles
		}
		return source{tests: true}, nil
	}
	s.imports = distinctImports(s.imports)
	return s, nil
}

// scanTests returns what the test files of a directory import, whose package has
// a name unless there is none but tests. It is nil if there are no tests, and
// else not.
func (t *selector) scanTests(tree *sourceTree, dir string, files []*goFile, name string) ([]string, error) {
	var imports []string
	first := ""
	for _, f := range files {
		if !strings.HasSuffix(f.name, "_test.go") || !t.allFiles && !t.matchName(f.name) {
			continue
		}
		h, err := tree.read(dir, f)
		if err != nil {
			return nil, err
		}
		if !t.allFiles && !t.meets(h.Constraints) || h.Name == "documentation" {
			continue
		}
		if h.Broken != "" {
			return nil, errors.New(h.Broken)
		}
		tested := h.Name
		if tested != name {
			tested = strings.TrimSuffix(tested, "_test") // a package of its own
		}
		if name == "" {
			name, first = tested, f.name
		} else if tested != name {
			return nil, fmt.Errorf("found packages %s (%s) and %s (%s) in one directory", name, cmp.Or(first, "its files"), tested, f.name)
		}
		if slices.Contains(h.Imports, "C") {
			return nil, fmt.Errorf("use of cgo in test %s is not supported", f.name)
		}
		imports = append(imports, h.Imports...)
		if imports == nil {
			imports = []string{}
		}
	}
	if imports == nil {
		return nil, nil
	}
	return distinctImports(imports), nil
}

// distinctImports returns the paths sorted, each once and without "C".
func distinctImports(paths []string) []string {
	slices.Sort(paths)
	return slices.DeleteFunc(slices.Compact(paths), func(p string) bool { return p == "C" })
}

// A header is what a Go file says before its first declaration. Its fields are
// exported for [Cache].
type header struct {
	Name        string   `json:",omitempty"` // of the package
	Constraints []string `json:",omitempty"`
	Imports     []string `json:",omitempty"`
	Broken      string   `json:",omitempty"` // what is wrong, which only matters if the file is compiled
}

// readHeader reads a Go file as far as its imports go.
func readHeader(files fs.FS, name string) (*header, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	base := path.Base(name)
	buf := make([]byte, 4<<10)
	for n := 0; ; {
		m, err := f.Read(buf[n:])
		eof := err == io.EOF
		if err != nil && !eof {
			return nil, err
		}
		n += m
		data := buf[:n]
		h, end, err := parseHeader(data, eof)
		if err == errShort && !eof {
			if n >= maxHeader {
				return nil, fmt.Errorf("%s: the imports do not end in the first %d bytes", base, maxHeader)
			}
			if n == len(buf) {
				buf = append(buf, make([]byte, n)...)
			}
			continue
		}
		data = data[:end]
		if err != nil {
			rest, err := io.ReadAll(io.LimitReader(f, int64(maxHeader-n)))
			if err != nil {
				return nil, err
			}
			data = slices.Concat(buf[:n], rest)
			// The parser says what is wrong, if anything is.
			h = parseWithGo(base, data)
		}
		if h.Constraints, err = constraints(data); err != nil {
			return nil, fmt.Errorf("%s: %w", base, err)
		}
		return &h, nil
	}
}

// parseWithGo reads a header that parseHeader cannot.
func parseWithGo(name string, data []byte) header {
	var h header
	f, err := parser.ParseFile(token.NewFileSet(), name, data, parser.ImportsOnly)
	if err != nil {
		return header{Broken: err.Error()}
	}
	h.Name = f.Name.Name
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil || !validImport(path) {
			return header{Broken: fmt.Sprintf("%s: invalid import path: %.100q", name, spec.Path.Value)}
		}
		h.Imports = append(h.Imports, path)
	}
	return h
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
		h.Imports = append(h.Imports, path)
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
	if h.Name, err = ident(); err == errShort && eof {
		err = nil
	}
	if err != nil {
		return h, i, err
	}
	if !token.IsIdentifier(h.Name) {
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

// open opens a file. A named pipe is refused: who opens it waits for somebody
// who writes.
func open(file string) (*os.File, error) {
	fi, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if fi.Mode()&fs.ModeNamedPipe != 0 {
		return nil, fmt.Errorf("%s: a named pipe, want a file", file)
	}
	return os.Open(file)
}

// readBounded reads a file of at most limit bytes.
func readBounded(file string, limit int64) ([]byte, error) {
	f, err := open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, file, limit)
}

// readFile is readBounded for a regular file of a tree.
func readFile(files fs.FS, name string, limit int64) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, name, limit)
}

// readAll reads what is in the file of a name, of at most limit bytes.
func readAll(f io.Reader, name string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, limit)
	}
	return data, nil
}
