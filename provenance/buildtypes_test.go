package provenance_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

// The text behind LocalBuildType shows what Local emits.
func TestLocalBuildTypeExample(t *testing.T) {
	text, err := os.ReadFile("buildtypes/local-v1.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, uri := range []string{provenance.LocalBuildType, provenance.LocalBuilder} {
		if !strings.Contains(string(text), "`"+uri+"`") {
			t.Errorf("the text does not name %s", uri)
		}
	}
	_, example, _ := strings.Cut(string(text), "```json\n")
	example, _, ok := strings.Cut(example, "\n```")
	if !ok {
		t.Fatal("the text has no example")
	}

	s, err := provenance.Local(provenance.Source{
		Repository:     "https://github.com/octocat/hello",
		Ref:            "refs/tags/v1.2.3",
		Commit:         digest(t, "gitCommit:"+commitA),
		RepositoryFrom: provenance.ModulePath,
		CommitFrom:     provenance.Git,
	}).Statement(hallmark.Artifact{Name: "hello", Digests: []hallmark.Digest{digest(t, "sha256:"+shaA)}})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Indent(&want, payload, "", "  "); err != nil {
		t.Fatal(err)
	}
	if example != want.String() {
		t.Errorf("the example is\n%s\nLocal emits\n%s", example, &want)
	}
}
