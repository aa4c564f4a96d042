package cyclonedx_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
)

// What dependencies say is written again in the same version, and of what another
// version has not, each thing is told where it was.
func TestDependencies(t *testing.T) {
	const components = `"components":[{"type":"library","name":"b","bom-ref":"b"},{"type":"library","name":"a","bom-ref":"a"}]`
	const definitions = `"definitions":{"standards":[{"bom-ref":"std","name":"s"}]}`
	for _, test := range []struct {
		members string
		version cyclonedx.Version
		want    string // of dependencies
		losses  string
	}{
		// Nothing says of "a" that it is on nothing, though nothing of it is missing.
		{
			components + `,"dependencies":[{"ref":"b","dependsOn":["a"]}],"compositions":[{"aggregate":"complete","dependencies":["a"]}]`,
			cyclonedx.V16, `[{"ref":"b","dependsOn":["a"]}]`, "",
		},
		// An entry that only another version can have, and one that is left in part.
		{
			components + `,` + definitions + `,"dependencies":[{"ref":"std","dependsOn":["a"]},{"ref":"b","dependsOn":["a","std"]},{"ref":"a","dependsOn":["std"]}]`,
			cyclonedx.V16, `[{"ref":"a","dependsOn":["std"]},{"ref":"b","dependsOn":["a","std"]},{"ref":"std","dependsOn":["a"]}]`, "",
		},
		{
			components + `,` + definitions + `,"dependencies":[{"ref":"std","dependsOn":["a"]},{"ref":"b","dependsOn":["a","std"]},{"ref":"a","dependsOn":["std"]}]`,
			cyclonedx.V15, `[{"ref":"b","dependsOn":["a"]}]`, "/dependencies/2 /dependencies/1/dependsOn/1 /dependencies/0 /definitions",
		},
		{
			components + `,"dependencies":[{"ref":"b"},{"ref":"a","provides":["b"]}]`,
			cyclonedx.V15, `[{"ref":"a"},{"ref":"b"}]`, "/dependencies/1/provides",
		},
		{
			components + `,` + definitions + `,"dependencies":[{"ref":"a","provides":["b","std"]}]`,
			cyclonedx.V16, `[{"ref":"a","provides":["b","std"]}]`, "",
		},
		// Two entries of one ref.
		{
			components + `,"services":[{"name":"s","bom-ref":"s"}],"dependencies":[{"ref":"b","dependsOn":["a"]},{"ref":"b","dependsOn":["s"]}]`,
			cyclonedx.V16, `[{"ref":"b","dependsOn":["a","s"]}]`, "~/dependencies/1",
		},
		{
			components + `,"services":[{"name":"s","bom-ref":"s"}],"dependencies":[{"ref":"s","provides":["a"]},{"ref":"s","dependsOn":["b"],"provides":["b"]}]`,
			cyclonedx.V16, `[{"ref":"s","dependsOn":["b"],"provides":["a"]}]`, "/dependencies/1/provides ~/dependencies/1",
		},
		{
			components + `,"dependencies":[{"ref":"a","dependsOn":["a","b","a:b"]},{"ref":"urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#x","dependsOn":["a"]}],"services":[{"name":"s","bom-ref":"a:b"}]`,
			cyclonedx.V17, `[{"ref":"a","dependsOn":["b","a","a:b"]},{"ref":"urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#x","dependsOn":["a"]}]`, "",
		},
	} {
		d, s, err := cyclonedx.Parse(compose("1.6", test.members))
		if err != nil {
			t.Errorf("%s: %v", test.members, err)
			continue
		}
		data, err := cyclonedx.MarshalVersion(d, s, test.version)
		if err != nil {
			t.Errorf("%s: %v", test.members, err)
			continue
		}
		var got struct{ Dependencies json.RawMessage }
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if err := json.Compact(&text, got.Dependencies); err != nil {
			t.Fatal(err)
		}
		if text.String() != test.want {
			t.Errorf("%s, in %s: got\n%s, want\n%s", test.members, test.version, &text, test.want)
		}
		losses, err := cyclonedx.Losses(d, s, test.version)
		if got := told(losses); err != nil || got != test.losses {
			t.Errorf("%s, in %s: losses %q, error %v, want %q", test.members, test.version, got, err, test.losses)
		}
		if _, _, err := cyclonedx.Parse(data); err != nil {
			t.Errorf("%s, in %s: it is not read again: %v", test.members, test.version, err)
		}
	}
}

// told returns the places of losses, with a tilde before those that are approximated.
func told(losses []sbom.Loss) string {
	var all []string
	for _, l := range losses {
		if l.Approximated {
			l.Path = "~" + l.Path
		}
		all = append(all, l.Path)
	}
	return strings.Join(all, " ")
}

// Losses are where they were in the document that was read, and each is told once.
func TestLossesPlaces(t *testing.T) {
	members := `"metadata":{"component":{"type":"application","name":"m","components":[{"type":"library","name":"in","publisher":"P"}]},
		"manufacturer":{"bom-ref":"o","address":{"country":"x"},"contact":[{"bom-ref":"p","phone":"1"}]}},
		"components":[
		{"type":"library","name":"z","omniborId":["o"],"components":[{"type":"library","name":"y","swhid":["s"]},{"type":"library","name":"x","tags":["t"]}]},
		{"type":"cryptographic-asset","name":"a","properties":[{"name":"n"},{"name":"x:y","value":"z"}]}]`
	for _, v := range []cyclonedx.Version{cyclonedx.V14, cyclonedx.V16} {
		d, s, err := cyclonedx.Parse(compose("1.6", members))
		if err != nil {
			t.Fatal(err)
		}
		losses, err := cyclonedx.Losses(d, s, v)
		want := ""
		if v == cyclonedx.V14 {
			want = "/metadata/manufacturer ~/components/1/properties/0 ~/components/1/type " +
				"/components/0/omniborId /components/0/components/0/swhid /components/0/components/1/tags"
		}
		if got := told(losses); err != nil || !slices.Equal(slices.Sorted(strings.FieldsSeq(got)), slices.Sorted(strings.FieldsSeq(want))) {
			t.Errorf("%s: losses\n%s, error %v, want\n%s", v, got, err, want)
		}
	}
}
