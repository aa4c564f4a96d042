package house_test

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A library does what its caller asks for, with what its caller gives. What it
// would take from the process around it, or leave there, the caller cannot see
// in a signature, replace in a test, or switch off.

// TestNames is about names of other packages that library code does not use.
func TestNames(t *testing.T) {
	allowed := exceptions(
		t,
		exception{"internal/command: os/exec", "it is the room that runs programs, with an explicit environment, for all others"},
		exception{"provenance/oidc: net/http", "it is the room that asks a build system for the job's identity token and an issuer for its keys, and its documentation says so"},
		exception{"internal/fleet: math/rand/v2", "what it makes up is the same for the same seed, and guards nothing"},
		exception{"sign/oci: net/http", "it is the room that asks a registry, and its documentation says so"},
		exception{"provenance/oidc: time.Now", "a token is valid for some minutes: unless the caller has another clock, these are minutes of the machine's"},
		exception{"sign/sigstore: net/http", "to sign without a key of one's own is to ask services; the functions that do, and no others, say in their documentation that they use the network"},
		exception{"sign/sigstore: time.Now", "services, tokens and certificates are valid for a time: unless the caller has another clock, it is the machine's"},
	)

	rules := []struct {
		path   string
		names  []string // none means all: the package is not imported
		reason string
	}{
		{"fmt", []string{"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"}, "the output of a program is its author's"},
		{"os", []string{"Stdin", "Stdout", "Stderr"}, "the output of a program is its author's"},
		{"log", nil, "what is worth telling is returned; whether and where it is logged is the program's to say"},
		{"log/slog", nil, "what is worth telling is returned; whether and where it is logged is the program's to say"},
		{"os", []string{"Getenv", "LookupEnv", "Environ", "ExpandEnv", "UserHomeDir", "UserCacheDir", "UserConfigDir"}, "the environment is passed in, so that nobody is surprised by a variable"},
		{"syscall", []string{"Getenv", "Environ"}, "the environment is passed in, so that nobody is surprised by a variable"},
		{"os", []string{"Setenv", "Unsetenv", "Clearenv", "Chdir"}, "the process is not the library's to change"},
		{"os", []string{"Exit"}, "only a program may end itself"},
		{"time", []string{"Now", "Since", "Until"}, "time comes from the caller: same input, same bytes"},
		{"math/rand", nil, "same input, same bytes; keys come from crypto/rand"},
		{"math/rand/v2", nil, "same input, same bytes; keys come from crypto/rand"},
		{"os/exec", nil, "programs are run by internal/command, whose environment is explicit"},
		{"net", nil, "a room does nothing over the network that its name does not say"},
		{"net/http", nil, "a room does nothing over the network that its name does not say"},
		{"unsafe", nil, "what is parsed here comes from an attacker"},
	}

	packages, fset := goPackages(t)
	for _, p := range packages {
		if !p.library() {
			continue
		}
		for _, f := range p.files {
			imported := make(map[string]string) // name in this file → path
			for _, i := range f.Imports {
				path, err := strconv.Unquote(i.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				name := path[strings.LastIndex(path, "/")+1:]
				if i.Name != nil {
					name = i.Name.Name
				}
				if name == "." {
					t.Errorf("%s: an import of all names hides where a name is from", fset.Position(i.Pos()))
				}
				imported[name] = path
				for _, r := range rules {
					if r.path == path && r.names == nil && !allowed(p.dir+": "+path) {
						t.Errorf("%s: imports %s: %s", fset.Position(i.Pos()), path, r.reason)
					}
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					x, ok := n.X.(*ast.Ident)
					if !ok {
						return true
					}
					for _, r := range rules {
						if r.path == imported[x.Name] && slices.Contains(r.names, n.Sel.Name) && !allowed(p.dir+": "+r.path+"."+n.Sel.Name) {
							t.Errorf("%s: uses %s.%s: %s", fset.Position(n.Pos()), r.path, n.Sel.Name, r.reason)
						}
					}
				case *ast.CallExpr:
					if fn, ok := n.Fun.(*ast.Ident); ok && (fn.Name == "print" || fn.Name == "println") {
						t.Errorf("%s: calls %s: the output of a program is its author's", fset.Position(n.Pos()), fn.Name)
					}
				}
				return true
			})
		}
	}
}

// TestGlobals is about what a package has besides its declarations.
func TestGlobals(t *testing.T) {
	// Variables as directory: name.
	allowed := exceptions(t)

	packages, fset := goPackages(t)
	for _, p := range packages {
		if !p.library() {
			continue
		}
		for _, f := range p.files {
			for _, d := range f.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					if d.Recv == nil && d.Name.Name == "init" {
						t.Errorf("%s: has an init: what an import does, its importer cannot refuse", fset.Position(d.Pos()))
					}
				case *ast.GenDecl:
					if d.Tok != token.VAR {
						continue
					}
					for _, s := range d.Specs {
						s := s.(*ast.ValueSpec)
						for i, name := range s.Names {
							if name.Name == "_" || i < len(s.Values) && len(s.Values) == len(s.Names) && isErrorsNew(s.Values[i]) {
								continue
							}
							if !allowed(p.dir + ": " + name.Name) {
								t.Errorf("%s: the variable %s is neither an error made by errors.New nor an interface assertion: what can be changed from everywhere has no owner; use a constant, or a function with a switch",
									fset.Position(name.Pos()), name.Name)
							}
						}
					}
				}
			}
		}
	}
}

func isErrorsNew(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	fn, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := fn.X.(*ast.Ident)
	return ok && x.Name == "errors" && fn.Sel.Name == "New"
}

// A panic is a fault in this module. Its text says so, and whose it is; whatever
// a user can cause is an error.
func TestPanics(t *testing.T) {
	packages, fset := goPackages(t)
	for _, p := range packages {
		if !p.library() {
			continue
		}
		want := p.name + ": internal error:"
		for _, f := range p.files {
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				fn, ok := call.Fun.(*ast.Ident)
				if ok && fn.Name == "panic" && !strings.HasPrefix(firstText(call.Args[0]), want) {
					t.Errorf("%s: panics with a text that does not begin %q: a panic is a fault in this module and says so; whatever a user can cause is an error",
						fset.Position(n.Pos()), want)
				}
				return true
			})
		}
	}
}

// firstText returns the string literal that the text of e begins with: its own,
// that of a sum, or that of the format of a call.
func firstText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err == nil {
			return text
		}
	case *ast.BinaryExpr:
		return firstText(e.X)
	case *ast.ParenExpr:
		return firstText(e.X)
	case *ast.CallExpr:
		if len(e.Args) > 0 {
			return firstText(e.Args[0])
		}
	}
	return ""
}

// TestText is about the text of all files, tests and data too.
func TestText(t *testing.T) {
	// Words that would be found here are put together.
	open := regexp.MustCompile("TO" + "DO|FIX" + "ME|XX" + "X")
	// Where this checkout is, and where others are.
	places := "/work|/root|" + regexp.QuoteMeta(rootDir(t))
	if home, err := os.UserHomeDir(); err == nil && filepath.Dir(home) != home {
		places += "|" + regexp.QuoteMeta(home)
	}
	machine := regexp.MustCompile(`(^|[^A-Za-z0-9_.:/-])(` + places + `)/[A-Za-z0-9_.-]+`)
	host := regexp.MustCompile(`https?://(proxy|registry|deb)\.[a-z]+`)

	// As path: match.
	allowed := exceptions(t)

	for _, f := range repositoryFiles(t) {
		text, err := os.ReadFile(filepath.Join(rootDir(t), filepath.FromSlash(f)))
		if err != nil {
			t.Fatal(err)
		}
		n, told := 0, make(map[string]bool) // each path once per file
		for line := range strings.Lines(string(text)) {
			n++
			if m := open.FindString(line); m != "" && strings.HasSuffix(f, ".go") {
				t.Errorf("%s:%d: %s: what is committed is finished; what is left to do stands where the work is planned", f, n, m)
			}
			for _, m := range machine.FindAllString(line, -1) {
				if !told[m] && !allowed(f+": "+m) {
					told[m] = true
					t.Errorf("%s:%d: %q: a path of one machine is wrong on all others, and tells what is none of their business", f, n, m)
				}
			}
			if m := host.FindString(line); m != "" && !allowed(f+": "+m) {
				t.Errorf("%s:%d: %s: which proxy or registry is asked is a setting of the user's", f, n, m)
			}
		}
	}
}
