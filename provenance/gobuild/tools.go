package gobuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/command"
)

// A tool is the go command and git in a directory, with the environment that
// they get.
type tool struct {
	dir    string
	getenv func(string) string
}

// run runs the go command. It asks no version control system: what a binary is
// stamped with, only its build decides.
func (t tool) run(ctx context.Context, args ...string) ([]byte, error) {
	return command.Run(ctx, t.dir, t.goEnv(), "go", args...)
}

func (t tool) goEnv() []string {
	return append(command.Env(t.getenv, goVariables()...), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=core.fsmonitor", "GIT_CONFIG_VALUE_0=false")
}

// goVariables are the variables that the go command is run with.
func goVariables() []string {
	names := []string{
		"PATH", "HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME",
		"SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TMP", "TEMP",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "SSH_AUTH_SOCK", "NETRC",
		"GOENV", "GOROOT", "GOPATH", "GOMODCACHE", "GOCACHE", "GOTMPDIR", "GOTOOLCHAIN",
		"GOPROXY", "GOSUMDB", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOINSECURE", "GOVCS", "GOAUTH",
		"PKG_CONFIG", "PKG_CONFIG_PATH", "LD_LIBRARY_PATH",
	}
	return append(names, buildVariables()...)
}

// buildVariables are those of the go command's variables that decide what is
// built, as far as "go env" knows them.
func buildVariables() []string {
	return []string{
		"GOOS", "GOARCH", "GO386", "GOAMD64", "GOARM", "GOARM64", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64", "GOWASM",
		"GOEXPERIMENT", "GOFIPS140", "GO111MODULE", "GOFLAGS", "GOWORK",
		"CGO_ENABLED", "CC", "CXX", "FC", "AR", "GCCGO",
		"CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_FFLAGS", "CGO_LDFLAGS",
	}
}

// settings returns what "go env" says, by name. It includes what "go env -w" has
// written.
func (t tool) settings(ctx context.Context) (map[string]string, error) {
	out, err := t.run(ctx, "env", "-json")
	if err != nil {
		return nil, fmt.Errorf("gobuild: %w", err)
	}
	all := make(map[string]string)
	if err := json.Unmarshal(out, &all); err != nil {
		return nil, fmt.Errorf("gobuild: malformed go env: %w", err)
	}
	return all, nil
}

// A listed is a package as "go list" has it.
type listed struct {
	Dir, ImportPath, Name string
	Standard, DepOnly     bool
	Module                *listedModule

	GoFiles, CgoFiles, CFiles, CXXFiles, MFiles, HFiles, FFiles, SFiles, SwigFiles, SwigCXXFiles, SysoFiles, EmbedFiles []string

	CgoCFLAGS, CgoCPPFLAGS, CgoCXXFLAGS, CgoLDFLAGS []string
}

// A listedModule is a module as "go list" has it.
type listedModule struct {
	Path, Version, Dir, GoMod, Sum string
	Main                           bool
	Replace                        *listedModule
}

func (t tool) list(ctx context.Context, flags, packages []string) ([]listed, error) {
	args := []string{"list", "-deps", "-json=Dir,ImportPath,Name,Standard,DepOnly,Module," +
		"GoFiles,CgoFiles,CFiles,CXXFiles,MFiles,HFiles,FFiles,SFiles,SwigFiles,SwigCXXFiles,SysoFiles,EmbedFiles," +
		"CgoCFLAGS,CgoCPPFLAGS,CgoCXXFLAGS,CgoLDFLAGS"}
	for _, f := range flags {
		// Only those that select files: others could be long, or secret, and an
		// error would have them in its text.
		switch name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(f, "-"), "-"), "="); name {
		case "asan", "buildmode", "compiler", "mod", "msan", "race", "tags":
			args = append(args, f)
		}
	}
	args = append(args, "-buildvcs=false", "--")
	out, err := t.run(ctx, append(args, packages...)...)
	if err != nil {
		return nil, fmt.Errorf("gobuild: %w", err)
	}
	var ps []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			return ps, nil
		} else if err != nil {
			return nil, fmt.Errorf("gobuild: malformed go list: %w", err)
		}
		ps = append(ps, p)
	}
}

// files returns the names of the files of p that the go command gives to a
// compiler, an assembler or the linker, and those that it embeds.
func (p *listed) files() []string {
	return slices.Concat(p.GoFiles, p.CgoFiles, p.CFiles, p.CXXFiles, p.MFiles, p.HFiles, p.FFiles, p.SFiles,
		p.SwigFiles, p.SwigCXXFiles, p.SysoFiles, p.EmbedFiles)
}

// usesC reports whether a C compiler, or one of its kind, is run for p.
func (p *listed) usesC() bool {
	return len(p.CgoFiles)+len(p.CFiles)+len(p.CXXFiles)+len(p.MFiles)+len(p.FFiles)+len(p.SwigFiles)+len(p.SwigCXXFiles) > 0
}

// pinned reports whether p is of a module in the module cache that has a version
// there. A vendored package has a version too, and a directory that replaces a
// module could be in the cache.
func (p *listed) pinned(cache string) bool {
	m := p.Module
	if m != nil && m.Replace != nil {
		m = m.Replace
	}
	return m != nil && m.Version != "" && within(cache, p.Dir)
}

// checkFlags checks flags of "go build". Those are known that leave the files
// of the packages where they are, and that do not run other programs than Go's
// own.
func checkFlags(flags []string) error {
	for _, flag := range flags {
		name, value, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(flag, "-"), "-"), "=")
		if !strings.HasPrefix(flag, "-") {
			return fmt.Errorf("gobuild: %q is not a flag: write a flag and its value as one, -tags=netgo", shown(flag))
		}
		switch name {
		case "a", "asan", "cover", "linkshared", "modcacherw", "msan", "race", "trimpath", "v", "x":
		case "asmflags", "buildmode", "buildvcs", "covermode", "coverpkg", "gccgoflags", "gcflags", "installsuffix", "json", "ldflags", "p", "pgo", "tags":
			if !hasValue && name != "buildvcs" && name != "json" {
				return fmt.Errorf("gobuild: the flag -%s has no value: write -%s=…", name, name)
			}
			if err := checkToolFlags(name, value); err != nil {
				return err
			}
		case "compiler":
			if value != "gc" {
				return fmt.Errorf("gobuild: -compiler=%s, want gc", shown(value))
			}
		case "mod":
			if value != "readonly" && value != "vendor" {
				return fmt.Errorf("gobuild: -mod=%s, want readonly or vendor: with another one the go command may change go.mod", shown(value))
			}
		case "overlay", "modfile", "pkgdir":
			return fmt.Errorf("gobuild: the flag -%s makes the go command read other files than those of the checkout", name)
		case "toolexec", "exec":
			return fmt.Errorf("gobuild: the flag -%s makes the go command run other programs than its own", name)
		default:
			return fmt.Errorf("gobuild: unknown flag -%s", shown(name))
		}
	}
	return nil
}

// checkToolFlags checks the flags that a flag of "go build" hands on to the
// compiler, the assembler or the linker.
func checkToolFlags(name, value string) error {
	var reads, runs []string // that are refused
	switch name {
	case "asmflags":
		reads = []string{"I"}
	case "gcflags":
		reads = []string{"embedcfg", "importcfg", "pgoprofile", "symabis"}
	case "ldflags":
		reads, runs = []string{"L", "importcfg"}, []string{"extld", "extar"}
	default:
		return nil
	}
	value = strings.TrimSpace(value)
	if value != "" && !strings.HasPrefix(value, "-") { // it begins with a pattern of packages
		var ok bool
		if _, value, ok = strings.Cut(value, "="); !ok {
			return fmt.Errorf("gobuild: malformed -%s: neither a flag nor a pattern of packages", name)
		}
	}
	words, err := splitFlags(value)
	if err != nil {
		return fmt.Errorf("gobuild: malformed -%s: %w", name, err)
	}
	for _, word := range words {
		tool, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-"), "=")
		switch {
		case !strings.HasPrefix(word, "-"):
		case slices.Contains(reads, tool):
			return fmt.Errorf("gobuild: -%s with -%s makes Go's tools read other files than those of the packages", name, tool)
		case slices.Contains(runs, tool):
			return fmt.Errorf("gobuild: -%s with -%s names a program to run, which would be another than Go's own", name, tool)
		}
	}
	return nil
}

// flag returns the last value that flags give to a flag.
func flag(flags []string, name string) (value string, ok bool) {
	for _, f := range flags {
		n, v, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(f, "-"), "-"), "=")
		if n == name {
			value, ok = v, true
		}
	}
	return value, ok
}

// splitFlags splits GOFLAGS as the go command does: at white space, but for a
// flag that is quoted as a whole.
func splitFlags(s string) ([]string, error) {
	var flags []string
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		if s == "" {
			return flags, nil
		}
		if q := s[0]; q == '\'' || q == '"' {
			text, rest, ok := strings.Cut(s[1:], string(q))
			if !ok {
				return nil, errors.New("a quotation that does not end")
			}
			flags, s = append(flags, text), rest
			continue
		}
		i := strings.IndexAny(s, " \t\r\n")
		if i < 0 {
			i = len(s)
		}
		flags, s = append(flags, s[:i]), s[i:]
	}
}

// shown returns the beginning of a text for an error, without what could be a
// secret behind it.
func shown(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

// git runs git in a directory. The commands that are used here run no filter
// and no hook, and fetch nothing.
func (t tool) git(ctx context.Context, args ...string) ([]byte, error) {
	env := append(command.Env(t.getenv, "HOME", "XDG_CONFIG_HOME", "SYSTEMROOT", "USERPROFILE", "GIT_CONFIG_NOSYSTEM"),
		"PATH="+absolutePath(t.getenv("PATH")),
		"LC_ALL=C",
		// Of a partial clone, no object is fetched. Older versions of git know
		// only the second of the two.
		"GIT_NO_LAZY_FETCH=1",
		"GIT_ALLOW_PROTOCOL=none",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_TERMINAL_PROMPT=0",
	)
	args = append([]string{
		"-c", "core.fsmonitor=false",
		"-c", "core.hooksPath=" + os.DevNull,
		"-c", "submodule.recurse=false",
		"--no-pager",
	}, args...)
	out, err := command.Run(ctx, t.dir, env, "git", args...)
	if err != nil {
		return nil, fmt.Errorf("gobuild: %w", err)
	}
	return out, nil
}

// absolutePath returns the PATH that git finds programs in, without entries that
// would be directories of the checkout.
func absolutePath(path string) string {
	return strings.Join(slices.DeleteFunc(filepath.SplitList(path), func(dir string) bool { return !filepath.IsAbs(dir) }), string(os.PathListSeparator))
}

// in returns t in another directory.
func (t tool) in(dir ...string) tool {
	return tool{filepath.Join(dir...), t.getenv}
}
