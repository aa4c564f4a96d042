package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/semver"
	"golang.org/x/vuln/scan"

	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/osv"
)

// TestAdvisories: govulncheck and Advisory.Affects say the same of every module in the
// Go vulnerability database, in versions about the bounds of its ranges, and with
// packages of it that are affected or are not. Govulncheck reads them from what its mode
// extract writes of a binary.
func TestAdvisories(t *testing.T) {
	dir := filepath.Join(filepath.Dir(sbomCorpus(t)), "govulndb")
	db, err := osv.ReadDB(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	entries := make(map[string][]*osv.Package) // by module
	var advisories []*osv.Advisory
	for a, err := range db.All() {
		if err != nil {
			t.Fatal(err)
		}
		advisories = append(advisories, a)
		for i := range a.Affected {
			p := &a.Affected[i]
			entries[p.Name] = append(entries[p.Name], p)
		}
	}
	delete(entries, "toolchain") // it is in no binary

	rng := rand.New(rand.NewPCG(3, 4))
	counts := make(map[osv.Answer]int)
	for round := range 3 {
		type module struct{ Path, Version string }
		type symbol struct {
			Pkg  string `json:"pkg"`
			Name string `json:"name"`
		}
		var bin struct {
			Modules    []module `json:"modules"`
			PkgSymbols []symbol `json:"pkgSymbols"`
			GoVersion  string   `json:"goVersion"`
		}
		components := make(map[string]*sbom.Component)
		paths := slices.Sorted(maps.Keys(entries))
		rng.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
		for _, path := range paths {
			// Of two modules of which one's path begins with the other's, govulncheck
			// takes packages of one for those of the other.
			if slices.ContainsFunc(slices.Collect(maps.Keys(components)), func(other string) bool {
				return strings.HasPrefix(path, other) || strings.HasPrefix(other, path)
			}) {
				continue
			}
			p := entries[path][rng.IntN(len(entries[path]))]
			events := p.Ranges[0].Events
			version := near(rng, events[rng.IntN(len(events))].Version)
			dir := "other"
			pkg := path + "/other"
			if len(p.Imports) > 0 && rng.IntN(3) > 0 {
				pkg = p.Imports[rng.IntN(len(p.Imports))].Path
				dir = strings.TrimPrefix(strings.TrimPrefix(pkg, path), "/")
			}
			if path == "stdlib" {
				version, _, _ = strings.Cut(version, "-")
				bin.GoVersion = "go" + strings.TrimPrefix(version, "v")
				version = bin.GoVersion
				if pkg == "stdlib/other" {
					pkg, dir = "unicode", "unicode"
				}
			} else {
				bin.Modules = append(bin.Modules, module{path, version})
			}
			if dir == "" {
				dir = "."
			}
			bin.PkgSymbols = append(bin.PkgSymbols, symbol{pkg, "F"})
			components[path] = &sbom.Component{Name: path, Version: version, PURL: purl.Golang(path, version), Packages: []string{dir}}
		}
		body, err := json.Marshal(bin)
		if err != nil {
			t.Fatal(err)
		}
		blob := filepath.Join(t.TempDir(), "blob")
		if err := os.WriteFile(blob, append([]byte(`{"name":"govulncheck-extract","version":"0.1.0"}`+"\n"), body...), 0o666); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		cmd := scan.Command(t.Context(), "-mode", "binary", "-scan", "package", "-format", "json", "-db", "file://"+filepath.ToSlash(dir), blob)
		cmd.Stdout, cmd.Stderr, cmd.Env = &out, &errs, os.Environ()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatalf("govulncheck: %v\n%s", err, &errs)
		}
		required, imported := make(map[string]bool), make(map[string]bool) // by id and module
		for d := json.NewDecoder(&out); ; {
			var message struct {
				Finding *struct {
					OSV   string
					Trace []struct{ Module, Package string }
				}
			}
			if err := d.Decode(&message); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if f := message.Finding; f != nil {
				key := f.OSV + " " + f.Trace[0].Module
				required[key] = true
				imported[key] = imported[key] || f.Trace[0].Package != ""
			}
		}

		for _, a := range advisories {
			for _, path := range affectedModules(a) {
				c := components[path]
				if c == nil {
					continue
				}
				f := a.Affects(c)
				counts[f.Answer]++
				key := a.ID + " " + path
				want := osv.Unaffected
				if required[key] {
					want = osv.NotLinked
				}
				if imported[key] {
					want = osv.Affected
				}
				if f.Answer != want {
					t.Errorf("round %d: %s: %s %v: got %s (%s), govulncheck %s", round, a.ID, c.PURL, c.Packages, f.Answer, f.Reason, want)
				}
			}
		}
	}
	for _, answer := range []osv.Answer{osv.Affected, osv.NotLinked, osv.Unaffected} {
		if counts[answer] < 1000 {
			t.Errorf("%v: some are too few", counts)
		}
	}
}

// affectedModules returns the modules that a is about.
func affectedModules(a *osv.Advisory) []string {
	var paths []string
	for _, p := range a.Affected {
		paths = append(paths, p.Name)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// near returns a version at a bound, or beside it.
func near(rng *rand.Rand, bound string) string {
	if bound == "0" {
		return []string{"v0.0.0-20180101000000-0123456789ab", "v0.1.0"}[rng.IntN(2)]
	}
	v := "v" + bound
	core := strings.TrimSuffix(strings.TrimSuffix(v, semver.Build(v)), semver.Prerelease(v))
	var major, minor, patch int
	if _, err := fmt.Sscanf(core, "v%d.%d.%d", &major, &minor, &patch); err != nil {
		return v
	}
	return []string{
		v, core, core + "-rc.1",
		fmt.Sprintf("v%d.%d.%d", major, minor, patch+1),
		fmt.Sprintf("v%d.%d.%d", major, minor, max(patch-1, 0)),
		fmt.Sprintf("v%d.%d.%d-0.20240101000000-0123456789ab", major, minor, patch+1),
	}[rng.IntN(6)]
}
