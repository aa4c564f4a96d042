package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/hallmark-dev/hallmark/examples/internal/sheet"
	"github.com/hallmark-dev/hallmark/sbom"
)

// fixture returns a page of a release, as v, with n components.
func fixture(v verdict, n int) *page {
	commit := text("0123456789abcdef0123456789abcdef01234567")
	p := &page{
		Artifact: "app_1.2.0_linux_amd64",
		Digests:  []text{text("sha256:" + strings.Repeat("0123456789abcdef", 4))},
		Verdict:  v,
		At:       time.Date(2026, 11, 22, 1, 30, 0, 0, time.UTC),
		Policy: policyView{File: "policy.yaml", Digest: text("sha256:" + strings.Repeat("ab", 32)), Sentences: []text{
			"The artifact was built by https://github.com/acme/builder/.github/workflows/build.yml, which signs without a key of its own.",
			"It was built from https://github.com/acme/app, at a release tag.",
		}},
		Passed: []check{{Rule: "subject", Outcome: "passed", State: good, Want: "sha256:0123", Got: "sha256:0123", Evidence: text("sha256:" + strings.Repeat("cd", 32))}},
		Lineage: lineage{
			Artifact:   node{"Artifact", good, "is what was signed for", "app_1.2.0_linux_amd64", []text{text("sha256:" + strings.Repeat("0123456789abcdef", 4))}},
			Provenance: node{"Provenance", good, "signed", "SLSA provenance v1", []text{"build type https://actions.github.io/buildtypes/workflow/v1"}},
			Repository: node{"Repository", good, "expected", "https://github.com/acme/app", []text{"refs/tags/v1.2.0"}},
			Commit:     node{"Commit", none, "the policy takes any", commit, nil},
			Workflow:   node{"Workflow", good, "expected", "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2.0", []text{"started by push"}},
			Builder:    node{"Builder", good, "trusted to level 3", "https://github.com/acme/builder/.github/workflows/build.yml@refs/tags/v2.1.0", []text{"on github-hosted"}},
			Signer:     node{"Signer", good, "recognized", "https://github.com/acme/builder/.github/workflows/build.yml@refs/tags/v2.1.0", []text{"issuer https://token.actions.githubusercontent.com"}},
			Time:       node{"Time", good, "verified", "2026-11-21 12:00 UTC", []text{"by an authority of timestamps or a log"}},
		},
		Evidence: []evidence{{0, text("sha256:" + strings.Repeat("cd", 32)), 1, []text{"https://slsa.dev/provenance/v1"}}},
		NoSBOM:   "No SBOM is among the evidence that the policy asks for.",
	}
	questions := []text{
		"Can the artifact be traced to the exact commit and workflow?",
		"Can the build job reach production credentials directly, or by short-lived federation?",
		"Can untrusted pull-request code influence a trusted release?",
		"Can a registry tag be overwritten after release?",
		"Can production reject an artifact that is unsigned or built by an unexpected workflow?",
		"Can all deployments of a compromised digest be found?",
	}
	for i, q := range questions {
		a := answer{q, "unproven", open, []text{"no evidence tells of it"}}
		if v == accepted && i%2 == 0 {
			a = answer{q, "yes", good, []text{"commit " + commit, "workflow .github/workflows/release.yml"}}
		} else if v == rejected && i == 0 {
			a = answer{q, "no", bad, []text{"the source is another repository"}}
		}
		p.Answers = append(p.Answers, a)
	}
	switch v {
	case accepted:
		p.Open = []check{{Rule: "vulnerability", Item: "CVE-2026-12345", Outcome: "excused", State: note, Want: "none of severity 7.0 or more", Got: "8.1", Evidence: p.Evidence[0].Digest}}
		p.Exceptions = []exception{{
			Rule: "vulnerability", Item: "CVE-2026-12345", Digest: p.Digests[0], Owner: "security@acme.example", Reason: "The vulnerable function is not called; the fix breaks the API.",
			Control: "The endpoint is behind the internal gateway, which filters the header.", Expires: p.At.Add(9 * 24 * time.Hour), Left: left(p.At, p.At.Add(9*24*time.Hour)), Use: "yes, this release needs it",
		}}
		p.Warnings = []text{"The exception of vulnerability CVE-2026-12345 ends within 14 days, on 2026-12-01."}
	case rejected:
		p.Lineage.Repository.State, p.Lineage.Repository.Says, p.Lineage.Repository.Title = bad, "not expected", "https://github.com/evil/app"
		p.Lineage.Commit.State, p.Lineage.Commit.Says = open, "not established"
		p.Open = []check{
			{Rule: "source", Outcome: "failed", State: bad, Want: `"https://github.com/acme/app"`, Got: `"https://github.com/evil/app"`, Evidence: p.Evidence[0].Digest, Hint: "Build it in the repository that the policy names, or name this one in the policy if you trust it."},
			{Rule: "required", Item: "https://cyclonedx.org/bom", Outcome: "unproven", State: open, Want: "signed by key sha256:" + commit, Got: "no evidence that one of these signed", Envelope: -1, Hint: "Attest it, and give the attestation as evidence."},
		}
	case undecided:
		p.Why = "verify: app is undecided: evidence 0: malformed statement: unexpected end of JSON"
		p.Passed, p.Evidence = nil, nil
		p.Skipped = []text{"app.intoto.jsonl: line 1: malformed envelope"}
		for _, n := range []*node{&p.Lineage.Artifact, &p.Lineage.Provenance, &p.Lineage.Repository, &p.Lineage.Commit, &p.Lineage.Workflow, &p.Lineage.Builder, &p.Lineage.Signer, &p.Lineage.Time} {
			n.State, n.Says = none, "not established"
			if n.Kind != "Artifact" {
				n.Title, n.Notes = "not known", nil
			}
		}
	}
	if n > 0 {
		p.SBOM = newBOM(document(n), sbom.Stamp{Created: p.At, Tool: sbom.Tool{Name: "hallmark", Version: "v1"}}, "CycloneDX 1.6", "sha256:"+strings.Repeat("cd", 32))
	}
	return p
}

func html(t *testing.T, p *page) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func verdicts() []verdict { return []verdict{accepted, rejected, unproven, undecided} }

var scripts = regexp.MustCompile(`(?s)<script([^>]*)>(.*?)</script>`)

// A page loads nothing, and its policy allows the style and the script that it has and
// nothing else.
func TestSelfContained(t *testing.T) {
	for _, v := range verdicts() {
		page := string(html(t, fixture(v, 30)))
		if !strings.HasPrefix(page, "<!doctype html>\n") {
			t.Errorf("%s begins with %.40q", v, page)
		}
		m := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`).FindStringSubmatchIndex(page)
		if m == nil {
			t.Fatalf("%s: no policy", v)
		}
		if before := page[:m[0]]; strings.Contains(before, "<style") || strings.Contains(before, "<script") {
			t.Errorf("%s: the policy is not in front of what it is about", v)
		}
		policy := strings.NewReplacer("&#43;", "+", "&#39;", "'", "&#34;", `"`).Replace(page[m[2]:m[3]])
		if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") || strings.Contains(policy, ":") {
			t.Errorf("%s: policy %s", v, policy)
		}
		hash := func(s string) string {
			sum := sha256.Sum256([]byte(s))
			return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		}
		style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page)
		if style == nil || !strings.Contains(policy, "style-src "+hash(style[1])+";") {
			t.Errorf("%s: the policy %s does not allow the style", v, policy)
		}
		run := 0
		for _, s := range scripts.FindAllStringSubmatch(page, -1) {
			if strings.Contains(s[1], `type="application/json"`) {
				continue
			}
			if run++; s[1] != "" || !strings.Contains(policy, "script-src "+hash(s[2])+";") {
				t.Errorf("%s: the policy %s does not allow the script <script%s>", v, policy, s[1])
			}
		}
		if run != 1 {
			t.Errorf("%s: %d scripts", v, run)
		}
		for _, load := range []string{` src=`, `href="h`, `href="/`, `href="d`, "<link", "<iframe", "<img", "<object", "<base", ` style=`, "@import", "@font-face"} {
			if strings.Contains(page, load) {
				t.Errorf("%s: it has %q", v, load)
			}
		}
		if m := regexp.MustCompile(`url\([^#]| on[a-z]+=`).FindString(page); m != "" {
			t.Errorf("%s: it has %q", v, m)
		}
		ids := make(map[string]bool)
		for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			if ids[m[1]] {
				t.Errorf("%s: two elements are called %q", v, m[1])
			}
			ids[m[1]] = true
		}
		for _, m := range regexp.MustCompile(` (?:aria-labelledby|href|marker-end)="(?:url\()?#?([^")]*)`).FindAllStringSubmatch(page, -1) {
			if !ids[m[1]] {
				t.Errorf("%s: nothing is called %q", v, m[1])
			}
		}
	}
}

// hostile are texts that try to be more than that.
func hostile() []string {
	return []string{
		`<script>pwned=1</script>`, `</script><script>pwned=1</script>`, `</style><img src=x onerror=pwned=1>`, `"><svg onload=pwned=1>`, `' onmouseover='pwned=1`,
		`<!--`, `]]>`, `{{.}}`, `javascript:pwned=1`, `&lt;b&gt;`, "a\u202eb\u2066c", "a\x00b\x1b[2Jc\rd\ne", "\u200b\ufeff\u00ad\u2028", "\xff\xfe", "z" + strings.Repeat("\u0301", 50),
		strings.Repeat("long ", 1000), "", "#c1", "__proto__",
	}
}

// fill replaces every text of a page by another.
func fill(p *page, with string) {
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			if v.Type() == reflect.TypeFor[text]() && v.String() != "" {
				v.SetString(with)
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					walk(v.Field(i))
				}
			}
		case reflect.Slice, reflect.Array:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem())
			}
		}
	}
	walk(reflect.ValueOf(p).Elem())
}

// Whatever the evidence, the policy and names say is text: a page of hostile texts has the
// elements of a page of harmless ones, and no character that does not print.
func TestHostileText(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	tag := regexp.MustCompile(`<[!/a-zA-Z][^>]*>`)
	value := regexp.MustCompile(`="[^"]*"`)
	skeleton := func(page string) string {
		page = scripts.ReplaceAllString(page, "<script$1></script>")
		var all []string
		for _, s := range tag.FindAllString(page, -1) {
			// The longer a text, the more lines it is drawn as.
			if !strings.HasPrefix(s, "<text ") && s != "</text>" {
				all = append(all, value.ReplaceAllString(s, `=""`))
			}
		}
		return strings.Join(all, "\n")
	}
	for _, v := range verdicts() {
		harmless := fixture(v, 5)
		fill(harmless, "x")
		want := skeleton(string(html(t, harmless)))
		for _, h := range hostile() {
			p := fixture(v, 5)
			fill(p, cmp.Or(h, " "))
			page := string(html(t, p))
			if got := skeleton(page); got != want && h != "" {
				t.Errorf("%s: %.40q makes other elements", v, h)
			}
			for i, r := range page {
				if r != '\n' && r != '\t' && !strconv.IsPrint(r) || r == unicode.ReplacementChar {
					t.Errorf("%s: %.40q: the page has %q in %.60q", v, h, r, page[max(0, i-20):])
					break
				}
			}
			for _, s := range scripts.FindAllStringSubmatch(page, -1) {
				if !strings.Contains(s[1], "application/json") {
					continue
				}
				var graph struct{ Components []struct{ Name string } }
				if err := json.Unmarshal([]byte(s[2]), &graph); err != nil {
					t.Errorf("%s: %.40q: %v", v, h, err)
				} else if got, want := graph.Components[1].Name, text(cmp.Or(h, " ")).String(); got != want {
					t.Errorf("%s: the graph has %q, want %q", v, got, want)
				}
			}
		}
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "",
		"example.com/ä→日本":                   "example.com/ä→日本",
		"a\nb\tc":                            `a\nb\tc`,
		"\u202eevil\u2069":                   `\u202eevil\u2069`,
		"\xff\ufffd":                         "\\xff\ufffd",
		"e\u0301\u0301\u0301e\u0301":         "e\u0301\u0301" + `\u0301` + "e\u0301",
		`<b> & "q" \`:                        `<b> & "q" \`,
		strings.Repeat("é", sheet.MaxText+3): strings.Repeat("é", sheet.MaxText) + "… (6 bytes more)",
	} {
		got := text(in).String()
		if got != want {
			t.Errorf("%.40q is %.80q, want %.80q", in, got, want)
		}
	}
}

func TestLeft(t *testing.T) {
	now := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		-time.Second: "ended", 0: "ended", time.Hour: "less than a day left", 24 * time.Hour: "1 day left", 47 * time.Hour: "1 day left", 48 * time.Hour: "2 days left",
	} {
		if got := left(now, now.Add(d)); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		in            string
		columns, most int
		want          string
	}{
		{"", 10, 2, ""},
		{"short", 10, 2, "short"},
		{"https://git.example/app", 12, 3, "https://|git.example/|app"},
		{"0123456789abcdef", 8, 2, "01234567|89abcdef"},
		{"0123456789abcdef0", 8, 2, "01234567|89a…def0"},
		{"0123456789", 5, 1, "01…89"},
		{"日本語日本語", 6, 2, "日本語|日本語"},
		{"日本語", 1, 1, "日…"},
		{"日本", 1, 2, "日|本…"},
	} {
		got := strings.Join(wrap(tt.in, tt.columns, tt.most), "|")
		if got != tt.want {
			t.Errorf("%q in %d × %d: %q, want %q", tt.in, tt.most, tt.columns, got, tt.want)
		}
	}
}

// Boxes do not lie on each other, nor outside the picture, and their text inside of them.
func TestPictures(t *testing.T) {
	for _, v := range verdicts() {
		for _, p := range fixture(v, 0).Lineage.Pictures() {
			for i, b := range p.Boxes {
				if b.X < 0 || b.Y < 0 || b.X+b.Width > p.Width || b.Y+b.Height > p.Height {
					t.Errorf("%s, %s: %s is outside", v, p.Class, b.Kind)
				}
				for _, c := range p.Boxes[:i] {
					if b.X < c.X+c.Width && c.X < b.X+b.Width && b.Y < c.Y+c.Height && c.Y < b.Y+b.Height {
						t.Errorf("%s, %s: %s lies on %s", v, p.Class, b.Kind, c.Kind)
					}
				}
				for _, l := range append(slices.Clip(b.Title), b.Notes...) {
					if l.Y+4 > b.Height {
						t.Errorf("%s, %s: %s: %q is below it", v, p.Class, b.Kind, l.Text)
					}
				}
			}
			if len(p.Boxes) != 8 || len(p.Arrows) != 7 {
				t.Errorf("%s, %s: %d boxes, %d arrows", v, p.Class, len(p.Boxes), len(p.Arrows))
			}
		}
	}
}

func TestNewBOM(t *testing.T) {
	d := document(40)
	lost := sbom.Component{Ref: "lost", Type: sbom.Library, Scope: sbom.Runtime, Name: "lost", Group: "org", Licenses: &sbom.Licenses{Unknown: "no licence file"}}
	d.Components = append(d.Components, lost)
	b := newBOM(d, sbom.Stamp{}, "CycloneDX 1.6", "")
	byName := make(map[text]int)
	for i, c := range b.Components {
		byName[c.Name] = i
	}
	var way []string
	for i := byName["example.com/lib30"]; i >= 0; i = b.Components[i].Before {
		way = append(way, string(b.Components[i].Name))
	}
	if got := strings.Join(way, " "); got != "example.com/lib30 example.com/lib10 example.com/lib3 example.com/app" {
		t.Errorf("the way is %s", got)
	}
	for name, want := range map[text]string{"example.com/app": "itself", "example.com/lib8": "direct", "example.com/lib30": "3 steps", "org/lost": "not known"} {
		if got := b.Components[byName[name]].Distance(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := b.Components[byName["org/lost"]].Licence; got != "not known" {
		t.Errorf("licence %s", got)
	}
	if want := (share{"not told", 15, 200 * 15 / 42}); b.Licences[0] != want {
		t.Errorf("licences %v, want %v first", b.Licences, want)
	}
	if s := b.Says(); !strings.Contains(s, "41 components") || !strings.Contains(s, "9 of them") || !strings.Contains(s, "1 of them, the document") {
		t.Errorf("it says %s", s)
	}

	// More than a page can have is said, and does not make the rest wrong.
	b = newBOM(document(maxComponents+10), sbom.Stamp{}, "", "")
	if len(b.Components) != maxComponents || b.Left != 11 || !strings.Contains(b.Says(), "11 more") {
		t.Errorf("%d components, %d left: %s", len(b.Components), b.Left, b.Says())
	}
}
