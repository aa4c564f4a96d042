package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate/gatetest"
	"github.com/hallmark-dev/hallmark/examples/internal/images/imagestest"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/oci"
	"github.com/hallmark-dev/hallmark/verify"
)

// audit runs the program and returns what it prints.
func audit(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stdout := os.Stdout
	os.Stdout = out
	err = run(t.Context(), args)
	os.Stdout = stdout
	text, readErr := os.ReadFile(out.Name())
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(text), err
}

// records runs the program with -json.
func records(t *testing.T, args ...string) (map[string]record, error) {
	t.Helper()
	text, err := audit(t, append([]string{"-json"}, args...)...)
	all := make(map[string]record)
	last := ""
	for line := range strings.Lines(text) {
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if r.Image < last {
			t.Errorf("%s comes after %s", r.Image, last)
		}
		last = r.Image
		all[r.Image] = r
	}
	return all, err
}

func args(s *gatetest.Site, more ...string) []string {
	return append([]string{"-policy", s.Path("policy.yaml"), "-key", "release=" + s.Path("release.pub"), "-evidence", s.Path("evidence")}, more...)
}

// site returns one with evidence of the image good, and of bad, which was built by
// somebody else.
func site(t *testing.T) *gatetest.Site {
	t.Helper()
	s := gatetest.New(t)
	s.Good("good")
	s.Sign(s.Signer, "bad", gatetest.Provenance("bad", "https://example.com/other", gatetest.Source))
	return s
}

type doc = map[string]any

// aPod returns a Pod with containers of one kind: each its name, the image that it was
// started by, and the imageID that its node tells.
func aPod(name, field string, containers ...[3]string) doc {
	statuses := map[string]string{"initContainers": "initContainerStatuses", "containers": "containerStatuses", "ephemeralContainers": "ephemeralContainerStatuses"}
	spec := doc{"containers": []any{doc{"name": "main", "image": gatetest.Image("good")}}, "nodeName": "node-1", "restartPolicy": "Always"}
	status := doc{"phase": "Running", "containerStatuses": []any{doc{"name": "main", "image": gatetest.Image("good"), "imageID": gatetest.Image("good"), "ready": true}}}
	var specs, told []any
	for _, c := range containers {
		specs = append(specs, doc{"name": c[0], "image": c[1], "resources": doc{}})
		told = append(told, doc{"name": c[0], "image": c[1], "imageID": c[2], "state": doc{"running": doc{"startedAt": "2026-01-02T03:04:05Z"}}})
	}
	if specs != nil {
		spec[field], status[statuses[field]] = specs, told
	}
	return doc{"apiVersion": "v1", "kind": "Pod", "metadata": doc{"namespace": "shop", "name": name, "uid": "1"}, "spec": spec, "status": status}
}

func list(pods ...doc) string {
	items := []any{}
	for _, p := range pods {
		items = append(items, p)
	}
	data, err := json.MarshalIndent(doc{"apiVersion": "v1", "kind": "List", "metadata": doc{"resourceVersion": ""}, "items": items}, "", "    ")
	if err != nil {
		panic(err)
	}
	return string(data)
}

// What a node tells of a container is what counts, in whatever form.
func TestPods(t *testing.T) {
	s := site(t)
	const rejected, undecided = verify.Rejected, verify.Undecided
	at := gatetest.Digest
	for _, tt := range []struct {
		name, spec, id string
		image          string // in the output
		verdict        string
		want           string // of the error
	}{
		{"containerd", "registry.example/team/app:v1", gatetest.Image("bad"), gatetest.Image("bad"), rejected, ""},
		{"dockershim", "registry.example/team/app:v1", "docker-pullable://" + gatetest.Image("bad"), gatetest.Image("bad"), rejected, ""},
		{"with a tag", "registry.example/team/app:v1", "registry.example/team/app:v1@" + at("bad"), gatetest.Image("bad"), rejected, ""},
		{"by digest", "registry.example/team/app@" + at("bad"), gatetest.Image("bad"), gatetest.Image("bad"), rejected, ""},
		{"another than asked for", gatetest.Image("good"), gatetest.Image("bad"), gatetest.Image("bad"), rejected, ""},
		{"short", "nginx", "docker-pullable://nginx@" + at("bad"), "docker.io/library/nginx@" + at("bad"), rejected, ""},
		{"configuration", "registry.example/team/app:v1", "docker://" + at("bad"), at("bad"), undecided, "the node tells the image's configuration"},
		{"bare digest", "registry.example/team/app:v1", at("unknown"), at("unknown"), undecided, "the node tells the image's configuration"},
		{"bare digest that is attested", "registry.example/team/app:v1", at("good"), at("good"), verify.Accepted, ""},
		{"no digest", "registry.example/team/app:v1", "registry.example/team/app:v1", "registry.example/team/app:v1", undecided, "it has a tag, which can move, and no digest: resolve the tag once"},
		{"nonsense", "registry.example/team/app:v1", "sha256:12", "sha256:12", undecided, "malformed"},
		{"pending", "registry.example/team/app:v1", "", "registry.example/team/app:v1", undecided, "no node has said yet which image this is"},
		{"pending, by digest", "registry.example/team/app:v1@" + at("bad"), "", gatetest.Image("bad"), rejected, ""},
	} {
		for _, field := range []string{"containers", "initContainers", "ephemeralContainers"} {
			file := s.Write("pods.json", list(aPod("web-1", field, [3]string{"x", tt.spec, tt.id}), aPod("web-0", field, [3]string{"x", tt.spec, tt.id})))
			all, err := records(t, args(s, file)...)
			r := all[tt.image]
			if r.Report == nil || r.Report.Verdict != tt.verdict || !strings.Contains(r.Report.Error, tt.want) {
				t.Errorf("%s %s: %+v of %d", tt.name, field, r.Report, len(all))
				continue
			}
			places := []place{{"shop", "web-0", field, "x"}, {"shop", "web-1", field, "x"}}
			if !slices.Equal(r.Places, places) {
				t.Errorf("%s %s: in %q", tt.name, field, r.Places)
			}
			if end := map[string]bool{verify.Accepted: err == nil, rejected: errors.Is(err, cli.ErrFindings), undecided: err != nil && !errors.Is(err, cli.ErrFindings)}; !end[tt.verdict] {
				t.Errorf("%s: ends with %v", tt.name, err)
			}
			if good, ok := all[gatetest.Image("good")]; field != "containers" && (!ok || good.Report.Verdict != verify.Accepted || len(good.Places) != 2) {
				t.Errorf("%s %s: beside it %+v", tt.name, field, good)
			}
		}
	}

	// A container that its node has not told of yet, one that the specification does
	// not have, and an image as a volume.
	p := aPod("web", "containers", [3]string{"x", "a", gatetest.Image("good")})
	p["spec"].(doc)["containers"] = append(p["spec"].(doc)["containers"].([]any), doc{"name": "late", "image": "registry.example/late:v1"})
	p["status"].(doc)["initContainerStatuses"] = []any{doc{"name": "y", "image": "b", "imageID": gatetest.Image("bad")}}
	p["spec"].(doc)["volumes"] = []any{doc{"name": "none", "emptyDir": doc{}}, doc{"name": "models", "image": doc{"reference": "registry.example/models:v1"}}}
	all, _ := records(t, args(s, s.Write("pods.json", list(p)))...)
	for image, want := range map[string]string{
		gatetest.Image("bad"):        `shop/web initContainers "y"`,
		"registry.example/late:v1":   `shop/web containers "late"`,
		"registry.example/models:v1": `shop/web volumes "models"`,
	} {
		if got := all[image].Places; len(got) != 1 || got[0].String() != want {
			t.Errorf("%s is in %q, want %s", image, got, want)
		}
	}
}

// A list has digests and references, one line each or many on one.
func TestList(t *testing.T) {
	s := site(t)
	text := fmt.Sprintf("# what runs\n%s  # twice\n%s docker-pullable://%s\r\n\n\t%s %s", gatetest.Digest("good"), gatetest.Image("good"), gatetest.Image("good"), gatetest.Image("bad"), "registry.example/team/app:v1")
	all, err := records(t, args(s, s.Write("list", text))...)
	if len(all) != 4 || err == nil || !strings.Contains(err.Error(), "registry.example/team/app:v1: malformed image reference") || !strings.Contains(err.Error(), "resolve the tag once") {
		t.Errorf("%d records, %v", len(all), err)
	}
	for image, want := range map[string]string{
		gatetest.Digest("good"): verify.Accepted, gatetest.Image("good"): verify.Accepted,
		gatetest.Image("bad"): verify.Rejected, "registry.example/team/app:v1": verify.Undecided,
	} {
		if r := all[image]; r.Report == nil || r.Report.Verdict != want || r.Places != nil {
			t.Errorf("%s: %+v, want %s", image, r.Report, want)
		}
	}
	if _, err := audit(t, args(s, s.Write("list", "sha256:abc"))...); err == nil || errors.Is(err, cli.ErrFindings) || !strings.Contains(err.Error(), `sha256:abc: malformed digest "sha256:abc": 3 digits`) {
		t.Errorf("half a digest: %v", err)
	}
	if _, err := audit(t, args(s, s.Write("list", gatetest.Image("good")))...); err != nil {
		t.Errorf("what is accepted: %v", err)
	}
	if _, err := audit(t, args(s, s.Write("list", gatetest.Image("bad")))...); !errors.Is(err, cli.ErrFindings) {
		t.Errorf("what is rejected: %v", err)
	}
}

// Each image has the policy of its repository.
func TestPolicies(t *testing.T) {
	s := site(t)
	s.Write("other.yaml", strings.Replace(gatetest.Policy, gatetest.Source, "https://example.com/elsewhere", 1))
	base := []string{"-key", "release=" + s.Path("release.pub"), "-evidence", s.Path("evidence"), "-policy", "registry.example/team/*=" + s.Path("policy.yaml"), "-policy", "registry.example/team/other=" + s.Path("other.yaml")}
	d := gatetest.Digest("good")
	all, err := records(t, append(base, s.Write("list", fmt.Sprintf("registry.example/team/app@%s registry.example/team/other@%s registry.example/app@%s %s", d, d, d, d)))...)
	for image, want := range map[string]string{
		"registry.example/team/app@" + d:   verify.Accepted,
		"registry.example/team/other@" + d: verify.Rejected,
		"registry.example/app@" + d:        verify.Undecided,
		d:                                  verify.Undecided,
	} {
		if r := all[image]; r.Report == nil || r.Report.Verdict != want {
			t.Errorf("%s: %+v, want %s", image, r.Report, want)
		}
	}
	if err == nil || !strings.Contains(err.Error(), "there is no policy for registry.example/app") || !strings.Contains(err.Error(), "(and 1 more)") {
		t.Errorf("%v", err)
	}
}

// The text says everything once, whatever was written by somebody else.
func TestText(t *testing.T) {
	s := site(t)
	var pods []doc
	for i := range 8 {
		pods = append(pods, aPod(fmt.Sprint("web-", i), "initContainers", [3]string{"setup", "registry.example/team/app:v1", gatetest.Image("bad")}))
	}
	pods[0]["metadata"] = doc{"namespace": "shop", "name": "x\n\x1b[2Jaccepted"}
	file := s.Write("pods.json", list(pods...))
	text, err := audit(t, args(s, file)...)
	if !errors.Is(err, cli.ErrFindings) {
		t.Errorf("%v\n%s", err, text)
	}
	for _, want := range []string{
		gatetest.Image("good") + " accepted: built by " + provenance.LocalBuilder + " from " + gatetest.Source,
		gatetest.Image("bad") + " rejected\n  builder: got https://example.com/other, want " + provenance.LocalBuilder,
		"\n  next: ", "\n  in 3 more\n",
		"2 images in 16 places: 1 accepted, 1 rejected, 0 undecided\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") || strings.Contains(text, "\n\x1b") {
		t.Errorf("a name steers the terminal: %q", text)
	}
	if again, _ := audit(t, args(s, file)...); again != text {
		t.Errorf("the second time it is\n%s", again)
	}
}

// Bad input is one line, and prints nothing.
func TestBadInput(t *testing.T) {
	s := site(t)
	whole := list(aPod("web", "containers"))
	file := s.Write("pods.json", whole)
	if text, err := audit(t, args(s, file)...); err != nil || !strings.HasSuffix(text, "1 images in 1 places: 1 accepted, 0 rejected, 0 undecided\n") {
		t.Fatalf("%v\n%s", err, text)
	}
	n := 0
	in := func(text string) []string {
		n++
		return args(s, s.Write(fmt.Sprint("in", n), text))
	}
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no policy":           {[]string{"-evidence", s.Path("evidence"), file}, "no -policy"},
		"no evidence":         {[]string{"-policy", s.Path("policy.yaml"), file}, "no -evidence"},
		"missing policy":      {args(s, "-policy", "registry.example/x="+s.Path("none"), file), "no such file"},
		"empty policy":        {args(s, "-policy", "registry.example/x="+s.Write("empty", ""), file), "malformed policy: it is empty"},
		"policy with nothing": {args(s, "-policy", "registry.example/x="+s.Write("nothing", "source: https://example.com/app"), file), "no builders"},
		"wrong key":           {append(args(s, file)[:3:3], "release="+s.Path("policy.yaml"), "-evidence", s.Path("evidence"), file), "no PEM block"},
		"no key":              {[]string{"-policy", s.Path("policy.yaml"), "-evidence", s.Path("evidence"), file}, "give it with -key release=FILE"},
		"missing evidence":    {append(args(s)[:4:4], "-evidence", s.Path("none"), file), "no such file"},
		"broken evidence":     {append(args(s)[:4:4], "-evidence", s.Write("broken.intoto.jsonl", "{"), file), "no evidence can be read"},
		"missing file":        {args(s, s.Path("none")), "no such file"},
		"a directory":         {args(s, s.Dir), "is a directory"},
		"two files":           {args(s, file, file), "want one FILE"},
		"empty":               {in(""), ": it is empty"},
		"blanks":              {in(" \n"), ": it is empty"},
		"comments":            {in("# nothing\n"), "nothing but comments"},
		"binary":              {in("\x00"), "no text"},
		"array":               {in("[]"), "a JSON array"},
		"cut short":           {in(whole[:len(whole)/2]), "malformed Pods: it ends in the middle"},
		"two documents":       {in(whole + whole), "something follows"},
		"another kind":        {in(`{"kind":"DeploymentList","items":[]}`), `kind "DeploymentList", want List or Pod`},
		"another item":        {in(`{"kind":"List","items":[{"kind":"Deployment"}]}`), `items[0]: kind "Deployment", want Pod`},
		"no items":            {in(`{"kind":"List"}`), "without items"},
		"a part":              {in(`{"kind":"PodList","metadata":{"continue":"x"},"items":[]}`), "not complete"},
		"an empty Pod":        {in(`{"kind":"PodList","items":[{}]}`), "items[0]: no spec.containers"},
		"no image":            {in(`{"kind":"PodList","items":[{"spec":{"containers":[{"name":"x"}]}}]}`), "no image"},
		"another type":        {in(`{"kind":"PodList","items":[{"spec":{"containers":"x"}}]}`), "items[0]: spec.containers: a string, want another type"},
		"drift":               {args(s, "-drift", file), "-registry"},
		"oci":                 {append(args(s)[:4:4], "-evidence", "oci", file), "-registry"},
		"time":                {args(s, "-at", "yesterday", file), "want a time such as"},
		"unsigned policy":     {args(s, "-policy-key", s.Path("release.pub"), file), "not signed, as -policy-key demands"},
		"older policy":        {args(s, "-min-serial", "1", file), "no serial"},
		"timeout":             {args(s, "-timeout", "0s", file), "positive"},
		"flag":                {args(s, "-nonsense", file), "-h lists the flags"},
	} {
		text, err := audit(t, tt.args...)
		if err == nil || errors.Is(err, cli.ErrFindings) || !strings.Contains(err.Error(), tt.want) || text != "" {
			t.Errorf("%s: %v, want %s; printed %q", name, err, tt.want, text)
		}
	}
	// That nothing runs is an answer.
	for _, kind := range []string{"List", "PodList"} {
		if text, err := audit(t, in(`{"kind":"`+kind+`","items":[]}`)...); err != nil || text != "0 images: 0 accepted, 0 rejected, 0 undecided\n" {
			t.Errorf("an empty %s: %v, %q", kind, err, text)
		}
	}
}

// What is attached to images is found in the registries that may be asked, and so is
// what tags name now.
func TestRegistry(t *testing.T) {
	s := gatetest.New(t)
	t.Setenv("DOCKER_CONFIG", s.Dir)
	g := &imagestest.Registry{API: true}
	name, digest := g.Start(t)
	host, _, _ := strings.Cut(name, "/")
	other := g.Put("v2", imagestest.Image("two"))
	image, err := oci.ParseImage(name + "@" + digest)
	if err != nil {
		t.Fatal(err)
	}
	payload := strings.ReplaceAll(string(gatetest.Provenance("x", provenance.LocalBuilder, gatetest.Source)), gatetest.Digest("x")[7:], digest[7:])
	env, err := sign.Sign(t.Context(), provenance.MediaType, []byte(payload), s.Signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Client().Attach(t.Context(), image, env); err != nil {
		t.Fatal(err)
	}
	base := func(more ...string) []string {
		return append([]string{"-policy", s.Path("policy.yaml"), "-key", "release=" + s.Path("release.pub"), "-evidence", "oci", "-registry", host, "-plain-http"}, more...)
	}
	all, err := records(t, base(s.Write("list", fmt.Sprintf("%s@%s %s@%s registry.example/x@%s %s", name, digest, name, other, other, other)))...)
	for image, want := range map[string]string{
		name + "@" + digest:           verify.Accepted,
		name + "@" + other:            verify.Rejected,
		"registry.example/x@" + other: verify.Undecided,
		other:                         verify.Undecided,
	} {
		if r := all[image]; r.Report == nil || r.Report.Verdict != want {
			t.Errorf("%s: %+v, want %s", image, r.Report, want)
		}
	}
	if err == nil || !strings.Contains(err.Error(), "registry registry.example is not one that is asked") && !strings.Contains(err.Error(), "a digest alone is in no registry") {
		t.Errorf("%v", err)
	}

	pods := func(tag string) string {
		p := aPod("web", "containers", [3]string{"x", name + ":" + tag, name + "@" + digest})
		p["spec"].(doc)["initContainers"] = []any{doc{"name": "y", "image": name + "@" + digest}}
		return s.Write("pods.json", list(p))
	}
	for _, tt := range []struct{ tag, text string }{
		{"v1", "1 accepted, 0 rejected, 0 undecided, 0 tags moved\n"},
		{"v2", "  tag " + name + ":v2 has moved: it is " + other + " now\n"},
		{"v3", "  tag " + name + ":v3 is not there any more\n"},
	} {
		text, err := audit(t, base("-drift", pods(tt.tag))...)
		if !strings.Contains(text, tt.text) || (err == nil) != (tt.tag == "v1") || err != nil && !errors.Is(err, cli.ErrFindings) {
			t.Errorf("%s: %v, want %q in\n%s", tt.tag, err, tt.text, text)
		}
		// Unasked, nobody looks.
		if text, err := audit(t, base(pods(tt.tag))...); err != nil || strings.Contains(text, "tag") {
			t.Errorf("%s without -drift: %v\n%s", tt.tag, err, text)
		}
	}
	all, err = records(t, base("-drift", pods("v2"))...)
	if tags := all[name+"@"+digest].Tags; len(tags) != 1 || tags[0] != (tag{Reference: name + ":v2@" + digest, Moved: true, Now: other}) || !errors.Is(err, cli.ErrFindings) {
		t.Errorf("%+v, %v", tags, err)
	}
	// A registry that does not answer says nothing of a tag.
	g.Refuse = func(r *http.Request) int {
		if strings.HasSuffix(r.URL.Path, "/v2") {
			return http.StatusForbidden
		}
		return 0
	}
	text, err := audit(t, base("-drift", pods("v2"))...)
	if err == nil || errors.Is(err, cli.ErrFindings) || !strings.Contains(err.Error(), "403") || !strings.Contains(text, "  tag "+name+":v2: drift of ") {
		t.Errorf("%v\n%s", err, text)
	}

	// An interrupt ends it, without half an answer, and so does the time for one image.
	ctx, cancel := context.WithCancelCause(t.Context())
	var interrupt atomic.Bool
	g.Refuse = func(r *http.Request) int {
		if interrupt.Load() {
			cancel(errors.New("enough"))
		}
		<-r.Context().Done()
		return 0
	}
	text, err = audit(t, base("-timeout", "50ms", pods("v1"))...)
	if err == nil || !strings.Contains(err.Error(), "no decision within 50ms") || !strings.Contains(text, "1 undecided") {
		t.Errorf("a slow registry: %v\n%s", err, text)
	}
	interrupt.Store(true)
	if err := run(ctx, base(pods("v1"))); err == nil || err.Error() != "enough" {
		t.Errorf("an interrupt: %v", err)
	}
}

// Many images are decided about at once, and told in order.
func TestMany(t *testing.T) {
	s := gatetest.New(t)
	var text strings.Builder
	for i := range 200 {
		name := fmt.Sprint("image", i)
		if i%3 > 0 {
			s.Good(name)
		}
		fmt.Fprintln(&text, gatetest.Image(name))
	}
	all, err := records(t, args(s, s.Write("list", text.String()))...)
	if len(all) != 200 || !errors.Is(err, cli.ErrFindings) {
		t.Fatalf("%d records, %v", len(all), err)
	}
	for i := range 200 {
		r := all[gatetest.Image(fmt.Sprint("image", i))]
		if want := map[bool]string{true: verify.Accepted, false: verify.Rejected}[i%3 > 0]; r.Report == nil || r.Report.Verdict != want {
			t.Errorf("image %d: %+v, want %s", i, r.Report, want)
		}
	}
}

// What is signed without a key is accepted by a trusted root.
func TestKeyless(t *testing.T) {
	cases, digest, root := gatetest.KeylessCases(t)
	s := gatetest.New(t)
	policy := s.Write("keyless.yaml", gatetest.KeylessPolicy)
	file := s.Write("list", gatetest.Repository+"@"+digest)
	for _, c := range cases {
		all, err := records(t, "-policy", policy, "-trusted-root", root, "-evidence", c.Bundle, file)
		// A bundle that cannot be read leaves no record.
		if r := all[gatetest.Repository+"@"+digest]; (err == nil) != c.Accept || (r.Report != nil && r.Report.Verdict == verify.Accepted) != c.Accept {
			t.Errorf("%s: %+v, %v, want accepted %v", c.ID, r.Report, err, c.Accept)
		}
	}
	if _, err := audit(t, "-policy", policy, "-evidence", cases[0].Bundle, file); err == nil || !strings.Contains(err.Error(), "give the trusted root of its Sigstore instance with -trusted-root FILE") {
		t.Errorf("without a trusted root: %v", err)
	}
}

func FuzzInput(f *testing.F) {
	f.Add([]byte(gatetest.Image("x") + "\n"))
	f.Add([]byte(list(aPod("web", "containers", [3]string{"x", "a:v1", "docker-pullable://" + gatetest.Image("x")}))))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parse(data)
		if err != nil {
			return
		}
		for _, r := range v.all {
			if (r.unknown == nil) != (len(r.artifact.Digests) == 1) {
				t.Errorf("%+v", r)
			}
			for _, tag := range r.tags {
				if !strings.HasSuffix(tag, "@"+r.artifact.Digests[0].String()) {
					t.Errorf("tag %s of %s", tag, r.name)
				}
			}
		}
	})
}
