package gomod

import (
	"bytes"
	"context"
	"errors"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/module"
)

// checkGenerate looks for programs that the go:generate lines of a main module
// have the go command fetch.
func (c *sourceCheck) checkGenerate(ctx context.Context, m *mainModule) error {
	var ignore []string
	for _, i := range m.file.Ignore {
		ignore = append(ignore, i.Path)
	}
	var errs []error
	fail := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	tree := &sourceTree{files: os.DirFS(m.dir)}
	fail(walk(ctx, tree.files, ".", func(dir string) bool {
		if dir != "." && (skipped(path.Base(dir)) || path.Base(dir) == "vendor" || ignored(ignore, dir) || tree.hasFile(path.Join(dir, "go.mod"))) {
			return false
		}
		ls := readDirectory(tree.files, dir)
		fail(ls.err)
		for _, f := range ls.files {
			if f.err != nil {
				fail(f.err)
				continue
			}
			name := path.Join(dir, f.name)
			src, err := readFile(tree.files, name, maxSource)
			fail(err)
			for _, l := range parseGenerate(src) {
				fail(c.checkCommand(in(m, name, l.line), filepath.Join(m.dir, filepath.FromSlash(dir)), l.words))
			}
			if len(c.findings) > maxFindings {
				return false // which is told of at the end
			}
		}
		return true
	}))
	return faults(errs)
}

// A generateLine is one command that "go generate" runs.
type generateLine struct {
	line  int
	words []string // with aliases, but not with variables, put in; nil for a line that is refused
}

// parseGenerate returns the commands of a Go file, as "go generate" reads them:
// lines that begin with "//go:generate" wherever they are, split into words and
// quoted strings. A line that the go command refuses has no words. It ends there,
// unless its flag -run is for other lines, so that they are looked at too.
//
// https://pkg.go.dev/cmd/go#hdr-Generate_Go_files_by_processing_source
func parseGenerate(src []byte) []generateLine {
	const directive = "//go:generate"
	if !bytes.Contains(src, []byte(directive)) {
		return nil
	}
	if _, err := parser.ParseFile(token.NewFileSet(), "", src, parser.PackageClauseOnly); err != nil {
		return nil
	}
	var lines []generateLine
	aliases := make(map[string][]string)
	n := 0
	for line := range bytes.Lines(src) {
		n++
		rest, ok := bytes.CutPrefix(line, []byte(directive))
		if !ok || len(rest) == 0 || rest[0] != ' ' && rest[0] != '\t' {
			continue
		}
		l := generateLine{line: n}
		text, ended := strings.CutSuffix(string(rest[1:]), "\n")
		if words, ok := splitGenerate(strings.TrimSuffix(text, "\r")); ok && ended && len(line) <= maxGenerateLine {
			if alias := aliases[words[0]]; alias != nil {
				words = append(alias[:len(alias):len(alias)], words[1:]...)
			}
			switch {
			case len(words) == 0: // an alias for nothing
			case words[0] != "-command":
				l.words = words
			case len(words) > 1 && aliases[words[1]] == nil:
				aliases[words[1]] = words[2:]
				continue
			}
		}
		lines = append(lines, l)
	}
	return lines
}

// splitGenerate splits a command into words. One that begins with a quote is a
// string of Go's syntax.
func splitGenerate(text string) (words []string, ok bool) {
	const space = " \t"
	for text = strings.TrimLeft(text, space); text != ""; text = strings.TrimLeft(text, space) {
		if text[0] != '"' {
			i := strings.IndexAny(text, space)
			if i < 0 {
				i = len(text)
			}
			words, text = append(words, text[:i]), text[i:]
			continue
		}
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return nil, false
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, false
		}
		words, text = append(words, word), text[len(quoted):]
		if text != "" && !strings.ContainsRune(space, rune(text[0])) {
			return nil, false
		}
	}
	return words, len(words) > 0
}

// checkCommand looks at one command, which runs in dir. All but those of the go
// command are passed over.
func (c *sourceCheck) checkCommand(at Finding, dir string, words []string) error {
	var flags []string
	if len(words) > 0 && words[0] == "env" {
		for words = words[1:]; len(words) > 0 && strings.Contains(words[0], "="); words = words[1:] {
			if value, ok := strings.CutPrefix(words[0], "GOFLAGS="); ok {
				more, _ := splitFlags(value) // what is malformed the go command refuses
				flags = append(flags, more...)
			}
		}
	}
	if len(words) == 0 || strings.TrimSuffix(path.Base(words[0]), ".exe") != "go" {
		return nil
	}
	more, words := splitArguments(words[1:])
	flags = append(flags, more...)
	if len(words) == 0 {
		return nil
	}
	verb := words[0]
	more, args := splitArguments(words[1:])
	elsewhere := c.checkFlags(at, dir, append(flags, more...))

	switch verb {
	case "run":
		args = args[:min(1, len(args))] // the others are the program's own
	case "get", "install":
	default:
		return nil
	}
	var errs []error
	for _, arg := range args {
		local := arg == "." || arg == ".." || strings.HasPrefix(arg, "./") || strings.HasPrefix(arg, "../") || absolute(arg)
		if local || strings.HasSuffix(arg, ".go") {
			continue
		}
		pkg, version, hasVersion := strings.Cut(arg, "@")
		pkg, _, _ = strings.Cut(pkg, "/...")
		fault := ""
		switch canonical := version != "" && module.CanonicalVersion(version) == version; {
		case verb == "get" && version == "none":
			continue // which removes it
		case strings.Contains(arg, "$"):
			fault = "a variable decides"
		case hasVersion && !canonical:
			fault = "@" + version
		case hasVersion && verb != "get":
			// go.sum has no say then, so that it is the database or nobody.
			if c.settings.get("GOSUMDB") == "off" || c.settings.coveredBy("GONOSUMDB", pkg) != "" {
				fault = "no sum is checked of @" + version
			}
		case hasVersion:
		case verb == "get":
			fault = "no version, which means the latest"
		case !elsewhere:
			var err error
			if fault, err = c.unpinned(pkg); err != nil {
				errs = append(errs, err)
			}
		}
		if fault != "" {
			c.add(UnpinnedTool, at, pkg, fault, "a tool directive, or a version that has a sum")
		}
		if hasVersion || fault != "" { // else it is looked for among the modules that are required
			c.checkPrivate(at, pkg)
		}
	}
	return errors.Join(errs...)
}

// splitArguments returns the flags that arguments of the go command begin with,
// each as "-name" or "-name=value", and the rest.
func splitArguments(args []string) (flags, rest []string) {
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		flag := args[0]
		args = args[1:]
		if flag == "--" {
			break
		}
		if !strings.Contains(flag, "=") && len(args) > 0 && takesValue(strings.TrimLeft(flag, "-")) {
			flag, args = flag+"="+args[0], args[1:]
		}
		flags = append(flags, flag)
	}
	return flags, args
}

// takesValue reports whether a flag of go run, go install or go get is followed by
// its value.
func takesValue(name string) bool {
	switch name {
	case "C", "asmflags", "buildmode", "compiler", "covermode", "coverpkg", "exec", "gccgoflags", "gcflags", "installsuffix",
		"ldflags", "mod", "modfile", "o", "overlay", "p", "pgo", "pkgdir", "tags", "toolexec",
		"debug-actiongraph", "debug-runtime-trace", "debug-trace":
		return true
	}
	return false
}
