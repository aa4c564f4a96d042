package cyclonedx_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
)

// Where the fields are that Go modules do not have, in the oldest version and in
// the newest, and that they are read again.
func TestFields(t *testing.T) {
	for _, test := range []struct {
		edit     func(d *sbom.Document, c *sbom.Component)
		v14, v17 string
	}{
		{func(d *sbom.Document, c *sbom.Component) { c.Group = "g" }, `"group":"g","name"`, `"group":"g","name"`},
		{
			func(d *sbom.Document, c *sbom.Component) {
				c.Supplier = &sbom.Party{Name: "S", URL: "https://s", Email: "a@s"}
			},
			`"supplier":{"name":"S","url":["https://s"],"contact":[{"email":"a@s"}]}`, `"supplier":{"name":"S","url":["https://s"],"contact":[{"email":"a@s"}]}`,
		},
		{
			func(d *sbom.Document, c *sbom.Component) { c.Supplier = &sbom.Party{Name: "P", Person: true} },
			`"supplier":{"contact":[{"name":"P"}]}`, `"supplier":{"contact":[{"name":"P"}]}`,
		},
		{
			func(d *sbom.Document, c *sbom.Component) { c.Producer = &sbom.Party{Email: "a@b", Person: true} },
			`{"name":"hallmark:producer","value":"{\"email\":\"a@b\",\"person\":true}"}`, `"manufacturer":{"contact":[{"email":"a@b"}]}`,
		},
		{
			func(d *sbom.Document, c *sbom.Component) { d.Authors = []sbom.Party{{Name: "O"}} },
			`{"name":"hallmark:author","value":"{\"name\":\"O\",\"person\":false}"}`, `"manufacturer":{"name":"O"}`,
		},
		{
			func(d *sbom.Document, c *sbom.Component) { d.Authors = []sbom.Party{{Name: "P", Person: true}} },
			`"authors":[{"name":"P"}]`, `"authors":[{"name":"P"}]`,
		},
		{
			func(d *sbom.Document, c *sbom.Component) { c.Type = sbom.CryptographicAsset },
			`{"name":"hallmark:type","value":"cryptographic-asset"}`, `"type":"cryptographic-asset"`,
		},
		{func(d *sbom.Document, c *sbom.Component) { c.Scope = sbom.Optional }, `"scope":"optional"`, `"scope":"optional"`},
		{func(d *sbom.Document, c *sbom.Component) { c.Scope = sbom.System }, `{"name":"hallmark:scope","value":"system"}`, `"isExternal":true`},
		{
			func(d *sbom.Document, c *sbom.Component) { c.CPEs = []string{"cpe:/a:x", "cpe:/a:y"} },
			`"cpe":"cpe:/a:x"`, `{"name":"hallmark:cpe","value":"cpe:/a:y"}`,
		},
		{
			func(d *sbom.Document, c *sbom.Component) {
				c.References = []sbom.Reference{{Type: "source-distribution", URL: "u"}}
			},
			`"externalReferences":[{"url":"u","type":"other"}],"properties":[{"name":"hallmark:reference:0:type","value":"source-distribution"}]`,
			`"externalReferences":[{"url":"u","type":"source-distribution"}]`,
		},
		{
			func(d *sbom.Document, c *sbom.Component) {
				c.Support, c.SupportUntil = "s", time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
			},
			`{"name":"hallmark:support","value":"s"}`, `{"name":"hallmark:support:until","value":"2030-01-02T03:04:05Z"}`,
		},
		{
			func(d *sbom.Document, c *sbom.Component) {
				c.Gaps = []sbom.Gap{{Element: sbom.ElementHash, Kind: sbom.NotKnown}, {Element: sbom.ElementLicense, Kind: sbom.Withheld}}
			},
			`{"name":"cdx:cisa:unknown-information","value":"Component Hash Value"}`, `{"name":"cdx:cisa:withheld-information","value":"Component License"}`,
		},
		{
			func(d *sbom.Document, c *sbom.Component) {
				c.Licenses = &sbom.Licenses{Declared: "MIT", Concluded: "MIT OR ISC"}
			},
			`"licenses":[{"expression":"MIT OR ISC"}]`,
			`"licenses":[{"license":{"id":"MIT","acknowledgement":"declared"}},{"expression":"MIT OR ISC","acknowledgement":"concluded"}]`,
		},
		{func(d *sbom.Document, c *sbom.Component) { d.Phase = sbom.Design }, `{"name":"hallmark:phase","value":"design"}`, `"lifecycles":[{"phase":"design"}]`},
		{
			func(d *sbom.Document, c *sbom.Component) {
				d.Edges = []sbom.Edge{{From: d.Main.Ref, To: c.Ref, Kind: sbom.Contains}}
			},
			`"components":[{"bom-ref":"lib"`, `"components":[{"bom-ref":"lib"`,
		},
		{
			func(_ *sbom.Document, c *sbom.Component) { c.Type, c.Scope = sbom.Unclassified, sbom.Unscoped },
			`{"bom-ref":"lib","type":"library","name":"lib","properties":[{"name":"hallmark:type","value":"unclassified"},{"name":"hallmark:scope","value":"unscoped"}]}`,
			`{"bom-ref":"lib","type":"library","name":"lib","properties":[{"name":"hallmark:type","value":"unclassified"},{"name":"hallmark:scope","value":"unscoped"}]}`,
		},
		{
			func(_ *sbom.Document, c *sbom.Component) {
				c.References = []sbom.Reference{{Type: "website", URL: "http://not one:x"}}
			},
			`"externalReferences":[{"url":"http%3A%2F%2Fnot%20one%3Ax","type":"website"}],"properties":[{"name":"hallmark:reference:0:url","value":"http://not one:x"}]`,
			`"externalReferences":[{"url":"http%3A%2F%2Fnot%20one%3Ax","type":"website"}],"properties":[{"name":"hallmark:reference:0:url","value":"http://not one:x"}]`,
		},
	} {
		for v, want := range map[cyclonedx.Version]string{cyclonedx.V14: test.v14, cyclonedx.V17: test.v17} {
			d := document()
			d.Components = []sbom.Component{{Ref: "lib", Type: sbom.Library, Name: "lib", Scope: sbom.Runtime}}
			test.edit(d, &d.Components[0])
			data, err := cyclonedx.MarshalVersion(d, sbom.Stamp{}, v)
			if err != nil {
				t.Errorf("%s: %s: %v", v, want, err)
				continue
			}
			var buf bytes.Buffer
			if err := json.Compact(&buf, data); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(buf.String(), want) {
				t.Errorf("%s: no %s in\n%s", v, want, &buf)
			}
			if got, _, err := cyclonedx.Parse(data); err != nil || !reflect.DeepEqual(unplaced(got), d) {
				t.Errorf("%s: %s: read as %+v, error %v", v, want, got, err)
			}
		}
	}

	// What its member cannot say is a property.
	for _, edit := range []func(d *sbom.Document){
		func(d *sbom.Document) { d.Authors = []sbom.Party{{Name: "x", Email: "x", Person: true}} },
		func(d *sbom.Document) { d.Main.Supplier = &sbom.Party{URL: "a b:c"} },
		func(d *sbom.Document) { d.Main.References = []sbom.Reference{{Type: "vcs", URL: `a\b`}} },
	} {
		d := document()
		edit(d)
		data, err := cyclonedx.Marshal(d, sbom.Stamp{})
		if err != nil {
			t.Errorf("%+v: %v", d, err)
			continue
		}
		if got, _, err := cyclonedx.Parse(data); err != nil || !reflect.DeepEqual(unplaced(got), d) {
			t.Errorf("%s: read as %+v, error %v", data, got, err)
		}
	}
}
