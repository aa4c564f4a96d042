// Package images is what the example programs have in common that speak with
// registries: with the credentials of docker login, and about digests.
package images

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"oras.land/oras-go/v2/registry/remote/credentials"

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
