package house_test

import (
	"go/ast"
	"go/doc"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The package comment is the manual: it is what a user reads first, and often
// all of it.
func TestPackageComments(t *testing.T) {
	packages, _ := goPackages(t)
	for _, p := range packages {
		if len(p.files) == 0 {
			t.Errorf("%s has tests and no package: say in a doc.go what it is about", p.dir)
			continue
		}
		var comments []string
		for _, f := range p.files {
			if f.Doc != nil {
				comments = append(comments, f.Doc.Text())
			}
		}
		switch want := "Package " + p.name; {
		case len(comments) == 0:
			t.Errorf("%s has no package comment: it is the manual", p.dir)
		case len(comments) > 1:
			t.Errorf("%s has %d package comments: a manual is read in one piece", p.dir, len(comments))
		case p.name != "main" && !regexp.MustCompile(`^`+want+`\s`).MatchString(comments[0]):
			t.Errorf("%s: the package comment does not begin %q, by which tools and readers know it", p.dir, want)
		}
	}
}

// A name without a comment leaves its user to guess what fails, who may be nil
// and in which unit.
func TestDocComments(t *testing.T) {
	packages, fset := goPackages(t)
	for _, p := range packages {
		if !p.importable() || p.name == "main" {
			continue
		}
		missing := func(node ast.Node, name string) {
			t.Errorf("%s: %s.%s is exported and has no comment: its user is left to guess", fset.Position(node.Pos()), p.name, name)
		}
		for _, f := range p.files {
			for _, d := range f.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					if name, ok := verb(d); ok && d.Doc == nil && !trivial(d) {
						missing(d, name)
					}
				case *ast.GenDecl:
					for _, s := range d.Specs {
						switch s := s.(type) {
						case *ast.ValueSpec:
							// The comment of a group is one for each in it.
							for _, name := range s.Names {
								if name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
									missing(name, name.Name)
								}
							}
						case *ast.TypeSpec:
							if !s.Name.IsExported() {
								continue
							}
							if d.Doc == nil && s.Doc == nil && s.Comment == nil {
								missing(s, s.Name.Name)
							}
							var members *ast.FieldList
							switch typ := s.Type.(type) {
							case *ast.StructType:
								members = typ.Fields
							case *ast.InterfaceType:
								members = typ.Methods
							default:
								continue
							}
							for _, m := range undocumented(fset, members) {
								missing(m, s.Name.Name+"."+m.Name)
							}
						}
					}
				}
			}
		}
	}
}

// undocumented returns the exported names in a list of fields or methods that
// no comment is about. A comment is about all members of the block of lines that
// it stands in. The one of a type is about its members too if they are written
// on the same line.
func undocumented(fset *token.FileSet, list *ast.FieldList) []*ast.Ident {
	line := func(p token.Pos) int { return fset.Position(p).Line }
	if line(list.Opening) == line(list.Closing) {
		return nil
	}
	var all, block []*ast.Ident
	commented, end := false, 0
	flush := func() {
		if !commented {
			all = append(all, block...)
		}
		block, commented = nil, false
	}
	for _, m := range list.List {
		start := line(m.Pos())
		if m.Doc != nil {
			start = line(m.Doc.Pos())
		}
		if start > end+1 {
			flush()
		}
		end = line(m.End())
		commented = commented || m.Doc != nil || m.Comment != nil
		for _, name := range m.Names { // an embedded one is documented where it is declared
			if name.IsExported() {
				block = append(block, name)
			}
		}
	}
	flush()
	return all
}

// verb returns the name of an exported function, or of an exported method of an
// exported type as Type.Method.
func verb(d *ast.FuncDecl) (string, bool) {
	if !d.Name.IsExported() {
		return "", false
	}
	if d.Recv == nil {
		return d.Name.Name, true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	switch generic := typ.(type) {
	case *ast.IndexExpr:
		typ = generic.X
	case *ast.IndexListExpr:
		typ = generic.X
	}
	name := typ.(*ast.Ident)
	return name.Name + "." + d.Name.Name, name.IsExported()
}

// trivial reports whether d is a method that is there for an interface of the
// standard library, which says what it does.
func trivial(d *ast.FuncDecl) bool {
	return d.Recv != nil && regexp.MustCompile(`^(String|Error|Unwrap|Is|As|(Un)?[mM]arshal(Text|JSON|Binary|YAML|XML))$`).MatchString(d.Name.Name)
}

// An Example is what a user copies first, and its output makes the copy right.
func TestExamples(t *testing.T) {
	// Verbs as package.Name or package.Type.Name.
	without := exceptions(t)

	packages, fset := goPackages(t)
	for _, p := range packages {
		if !p.importable() || p.name == "main" {
			continue
		}
		// What is named in an example with output: names of functions and
		// methods, those of functions with the package in front if the example
		// has it.
		var named []string
		for _, e := range doc.Examples(p.tests...) {
			if e.Output == "" && !e.EmptyOutput && !(p.dir == "sbom/inventory" && driven(e)) {
				t.Errorf("%s: Example%s has no output, so nothing runs it", fset.Position(e.Code.Pos()), e.Name)
				continue
			}
			ast.Inspect(e.Code, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr: // not a field of the same name
					if f, ok := n.Fun.(*ast.SelectorExpr); ok {
						named = append(named, "."+f.Sel.Name)
					}
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok {
						named = append(named, x.Name+"."+n.Sel.Name)
					}
				case *ast.Ident:
					named = append(named, n.Name)
				}
				return true
			})
		}
		for _, f := range p.files {
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				name, ok := verb(fn)
				if !ok || trivial(fn) {
					continue
				}
				shown := slices.Contains(named, p.name+"."+name)
				if _, method, ok := strings.Cut(name, "."); ok {
					shown = slices.Contains(named, "."+method)
				}
				if !shown && !without(p.name+"."+name) {
					t.Errorf("%s: no Example with output in the tests of %s uses %s: a user copies an example first", fset.Position(fn.Pos()), p.dir, name)
				}
			}
		}
	}
}

// driven reports whether e is an example that needs the driver of a database. A test in
// internal/conformance/inventory, whose module has one, runs all of these, and with the
// output that the last comment has.
func driven(e *doc.Example) bool {
	last := ""
	for _, c := range e.Comments {
		if e.Code.Pos() <= c.Pos() && c.End() <= e.Code.End() {
			last = c.Text()
		}
	}
	return strings.HasPrefix(last, "With a driver, the output is:\n")
}
