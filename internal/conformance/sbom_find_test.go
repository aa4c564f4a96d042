package conformance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/semver"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
)

// versions returns a Document with a component for each version of a module.
func versions(t *testing.T, path string, list []string) *sbom.Document {
	t.Helper()
	component := func(ref, version string) sbom.Component {
		return sbom.Component{Ref: ref, Name: path, Version: version, PURL: gomod.PURL(path, version), Type: sbom.Library, Scope: sbom.Runtime}
	}
	d := &sbom.Document{Main: component("main", "")}
	d.Main.PURL = ""
	d.Main.Name = "main"
	for i, v := range list {
		d.Components = append(d.Components, component(fmt.Sprintf("%06d", i), v))
	}
	if err := d.Sort(); err != nil {
		t.Fatal(err)
	}
	return d
}

func find(t *testing.T, d *sbom.Document, path, rng string) (found []string) {
	t.Helper()
	matches, err := d.Find(sbom.Query{PURL: gomod.PURL(path, ""), Versions: rng})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range matches {
		if m.Doubt != "" {
			t.Errorf("%s %s %s: %s", path, m.Component.Version, rng, m.Doubt)
		}
		found = append(found, m.Component.Version)
	}
	return found
}

// The order of versions is that of golang.org/x/mod/semver.
func TestFindOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	list := make([]string, 400)
	for i := range list {
		v := fmt.Sprintf("v%s.%s.%s", pick("0", "1", "2", "10", "99999999999999999999"), pick("0", "1", "9", "10"), pick("0", "3", "20"))
		if r.IntN(2) == 0 {
			v += "-" + pick("0", "1", "10", "rc", "rc1", "alpha", "A", "0a", "--", "99999999999999999999")
			for range r.IntN(3) {
				v += "." + pick("0", "1", "10", "x", "X", "-", "20260102030405-0123456789ab")
			}
		}
		v += pick("", "", "+incompatible", "+build.01")
		if !semver.IsValid(v) {
			t.Fatalf("%s is no version", v)
		}
		list[i] = v
	}
	d := versions(t, "example.com/m", list)
	for _, bound := range list[:100] {
		for operator, holds := range map[string]func(n int) bool{
			"<":  func(n int) bool { return n < 0 },
			"<=": func(n int) bool { return n <= 0 },
			"=":  func(n int) bool { return n == 0 },
			"!=": func(n int) bool { return n != 0 },
			">=": func(n int) bool { return n >= 0 },
			">":  func(n int) bool { return n > 0 },
		} {
			var want []string
			for _, v := range list {
				if holds(semver.Compare(v, bound)) {
					want = append(want, v)
				}
			}
			if got := find(t, d, "example.com/m", operator+bound); !slices.Equal(got, want) {
				t.Errorf("%s%s: got %v, want %v", operator, bound, got, want)
			}
		}
	}
}

// The ranges of the Go vulnerability database, as version range specifiers, have
// the versions that its own rule finds: by the last event at or before one.
func TestFindGoVulnerabilities(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(filepath.Dir(sbomCorpus(t)), "govulndb", "ID", "GO-*.json"))
	if err != nil || len(files) < 4000 {
		t.Fatalf("%d records, error %v", len(files), err)
	}
	type event struct{ Introduced, Fixed string }
	events := make(map[string][][]event) // by module
	all := make(map[string][]string)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var record struct {
			Affected []struct {
				Package struct{ Name string }
				Ranges  []struct {
					Type   string
					Events []event
				}
			}
		}
		if err := json.Unmarshal(data, &record); err != nil {
			t.Fatal(err)
		}
		for _, a := range record.Affected {
			for _, r := range a.Ranges {
				if r.Type != "SEMVER" || len(r.Events) == 0 {
					continue
				}
				path := a.Package.Name
				events[path] = append(events[path], r.Events)
				for _, e := range r.Events {
					for _, v := range []string{e.Introduced, e.Fixed} {
						if v != "" && v != "0" {
							all[path] = append(all[path], "v"+v)
						}
					}
				}
			}
		}
	}
	ranges, hits := 0, 0
	for path, list := range all {
		list = append(list, "v0.0.0-0", "v0.0.1", "v1.0.0", "v1.999.0", "v9.0.0")
		slices.SortFunc(list, semver.Compare)
		list = slices.Compact(list)
		d := versions(t, path, list)
		for _, events := range events[path] {
			var conditions []string
			for _, e := range events {
				switch {
				case e.Fixed != "":
					conditions = append(conditions, "<"+e.Fixed)
				case e.Introduced != "0":
					conditions = append(conditions, ">="+e.Introduced)
				}
			}
			if len(conditions) == 0 {
				conditions = []string{"*"}
			}
			slices.SortStableFunc(events, func(a, b event) int { // "0" is no version, and before all
				at := func(e event) string {
					if e.Introduced == "0" {
						return ""
					}
					return "v" + cmp.Or(e.Introduced, e.Fixed)
				}
				return semver.Compare(at(a), at(b))
			})
			var want []string
			for _, v := range list {
				affected := false
				for _, e := range events {
					if e.Introduced == "0" || e.Introduced != "" && semver.Compare("v"+e.Introduced, v) <= 0 {
						affected = true
					} else if e.Fixed != "" && semver.Compare("v"+e.Fixed, v) <= 0 {
						affected = false
					}
				}
				if affected {
					want = append(want, v)
				}
			}
			rng := "vers:golang/" + strings.Join(conditions, "|")
			got := find(t, d, path, rng)
			if !slices.Equal(got, want) {
				t.Errorf("%s %s: got %v, want %v", path, rng, got, want)
			}
			ranges++
			hits += len(got)
		}
	}
	t.Logf("%d ranges of %d modules, %d versions found", ranges, len(all), hits)
	if ranges < 3000 || hits < 5000 {
		t.Errorf("%d ranges, %d hits: too few to tell", ranges, hits)
	}
}
