package conformance

import (
	"encoding/json"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
)

// TestGoModLarge holds gomod against the go command on a program that links
// more than 200 modules. It downloads them through the user's GOPROXY if they
// are not in the module cache. The program is not compiled, which takes
// minutes: "go build -n" prints the build information that it would have. What it is
// with cgo and for other systems, TestGoModReal judges.
func TestGoModLarge(t *testing.T) {
	const module, command = "github.com/prometheus/prometheus@v0.305.0", "./cmd/prometheus"
	env := map[string]string{"GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": "amd64", "GOEXPERIMENT": "", "GOFIPS140": ""}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(runGo(t, t.TempDir(), env, "mod", "download", "-json", module), &downloaded); err != nil {
		t.Fatal(err)
	}
	want := goListEdges(t, downloaded.Dir, env, "", command)
	env["GOPROXY"] = "off"
	source, err := judgeSource(t, downloaded.Dir, gomod.Options{Getenv: getenv(env), Packages: []string{command}})
	if err != nil {
		t.Fatal(err)
	}
	cache := new(memory)
	for range 3 {
		puts := cache.puts
		cached, err := gomod.Load(t.Context(), downloaded.Dir, gomod.Options{Getenv: getenv(env), Packages: []string{command}, Cache: cache})
		if err != nil || !reflect.DeepEqual(cached, source) {
			t.Errorf("with a cache: %v, and not the same Document", err)
		}
		if cache.puts == puts && puts == 0 || puts > 0 && cache.puts > puts {
			t.Errorf("%d values were put into the cache, and then %d", puts, cache.puts-puts)
		}
	}
	if n := len(source.Components); n < 200 {
		t.Errorf("%d components, want more than 200", n)
	}
	if got := edges(source); !slices.Equal(got, want) {
		t.Errorf("%d edges, go list has %d", len(got), len(want))
	}
	for _, c := range source.Components {
		if c.Scope == sbom.Runtime && c.Name != "stdlib" && (c.Version == "" || len(c.Digests) != 1 || source.Why(c.Ref) == nil) {
			t.Errorf("%s: version %q, %d digests, why: %q", c.Ref, c.Version, len(c.Digests), source.Why(c.Ref))
		}
	}

	info := plannedBuildInfo(t, downloaded.Dir, env, command)
	binary, err := gomod.FromBuildInfo(info, gomod.BinaryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(info.Deps); n != len(binary.Components)-2 || n != len(source.Components)-2 {
		t.Errorf("the program has %d modules, its Document %d, that of its sources %d", n, len(binary.Components)-2, len(source.Components)-2)
	}
	if err := gomod.Reconcile(source, binary); err != nil {
		t.Error(err)
	}
	info.Deps[len(info.Deps)/2].Sum = info.Deps[0].Sum
	if binary, err = gomod.FromBuildInfo(info, gomod.BinaryOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := gomod.Reconcile(source, binary); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("one sum changed: got %v", err)
	}
}

// A memory is a gomod.Cache.
type memory struct {
	mu     sync.Mutex
	values map[string][]byte
	puts   int
}

func (m *memory) Get(key string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.values[key]
	return value, ok
}

func (m *memory) Put(key string, value []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = make(map[string][]byte)
	}
	m.values[key] = value
	m.puts++
}

// BenchmarkGoModLarge compares Load with the go command's quickest answer to the
// same question, in turn, and reports how many times as long Load takes.
func BenchmarkGoModLarge(b *testing.B) {
	const module, command = "github.com/prometheus/prometheus@v0.305.0", "./cmd/prometheus"
	env := map[string]string{"GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": "amd64", "GOEXPERIMENT": "", "GOFIPS140": ""}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(runGo(b, b.TempDir(), env, "mod", "download", "-json", module), &downloaded); err != nil {
		b.Fatal(err)
	}
	o := gomod.Options{Getenv: getenv(env), Packages: []string{command}}
	goList := func() {
		runGo(b, downloaded.Dir, env, "list", "-deps", "-json=ImportPath,Module,Standard,Imports", command)
	}
	goList() // downloads what is missing, and fills the caches of the go command
	cached := o
	cached.Cache = new(memory)
	if _, err := gomod.Load(b.Context(), downloaded.Dir, cached); err != nil {
		b.Fatal(err)
	}
	var load, loadCached, list time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := gomod.Load(b.Context(), downloaded.Dir, o); err != nil {
			b.Fatal(err)
		}
		load += time.Since(start)
		start = time.Now()
		if _, err := gomod.Load(b.Context(), downloaded.Dir, cached); err != nil {
			b.Fatal(err)
		}
		loadCached += time.Since(start)
		start = time.Now()
		goList()
		list += time.Since(start)
	}
	b.ReportMetric(float64(load)/float64(list), "Load/go-list")
	b.ReportMetric(float64(loadCached)/float64(list), "cached-Load/go-list")
	b.ReportMetric(float64(load.Milliseconds())/float64(b.N), "ms/Load")
	b.ReportMetric(float64(list.Milliseconds())/float64(b.N), "ms/go-list")
}

// TestGoModExamples holds gomod against the go command on the example programs
// of this repository, built as a release builds them.
func TestGoModExamples(t *testing.T) {
	const dir = "../../examples"
	env := map[string]string{"GOFLAGS": "", "GOWORK": "off", "GOEXPERIMENT": "", "GOFIPS140": ""}
	for _, command := range []string{"./release", "./sbom", "./verify"} {
		t.Run(command, func(t *testing.T) {
			source, err := judgeSource(t, dir, gomod.Options{Getenv: getenv(env), Packages: []string{command}})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := edges(source), goListEdges(t, dir, env, "", command); !slices.Equal(got, want) {
				t.Errorf("edges are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			judgeBinary(t, source, dir, env, command)
		})
	}
}

// plannedBuildInfo returns the build information of the program that the go
// command would build.
func plannedBuildInfo(t *testing.T, dir string, env map[string]string, args ...string) *debug.BuildInfo {
	t.Helper()
	program := t.TempDir() + "/program"
	cmd := append([]string{"build", "-n", "-trimpath", "-buildvcs=false", "-o", program}, args...)
	_, commands := goCommand(t, dir, env, cmd...)
	for line := range strings.Lines(string(commands)) {
		quoted, ok := strings.CutPrefix(strings.TrimSpace(line), "modinfo ")
		if !ok {
			continue
		}
		text, err := strconv.Unquote(quoted)
		if err != nil || len(text) < 32 {
			t.Fatalf("%d bytes of build information, %v", len(text), err)
		}
		// 16 bytes of a frame are before and behind it.
		info, err := debug.ParseBuildInfo(text[16 : len(text)-16])
		if err != nil {
			t.Fatal(err)
		}
		info.GoVersion = strings.TrimSpace(string(runGo(t, dir, env, "env", "GOVERSION")))
		return info
	}
	t.Fatal("go build -n prints no build information")
	return nil
}
