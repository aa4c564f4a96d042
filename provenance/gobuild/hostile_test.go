package gobuild_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/provenance/gobuild"
)

// Whoever can write files into a checkout cannot have them compiled unseen.
func TestHostileCheckout(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("needs gcc")
	}
	for _, c := range []struct {
		name string
		do   func(r *repository, o *gobuild.Options)
		want string // in the error
	}{
		{"header by the directory of the package", func(r *repository, o *gobuild.Options) {
			r.write("text.go", "package main\n\n// #include <deep/a.h>\nimport \"C\"\n\nvar text = string(rune(C.a))\n")
			r.commit()
			r.write("deep/a.h", "#define a 66\n")
		}, "deep/a.h: untracked"},
		{"quoted header of a header by the directory of the package", func(r *repository, o *gobuild.Options) {
			r.write("text.go", "package main\n\n// #include \"deep/a.h\"\nimport \"C\"\n\nvar text = string(rune(C.a))\n")
			r.write("deep/a.h", "#include \"other/b.h\"\n")
			r.commit()
			r.write("other/b.h", "#define a 66\n")
		}, "other/b.h: untracked"},
		{"-I and its directory as two words", func(r *repository, o *gobuild.Options) {
			r.write("text.go", "package main\n\n// #cgo CFLAGS: -I include\n// #include <b.h>\nimport \"C\"\n\nvar text = string(rune(C.a))\n")
			r.commit()
			r.write("include/b.h", "#define a 66\n")
		}, "include/b.h: untracked"},
		{"-isystem", func(r *repository, o *gobuild.Options) {
			r.write("text.go", "package main\n\n// #cgo CFLAGS: -isystem ${SRCDIR}/include\n// #include <b.h>\nimport \"C\"\n\nvar text = string(rune(C.a))\n")
			r.commit()
			r.write("include/b.h", "#define a 66\n")
		}, "include/b.h: untracked"},
		{"-include", func(r *repository, o *gobuild.Options) {
			r.write("text.go", "package main\n\n// #cgo CFLAGS: -include include/b.h\nimport \"C\"\n\nvar text = string(rune(C.a))\n")
			r.commit()
			r.write("include/b.h", "enum { a = 66 };\n")
		}, "include/b.h: untracked"},
		{"CGO_CFLAGS of the environment", func(r *repository, o *gobuild.Options) {
			r.write("text.go", "package main\n\n// #include <b.h>\nimport \"C\"\n\nvar text = string(rune(C.a))\n")
			r.commit()
			r.write("include/b.h", "#define a 66\n")
			r.env["CGO_CFLAGS"] = "-I" + filepath.Join(r.dir, "include")
		}, "include/b.h: untracked"},
		{"computed include", func(r *repository, o *gobuild.Options) {
			r.write("text.go", "package main\n\n// #define H \"deep/b.h\"\n// #include H\nimport \"C\"\n\nvar text = string(rune(C.a))\n")
			r.commit()
			r.write("deep/b.h", "#define a 66\n")
		}, "deep/b.h: untracked"},
		{"incbin", func(r *repository, o *gobuild.Options) {
			r.write("text.go", "package main\n\n// extern char a[1];\nimport \"C\"\n\nvar text = string(rune(C.a[0]))\n")
			r.write("a.S", ".section .rodata\n.global a\na: .incbin \"deep/data\"\n.section .note.GNU-stack,\"\",%progbits\n")
			r.commit()
			r.write("deep/data", "B")
		}, "deep/data: untracked"},
		{"static library", func(r *repository, o *gobuild.Options) {
			r.write("text.go", "package main\n\n// #cgo LDFLAGS: ${SRCDIR}/lib/liba.a\n// int a(void);\nimport \"C\"\n\nvar text = string(rune(C.a()))\n")
			r.commit()
			archive(r, "lib/liba.a")
		}, "lib/liba.a: untracked"},
		{"library by -L and -l", func(r *repository, o *gobuild.Options) {
			r.write("text.go", "package main\n\n// #cgo LDFLAGS: -L${SRCDIR}/lib -la\n// int a(void);\nimport \"C\"\n\nvar text = string(rune(C.a()))\n")
			r.commit()
			archive(r, "lib/liba.a")
		}, "lib/liba.a: untracked"},
		{"assembler, from the directory of the package", func(r *repository, o *gobuild.Options) {
			r.env["CGO_ENABLED"] = "0"
			r.write("text.go", "package main\n\nfunc a() int\n\nvar text = string(rune(a()))\n")
			r.write("a.s", "#include \"deep/a.h\"\nTEXT ·a(SB),4,$0-8\n\tMOVQ $V, ret+0(FP)\n\tRET\n")
			r.write("deep/a.h", "#include \"other/b.h\"\n")
			r.commit()
			r.write("other/b.h", "#define V 66\n")
		}, "other/b.h: untracked"},
		{"assembler, -asmflags=-I", func(r *repository, o *gobuild.Options) {
			r.env["CGO_ENABLED"] = "0"
			r.write("text.go", "package main\n\nfunc a() int\n\nvar text = string(rune(a()))\n")
			r.write("a.s", "#include \"b.h\"\nTEXT ·a(SB),4,$0-8\n\tMOVQ $V, ret+0(FP)\n\tRET\n")
			r.commit()
			r.write("deep/b.h", "#define V 66\n")
			o.Flags = append(o.Flags, "-asmflags=-I="+filepath.Join(r.dir, "deep"))
		}, "-asmflags with -I makes"},
		{"a link outside on the way", func(r *repository, o *gobuild.Options) {
			r.env["CGO_ENABLED"] = "0"
			outside := r.t.TempDir()
			r.write("testdata/evil.go", "package main\n\nvar text = \"evil\"\n")
			if err := os.Remove(filepath.Join(r.dir, "text.go")); err != nil {
				r.t.Fatal(err)
			}
			r.link("text.go", filepath.Join(outside, "text.go"))
			r.commit()
			if err := os.Symlink(filepath.Join(r.dir, "testdata", "evil.go"), filepath.Join(outside, "text.go")); err != nil {
				r.t.Fatal(err)
			}
		}, "text.go: outside"},
		{"a name that looks like another line", func(r *repository, o *gobuild.Options) {
			r.env["CGO_ENABLED"] = "0"
			r.write("a\x1b[2K\nb.go", "package main\n")
		}, `"a\x1b[2K\nb.go": untracked`},
		{"a package of the standard library", func(r *repository, o *gobuild.Options) {
			// GOROOT is a tree of links, and the checkout is in it.
			var root string
			for _, sub := range []string{".", "src"} {
				if sub == "." {
					root = r.t.TempDir()
				} else if err := os.Mkdir(filepath.Join(root, sub), 0o777); err != nil {
					r.t.Fatal(err)
				}
				from := filepath.Join(goroot(r.t), sub)
				entries, err := os.ReadDir(from)
				if err != nil {
					r.t.Fatal(err)
				}
				for _, e := range entries {
					if e.Name() == "src" {
						continue
					}
					if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(root, sub, e.Name())); err != nil {
						r.t.Skip(err)
					}
				}
			}
			dir := filepath.Join(root, "src", "app")
			if err := os.Rename(r.dir, dir); err != nil {
				r.t.Fatal(err)
			}
			r.dir = dir
			r.write("text.go", "package main\n\nvar text = \"evil\"\n")
			r.env["CGO_ENABLED"], r.env["GOROOT"], r.env["GO111MODULE"] = "0", root, "off"
		}, "nothing to prove"},
		{"-pkgdir", func(r *repository, o *gobuild.Options) {
			r.env["CGO_ENABLED"] = "0"
			o.Flags = append(o.Flags, "-pkgdir=pkg")
		}, "the flag -pkgdir"},
		{"-extld", func(r *repository, o *gobuild.Options) {
			r.env["CGO_ENABLED"] = "0"
			o.Flags = append(o.Flags, "-ldflags=-linkmode=external -extld=evil")
		}, "-ldflags with -extld names a program"},
		{"-embedcfg", func(r *repository, o *gobuild.Options) {
			r.env["CGO_ENABLED"] = "0"
			o.Flags = append(o.Flags, "-gcflags=-embedcfg=evil")
		}, "-gcflags with -embedcfg makes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRepository(t)
			r.env["CGO_ENABLED"] = "1"
			o := r.options()
			c.do(&r, &o)
			o.Getenv = r.getenv
			_, err := gobuild.ProveSource(t.Context(), r.dir, nil, o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func goroot(t testing.TB) string {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// archive writes a static library.
func archive(r *repository, name string) {
	r.write("lib/a.c", "int a(void) { return 66; }\n")
	for _, args := range [][]string{{"gcc", "-c", "-o", "lib/a.o", "lib/a.c"}, {"ar", "rc", name, "lib/a.o"}} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = r.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			r.t.Fatalf("%v\n%s", err, out)
		}
	}
}

// What a rebuild that is cancelled was at, it takes with it.
func TestRebuildCancelled(t *testing.T) {
	r := newRepository(t)
	bin, recipe := r.build(), r.recipe()
	r.env["TMPDIR"] = t.TempDir()
	temp := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	_, err := gobuild.Rebuild(ctx, recipe, artifact(t, bin), gobuild.RebuildOptions{Getenv: r.getenv, Repository: r.dir, Temp: temp, FreshCache: true})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	for _, dir := range []string{temp, r.env["TMPDIR"]} {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	}
}
