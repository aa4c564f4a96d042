package sigstore_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/sign/sigstore"
)

func TestParseSigningConfig(t *testing.T) {
	const head = `{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"`
	one := func(members string) string {
		return head + `,"caUrls":[{"url":"https://ca.example","majorApiVersion":1,"validFor":{"start":"2026-01-01T00:00:00Z"},"operator":"example"` + members + `}]}`
	}
	for _, test := range []struct{ name, config, want string }{
		{"nothing in it", head + `}`, ""},
		{"one", one(""), ""},
		{"white space", " " + strings.ReplaceAll(one(""), ",", " ,\n"), ""},
		{"an end with a fraction", one("")[:len(one(""))-3] + `,"validFor":{}}]}`, "twice"},
		{"http on the machine", strings.ReplaceAll(one(""), "https://ca.example", "http://127.0.0.1:80/x"), ""},
		{"http on the machine by name", strings.ReplaceAll(one(""), "https://ca.example", "http://localhost:80"), ""},
		{"http on the machine, version 6", strings.ReplaceAll(one(""), "https://ca.example", "http://[::1]"), ""},
		{"no JSON", "x", "malformed"},
		{"nothing", "", "malformed"},
		{"a list", "[]", "malformed"},
		{"behind it", head + `}{}`, "malformed"},
		{"no media type", `{}`, `media type ""`},
		{"version 0.1", `{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.1+json","caUrl":"https://ca.example"}`, "v0.1+json"},
		{"a media type with a parameter", strings.Replace(head, "+json", "+json;x=1", 1) + "}", "media type"},
		{"an unknown member", head + `,"x":1}`, "$.x (byte"},
		{"a name with an underscore", head + `,"ca_urls":[]}`, "unknown member"},
		{"a name in another case", head + `,"CaUrls":[]}`, "unknown member"},
		{"twice", head + `,"caUrls":[],"caUrls":[]}`, "caUrls"},
		{"null", head + `,"caUrls":null}`, "caUrls"},
		{"an unknown member of a service", one(`,"x":1`), "caUrls[0].x"},
		{"a service that is no object", head + `,"oidcUrls":["https://x.example"]}`, "oidcUrls[0]"},
		{"no url", head + `,"caUrls":[{"validFor":{"start":"2026-01-01T00:00:00Z"}}]}`, "without a url"},
		{"no start", head + `,"caUrls":[{"url":"https://ca.example"}]}`, "without a start"},
		{"an empty validity", head + `,"caUrls":[{"url":"https://ca.example","validFor":{}}]}`, "without a start"},
		{"http", strings.ReplaceAll(one(""), "https:", "http:"), "is not an https URL"},
		{"http that begins like the machine", strings.ReplaceAll(one(""), "https://ca.example", "http://localhost.example"), "is not an https URL"},
		{"a user", strings.ReplaceAll(one(""), "ca.example", "a:b@ca.example"), "has a user"},
		{"a query", strings.ReplaceAll(one(""), "ca.example", "ca.example?"), "has a user, a query"},
		{"a fragment", strings.ReplaceAll(one(""), "ca.example", "ca.example#"), "has a user, a query or a fragment"},
		{"no host", strings.ReplaceAll(one(""), "ca.example", ":80"), "is not a URL with a host"},
		{"a path", strings.ReplaceAll(one(""), "https://ca.example", "/x"), "is not a URL with a host"},
		{"a version that is a string", strings.ReplaceAll(one(""), `Version":1`, `Version":"1"`), "majorApiVersion"},
		{"a version with a fraction", strings.ReplaceAll(one(""), `Version":1`, `Version":1.0`), "is not an integer"},
		{"a negative version", strings.ReplaceAll(one(""), `Version":1`, `Version":-1`), "is not an integer"},
		{"a date", strings.ReplaceAll(one(""), "T00:00:00Z", ""), "RFC 3339"},
		{"another selector", head + `,"tsaConfig":{"selector":"SOME"}}`, `selector "SOME"`},
		{"a selector in another case", head + `,"tsaConfig":{"selector":"any"}}`, `selector "any"`},
		{"a selector that is a number", head + `,"tsaConfig":{"selector":2}}`, "tsaConfig.selector"},
		{"no selector", head + `,"tsaConfig":{"count":2}}`, `selector ""`},
		{"exactly none", head + `,"rekorTlogConfig":{"selector":"EXACT"}}`, "EXACT without a count"},
		{"too exact", head + `,"rekorTlogConfig":{"selector":"EXACT","count":65536}}`, "is not an integer"},
		{"an unknown member of a choice", head + `,"rekorTlogConfig":{"selector":"ANY","x":1}}`, "unknown member"},
		{"logs without a choice", strings.ReplaceAll(one(""), "caUrls", "rekorTlogUrls"), "without a rekorTlogConfig"},
		{"stamps without a choice", strings.ReplaceAll(one(""), "caUrls", "tsaUrls"), "without a tsaConfig"},
		{"many", head + `,"caUrls":[` + strings.Repeat(`{"url":"https://ca.example","validFor":{"start":"2026-01-01T00:00:00Z"}},`, sigstore.MaxServices) + `0]}`, "more than 32"},
		{"large", head + strings.Repeat(" ", sigstore.MaxSigningConfigSize) + "}", "at most"},
	} {
		c, err := sigstore.ParseSigningConfig([]byte(test.config))
		if ok := err == nil; ok != (test.want == "") || (c != nil) != ok || !ok && (!strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "malformed signing config: ")) {
			t.Errorf("%s: %v, %v, want an error with %q", test.name, c != nil, err, test.want)
		}
	}
}

func TestChoose(t *testing.T) {
	type service struct {
		url        string
		version    int
		start, end string
		operator   string
	}
	list := func(all []service) []object {
		var out []object
		for _, s := range all {
			valid := object{"start": s.start + "T00:00:00Z"}
			if s.end != "" {
				valid["end"] = s.end + "T00:00:00Z"
			}
			out = append(out, object{"url": "https://" + s.url, "majorApiVersion": s.version, "validFor": valid, "operator": s.operator})
		}
		return out
	}
	ca := []service{{"ca", 1, "2026-01-01", "", "a"}}
	tsa := []service{{"tsa", 1, "2026-01-01", "", "a"}}
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name     string
		ca       []service
		logs     []service
		selector object
		tsa      []service
		stamps   object
		want     string // hosts, or a part of the error if there is a ":"
	}{
		{"version 1", ca, []service{{"log", 1, "2026-01-01", "", "a"}}, object{"selector": "ANY"}, nil, nil, "ca log"},
		{"version 2 alone", ca, []service{{"log", 2, "2026-01-01", "", "a"}}, object{"selector": "ANY"}, nil, nil, "no timestamp authority is listed, and the log https://log, of API version 2"},
		{"version 2", ca, []service{{"log", 2, "2026-01-01", "", "a"}}, object{"selector": "ANY"}, tsa, object{"selector": "ANY"}, "ca tsa log"},
		{"a stamp is used with version 1 too", ca, []service{{"log", 1, "2026-01-01", "", "a"}}, object{"selector": "ANY"}, tsa, object{"selector": "ALL"}, "ca tsa log"},
		{
			"the highest version", ca,
			[]service{{"one", 1, "2026-05-01", "", "a"}, {"three", 3, "2026-05-01", "", "a"}, {"two", 2, "2026-01-01", "", "b"}},
			object{"selector": "ALL"},
			tsa,
			object{"selector": "ANY"},
			"ca tsa two",
		},
		{
			"the highest version that is valid", ca,
			[]service{{"one", 1, "2026-01-01", "", "a"}, {"two", 2, "2026-06-02", "", "b"}, {"old", 2, "2026-01-01", "2026-05-31", "b"}},
			object{"selector": "ALL"},
			tsa,
			object{"selector": "ANY"},
			"ca tsa one",
		},
		{
			"the newest",
			[]service{{"old", 1, "2025-01-01", "", "a"}, {"new", 1, "2026-05-01", "", "b"}, {"next", 1, "2026-07-01", "", "b"}},
			[]service{{"a", 1, "2025-01-01", "", "a"}, {"b", 1, "2026-02-01", "", "b"}},
			object{"selector": "ANY"},
			nil, nil, "new b",
		},
		{"the ends are in it", ca, []service{{"a", 1, "2026-06-01", "2026-06-01", "a"}}, object{"selector": "ANY"}, nil, nil, "ca a"},
		{
			"one of an operator", ca,
			[]service{{"a1", 1, "2025-01-01", "", "a"}, {"a2", 1, "2026-02-01", "", "a"}, {"b", 1, "2026-01-01", "", "b"}},
			object{"selector": "ALL"},
			nil, nil, "ca a2 b",
		},
		{
			"exactly two", ca,
			[]service{{"a", 1, "2026-01-01", "", "a"}, {"b", 1, "2026-02-01", "", "b"}, {"c", 1, "2026-03-01", "", "c"}},
			object{"selector": "EXACT", "count": 2},
			nil, nil, "ca c b",
		},
		{
			"not two", ca,
			[]service{{"a", 1, "2025-01-01", "", "a"}, {"a2", 1, "2026-02-01", "", "a"}},
			object{"selector": "EXACT", "count": 2},
			nil, nil,
			`transparency log: 1 can be used at 2026-06-01T00:00:00Z, want 2: https://a is of an operator, "a", that has another one`,
		},
		{
			"not two of a version", ca,
			[]service{{"a", 1, "2025-01-01", "", "a"}, {"b", 2, "2026-02-01", "", "b"}},
			object{"selector": "EXACT", "count": 2},
			tsa,
			object{"selector": "ANY"},
			`transparency log: 1 can be used at 2026-06-01T00:00:00Z, want 2: https://a has API version 1, and another one 2`,
		},
		{"no authority", nil, []service{{"log", 1, "2026-01-01", "", "a"}}, object{"selector": "ANY"}, nil, nil, "certificate authority: 0 can be used at 2026-06-01T00:00:00Z, want 1: none is listed"},
		{
			"no authority that can be used",
			[]service{{"next", 1, "2026-07-01", "", "a"}, {"last", 1, "2025-01-01", "2026-01-01", "a"}, {"other", 2, "2026-01-01", "", "a"}},
			[]service{{"log", 1, "2026-01-01", "", "a"}},
			object{"selector": "ANY"},
			nil, nil,
			"certificate authority: 0 can be used at 2026-06-01T00:00:00Z, want 1: https://next is valid from 2026-07-01T00:00:00Z; https://last was valid until 2026-01-01T00:00:00Z; https://other has API version 2, want one of [1]",
		},
		{"no log", ca, nil, object{"selector": "ANY"}, nil, nil, "transparency log: 0 can be used"},
		{"a version that is not released", ca, []service{{"log", 0, "2026-01-01", "", "a"}}, object{"selector": "ANY"}, nil, nil, "https://log has API version 0, want one of [1 2]"},
		{
			"a stamp that cannot be used", ca,
			[]service{{"log", 1, "2026-01-01", "", "a"}},
			object{"selector": "ANY"},
			[]service{{"tsa", 1, "2026-07-01", "", "a"}},
			object{"selector": "ANY"},
			"timestamp authority: 0 can be used",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := object{"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json", "rekorTlogConfig": test.selector}
			for name, all := range map[string][]service{"caUrls": test.ca, "rekorTlogUrls": test.logs, "tsaUrls": test.tsa} {
				if all != nil {
					config[name] = list(all)
				}
			}
			if test.stamps != nil {
				config["tsaConfig"] = test.stamps
			}
			c, err := sigstore.ParseSigningConfig(must(json.Marshal(config)))
			if err != nil {
				t.Fatal(err)
			}
			urls, err := c.Choose(at)
			got := strings.ReplaceAll(strings.Join(urls, " "), "https://", "")
			if err != nil {
				got = err.Error()
			}
			if failed := strings.Contains(test.want, ":"); failed != (err != nil) || got != test.want && !failed || !strings.Contains(got, test.want) {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
}

// The signing configs of the public good instance.
func TestSigningConfigCorpus(t *testing.T) {
	files, err := filepath.Glob(corpus(t, "sigstore-roots", "production", "signing_config*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no signing configs", err)
	}
	for _, f := range files {
		data := read(t, f)
		c, err := sigstore.ParseSigningConfig(data)
		if strings.Contains(string(data), "signingconfig.v0.1+json") {
			if err == nil || !strings.Contains(err.Error(), "v0.1+json") {
				t.Errorf("%s: %v", f, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		// Whatever is listed later is newer.
		urls, err := c.Choose(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
		if err != nil || len(urls) != 3 {
			t.Errorf("%s: %q, %v", f, urls, err)
		}
		if two := strings.Contains(string(data), `"majorApiVersion": 2`); two == slices.Contains(urls, "https://rekor.sigstore.dev") {
			t.Errorf("%s: %q", f, urls)
		}
	}
}

func FuzzParseSigningConfig(f *testing.F) {
	s := newStack()
	s.close()
	f.Add(s.config(1))
	f.Add(s.config(2))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","caUrls":[{"url":"https://[::1%25x]/","validFor":{"start":"0001-01-01T00:00:00Z"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := sigstore.ParseSigningConfig(data)
		if (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		if err != nil {
			return
		}
		for year := range 300 {
			urls, err := c.Choose(time.Date(1900+year, 1, 1, 0, 0, 0, 0, time.UTC))
			if err == nil && len(urls) < 2 {
				t.Fatal(urls)
			}
			for _, u := range urls {
				if !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") {
					t.Fatal(u)
				}
			}
		}
		_ = fmt.Sprintf("%v", c)
	})
}
