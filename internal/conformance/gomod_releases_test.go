package conformance

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/goproxytest"
	"golang.org/x/mod/module"

	"github.com/hallmark-dev/hallmark/sbom/gomod"
)

// TestGoModReleases holds AddReleases against the go command, to which the module
// cache is all the proxy that there is: what "go list -m" then says of retracted
// versions and deprecated modules, and which version it takes for the latest,
// AddReleases must say too.
func TestGoModReleases(t *testing.T) {
	const old, newer, other = "v0.0.0-20200101000000-aaaaaaaaaaaa", "v0.0.0-20210101000000-bbbbbbbbbbbb", "v1.0.1-0.20200101000000-aaaaaaaaaaaa"
	// The first version of each module is required, the others are only in the
	// cache. A text is what the go.mod has besides its first line; "none" is none.
	type version struct{ version, text string }
	modules := []struct {
		path     string
		versions []version
	}{
		{"example.com/plain", []version{{"v1.0.0", ""}}},
		{"example.com/later", []version{{"v1.0.0", ""}, {"v1.1.0", ""}}},
		{"example.com/Upper", []version{{"v1.0.0", ""}, {"v1.1.0", "retract v1.0.0 // upper"}}},
		{"example.com/retracted", []version{{"v1.0.0", ""}, {"v1.1.0", "// Bad sums.\nretract v1.0.0"}}},
		{"example.com/range", []version{{"v1.2.0", ""}, {"v1.5.0", "retract (\n\t[v1.1.0, v1.3.0] // one\n\tv1.2.0 // two\n\tv1.4.0 // three\n)"}}},
		{"example.com/noreason", []version{{"v1.0.0", ""}, {"v1.0.1", "retract v1.0.0"}}},
		{"example.com/onereason", []version{{"v1.0.0", ""}, {"v1.0.1", "retract v1.0.0\n\nretract v1.0.0 // reason"}}},
		{"example.com/self", []version{{"v1.0.0", ""}, {"v1.0.1", "retract [v1.0.0, v1.0.1] // both"}}},
		{"example.com/alone", []version{{"v1.0.0", "retract v1.0.0 // at once"}}},
		{"example.com/again", []version{{"v1.0.0", ""}, {"v1.1.0", "retract v1.0.0 // bad"}, {"v1.2.0", ""}}},
		{"example.com/pre", []version{{"v1.0.0-rc.1", ""}, {"v1.0.0-rc.2", "retract v1.0.0-rc.1 // rc"}}},
		{"example.com/prelater", []version{{"v1.0.0", ""}, {"v1.1.0-rc.1", "retract v1.0.0 // rc"}}},
		{"example.com/prehigher", []version{{"v1.1.0-rc.1", ""}, {"v1.0.0", "retract v1.1.0-rc.1 // lower"}}},
		{"example.com/deprecated", []version{{"v1.0.0", ""}, {"v1.1.0", "// Deprecated: use another."}}},
		{"example.com/undeprecated", []version{{"v1.0.0", "// Deprecated: no."}, {"v1.1.0", ""}}},
		{"example.com/both", []version{{"v1.0.0", "// Deprecated: use\n// the other.\n//\n// For long.\n\nretract [v0.1.0, v1.9.0] // all"}}},
		{"example.com/pseudo", []version{{old, ""}, {newer, "retract " + old + " // pseudo"}}},
		{"example.com/pseudotag", []version{{other, ""}, {"v1.0.0", "retract [v0.1.0, v1.9.0] // tag"}}},
		{"example.com/pseudohigher", []version{{other, ""}, {newer, "// Deprecated: by a lower one."}}},
		{"example.com/incompatible", []version{{"v2.0.0+incompatible", "none"}, {"v1.0.0", "none"}, {"v3.0.0+incompatible", "none"}}},
		{"example.com/compatible", []version{{"v2.0.0+incompatible", "none"}, {"v1.0.0", "retract v2.0.0+incompatible // See v1."}}},
		{"example.com/major/v2", []version{{"v2.0.0", ""}, {"v2.1.0", "retract v2.0.0 // v2"}}},
		{"example.com/fork", []version{{"v1.0.0", ""}, {"v1.1.0", "// Deprecated: the fork.\n\nretract v1.0.0 // fork"}}},
		{"example.com/forked", []version{{"v1.0.0", ""}, {"v1.1.0", "retract v1.0.0 // the original"}}},
	}

	// The proxy, a program, and a module cache that has them all.
	archives, app := t.TempDir(), t.TempDir()
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	mod, program, all := "module example.com/app\n\ngo 1.26\n", "package main\n\n", []string{"mod", "download"}
	for i, m := range modules {
		for j, v := range m.versions {
			when := time.Date(2020, 1, 1, i, j, 0, 0, time.UTC)
			if module.IsPseudoVersion(v.version) {
				when, _ = module.PseudoVersionTime(v.version)
			}
			info := `{"Version":"` + v.version + `","Time":"` + when.Format(time.RFC3339) + `"}`
			goMod := "-- go.mod --\nmodule " + m.path + "\n"
			if strings.HasPrefix(v.text, "// Deprecated") {
				comment, rest, _ := strings.Cut(v.text, "\n\n")
				goMod = "-- go.mod --\n" + comment + "\nmodule " + m.path + "\n\n" + rest
			} else if v.text == "none" {
				goMod = "-- .mod --\nmodule " + m.path
			} else {
				goMod += "\n" + v.text
			}
			escaped, err := module.EscapePath(m.path)
			if err != nil {
				t.Fatal(err)
			}
			write(filepath.Join(archives, strings.ReplaceAll(escaped, "/", "_")+"_"+v.version+".txtar"),
				"-- .info --\n"+info+"\n"+goMod+"\n-- x.go --\npackage x\n")
			all = append(all, m.path+"@"+v.version)
		}
		if m.path != "example.com/fork" {
			mod += "\nrequire " + m.path + " " + m.versions[0].version + "\n"
			program += "import _ \"" + m.path + "\"\n"
		}
	}
	write(filepath.Join(app, "go.mod"), mod+"\nreplace example.com/forked => example.com/fork v1.0.0\n")
	write(filepath.Join(app, "main.go"), program+"\nfunc main() {}\n")
	modcache := t.TempDir()
	env := map[string]string{
		"GOENV": "off", "GOFLAGS": "-modcacherw -mod=mod", "GOWORK": "off", "GOSUMDB": "off", "CGO_ENABLED": "0",
		"GOMODCACHE": modcache, "GOPROXY": goproxytest.NewTestServer(t, archives, "").URL,
	}
	runGo(t, app, env, "mod", "tidy")
	runGo(t, t.TempDir(), env, all...)

	d, err := gomod.Load(t.Context(), app, gomod.Options{Getenv: getenv(map[string]string{"GOMODCACHE": modcache, "GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0"})})
	if err != nil {
		t.Fatal(err)
	}
	before := treeDigest(t, modcache)
	if err := gomod.AddReleases(t.Context(), d, gomod.ReleaseOptions{ModCache: modcache}); err != nil {
		t.Fatal(err)
	}
	if treeDigest(t, modcache) != before {
		t.Error("the module cache was changed")
	}

	// The judge has a module cache of its own, which it fills from the one above.
	env["GOMODCACHE"], env["GOPROXY"] = t.TempDir(), "file://"+filepath.ToSlash(modcache)+"/cache/download"
	type listed struct {
		Path, Version string
		Main          bool
		Time          time.Time
		Retracted     []string
		Deprecated    string
		Replace       *listed
	}
	judged, retracted, deprecated := 0, 0, 0
	for dec := json.NewDecoder(bytes.NewReader(runGo(t, app, env, "list", "-m", "-u", "-retracted", "-json", "all"))); dec.More(); {
		var m listed
		if err := dec.Decode(&m); err != nil {
			t.Fatal(err)
		}
		if m.Main {
			continue
		}
		if m.Replace != nil {
			m = *m.Replace
		}
		c := d.Component(gomod.PURL(m.Path, m.Version))
		if c == nil {
			t.Errorf("the document does not have %s %s", m.Path, m.Version)
			continue
		}
		var reasons []string
		for _, p := range c.Properties {
			if p.Name == "retracted" {
				reasons = append(reasons, p.Value)
			}
		}
		want := slices.Sorted(slices.Values(m.Retracted))
		for i, reason := range want {
			if reason == "retracted by module author" {
				want[i] = "no reason is given"
			}
		}
		if m.Path == "example.com/onereason" {
			want = append(want, "no reason is given") // of two lines, one has none
			slices.Sort(want)
		}
		if !slices.Equal(reasons, want) {
			t.Errorf("%s %s: retracted %q, the go command has %q", m.Path, m.Version, reasons, want)
		}
		if got, want := property(c.Properties, "deprecated"), strings.Join(strings.Fields(m.Deprecated), " "); got != want {
			t.Errorf("%s %s: deprecated %q, the go command has %q", m.Path, m.Version, got, want)
		}
		if got, want := property(c.Properties, "released"), m.Time.UTC().Format(time.RFC3339); got != want {
			t.Errorf("%s %s: released %s, the go command has %s", m.Path, m.Version, got, want)
		}
		// Not in app, where the version that is required would make a difference.
		latest := strings.TrimSpace(string(runGo(t, modcache, env, "list", "-m", "-retracted", "-f", "{{.Version}}", m.Path+"@latest")))
		if got := property(c.Properties, "latestKnown"); got != latest {
			t.Errorf("%s %s: latestKnown %s, the go command has %s", m.Path, m.Version, got, latest)
		}
		judged++
		if len(m.Retracted) > 0 {
			retracted++
		}
		if m.Deprecated != "" {
			deprecated++
		}
	}
	if judged != len(modules)-1 || retracted < 10 || deprecated < 3 {
		t.Errorf("%d modules judged, %d of them retracted, %d deprecated", judged, retracted, deprecated)
	}
}
