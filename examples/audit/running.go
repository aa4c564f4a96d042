package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/images"
	"github.com/hallmark-dev/hallmark/sign/oci"
)

// Bounds of what is audited.
const (
	maxInput  = 256 << 20 // bytes
	maxImages = 100_000   // different ones
)

// A running is one thing that runs.
type running struct {
	name       string // what it is told by
	repository string // empty if nothing tells it
	artifact   hallmark.Artifact
	image      oci.Image // the zero Image if it is told by a digest alone
	unknown    error     // why it is not known what runs

	// configuration says that a node told a digest alone.
	configuration bool

	tags   []string // what it was started by, each with the digest that runs: "registry.example/app:v1@sha256:…"
	places []place
}

// A place is where something runs: a container of a Pod, or a volume.
type place struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Field     string `json:"field"` // of the specification: "containers", "volumes" and so on
	Name      string `json:"name"`
}

func (p place) String() string {
	return fmt.Sprintf("%s/%s %s %q", p.Namespace, p.Pod, p.Field, p.Name)
}

// An inventory is what runs, each thing once.
type inventory struct {
	all    []*running
	found  map[[2]string]*running // by name and repository
	places int
}

// add adds what runs at a place, which may be zero, and returns it, or what is known
// of the same already.
func (v *inventory) add(r *running, at place) (*running, error) {
	key := [2]string{r.name, r.repository}
	if had := v.found[key]; had != nil {
		r = had
	} else if len(v.all) == maxImages {
		return nil, fmt.Errorf("more than %d different images", maxImages)
	} else {
		v.all = append(v.all, r)
		v.found[key] = r
	}
	if at != (place{}) {
		v.places++
		r.places = append(r.places, at)
	}
	return r, nil
}

// addImage adds an image as a list names it, or as the status of a container does and
// the container's specification.
func (v *inventory) addImage(id, spec string, at place) error {
	for _, prefix := range []string{"docker-pullable://", "docker://"} {
		id = strings.TrimPrefix(id, prefix)
	}
	d, err := hallmark.ParseDigest(id)
	if err == nil && d.Secure() {
		_, err := v.add(&running{name: d.String(), repository: repositoryOf(spec), configuration: at != (place{}), artifact: hallmark.Artifact{Name: d.String(), Digests: []hallmark.Digest{d}}}, at)
		return err
	}
	var image oci.Image
	// A digest that is malformed is no image with a tag.
	if !strings.HasPrefix(id, "sha256:") {
		image, err = images.ParseContainer(id)
	}
	if err != nil {
		_, err := v.add(&running{name: id, unknown: err}, at)
		return err
	}
	r, err := v.add(&running{name: image.String(), repository: image.Repository(), artifact: image.Artifact(), image: image}, at)
	if err != nil {
		return err
	}
	if spec == "" {
		spec = id
	}
	if tag := tagged(spec); tag != "" {
		tag += "@" + image.Digest().String()
		if !slices.Contains(r.tags, tag) {
			r.tags = append(r.tags, tag)
		}
	}
	return nil
}

// tagged returns a reference with its registry and its tag, without a digest; or "" if it
// has a digest and no tag. Without either it has the tag that container runtimes take.
func tagged(reference string) string {
	name, _, byDigest := strings.Cut(images.Normal(reference), "@")
	_, path, _ := strings.Cut(name, "/")
	switch {
	case strings.Contains(path, ":"):
		return name
	case byDigest:
		return ""
	}
	return name + ":latest"
}

// repositoryOf returns the repository of a reference, or "".
func repositoryOf(reference string) string {
	if reference == "" {
		return ""
	}
	name, _, _ := strings.Cut(images.Normal(reference), "@")
	host, path, _ := strings.Cut(name, "/")
	path, _, _ = strings.Cut(path, ":")
	return host + "/" + path
}

// parse reads what runs: what kubectl prints of Pods as JSON, or a list of digests and
// references.
func parse(data []byte) (*inventory, error) {
	v := &inventory{found: make(map[[2]string]*running)}
	read := v.list
	switch text := bytes.TrimLeft(data, " \t\r\n"); {
	case len(text) == 0:
		return nil, errors.New("it is empty: neither Pods nor a list of images")
	case text[0] == '{':
		read = v.pods
	case text[0] == '[':
		return nil, errors.New("a JSON array: want what kubectl get pods -o json prints, or a list of images")
	}
	if err := read(data); err != nil {
		return nil, err
	}
	for _, r := range v.all {
		slices.Sort(r.tags)
		slices.SortFunc(r.places, func(a, b place) int { return strings.Compare(a.String(), b.String()) })
	}
	slices.SortFunc(v.all, func(a, b *running) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.repository, b.repository))
	})
	return v, nil
}

// list reads digests and references that blanks or the ends of lines separate; what
// follows a # is a comment.
func (v *inventory) list(data []byte) error {
	if bytes.IndexByte(data, 0) >= 0 {
		return errors.New("it is no text: want a list of images, or Pods as JSON")
	}
	for line := range bytes.Lines(data) {
		line, _, _ = bytes.Cut(line, []byte("#"))
		for _, word := range bytes.Fields(line) {
			if err := v.addImage(string(word), "", place{}); err != nil {
				return err
			}
		}
	}
	if len(v.all) == 0 {
		return errors.New("it has nothing but comments")
	}
	return nil
}

// A pod is what is read of a Pod.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
type pod struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Init      []container `json:"initContainers"`
		Main      []container `json:"containers"`
		Ephemeral []container `json:"ephemeralContainers"`
		Volumes   []struct {
			Name  string `json:"name"`
			Image *struct {
				Reference string `json:"reference"`
			} `json:"image"`
		} `json:"volumes"`
	} `json:"spec"`
	Status struct {
		Init      []container `json:"initContainerStatuses"`
		Main      []container `json:"containerStatuses"`
		Ephemeral []container `json:"ephemeralContainerStatuses"`
	} `json:"status"`
}

// A container is what a Pod's specification or its status says of one. ImageID is in the
// status alone, and is empty until the node has the image.
type container struct {
	Name    string `json:"name"`
	Image   string `json:"image"`
	ImageID string `json:"imageID"`
}

// pods reads a Pod, or a list of Pods.
func (v *inventory) pods(data []byte) error {
	var list struct {
		Kind     string
		Metadata struct{ Continue string }
		Items    []json.RawMessage
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&list); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("it ends in the middle")
		}
		return fmt.Errorf("malformed Pods: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("malformed Pods: something follows the document")
	}
	switch {
	case list.Kind == "Pod":
		list.Items = []json.RawMessage{data}
	case list.Kind != "List" && list.Kind != "PodList":
		return fmt.Errorf("malformed Pods: kind %.100q, want List or Pod: what kubectl get pods -o json prints", list.Kind)
	case list.Items == nil:
		return errors.New("malformed Pods: a list without items")
	case list.Metadata.Continue != "":
		return errors.New("malformed Pods: the list is not complete: it has a metadata.continue")
	}
	for i, item := range list.Items {
		var p pod
		if list.Kind == "PodList" {
			p.Kind = "Pod" // its items need not say it
		}
		err := json.Unmarshal(item, &p)
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			err = fmt.Errorf("%s: a %s, want another type", e.Field, e.Value)
		}
		if err != nil {
			return fmt.Errorf("malformed Pods: items[%d]: %w", i, err)
		}
		if p.Kind != "Pod" {
			return fmt.Errorf("malformed Pods: items[%d]: kind %.100q, want Pod", i, p.Kind)
		}
		if len(p.Spec.Main) == 0 {
			return fmt.Errorf("malformed Pods: items[%d]: no spec.containers", i)
		}
		if err := v.pod(&p); err != nil {
			return fmt.Errorf("items[%d]: %w", i, err)
		}
	}
	return nil
}

// pod adds what runs in a Pod.
func (v *inventory) pod(p *pod) error {
	for _, part := range []struct {
		field           string
		specs, statuses []container
	}{
		{"initContainers", p.Spec.Init, p.Status.Init},
		{"containers", p.Spec.Main, p.Status.Main},
		{"ephemeralContainers", p.Spec.Ephemeral, p.Status.Ephemeral},
	} {
		specs := make(map[string]string)
		for _, c := range part.specs {
			specs[c.Name] = c.Image
		}
		for _, s := range part.statuses {
			spec, ok := specs[s.Name]
			if !ok {
				spec = s.Image
			}
			if s.ImageID == "" {
				continue
			}
			delete(specs, s.Name)
			if err := v.addImage(s.ImageID, spec, p.place(part.field, s.Name)); err != nil {
				return err
			}
		}
		for _, c := range part.specs { // of which the node has said nothing
			if _, ok := specs[c.Name]; ok {
				if err := v.pending(c.Image, p.place(part.field, c.Name)); err != nil {
					return err
				}
			}
		}
	}
	for _, volume := range p.Spec.Volumes {
		if volume.Image != nil {
			if err := v.pending(volume.Image.Reference, p.place("volumes", volume.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// pending adds an image of which no node has said what it is. With a digest it will be
// that or nothing.
func (v *inventory) pending(spec string, at place) error {
	if spec == "" {
		return fmt.Errorf("malformed Pods: %s: no image", at)
	}
	if image, err := images.ParseContainer(spec); err == nil {
		return v.addImage(image.String(), spec, at)
	}
	_, err := v.add(&running{name: spec, unknown: errors.New("no node has said yet which image this is (imageID), and it is named without a digest")}, at)
	return err
}

func (p *pod) place(field, name string) place {
	return place{p.Metadata.Namespace, p.Metadata.Name, field, name}
}
