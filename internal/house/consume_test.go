package house_test

import (
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// TestConsume uses the modules as somebody outside does: from a proxy, without
// this checkout's go.work and replace directives, and without the files that are
// not in a module's zip.
func TestConsume(t *testing.T) {
	const sigstore = modulePath + "/sign/sigstore"

	// The program says what is inside itself, signs that, and reads it again.
	t.Run("root", func(t *testing.T) {
		consume(t, `package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

func main() {
	self, err := os.Executable()
	check(err)
	app, err := hallmark.HashFile(self)
	check(err)
	f, err := os.Open(self)
	check(err)
	doc, err := gomod.ReadBinary(f, gomod.BinaryOptions{})
	check(err)
	bom, err := cyclonedx.Marshal(doc, sbom.Stamp{})
	check(err)
	st, err := provenance.New(cyclonedx.PredicateType, json.RawMessage(bom), app)
	check(err)
	payload, err := st.Marshal()
	check(err)
	signer, err := sign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	check(err)
	env, err := sign.Sign(context.Background(), provenance.MediaType, payload, signer)
	check(err)
	data, err := env.Marshal()
	check(err)
	env, err = sign.Parse(data)
	check(err)
	st, err = provenance.Parse(env.Payload)
	check(err)

	_, err = (&verify.Policy{}).Verify(context.Background(), app, env)
	fmt.Println("a zero policy is an error:", err != nil)
	fmt.Println(env.PayloadType, st.PredicateType, st.Subjects[0].Digest["sha256"] == app.Digests[0].Hex())
	for _, c := range doc.Components {
		if strings.Contains(c.Name, "hallmark") {
			fmt.Println(c.PURL)
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
`, "a zero policy is an error: true\n"+
			"application/vnd.in-toto+json https://cyclonedx.org/bom true\n"+
			"pkg:golang/github.com/hallmark-dev/hallmark@"+treeVersion+"\n", modulePath)
	})

	// That it links and starts is what can be seen without a network.
	t.Run("sigstore", func(t *testing.T) {
		consume(t, `package main

import (
	"fmt"

	_ "`+sigstore+`"
)

func main() { fmt.Println("linked") }
`, "linked\n", modulePath, sigstore)
	})
}

// consume builds and runs a program outside, as [outside] has it.
func consume(t *testing.T, program, output string, modules ...string) {
	t.Helper()
	dir, env := outside(t, program, modules...)
	app := filepath.Join(dir, "app.exe") // a name that every system runs
	run(t, dir, env, "go", "build", "-o", app, ".")
	if got := run(t, dir, env, app); got != output {
		t.Errorf("the program outside prints\n%swant\n%s", got, output)
	}
}

// outside makes a new module of a user with one program that uses the modules
// of this repository that are named, and returns its directory and the
// environment for the go command there.
//
// The modules of this repository come from the working tree. Those of others
// come from the module cache, and from where the go command is set to get them
// if they are not in it.
func outside(t *testing.T, program string, modules ...string) (dir string, env []string) {
	t.Helper()
	proxy := t.TempDir()
	var sums strings.Builder
	for _, m := range modules {
		addModule(t, proxy, m)
		sum, err := os.ReadFile(filepath.Join(rootDir(t), filepath.FromSlash(strings.TrimPrefix(m, modulePath)), "go.sum"))
		if err != nil {
			t.Fatal(err)
		}
		sums.Write(sum)
	}

	goEnv := func(name string) string {
		return strings.TrimSpace(run(t, rootDir(t), nil, "go", "env", name))
	}
	fileURL := func(dir string) string {
		return (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(dir), "/")}).String()
	}
	env = []string{
		"GOWORK=off",
		// Two runs of this test have the same version of another tree, so that the
		// module cache must be a new one. With -trimpath the build cache does not
		// depend on where that is.
		"GOMODCACHE=" + t.TempDir(),
		"GOFLAGS=-mod=mod -modcacherw -trimpath",
		"GOPROXY=" + fileURL(proxy) + "," + fileURL(filepath.Join(goEnv("GOMODCACHE"), "cache", "download")) + "," + goEnv("GOPROXY"),
		// The tree is in no checksum database.
		"GONOSUMDB=" + modulePath,
	}

	dir = t.TempDir()
	write(t, filepath.Join(dir, "main.go"), program)
	write(t, filepath.Join(dir, "go.sum"), sums.String())
	run(t, dir, env, "go", "mod", "init", "example.com/outside")
	// All at once: with GONOPROXY set to anything, go1.26 does not find a module
	// whose path is below one that it already has.
	get := []string{"get"}
	for _, m := range modules {
		get = append(get, m+"@"+treeVersion)
	}
	run(t, dir, env, "go", get...)
	return dir, env
}

// treeVersion is the version that the nested modules require of the root until
// it is released, and that all modules have in the tests.
const treeVersion = "v0.0.0"

// addModule puts the working tree's files of one module into a directory that
// has the layout of a module proxy.
// https://go.dev/ref/mod#goproxy-protocol
func addModule(t *testing.T, proxy, path string) {
	t.Helper()
	sub := strings.TrimPrefix(strings.TrimPrefix(path, modulePath), "/")
	moduleDir := filepath.Join(rootDir(t), filepath.FromSlash(sub))
	var files []zip.File
	for _, f := range repositoryFiles(t) {
		if sub == "" {
			files = append(files, treeFile{f, filepath.Join(rootDir(t), filepath.FromSlash(f))})
		} else if rest, ok := strings.CutPrefix(f, sub+"/"); ok {
			files = append(files, treeFile{rest, filepath.Join(moduleDir, filepath.FromSlash(rest))})
		}
	}
	at := filepath.Join(proxy, filepath.FromSlash(path), "@v")
	if err := os.MkdirAll(at, 0o777); err != nil {
		t.Fatal(err)
	}
	z, err := os.Create(filepath.Join(at, treeVersion+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	// It leaves out the files of nested modules.
	if err := zip.Create(z, module.Version{Path: path, Version: treeVersion}, files); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	goMod, err := os.ReadFile(filepath.Join(moduleDir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(at, treeVersion+".mod"), string(goMod))
	write(t, filepath.Join(at, treeVersion+".info"), `{"Version":"`+treeVersion+`"}`)
	write(t, filepath.Join(at, "list"), treeVersion+"\n")
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// A treeFile is a file of the working tree, for the module's zip.
type treeFile struct{ path, file string }

func (f treeFile) Path() string                 { return f.path }
func (f treeFile) Lstat() (os.FileInfo, error)  { return os.Lstat(f.file) }
func (f treeFile) Open() (io.ReadCloser, error) { return os.Open(f.file) }
