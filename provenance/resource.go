package provenance

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// A ResourceDescriptor names a resource: an artifact, a source, a tool. It has
// at least one of URI, Digest and Content.
//
// https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md
type ResourceDescriptor struct {
	Name             string         // for people, or to tell resources of one list apart
	URI              string         // what the resource is
	Digest           DigestSet      // hashes of it
	Content          []byte         // all of it, if it is small: under 1 KiB
	DownloadLocation string         // URI where it can be had, if that is not URI
	MediaType        string         // RFC 6838
	Annotations      map[string]any // what the producer says beside; JSON values
}

// A DigestSet has hashes of one resource, in hexadecimal, by the names of their
// algorithms. As it comes from a statement it can have entries that are no
// digests: [DigestSet.Digests] returns those that are.
type DigestSet map[string]string

// NewDigestSet returns the DigestSet of ds. Of two digests by the same algorithm
// it has the last.
func NewDigestSet(ds ...hallmark.Digest) DigestSet {
	set := make(DigestSet, len(ds))
	for _, d := range ds {
		set[d.Algorithm()] = d.Hex()
	}
	return set
}

// Digests returns the entries of s whose algorithm is known and whose value is
// well-formed, sorted by algorithm. Others identify nothing here.
func (s DigestSet) Digests() []hallmark.Digest {
	var ds []hallmark.Digest
	for _, algorithm := range slices.Sorted(maps.Keys(s)) {
		if d, err := s.digest(algorithm); err == nil {
			ds = append(ds, d)
		}
	}
	return ds
}

func (s DigestSet) digest(algorithm string) (hallmark.Digest, error) {
	return hallmark.ParseDigest(algorithm + ":" + s[algorithm])
}

// key returns a string that orders DigestSets.
func (s DigestSet) key() string {
	var k string
	for _, algorithm := range slices.Sorted(maps.Keys(s)) {
		k += algorithm + ":" + s[algorithm] + " "
	}
	return k
}

// identifies reports whether d has a digest that somebody hostile cannot make
// another resource for: one of a file, a git object or a module tree.
func (d *ResourceDescriptor) identifies() bool {
	return slices.ContainsFunc(d.Digest.Digests(), func(d hallmark.Digest) bool {
		switch d.Algorithm() {
		case "md5", "sha1", "ripemd160":
			return false
		}
		return true
	})
}

// sortedBy returns ds in the order in which they are written: by compare, then
// by digest. Those that differ in nothing of that have the order of their JSON,
// so that the order in ds never shows.
func sortedBy(ds []ResourceDescriptor, compare func(a, b *ResourceDescriptor) int) []ResourceDescriptor {
	type keyed struct {
		d   *ResourceDescriptor
		key string
	}
	ks := make([]keyed, len(ds))
	for i := range ds {
		ks[i] = keyed{&ds[i], ds[i].Digest.key()}
	}
	slices.SortFunc(ks, func(a, b keyed) int {
		if c := compare(a.d, b.d); c != 0 {
			return c
		}
		if c := strings.Compare(a.key, b.key); c != 0 {
			return c
		}
		// What cannot be written is an error when it is written.
		x, _ := a.d.append(nil)
		y, _ := b.d.append(nil)
		return bytes.Compare(x, y)
	})
	sorted := make([]ResourceDescriptor, len(ds))
	for i, k := range ks {
		sorted[i] = *k.d
	}
	return sorted
}

// append appends d as JSON, its members in the order of the specification.
func (d *ResourceDescriptor) append(b []byte) ([]byte, error) {
	var err error
	sep := byte('{')
	member := func(name string, v any) {
		if err == nil {
			b = append(append(append(b, sep, '"'), name...), '"', ':')
			b, err = strictjson.Append(b, v)
			sep = ','
		}
	}
	if d.Name != "" {
		member("name", d.Name)
	}
	if d.URI != "" {
		member("uri", d.URI)
	}
	if len(d.Digest) > 0 {
		member("digest", map[string]string(d.Digest))
	}
	if d.Content != nil {
		member("content", base64.StdEncoding.EncodeToString(d.Content))
	}
	if d.DownloadLocation != "" {
		member("downloadLocation", d.DownloadLocation)
	}
	if d.MediaType != "" {
		member("mediaType", d.MediaType)
	}
	if len(d.Annotations) > 0 {
		member("annotations", d.Annotations)
	}
	if sep == '{' {
		b = append(b, '{')
	}
	return append(b, '}'), err
}

func readDescriptors(r *strictjson.Reader, limit int) ([]ResourceDescriptor, error) {
	var ds []ResourceDescriptor
	if r.Null() {
		return nil, nil
	}
	err := r.Array(func(i int) error {
		if i == limit {
			return r.Errorf("more than %d resources", limit)
		}
		d, err := readDescriptor(r)
		ds = append(ds, d)
		return err
	})
	return ds, err
}

func readDescriptor(r *strictjson.Reader) (d ResourceDescriptor, err error) {
	err = r.Object(func(name string) (err error) {
		switch name {
		case "name":
			d.Name, err = r.String()
		case "uri":
			d.URI, err = r.String()
		case "digest":
			if r.Null() {
				return nil
			}
			d.Digest = make(DigestSet)
			return r.Object(func(algorithm string) (err error) {
				if len(d.Digest) == MaxDigests {
					return r.Errorf("more than %d digests", MaxDigests)
				}
				d.Digest[algorithm], err = r.String()
				return err
			})
		case "content":
			var text []byte
			if text, err = r.Text(); err != nil {
				return err
			}
			// encoding/base64 skips newlines even when strict.
			if bytes.ContainsAny(text, "\r\n") {
				return r.Errorf("malformed base64: line break")
			}
			if d.Content, err = base64.StdEncoding.Strict().DecodeString(string(text)); err != nil {
				return r.Errorf("malformed base64: %v", err)
			}
		case "downloadLocation":
			d.DownloadLocation, err = r.String()
		case "mediaType":
			d.MediaType, err = r.String()
		case "annotations":
			if r.Null() {
				return nil
			}
			var v any
			if r.Kind() != '{' {
				return r.Errorf("annotations are not an object")
			}
			v, err = r.Value()
			d.Annotations, _ = v.(map[string]any)
		default:
			err = skip(r, name, "name", "uri", "digest", "content", "downloadLocation", "mediaType", "annotations")
		}
		return err
	})
	return d, err
}

func (d *ResourceDescriptor) validate(ps *problems, at string) {
	if d.URI == "" && len(d.Digest) == 0 && d.Content == nil {
		ps.add(Error, at, "a resource needs a uri, a digest or content")
	}
	if d.URI != "" {
		checkURI(ps, at+".uri", d.URI)
	}
	if n := len(d.Digest); n > MaxDigests {
		ps.add(Error, at+".digest", "%d digests, at most %d can be read", n, MaxDigests)
	}
	for _, algorithm := range slices.Sorted(maps.Keys(d.Digest)) {
		if _, err := d.Digest.digest(algorithm); err != nil {
			severity := Error
			if !hallmark.KnownAlgorithm(algorithm) && !misspelled(algorithm) {
				severity = Warning // identifiers that are no hashes are allowed
			}
			ps.add(severity, at+".digest."+algorithm, "%v", err)
		}
	}
	if len(d.Content) >= 1<<10 {
		ps.add(Warning, at+".content", "%d bytes, should be under 1 KiB", len(d.Content))
	}
	if d.DownloadLocation != "" {
		checkURI(ps, at+".downloadLocation", d.DownloadLocation)
	}
}

// misspelled reports whether algorithm is another spelling of one that is known,
// such as SHA256 or sha-256, which some readers take for it.
func misspelled(algorithm string) bool {
	lower := strings.ToLower(algorithm)
	return hallmark.KnownAlgorithm(strings.ReplaceAll(lower, "-", "_")) || hallmark.KnownAlgorithm(strings.ReplaceAll(lower, "-", ""))
}

func validateDescriptors(ps *problems, at string, ds []ResourceDescriptor) {
	if len(ds) > MaxDependencies {
		ps.add(Error, at, "%d resources, at most %d can be read", len(ds), MaxDependencies)
		return
	}
	for i, d := range ds {
		d.validate(ps, fmt.Sprintf("%s[%d]", at, i))
	}
}
