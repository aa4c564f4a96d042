package gomod

import (
	"cmp"
	"errors"
	"fmt"
	"go/version"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/buildinfo"
)

// settings are those of the go command that decide which packages are linked.
// Nothing is run to know them: they are in the environment, in two files of
// variables, and in the toolchain's directory.
type settings struct {
	env     map[string]string // of the file that "go env -w" writes
	rootEnv map[string]string // of GOROOT/go.env
	getenv  func(string) string

	goroot    string // empty if unknown
	goVersion string // "go1.26.8"; empty if unknown
	std       string // GOROOT/src if it is that of goVersion, else empty
	modCache  string

	goos, goarch string
	arch         string // of the variable archVariable names
	cgo          bool
	experiment   string // GOEXPERIMENT, in canonical form
	fips         string // GOFIPS140, empty for "off"
	tags         []string
	extraTags    []string // that the toolchain adds: experiments, processors, the race detector
	defaults     bool     // whether extraTags has the toolchain's default experiments

	mod  string // -mod in GOFLAGS: "", "readonly" or "vendor"
	work string // GOWORK
}

func readSettings(o Options, t Target) (*settings, error) {
	s := &settings{getenv: o.Getenv}
	if s.getenv == nil {
		s.getenv = func(string) string { return "" }
	}
	if err := s.readEnvFiles(); err != nil {
		return nil, err
	}
	defaults := make(map[string]string)
	if s.goroot != "" {
		v, err := readBounded(filepath.Join(s.goroot, "VERSION"), maxEnvFile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		first, _, _ := strings.Cut(string(v), "\n")
		s.goVersion = strings.TrimSpace(first)
		boot, err := readBounded(filepath.Join(s.goroot, "src", "internal", "buildcfg", "zbootstrap.go"), maxEnvFile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		parseDefaults(defaults, string(boot))
	}
	if t.GoVersion != "" {
		if buildinfo.Release(t.GoVersion) == "" {
			return nil, fmt.Errorf("malformed Go version %q, want one like go1.26.8", t.GoVersion)
		}
		if t.GoVersion != s.goVersion {
			clear(defaults)
		}
	}
	if t.GoVersion == "" || t.GoVersion == s.goVersion {
		if s.goroot != "" {
			s.std = filepath.Join(s.goroot, "src")
			if fi, err := os.Stat(s.std); err != nil || !fi.IsDir() {
				s.std = ""
			}
		}
	}
	s.goVersion = cmp.Or(t.GoVersion, s.goVersion)

	s.modCache = cmp.Or(o.ModCache, s.get("GOMODCACHE"))
	if gopath := s.gopath(); s.modCache == "" && gopath != "" {
		s.modCache = filepath.Join(gopath, "pkg", "mod")
	}
	if s.modCache != "" && !filepath.IsAbs(s.modCache) && o.ModCache == "" {
		return nil, fmt.Errorf("GOMODCACHE or GOPATH is %s, want an absolute path", s.modCache)
	}
	s.work = s.get("GOWORK")

	s.goos = cmp.Or(t.GOOS, s.get("GOOS"), runtime.GOOS)
	s.goarch = cmp.Or(t.GOARCH, s.get("GOARCH"), runtime.GOARCH)
	if !supportedTarget(s.goos, s.goarch) {
		return nil, fmt.Errorf("unsupported GOOS/GOARCH pair %s/%s", s.goos, s.goarch)
	}
	if name := archVariable(s.goarch); name != "" {
		s.arch = cmp.Or(s.get(name), defaults["Default"+name], archDefault(name))
	}
	s.cgo = s.defaultCgo(defaults["DefaultCGO_ENABLED"])
	switch v := cmp.Or(t.CGO, s.get("CGO_ENABLED")); v {
	case "0", "1":
		s.cgo = v == "1"
	default:
		if t.CGO != "" {
			return nil, fmt.Errorf("malformed CGO %q, want 0 or 1", t.CGO)
		}
	}
	s.fips = cmp.Or(s.get("GOFIPS140"), defaults["DefaultGOFIPS140"])
	if s.fips == "off" {
		s.fips = ""
	}
	if err := s.readExperiment(cmp.Or(t.Experiment, s.get("GOEXPERIMENT"), defaults["defaultGOEXPERIMENT"])); err != nil {
		return nil, err
	}
	s.extraTags = append(s.extraTags, archTags(s.goarch, s.arch)...)
	if err := s.readFlags(); err != nil {
		return nil, err
	}
	for _, tag := range t.Tags {
		if tag == "" || strings.ContainsAny(tag, ", \t\n'\"") {
			return nil, fmt.Errorf("malformed build tag %q", tag)
		}
	}
	if len(t.Tags) > 0 {
		s.tags = t.Tags
	}
	return s, nil
}

// readEnvFiles reads the files that give variables, and finds the toolchain that
// has one of them.
func (s *settings) readEnvFiles() (err error) {
	if file := s.envFile(); file != "" {
		if s.env, err = readEnvFile(file); err != nil {
			return err
		}
	}
	s.goroot = s.findGOROOT()
	if s.goroot != "" {
		s.rootEnv, err = readEnvFile(filepath.Join(s.goroot, "go.env"))
	}
	return err
}

// gopath returns the first directory of GOPATH, or "" if it is not known.
func (s *settings) gopath() string {
	if list := filepath.SplitList(s.get("GOPATH")); len(list) > 0 {
		return list[0]
	}
	if home := s.home(); home != "" {
		return filepath.Join(home, "go")
	}
	return ""
}

// get returns a variable of the go command: from the environment, else from
// the user's file, else from the toolchain's.
func (s *settings) get(name string) string {
	if v := s.getenv(name); v != "" {
		return v
	}
	if v, ok := s.env[name]; ok { // also an empty one
		return v
	}
	return s.rootEnv[name]
}

// envFile returns the name of the file that "go env -w" writes, or "".
func (s *settings) envFile() string {
	if file := s.getenv("GOENV"); file != "" {
		if file == "off" {
			return ""
		}
		return file
	}
	// As os.UserConfigDir.
	var dir string
	switch runtime.GOOS {
	case "windows":
		dir = s.getenv("AppData")
	case "darwin", "ios":
		if home := s.getenv("HOME"); home != "" {
			dir = filepath.Join(home, "Library", "Application Support")
		}
	case "plan9":
		if home := s.getenv("home"); home != "" {
			dir = filepath.Join(home, "lib")
		}
	default:
		if dir = s.getenv("XDG_CONFIG_HOME"); dir != "" && !filepath.IsAbs(dir) {
			return ""
		}
		if home := s.getenv("HOME"); dir == "" && home != "" {
			dir = filepath.Join(home, ".config")
		}
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "go", "env")
}

func (s *settings) home() string {
	switch runtime.GOOS {
	case "windows":
		return s.getenv("USERPROFILE")
	case "plan9":
		return s.getenv("home")
	}
	return s.getenv("HOME")
}

// findGOROOT returns the directory of the toolchain: GOROOT, or the one that the
// go command in PATH is in. It returns "" if there is none.
func (s *settings) findGOROOT() string {
	if dir := cmp.Or(s.getenv("GOROOT"), s.env["GOROOT"]); dir != "" {
		return filepath.Clean(dir)
	}
	file := s.lookPath("go")
	if file == "" {
		return ""
	}
	if resolved, err := filepath.EvalSymlinks(file); err == nil {
		file = resolved
	}
	// The command may be in bin or, cross-compiled, in bin/GOOS_GOARCH.
	for _, up := range []string{"../..", "../../.."} {
		dir := filepath.Join(file, up)
		if fi, err := os.Stat(filepath.Join(dir, "pkg", "tool")); err == nil && fi.IsDir() {
			return dir
		}
	}
	return ""
}

// lookPath returns the file of a program in PATH, or "".
func (s *settings) lookPath(name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	for _, dir := range filepath.SplitList(s.getenv("PATH")) {
		if !filepath.IsAbs(dir) {
			continue // as in os/exec, the current directory is not looked in
		}
		file := filepath.Join(dir, name)
		if fi, err := os.Stat(file); err == nil && fi.Mode().IsRegular() && (runtime.GOOS == "windows" || fi.Mode()&0o111 != 0) {
			return file
		}
	}
	return ""
}

// defaultCgo reports whether cgo is used if CGO_ENABLED does not say:
// for the system that this runs on, with a C compiler.
func (s *settings) defaultCgo(toolchain string) bool {
	if toolchain == "0" || toolchain == "1" {
		return toolchain == "1"
	}
	if s.goos != runtime.GOOS || s.goarch != runtime.GOARCH {
		return false
	}
	switch s.goos + "/" + s.goarch {
	case "linux/ppc64", "js/wasm", "wasip1/wasm", "plan9/386", "plan9/amd64", "plan9/arm":
		return false
	}
	cc := "gcc"
	switch s.goos {
	case "darwin", "ios", "freebsd", "openbsd":
		cc = "clang"
	}
	return s.getenv("CC") != "" || s.lookPath(cc) != ""
}

// readFlags reads GOFLAGS. What could change the packages and is not known here
// is an error.
func (s *settings) readFlags() error {
	flags, err := splitFlags(s.get("GOFLAGS"))
	if err != nil {
		return fmt.Errorf("malformed GOFLAGS: %w", err)
	}
	for _, flag := range flags {
		name, value, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(flag, "-"), "-"), "=")
		if !strings.HasPrefix(flag, "-") || name == "" || strings.HasPrefix(name, "-") {
			return fmt.Errorf("malformed GOFLAGS: %q is not a flag", flag)
		}
		isSet := !hasValue
		if b, err := strconv.ParseBool(value); err == nil {
			isSet = b
		}
		switch name {
		case "mod":
			switch value {
			case "mod":
				return errors.New("GOFLAGS has -mod=mod, with which the go command may change go.mod")
			case "", "readonly", "vendor":
				s.mod = value
			default:
				return fmt.Errorf("malformed GOFLAGS: -mod=%s, want readonly or vendor", value)
			}
		case "tags":
			s.tags = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
		case "modfile", "overlay", "C":
			if value != "" || !hasValue {
				return fmt.Errorf("GOFLAGS has -%s, which is not supported: sources would be elsewhere than they are", name)
			}
		case "compiler":
			if value != "gc" {
				return fmt.Errorf("GOFLAGS has -compiler=%s, want gc", value)
			}
		case "race", "msan", "asan":
			if isSet {
				s.extraTags = append(s.extraTags, name)
			}
		default:
			if !harmlessFlag(name) {
				return fmt.Errorf("GOFLAGS has the unknown flag -%s", name)
			}
		}
	}
	return nil
}

// splitFlags splits GOFLAGS at white space. A flag that has white space in it is
// quoted as a whole; there is no escape character.
func splitFlags(s string) ([]string, error) {
	const space = " \t\r\n"
	var flags []string
	for s = strings.TrimLeft(s, space); s != ""; s = strings.TrimLeft(s, space) {
		if q := s[:1]; q == "'" || q == `"` {
			flag, rest, ok := strings.Cut(s[1:], q)
			if !ok {
				return nil, fmt.Errorf("unterminated %s string", q)
			}
			flags, s = append(flags, flag), rest
			continue
		}
		i := strings.IndexAny(s, space)
		if i < 0 {
			i = len(s)
		}
		flags, s = append(flags, s[:i]), s[i:]
	}
	return flags, nil
}

// harmlessFlag reports whether a flag of the go command has no effect on which
// packages a build links.
func harmlessFlag(name string) bool {
	switch name {
	case "a", "asmflags", "buildmode", "buildvcs", "cover", "covermode", "coverpkg", "gccgoflags", "gcflags",
		"installsuffix", "json", "ldflags", "linkshared", "modcacherw", "n", "o", "p", "pgo", "pkgdir", "toolexec",
		"trimpath", "v", "work", "x", "debug-actiongraph", "debug-runtime-trace", "debug-trace",
		// of go list
		"compiled", "deps", "e", "export", "f", "find", "m", "retracted", "reuse", "test", "u", "versions",
		// of go test
		"args", "artifacts", "bench", "benchmem", "benchtime", "blockprofile", "blockprofilerate", "c", "count", "coverprofile",
		"cpu", "cpuprofile", "exec", "failfast", "fullpath", "fuzz", "fuzzcachedir", "fuzzminimizetime", "fuzztime", "list",
		"memprofile", "memprofilerate", "mutexprofile", "mutexprofilefraction", "outputdir", "parallel", "run", "short",
		"shuffle", "skip", "timeout", "trace", "vet",
		// of other commands
		"cache", "changed", "compat", "d", "diff", "fuzzcache", "go", "i", "insecure", "modcache", "r", "s", "t", "testcache", "tool", "vettool", "w":
		return true
	}
	return false
}

// readEnvFile reads a file of variables. One that does not exist has none.
func readEnvFile(file string) (map[string]string, error) {
	data, err := readBounded(file, maxEnvFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseEnv(string(data)), nil
}

// parseEnv returns the variables of a file as "go env -w" writes it. As in the
// go command, lines of another form are passed over.
func parseEnv(text string) map[string]string {
	env := make(map[string]string)
	for line := range strings.SplitSeq(text, "\n") {
		key, value, ok := strings.Cut(line, "=")
		if ok && key != "" && 'A' <= key[0] && key[0] <= 'Z' {
			env[key] = value
		}
	}
	return env
}

// parseDefaults reads the constants of the file that a toolchain keeps the
// settings in that it was made with.
func parseDefaults(defaults map[string]string, text string) {
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "const "), " = ")
		if text, err := strconv.Unquote(value); ok && err == nil {
			defaults[name] = text
		}
	}
}

// readExperiment reads GOEXPERIMENT. The tags goexperiment.X are those that the
// toolchain has by default, and those that are set.
func (s *settings) readExperiment(text string) error {
	names, base, known := experiments(s.goVersion, s.goos, s.goarch)
	s.defaults = known
	on := make(map[string]bool)
	for _, name := range base {
		on[name] = true
	}
	always := s.goarch != "s390x" // regabi cannot be switched off elsewhere
	for f := range strings.SplitSeq(text, ",") {
		name, value := f, true
		switch {
		case f == "":
			continue
		case f == "none":
			clear(on)
			continue
		case strings.HasPrefix(f, "no"):
			name, value = f[2:], false
		}
		switch {
		case name == "regabi":
			on["regabiwrappers"], on["regabiargs"] = value, value
		case known && !slices.Contains(names, name):
			return fmt.Errorf("unknown GOEXPERIMENT %s", f)
		default:
			on[name] = value
		}
		if name != "regabi" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range []string{"regabiwrappers", "regabiargs"} {
		on[name] = slices.Contains(base, name) && (always || on[name])
	}
	if on["regabiargs"] && !on["regabiwrappers"] {
		return errors.New("GOEXPERIMENT regabiargs requires regabiwrappers")
	}
	var changed []string
	for _, name := range names {
		if on[name] {
			s.extraTags = append(s.extraTags, "goexperiment."+name)
		}
		switch is := slices.Contains(base, name); {
		case on[name] && !is:
			changed = append(changed, name)
		case !on[name] && is:
			changed = append(changed, "no"+name)
		}
	}
	s.experiment = strings.Join(changed, ",")
	return nil
}

// experiments returns the names of a toolchain's experiments, in its own order,
// and those that are on by default, from internal/goexperiment and
// internal/buildcfg. For a toolchain that is not known here, only those of the
// calling convention are.
func experiments(goVersion, goos, goarch string) (names, base []string, known bool) {
	switch goarch {
	case "amd64", "arm64", "loong64", "ppc64le", "ppc64", "riscv64", "s390x":
		base = []string{"regabiwrappers", "regabiargs"}
	}
	if version.Lang(buildinfo.Release(goVersion)) != "go1.26" {
		return []string{"regabiwrappers", "regabiargs"}, base, false
	}
	if goos != "darwin" && goos != "ios" && goos != "aix" {
		base = append(base, "dwarf5")
	}
	base = append(base, "randomizedheapbase64", "greenteagc")
	return []string{
		"fieldtrack", "preemptibleloops", "staticlockranking", "boringcrypto", "regabiwrappers", "regabiargs",
		"heapminimum512kib", "arenas", "cgocheck2", "loopvar", "newinliner", "dwarf5", "jsonv2", "greenteagc",
		"randomizedheapbase64", "runtimefreegc", "sizespecializedmalloc", "goroutineleakprofile", "simd", "runtimesecret",
	}, base, true
}

// archVariable returns the name of the variable that selects among the
// processors of an architecture, or "" if it has none.
func archVariable(goarch string) string {
	switch goarch {
	case "386", "amd64", "arm", "arm64", "riscv64", "wasm":
		return "GO" + strings.ToUpper(goarch)
	case "mips", "mipsle":
		return "GOMIPS"
	case "mips64", "mips64le":
		return "GOMIPS64"
	case "ppc64", "ppc64le":
		return "GOPPC64"
	}
	return ""
}

// archDefault returns the value that such a variable has by default.
func archDefault(name string) string {
	switch name {
	case "GO386":
		return "sse2"
	case "GOAMD64":
		return "v1"
	case "GOARM":
		return "7"
	case "GOARM64":
		return "v8.0"
	case "GOMIPS", "GOMIPS64":
		return "hardfloat"
	case "GOPPC64":
		return "power8"
	case "GORISCV64":
		return "rva20u64"
	}
	return ""
}

// archTags returns the build tags of a processor: each level has those of the
// levels below it.
func archTags(goarch, value string) []string {
	var tags []string
	upTo := func(prefix string, from int, to string) {
		n, _ := strconv.Atoi(to)
		for i := from; i <= n && i < from+100; i++ {
			tags = append(tags, goarch+"."+prefix+strconv.Itoa(i))
		}
	}
	level, _, _ := strings.Cut(value, ",") // "v8.0,lse", "7,softfloat"
	switch goarch {
	case "amd64":
		upTo("v", 1, strings.TrimPrefix(level, "v"))
	case "arm":
		upTo("", 5, level)
	case "arm64":
		major, minor, _ := strings.Cut(strings.TrimPrefix(level, "v"), ".")
		upTo("v"+major+".", 0, minor)
		if n, err := strconv.Atoi(minor); err == nil && major == "9" {
			upTo("v8.", 0, strconv.Itoa(min(n+5, 9)))
		}
	case "ppc64", "ppc64le":
		upTo("power", 8, strings.TrimPrefix(level, "power"))
	case "riscv64":
		for _, l := range []string{"rva20u64", "rva22u64", "rva23u64"} {
			if l <= level {
				tags = append(tags, goarch+"."+l)
			}
		}
	case "wasm":
		tags = []string{"wasm.satconv", "wasm.signext"}
	case "386", "mips", "mipsle", "mips64", "mips64le":
		tags = []string{goarch + "." + level}
	}
	return tags
}

// supportedTarget reports whether Go programs can be built for a system, by the
// output of "go tool dist list".
func supportedTarget(goos, goarch string) bool {
	switch goos {
	case "linux":
		switch goarch {
		case "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x":
			return true
		}
	case "android", "windows", "freebsd", "netbsd":
		switch goarch {
		case "386", "amd64", "arm", "arm64":
			return true
		case "riscv64":
			return goos == "freebsd"
		}
	case "openbsd":
		switch goarch {
		case "386", "amd64", "arm", "arm64", "mips64", "ppc64", "riscv64":
			return true
		}
	case "plan9":
		return goarch == "386" || goarch == "amd64" || goarch == "arm"
	case "darwin", "ios":
		return goarch == "amd64" || goarch == "arm64"
	case "dragonfly", "illumos", "solaris":
		return goarch == "amd64"
	case "aix":
		return goarch == "ppc64"
	case "js", "wasip1":
		return goarch == "wasm"
	}
	return false
}

// cgoEnabled returns the value of CGO_ENABLED.
func (s *settings) cgoEnabled() string {
	if s.cgo {
		return "1"
	}
	return "0"
}

// host returns the system that the toolchain runs on ("linux-amd64"), which is
// the one that this runs on.
func (s *settings) host() string { return runtime.GOOS + "-" + runtime.GOARCH }
