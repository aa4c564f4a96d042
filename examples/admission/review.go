package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Bounds of a review.
const (
	// maxReview is the size of a review, in bytes. Objects in etcd are smaller
	// than 1.5 MiB, and an update has the old object too.
	maxReview = 4 << 20

	// maxNesting is how deep its arrays and objects may be nested.
	maxNesting = 64

	// maxValues is how many values it may have. Each takes some hundred bytes of
	// memory.
	maxValues = 200_000

	// maxImages is how many images an object may name.
	maxImages = 500

	// maxUID is the length of a uid, in bytes. Kubernetes has 36.
	maxUID = 128
)

// The API that this webhook speaks.
//
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
const (
	reviewVersion = "admission.k8s.io/v1"
	reviewKind    = "AdmissionReview"
)

// A response is the answer to a review.
type response struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Response   answer `json:"response"`
}

type answer struct {
	UID      string   `json:"uid"`
	Allowed  bool     `json:"allowed"`
	Status   *status  `json:"status,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// A status tells the user why. Code is one of HTTP.
type status struct {
	Code    int    `json:"code"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message"`
}

// A request is what this webhook wants to know of a review.
type request struct {
	uid       string
	operation string
	kind      string // "apps/v1 Deployment"
	namespace string
	name      string
	dryRun    bool

	images []container
	// leaving is an object that is being deleted and that this update gives no
	// image that it does not have.
	leaving bool
}

// A container is a place in an object that names an image.
type container struct {
	field string // "containers", "initContainers", "ephemeralContainers", "volumes"
	name  string
	image string
}

func (c container) String() string { return fmt.Sprintf("%s %.63q", c.field, c.name) }

// parseReview reads a review. With an error the request has the uid, if it could
// be read.
func parseReview(data []byte) (r request, err error) {
	doc, err := parseObject(data)
	if err != nil {
		return r, err
	}
	q := doc.object("request")
	r.uid = q.text("uid")
	if r.uid == "" || len(r.uid) > maxUID {
		r.uid = ""
		return r, errors.New("request.uid: there is none")
	}
	if v, k := doc.text("apiVersion"), doc.text("kind"); v != reviewVersion || k != reviewKind {
		return r, fmt.Errorf("it is %.100q %.100q, want %q %q", v, k, reviewVersion, reviewKind)
	}
	r.operation, r.namespace, r.name = q.text("operation"), q.text("namespace"), q.text("name")
	if v, ok := q["dryRun"]; ok && v != nil {
		if r.dryRun, ok = v.(bool); !ok {
			return r, errors.New("request.dryRun: want true or false")
		}
	}
	kind := q.object("kind")
	gvk := strings.TrimPrefix(kind.text("group")+"/"+kind.text("version"), "/")
	r.kind = gvk + " " + kind.text("kind")
	if r.operation != "CREATE" && r.operation != "UPDATE" {
		return r, fmt.Errorf("operation %.100q, want CREATE or UPDATE", r.operation)
	}
	// An ephemeral container comes with the whole Pod. Every other subresource
	// has a part of the object, or none.
	if sub := q.text("subResource"); sub != "" && (sub != "ephemeralcontainers" || r.kind != "v1 Pod") {
		return r, fmt.Errorf("subresource %.100q of %.200s is not known", sub, r.kind)
	}
	if r.images, err = imagesOf(r.kind, gvk, kind.text("kind"), q, "object"); err != nil {
		return r, err
	}
	if old := q.object("oldObject"); r.operation == "UPDATE" && deleted(q.object("object")) && deleted(old) {
		had, err := imagesOf(r.kind, gvk, kind.text("kind"), q, "oldObject")
		if err != nil {
			return r, err
		}
		r.leaving = true
		for _, c := range r.images {
			found := false
			for _, h := range had {
				found = found || h == c
			}
			r.leaving = r.leaving && found
		}
	}
	return r, nil
}

// deleted reports whether the API server has begun to delete o: only it can set
// the member.
func deleted(o object) bool { return o.object("metadata").text("deletionTimestamp") != "" }

// podSpec returns where an object of a kind has the specification of its Pods, or
// nil for a kind that is not known.
func podSpec(kind string) []string {
	switch kind {
	case "v1 Pod":
		return []string{"spec"}
	case "apps/v1 Deployment", "apps/v1 StatefulSet", "apps/v1 DaemonSet", "apps/v1 ReplicaSet", "batch/v1 Job", "v1 ReplicationController":
		return []string{"spec", "template", "spec"}
	case "batch/v1 CronJob":
		return []string{"spec", "jobTemplate", "spec", "template", "spec"}
	}
	return nil
}

// imagesOf returns every image that the object in member of q names.
func imagesOf(kind, apiVersion, name string, q object, member string) ([]container, error) {
	path := podSpec(kind)
	if path == nil {
		return nil, fmt.Errorf("kind %.200q is not known", kind)
	}
	spec := q.object(member)
	if v, k := spec.text("apiVersion"), spec.text("kind"); v != apiVersion || k != name {
		return nil, fmt.Errorf("request.%s is %.100q %.100q, but request.kind is %.200q", member, v, k, kind)
	}
	at := "request." + member
	for _, name := range path {
		at += "." + name
		if spec = spec.object(name); spec == nil {
			return nil, fmt.Errorf("%s: there is none", at)
		}
	}
	var all []container
	for _, field := range []string{"initContainers", "containers", "ephemeralContainers", "volumes"} {
		list, ok := spec[field].([]any)
		if !ok && spec[field] != nil {
			return nil, fmt.Errorf("%s.%s: want a list", at, field)
		}
		for i, e := range list {
			c, ok := e.(object)
			if !ok {
				return nil, fmt.Errorf("%s.%s[%d]: want an object", at, field, i)
			}
			image := c
			member := "image"
			if field == "volumes" {
				// A volume may be an image too, with programs in it.
				if c["image"] == nil {
					continue
				}
				image, member = c.object("image"), "reference"
			}
			ref, ok := image[member].(string)
			if !ok || ref == "" {
				return nil, fmt.Errorf("%s.%s[%d]: no image", at, field, i)
			}
			all = append(all, container{field, c.text("name"), ref})
		}
	}
	// There is no Pod without a container: this would be an object that is misread.
	if list, _ := spec["containers"].([]any); len(list) == 0 {
		return nil, fmt.Errorf("%s.containers: there are none", at)
	}
	if len(all) > maxImages {
		return nil, fmt.Errorf("%d images, at most %d are verified", len(all), maxImages)
	}
	return all, nil
}

// An object is a JSON object. Its methods return the zero value for a member that
// is missing or of another type, which those who ask refuse.
type object map[string]any

func (o object) object(name string) object {
	v, _ := o[name].(object)
	return v
}

func (o object) text(name string) string {
	v, _ := o[name].(string)
	return v
}

// parseObject parses a JSON object. It is stricter than [json.Unmarshal], so that
// nothing is read here that the API server reads otherwise: a name that is there
// twice is an error, and names are compared byte by byte.
func parseObject(data []byte) (object, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	left := maxValues
	v, err := parseValue(dec, 0, &left)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the document")
	}
	o, ok := v.(object)
	if !ok {
		return nil, errors.New("it is not an object")
	}
	return o, nil
}

// parseValue parses a value, and counts it and those in it down from left.
func parseValue(dec *json.Decoder, depth int, left *int) (any, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("nested deeper than %d", maxNesting)
	}
	if *left--; *left < 0 {
		return nil, fmt.Errorf("more than %d values", maxValues)
	}
	t, err := dec.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		o := make(object)
		for dec.More() {
			t, err := dec.Token()
			if err != nil {
				return nil, err
			}
			name, ok := t.(string)
			if !ok {
				return nil, errors.New("a name that is no string")
			}
			if _, ok := o[name]; ok {
				return nil, fmt.Errorf("member %.100q is there twice", name)
			}
			if o[name], err = parseValue(dec, depth+1, left); err != nil {
				return nil, err
			}
		}
		_, err := dec.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := parseValue(dec, depth+1, left)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.Token()
		return list, err
	}
	return t, nil
}
