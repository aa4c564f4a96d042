package gomod

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// vars returns an environment that has nothing but these variables.
func vars(list ...string) func(string) string {
	m := make(map[string]string)
	for _, v := range list {
		name, value, _ := strings.Cut(v, "=")
		m[name] = value
	}
	return func(name string) string { return m[name] }
}

func TestReadSettings(t *testing.T) {
	dir := writeFiles(t,
		"root/VERSION", "go1.26.3\ntime 2026-01-01T00:00:00Z\n",
		"root/go.env", "# defaults\nGOPROXY=x\nGOAMD64=v2\nGOFLAGS=-trimpath\n",
		"root/src/internal/buildcfg/zbootstrap.go", "package buildcfg\n\nconst DefaultGOARM = `6`\nconst DefaultGOFIPS140 = `off`\nconst DefaultCGO_ENABLED = \"1\"\n",
		"root/pkg/tool/x", "",
		"root/bin/go", "",
		"user/.config/go/env", "GOFLAGS=-tags=user,two\nGOMODCACHE=/cache\nnot a variable\n=x\n",
		"other/go/env", "GOPATH=/first"+string(filepath.ListSeparator)+"/second\n",
	)
	if runtime.GOOS == "windows" || runtime.GOOS == "plan9" {
		t.Skip("the file of a user's settings has another place on this system")
	}
	if err := os.Chmod(filepath.Join(dir, "root/bin/go"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "links"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../root/bin/go", filepath.Join(dir, "links/go")); err != nil {
		t.Fatal(err)
	}
	root := "GOROOT=" + filepath.Join(dir, "root")
	for _, test := range []struct {
		name string
		o    Options
		want []string // "what=value"
	}{
		{"nothing", Options{Getenv: vars()}, []string{"goroot=", "version=", "cache=", "tags=", "std="}},
		{"home", Options{Getenv: vars("HOME=/home/me")}, []string{"cache=/home/me/go/pkg/mod"}},
		{"GOROOT", Options{Getenv: vars(root)}, []string{"version=go1.26.3", "arch=v2", "cgo=true", "std=" + filepath.Join(dir, "root/src")}},
		{"PATH", Options{Getenv: vars("PATH=rel" + string(filepath.ListSeparator) + filepath.Join(dir, "links"))}, []string{"version=go1.26.3"}},
		{"PATH without go", Options{Getenv: vars("PATH=" + dir)}, []string{"goroot=", "version="}},
		{"user's file", Options{Getenv: vars(root, "HOME="+filepath.Join(dir, "user"))}, []string{"cache=/cache", "tags=user,two"}},
		{"environment before the file", Options{Getenv: vars("HOME="+filepath.Join(dir, "user"), "GOFLAGS=-tags=env", "GOMODCACHE=/other")}, []string{"cache=/other", "tags=env"}},
		{"GOENV=off", Options{Getenv: vars("HOME="+filepath.Join(dir, "user"), "GOENV=off")}, []string{"tags="}},
		{"GOENV", Options{Getenv: vars("GOENV=" + filepath.Join(dir, "other/go/env"))}, []string{"cache=/first/pkg/mod"}},
		{
			"options",
			Options{Getenv: vars(root, "GOOS=plan9", "GOARCH=arm", "CGO_ENABLED=1", "GOFLAGS=-tags=x"), ModCache: "m", Targets: []Target{{GOOS: "linux", GOARCH: "arm", CGO: "0", Tags: []string{"y"}, GoVersion: "go1.25.1"}}},
			[]string{"target=linux/arm", "arch=7", "cgo=false", "tags=y", "cache=m", "version=go1.25.1", "std="},
		},
		{"the toolchain's defaults", Options{Getenv: vars(root), Targets: []Target{{GOOS: "linux", GOARCH: "arm", GoVersion: "go1.26.3"}}}, []string{"arch=6", "std=" + filepath.Join(dir, "root/src")}},
		{"experiments", Options{Getenv: vars(root, "GOEXPERIMENT=jsonv2,nogreenteagc,dwarf5"), Targets: []Target{{GOOS: "linux", GOARCH: "amd64"}}}, []string{"experiment=jsonv2,nogreenteagc"}},
		{"no experiments", Options{Getenv: vars(root, "GOEXPERIMENT=none"), Targets: []Target{{GOOS: "linux", GOARCH: "amd64"}}}, []string{"experiment=nodwarf5,nogreenteagc,norandomizedheapbase64"}},
		{"experiments of an unknown toolchain", Options{Getenv: vars("GOEXPERIMENT=future")}, []string{"experiment=future"}},
		{"FIPS", Options{Getenv: vars(root, "GOFIPS140=latest")}, []string{"fips=latest"}},
		{"flags", Options{Getenv: vars("GOFLAGS=-race -msan=true -asan=false -mod=vendor --tags=a -ldflags=-X=a")}, []string{"tags=a", "mod=vendor"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := readSettings(test.o, one(test.o))
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{
				"goroot": s.goroot, "version": s.goVersion, "std": s.std, "cache": s.modCache, "target": s.goos + "/" + s.goarch,
				"arch": s.arch, "experiment": s.experiment, "fips": s.fips, "tags": strings.Join(s.tags, ","), "mod": s.mod, "cgo": "false",
			}
			if s.cgo {
				got["cgo"] = "true"
			}
			for _, want := range test.want {
				name, value, _ := strings.Cut(want, "=")
				if value == "nodwarf5,nogreenteagc,norandomizedheapbase64" {
					sorted := strings.Split(got[name], ",")
					slices.Sort(sorted)
					got[name] = strings.Join(sorted, ",")
				}
				if got[name] != value {
					t.Errorf("%s is %q, want %q", name, got[name], value)
				}
			}
		})
	}

	for _, test := range []struct {
		name string
		o    Options
		want string
	}{
		{"unterminated quote", Options{Getenv: vars("GOFLAGS='-x")}, "malformed GOFLAGS: unterminated ' string"},
		{"no flag", Options{Getenv: vars("GOFLAGS=tags")}, `malformed GOFLAGS: "tags" is not a flag`},
		{"no name", Options{Getenv: vars("GOFLAGS=--")}, `malformed GOFLAGS: "--" is not a flag`},
		{"-mod=mod", Options{Getenv: vars("GOFLAGS=-mod=mod")}, "-mod=mod"},
		{"-mod=x", Options{Getenv: vars("GOFLAGS=-mod=x")}, "-mod=x, want readonly or vendor"},
		{"-modfile", Options{Getenv: vars("GOFLAGS=-modfile=x.mod")}, "-modfile, which is not supported"},
		{"-overlay", Options{Getenv: vars("GOFLAGS=-overlay=x.json")}, "-overlay, which is not supported"},
		{"-C", Options{Getenv: vars("GOFLAGS=-C=x")}, "-C, which is not supported"},
		{"gccgo", Options{Getenv: vars("GOFLAGS=-compiler=gccgo")}, "-compiler=gccgo, want gc"},
		{"unknown flag", Options{Getenv: vars("GOFLAGS=-nosuchflag")}, "unknown flag -nosuchflag"},
		{"unknown experiment", Options{Getenv: vars(root, "GOEXPERIMENT=nosuchthing")}, "unknown GOEXPERIMENT nosuchthing"},
		{"relative cache", Options{Getenv: vars("GOPATH=x")}, "want an absolute path"},
		{"Go version", Options{Getenv: vars(), Targets: []Target{{GoVersion: "1.26"}}}, `malformed Go version "1.26"`},
		{"cgo", Options{Getenv: vars(), Targets: []Target{{CGO: "yes"}}}, `malformed CGO "yes"`},
		{"target", Options{Getenv: vars(), Targets: []Target{{GOOS: "linux", GOARCH: "wasm"}}}, "unsupported GOOS/GOARCH pair linux/wasm"},
	} {
		if s, err := readSettings(test.o, one(test.o)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %+v, %v, want %q", test.name, s, err, test.want)
		}
	}
}

// The tags of processors, and the targets, are those of the toolchain.
// one returns the target of o.
func one(o Options) Target {
	if len(o.Targets) > 0 {
		return o.Targets[0]
	}
	return Target{}
}

func TestTargets(t *testing.T) {
	for target := range strings.FieldsSeq(goCommand(t, ".", getenv(), "tool", "dist", "list")) {
		goos, goarch, _ := strings.Cut(target, "/")
		if !supportedTarget(goos, goarch) {
			t.Errorf("%s is not supported", target)
		}
		s, err := readSettings(Options{Getenv: getenv()}, Target{GOOS: goos, GOARCH: goarch})
		if err != nil {
			t.Fatal(err)
		}
		if name := archVariable(goarch); name != "" {
			if want := strings.TrimSpace(goCommand(t, ".", getenv("GOOS="+goos, "GOARCH="+goarch), "env", name)); s.arch != want {
				t.Errorf("%s: %s is %q, want %q", target, name, s.arch, want)
			}
		}
		want := strings.Fields(strings.Trim(strings.TrimSpace(goCommand(t, ".", getenv("GOOS="+goos, "GOARCH="+goarch), "list", "-f={{context.ToolTags}}", "unsafe")), "[]"))
		got := slices.Clone(s.extraTags)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: tags %q, want %q", target, got, want)
		}
	}
	for _, test := range []struct{ goarch, value, want string }{
		{"amd64", "v3", "amd64.v1 amd64.v2 amd64.v3"},
		{"arm", "6,softfloat", "arm.5 arm.6"},
		{"arm64", "v9.1,lse", "arm64.v9.0 arm64.v9.1 arm64.v8.0 arm64.v8.1 arm64.v8.2 arm64.v8.3 arm64.v8.4 arm64.v8.5 arm64.v8.6"},
		{"ppc64le", "power10", "ppc64le.power8 ppc64le.power9 ppc64le.power10"},
		{"riscv64", "rva22u64", "riscv64.rva20u64 riscv64.rva22u64"},
		{"mips", "softfloat", "mips.softfloat"},
		{"s390x", "", ""},
	} {
		if got := strings.Join(archTags(test.goarch, test.value), " "); got != test.want {
			t.Errorf("archTags(%s, %s) = %s, want %s", test.goarch, test.value, got, test.want)
		}
	}
}

// Whatever the files of settings have in them, they are read or refused.
func FuzzSettings(f *testing.F) {
	f.Add("GOFLAGS=-tags=a,b\nGOOS=linux\n", "-race '-tags=x y'", "jsonv2,noregabi")
	f.Add("=\n\nX\nGOARCH=arm64\nGOARM64=v9.0", `"-ldflags=x"`, "none")
	f.Add("GOAMD64=v99999999999", "-mod", ",no,,nono")
	f.Fuzz(func(t *testing.T, env, goflags, experiment string) {
		for name := range parseEnv(env) {
			if name == "" || strings.ContainsAny(name, "=\n") {
				t.Errorf("variable %q", name)
			}
		}
		flags, err := splitFlags(goflags)
		if err == nil && len(strings.Join(flags, "")) > len(goflags) {
			t.Errorf("splitFlags(%q) = %q", goflags, flags)
		}
		parseDefaults(make(map[string]string), env)
		values := parseEnv(env)
		s, err := readSettings(Options{ModCache: "x", Getenv: func(name string) string {
			switch name {
			case "GOFLAGS":
				return goflags
			case "GOEXPERIMENT":
				return experiment
			case "GOOS", "GOARCH", "GOARM", "GOARM64", "GOAMD64", "GOPPC64", "GORISCV64", "CGO_ENABLED", "GOFIPS140":
				return values[name]
			}
			return ""
		}}, Target{})
		if err == nil {
			newSelector(s, "go1.26")
		}
	})
}
