package conformance

import (
	"bytes"
	"cmp"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
)

// secret is in flags and paths of the programs that are built here.
const secret = "hunter2"

// tinyModule writes a module with three commands: plain, c, which is in C in part,
// and other, which needs a module more. It returns its directory, whose name has the
// secret, and the environment to build it in.
func tinyModule(t *testing.T) (dir string, env map[string]string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), secret)
	dir = filepath.Join(root, "app")
	for name, text := range map[string]string{
		"app/go.mod":        "module example.com/app\n\ngo 1.25\n\nrequire (\n\texample.com/near v1.0.0\n\texample.com/far v1.0.0\n)\n\nreplace (\n\texample.com/near v1.0.0 => ../near\n\texample.com/far => " + filepath.ToSlash(root) + "/far\n)\n",
		"app/plain/main.go": "package main\n\nimport \"example.com/near\"\n\nvar token string\n\nfunc main() { println(token, near.Near) }\n",
		"app/other/main.go": "package main\n\nimport \"example.com/far\"\n\nfunc main() { println(far.Far) }\n",
		"app/c/main.go":     "package main\n\n// #cgo LDFLAGS: -lm\n// #include <math.h>\nimport \"C\"\n\n//export Two\nfunc Two() float64 { return 2 }\n\nfunc main() { println(float64(C.sqrt(2))) }\n",
		"near/go.mod":       "module example.com/near\n",
		"near/near.go":      "package near\n\nconst Near = 1\n",
		"far/go.mod":        "module example.com/far\n",
		"far/far.go":        "package far\n\nconst Far = 1\n",
	} {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir, map[string]string{
		"GOFLAGS": "", "GOWORK": "off", "GOPROXY": "off", "GOSUMDB": "off", "CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": "amd64",
		"GOEXPERIMENT": "", "GOFIPS140": "", "CGO_CFLAGS": "", "CGO_CPPFLAGS": "", "CGO_CXXFLAGS": "", "CGO_LDFLAGS": "",
	}
}

// TestGoModBinaries builds programs in many ways. Of each, ReadBinary must say all
// that "go version -m -json" says if it may, no secret if it may not, the libraries
// that the packages debug/elf, debug/macho and debug/pe find, and what Load says of
// the sources.
func TestGoModBinaries(t *testing.T) {
	dir, plain := tinyModule(t)
	for _, test := range []struct {
		name, pkg, env string
		flags          string
		libraries      bool // there must be some
	}{
		{name: "linux"},
		{name: "settings", flags: "-tags=a,b -gcflags=-N"},
		{name: "secrets", flags: "-ldflags=-X=main.token=" + secret + " -asmflags=-D=" + secret},
		{name: "stripped", flags: "-ldflags=-s"},
		{name: "trimpath", flags: "-trimpath -ldflags=-X=main.token=" + secret},
		{name: "absolute replacement", pkg: "./other"},
		{name: "windows", env: "GOOS=windows", libraries: true},
		{name: "windows stripped", env: "GOOS=windows", flags: "-ldflags=-s", libraries: true},
		{name: "darwin amd64", env: "GOOS=darwin", libraries: true},
		{name: "darwin arm64", env: "GOOS=darwin GOARCH=arm64", libraries: true},
		{name: "GOEXPERIMENT", env: "GOEXPERIMENT=jsonv2"},
		{name: "FIPS latest", env: "GOFIPS140=latest"},
		{name: "FIPS v1.0.0", env: "GOFIPS140=v1.0.0", flags: "-tags=a"},
		{name: "PIE", flags: "-buildmode=pie"},
		{name: "cgo", pkg: "./c", env: "CGO_ENABLED=1 CGO_CFLAGS=-D" + secret, libraries: true},
		{name: "cgo linked by the C compiler", pkg: "./c", env: "CGO_ENABLED=1", flags: "-ldflags=-linkmode=external", libraries: true},
		{name: "C library", pkg: "./c", env: "CGO_ENABLED=1", flags: "-buildmode=c-shared", libraries: true},
		{name: "cgo not used", env: "CGO_ENABLED=1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			env := make(map[string]string)
			for name, value := range plain {
				env[name] = value
			}
			for _, setting := range strings.Fields(test.env) {
				name, value, _ := strings.Cut(setting, "=")
				env[name] = value
			}
			if _, err := exec.LookPath(cmp.Or(os.Getenv("CC"), "gcc")); err != nil && test.pkg == "./c" {
				t.Skipf("no C compiler: %v", err)
			}
			pkg := cmp.Or(test.pkg, "./plain")
			program := filepath.Join(t.TempDir(), "program")
			args := append([]string{"build", "-buildvcs=false", "-o", program}, strings.Fields(test.flags)...)
			runGo(t, dir, env, append(args, pkg)...)

			o := gomod.Options{Getenv: getenv(env), Packages: []string{pkg}}
			if _, tags, ok := strings.Cut(test.flags, "-tags="); ok {
				tags, _, _ = strings.Cut(tags, " ")
				o.Targets = []gomod.Target{{Tags: strings.Split(tags, ",")}}
			}
			source, err := gomod.Load(t.Context(), dir, o)
			if err != nil {
				t.Fatal(err)
			}
			strict, all := readProgram(t, program)
			if got, want := buildInfo(all), goVersion(t, program); !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%+v\ngo version -m -json has\n%+v", got, want)
			}
			for _, d := range []*sbom.Document{strict, all} {
				if err := gomod.Reconcile(source, d); err != nil {
					t.Error(err)
				}
			}
			if data, err := json.Marshal(strict); err != nil || bytes.Contains(data, []byte(secret)) {
				t.Errorf("the secret is in %s, %v", data, err)
			}
			want := importedLibraries(t, program)
			if got := systemLibraries(strict); !slices.Equal(got, want) || len(want) == 0 && test.libraries || len(want) > 0 && !test.libraries {
				t.Errorf("got libraries %q, want %q", got, want)
			}
			// Only of C that is linked statically nothing is known.
			unknown := strings.Join(strict.Unknown, "\n")
			if strings.Contains(unknown, "C libraries") != (env["CGO_ENABLED"] == "1") || strings.Contains(unknown, "while it runs") != test.libraries {
				t.Errorf("unknown:\n%s", unknown)
			}

			// Sources that it was not built from.
			other := gomod.Options{Getenv: getenv(env), Packages: []string{"./plain"}, Targets: []gomod.Target{{Tags: []string{"other"}}}}
			if pkg == "./plain" {
				other.Packages = []string{"./other"}
			}
			if source, err = gomod.Load(t.Context(), dir, other); err != nil {
				t.Fatal(err)
			}
			if err := gomod.Reconcile(source, strict); err == nil || !strings.Contains(err.Error(), "main package") || !strings.Contains(err.Error(), "-tags") {
				t.Errorf("other sources: got %v", err)
			}
		})
	}
}

// What a version control system tells is in the binary, too.
func TestGoModBinaryFromGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skipf("git is not installed: %v", err)
	}
	dir, env := tinyModule(t)
	git := func(args ...string) {
		cmd := exec.Command("git", append([]string{"-c", "user.name=n", "-c", "user.email=n@example.com", "-c", "commit.gpgsign=false"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "all")
	git("tag", "v1.2.3")
	program := filepath.Join(t.TempDir(), "program")
	for _, version := range []string{"v1.2.3", "v1.2.3+dirty"} {
		if version != "v1.2.3" {
			if err := os.WriteFile(filepath.Join(dir, "plain", "more.go"), []byte("package main\n"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		runGo(t, dir, env, "build", "-buildvcs=true", "-o", program, "./plain")
		strict, all := readProgram(t, program)
		if got, want := buildInfo(all), goVersion(t, program); !reflect.DeepEqual(got, want) || want.Main.Version != version {
			t.Errorf("got\n%+v\ngo version -m -json has\n%+v", got, want)
		}
		if strict.Main.Version != version || property(strict.Properties, "vcs.revision") == "" {
			t.Errorf("main module %+v, properties %v", strict.Main, strict.Properties)
		}
	}
}

// TestGoModFatBinary makes a Mach-O file for two architectures. It must be described
// as each of the two, which package debug/macho finds in it; "go version" reads the
// first one only.
func TestGoModFatBinary(t *testing.T) {
	dir, env := tinyModule(t)
	env["GOOS"] = "darwin"
	sources := make(map[string]*sbom.Document)
	wants := make(map[string]debug.BuildInfo)
	build := func(arch, pkg string) []byte {
		env["GOARCH"] = arch
		program := filepath.Join(t.TempDir(), "program")
		runGo(t, dir, env, "build", "-buildvcs=false", "-o", program, pkg)
		wants["darwin/"+arch] = goVersion(t, program)
		data, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	arches := []string{"arm64", "amd64"}
	var files [][]byte
	for _, arch := range arches {
		files = append(files, build(arch, "./plain"))
		source, err := gomod.Load(t.Context(), dir, gomod.Options{Getenv: getenv(env), Packages: []string{"./plain"}})
		if err != nil {
			t.Fatal(err)
		}
		sources["darwin/"+arch] = source
	}
	source, err := sbom.Union(sources)
	if err != nil {
		t.Fatal(err)
	}

	program := filepath.Join(t.TempDir(), "fat")
	if err := os.WriteFile(program, fatFile(files), 0o666); err != nil {
		t.Fatal(err)
	}
	judge, err := macho.OpenFat(program)
	if err != nil {
		t.Fatal(err)
	}
	defer judge.Close()
	if len(judge.Arches) != 2 || judge.Arches[0].Cpu != macho.CpuArm64 || judge.Arches[1].Cpu != macho.CpuAmd64 {
		t.Fatalf("debug/macho finds %v", judge.Arches)
	}
	if got := goVersion(t, program); !reflect.DeepEqual(got, wants["darwin/arm64"]) {
		t.Errorf("go version says\n%+v\nwant what it says of the first architecture\n%+v", got, wants["darwin/arm64"])
	}

	strict, all := readProgram(t, program)
	if len(all.Targets) != 2 {
		t.Fatalf("targets %+v", all.Targets)
	}
	for _, target := range all.Targets {
		one := *all
		one.Properties = slices.Concat(all.Properties, target.Properties)
		one.Components = slices.DeleteFunc(slices.Clone(all.Components), func(c sbom.Component) bool {
			return len(c.Targets) > 0 && !slices.Contains(c.Targets, target.Name)
		})
		if got := buildInfo(&one); !reflect.DeepEqual(got, wants[target.Name]) {
			t.Errorf("%s: got\n%+v\ngo version -m -json has\n%+v", target.Name, got, wants[target.Name])
		}
	}
	if got, want := systemLibraries(strict), []string{"/usr/lib/libSystem.B.dylib"}; !slices.Equal(got, want) {
		t.Errorf("got libraries %q, want %q", got, want)
	}
	if err := gomod.Reconcile(source, strict); err != nil {
		t.Error(err)
	}
	if err := gomod.Reconcile(sources["darwin/arm64"], strict); err == nil || strings.Count(err.Error(), "\n") != 2 ||
		!strings.Contains(err.Error(), "target darwin/amd64: GOARCH: source has arm64, binary has amd64") {
		t.Errorf("sources of one architecture: got %v", err)
	}

	// One architecture is another program.
	files[1] = build("amd64", "./other")
	other, err := gomod.ReadBinary(bytes.NewReader(fatFile(files)), gomod.BinaryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := gomod.Reconcile(source, other); err == nil || !strings.Contains(err.Error(), "target darwin/amd64: main package") || strings.Contains(err.Error(), "target darwin/arm64") {
		t.Errorf("another program for one architecture: got %v", err)
	}
}

// readProgram returns what ReadBinary says of a program, strictly and unredacted.
func readProgram(t *testing.T, program string) (strict, all *sbom.Document) {
	t.Helper()
	f, err := os.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if strict, err = gomod.ReadBinary(f, gomod.BinaryOptions{}); err != nil {
		t.Fatal(err)
	}
	if all, err = gomod.ReadBinary(f, gomod.BinaryOptions{Unredacted: true}); err != nil {
		t.Fatal(err)
	}
	return strict, all
}

// goVersion returns what "go version -m -json" prints.
func goVersion(t *testing.T, program string) (info debug.BuildInfo) {
	t.Helper()
	if err := json.Unmarshal(runGo(t, ".", nil, "version", "-m", "-json", program), &info); err != nil {
		t.Fatal(err)
	}
	sortInfo(&info)
	return info
}

// buildInfo makes the build information of a program from its Document, of which
// nothing was withheld.
func buildInfo(d *sbom.Document) (info debug.BuildInfo) {
	version := func(v string) string { return cmp.Or(v, "(devel)") }
	sum := func(c *sbom.Component) (h1 string) {
		for _, dg := range c.Digests {
			h1 += dg.H1()
		}
		return h1
	}
	for _, c := range d.All() {
		m := debug.Module{Path: c.Name, Version: version(c.Version), Sum: sum(c)}
		if c.Replaces != "" {
			path, v, _ := strings.Cut(strings.TrimPrefix(c.Replaces, "pkg:golang/"), "@")
			replacement := m
			if dir := property(c.Properties, "directory"); dir != "" {
				replacement.Path = dir
			}
			m = debug.Module{Replace: &replacement}
			m.Path, _ = url.PathUnescape(path)
			v, _ = url.PathUnescape(v)
			m.Version = version(v)
		}
		switch {
		case c == &d.Main:
			info.Main = m
		case c.Scope == sbom.Runtime && c.Name != "stdlib":
			info.Deps = append(info.Deps, &m)
		}
	}
	for _, p := range d.Properties {
		switch p.Name {
		case "GoVersion":
			info.GoVersion = p.Value
		case "Path":
			info.Path = p.Value
		case "versionFrom": // which ReadBinary says
		default:
			info.Settings = append(info.Settings, debug.BuildSetting{Key: p.Name, Value: p.Value})
		}
	}
	sortInfo(&info)
	return info
}

// sortInfo makes what has no order in a Document comparable.
func sortInfo(info *debug.BuildInfo) {
	slices.SortFunc(info.Settings, func(a, b debug.BuildSetting) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
	})
	slices.SortFunc(info.Deps, func(a, b *debug.Module) int { return cmp.Compare(a.Path, b.Path) })
}

// systemLibraries returns the names of the libraries that a Document has, sorted.
func systemLibraries(d *sbom.Document) (names []string) {
	for _, c := range d.Components {
		if c.Scope == sbom.System {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return names
}

// importedLibraries returns what the standard library says of an executable, sorted.
func importedLibraries(t *testing.T, program string) (names []string) {
	t.Helper()
	var err error
	if f, e := elf.Open(program); e == nil {
		defer f.Close()
		names, err = f.ImportedLibraries()
	} else if f, e := macho.Open(program); e == nil {
		defer f.Close()
		names, err = f.ImportedLibraries()
	} else if f, e := pe.Open(program); e == nil {
		defer f.Close()
		// ImportedLibraries returns nothing.
		var symbols []string
		symbols, err = f.ImportedSymbols()
		for _, s := range symbols {
			names = append(names, s[strings.LastIndex(s, ":")+1:])
		}
	} else {
		t.Fatalf("%s is no executable", program)
	}
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// fatFile returns a Mach-O file for several architectures.
func fatFile(files [][]byte) []byte {
	const page = 1 << 14
	be := binary.BigEndian
	data := be.AppendUint32(be.AppendUint32(nil, macho.MagicFat), uint32(len(files)))
	at := page
	for _, f := range files {
		data = append(data, f[7], f[6], f[5], f[4], f[11], f[10], f[9], f[8]) // CPU and its kind
		data = be.AppendUint32(be.AppendUint32(be.AppendUint32(data, uint32(at)), uint32(len(f))), 14)
		at += (len(f) + page - 1) / page * page
	}
	for _, f := range files {
		data = append(data, make([]byte, (len(data)+page-1)/page*page-len(data))...)
		data = append(data, f...)
	}
	return data
}
