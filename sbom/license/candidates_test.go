package license

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/licensecheck"
)

// What an engine for some licences finds is what one for all licences finds: in the
// texts that licensecheck has of each licence, damaged ones too, and in the licence
// files of the modules that this test is built from.
func TestEngines(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	all := slices.DeleteFunc(licensecheck.BuiltinLicenses(), func(l licensecheck.License) bool { return l.LRE == "" })
	judge, err := licensecheck.NewScanner(all)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-m", "-f={{.Dir}}", "github.com/google/licensecheck").Output()
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"nothing": "", "no licence": "There is no licence in these words, whatever they say of permission."}
	err = filepath.WalkDir(filepath.Join(strings.TrimSpace(string(out)), "testdata"), func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		texts[filepath.Base(name)] = string(data)
		return err
	})
	if err != nil || len(texts) < 300 {
		t.Fatalf("%d texts, %v", len(texts), err)
	}
	var e engines
	engine := func(text string) string {
		cover, err := e.scan([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(cover)
	}
	several := ""
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range texts {
			if !yield(name) {
				return
			}
		}
	}) {
		text := texts[name]
		if len(several) < 100_000 {
			several += text + "\n\n"
		}
		words := strings.Fields(text)
		for i := range words {
			if i%61 == 7 && len(words[i]) > 4 {
				words[i] = words[i][:len(words[i])-1] // a typing error
			}
		}
		for what, text := range map[string]string{
			"":               text,
			" capitals":      strings.ToUpper(text),
			" first half":    text[:len(text)/2],
			" second half":   text[len(text)/2:],
			" typing errors": strings.Join(words, " "),
		} {
			if got, want := engine(text), fmt.Sprint(judge.Scan([]byte(text))); got != want {
				t.Errorf("%s%s: got %s\nwant %s", name, what, got, want)
			}
		}
	}
	if got, want := engine(several), fmt.Sprint(judge.Scan([]byte(several))); got != want {
		t.Errorf("all in one text: got %s\nwant %s", got, want)
	}
	if len(e.made) > maxEngines+1 {
		t.Errorf("%d engines, want at most %d and one for all", len(e.made), maxEngines)
	}
}

func TestRequiredWords(t *testing.T) {
	for _, tt := range []struct{ lre, want string }{
		{"Permission is hereby GRANTED, free of charge", "permission hereby granted charge"},
		{"//** https://example.com/hidden **//\nvisible words", "visible words"},
		{"before\n((either || another))\nafter\n((optional))??\nfinally", "before after finally"},
		{"outer ((inner ((deeper)) again)) outside", "outer outside"},
		{"__10__ names of http://example.com/path", "names example"},
		{"QUÉBEC wörter plain", "plain"},
	} {
		var got []string
		requiredWords(tt.lre, func(word string) { got = append(got, word) })
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q: got %q, want %q", tt.lre, got, tt.want)
		}
	}
}
