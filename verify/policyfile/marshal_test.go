package policyfile_test

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

// register makes o tell the names of identities, which it returns as Marshal wants
// them.
func register(o *policyfile.Options) func(verify.Identity) (policyfile.Signatory, error) {
	names := make(map[string]policyfile.Signatory)
	o.Named = func(id verify.Identity, s policyfile.Signatory) { names[id.String()] = s }
	return func(id verify.Identity) (policyfile.Signatory, error) {
		s, ok := names[id.String()]
		if !ok {
			return s, errors.New("a stranger")
		}
		return s, nil
	}
}

func TestMarshal(t *testing.T) {
	o := options()
	o.Now = now
	name := register(&o)
	for _, text := range []string{
		whole,
		"source: any\nparameters: {/a: \"any\", /b: any, /c: {oneOf: [any, {}]}, /d: [1e400, -0.5, 123456789012345678901234567890]}\n",
		"parameters: {/yes: 'yes', /no: 'null', /n: '1', /t: '2026-01-01', /h: '0x10', /l: \"a\\nb\\u2028\\u0085\\x07\", /s: ' x ', /c: '# x: y', /e: '', /i: '%@', '/~1 :': {oneOf: [{}]}}\n",
		"maxAge: 25h\nexpires: 2027-01-31T12:00:01Z\n",
		"builders: [{id: x, key: {name: audit, from: 2026-01-01}}]\nrefs: {any: true}\n",
		"triggers: [\"\\ufeffx\", '<<', '=', '~', '.', '-', '1:2', 'a: b', '- a', '[', '\"', \"'\", 'é', '\\', '!x', '&a', '*a', '|', '>', '?']\n",
	} {
		p, err := policyfile.Parse([]byte(text), o)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		written, err := policyfile.Marshal(p, name)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		again, err := policyfile.Parse(written, o)
		if err != nil {
			t.Errorf("%s\n%v", written, err)
			continue
		}
		p.Now, again.Now = nil, nil
		// Functions are not compared.
		if !strings.Contains(text, "from: ") && !reflect.DeepEqual(p, again) {
			t.Errorf("%s\nis %+v\nwant %+v", written, again, p)
		}
		if twice, err := policyfile.Marshal(again, name); err != nil || string(twice) != string(written) {
			t.Errorf("%s\nand of what is read of it\n%s\n%v", written, twice, err)
		}
	}
}

// Whatever a string has in it, it is the same when it is read again.
func TestMarshalStrings(t *testing.T) {
	var all []string
	for r := rune(1); r < 0x300; r++ {
		all = append(all, string(r), string(r)+" a", "a: "+string(r)+"\n")
	}
	for _, r := range []rune{0xfeff, 0xfffd, 0xfffe, 0xffff, 0x10ffff, 0x2028, 0x2029, 0x200b, 0xe000, 0x1f600} {
		all = append(all, string(r), "a"+string(r)+"b", string(r)+"\n"+string(r))
	}
	all = append(all, "any", "yes", "No", "on", "null", "Null", "~", "true", "1", "1.", ".5", "0x1f", "0o7", "1_0", "1e3", ".inf", ".NaN", "2026-01-01", "12:30", "<<", "=",
		"- a", "? a", "a:", ": a", "a #b", "#", "---", "...", "--- a", "%YAML 1.2", "!!str a", "&a", "*a", "|", ">-", "@", "`", "\"\"", "''", "\\", "a\n\nb\n", "\n", " ", "\t", "\r\n",
		strings.Repeat("word ", 100), strings.Repeat("x", 1000), "{a: b}", "[a]", "a, b", "sha256:…", "{{.}}", "${x}")
	slices.Sort(all)
	all = slices.Compact(all)
	p := &verify.Policy{Triggers: all, Parameters: make(map[string]verify.Parameter), Inputs: verify.Inputs{Pinned: make(map[string]hallmark.Digest)}}
	for _, s := range all {
		p.Parameters["/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(s)] = verify.Parameter{OneOf: []any{s, []any{s, map[string]any{s: s}}}}
		p.Inputs.Pinned[s] = digest(t, "sha256:"+strings.Repeat("0", 64))
		p.Exceptions = append(p.Exceptions, verify.Exception{
			Rule: "age", Item: s, Digest: p.Inputs.Pinned[s], Owner: "x", Reason: "x", Control: "x", Expires: now(),
		})
	}
	text, err := policyfile.Marshal(p, func(verify.Identity) (policyfile.Signatory, error) { return policyfile.Signatory{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	again, err := policyfile.Parse(text, policyfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range all {
		if !slices.Contains(again.Triggers, s) || !reflect.DeepEqual(p.Exceptions[i], again.Exceptions[i]) {
			t.Errorf("%q is not there, or another: %+v", s, again.Exceptions[i])
		}
	}
	if !reflect.DeepEqual(p, again) {
		t.Errorf("%.3000s\nis another policy", text)
	}
}

func TestMarshalRefuses(t *testing.T) {
	o := options()
	o.Now = now
	name := register(&o)
	if _, err := policyfile.Parse([]byte(whole), o); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*verify.Policy)
		want   string
	}{
		{"an identity without a name", func(p *verify.Policy) { p.Builders[0].Identity = signatory{kind: "x"} }, "a stranger"},
		{"nobody", func(p *verify.Policy) { p.Require[0].Identities[0] = nil }, "an identity is nobody"},
		{"an account that builds", func(p *verify.Policy) { p.Builders[0].Identity = account("https://accounts.example", "a@example.com") }, "that of a builder"},
		{"another workflow", func(p *verify.Policy) { p.Builders[2].ID = "x" }, "which is not delegated"},
		{"a workflow at other refs", func(p *verify.Policy) { p.Builders[2].Refs.Releases = true }, "which is not delegated"},
		{"a key that is delegated to", func(p *verify.Policy) { p.Builders[0].Delegated = true }, "delegated, and the id has no other workflow"},
		{"half an hour", func(p *verify.Policy) { p.MaxAge = 30 * time.Minute }, "maxAge is 30m0s, want a number of hours"},
		{"a negative age", func(p *verify.Policy) { p.Require[0].SBOM.MinAge = -time.Hour }, "minAge is -1h0m0s"},
		{"a fraction of a second", func(p *verify.Policy) { p.Expires = p.Expires.Add(1) }, "expires is "},
		{"the year 10000", func(p *verify.Policy) { p.Revoked[0].From = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "from is "},
		{"not UTF-8", func(p *verify.Policy) { p.Source = "\xff" }, `"\xff" is not UTF-8`},
		{"a value that is not UTF-8", func(p *verify.Policy) { p.Parameters["/a"] = verify.Parameter{OneOf: []any{[]any{"\xff"}}} }, "is not UTF-8"},
		{"a name that is not UTF-8", func(p *verify.Policy) { p.Parameters["/\xff"] = verify.Parameter{Any: true} }, "is not UTF-8"},
		{"an empty string in a list", func(p *verify.Policy) { p.Triggers[0] = "" }, "one of triggers is empty"},
		{"a string twice", func(p *verify.Policy) { p.Triggers[0] = p.Triggers[1] }, "is there twice"},
		{"a signer twice", func(p *verify.Policy) { p.Require[0].Identities[0] = p.Require[0].Identities[1] }, "is there twice"},
		{"a builder without an id", func(p *verify.Policy) { p.Builders[0].ID = "" }, "a builder without id"},
		{"a level that is none", func(p *verify.Policy) { p.Builders[0].Level = 4 }, "level 4"},
		{"a negative threshold", func(p *verify.Policy) { p.Require[0].Threshold = -1 }, "want a number"},
		{"a commit that is none", func(p *verify.Policy) { p.Commit = digest(t, "sha256:"+strings.Repeat("0", 64)) }, "commit is a sha256, want a gitCommit"},
		{"a digest that is none", func(p *verify.Policy) { p.Inputs.Pinned["x"] = hallmark.Digest{} }, ""},
		{"an object", func(p *verify.Policy) {
			p.Parameters["/a"] = verify.Parameter{OneOf: []any{map[string]any{"x": true}}}
		}, "an object with members"},
		{"infinity", func(p *verify.Policy) { p.Parameters["/a"] = verify.Parameter{OneOf: []any{math.Inf(1)}} }, `parameter "/a"`},
		{"a parameter that nothing satisfies", func(p *verify.Policy) { p.Parameters["/a"] = verify.Parameter{} }, "no value satisfies"},
		{"any and a value", func(p *verify.Policy) { p.Parameters["/a"] = verify.Parameter{Any: true, OneOf: []any{"x"}} }, "any and values"},
		{"an SBOM of nothing", func(p *verify.Policy) { p.Require[0].SBOM = new(verify.SBOM) }, "it is empty"},
		{"nothing", func(p *verify.Policy) { *p = verify.Policy{} }, "it is empty"},
	} {
		p := policy(t)
		test.change(p)
		if text, err := policyfile.Marshal(p, name); err == nil && test.want != "" || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s\n%s", test.name, err, test.want, text)
		}
	}
	if _, err := policyfile.Marshal(nil, name); err == nil {
		t.Error("no policy is written")
	}
	if _, err := policyfile.Marshal(policy(t), nil); err == nil {
		t.Error("a policy is written without names")
	}
}

func FuzzMarshal(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("parameters: {/a: \"any\", /b: [1.0, {}, []], /c: {oneOf: [x, \"\\u2028\"]}}"))
	f.Add([]byte("builders: [{id: x, refs: any, workflow: {issuer: i, until: 2027-01-01}}]\nrevoked: [{builder: \"\\x7f\"}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		o := options()
		o.Now = now
		name := register(&o)
		p, err := policyfile.Parse(data, o)
		if err != nil {
			return
		}
		text, err := policyfile.Marshal(p, name)
		if err != nil {
			if strings.Contains(err.Error(), "another one") || strings.Contains(err.Error(), "what was written is not read") {
				t.Fatal(err)
			}
			return
		}
		if _, err := policyfile.Parse(text, o); err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
	})
}
