package gomod

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"
)

// What parseInfo accepts, the go command's way to read the file reads alike, and no
// user, path of a machine or line break is left in it.
func FuzzParseInfo(f *testing.F) {
	f.Add([]byte(`{"Version":"v1.0.0","Time":"2024-12-10T11:37:26Z"}`))
	f.Add([]byte(`{"Version":"v1.0.0","Origin":{"VCS":"git","URL":"https://me:secret@git.example.com/m?x#y","Subdir":"a","Hash":"be10c925b6266227e207a5e7c33e793bd5110055","Ref":"HEAD"}}`))
	f.Add([]byte(`{"Version":"v1.0.0","Origin":{"VCS":"hg","URL":"file:///home/me","TagSum":"t1:x"},"Time":null}`))
	f.Add([]byte(`{"Version":"v1.0.0","Origin":null,"x":[{"Origin":1}]}`))
	f.Add([]byte(`{"Version":"v1.0.0","version":"v1.0.1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseInfo(data, "v1.0.0")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "malformed release: ") {
				t.Errorf("error %v", err)
			}
			return
		}
		var want struct {
			Version string
			Time    time.Time
			Origin  struct{ VCS, URL, Subdir, Hash, Ref string }
		}
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("encoding/json: %v", err)
		}
		o := want.Origin
		if want.Version != "v1.0.0" || !want.Time.Equal(got.time) || o.VCS != got.vcs || o.Subdir != got.directory || o.Hash != got.commit || o.Ref != got.ref || o.URL == "" && got.url != "" {
			t.Errorf("got %+v, encoding/json has %+v", got, want)
		}
		if got.url != "" {
			u, err := url.Parse(got.url)
			if err != nil || u.User != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || strings.Contains(u.Path, "@") || u.String() != got.url {
				t.Errorf("URL %q, %v", got.url, err)
			}
		}
		if all := got.vcs + got.url + got.directory + got.commit + got.ref; strings.ContainsAny(all, "\n\r\x00") {
			t.Errorf("%q is not of one line", all)
		}
	})
}
