package conformance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom/gomod"
)

// TestGoModSourceSettings holds the settings that a SourcePolicy is checked by
// against what "go env" prints: those of the environment, of the file that "go
// env -w" writes and of the toolchain's, in every mixture.
func TestGoModSourceSettings(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return name
	}
	// Every pattern that a variable may have is of a host that a module is of.
	values := map[string][]string{
		"GOPRIVATE": {"", "p1.example.com", "p2.example.com,p3.example.com/"},
		"GONOSUMDB": {"", "", "p4.example.com", "none"},
		"GONOPROXY": {"", "", "p5.example.com,p1.example.com", "none"},
		"GOSUMDB":   {"", "sum.golang.org", "off", "sum.example.com+deadbeef+AAAA https://sum.example.com"},
		"GOPROXY":   {"", "https://a.example.com", "https://b.example.com,direct"},
		"GOFLAGS":   {"", "-mod=mod", "-mod=readonly"},
	}
	mod, sum := "module example.com/app\n\ngo 1.26.0\n\n", ""
	var modules []string
	for i := range 6 {
		m := fmt.Sprintf("p%d.example.com/x", i)
		modules = append(modules, m)
		mod += "require " + m + " v1.0.0\n"
		sum += m + " v1.0.0 h1:USOPeaOvHGNsWkt2pUqvkraHkwVwHLa+/VDoGH1nslk=\n"
	}
	app := filepath.Dir(write("app/go.mod", mod))
	write("app/go.sum", sum)
	strict := gomod.SourcePolicy{}
	private := gomod.SourcePolicy{Private: []gomod.PathPattern{"*.example.com"}}

	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"GOPRIVATE", "GONOSUMDB", "GONOPROXY", "GOSUMDB", "GOPROXY", "GOFLAGS"}
	for n := range 60 {
		env := map[string]string{
			"GOROOT": filepath.Join(dir, "root"), "GOENV": filepath.Join(dir, "env"),
			"PATH": os.Getenv("PATH"), "HOME": dir, "GOTOOLCHAIN": "local", "GOWORK": "off",
		}
		user, root := "", "# defaults\nGOPROXY=https://root.example.com\nGOSUMDB=sum.golang.org\n"
		for _, name := range names {
			pick := func() string { return values[name][r.IntN(len(values[name]))] }
			if r.IntN(2) == 0 {
				env[name] = pick()
			}
			// An empty GOPROXY or GOSUMDB in the file is one that the go
			// command does nothing with.
			if v := pick(); r.IntN(2) == 0 && (v != "" || name != "GOPROXY" && name != "GOSUMDB") {
				user += name + "=" + v + "\n"
			}
			if r.IntN(3) == 0 && name != "GOPROXY" && name != "GOSUMDB" {
				root += name + "=" + pick() + "\n"
			}
		}
		write("env", user)
		write("root/go.env", root)
		said := make(map[string]string)
		for i, line := range strings.Split(string(runGo(t, app, env, append([]string{"env"}, names...)...)), "\n") {
			if i < len(names) {
				said[names[i]] = line
			}
		}

		// What the go command's values ask for.
		covered := func(globs, path string) bool {
			host, _, _ := strings.Cut(path, "/")
			return slices.ContainsFunc(strings.Split(globs, ","), func(glob string) bool { return strings.TrimSuffix(glob, "/") == host })
		}
		var wantStrict, wantPrivate []string
		common := func(text string) { wantStrict, wantPrivate = append(wantStrict, text), append(wantPrivate, text) }
		if said["GOFLAGS"] == "-mod=mod" {
			common("forbidden-flag GOFLAGS")
		}
		database, _, _ := strings.Cut(said["GOSUMDB"], "+")
		switch database {
		case "off":
			common("database-off GOSUMDB")
		case "sum.golang.org":
		default:
			common("other-database " + database)
		}
		for glob := range strings.SplitSeq(said["GONOSUMDB"], ",") {
			if glob != "" && glob != "none" && database != "off" {
				wantStrict = append(wantStrict, "database-bypassed "+strings.TrimSuffix(glob, "/"))
			}
		}
		for _, m := range modules {
			if database != "off" && !covered(said["GONOSUMDB"], m) {
				wantPrivate = append(wantPrivate, "private-disclosed "+m+" "+database)
			}
			if proxy, _, _ := strings.Cut(said["GOPROXY"], ","); !covered(said["GONOPROXY"], m) {
				wantPrivate = append(wantPrivate, "private-by-proxy "+m+" "+proxy)
			}
		}
		for _, test := range []struct {
			policy gomod.SourcePolicy
			want   []string
		}{{strict, wantStrict}, {private, wantPrivate}} {
			findings, err := test.policy.Check(t.Context(), app, getenv(env))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range findings {
				text := f.Setting
				switch f.Rule {
				case gomod.OtherDatabase:
					text = f.Got
				case gomod.DatabaseBypassed:
					text = f.Subject
				case gomod.PrivateDisclosed, gomod.PrivateByProxy:
					text = f.Subject + " " + f.Got
				}
				got = append(got, string(f.Rule)+" "+text)
			}
			slices.Sort(got)
			slices.Sort(test.want)
			if !slices.Equal(got, test.want) {
				t.Errorf("mixture %d: go env has %q\ngot  %q\nwant %q", n, said, got, test.want)
			}
		}
	}
}
