package git_test

import (
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
)

func app(t *testing.T) hallmark.Artifact {
	t.Helper()
	ds, err := hallmark.Hash(strings.NewReader("app"))
	if err != nil {
		t.Fatal(err)
	}
	return hallmark.Artifact{Name: "app", Digests: ds}
}
