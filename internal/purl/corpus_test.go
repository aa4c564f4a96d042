package purl_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/internal/purl"
)

// differs returns why a case of the official suite has another outcome here, or
// "" if it has not.
func differs(kind, input string) string {
	if kind == "parse" && input == "pkg:Rpm/fedora/curl@7.50.3-1.fc25?Arch=i386&Distro=fedora-25" {
		return `it wants an error because of the upper-case keys; the standard says "the key is the lowercase left side", and so does another case of this input`
	}
	return ""
}

func corpus(t *testing.T) string {
	dir := os.Getenv("HALLMARK_CORPUS")
	if dir == "" {
		t.Skip("HALLMARK_CORPUS is not set: it names the directory of the documents to judge by")
	}
	return dir
}

func TestOfficialSuite(t *testing.T) {
	type parts struct {
		Type, Namespace, Name, Version, Subpath string
		Qualifiers                              map[string]string
	}
	ran, differing := 0, 0
	dir := filepath.Join(corpus(t), "sbom", "purl", "tests")
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var suite struct {
			Tests []struct {
				Type  string          `json:"test_type"`
				Fails bool            `json:"expected_failure"`
				In    json.RawMessage `json:"input"`
				Out   json.RawMessage `json:"expected_output"`
			}
		}
		if err := json.Unmarshal(data, &suite); err != nil {
			return err
		}
		for i, c := range suite.Tests {
			ran++
			var in, out string
			var inParts, outParts parts
			ok := true
			unmarshal := func(data []byte, v any) {
				if err := json.Unmarshal(data, v); err != nil {
					t.Fatalf("%s: case %d: %v", e.Name(), i, err)
				}
			}
			var got any
			var fault error
			switch c.Type {
			case "parse":
				unmarshal(c.In, &in)
				p, err := purl.Parse(in)
				if fault = err; !c.Fails {
					unmarshal(c.Out, &outParts)
					have := parts{p.Type, p.Namespace, p.Name, p.Version, p.Subpath, make(map[string]string)}
					for _, q := range p.Qualifiers {
						have.Qualifiers[q.Key] = q.Value
					}
					got = have
					ok = have.Type == outParts.Type && have.Namespace == outParts.Namespace && have.Name == outParts.Name &&
						have.Version == outParts.Version && have.Subpath == outParts.Subpath && maps.Equal(have.Qualifiers, outParts.Qualifiers)
				}
			case "build":
				unmarshal(c.In, &inParts)
				p := purl.PURL{Type: inParts.Type, Namespace: inParts.Namespace, Name: inParts.Name, Version: inParts.Version, Subpath: inParts.Subpath}
				for _, key := range slices.Backward(slices.Sorted(maps.Keys(inParts.Qualifiers))) {
					p.Qualifiers = append(p.Qualifiers, purl.Qualifier{Key: key, Value: inParts.Qualifiers[key]})
				}
				built, err := purl.Build(p)
				if fault = err; !c.Fails {
					unmarshal(c.Out, &out)
					got, ok = built, built == out
				}
			case "validate", "roundtrip":
				unmarshal(c.In, &in)
				p, err := purl.Parse(in)
				if fault = err; !c.Fails {
					unmarshal(c.Out, &out)
					got, ok = p.String(), p.String() == out
				}
			default:
				t.Fatalf("%s: case %d: a test of the kind %q", e.Name(), i, c.Type)
			}
			passed := ok && c.Fails == (fault != nil)
			if why := differs(c.Type, in); why != "" {
				differing++
				if passed {
					t.Errorf("%s: %s %s: no difference, want one: %s", e.Name(), c.Type, c.In, why)
				}
			} else if !passed {
				t.Errorf("%s: %s %s: got %+v, error %v, want %s, failure %t", e.Name(), c.Type, c.In, got, fault, c.Out, c.Fails)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if ran < 250 || differing != 1 {
		t.Errorf("%d cases ran, want 250 or more; %d differ, want 1", ran, differing)
	}
	t.Logf("%d cases, %d differ on purpose", ran, differing)
}

// What the definition of golang says of letters is not followed; the suite has no
// case for it.
func TestGolangKeepsCase(t *testing.T) {
	for _, s := range []string{"pkg:golang/github.com/BurntSushi/toml@v1.5.0", "pkg:golang/stdlib@1.26.8", "pkg:golang/github.com/docker/docker@v28.0.0%2Bincompatible"} {
		p, err := purl.Parse(s)
		if err != nil || p.String() != s {
			t.Errorf("%s: got %s, error %v", s, p, err)
		}
	}
}

// isPath reports whether s can be of a module's path or, behind "@", of its version.
func isPath(s []byte) bool {
	return len(bytes.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/+@")) == 0 &&
		!bytes.Contains(s, []byte("//")) && s[0] != '/' && s[len(s)-1] != '/' && s[0] != '@' && bytes.Count(s, []byte("@")) <= 1
}

// Every Go module of every document is written as it is read.
func TestModulesOfCorpus(t *testing.T) {
	dir := corpus(t)
	modules := make(map[string]bool) // path, or path@version
	all := make(map[string]bool)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !slices.Contains([]string{".json", ".jsonl", ".mod", ".sum", ".txt"}, filepath.Ext(path)) {
			return err
		}
		// The suite has what is malformed on purpose; TestOfficialSuite judges it.
		if strings.Contains(filepath.ToSlash(path), "/sbom/purl/") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for word := range bytes.FieldsFuncSeq(data, func(r rune) bool { return strings.ContainsRune(" \t\r\n\"\\<>,()[]{}|`", r) }) {
			if i := bytes.Index(word, []byte("pkg:")); i >= 0 && bytes.IndexByte(word, '/') > 0 {
				all[string(word[i:])] = true
			} else if host, rest, ok := bytes.Cut(word, []byte("/")); ok && bytes.IndexByte(host, '.') > 0 && len(rest) > 0 && isPath(host) && isPath(rest) {
				modules[string(word)] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for s := range modules {
		path, version, _ := strings.Cut(s, "@")
		built := purl.Golang(path, version)
		p, err := purl.Parse(built)
		if err != nil || p.Path() != path || p.Version != version || p.String() != built {
			t.Errorf("%s: built %s, read %+v, error %v", s, built, p, err)
		}
		if again, err := purl.Build(p); err != nil || again != built {
			t.Errorf("%s: built %s again, error %v", s, again, err)
		}
	}
	refused := 0
	for _, s := range slices.Sorted(maps.Keys(all)) {
		p, err := purl.Parse(s)
		if err != nil {
			refused++
			t.Log(err)
			continue
		}
		again, err := purl.Parse(p.String())
		if err != nil || again.String() != p.String() {
			t.Errorf("%s: written as %s, which is read as %s, error %v", s, p, again, err)
		}
	}
	if len(modules) < 1000 || len(all) < 2000 {
		t.Errorf("%d modules and %d package URLs in the corpus, want 1000 and 2000 or more", len(modules), len(all))
	}
	t.Logf("%d modules; %d package URLs, %d of them malformed", len(modules), len(all), refused)
}
