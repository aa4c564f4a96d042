package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openvex/go-vex/pkg/vex"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom/openvex"
)

func vexDocument(t *testing.T, statements ...openvex.Statement) *openvex.Document {
	t.Helper()
	var digests []hallmark.Digest
	for _, s := range []string{"sha256:" + strings.Repeat("ab", 32), "sha512:" + strings.Repeat("cd", 64), "blake2b:" + strings.Repeat("ef", 64)} {
		d, err := hallmark.ParseDigest(s)
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, d)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range statements {
		statements[i].Vulnerability = openvex.Vulnerability{ID: "https://pkg.go.dev/vuln/GO-2024-2687", Name: "GO-2024-2687", Description: "d", Aliases: []string{"CVE-2023-45288"}}
		statements[i].Products = []openvex.Product{{
			Component:     openvex.Component{ID: "pkg:oci/app@sha256:" + strings.Repeat("ab", 32), CPE23: "cpe:2.3:a:x:app:1.0.0:*:*:*:*:*:*:*", Digests: digests},
			Subcomponents: []openvex.Component{{PURL: "pkg:golang/golang.org/x/net@v0.22.0"}},
		}}
	}
	return &openvex.Document{ID: "https://example.com/vex/1", Author: "a@example.com", Role: "r", Timestamp: at, LastUpdated: at.Add(time.Hour), Version: 2, Tooling: "t", Statements: statements}
}

// TestOpenVEX: the format's own Go library reads what is written, and finds the product
// by its digest.
func TestOpenVEX(t *testing.T) {
	d := vexDocument(t, openvex.Statement{Status: openvex.NotAffected, Justification: openvex.VulnerableCodeNotPresent, StatusNotes: "n"})
	b, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	v, err := vex.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if v.ID != d.ID || v.Author != d.Author || v.AuthorRole != d.Role || !v.Timestamp.Equal(d.Timestamp) || !v.LastUpdated.Equal(d.LastUpdated) || v.Version != 2 || v.Tooling != "t" || v.Context != vex.ContextLocator() {
		t.Errorf("got %+v", v.Metadata)
	}
	sum := d.Statements[0].Products[0].Digests[0].Hex()
	for _, product := range []string{d.Statements[0].Products[0].ID, sum, "cpe:2.3:a:x:app:1.0.0:*:*:*:*:*:*:*"} {
		found := v.Matches("CVE-2023-45288", product, []string{"pkg:golang/golang.org/x/net@v0.22.0"})
		if len(found) != 1 || found[0].Status != vex.StatusNotAffected || found[0].Justification != vex.VulnerableCodeNotPresent {
			t.Errorf("%s: found %+v", product, found)
		}
	}
	hashes := v.Statements[0].Products[0].Hashes
	if len(hashes) != 3 || string(hashes[vex.SHA256]) != sum || string(hashes[vex.SHA512]) != strings.Repeat("cd", 64) || string(hashes[vex.BLAKE2B512]) != strings.Repeat("ef", 64) {
		t.Errorf("hashes %v", hashes)
	}

	// What that library writes of it is read as what it was.
	var out strings.Builder
	if err := v.ToJSON(&out); err != nil {
		t.Fatal(err)
	}
	back, err := openvex.Parse([]byte(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := back.Marshal(); err != nil || string(again) != string(b) {
		t.Errorf("comes back as\n%s\nerror %v, want\n%s", again, err, b)
	}
}

// TestOpenVEXRules: which statuses go with what, both say the same.
func TestOpenVEXRules(t *testing.T) {
	valid := 0
	for _, status := range []openvex.Status{openvex.NotAffected, openvex.Affected, openvex.Fixed, openvex.UnderInvestigation, "", "exploited"} {
		for _, justification := range []openvex.Justification{
			"", openvex.ComponentNotPresent, openvex.VulnerableCodeNotPresent, openvex.VulnerableCodeNotInExecutePath,
			openvex.VulnerableCodeCannotBeControlledByAdversary, openvex.InlineMitigationsAlreadyExist, "because",
		} {
			for _, impact := range []string{"", "i"} {
				for _, action := range []string{"", "a"} {
					ours := vexDocument(t, openvex.Statement{Status: status, Justification: justification, ImpactStatement: impact, ActionStatement: action}).Check()
					theirs := (&vex.Statement{Status: vex.Status(status), Justification: vex.Justification(justification), ImpactStatement: impact, ActionStatement: action}).Validate()
					if (ours == nil) != (theirs == nil) {
						t.Errorf("%s %s %q %q: %v, the library: %v", status, justification, impact, action, ours, theirs)
					}
					if ours == nil {
						valid++
					}
				}
			}
		}
	}
	if valid != 11+1+1+1 {
		t.Errorf("%d are valid, want 14", valid)
	}
}

// TestOpenVEXFiles: the documents that the library is tested with. Some lack what must be
// there, and are read.
func TestOpenVEXFiles(t *testing.T) {
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/openvex/go-vex")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "pkg", "vex", "testdata", "v*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var read []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		d, err := openvex.Parse(data)
		if err != nil {
			// Before 0.2.0, a vulnerability was its name, and a product too.
			if !strings.Contains(name, "0.0.1") && !strings.HasPrefix(name, "v001") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		v, err := vex.Parse(data)
		if err != nil || v.ID != d.ID || len(v.Statements) != len(d.Statements) {
			t.Errorf("%s: got %+v, the library %+v, %v", name, d, v, err)
			continue
		}
		for i, s := range v.Statements {
			if string(s.Status) != string(d.Statements[i].Status) || string(s.Vulnerability.Name) != d.Statements[i].Vulnerability.Name || len(s.Products) != len(d.Statements[i].Products) {
				t.Errorf("%s: statement %d: got %+v, the library %+v", name, i, d.Statements[i], s)
			}
		}
		read = append(read, fmt.Sprint(name, " ", d.Check() == nil))
	}
	if want := []string{"v0.2.0.json true", "v020-1.vex.json false", "v020-2.vex.json false"}; !slices.Equal(read, want) {
		t.Errorf("read %q, want %q", read, want)
	}
}
