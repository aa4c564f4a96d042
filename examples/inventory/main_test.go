package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate/gatetest"
	"github.com/hallmark-dev/hallmark/examples/internal/images/imagestest"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
	"github.com/hallmark-dev/hallmark/sbom/openvex"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/oci"
)

// program runs the program in an own directory of the test and returns what it prints.
func program(ctx context.Context, t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stdout := os.Stdout
	os.Stdout = out
	err = run(ctx, args)
	os.Stdout = stdout
	text, readErr := os.ReadFile(out.Name())
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(text), err
}

// code is how the program would exit.
func code(err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, cli.ErrFindings):
		return 1
	}
	return 2
}

// A bench is a directory with evidence, and a database.
type bench struct {
	*gatetest.Site
	t  *testing.T
	db string
}

func newBench(t *testing.T) *bench {
	s := gatetest.New(t)
	return &bench{s, t, s.Path("inventory.db")}
}

// with returns the arguments of a command, with the policy and the database.
func (b *bench) with(command string, args ...string) []string {
	return append([]string{command, "-db", b.db, "-policy", b.Path("policy.yaml"), "-key", "release=" + b.Path("release.pub")}, args...)
}

// run runs the program, which must exit with want, and returns what it prints and its error.
func (b *bench) run(want int, args ...string) string {
	b.t.Helper()
	out, err := program(b.t.Context(), b.t, args...)
	if got := code(err); got != want {
		b.t.Fatalf("%q: exit %d, want %d: %v\n%s", args, got, want, err, out)
	}
	if want == 2 {
		out += err.Error()
	}
	return out
}

// document returns an SBOM in CycloneDX about an image, which requires x/net in a version.
func document(name, version string) map[string]any {
	return map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
		"metadata": map[string]any{"component": map[string]any{
			"type": "application", "bom-ref": "main", "name": name, "hashes": []any{map[string]any{"alg": "SHA-256", "content": gatetest.Digest(name)[7:]}},
		}},
		"components": []any{
			map[string]any{"type": "library", "bom-ref": "lib", "name": "example.com/lib", "version": "v1.0.0", "purl": "pkg:golang/example.com/lib@v1.0.0"},
			map[string]any{"type": "library", "bom-ref": "net", "name": "golang.org/x/net", "version": version, "purl": "pkg:golang/golang.org/x/net@" + version},
		},
		"dependencies": []any{
			map[string]any{"ref": "main", "dependsOn": []any{"lib"}},
			map[string]any{"ref": "lib", "dependsOn": []any{"net"}},
			map[string]any{"ref": "net"},
		},
	}
}

func sbomFile(t *testing.T, doc map[string]any) string {
	t.Helper()
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// fleet adds evidence of images: of "good" by who may sign, of "bad" with an SBOM by
// somebody else, and of "bare" without one.
func (b *bench) fleet() {
	b.Good("good")
	b.Sign(b.Signer, "good", gatetest.Statement("good", provenance.CycloneDXType, document("good", "v0.20.0")))
	b.Good("bad")
	b.Sign(b.Other, "bad", gatetest.Statement("bad", provenance.CycloneDXType, document("bad", "v0.19.0")))
	b.Good("bare")
}

// lines parses the output of -json: answers, and what is behind them.
func lines(t *testing.T, out string) (answers []answer, sum summary) {
	t.Helper()
	for line := range strings.Lines(out) {
		var a struct {
			answer
			Summary *summary
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if a.Summary != nil {
			sum = *a.Summary
		} else {
			answers = append(answers, a.answer)
		}
	}
	return answers, sum
}

const netBelow = "< 0.23.0"

func ask(b *bench, more ...string) []string {
	return append([]string{"affected", "-db", b.db, "-purl", "pkg:golang/golang.org/x/net", "-range", netBelow}, more...)
}

// From evidence to answers, and to other ones under another policy.
func TestWay(t *testing.T) {
	b := newBench(t)
	b.fleet()
	b.Write("unsigned.cdx.json", sbomFile(t, document("unsigned", "v0.22.0")))
	b.Write("evidence/notes.txt", "nothing")
	b.Write("evidence/another.cdx.json", sbomFile(t, document("good", "v0.1.0"))) // which is attested

	out := b.run(0, b.with("ingest", b.Path("evidence"), b.Path("unsigned.cdx.json"))...)
	if want := "4 artifacts: 0 known, 4 new records, 0 updated, 0 there already; 3 accepted; 1 rejected; 1 without an SBOM\n"; out != want {
		t.Errorf("ingest says %q, want %q", out, want)
	}
	out = b.run(0, b.with("ingest", "-json", b.Path("evidence"), b.Path("unsigned.cdx.json"))...)
	var again counts
	if err := json.Unmarshal([]byte(out), &again); err != nil || again.Known != 4 || again.New+again.Updated+again.Same != 0 || again.Passed != 1 {
		t.Errorf("again: %s %v", out, err)
	}

	answers, sum := lines(t, b.run(1, ask(b, "-json")...))
	type row struct {
		digest, version, contents string
		trusted                   bool
	}
	var got []row
	for _, a := range answers {
		if path := a.Component.Path; len(path) != 3 || path[1] != "pkg:golang/example.com/lib@v1.0.0" {
			t.Errorf("path %q", path)
		}
		got = append(got, row{a.Artifact.Digests[0].String(), a.Component.Version, string(a.Trust.Contents), a.Trust.Trusted})
	}
	want := []row{
		{gatetest.Digest("good"), "v0.20.0", "attested", true},
		{gatetest.Digest("bad"), "v0.19.0", "unattested", false},
		{gatetest.Digest("unsigned"), "v0.22.0", "unattested", false},
	}
	order := func(a, b row) int { return strings.Compare(a.digest, b.digest) }
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if !slices.Equal(got, want) {
		t.Errorf("affected are %v, want %v", got, want)
	}
	if want := (summary{Affected: 3, Trusted: 1, Untrusted: 2, Of: 4, WithoutSBOM: 1}); !reflect.DeepEqual(sum, want) {
		t.Errorf("summary %+v, want %+v", sum, want)
	}
	if out := b.run(0, "affected", "-db", b.db, "-purl", "pkg:golang/golang.org/x/net", "-range", ">= 1"); !strings.HasPrefix(out, "0 of 4 artifacts: ") {
		t.Errorf("nothing is affected: %s", out)
	}
	table := b.run(1, ask(b)...)
	if !strings.HasPrefix(table, "ARTIFACT  ") || !strings.Contains(table, "example.com/lib@v1.0.0 → golang.org/x/net@v0.20.0") || strings.Count(table, "\n") != 5 {
		t.Errorf("the table is\n%s", table)
	}
	if out := b.run(1, "affected", "-db", b.db, "-builder", provenance.LocalBuilder); !strings.Contains(out, "\n3 of 4 artifacts: 1 trusted, 2 not; 0 run\n") {
		t.Errorf("by the builder\n%s", out)
	}
	if out := b.run(1, "affected", "-db", b.db, "-signed-with", b.Path("release.pub"), "-name", gatetest.Repository); !strings.Contains(out, "3 of 4") {
		t.Errorf("by the key\n%s", out)
	}

	// The key of the builder is revoked.
	b.Write("revoked.yaml", gatetest.Policy+"revoked: [{builder: "+provenance.LocalBuilder+", reason: it was stolen}]\n")
	revoked := []string{"-db", b.db, "-policy", b.Path("revoked.yaml"), "-key", "release=" + b.Path("release.pub")}
	if _, sum := lines(t, b.run(1, append(ask(b, "-json"), revoked[2:]...)...)); sum.Trusted != 0 {
		t.Errorf("under the new policy: %+v", sum)
	}
	for i, save := range []bool{false, true, false} {
		args := append([]string{"trust"}, revoked...)
		if save {
			args = append(args, "-save")
		}
		out, code := "", 1
		if i == 2 {
			code = 0 // it is kept now
		}
		out = b.run(code, args...)
		if want := []string{"3 of 4 verdicts change: 1 lose trust, 0 gain it\n", "3 of 4 verdicts change: 1 lose trust, 0 gain it; the new verdicts are kept\n", "0 of 4 verdicts change: 0 lose trust, 0 gain it\n"}[i]; !strings.HasSuffix(out, want) {
			t.Errorf("trust says\n%s, want %s", out, want)
		}
	}

	// All anew, from other evidence.
	b.run(0, b.with("ingest", "-rebuild", b.Path("unsigned.cdx.json"))...)
	if _, sum := lines(t, b.run(1, ask(b, "-json")...)); sum.Affected != 1 || sum.Of != 1 {
		t.Errorf("anew: %+v", sum)
	}
	if left, err := filepath.Glob(b.Path(".inventory*")); err != nil || left != nil {
		t.Errorf("left behind: %q %v", left, err)
	}
}

// What is no evidence is refused, each with its reason, and the rest is taken in.
func TestRefused(t *testing.T) {
	b := newBench(t)
	b.Good("good")
	doc := document("other", "v0.1.0")
	delete(doc["metadata"].(map[string]any)["component"].(map[string]any), "hashes")
	nobody := sbomFile(t, doc)
	good, err := os.ReadFile(b.Path("evidence/" + strings.Replace(gatetest.Digest("good"), ":", "-", 1) + ".intoto.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ file, text, want string }{
		"half a line":    {"x.intoto.jsonl", string(good) + string(good[:50]), "x.intoto.jsonl: line 2: malformed envelope"},
		"nothing":        {"x.intoto.jsonl", "\n", "x.intoto.jsonl: empty"},
		"no lines":       {"x.intoto.jsonl", "a\nb\nc\n", "and so 2 lines more"},
		"no bundle":      {"x.sigstore.json", "{}", "x.sigstore.json: malformed envelope"},
		"about nothing":  {"x.cdx.json", nobody, "say it with -artifact"},
		"another file":   {"x.cdx.json", sbomFile(t, document("other", "v0.1.0")), "and x beside it is sha256:"},
		"no SBOM at all": {"x.spdx.json", `{"spdxVersion":"SPDX-9"}`, "x.spdx.json: malformed SBOM"},
		"half an SBOM":   {"x.cdx.json", nobody[:40], "x.cdx.json: malformed SBOM"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.Good("good")
			b.Write("evidence/"+tt.file, tt.text)
			if name == "another file" {
				b.Write("evidence/x", "something")
			}
			out := b.run(2, b.with("ingest", b.Path("evidence"))...)
			if !strings.Contains(out, tt.want) || !strings.Contains(out, "refused: ") || !strings.Contains(out, "1 artifacts: 0 known, 1 new records") {
				t.Errorf("got %s\nwant %q", out, tt.want)
			}
		})
	}

	// Said by a flag, or by the file beside it.
	b.Write("x.cdx.json", nobody)
	b.run(0, b.with("ingest", "-artifact", gatetest.Digest("flag"), b.Path("x.cdx.json"))...)
	b.Write("x", "the program")
	b.run(0, b.with("ingest", b.Path("x.cdx.json"))...)
	out := b.run(1, "affected", "-db", b.db, "-purl", "pkg:golang/golang.org/x/net", "-json")
	for _, want := range []string{gatetest.Digest("flag"), fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("the program")))} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is not there:\n%s", want, out)
		}
	}
}

// Bad input is one error that says what is wrong.
func TestBad(t *testing.T) {
	b := newBench(t)
	b.Good("good")
	b.run(0, b.with("ingest", b.Path("evidence"))...)
	db := []string{"-db", b.db}
	b.Write("empty.yaml", "")
	b.Write("osv.json", `{"id":"X-1","affected":[{"ranges":[{"type":"SEMVER","events":[{"what":"0"}]}]}]}`)
	b.Write("pods.json", `{"kind":"PodList","items":[`)
	b.Write("file", "no database, but a text of some length that is none")
	whole, err := os.ReadFile(b.db)
	if err != nil {
		t.Fatal(err)
	}
	b.Write("cut.db", string(whole[:len(whole)/2]))
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "no command"},
		{[]string{"destroy"}, `"destroy" is no command`},
		{[]string{"ingest", "-db", b.db}, "no PATH"},
		{[]string{"ingest", "-db", b.db, b.Path("none")}, "no such file"},
		{[]string{"ingest", "-db", b.db, b.Path("file")}, "no evidence can be read"},
		{[]string{"ingest", "-db", b.db, "-key", "release=x", b.Path("evidence")}, "are for -policy"},
		{[]string{"ingest", "-db", b.db, "-policy", b.Path("empty.yaml"), b.Path("evidence")}, "empty.yaml: "},
		{[]string{"ingest", "-db", b.db, "-policy", b.Path("policy.yaml"), b.Path("evidence")}, "give it with -key release=FILE"},
		{[]string{"ingest", "-db", b.db, "-policy", b.Path("policy.yaml"), "-key", "release=" + b.Path("file"), b.Path("evidence")}, "release"},
		{[]string{"ingest", "-db", b.db, "-artifact", "sha256:12", b.Path("evidence")}, "-artifact: "},
		{[]string{"ingest", "-db", "mysql://x/y", b.Path("evidence")}, "want a file, or postgres://"},
		{[]string{"ingest", "-db", b.Path("none/x.db"), b.Path("evidence")}, "SQLite cannot write to it"},
		{[]string{"ingest", "-db", b.db, "registry.example/team/app@sha256:12"}, "sha256:12"},
		{append([]string{"affected"}, db...), "nothing is asked for"},
		{[]string{"affected", "-db", b.Path("none.db"), "-license", "MIT"}, "ingest makes one"},
		{[]string{"affected", "-db", b.Path("file"), "-license", "MIT"}, "no SQLite database"},
		{[]string{"affected", "-db", b.Path("cut.db"), "-license", "MIT"}, "cut.db: "},
		{[]string{"affected", "-db", b.Dir, "-license", "MIT"}, "no regular file"},
		{[]string{"affected", "-db", "postgres://x@127.0.0.1:1/none?connect_timeout=1", "-license", "MIT"}, "failed to connect"},
		{append([]string{"affected", "-purl", "golang.org/x/net"}, db...), `malformed package URL "golang.org/x/net"`},
		{append([]string{"affected", "-purl", "pkg:golang/golang.org/x/net", "-range", "about 3"}, db...), "about 3"},
		{append([]string{"affected", "-range", "< 1"}, db...), "-range without -purl"},
		{append([]string{"affected", "-digest", "x"}, db...), "-digest: "},
		{append([]string{"affected", "-license", "MIT", "-toolchain", "< 1"}, db...), "ask one after the other"},
		{append([]string{"affected", "-license", "MIT", "-after", "yesterday"}, db...), "want a time"},
		{append(append([]string{"affected", "-license", "MIT"}, db...), "more"), "more: no argument is wanted"},
		{append([]string{"affected", "-osv", b.Path("none")}, db...), "no such file"},
		{append([]string{"affected", "-osv", b.Path("osv.json")}, db...), "osv.json: "},
		{append([]string{"affected", "-vulndb", b.Dir}, db...), "-vulndb and -id go together"},
		{append([]string{"affected", "-vulndb", b.Dir, "-id", "GO-1"}, db...), b.Dir},
		{append([]string{"affected", "-signed-with", b.Path("file")}, db...), "-signed-with: "},
		{append([]string{"trust"}, db...), "no -policy"},
		{append([]string{"rebuild-order"}, db...), "want either flags"},
		{append([]string{"rebuild-order", "-license", "MIT"}, append(db, gatetest.Digest("good"))...), "want either flags"},
		{append([]string{"deployments", "-pods", b.Path("pods.json")}, db...), "-pods without -environment"},
		{append([]string{"deployments", "-environment", "x", "-pods", b.Path("pods.json")}, db...), "malformed Pods"},
		{append([]string{"report", "-license", "MIT", "-sign", b.Path("file")}, db...), "-sign and -o go together"},
		{append([]string{"report", "-license", "MIT", "-vex", b.Path("file")}, db...), "-vex and -author go together"},
		{append([]string{"report", "-license", "MIT", "-vex", b.Path("file"), "-author", "me"}, db...), "-vex is about an advisory"},
		{append([]string{"report", "-license", "MIT", "-sign", b.Path("file"), "-o", b.Path("out")}, db...), "file: "},
		{append([]string{"report", "-license", "MIT", "-html", b.Path("none/out")}, db...), "no such file"},
		{append([]string{"report", "-license", "MIT", "-limit", "-1"}, db...), "-limit -1"},
		{[]string{"drill", "-db", b.db}, "it is there already"},
		{[]string{"drill", "-keep"}, "-keep without -db"},
		{[]string{"drill", "-builds", "0"}, "-builds 0"},
	} {
		out, err := program(t.Context(), t, tt.args...)
		if code(err) != 2 || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.args, err, tt.want)
		}
		if out != "" && tt.args[0] != "ingest" {
			t.Errorf("%q prints %q", tt.args, out)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{b.with("ingest", b.Path("evidence")), ask(b), append([]string{"report", "-license", "MIT"}, db...), {"drill"}, b.with("ingest", "-rebuild", b.Path("evidence"))} {
		if _, err := program(ctx, t, args...); code(err) != 2 {
			t.Errorf("%q with a context that has ended: %v", args, err)
		}
	}
	if now, err := os.ReadFile(b.db); err != nil || string(now) != string(whole) {
		t.Errorf("the database has changed: %v", err)
	}
}

// Each command tells its flags.
func TestHelp(t *testing.T) {
	for _, command := range []string{"ingest", "affected", "trust", "rebuild-order", "deployments", "report", "drill"} {
		out, err := program(t.Context(), t, command, "-h")
		if code(err) != 0 || !strings.HasPrefix(out, "usage: inventory "+command+" ") || !strings.Contains(out, "\n  -db FILE\n") {
			t.Errorf("%s -h: %v\n%s", command, err, out)
		}
		for line := range strings.Lines(out) {
			if len([]rune(line)) > 96 && !strings.HasPrefix(line, "    \t") {
				t.Errorf("%s -h: a long line: %s", command, line)
			}
		}
	}
	if out, err := program(t.Context(), t, "-h"); err != nil || !strings.Contains(out, "\n  rebuild-order ") {
		t.Errorf("-h: %v\n%s", err, out)
	}
}

// Another process that writes is waited for, and then told of.
func TestLocked(t *testing.T) {
	b := newBench(t)
	b.Good("good")
	b.run(0, b.with("ingest", b.Path("evidence"))...)
	db, err := sql.Open("sqlite", b.db)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	b.Good("another")
	if out := b.run(2, b.with("ingest", "-wait", "50ms", b.Path("evidence"))...); !strings.Contains(out, "another process has it locked") {
		t.Error(out)
	}
	b.run(0, "affected", "-db", b.db, "-license", "MIT") // who asks need not wait
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	b.run(0, b.with("ingest", b.Path("evidence"))...)

	if _, err := conn.ExecContext(t.Context(), "UPDATE inventory_meta SET value = 99 WHERE name = 'schema'"); err != nil {
		t.Fatal(err)
	}
	if out := b.run(2, "affected", "-db", b.db, "-license", "MIT"); !strings.Contains(out, "version 99") || !strings.Contains(out, "ingest -rebuild") {
		t.Error(out)
	}
	conn.Close()
	db.Close()
	if out := b.run(0, b.with("ingest", "-rebuild", b.Path("evidence"))...); !strings.Contains(out, "what ran where is not taken over") {
		t.Error(out)
	}
	b.run(0, "affected", "-db", b.db, "-license", "MIT")
}

// An inventory is made anew in place of one that is damaged or of another version, and of
// nothing else. What runs where is taken over, or told to be lost.
func TestRebuild(t *testing.T) {
	b := newBench(t)
	b.Good("good")
	anew := b.with("ingest", "-rebuild", b.Path("evidence"))
	b.run(0, anew...)
	pods := `{"kind":"List","items":[{"kind":"Pod","metadata":{"namespace":"shop","name":"web-1"},"spec":{"containers":[{"name":"main","image":"` + gatetest.Repository + `:v1"}]},` +
		`"status":{"phase":"Running","startTime":"2026-01-02T03:04:05Z","containerStatuses":[{"name":"main","image":"` + gatetest.Repository + `:v1","imageID":"` + gatetest.Image("good") + `","state":{"running":{}}}]}}]}`
	b.run(0, "deployments", "-db", b.db, "-environment", "p", "-pods", b.Write("pods.json", pods))
	b.run(0, anew...)
	if out := b.run(0, "deployments", "-db", b.db); !strings.Contains(out, "1 deployments") {
		t.Error(out)
	}

	exec := func(query string) {
		db, err := sql.Open("sqlite", b.db)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	exec("UPDATE inventory_meta SET value = 99 WHERE name = 'schema'")
	if out := b.run(0, anew...); !strings.Contains(out, "what ran where is not taken over") || !strings.Contains(out, "version 99") {
		t.Error(out)
	}
	data, err := os.ReadFile(b.db)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(b.db, int64(len(data)/4096/3*4096)); err != nil {
		t.Fatal(err)
	}
	b.run(0, anew...)

	exec("CREATE TABLE theirs (a)")
	if out := b.run(2, anew...); !strings.Contains(out, "tables of something else") {
		t.Error(out)
	}
	b.db = b.Write("notes.txt", "my notes\n")
	for _, args := range [][]string{b.with("ingest", "-rebuild", b.Path("evidence")), b.with("ingest", b.Path("evidence")), ask(b)} {
		if out := b.run(2, args...); !strings.Contains(out, "no SQLite database") {
			t.Error(out)
		}
	}
	if data, err := os.ReadFile(b.db); err != nil || string(data) != "my notes\n" {
		t.Errorf("the file is %q now: %v", data, err)
	}
}

// A question that no artifact can answer has no answer, and makes no inventory.
func TestNoAnswer(t *testing.T) {
	b := newBench(t)
	b.Write("empty.db", "")
	for _, command := range []string{"affected", "report", "rebuild-order"} {
		if out := b.run(2, command, "-db", b.Path("empty.db"), "-license", "MIT"); !strings.Contains(out, "there is no inventory in it") {
			t.Error(out)
		}
	}
	if data, err := os.ReadFile(b.Path("empty.db")); err != nil || len(data) > 0 {
		t.Errorf("a question made %d bytes: %v", len(data), err)
	}
	b.Write("cut.json", "{")
	b.run(2, "deployments", "-db", b.Path("new.db"), "-pods", b.Path("cut.json"), "-environment", "p")
	if _, err := os.Stat(b.Path("new.db")); err == nil {
		t.Error("what cannot be read makes an inventory")
	}

	b.fleet()
	b.run(0, b.with("ingest", b.Path("evidence"))...)
	policy := b.with("trust")[3:]
	for _, args := range [][]string{{"affected", "-license", "MIT"}, {"report", "-license", "MIT"}, append([]string{"trust"}, policy...)} {
		args = append(args, "-db", b.db, "-name", "mistyped")
		if out := b.run(2, args...); !strings.Contains(out, "no artifact of the inventory is asked about") {
			t.Error(out)
		}
	}
	advisory := func(ecosystem, more string) string {
		return b.Write("osv.json", `{"id":"X-2026-1","modified":"2026-01-01T00:00:00Z",`+more+`"affected":[{"package":{"ecosystem":"`+ecosystem+`","name":"golang.org/x/net"},`+
			`"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"0.23.0"}]}]}]}`)
	}
	for _, command := range []string{"affected", "report", "rebuild-order"} {
		if out := b.run(2, command, "-db", b.db, "-osv", advisory("Klingon", "")); !strings.Contains(out, `X-2026-1: nothing of it can be looked for: affected[0]: there is no package URL for golang.org/x/net of "Klingon"`) {
			t.Error(out)
		}
	}
	if out := b.run(0, "affected", "-db", b.db, "-osv", advisory("Go", `"withdrawn":"2026-02-03T00:00:00Z",`)); !strings.Contains(out, "it was withdrawn on 2026-02-03") {
		t.Error(out)
	}
}

// Images are read from their registry, by digest or all of a repository.
func TestImages(t *testing.T) {
	b := newBench(t)
	g := &imagestest.Registry{API: true}
	name, digest := g.Start(t)
	g.Put("v2", imagestest.Image("two"))
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	image, err := oci.ParseImage(name + "@" + digest)
	if err != nil {
		t.Fatal(err)
	}
	payload := strings.ReplaceAll(string(gatetest.Provenance("x", provenance.LocalBuilder, gatetest.Source)), gatetest.Digest("x")[7:], digest[7:])
	env, err := sign.Sign(t.Context(), provenance.MediaType, []byte(payload), b.Signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Client().Attach(t.Context(), image, env); err != nil {
		t.Fatal(err)
	}
	if out := b.run(0, b.with("ingest", "-plain-http", image.String())...); !strings.Contains(out, "1 artifacts: 0 known, 1 new records, 0 updated, 0 there already; 1 accepted") {
		t.Error(out)
	}
	if out := b.run(0, b.with("ingest", "-plain-http", image.String())...); !strings.Contains(out, "1 artifacts: 1 known") {
		t.Error(out)
	}
	if out := b.run(2, b.with("ingest", "-plain-http", name+"@sha256:"+strings.Repeat("0", 64))...); !strings.Contains(out, "0000") {
		t.Error(out)
	}
}

// A report as text, JSON, page, VEX and signed.
func TestReport(t *testing.T) {
	b := newBench(t)
	b.fleet()
	b.run(0, b.with("ingest", b.Path("evidence"))...)
	pods := `{"kind":"List","items":[{"kind":"Pod","metadata":{"namespace":"shop","name":"web-1"},"spec":{"containers":[{"name":"main","image":"` + gatetest.Repository + `:v1"}]},` +
		`"status":{"phase":"Running","startTime":"2026-01-02T03:04:05Z","containerStatuses":[{"name":"main","image":"` + gatetest.Repository + `:v1","imageID":"` + gatetest.Image("good") + `","state":{"running":{}}}]}}]}`
	if out := b.run(0, "deployments", "-db", b.db, "-environment", "<production>", "-pods", b.Write("pods.json", pods)); !strings.Contains(out, "<production>/shop/") {
		t.Error(out)
	}
	args := append([]string{"report"}, ask(b)[1:]...)
	text := b.run(1, append(args, "-html", b.Path("r.html"), "-at", "2126-01-01")...)
	page, err := os.ReadFile(b.Path("r.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"golang.org/x/net", gatetest.Digest("good")[7:19], "shop/"} {
		if !strings.Contains(text, want) || !strings.Contains(string(page), want) {
			t.Errorf("%q is not told:\n%s", want, text)
		}
	}
	for pattern, want := range map[string]bool{
		`<p class="says">2 artifacts are affected, and 1 `: true, `&lt;production&gt;`: true, `<production>`: false, `https?://[^<]*"`: false, `<script src|<link|<img|@import|url\(`: false,
	} {
		if got := regexp.MustCompile(pattern).Match(page); got != want {
			t.Errorf("the page has %s: %t", pattern, got)
		}
	}
	again := b.run(1, append(args, "-html", b.Path("again.html"), "-at", "2126-01-01")...)
	if other, err := os.ReadFile(b.Path("again.html")); err != nil || string(other) != string(page) || again != text {
		t.Errorf("the same is another page: %v", err)
	}
	if r, err := inventory.ParseReport([]byte(b.run(1, append(args, "-json")...))); err != nil || r.Counts.Affected != 2 || r.Counts.Running != 1 {
		t.Errorf("JSON: %+v %v", r, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	b.Write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	b.Write("osv.json", `{"id":"X-2026-1","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Go","name":"golang.org/x/net"},`+
		`"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"0.23.0"}]}]}]}`)
	b.run(1, "report", "-db", b.db, "-osv", b.Path("osv.json"), "-vex", b.Path("vex.json"), "-author", "security@example.com", "-sign", b.Path("key.pem"), "-o", b.Path("report.jsonl"))
	data, err := os.ReadFile(b.Path("vex.json"))
	if err != nil {
		t.Fatal(err)
	}
	vex, err := openvex.Parse(data)
	if err != nil || !strings.Contains(string(data), gatetest.Digest("good")[7:]) {
		t.Errorf("VEX: %v %s", err, data)
	} else if err := vex.Check(); err != nil {
		t.Error(err)
	}
	if data, err = os.ReadFile(b.Path("report.jsonl")); err != nil {
		t.Fatal(err)
	}
	env, err := sign.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	st, err := provenance.Parse(env.Payload)
	if err != nil || st.PredicateType != inventory.ReportType || len(st.Subjects) != 2 {
		t.Fatalf("%+v %v", st, err)
	}
	if _, err := inventory.ParseReport(st.Predicate); err != nil {
		t.Error(err)
	}

	if out := b.run(0, b.with("ingest", "-rebuild", b.Path("evidence"))...); strings.Contains(out, "not taken over") {
		t.Error(out)
	}
	if out := b.run(0, "deployments", "-db", b.db); !strings.HasSuffix(out, "1 deployments, 0 of them of what is not in the inventory\n") {
		t.Error(out)
	}
	out := b.run(1, "rebuild-order", "-db", b.db, gatetest.Digest("good"))
	if !strings.Contains(out, gatetest.Source) || !strings.Contains(out, gatetest.Commit) || !strings.HasSuffix(out, "1 artifacts in 1 rounds\n") {
		t.Error(out)
	}
}

// A drill answers everything.
func TestDrill(t *testing.T) {
	b := newBench(t)
	out := b.run(0, "drill", "-services", "40", "-builds", "2", "-components", "30", "-json")
	questions := strings.Count(out, "\n")
	if questions != 9 || !strings.Contains(out, "80 artifacts") || strings.Contains(out, `"answer":"0 `) {
		t.Errorf("%d questions:\n%s", questions, out)
	}
	b.run(0, "drill", "-services", "40", "-builds", "2", "-components", "30", "-db", b.Path("drill.db"), "-keep")
	b.run(1, "affected", "-db", b.Path("drill.db"), "-toolchain", "> 1")
}
