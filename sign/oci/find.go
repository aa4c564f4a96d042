package oci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sign"
)

// An Attached is an envelope that is attached to an image. Nothing of it is
// authenticated.
type Attached struct {
	// Envelope has its Bundle set if a bundle was attached.
	Envelope *sign.Envelope

	// Manifest and Layer are the digests of the manifest that refers to the
	// image, and of the layer that the envelope was read from.
	Manifest, Layer hallmark.Digest

	// ArtifactType is that of the manifest. It is empty for one under cosign's
	// tag "sha256-<hex>.att".
	ArtifactType string

	// Annotations are those of the manifest and, over them, of the layer. Under
	// cosign's tag they have the certificate of who signed, which the envelope
	// alone does not have.
	Annotations map[string]string
}

// Find returns the envelopes that are attached to image, and why other things
// that are attached were skipped: what is no envelope or bundle, is malformed,
// has another digest than it should, is listed but not there, is over a bound, or does not
// have the image as its subject, whatever list it is on. Both come in the order
// of the digests of their manifests, those under cosign's tag last.
//
// It is an error if the lists cannot be read to their end, or anything on them
// cannot be fetched for another reason than that it is not there: then nothing is known
// of what is attached. So that nothing is found means that nothing is
// attached, as far as the registry tells. An image that the registry does not
// have is an error if nothing is attached to it.
//
// Of a manifest for one platform, what is attached to its index is not found,
// nor the other way round: see [Client.Platforms].
func (c *Client) Find(ctx context.Context, image Image) (found []Attached, skipped []error, err error) {
	s, err := c.session(image, auth.ActionPull)
	if err != nil {
		return nil, nil, err
	}
	fail := func(err error) ([]Attached, []error, error) {
		return nil, nil, fmt.Errorf("find what is attached to %s: %w", image, err)
	}
	referring, skipped, err := s.referring(ctx, image)
	if err != nil {
		return fail(err)
	}
	// cosign's tag names an image manifest with an envelope in each layer and
	// without a subject: which image it is about, only the tag says.
	if image.digest.Algorithm() == "sha256" {
		m, err := s.manifest(ctx, fallbackTag(image.digest)+".att")
		switch {
		case isAbsent(err):
		case isBroken(err):
			skipped = append(skipped, err)
		case err != nil:
			return fail(err)
		default:
			parsed, err := parseManifest(m.data)
			if err == nil && !isManifest(m.mediaType) {
				err = fmt.Errorf("media type %.100q, want that of a manifest", m.mediaType)
			}
			if err != nil {
				skipped = append(skipped, fmt.Errorf("cosign's manifest %s: %w", m.digest, err))
				break
			}
			parsed.artifactType = ""
			referring = append(referring, referrer{m.digest, parsed})
		}
	}
	if len(referring)+len(skipped) == 0 {
		// A list of nothing is also what there is for a name that is misspelt.
		if _, err := s.manifest(ctx, image.digest.String()); err != nil {
			return fail(err)
		}
		return nil, nil, nil
	}

	type candidate struct {
		Attached
		layer descriptor
	}
	var candidates []candidate
	var total int64
	for _, r := range referring {
		skip := func(format string, a ...any) {
			skipped = append(skipped, fmt.Errorf("manifest %s: "+format, append([]any{r.digest}, a...)...))
		}
		layers := r.envelopes()
		if len(layers) == 0 {
			skip("no layer with an envelope: artifactType %.100q, config %.100q", r.artifactType, r.configType)
		}
		for _, layer := range layers {
			if layer.size < 0 || layer.size > MaxLayerSize {
				skip("layer %s: %d bytes, at most %d are read", layer.digest, layer.size, MaxLayerSize)
				continue
			}
			if total+layer.size > MaxTotalSize {
				skip("layer %s: with it, more than %d bytes in all", layer.digest, MaxTotalSize)
				continue
			}
			total += layer.size
			annotations := make(map[string]string)
			maps.Copy(annotations, r.annotations)
			maps.Copy(annotations, layer.annotations)
			candidates = append(candidates, candidate{Attached{nil, r.digest, layer.digest, r.artifactType, annotations}, layer})
		}
	}

	type result struct {
		envelopes []*sign.Envelope
		skipped   []error
	}
	results := make([]result, len(candidates))
	err = each(ctx, len(candidates), func(ctx context.Context, i int) error {
		data, err := s.blob(ctx, candidates[i].layer)
		if isBroken(err) {
			results[i].skipped = []error{err}
			return nil
		}
		if err != nil {
			return err
		}
		results[i].envelopes, results[i].skipped = parseLayer(data)
		for j, err := range results[i].skipped {
			results[i].skipped[j] = fmt.Errorf("layer %s: %w", candidates[i].Layer, err)
		}
		return nil
	})
	if err != nil {
		return fail(err)
	}
	for i, r := range results {
		for _, e := range r.envelopes {
			a := candidates[i].Attached
			a.Envelope = e
			found = append(found, a)
		}
		for _, err := range r.skipped {
			skipped = append(skipped, fmt.Errorf("manifest %s: %w", candidates[i].Manifest, err))
		}
	}
	return found, skipped, nil
}

// parseLayer reads a layer: one envelope or bundle, or several on lines.
func parseLayer(data []byte) ([]*sign.Envelope, []error) {
	e, err := sign.Parse(data)
	if err == nil {
		return []*sign.Envelope{e}, nil
	}
	if bytes.ContainsRune(bytes.TrimSpace(data), '\n') {
		envelopes, skipped, err := sign.ParseLines(data)
		if err == nil && len(envelopes) > 0 {
			return envelopes, skipped
		}
	}
	return nil, []error{err}
}

// A referrer is a manifest whose subject is the image.
type referrer struct {
	digest hallmark.Digest
	manifest
}

// referring returns the manifests whose subject is image, in the order of their
// digests, and why others that are listed are not among them.
func (s *session) referring(ctx context.Context, image Image) (referring []referrer, skipped []error, err error) {
	listed, _, err := s.referrers(ctx, image)
	if err != nil {
		return nil, nil, err
	}
	_, x, err := s.fallback(ctx, image)
	if _, ok := errors.AsType[notList](err); ok {
		skipped = append(skipped, err)
	} else if err != nil {
		return nil, nil, err
	}
	listed = append(listed, x.manifests...)
	digests := make([]hallmark.Digest, len(listed))
	for i, d := range listed {
		digests[i] = d.digest
	}
	slices.SortFunc(digests, func(a, b hallmark.Digest) int { return strings.Compare(a.String(), b.String()) })
	digests = slices.Compact(digests)
	if len(digests) > MaxReferrers {
		return nil, nil, fmt.Errorf("more than %d referrers", MaxReferrers)
	}

	manifests := make([]referrer, len(digests))
	reasons := make([]error, len(digests))
	err = each(ctx, len(digests), func(ctx context.Context, i int) error {
		d := digests[i]
		m, err := s.manifest(ctx, d.String())
		if isBroken(err) {
			reasons[i] = err
			return nil
		}
		if err != nil {
			return err
		}
		parsed, err := parseManifest(m.data)
		switch {
		case !isManifest(m.mediaType):
			reasons[i] = fmt.Errorf("manifest %s: media type %.100q, want that of a manifest", d, m.mediaType)
		case err != nil:
			reasons[i] = fmt.Errorf("manifest %s: %w", d, err)
		case parsed.subject.IsZero():
			reasons[i] = fmt.Errorf("manifest %s: it is listed and has no subject", d)
		case parsed.subject != image.digest:
			reasons[i] = fmt.Errorf("manifest %s: it is listed and has another subject, %s", d, parsed.subject)
		default:
			manifests[i] = referrer{d, parsed}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for i, reason := range reasons {
		if reason != nil {
			skipped = append(skipped, reason)
			continue
		}
		referring = append(referring, manifests[i])
	}
	return referring, skipped, nil
}

// A notList error says that the tag of the list of referrers names something
// else.
type notList struct{ error }

// fallback gets the list of what refers to image that is under its tag. There
// being none is an empty list.
func (s *session) fallback(ctx context.Context, image Image) (stored, index, error) {
	tag := fallbackTag(image.digest)
	m, err := s.manifest(ctx, tag)
	if isAbsent(err) {
		return stored{}, index{}, nil
	}
	if err != nil {
		return stored{}, index{}, err
	}
	// Some registries take such a tag for the digest in it.
	if m.digest == image.digest {
		return stored{}, index{}, notList{fmt.Errorf("tag %s: the registry returns the image itself, not a list of what refers to it", tag)}
	}
	if m.mediaType != ocispec.MediaTypeImageIndex {
		return m, index{}, notList{fmt.Errorf("tag %s: media type %.100q, want %s", tag, m.mediaType, ocispec.MediaTypeImageIndex)}
	}
	x, err := parseIndex(m.data)
	if err != nil {
		return stored{}, index{}, fmt.Errorf("tag %s: %w", tag, err)
	}
	return m, x, nil
}
