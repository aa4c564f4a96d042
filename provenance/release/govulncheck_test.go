package release_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/release"
)

// Messages of govulncheck, in the form of version 1 of its protocol.
const (
	config   = `{"config":{"protocol_version":"v1.0.0","scanner_name":"govulncheck","scanner_version":"v1.1.4","db":"https://vuln.go.dev","db_last_modified":"2026-11-20T10:00:00Z","go_version":"go1.26.8","scan_level":"symbol","scan_mode":"source"}}`
	contents = `{"SBOM":{"go_version":"go1.26.8","modules":[{"path":"example.com/m"},{"path":"stdlib","version":"v1.26.8"}],"roots":["example.com/m"]}}`
	fetching = `{"progress":{"message":"Fetching vulnerabilities from the database..."}}`
	checking = `{"progress":{"message":"Checking the code against the vulnerabilities..."}}`
)

func osv(id string) string {
	return `{"osv":{"schema_version":"1.3.1","id":"` + id + `","aliases":["GHSA-x","CVE-1"],"summary":"It fails","details":"…","affected":[{"package":{"name":"m"}}]}}`
}

func found(id, frame string) string {
	return `{"finding":{"osv":"` + id + `","fixed_version":"v1.2.0","trace":[` + frame + `,{"module":"example.com/m","package":"example.com/m","function":"main"}]}}`
}

func read(in ...string) (*provenance.Vulns, error) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	return release.ReadGovulncheck(iotest.OneByteReader(strings.NewReader(strings.Join(in, "\n"))), at, at.Add(time.Minute))
}

func TestReadGovulncheck(t *testing.T) {
	const (
		module = `{"module":"m","version":"v1.0.0"}`
		pkg    = `{"module":"m","version":"v1.0.0","package":"m/p"}`
		symbol = `{"module":"m","version":"v1.0.0","package":"m/p","function":"F","position":{"filename":"p.go","line":1}}`
		method = `{"module":"m","version":"v1.0.0","package":"m/p","function":"M","receiver":"*T"}`
		other  = `{"module":"m","version":"v0.9.0","package":"m/q"}`
	)
	about := `,{"aliases":["CVE-1","GHSA-x"],"summary":"It fails"}]}`
	a := func(found, more string) string {
		return `{"fixedVersion":"v1.2.0","found":"` + found + `","module":"m",` + more + `"version":"v1.0.0"}`
	}
	for _, c := range []struct {
		name string
		in   []string
		want string // the vulnerabilities
	}{
		{"nothing found", []string{config, contents, fetching, checking}, `[]`},
		{"nothing that is used", []string{config, contents, fetching, osv("GO-1"), checking}, `[]`},
		{"without progress", []string{config, contents, osv("GO-1")}, `[]`},
		{"without contents, as before v1.1.4", []string{config, fetching, checking}, `[]`},
		{"messages that are not known", []string{config, `{"later":{}}`, contents, checking}, `[]`},
		{
			"required",
			[]string{config, contents, fetching, osv("GO-1"), checking, found("GO-1", module)},
			`[{"id":"GO-1","severity":[],"annotations":[` + a("required", "") + about + `]`,
		},
		{
			"imported",
			[]string{config, contents, fetching, osv("GO-1"), checking, found("GO-1", module), found("GO-1", pkg)},
			`[{"id":"GO-1","severity":[],"annotations":[` + a("imported", `"packages":["m/p"],`) + about + `]`,
		},
		{
			"called",
			[]string{config, contents, fetching, osv("GO-1"), checking, found("GO-1", module), found("GO-1", pkg), found("GO-1", symbol), found("GO-1", method), found("GO-1", symbol)},
			`[{"id":"GO-1","severity":[],"annotations":[` + a("called", `"packages":["m/p"],"symbols":["m/p.F","m/p.T.M"],`) + about + `]`,
		},
		{
			"in a binary",
			[]string{strings.Replace(config, `"source"`, `"binary"`, 1), contents, fetching, osv("GO-1"), checking, found("GO-1", symbol)},
			`[{"id":"GO-1","severity":[],"annotations":[` + a("linked", `"packages":["m/p"],"symbols":["m/p.F"],`) + about + `]`,
		},
		{
			"two, in another order, and two versions",
			[]string{config, contents, fetching, osv("GO-2"), osv("GO-1"), checking, found("GO-2", module), found("GO-1", module), found("GO-1", other)},
			`[{"id":"GO-1","severity":[],"annotations":[{"fixedVersion":"v1.2.0","found":"imported","module":"m","packages":["m/q"],"version":"v0.9.0"},` + a("required", "") + about +
				`,{"id":"GO-2","severity":[],"annotations":[` + a("required", "") + about + `]`,
		},
		{
			"with a severity and nothing else",
			[]string{config, contents, fetching, `{"osv":{"id":"GO-1","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N"}]}}`, checking, `{"finding":{"osv":"GO-1","trace":[{"module":"m"}]}}`},
			`[{"id":"GO-1","severity":[{"method":"CVSS_V3","score":"CVSS:3.1/AV:N"}],"annotations":[{"found":"required","module":"m"}]}]`,
		},
	} {
		v, err := read(c.in...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		st := state(t, v, artifact(t, "app", "a"))
		var p struct {
			Scanner struct{ Result json.RawMessage }
		}
		if err := json.Unmarshal(st.Predicate, &p); err != nil {
			t.Fatal(err)
		}
		if string(p.Scanner.Result) != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, p.Scanner.Result, c.want)
		}
	}

	v, err := read(config, contents, checking)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"scanner":{"uri":"https://pkg.go.dev/golang.org/x/vuln/cmd/govulncheck","version":"v1.1.4","db":{"uri":"https://vuln.go.dev","lastUpdate":"2026-11-20T10:00:00Z"},"result":[],` +
		`"govulncheck":{"goVersion":"go1.26.8","scanLevel":"symbol","scanMode":"source"}},"metadata":{"scanStartedOn":"2026-11-21T12:00:00Z","scanFinishedOn":"2026-11-21T12:01:00Z"}}`
	if got := state(t, v, artifact(t, "app", "a")).Predicate; string(got) != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for _, c := range []struct{ db, want string }{
		{"https://user:secret@Vuln.example.com/go?token=secret#x", "https://vuln.example.com/go"},
		{"file:///home/me/db", ""},
		{"ftp://example.com/db", ""},
		{"/home/me/db", ""},
		{"", ""},
	} {
		v, err := read(strings.Replace(config, "https://vuln.go.dev", c.db, 1), contents, checking)
		if err != nil || v.Scanner.DB.URI != c.want {
			t.Errorf("%s: got %v %v", c.db, v, err)
		}
	}
	v, err = read(strings.Replace(config, `"govulncheck"`, `"wrapper"`, 1), contents, checking)
	if err != nil || v.Scanner.URI != "" {
		t.Errorf("another scanner: %v %v", v, err)
	}
}

func TestReadGovulncheckRefuses(t *testing.T) {
	without := func(s string) string { return strings.Replace(config, s, "", 1) }
	for _, c := range []struct {
		name string
		in   []string
		want string
	}{
		{"nothing", nil, "it is empty"},
		{"only the config, as when packages are not loaded", []string{config}, "it ends before anything was checked"},
		{"the database was not read", []string{config, contents, fetching}, "it ends before anything was checked"},
		{"cut off while the database was read", []string{config, contents, fetching, osv("GO-1")}, "it ends before anything was checked"},
		{"cut off in a message", []string{config, contents[:len(contents)-5]}, "message 2: unexpected EOF"},
		{"no config", []string{contents, checking}, "the first message is not the config"},
		{"two configs", []string{config, config}, "a second config"},
		{"version 2", []string{strings.Replace(config, "v1.0.0", "v2.0.0", 1)}, `version "v2.0.0" of the protocol, want v1`},
		{"version 10", []string{strings.Replace(config, "v1.0.0", "v10.0.0", 1)}, "want v1"},
		{"a query", []string{strings.Replace(config, `"source"`, `"query"`, 1)}, `mode "query", want source or binary`},
		{"no mode", []string{without(`,"scan_mode":"source"`)}, `mode "", want source or binary`},
		{"no level", []string{without(`,"scan_level":"symbol"`)}, `level "", want symbol, package or module`},
		{"no time of the database", []string{without(`"db_last_modified":"2026-11-20T10:00:00Z",`)}, "the database was not reached"},
		{"a null", []string{strings.Replace(config, `"2026-11-20T10:00:00Z"`, "null", 1)}, "the database was not reached"},
		{"no such time", []string{strings.Replace(config, "2026-11-20T10", "2026-11-40T10", 1)}, "is not a time of RFC 3339"},
		{"a finding of what is not known", []string{config, contents, checking, found("GO-1", `{"module":"m"}`)}, `a finding of "GO-1", of which the database has said nothing`},
		{"a finding without a trace", []string{config, contents, osv("GO-1"), `{"finding":{"osv":"GO-1"}}`}, "in no module"},
		{"a finding without a package", []string{config, contents, osv("GO-1"), found("GO-1", `{"module":"m","function":"F"}`)}, "in a symbol of no package"},
		{"an entry without an id", []string{config, contents, `{"osv":{}}`}, "a vulnerability without an id"},
		{"a member twice", []string{config, `{"SBOM":{},"SBOM":{}}`}, "occurs twice"},
		{"text", []string{"govulncheck: loading packages"}, "message 1:"},
		{"text behind", []string{config, contents, checking, "exit status 1"}, "message 4:"},
		{"an array", []string{config, "[]"}, "want an object"},
		{"white space without end", []string{config, strings.Repeat(" ", 2*release.MaxMessage)}, "message 2: more than 33554432 bytes"},
		{"a long message", []string{config, `{"x":"` + strings.Repeat("x", release.MaxMessage) + `"}`}, "message 2: more than 33554432 bytes"},
	} {
		at := time.Unix(0, 0)
		v, err := release.ReadGovulncheck(strings.NewReader(strings.Join(c.in, "\n")), at, at)
		if err == nil || !strings.Contains(err.Error(), c.want) || v != nil {
			t.Errorf("%s: got %v and %v, want %s", c.name, v, err, c.want)
		}
	}
	fault := errors.New("fault")
	if _, err := release.ReadGovulncheck(io.MultiReader(strings.NewReader(config+contents+checking), iotest.ErrReader(fault)), time.Time{}, time.Time{}); !errors.Is(err, fault) {
		t.Errorf("a reader that fails: %v", err)
	}
	// More than can be kept.
	in := []string{config, contents, checking}
	for i := range 20 {
		in = append(in, `{"osv":{"id":"GO-`+fmt.Sprint(i)+`","summary":"`+strings.Repeat("x", 2<<20)+`"}}`)
	}
	if _, err := release.ReadGovulncheck(strings.NewReader(strings.Join(in, "\n")), time.Time{}, time.Time{}); err == nil || !strings.Contains(err.Error(), "bytes of text to keep") {
		t.Errorf("long summaries: %v", err)
	}
}

// FuzzReadGovulncheck: what is read makes a statement, but for what the database
// can leave empty, and is the same when it is read again.
func FuzzReadGovulncheck(f *testing.F) {
	f.Add([]byte(config + contents + fetching + checking))
	f.Add([]byte(config + contents + osv("GO-1") + found("GO-1", `{"module":"m","version":"v1","package":"p","function":"F","receiver":"*T"}`)))
	f.Add([]byte(config + contents + `{"osv":{"id":"GO-1","severity":[{"type":"a","score":"b"}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		at := time.Unix(0, 0).UTC()
		v, err := release.ReadGovulncheck(bytes.NewReader(data), at, at)
		if err != nil {
			return
		}
		if v.Scanner.Vulnerabilities == nil || v.Scanner.DB.LastUpdate.IsZero() {
			t.Fatalf("%+v", v)
		}
		st, err := v.Statement(artifact(t, "app", "a"))
		if err != nil {
			return // an id of white space, a rating without a score, another scanner
		}
		again, err := provenance.ParseVulns(st)
		if err != nil {
			t.Fatal(err)
		}
		if twice := state(t, again, artifact(t, "app", "a")); !bytes.Equal(twice.Predicate, st.Predicate) {
			t.Fatalf("%s\n%s", st.Predicate, twice.Predicate)
		}
	})
}

func BenchmarkReadGovulncheck(b *testing.B) {
	in := []string{config, contents, fetching}
	for i := range 2000 {
		in = append(in, osv(fmt.Sprint("GO-", i)))
	}
	in = append(in, checking)
	for i := range 2000 {
		in = append(in, found(fmt.Sprint("GO-", i), `{"module":"m","version":"v1.0.0","package":"m/p","function":"F"}`))
	}
	data := strings.Join(in, "\n")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := release.ReadGovulncheck(strings.NewReader(data), time.Time{}, time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
}
