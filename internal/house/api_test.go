package house_test

import (
	"cmp"
	"flag"
	"fmt"
	"go/constant"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/api.txt")

// What is exported is a promise. The golden file makes a change of it something
// that is seen and meant.
func TestAPI(t *testing.T) {
	golden := filepath.Join("testdata", "api.txt")
	got := strings.Join(exported(t), "\n") + "\n"
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(string(text), "\r\n", "\n")
	if got == want {
		return
	}
	var diff strings.Builder
	for line := range strings.Lines(want) {
		if !strings.Contains("\n"+got, "\n"+line) {
			fmt.Fprintf(&diff, "- %s", line)
		}
	}
	for line := range strings.Lines(got) {
		if !strings.Contains("\n"+want, "\n"+line) {
			fmt.Fprintf(&diff, "+ %s", line)
		}
	}
	t.Errorf("the exported names differ from %s:\n%s"+
		"A line that goes away breaks somebody's program, and one that comes has to stay. If both are meant, run\n"+
		"\tgo test ./internal/house -run API -update\n"+
		"and tell the users in NEWS.md.", golden, diff.String())
}

// exported returns a sorted line for everything that the importable packages of
// the repository export.
func exported(t *testing.T) []string {
	packages := goList(t, rootDir(t), workspace(t), "-export", "-deps", "work")
	imports := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(packages[path].Export)
	})
	var lines []string
	for _, importPath := range slices.Sorted(maps.Keys(packages)) {
		p := packages[importPath]
		dir := strings.TrimPrefix(strings.TrimPrefix(importPath, modulePath), "/")
		if p.Module == nil || !p.Module.Main || !(&goPackage{dir: dir}).importable() || p.Name == "main" {
			continue
		}
		pkg, err := imports.Import(importPath)
		if err != nil {
			t.Fatal(err)
		}
		add := func(format string, a ...any) {
			lines = append(lines, cmp.Or(dir, pkg.Name())+": "+fmt.Sprintf(format, a...))
		}
		text := func(typ types.Type) string {
			return types.TypeString(typ, func(other *types.Package) string {
				if other == pkg {
					return ""
				}
				return other.Name()
			})
		}
		for _, name := range pkg.Scope().Names() {
			if !token.IsExported(name) {
				continue
			}
			switch o := pkg.Scope().Lookup(name).(type) {
			case *types.Const:
				value := o.Val().ExactString()
				if o.Val().Kind() == constant.Float {
					value = o.Val().String()
				}
				typ := text(o.Type()) + " "
				if strings.HasPrefix(typ, "untyped ") {
					typ = ""
				}
				add("const %s %s= %s", name, typ, value)
			case *types.Var:
				add("var %s %s", name, text(o.Type()))
			case *types.Func:
				add("func %s%s", name, strings.TrimPrefix(text(o.Type()), "func"))
			case *types.TypeName:
				if alias, ok := o.Type().(*types.Alias); ok {
					add("type %s = %s", text(alias), text(alias.Rhs()))
					continue
				}
				switch u := o.Type().Underlying().(type) {
				case *types.Struct:
					add("type %s struct", text(o.Type()))
					for i := range u.NumFields() {
						f := u.Field(i)
						if !f.Exported() {
							continue
						}
						embedded, tag := "", ""
						if f.Embedded() {
							embedded = " (embedded)"
						}
						if u.Tag(i) != "" {
							tag = " `" + u.Tag(i) + "`"
						}
						add("type %s struct, %s %s%s%s", name, f.Name(), text(f.Type()), embedded, tag)
					}
				case *types.Interface:
					add("type %s interface", text(o.Type()))
					for m := range u.Methods() {
						if m.Exported() {
							add("type %s interface, %s%s", name, m.Name(), strings.TrimPrefix(text(m.Type()), "func"))
						} else {
							// Nobody else can implement it.
							add("type %s interface, unexported methods", name)
						}
					}
					continue
				default:
					add("type %s %s", text(o.Type()), text(u))
				}
				// With those that embedded fields bring along.
				onValue := types.NewMethodSet(o.Type())
				for m := range types.NewMethodSet(types.NewPointer(o.Type())).Methods() {
					if !m.Obj().Exported() {
						continue
					}
					receiver := "*" + name
					if onValue.Lookup(pkg, m.Obj().Name()) != nil {
						receiver = name
					}
					add("method (%s) %s%s", receiver, m.Obj().Name(), strings.TrimPrefix(text(m.Type()), "func"))
				}
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}
