package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// Media types of docker, which registries still keep.
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
)

func isManifest(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageManifest || mediaType == dockerManifest
}

func isIndex(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageIndex || mediaType == dockerIndex
}

// A descriptor is what a manifest or an index says of something else.
type descriptor struct {
	mediaType    string
	digest       hallmark.Digest
	size         int64
	artifactType string
	annotations  map[string]string
	platform     Platform // without its Image

	raw json.RawMessage // as written
}

// A manifest is an image manifest, as far as it matters here.
type manifest struct {
	mediaType, artifactType string
	configType              string
	layers                  []descriptor
	subject                 hallmark.Digest // zero if there is none
	annotations             map[string]string
}

// An index is a list of manifests.
type index struct {
	mediaType string
	manifests []descriptor

	members []member // all others
}

type member struct {
	name string
	raw  json.RawMessage
}

func parseManifest(data []byte) (manifest, error) {
	var m manifest
	version := ""
	err := strictjson.Read(data, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "schemaVersion":
				version, err = number(r)
			case "mediaType":
				m.mediaType, err = r.String()
			case "artifactType":
				m.artifactType, err = r.String()
			case "config":
				var config descriptor
				config, err = readDescriptor(r)
				m.configType = config.mediaType
			case "layers":
				err = r.Array(func(i int) error {
					if i == MaxLayers {
						return r.Errorf("more than %d layers", MaxLayers)
					}
					d, err := readDescriptor(r)
					m.layers = append(m.layers, d)
					return err
				})
			case "subject":
				if r.Null() {
					return nil
				}
				var subject descriptor
				subject, err = readDescriptor(r)
				m.subject = subject.digest
			case "annotations":
				m.annotations, err = readAnnotations(r)
			default:
				err = r.Skip()
			}
			return err
		})
	})
	if err == nil && version != "2" {
		err = fmt.Errorf("schemaVersion %.20q, want 2", version)
	}
	// "when specified, this field MUST be" the type under which it is served;
	// one that has the members of the other kind is a confusion, or wants to be.
	if err == nil && m.mediaType != "" && !isManifest(m.mediaType) {
		err = fmt.Errorf("mediaType %.100q", m.mediaType)
	}
	if err != nil {
		return manifest{}, fmt.Errorf("malformed manifest: %w", err)
	}
	return m, nil
}

// envelopes returns the layers that can be envelopes. A layer of any type can be
// one if the manifest is for them: tools for all artifacts leave the types of
// layers to their users.
func (m manifest) envelopes() []descriptor {
	if isEnvelope(m.artifactType) || isEnvelope(m.configType) {
		return m.layers
	}
	var layers []descriptor
	for _, d := range m.layers {
		if isEnvelope(d.mediaType) {
			layers = append(layers, d)
		}
	}
	return layers
}

func parseIndex(data []byte) (index, error) {
	var x index
	version := ""
	err := strictjson.Read(data, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "schemaVersion":
				version, err = number(r)
			case "mediaType":
				x.mediaType, err = r.String()
			case "manifests":
				if r.Null() {
					return nil
				}
				err = r.Array(func(i int) error {
					if i == MaxReferrers {
						return r.Errorf("more than %d manifests", MaxReferrers)
					}
					d, err := readDescriptor(r)
					x.manifests = append(x.manifests, d)
					return err
				})
			case "layers", "config":
				err = r.Errorf("an index with the member %s of a manifest", name)
			default:
				m := member{name: name}
				m.raw, err = r.Raw()
				x.members = append(x.members, m)
			}
			return err
		})
	})
	if err == nil && version != "2" {
		err = fmt.Errorf("schemaVersion %.20q, want 2", version)
	}
	if err == nil && x.mediaType != "" && !isIndex(x.mediaType) {
		err = fmt.Errorf("mediaType %.100q", x.mediaType)
	}
	if err != nil {
		return index{}, fmt.Errorf("malformed index: %w", err)
	}
	return x, nil
}

// add returns the index with further entries, and all that was there as it was
// written.
func (x index) add(entries []json.RawMessage) ([]byte, error) {
	b := []byte(`{"schemaVersion":2,"mediaType":"` + ocispec.MediaTypeImageIndex + `","manifests":[`)
	for i, d := range x.manifests {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, d.raw...)
	}
	for i, e := range entries {
		if i+len(x.manifests) > 0 {
			b = append(b, ',')
		}
		b = append(b, e...)
	}
	b = append(b, ']')
	for _, m := range x.members {
		b = append(b, ',')
		var err error
		if b, err = strictjson.AppendString(b, m.name); err != nil {
			return nil, err
		}
		b = append(append(b, ':'), m.raw...)
	}
	b = append(b, '}')
	if n := len(entries) + len(x.manifests); n > MaxReferrers {
		return nil, fmt.Errorf("%d manifests, at most %d are read", n, MaxReferrers)
	}
	if len(b) > MaxManifestSize {
		return nil, fmt.Errorf("%d bytes, at most %d are read", len(b), MaxManifestSize)
	}
	return b, nil
}

func readDescriptor(r *strictjson.Reader) (d descriptor, err error) {
	raw, err := r.Raw()
	if err != nil {
		return d, err
	}
	d.raw = raw
	d.size = -1
	err = strictjson.Read(raw, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "mediaType":
				d.mediaType, err = r.String()
			case "digest":
				var s string
				if s, err = r.String(); err == nil {
					d.digest, err = parseDigest(s)
				}
			case "size":
				var n json.Number
				if n, err = r.Number(); err == nil {
					d.size, err = n.Int64()
				}
			case "artifactType":
				d.artifactType, err = r.String()
			case "annotations":
				d.annotations, err = readAnnotations(r)
			case "platform":
				if r.Null() {
					return nil
				}
				err = r.Object(func(name string) (err error) {
					switch name {
					case "os":
						d.platform.OS, err = r.String()
					case "architecture":
						d.platform.Architecture, err = r.String()
					case "variant":
						d.platform.Variant, err = r.String()
					case "os.version":
						d.platform.OSVersion, err = r.String()
					default:
						err = r.Skip()
					}
					return err
				})
			default:
				err = r.Skip()
			}
			return err
		})
	})
	if err == nil && d.digest.IsZero() {
		err = errors.New("no digest")
	}
	if err != nil {
		return d, r.Errorf("descriptor: %v", err)
	}
	return d, nil
}

func readAnnotations(r *strictjson.Reader) (map[string]string, error) {
	if r.Null() {
		return nil, nil
	}
	m := make(map[string]string)
	err := r.Object(func(name string) (err error) {
		m[name], err = r.String()
		return err
	})
	return m, err
}

func number(r *strictjson.Reader) (string, error) {
	n, err := r.Number()
	return n.String(), err
}

// Media types of layers and artifacts that can be envelopes.
const (
	bundleType    = "application/vnd.dev.sigstore.bundle" // begins all of them
	bundleTypeV03 = bundleType + ".v0.3+json"
	envelopeType  = "application/vnd.dsse.envelope.v1+json"
	statementType = "application/vnd.in-toto+json"
)

// isEnvelope reports whether something of the media type can be an envelope, a
// bundle, or lines of them. What it is, its bytes decide.
//
//	application/vnd.dev.sigstore.bundle.v0.3+json  a bundle of any version
//	application/vnd.dsse.envelope.v1+json          cosign
//	application/vnd.in-toto+json                   cosign's artifactType; an unsigned statement of BuildKit
//	application/vnd.in-toto.<predicate>+dsse       in-toto's specification, Docker
//	application/vnd.in-toto.bundle                 in-toto's specification: lines
func isEnvelope(mediaType string) bool {
	return strings.HasPrefix(mediaType, bundleType) || mediaType == envelopeType || strings.HasPrefix(mediaType, "application/vnd.in-toto")
}
