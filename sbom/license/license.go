// Package license finds the licences that came with a module: it recognizes the
// texts in its files, and says in which file each one is.
//
//	var scanner license.Scanner
//	found, err := scanner.Scan(ctx, os.DirFS(dir), "", nil)
//	fmt.Println(found.Declared) // "Apache-2.0 AND MIT"
//
// The result is evidence, a [sbom.Licenses] without a conclusion. Which licence
// applies to what, whether one can be chosen ("MIT or Apache-2.0, at your
// option"), and whether a text was meant at all, no scanner can tell.
//
// # Which files
//
// The files in the module's root, and those in the directories of the packages
// that are linked and in all directories above them. Others are not looked at,
// as the licence of a test's data. A file has to do with licences by its name,
// upper and lower case being the same:
//
//   - The name is split into words at everything that is no letter or digit.
//     Digits at the end of a word are left out, and so is a word of nothing else.
//   - A last word that says how the text is marked up is left out, unless it is
//     the only one: txt, md, markdown, mdown, rst, adoc, asciidoc, org, html, htm.
//   - The first word decides or else the last one, if it is one of these or the
//     plural of one.
//
// The words and what such a file does:
//
//	license, licence, copying, copyleft, unlicense   it licenses the module
//	notice                                           it has notices
//	patent                                           it grants rights in patents
//	copyright                                        it licenses the module if the text of a
//	                                                 licence is in it, else it has notices
//
// So LICENSE, License.txt, LICENSE-APACHE, LICENSE.docs, COPYING3.LIB, MIT-LICENSE
// and Apache-License-2.0 license the module. A name that begins with a full stop
// or ends as that of source code, data or a picture does (license.go,
// licenses.json) is none of these. Symbolic links are not followed; a module's zip
// has none.
//
// # What is in them
//
// Texts are recognized by github.com/google/licensecheck, word for word: what
// only resembles a licence is not taken for it. The identifiers are SPDX's. The
// text of the GPL does not say whether a later version will do, so its identifier
// is the one without "-only" and "-or-later". A link to a licence is not its text
// and does not count.
//
// A text is known if at least 75 % of its words are those of known licences and
// no more than 100 words in a row are others. If it is not, or one of the licences
// is not on the SPDX License List, the file's identifiers include the LicenseRef
// of its own text: "LicenseRef-sha256-" and the SHA-256 digest of the file. That
// text is in [sbom.Licenses.Texts]. So no text is dropped, and none is guessed. A
// file of more than 1 MiB is not searched, and so is not known.
//
// Declared joins the identifiers of all files that license the module by AND,
// sorted. Notices and patents are evidence and never part of it: a NOTICE may
// name Apache-2.0 only to say how something else is licensed.
//
// # Cost
//
// Licensecheck takes more than a second to get ready for all licences, in every
// process, so it is got ready for those that a text can have by its words, which
// takes hundredths of a second for each kind of text. A [Cache] spares that too.
package license

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
)

// A Scanner recognizes licences. The zero Scanner is ready for use, by several
// goroutines at once. It gets licensecheck ready for licences when the first text
// may have them, so one Scanner for all modules is what a program wants. A Scanner
// must not be copied after its first use.
type Scanner struct {
	// Cache keeps what was found; nil means nothing is kept.
	Cache Cache

	engines engines
}

// A Cache keeps what a [Scanner] has found, under the h1 sum of the module
// ("h1:…") or the digest of the text ("sha256:…"). It must be safe for concurrent
// use. What it loses is found again, and so is what it returns but no Scanner of
// this version has made. Beyond that it is trusted: who can write to it decides
// which licences modules have.
type Cache interface {
	// Get returns the value that key has, and whether it has one.
	Get(key string) (value []byte, ok bool)

	// Put gives key a value. The cache may keep the slice.
	Put(key string, value []byte)
}

// Scan returns the licences of the module whose root is the root of files: a
// directory, or the directory path@version in a module zip. The directories of
// the packages that are linked are relative to it ("." or "internal/x"); with
// none, only the root is looked at.
//
// h1 is the sum of the module as in go.sum, for the Cache. It may be empty, and
// must be if files may be other than those that have the sum: it is not compared
// with them. If the Cache has all that was asked for, files is not used.
//
// Without any file that licenses the module, Declared is empty and Unknown says
// so. Scan fails if a file or a directory cannot be read, or is over a bound, if
// a file's name is not UTF-8, and if ctx is done.
func (s *Scanner) Scan(ctx context.Context, files fs.FS, h1 string, packages []string) (*sbom.Licenses, error) {
	dirs, err := directories(packages)
	if err != nil {
		return nil, err
	}
	key := ""
	if h1 != "" {
		if _, err := hallmark.ParseH1(h1); err != nil {
			return nil, fmt.Errorf("license: %w", err)
		}
		key = h1
	}

	known := s.getModule(key)
	missing := false
	for _, dir := range dirs {
		if _, ok := known[dir]; ok {
			continue
		}
		if known[dir], err = s.scanDir(ctx, files, dir); err != nil {
			return nil, fmt.Errorf("license: %w", err)
		}
		missing = true
	}
	if missing {
		s.putModule(key, known)
	}

	l := new(sbom.Licenses)
	var ids []string
	for _, dir := range dirs {
		for _, f := range known[dir] {
			if len(l.Files) == maxFiles {
				return nil, fmt.Errorf("license: more than %d licence files", maxFiles)
			}
			l.Files = append(l.Files, sbom.LicenseFile{
				Path: path.Join(dir, f.Name), Digest: f.Digest, Kind: f.Kind, Coverage: f.Coverage, IDs: slices.Clone(f.IDs),
			})
			if f.Kind == sbom.KindLicense {
				ids = append(ids, f.IDs...)
			}
			if ref := textRef(f.Digest); slices.Contains(f.IDs, ref) &&
				!slices.ContainsFunc(l.Texts, func(t sbom.LicenseText) bool { return t.ID == ref }) {
				l.Texts = append(l.Texts, sbom.LicenseText{ID: ref, Text: f.Text})
			}
		}
	}
	slices.SortFunc(l.Files, func(a, b sbom.LicenseFile) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(l.Texts, func(a, b sbom.LicenseText) int { return strings.Compare(a.ID, b.ID) })
	slices.Sort(ids)
	l.Declared = strings.Join(slices.Compact(ids), " AND ")
	if l.Declared == "" {
		l.Unknown = "no licence file in the root of the module"
		if len(dirs) > 1 {
			l.Unknown += " or beside a package that is linked"
		}
	}
	return l, nil
}

// directories returns the root and the directories from it to each package,
// sorted.
func directories(packages []string) ([]string, error) {
	set := map[string]bool{".": true}
	for _, dir := range packages {
		if !fs.ValidPath(dir) {
			return nil, fmt.Errorf("license: malformed directory %q: want one below the module's root, with slashes", dir)
		}
		for ; !set[dir]; dir = path.Dir(dir) {
			if len(set) == maxDirs {
				return nil, fmt.Errorf("license: more than %d directories", maxDirs)
			}
			set[dir] = true
		}
	}
	dirs := make([]string, 0, len(set))
	for dir := range set {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	return dirs, nil
}

// A found is a licence file in a directory, as the Cache has it.
type found struct {
	Name     string
	Digest   hallmark.Digest
	Kind     sbom.LicenseKind
	Coverage int
	IDs      []string
	Text     string `json:",omitempty"` // if it is not known
}

// scanDir returns the licence files in one directory, sorted by name. The list
// is not nil.
func (s *Scanner) scanDir(ctx context.Context, files fs.FS, dir string) ([]found, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > maxEntry {
		return nil, fmt.Errorf("directory %s has more than %d entries", dir, maxEntry)
	}
	list := []found{}
	for _, e := range entries {
		kind, ok := kindOf(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if len(list) == maxFiles {
			return nil, fmt.Errorf("directory %s has more than %d licence files", dir, maxFiles)
		}
		name := path.Join(dir, e.Name())
		if !fs.ValidPath(name) {
			return nil, fmt.Errorf("file name %q is not UTF-8", name)
		}
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		text, err := readFile(files, name)
		if err != nil {
			return nil, err
		}
		f, err := s.scanText(text, kind)
		if err != nil {
			return nil, err
		}
		f.Name = e.Name()
		list = append(list, f)
	}
	return list, nil
}

func readFile(files fs.FS, name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxFile)
	}
	return text, nil
}

// kindCopyright is the kind of a file whose text decides.
const kindCopyright sbom.LicenseKind = "copyright"

// kindOf returns what a file has to do with licences by its name. The package
// comment has the rule.
func kindOf(name string) (sbom.LicenseKind, bool) {
	if strings.HasPrefix(name, ".") || isCode(strings.ToLower(path.Ext(name))) {
		return "", false
	}
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, w := range words {
		words[i] = strings.TrimRight(w, "0123456789")
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	if n := len(words); n > 1 {
		switch words[n-1] {
		case "txt", "md", "markdown", "mdown", "rst", "adoc", "asciidoc", "org", "html", "htm":
			words = words[:n-1]
		}
	}
	if len(words) == 0 {
		return "", false
	}
	for _, w := range []string{words[0], words[len(words)-1]} {
		switch strings.TrimSuffix(w, "s") {
		case "license", "licence", "copying", "copyleft", "unlicense":
			return sbom.KindLicense, true
		case "notice":
			return sbom.KindNotice, true
		case "patent":
			return sbom.KindPatents, true
		case "copyright":
			return kindCopyright, true
		}
	}
	return "", false
}

// isCode reports whether files with an extension, in lower case, are about licences
// at most.
func isCode(ext string) bool {
	switch ext {
	case ".go", ".s", ".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".m", ".mm", ".rs", ".zig", ".swift",
		".java", ".kt", ".kts", ".scala", ".cs", ".js", ".mjs", ".cjs", ".ts", ".jsx", ".tsx", ".vue", ".css", ".scss",
		".py", ".rb", ".pl", ".pm", ".php", ".lua", ".sh", ".bash", ".zsh", ".bat", ".cmd", ".ps1", ".awk", ".mk",
		".json", ".jsonl", ".yaml", ".yml", ".toml", ".xml", ".ini", ".cfg", ".csv", ".tsv", ".sql", ".proto", ".graphql",
		".tmpl", ".tpl", ".gotmpl", ".template", ".lock", ".sum", ".mod", ".work", ".sig", ".asc", ".sha256",
		".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".webp", ".pdf", ".zip", ".gz", ".tar", ".golden", ".snap":
		return true
	}
	return false
}

// scanText returns what a text is, without a name.
func (s *Scanner) scanText(text []byte, kind sbom.LicenseKind) (found, error) {
	sum := sha256.Sum256(text)
	digest, err := hallmark.NewDigest("sha256", sum[:])
	if err != nil {
		return found{}, err
	}
	m, ok := s.getText(digest)
	if !ok {
		if m, err = s.match(text); err != nil {
			return found{}, err
		}
		s.putText(digest, m)
	}

	f := found{Digest: digest, Kind: kind, Coverage: m.Coverage, IDs: slices.Clone(m.IDs)}
	if kind == kindCopyright {
		f.Kind = sbom.KindNotice
		if len(m.IDs) > 0 {
			f.Kind = sbom.KindLicense
		}
	}
	if f.Kind == sbom.KindLicense && !m.Whole {
		f.IDs = append(f.IDs, textRef(digest))
		slices.Sort(f.IDs)
		f.Text = strings.ToValidUTF8(string(text), "\ufffd")
	}
	return f, nil
}

// textRef returns the LicenseRef of a text.
func textRef(d hallmark.Digest) string { return "LicenseRef-sha256-" + d.Hex() }

// A matched is what licensecheck says of a text, as the Cache has it.
type matched struct {
	Coverage int      // percent
	IDs      []string // on the SPDX License List; sorted
	Whole    bool     // nothing of the text is unknown
}

// match recognizes the licences in a text.
func (s *Scanner) match(text []byte) (matched, error) {
	if len(text) > maxScan {
		return matched{}, nil
	}
	cover, err := s.engines.scan(text)
	if err != nil {
		return matched{}, fmt.Errorf("licensecheck: %w", err)
	}
	m := matched{Coverage: max(0, min(100, int(cover.Percent)))}
	m.Whole = m.Coverage >= minCoverage
	end := 0
	for _, c := range cover.Match {
		if listed(c.ID) {
			m.IDs = append(m.IDs, c.ID)
		} else {
			m.Whole = false
		}
		if len(bytes.Fields(text[end:c.Start])) > maxUnknown {
			m.Whole = false
		}
		end = c.End
	}
	if len(bytes.Fields(text[end:])) > maxUnknown || len(m.IDs) == 0 {
		m.Whole = false
	}
	slices.Sort(m.IDs)
	m.IDs = slices.Compact(m.IDs)
	return m, nil
}

// listed reports whether an identifier of licensecheck is on the SPDX License
// List. These are all that are not.
func listed(id string) bool {
	switch id {
	case "Aladdin-9", "Anti996", "BSD-1-Clause-Clear", "BSD-3-Clause-NoTrademark", "CC-BY-NC-SA-3.0-US", "CommonsClause",
		"GPL-2.0-or-3.0", "GooglePatentClause", "GooglePatentsFile", "MIT-NoAd", "Prosperity-3.0.0":
		return false
	}
	return true
}
