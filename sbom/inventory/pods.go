package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// ParsePods reads what runs in a cluster, as it prints its Pods:
//
//	kubectl get pods --all-namespaces -o json
//
// It returns a [Deployment] in the environment for each digest that a service runs,
// sorted by service and digest: what [Inventory.Snapshot] takes, with the time at which
// the cluster was asked.
//
// The digest is that of the image which the node says that it runs (imageID), of
// containers of all kinds; if the Pod's specification names another one, as it does of
// an image for several platforms, there is a Deployment for that too. An image that a
// node has not told of yet, or that is a volume, has the digest that the specification
// names. A node that tells a digest without a repository may tell that of the image's
// configuration: it is taken as it is, unless the specification has another one. An image
// is found in the inventory by the digests that its records have, whichever of these it
// is that a node tells.
//
// The Service is the namespace and the name of what keeps the Pod running, "shop/web":
// the Deployment, StatefulSet, DaemonSet or Job, or the Pod itself. From is when the
// first of its Pods that has the digest began, and To, of those that all have ended,
// when the last one did.
//
// What is named by a tag alone is among skipped, an error for each, because which
// artifact it is cannot be known. It is an error if data is anything else than a Pod, or
// a whole list of Pods, or if it is over a bound.
func ParsePods(data []byte, environment string) (ds []Deployment, skipped []error, err error) {
	malformed := func(format string, a ...any) ([]Deployment, []error, error) {
		return nil, nil, fmt.Errorf("malformed Pods: %w", fmt.Errorf(format, a...))
	}
	if len(data) > MaxPods {
		return malformed("%d bytes, at most %d are read", len(data), MaxPods)
	}
	if err := checkPlace(environment); err != nil {
		return nil, nil, fmt.Errorf("inventory: environment %w", err)
	}
	var whole pod // if it is one
	var pods []pod
	list := false
	err = strictjson.Read(data, func(r *strictjson.Reader) error {
		return r.Object(func(name string) error {
			if name != "items" {
				return whole.member(r, name)
			}
			list = true
			return r.Array(func(int) error {
				var p pod
				err := r.Object(func(name string) error { return p.member(r, name) })
				pods = append(pods, p)
				return err
			})
		})
	})
	switch {
	case err != nil:
		return malformed("%w", err)
	case whole.kind == "Pod" && !list:
		pods = []pod{whole}
	case whole.kind != "List" && whole.kind != "PodList":
		return malformed("$.kind: %.100q, want List or Pod: what kubectl get pods -o json prints", whole.kind)
	case !list:
		return malformed("a list without items")
	case whole.rest != "":
		return malformed("the list is not complete: it has a metadata.continue")
	}

	type key struct {
		service string
		digest  hallmark.Digest
	}
	found := make(map[key]*Deployment)
	for i := range pods {
		p := &pods[i]
		switch {
		case p.kind != "Pod" && (p.kind != "" || whole.kind != "PodList"): // whose items need not say it
			return malformed("$.items[%d].kind: %.100q, want Pod", i, p.kind)
		case len(p.containers) == 0:
			return malformed("$.items[%d].spec.containers: none", i)
		}
		images, errs := p.images()
		skipped = append(skipped, errs...)
		for _, d := range images {
			d := Deployment{d, environment, p.service(), p.started, p.ended()}
			if err := d.check(); err != nil {
				return malformed("$.items[%d]: %w", i, err)
			}
			had := found[key{d.Service, d.Digest}]
			if had == nil {
				if len(found) == MaxDeployments {
					return malformed("more than %d digests of services", MaxDeployments)
				}
				found[key{d.Service, d.Digest}] = &d
				continue
			}
			if had.From.IsZero() || !d.From.IsZero() && d.From.Before(had.From) {
				had.From = d.From
			}
			if d.To.IsZero() || !had.To.IsZero() && d.To.After(had.To) {
				had.To = d.To
			}
		}
	}
	for _, d := range found {
		ds = append(ds, *d)
	}
	slices.SortFunc(ds, func(a, b Deployment) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Digest.String(), b.Digest.String()))
	})
	return ds, skipped, nil
}

// A pod is what is read of a Pod, or of the list that it is in.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
type pod struct {
	kind, namespace, name string
	rest                  string   // of a list: how to ask for its rest
	hashes                []string // that a ReplicaSet has behind the name of what made it
	ownerKind, owner      string   // what keeps it running
	phase                 string
	started               time.Time
	initial, containers   []container
	ephemeral, volumes    []container
	told                  [3][]container // what the node says of the three kinds of containers
}

// A container is what a Pod's specification or its status says of one.
type container struct {
	name, image, id string
	finished        time.Time
}

// member reads the value of a member of a Pod. Members that do not matter here are
// passed over.
func (p *pod) member(r *strictjson.Reader, name string) error {
	switch name {
	case "kind":
		return text(r, &p.kind)
	case "metadata":
		return object(r, func(name string) error {
			switch name {
			case "namespace":
				return text(r, &p.namespace)
			case "name":
				return text(r, &p.name)
			case "continue":
				return text(r, &p.rest)
			case "labels":
				return object(r, func(name string) error {
					if name != "pod-template-hash" && name != "rollouts-pod-template-hash" {
						return r.Skip()
					}
					var hash string
					err := text(r, &hash)
					p.hashes = append(p.hashes, hash)
					return err
				})
			case "ownerReferences":
				return array(r, func() error {
					var kind, name string
					controller := false
					err := object(r, func(member string) error {
						switch member {
						case "kind":
							return text(r, &kind)
						case "name":
							return text(r, &name)
						case "controller":
							v, err := r.Value()
							controller = v == true
							return err
						}
						return r.Skip()
					})
					if controller {
						p.ownerKind, p.owner = kind, name
					}
					return err
				})
			}
			return r.Skip()
		})
	case "spec":
		return object(r, func(name string) error {
			switch name {
			case "initContainers":
				return readContainers(r, &p.initial)
			case "containers":
				return readContainers(r, &p.containers)
			case "ephemeralContainers":
				return readContainers(r, &p.ephemeral)
			case "volumes":
				return readContainers(r, &p.volumes)
			}
			return r.Skip()
		})
	case "status":
		return object(r, func(name string) error {
			switch name {
			case "phase":
				return text(r, &p.phase)
			case "startTime":
				return instant(r, &p.started)
			case "initContainerStatuses":
				return readContainers(r, &p.told[0])
			case "containerStatuses":
				return readContainers(r, &p.told[1])
			case "ephemeralContainerStatuses":
				return readContainers(r, &p.told[2])
			}
			return r.Skip()
		})
	}
	return r.Skip()
}

// readContainers reads a list of containers, of what a node says of them, or of volumes.
func readContainers(r *strictjson.Reader, list *[]container) error {
	return array(r, func() error {
		var c container
		err := object(r, func(name string) error {
			switch name {
			case "name":
				return text(r, &c.name)
			case "image":
				if r.Kind() != '{' {
					return text(r, &c.image)
				}
				return object(r, func(name string) error { // of a volume
					if name == "reference" {
						return text(r, &c.image)
					}
					return r.Skip()
				})
			case "imageID":
				return text(r, &c.id)
			case "state":
				return object(r, func(name string) error {
					if name != "terminated" {
						return r.Skip()
					}
					return object(r, func(name string) error {
						if name == "finishedAt" {
							return instant(r, &c.finished)
						}
						return r.Skip()
					})
				})
			}
			return r.Skip()
		})
		*list = append(*list, c)
		return err
	})
}

// service names what p is a part of.
func (p *pod) service() string {
	name := p.name
	switch p.ownerKind {
	case "", "Node": // a node's own Pod has its name and the node's
	case "ReplicaSet":
		name = p.owner
		for _, hash := range p.hashes {
			if rest, ok := strings.CutSuffix(p.owner, "-"+hash); ok && hash != "" && rest != "" {
				name = rest
			}
		}
	default:
		name = p.owner
	}
	if p.namespace == "" {
		return name
	}
	return p.namespace + "/" + name
}

// ended returns when the last container of p ended; zero if it is not known that all
// have.
func (p *pod) ended() time.Time {
	var last time.Time
	if p.phase != "Succeeded" && p.phase != "Failed" {
		return last
	}
	for _, told := range p.told {
		for _, c := range told {
			if c.id == "" { // it never ran
				continue
			}
			if c.finished.IsZero() {
				return time.Time{}
			}
			if c.finished.After(last) {
				last = c.finished
			}
		}
	}
	return last
}

// images returns the digests of the images that p runs, and why those of others are not
// known.
func (p *pod) images() (digests []hallmark.Digest, errs []error) {
	finished := p.phase == "Succeeded" || p.phase == "Failed"
	unknown := func(field, name string, err error) {
		errs = append(errs, fmt.Errorf("%s/%s %s %q: %w", p.namespace, p.name, field, name, err))
	}
	for i, part := range []struct {
		field string
		specs []container
	}{{"initContainers", p.initial}, {"containers", p.containers}, {"ephemeralContainers", p.ephemeral}} {
		specs := make(map[string]string)
		for _, c := range part.specs {
			specs[c.name] = c.image
		}
		for _, c := range p.told[i] {
			if c.id == "" {
				continue
			}
			named, _, err := imageDigest(specs[c.name])
			delete(specs, c.name)
			if err == nil {
				digests = append(digests, named)
			}
			runs, bare, notTold := imageDigest(c.id)
			switch {
			case notTold != nil && err != nil:
				unknown(part.field, c.name, notTold)
			case notTold == nil && (err != nil || !bare):
				digests = append(digests, runs)
			}
		}
		for _, c := range part.specs { // of which the node has said nothing
			if image, ok := specs[c.name]; ok && !finished {
				d, _, err := imageDigest(image)
				if err != nil {
					unknown(part.field, c.name, fmt.Errorf("no node has said yet which image this is (imageID): %w", err))
					continue
				}
				digests = append(digests, d)
			}
		}
	}
	for _, volume := range p.volumes {
		if volume.image == "" {
			continue
		}
		d, _, err := imageDigest(volume.image)
		if err != nil {
			unknown("volumes", volume.name, err)
			continue
		}
		digests = append(digests, d)
	}
	return digests, errs
}

// imageDigest returns the digest that an imageID has, or the reference of an image; bare
// reports whether there is nothing else.
func imageDigest(s string) (d hallmark.Digest, bare bool, err error) {
	for _, prefix := range []string{"docker-pullable://", "docker://"} {
		s = strings.TrimPrefix(s, prefix)
	}
	name, digest, ok := strings.Cut(s, "@")
	switch algorithm, _, _ := strings.Cut(s, ":"); {
	case ok && name == "":
		return d, false, fmt.Errorf("%.200q has no name", s)
	case !ok && !hallmark.KnownAlgorithm(algorithm):
		return d, false, fmt.Errorf("%.200q has no digest", s)
	case !ok:
		bare, digest = true, s
	}
	d, err = hallmark.ParseDigest(digest)
	switch {
	case err != nil:
		return hallmark.Digest{}, false, fmt.Errorf("%.200q: %w", s, err)
	case !d.Secure():
		return hallmark.Digest{}, false, fmt.Errorf("%.200q: a digest by %s, which is too weak", s, d.Algorithm())
	}
	return d, bare, nil
}

// What Kubernetes leaves out can be null too.

func text(r *strictjson.Reader, to *string) (err error) {
	if r.Null() {
		return nil
	}
	*to, err = r.String()
	return err
}

func object(r *strictjson.Reader, member func(name string) error) error {
	if r.Null() {
		return nil
	}
	return r.Object(member)
}

func array(r *strictjson.Reader, element func() error) error {
	if r.Null() {
		return nil
	}
	return r.Array(func(int) error { return element() })
}

func instant(r *strictjson.Reader, to *time.Time) error {
	var s string
	if err := text(r, &s); err != nil || s == "" {
		return err
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return r.Errorf("%.50q is no time as RFC 3339 has it", s)
	}
	*to = t.UTC()
	return nil
}
