package gate

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// What is found about an artifact is what is about it, what is about what it was made
// of, and what cannot be read; and nothing else.
func TestIndex(t *testing.T) {
	hex := func(c string) string { return strings.Repeat(c, 64) }
	commit := strings.Repeat("c", 40)
	subject := func(digest string) string {
		return `"_type":"` + provenance.StatementType + `","subject":[{"digest":` + digest + `}]`
	}
	build := func(of, from string) string {
		return `{` + subject(of) + `,"predicateType":"` + provenance.PredicateType + `","predicate":{"buildDefinition":{"buildType":"https://example.com/t",` +
			`"externalParameters":{},"resolvedDependencies":[{"uri":"pkg:generic/x","digest":` + from + `}]},"runDetails":{"builder":{"id":"https://example.com/b"}}}}`
	}
	about := func(of string) string {
		return `{` + subject(of) + `,"predicateType":"https://example.com/p","predicate":{}}`
	}
	var x Index
	for i, payload := range []string{
		0: build(`{"sha256":"`+hex("a")+`"}`, `{"gitCommit":"`+commit+`","sha256":"`+hex("b")+`"}`),
		1: about(`{"gitCommit":"` + commit + `"}`),
		2: `{` + subject(`{"sha256":"`+hex("b")+`"}`) + `,"predicateType":"` + provenance.LinkType + `","predicate":{"name":"s","command":[],"materials":[{"name":"m","digest":{"sha256":"` + hex("d") + `"}}]}}`,
		3: build(`{"sha256":"`+hex("d")+`"}`, `{"sha256":"`+hex("a")+`"}`), // and around
		4: about(`{"sha256":"` + hex("e") + `"}`),
		5: about(`{"sha256":"` + hex("f") + `","sha512":"` + hex("a") + hex("a") + `"}`),
		6: `{`,
		7: "anything",
	} {
		e := &sign.Envelope{PayloadType: provenance.MediaType, Payload: []byte(payload)}
		var named hallmark.Digest
		if i == 7 {
			e.PayloadType = "text/plain"
			named = digest(t, "sha256:"+hex("e"))
		}
		if _, err := x.Add(e, named); (err != nil) != (i == 6) {
			t.Errorf("%d: %v", i, err)
		}
	}
	for of, want := range map[string]string{
		"sha256:" + hex("a"):            "[0 1 2 3 6]",
		"sha256:" + hex("b"):            "[0 1 2 3 6]",
		"sha256:" + hex("e"):            "[4 6 7]",
		"sha256:" + hex("f"):            "[5 6]",
		"sha512:" + hex("a") + hex("a"): "[5 6]",
		"sha256:" + hex("0"):            "[6]",
		"gitCommit:" + commit:           "[1 6]",
	} {
		got := []int{}
		for _, e := range x.About(digest(t, of)) {
			for i := range x.all {
				if x.all[i].envelope == e {
					got = append(got, i)
				}
			}
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: found %v, want %s", of, got, want)
		}
	}
	if got := new(Index).About(digest(t, "sha256:"+hex("a"))); len(got) > 0 {
		t.Errorf("nothing has %v", got)
	}
}

func digest(t *testing.T, s string) hallmark.Digest {
	t.Helper()
	d, err := hallmark.ParseDigest(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Every field of a policy that has to do with time makes it depend on time.
func TestTimeless(t *testing.T) {
	if !timeless(new(verify.Policy)) {
		t.Error("the zero policy depends on time")
	}
	at, duration := reflect.TypeFor[time.Time](), reflect.TypeFor[time.Duration]()
	found := 0
	var walk func(policy *verify.Policy, v reflect.Value, path string)
	walk = func(policy *verify.Policy, v reflect.Value, path string) {
		switch {
		case path == ".Revoked[].From": // compared with what an authority has verified
		case v.Type() == at || v.Type() == duration:
			found++
			was := reflect.New(v.Type()).Elem()
			was.Set(v)
			if v.Type() == at {
				v.Set(reflect.ValueOf(time.Unix(1, 0)))
			} else {
				v.SetInt(1)
			}
			if timeless(policy) {
				t.Errorf("%s does not make it depend on time", path)
			}
			v.Set(was)
		case v.Kind() == reflect.Struct && v.Type().PkgPath() == reflect.TypeFor[verify.Policy]().PkgPath():
			for i := range v.NumField() {
				walk(policy, v.Field(i), path+"."+v.Type().Field(i).Name)
			}
		case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			walk(policy, v.Index(0), path+"[]")
			v.SetZero()
		case v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Struct && v.CanSet():
			v.Set(reflect.New(v.Type().Elem()))
			walk(policy, v.Elem(), path)
			v.SetZero()
		}
	}
	policy := new(verify.Policy)
	walk(policy, reflect.ValueOf(policy).Elem(), "")
	if found < 6 {
		t.Errorf("%d fields with a time were found", found)
	}
}
