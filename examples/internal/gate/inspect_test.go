package gate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/verify"
)

// What is asked of an artifact is answered by the file that was given, if it is still that.
func TestInspector(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "app")
	write(t, file, string(data))
	o := new(Options)
	program, err := o.artifact(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	other, err := o.artifact(t.Context(), "sha256:"+strings.Repeat("0", 64))
	if err != nil {
		t.Fatal(err)
	}
	s := &provenance.Statement{PredicateType: provenance.PredicateType, Predicate: []byte(`{}`)}
	for _, tt := range []struct {
		name   string
		a      hallmark.Artifact
		change func()
		want   string
	}{
		{"file", program, func() {}, "the artifact does not say which version it is"},
		{"digest", other, func() {}, "the bytes of the artifact are not at hand"},
		{"another file", program, func() { write(t, file, "text") }, "the bytes at hand are not the artifact"},
		{"no file", program, func() { os.Remove(file) }, "the bytes of the artifact are not at hand"},
	} {
		tt.change()
		findings, err := o.inspector().Inspect(t.Context(), tt.a, s, verify.Question{Rule: verify.RuleVersion, Version: "v1.0.0"})
		if err != nil || len(findings) != 1 || !strings.HasPrefix(findings[0].Got, tt.want) {
			t.Errorf("%s: got %+v, %v, want %s", tt.name, findings, err, tt.want)
		}
	}
}
