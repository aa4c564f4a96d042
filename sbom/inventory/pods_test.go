package inventory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
)

func sha(c string) string    { return "sha256:" + strings.Repeat(c, 64) }
func image(c string) string  { return "registry.example/team/app@" + sha(c) }
func minute(n int) time.Time { return time.Date(2026, 1, 2, 3, n, 0, 0, time.UTC) }

func parseDigest(t testing.TB, s string) hallmark.Digest {
	t.Helper()
	d, err := hallmark.ParseDigest(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// aPod is a Pod with containers of one kind, each its name, the image that it was started
// by and the imageID that its node tells; owner is "Kind name", and more what else it has.
func aPod(name, owner, phase, field string, containers [][3]string, more string) string {
	statuses := strings.Replace(field, "Containers", "Container", 1)
	if field == "containers" {
		statuses = "container"
	}
	var specs, told []string
	for _, c := range containers {
		specs = append(specs, fmt.Sprintf(`{"name":%q,"image":%q,"resources":{}}`, c[0], c[1]))
		told = append(told, fmt.Sprintf(`{"name":%q,"image":%q,"imageID":%q,"state":{"running":{"startedAt":"2026-01-02T03:04:05Z"}}}`, c[0], c[1], c[2]))
	}
	spec := fmt.Sprintf(`%q:[%s]`, field, strings.Join(specs, ","))
	if field != "containers" {
		spec += `,"containers":[{"name":"main","image":"` + image("9") + `"}]`
	}
	kind, ownerName, _ := strings.Cut(owner, " ")
	owners := "[]"
	if owner != "" {
		owners = fmt.Sprintf(`[{"kind":"Gateway","name":"x"},{"kind":%q,"name":%q,"controller":true}]`, kind, ownerName)
	}
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"shop","name":%q,"creationTimestamp":null,"labels":{"app":"x","pod-template-hash":"7d9f"},"ownerReferences":%s},
		"spec":{%s,"volumes":[{"name":"none","emptyDir":{}}]%s},"status":{"phase":%q,"startTime":"2026-01-02T03:05:00Z",%q:[%s],"conditions":null}}`,
		name, owners, spec, more, phase, statuses+"Statuses", strings.Join(told, ","))
}

func podList(pods ...string) []byte {
	return []byte(`{"apiVersion":"v1","items":[` + strings.Join(pods, ",") + `],"kind":"List","metadata":{"resourceVersion":""}}`)
}

// What a node tells of a container is what counts, in whatever form.
func TestPods(t *testing.T) {
	for _, tt := range []struct {
		name, spec, id string
		want           string // the digests, by their digit
		skipped        string
	}{
		{"containerd", "registry.example/team/app:v1", image("a"), "a", ""},
		{"dockershim", "registry.example/team/app:v1", "docker-pullable://" + image("a"), "a", ""},
		{"with a tag", "registry.example/team/app:v1", "registry.example/team/app:v1@" + sha("a"), "a", ""},
		{"by digest", image("a"), image("a"), "a", ""},
		{"of several platforms", image("b"), image("a"), "ab", ""},
		{"short", "nginx", "nginx@" + sha("a"), "a", ""},
		{"configuration", "registry.example/team/app:v1", "docker://" + sha("a"), "a", ""},
		{"configuration, by digest", image("b"), sha("a"), "b", ""},
		{"no digest", "registry.example/team/app:v1", "registry.example/team/app:v1", "", `shop/web-7d9f-x containers "x": "registry.example/team/app:v1" has no digest`},
		{"no digest, asked for by digest", image("b"), "registry.example/team/app:v1", "b", ""},
		{"nonsense", "registry.example/team/app:v1", "sha256:12", "", `malformed digest "sha256:12"`},
		{"no name", "app", "@" + sha("a"), "", "has no name"},
		{"two digests", "app", image("a") + "@" + sha("a"), "", "malformed digest"},
		{"weak", "app", "app@sha1:" + strings.Repeat("a", 40), "", "by sha1, which is too weak"},
		{"pending", "registry.example/team/app:v1", "", "", "no node has said yet which image this is (imageID)"},
		{"pending, by digest", image("a"), "", "a", ""},
	} {
		for _, field := range []string{"containers", "initContainers", "ephemeralContainers"} {
			pod := aPod("web-7d9f-x", "ReplicaSet web-7d9f", "Running", field, [][3]string{{"x", tt.spec, tt.id}}, "")
			ds, skipped, err := ParsePods(podList(pod), "production")
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			got := ""
			for _, d := range ds {
				if c := d.Digest.Hex()[:1]; c != "9" {
					got += c
				}
				if d.Environment != "production" || d.Service != "shop/web" || !d.From.Equal(minute(5)) || !d.To.IsZero() {
					t.Errorf("%s: %+v", tt.name, d)
				}
			}
			if got != tt.want {
				t.Errorf("%s %s: %q, want %q", tt.name, field, got, tt.want)
			}
			if tt.skipped == "" && len(skipped) > 0 || tt.skipped != "" && (len(skipped) != 1 || !strings.Contains(skipped[0].Error(), strings.Replace(tt.skipped, "containers", field, 1))) {
				t.Errorf("%s %s: skipped %v, want %s", tt.name, field, skipped, tt.skipped)
			}
		}
	}
}

// A service is what keeps its Pods running, and has each digest once.
func TestPodServices(t *testing.T) {
	one := func(c string) [][3]string { return [][3]string{{"x", "app", image(c)}} }
	finished := func(name, c, at string) string {
		pod := aPod(name, "Job backup", "Succeeded", "containers", one(c), "")
		if at == "" {
			return strings.Replace(pod, `"running":{"startedAt":"2026-01-02T03:04:05Z"}`, `"terminated":{"finishedAt":null}`, 1)
		}
		return strings.Replace(pod, `"running":{"startedAt":"2026-01-02T03:04:05Z"}`, `"terminated":{"finishedAt":"`+at+`"}`, 1)
	}
	early := func(pod string) string { return strings.Replace(pod, "03:05:00Z", "03:01:00Z", 1) }
	late := func(pod string) string { return strings.Replace(pod, "03:05:00Z", "04:01:00+01:00", 1) } // 03:01 too
	gone := aPod("gone", "", "Failed", "containers", [][3]string{{"x", "app:v1", ""}}, "")
	ds, skipped, err := ParsePods(podList(
		aPod("web-7d9f-a", "ReplicaSet web-7d9f", "Running", "containers", one("1"), ""),
		early(aPod("web-7d9f-b", "ReplicaSet web-7d9f", "Running", "containers", one("1"), "")),
		aPod("web-7d9f-c", "ReplicaSet web-7d9f", "Running", "containers", one("2"), ""),
		aPod("odd", "ReplicaSet other", "Running", "containers", one("1"), ""),
		late(aPod("db-0", "StatefulSet db", "Running", "containers", one("1"), "")),
		aPod("proxy-node-1", "Node node-1", "Running", "containers", one("1"), ""),
		aPod("alone", "", "Pending", "containers", [][3]string{{"x", image("1"), ""}}, `,"volumes2":[]`),
		finished("backup-a", "1", "2026-01-02T03:07:00Z"),
		early(finished("backup-b", "1", "2026-01-02T03:06:00Z")),
		finished("backup-c", "2", ""),
		finished("backup-d", "2", "2026-01-02T03:06:00Z"),
		gone,
	), "e")
	if err != nil || len(skipped) > 0 {
		t.Fatal(err, skipped)
	}
	var got []string
	for _, d := range ds {
		to := ""
		if !d.To.IsZero() {
			to = d.To.Format("04")
		}
		got = append(got, fmt.Sprintf("%s %s %s-%s", d.Service, d.Digest.Hex()[:1], d.From.Format("04"), to))
	}
	want := []string{
		"shop/alone 1 05-", "shop/backup 1 01-07", "shop/backup 2 05-", "shop/db 1 01-", "shop/other 1 05-",
		"shop/proxy-node-1 1 05-", "shop/web 1 01-", "shop/web 2 05-",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	// Images as volumes.
	pod := strings.Replace(aPod("web", "", "Running", "containers", one("1"), ""), `{"name":"none","emptyDir":{}}`,
		`{"name":"models","image":{"reference":"`+image("5")+`","pullPolicy":"Always"}},{"name":"more","image":{"reference":"registry.example/more:v1"}}`, 1)
	ds, skipped, err = ParsePods([]byte(pod), "e") // without a list
	if err != nil || len(ds) != 2 || ds[1].Digest != parseDigest(t, sha("5")) || len(skipped) != 1 || !strings.HasPrefix(skipped[0].Error(), `shop/web volumes "more"`) {
		t.Errorf("%v %v %v", ds, skipped, err)
	}
}

// What is no list of all Pods is refused.
func TestPodsRefused(t *testing.T) {
	good := aPod("web", "", "Running", "containers", [][3]string{{"x", "app", image("1")}}, "")
	for _, tt := range []struct{ name, data, want string }{
		{"nothing", "", "malformed Pods: "},
		{"half", string(podList(good))[:100], "malformed Pods: "},
		{"more behind", string(podList(good)) + "{}", "malformed Pods: "},
		{"an array", "[" + good + "]", "malformed Pods: "},
		{"another kind", `{"kind":"Secret","metadata":{}}`, `malformed Pods: $.kind: "Secret", want List or Pod`},
		{"no items", `{"kind":"List"}`, "a list without items"},
		{"a part", `{"kind":"PodList","items":[],"metadata":{"continue":"x"}}`, "the list is not complete"},
		{"another item", strings.Replace(string(podList(good)), `"kind":"Pod"`, `"kind":"Job"`, 1), `$.items[0].kind: "Job", want Pod`},
		{"no kind in a List", strings.Replace(string(podList(good)), `"kind":"Pod",`, ``, 1), `$.items[0].kind: "", want Pod`},
		{"no containers", string(podList(strings.Replace(good, `"containers":`, `"others":`, 1))), "$.items[0].spec.containers: none"},
		{"a member twice", strings.Replace(string(podList(good)), `"imageID":`, `"imageID":"`+image("2")+`","imageID":`, 1), "imageID"},
		{"another type", strings.Replace(string(podList(good)), `"`+image("1")+`"`, `1`, 1), "$.items[0].status.containerStatuses[0].imageID"},
		{"no time", strings.Replace(string(podList(good)), "03:05:00Z", "3:5", 1), "$.items[0].status.startTime"},
		{"before 1970", strings.Replace(string(podList(good)), "2026-01-02T03:05:00Z", "1960-01-02T03:05:00Z", 1), "want a time from 1970"},
		{"a service that is too long", strings.Replace(string(podList(good)), `"name":"web"`, `"name":"`+strings.Repeat("w", maxPlace)+`"`, 1), "want at most 1024"},
		{"a control character", strings.Replace(string(podList(good)), `"name":"web"`, `"name":"w\u001bb"`, 1), "without control characters"},
	} {
		if ds, skipped, err := ParsePods([]byte(tt.data), ""); err == nil || !strings.Contains(err.Error(), tt.want) || ds != nil || skipped != nil {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	if _, _, err := ParsePods(nil, strings.Repeat("e", maxPlace+1)); err == nil {
		t.Error("an environment that is too long")
	}
	if ds, _, err := ParsePods([]byte(strings.Replace(strings.Replace(string(podList(good)), `"kind":"Pod",`, ``, 1), `"List"`, `"PodList"`, 1)), ""); err != nil || len(ds) != 1 {
		t.Errorf("a PodList: %v, %v", ds, err)
	}
	if ds, _, err := ParsePods(podList(), ""); err != nil || ds != nil {
		t.Errorf("an empty cluster: %v, %v", ds, err)
	}
}

func FuzzParsePods(f *testing.F) {
	good := aPod("web", "ReplicaSet web-7d9f", "Running", "initContainers", [][3]string{{"x", "app", image("1")}}, "")
	f.Add([]byte(good))
	f.Add(podList(good, strings.Replace(good, "Running", "Succeeded", 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		ds, skipped, err := ParsePods(data, "e")
		if err != nil {
			return
		}
		again, more, err := ParsePods(data, "e")
		if err != nil || !slices.Equal(ds, again) || len(skipped) != len(more) {
			t.Errorf("read twice: %v and %v, %v", ds, again, err)
		}
		for i := range ds {
			if err := ds[i].check(); err != nil {
				t.Errorf("%+v: %v", ds[i], err)
			}
		}
		// What is read is in what everybody reads.
		var any map[string]json.RawMessage
		if err := json.Unmarshal(data, &any); err != nil {
			t.Errorf("not JSON: %v", err)
		}
		for _, d := range ds {
			if !bytes.Contains(data, []byte(d.Digest.Hex())) && !bytes.Contains(data, []byte(`\u`)) {
				t.Errorf("%s is not there", d.Digest)
			}
		}
	})
}
