// Package images is what the example programs have in common that speak with
// registries: with the credentials of docker login, and about digests.
package images

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"oras.land/oras-go/v2/registry/remote/credentials"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/oci"
)

// NewClient returns a client that has the credentials of docker login.
func NewClient(client *http.Client, plainHTTP bool) (*oci.Client, error) {
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, fmt.Errorf("credentials of docker: %w", err)
	}
	return &oci.Client{HTTP: client, Credential: credentials.Credential(store), PlainHTTP: plainHTTP}, nil
}

// Parse returns the image that a reference names by its digest. For one with a tag
// alone the error says what to do.
func Parse(reference string) (oci.Image, error) {
	image, err := oci.ParseImage(reference)
	if errors.Is(err, oci.ErrTag) {
		err = fmt.Errorf("%w: resolve the tag once, and give the image as <registry>/<repository>@sha256:<hex>, by that digest from then on", err)
	}
	return image, err
}

// ParseContainer is [Parse] for the image of a container, as container runtimes read it:
// without a registry it is one of docker.io.
func ParseContainer(reference string) (oci.Image, error) {
	if len(reference) > oci.MaxReference {
		return oci.Image{}, fmt.Errorf("a reference of %d bytes, at most %d are read", len(reference), oci.MaxReference)
	}
	return Parse(Normal(reference))
}

// Normal returns the reference of a container with its registry.
func Normal(reference string) string {
	host, rest, ok := strings.Cut(reference, "/")
	switch {
	case !ok:
		return "docker.io/library/" + reference
	case host == "index.docker.io":
		host = "docker.io"
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		host, rest = "docker.io", reference
	}
	if host == "docker.io" && !strings.Contains(rest, "/") {
		rest = "library/" + rest
	}
	return host + "/" + rest
}

// A Registry is where images are and what is attached to them.
type Registry struct {
	Client *oci.Client
	Hosts  []string // registries that may be asked
}

// NewRegistry returns a Registry with the credentials of docker login.
func NewRegistry(hosts []string, plainHTTP bool) (*Registry, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = oci.Parallel
	client, err := NewClient(&http.Client{Transport: transport}, plainHTTP)
	if err != nil {
		return nil, err
	}
	return &Registry{client, hosts}, nil
}

// Allowed returns an error unless the registry of an image may be asked.
func (r *Registry) Allowed(image oci.Image) error {
	host, _, _ := strings.Cut(image.Repository(), "/")
	if !slices.Contains(r.Hosts, host) {
		return fmt.Errorf("registry %s is not one that is asked (-registry)", host)
	}
	return nil
}

// Find returns the envelopes that are attached to an image.
func (r *Registry) Find(ctx context.Context, image oci.Image) ([]*sign.Envelope, error) {
	if err := r.Allowed(image); err != nil {
		return nil, err
	}
	envelopes, skipped, err := Find(ctx, r.Client, image)
	if err == nil && len(envelopes) == 0 && len(skipped) > 0 {
		err = fmt.Errorf("nothing that is attached can be read: %w", errors.Join(skipped...))
	}
	return envelopes, err
}

// Artifact returns the image that a reference names by its digest, as [Parse] reads it.
func Artifact(reference string) (hallmark.Artifact, error) {
	image, err := Parse(reference)
	if err != nil {
		return hallmark.Artifact{}, err
	}
	return image.Artifact(), nil
}

// FindFor is [Find] for the image that a reference names by its digest, with the
// credentials of docker login.
func FindFor(ctx context.Context, reference string, plainHTTP bool) (envelopes []*sign.Envelope, skipped []error, err error) {
	image, err := Parse(reference)
	if err != nil {
		return nil, nil, err
	}
	client, err := NewClient(http.DefaultClient, plainHTTP)
	if err != nil {
		return nil, nil, err
	}
	return Find(ctx, client, image)
}

// Find returns the envelopes that are attached to an image, and why other things
// are none.
func Find(ctx context.Context, client *oci.Client, image oci.Image) (envelopes []*sign.Envelope, skipped []error, err error) {
	found, skipped, err := client.Find(ctx, image)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", image, err)
	}
	for _, f := range found {
		envelopes = append(envelopes, f.Envelope)
	}
	return envelopes, skipped, nil
}
