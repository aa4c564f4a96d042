package gomod

import (
	"cmp"
	"context"
	"fmt"
	"go/ast"
	"go/scanner"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
)

// embedded returns the files that the package p embeds, by their names in its
// module. https://pkg.go.dev/embed#hdr-Directives
func (p *pkg) embedded(ctx context.Context) ([]sbom.File, error) {
	tree := p.named
	if tree == nil {
		tree = p.tree.sourceTree
	}
	found := make(map[string]bool)
	for _, name := range p.embeds {
		src, err := readFile(tree.files, path.Join(p.dir, name), maxSource)
		if err != nil {
			return nil, err
		}
		for _, pattern := range embedPatterns(src) {
			names, err := matchEmbed(ctx, tree.files, p.dir, pattern)
			if err != nil {
				return nil, fmt.Errorf("%s: pattern %.100s: %w", name, pattern, err)
			}
			for _, name := range names {
				if found[name] = true; len(found) > maxZipFiles {
					return nil, fmt.Errorf("more than %d files are embedded", maxZipFiles)
				}
			}
		}
	}
	var files []sbom.File
	for name := range found {
		f, err := tree.files.Open(name)
		if err != nil {
			return nil, err
		}
		digests, err := hallmark.Hash(&contextReader{ctx, f}, "sha256")
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		// In vendor, directories are those of import paths.
		rel := strings.TrimPrefix(name, p.dir+"/")
		files = append(files, sbom.File{Path: path.Join(p.inModule(), rel), Digest: digests[0]})
	}
	return files, nil
}

// embedPatterns returns the patterns in the //go:embed comments of a Go file.
// Those that are malformed are left to the compiler, as in the go command.
func embedPatterns(src []byte) []string {
	var patterns []string
	var s scanner.Scanner
	fset := token.NewFileSet()
	s.Init(fset.AddFile("", -1, len(src)), src, nil, scanner.ScanComments)
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			return patterns
		}
		if tok != token.COMMENT || !strings.HasPrefix(text, "//go:embed") {
			continue
		}
		directive, ok := ast.ParseDirective(pos, text)
		if !ok || directive.Tool != "go" || directive.Name != "embed" {
			continue
		}
		args, err := directive.ParseArgs()
		if err != nil {
			continue
		}
		for _, arg := range args {
			patterns = append(patterns, arg.Arg)
		}
	}
}

// An embedError says why a pattern of a //go:embed line cannot be used.
type embedError string

func (e embedError) Error() string { return string(e) }

// matchEmbed returns the files that a pattern in a package's directory matches,
// by the rules of resolveEmbed in cmd/go/internal/load: a file must be a regular
// one of the same module, and hidden ones in a directory need the prefix "all:".
func matchEmbed(ctx context.Context, files fs.FS, dir, pattern string) ([]string, error) {
	glob, all := strings.CutPrefix(pattern, "all:")
	if _, err := path.Match(glob, ""); err != nil || glob == "." || !fs.ValidPath(glob) {
		return nil, embedError("invalid pattern syntax")
	}
	// The directory's own name is no pattern.
	below, err := fs.Sub(files, dir)
	if err != nil {
		return nil, err
	}
	bounded := &globFS{ctx: ctx, files: below, left: maxZipFiles}
	matches, err := fs.Glob(bounded, glob)
	if err := cmp.Or(err, bounded.err); err != nil {
		return nil, err
	}
	var names []string
	for _, match := range matches {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		for d := match; d != "."; d = path.Dir(d) {
			if _, err := fs.Stat(below, path.Join(d, "go.mod")); err == nil {
				return nil, embedError("cannot embed " + match + ": in different module")
			}
			info, err := fs.Lstat(below, d)
			if err != nil {
				return nil, err
			}
			switch {
			case badEmbedName(path.Base(d)):
				return nil, embedError("cannot embed " + match + ": invalid name " + path.Base(d))
			case d != match && !info.IsDir():
				return nil, embedError("cannot embed " + match + ": in non-directory " + d)
			case !info.IsDir() && !info.Mode().IsRegular():
				return nil, embedError("cannot embed irregular file " + match)
			}
		}
		// A directory is embedded as far as the module goes, without what is
		// hidden.
		before := len(names)
		err := fs.WalkDir(below, match, func(name string, e fs.DirEntry, err error) error {
			if err == nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				return err
			}
			base := e.Name()
			bad, hidden := badEmbedName(base), base[0] == '.' || base[0] == '_'
			switch {
			case name != match && (bad || hidden && !all):
				if e.IsDir() {
					return fs.SkipDir
				}
				if !hidden {
					return embedError("cannot embed file " + name + ": invalid name")
				}
			case e.IsDir():
				if _, err := fs.Stat(below, path.Join(name, "go.mod")); err == nil {
					return fs.SkipDir
				}
			case e.Type().IsRegular():
				names = append(names, path.Join(dir, name))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(names) == before {
			return nil, embedError("cannot embed directory " + match + ": contains no embeddable files")
		}
	}
	if len(names) == 0 {
		return nil, embedError("no matching files found")
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// A globFS has the files that a glob is looked for in. A glob goes through links,
// those to the directory itself among them, so that a few make any number of names
// for the same files.
type globFS struct {
	ctx   context.Context
	files fs.FS
	left  int   // names that may still be read
	err   error // why no more are; fs.Glob goes over errors
}

func (g *globFS) Open(name string) (fs.File, error) { return g.files.Open(name) }

func (g *globFS) Stat(name string) (fs.FileInfo, error) { return fs.Stat(g.files, name) }

func (g *globFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if g.err = cmp.Or(g.err, context.Cause(g.ctx)); g.err != nil {
		return nil, g.err
	}
	entries, err := fs.ReadDir(g.files, name)
	if g.left -= len(entries); g.left < 0 {
		g.err = fmt.Errorf("more than %d names to compare with", maxZipFiles)
		return nil, g.err
	}
	return entries, err
}

// badEmbedName reports whether a file of a name cannot be in a module.
func badEmbedName(name string) bool {
	switch name {
	case "", ".bzr", ".hg", ".git", ".svn":
		return true
	}
	return module.CheckFilePath(name) != nil
}
