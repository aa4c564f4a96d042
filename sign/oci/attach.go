package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/sign"
)

// Attach attaches envelopes to image, each with a manifest of its own, and
// returns the digests of the manifests that it added. An envelope that was found in a
// bundle is attached as that bundle, byte by byte. The image must be in the
// repository. Neither what is there nor what is attached is verified.
//
// An envelope that is attached already, byte by byte, is not attached again: it
// makes no difference how often Attach is called. After an error some of the
// envelopes may be attached; calling it again attaches the others. Without
// [Client.Created], the same envelope makes the same manifest.
//
// On a registry that does not know the referrers API, the list under the image's
// tag is read, written with what is new, and read again, at once and after
// half a second, for as long as somebody who did the same at the same time may
// overwrite it; what is lost then is written again. The requests are conditional,
// so that a registry that knows conditions lets nobody overwrite anything. Entries
// of others stay as they are, byte by byte. Old lists are left to the registry's
// garbage collection: nothing is deleted.
func (c *Client) Attach(ctx context.Context, image Image, envelopes ...*sign.Envelope) (added []hallmark.Digest, err error) {
	// All that can be refused is refused before the registry is asked.
	if len(envelopes) == 0 {
		return nil, errors.New("oci: no envelope to attach")
	}
	var parts []attachment
	for i, e := range envelopes {
		a, err := newAttachment(e, c.Created)
		if err != nil {
			return nil, fmt.Errorf("oci: envelope %d: %w", i, err)
		}
		same := func(b attachment) bool { return a.layer.Digest == b.layer.Digest }
		if !slices.ContainsFunc(parts, same) {
			parts = append(parts, a)
		}
	}
	s, err := c.session(image, auth.ActionPull, auth.ActionPush)
	if err != nil {
		return nil, err
	}
	fail := func(err error) ([]hallmark.Digest, error) {
		return added, fmt.Errorf("attach to %s: %w", image, err)
	}
	m, err := s.manifest(ctx, image.digest.String())
	if err != nil {
		return fail(err)
	}
	subject := ocispec.Descriptor{MediaType: m.mediaType, Digest: digest.Digest(image.digest.String()), Size: int64(len(m.data))}

	// What the repository does not have, nobody has attached.
	there := make([]bool, len(parts))
	err = each(ctx, len(parts), func(ctx context.Context, i int) (err error) {
		there[i], err = s.hasBlob(ctx, parts[i].digest)
		return err
	})
	if err != nil {
		return fail(err)
	}
	attached := make(map[hallmark.Digest]bool) // layers
	if slices.Contains(there, true) {
		referring, _, err := s.referring(ctx, image)
		if err != nil {
			return fail(err)
		}
		for _, r := range referring {
			for _, layer := range r.envelopes() {
				attached[layer.digest] = true
			}
		}
	}

	configured := false
	var unlisted []entry
	for i, p := range parts {
		if attached[p.digest] {
			continue
		}
		if !configured {
			config := hallmark.Digest{}
			if config, err = hash(emptyConfig(), "sha256"); err != nil {
				return fail(err)
			}
			has, err := s.hasBlob(ctx, config)
			if err == nil && !has {
				err = s.pushBlob(ctx, configDescriptor(), emptyConfig())
			}
			if err != nil {
				return fail(err)
			}
			configured = true
		}
		if !there[i] {
			if err := s.pushBlob(ctx, p.layer, p.data); err != nil {
				return fail(err)
			}
		}
		data, err := json.Marshal(ocispec.Manifest{
			Versioned:    specs.Versioned{SchemaVersion: 2},
			MediaType:    ocispec.MediaTypeImageManifest,
			ArtifactType: p.artifactType,
			Config:       configDescriptor(),
			Layers:       []ocispec.Descriptor{p.layer},
			Subject:      &subject,
			Annotations:  p.annotations,
		})
		if err != nil {
			return fail(err)
		}
		d, err := hash(data, "sha256")
		if err != nil {
			return fail(err)
		}
		a, err := s.send(ctx, http.MethodPut, "manifests/"+d.String(), http.Header{"Content-Type": {ocispec.MediaTypeImageManifest}}, data, MaxManifestSize, http.StatusCreated)
		if err != nil {
			return fail(fmt.Errorf("push manifest %s: %w", d, err))
		}
		added = append(added, d)
		// "MUST respond with the response header OCI-Subject" if it has put the
		// manifest on the list: "Pushing Manifests with Subject".
		if a.header.Get("OCI-Subject") == image.digest.String() {
			continue
		}
		raw, err := json.Marshal(ocispec.Descriptor{
			MediaType:    ocispec.MediaTypeImageManifest,
			Digest:       digest.Digest(d.String()),
			Size:         int64(len(data)),
			Annotations:  p.annotations,
			ArtifactType: p.artifactType,
		})
		if err != nil {
			return fail(err)
		}
		unlisted = append(unlisted, entry{d, raw})
	}
	if len(unlisted) == 0 {
		return added, nil
	}

	// Not all that know the API say so.
	listed, _, err := s.referrers(ctx, image)
	if err != nil {
		return fail(err)
	}
	if unlisted = missing(unlisted, listed); len(unlisted) == 0 {
		return added, nil
	}
	if err := c.list(ctx, s, image, unlisted); err != nil {
		return fail(err)
	}
	return added, nil
}

// An attachment is an envelope as it is stored.
type attachment struct {
	data         []byte
	digest       hallmark.Digest
	layer        ocispec.Descriptor
	artifactType string
	annotations  map[string]string // of the manifest
}

func newAttachment(e *sign.Envelope, created time.Time) (a attachment, err error) {
	if e == nil {
		return a, errors.New("it is nil")
	}
	if a.data = e.Bundle; a.data == nil {
		if a.data, err = e.Marshal(); err != nil {
			return a, err
		}
	}
	// What is attached can be read again.
	if _, err := sign.Parse(a.data); err != nil {
		return a, err
	}
	if a.digest, err = hash(a.data, "sha256"); err != nil {
		return a, err
	}
	a.layer = ocispec.Descriptor{
		MediaType:   envelopeType,
		Digest:      digest.Digest(a.digest.String()),
		Size:        int64(len(a.data)),
		Annotations: map[string]string{},
	}
	a.annotations = map[string]string{}
	if !created.IsZero() {
		a.annotations[ocispec.AnnotationCreated] = created.UTC().Format(time.RFC3339)
	}
	predicate := predicateType(e)
	if e.Bundle != nil {
		a.layer.MediaType = mediaTypeOf(e.Bundle)
		a.artifactType = a.layer.MediaType
		// The name that a file gets if it is pulled.
		a.layer.Annotations[ocispec.AnnotationTitle] = "sha256-" + a.digest.Hex() + ".sigstore.json"
		a.annotations["dev.sigstore.bundle.content"] = "dsse-envelope"
		if predicate != "" {
			a.annotations["dev.sigstore.bundle.predicateType"] = predicate
		}
		return a, nil
	}
	a.layer.Annotations[ocispec.AnnotationTitle] = "sha256-" + a.digest.Hex() + ".intoto.jsonl"
	a.artifactType = statementType
	if !strings.HasPrefix(e.PayloadType, "application/vnd.in-toto") {
		a.layer.Annotations[ocispec.AnnotationTitle] = "sha256-" + a.digest.Hex() + ".dsse.json"
		a.artifactType = envelopeType
	}
	if predicate != "" {
		a.layer.Annotations["in-toto.io/predicate-type"] = predicate
	}
	return a, nil
}

// mediaTypeOf returns the media type under which a bundle is stored: its own, but
// for the older form that has the version in a parameter, which an artifactType
// cannot have. The bundle says its version itself.
func mediaTypeOf(bundle []byte) string {
	mediaType := ""
	_ = strictjson.Read(bundle, func(r *strictjson.Reader) error { // sign.Parse has read it
		return r.Object(func(name string) (err error) {
			if name == "mediaType" {
				mediaType, err = r.String()
				return err
			}
			return r.Skip()
		})
	})
	if mediaType == bundleType+"+json;version=0.3" {
		return bundleTypeV03
	}
	mediaType, _, _ = strings.Cut(mediaType, ";")
	return mediaType
}

// predicateType returns what the statement in e says that it is, or "". It is
// for people who look at a list, and for nothing else.
func predicateType(e *sign.Envelope) string {
	if !strings.HasPrefix(e.PayloadType, "application/vnd.in-toto") {
		return ""
	}
	predicate := ""
	err := strictjson.Read(e.Payload, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			if name == "predicateType" {
				predicate, err = r.String()
				return err
			}
			return r.Skip()
		})
	})
	if err != nil || len(predicate) > MaxReference {
		return ""
	}
	return predicate
}

// emptyConfig is the config of a manifest that needs none: "Guidance for an
// Empty Descriptor".
func emptyConfig() []byte { return []byte("{}") }

func configDescriptor() ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeEmptyJSON, Digest: ocispec.DescriptorEmptyJSON.Digest, Size: ocispec.DescriptorEmptyJSON.Size}
}

// An entry is one of a list of referrers.
type entry struct {
	digest hallmark.Digest
	raw    json.RawMessage
}

// missing returns the entries that are not listed.
func missing(entries []entry, listed []descriptor) []entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e entry) bool {
		return slices.ContainsFunc(listed, func(d descriptor) bool { return d.digest == e.digest })
	})
}

// How often a list is written at most, and when it is read again after that. One
// who has read the list before it was written, and writes his own after that, is
// seen then if he needs less time for it than the last look is away.
const listTries = 100

func looks() []time.Duration {
	return []time.Duration{0, 100 * time.Millisecond, 400 * time.Millisecond}
}

// list puts entries on the list under the image's tag.
func (c *Client) list(ctx context.Context, s *session, image Image, entries []entry) error {
	tag := fallbackTag(image.digest)
	c.mu.Lock()
	c.waiting[image] = append(c.waiting[image], entries...)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		mine := func(e entry) bool {
			return slices.ContainsFunc(entries, func(m entry) bool { return m.digest == e.digest })
		}
		if c.waiting[image] = slices.DeleteFunc(c.waiting[image], mine); len(c.waiting[image]) == 0 {
			delete(c.waiting, image)
		}
	}()
	for try := range listTries {
		if err := c.write(ctx, s, image, entries); err != nil {
			e, ok := errors.AsType[*statusError](err)
			if !ok || e.status != http.StatusPreconditionFailed && !isPassing(err) || try == listTries-1 {
				return err
			}
			// Somebody else has written it since it was read, or is writing it.
			if err := pause(ctx, entries[0].digest.Hex(), try); err != nil {
				return err
			}
			continue
		}
		kept := true
		for _, wait := range looks() {
			if err := sleep(ctx, wait); err != nil {
				return err
			}
			_, x, err := s.fallback(ctx, image)
			if _, ok := errors.AsType[notList](err); ok {
				return fmt.Errorf("the list of referrers cannot be read after it was written: %w", err)
			}
			if err != nil {
				return err
			}
			if kept = len(missing(entries, x.manifests)) == 0; !kept {
				break
			}
		}
		if kept {
			return nil
		}
		if err := pause(ctx, entries[0].digest.Hex(), try); err != nil {
			return err
		}
	}
	return fmt.Errorf("tag %s: others have overwritten it %d times", tag, listTries)
}

// write reads the list, and writes it with those of the entries that are not on
// it, and with all others that wait for this client: the fewer write, the less is
// overwritten.
func (c *Client) write(ctx context.Context, s *session, image Image, entries []entry) error {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	c.mu.Lock()
	entries = slices.Concat(entries, c.waiting[image])
	c.mu.Unlock()
	tag := fallbackTag(image.digest)
	old, x, err := s.fallback(ctx, image)
	// What the registry makes of a tag that does not exist may be replaced; what
	// somebody has put there may not.
	_, replaced := errors.AsType[notList](err)
	replaced = replaced && old.data == nil
	if err != nil && !replaced {
		return err
	}
	var raw []json.RawMessage
	seen := make(map[hallmark.Digest]bool)
	for _, e := range missing(entries, x.manifests) {
		if !seen[e.digest] {
			raw = append(raw, e.raw)
		}
		seen[e.digest] = true
	}
	if raw == nil {
		return nil
	}
	data, err := x.add(raw)
	if err != nil {
		return fmt.Errorf("tag %s: the list with what is new: %w", tag, err)
	}
	header := http.Header{"Content-Type": {ocispec.MediaTypeImageIndex}}
	switch {
	case replaced:
	case old.data == nil:
		header.Set("If-None-Match", "*")
	case old.etag != "":
		header.Set("If-Match", old.etag)
	}
	// Not again with what was read before: that would undo what others wrote since.
	if _, err = s.sendOnce(ctx, http.MethodPut, "manifests/"+tag, header, data, MaxManifestSize, http.StatusCreated); err != nil {
		return fmt.Errorf("push the list of referrers, tag %s: %w", tag, err)
	}
	return nil
}
