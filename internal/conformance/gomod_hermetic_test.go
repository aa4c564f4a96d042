package conformance

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestGoModHermetic shows that the Document of a program is made without starting
// a process and without opening a socket. No package of sbom links os/exec or net, but for
// sbom/inventory, which makes no Document and links what verify does.
// A program that calls Load and ReadBinary does not even have the functions of the
// standard library with which that is done on Linux: the linker leaves out what
// nothing calls. It and examples/sbom work where PATH is empty. With -gomod.all
// they are run under strace too, which then must be there.
func TestGoModHermetic(t *testing.T) {
	alone := map[string]string{"GOFLAGS": "", "GOWORK": "off"}
	rooms := slices.DeleteFunc(strings.Fields(string(runGo(t, "../..", alone, "list", "./sbom/..."))), func(path string) bool { return strings.HasSuffix(path, "/sbom/inventory") })
	for _, path := range strings.Fields(string(runGo(t, "../..", alone, append([]string{"list", "-deps"}, rooms...)...))) {
		if slices.Contains([]string{"os/exec", "net", "plugin"}, path) {
			t.Errorf("a package of sbom links %s", path)
		}
	}
	of := func(path string) []string {
		return strings.Fields(string(runGo(t, "../..", alone, "list", "-deps", path)))
	}
	for _, path := range []string{"os/exec", "net", "net/http", "plugin"} {
		if slices.Contains(of("./sbom/inventory"), path) && !slices.Contains(of("./verify"), path) {
			t.Errorf("sbom/inventory links %s, and verify does not", path)
		}
	}

	tmp := t.TempDir()
	forbidden := regexp.MustCompile(`(?m) [Tt] (os\.StartProcess|syscall\.(StartProcess|forkExec|forkAndExecInChild|Exec|Socket|socket|Connect|connect))$`)
	for _, c := range []struct {
		tags string
		want bool
	}{
		{"", false},
		{"control", true}, // the names are right
	} {
		program := filepath.Join(tmp, "linux"+c.tags)
		linux := map[string]string{"GOFLAGS": "", "GOWORK": "off", "GOOS": "linux", "GOARCH": "amd64", "CGO_ENABLED": "0"}
		runGo(t, ".", linux, "build", "-tags="+c.tags, "-o", program, "./testdata/hermetic")
		symbols := runGo(t, ".", alone, "tool", "nm", program)
		if !bytes.Contains(symbols, []byte("hallmark/sbom/gomod.Load\n")) {
			t.Fatal("go tool nm does not list gomod.Load")
		}
		if found := forbidden.FindAllString(string(symbols), -1); (len(found) > 0) != c.want {
			t.Errorf("tags %q: the program has %q", c.tags, found)
		}
	}

	traced := regexp.MustCompile(`\b(execve|execveat|fork|vfork|socket|connect)\(`)
	hermetic, example := filepath.Join(tmp, "hermetic.exe"), filepath.Join(tmp, "sbom.exe")
	runGo(t, ".", alone, "build", "-o", hermetic, "./testdata/hermetic")
	runGo(t, "../../examples", alone, "build", "-buildvcs=false", "-o", example, "./sbom")
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	// Load needs to know where things are, and cannot ask the go command.
	env := []string{"PATH=", "GOWORK=off", "SOURCE_DATE_EPOCH=1700000000"}
	for _, name := range []string{"GOROOT", "GOMODCACHE", "GOPATH"} {
		env = append(env, name+"="+strings.TrimSpace(string(runGo(t, ".", nil, "env", name))))
	}
	if runtime.GOOS == "windows" {
		env = append(env, "SYSTEMROOT="+os.Getenv("SYSTEMROOT"))
	}
	for _, args := range [][]string{
		{hermetic, examples, "./sbom"},
		{hermetic, example},
		{example, "-package", "./sbom", examples},
		{example, "-format", "spdx-json", "-verify", "-licenses", "-releases", "-tests", "-tools", "-embedded", "-package", "./sbom", examples},
		{example, "-target", "linux/amd64", "-target", "windows/arm64", "-graph", "-package", "./sbom", examples},
		{example, "-why", "stdlib", "-package", "./sbom", examples},
		{example, hermetic},
	} {
		name := strings.Join(append([]string{filepath.Base(args[0])}, args[1:]...), " ")
		output := func(args []string) []byte {
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Env = env
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, &stderr)
			}
			return out
		}
		want := output(args)
		if !bytes.Contains(want, []byte("stdlib")) {
			t.Errorf("%s prints\n%s", name, want)
		}
		if !*allModules {
			continue
		}
		strace, err := exec.LookPath("strace")
		if err != nil {
			t.Fatal(err)
		}
		trace := filepath.Join(tmp, "trace")
		if got := output(append([]string{strace, "-f", "-qq", "-e", "trace=execve,execveat,fork,vfork,socket,connect", "-e", "signal=none", "-o", trace, "--"}, args...)); !bytes.Equal(got, want) {
			t.Errorf("%s does something else under strace", name)
		}
		calls, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		// The one that starts the program itself. Other lines tell of threads.
		if found := traced.FindAllString(string(calls), -1); !slices.Equal(found, []string{"execve("}) {
			t.Errorf("%s: system calls\n%s", name, calls)
		}
	}
}
