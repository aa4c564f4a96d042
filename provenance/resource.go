package provenance

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
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
	Extensions       Extensions     // members that in-toto does not name
}

// Extensions are members of a JSON object that its specification does not name,
// as JSON values. They are kept and written as they are, after the others and
// in the order of their names. They must not alter what the others mean, so
// that to ignore them is always right.
type Extensions map[string]json.RawMessage

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
	return hallmark.ParseDigest(algorithmName(algorithm) + ":" + s[algorithm])
}

// algorithmName returns the name under which a digest is written. The DigestSet
// specification calls one algorithm dirHash and has dirHash1 in its example.
func algorithmName(algorithm string) string {
	if algorithm == "dirHash1" {
		return "dirHash"
	}
	return algorithm
}

// key returns a string that orders DigestSets.
func (s DigestSet) key() string {
	var k string
	for _, algorithm := range slices.Sorted(maps.Keys(s)) {
		k += algorithmName(algorithm) + ":" + s[algorithm] + " "
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

// isZero reports whether d says nothing.
func (d *ResourceDescriptor) isZero() bool {
	return d.Name == "" && d.URI == "" && len(d.Digest) == 0 && d.Content == nil && d.DownloadLocation == "" && d.MediaType == "" &&
		len(d.Annotations) == 0 && len(d.Extensions) == 0
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
		set := map[string]string(d.Digest)
		if hex, ok := set["dirHash1"]; ok {
			if other, ok := set["dirHash"]; ok && other != hex {
				return nil, errors.New("another digest dirHash1 than dirHash")
			}
			set = maps.Clone(set)
			delete(set, "dirHash1")
			set["dirHash"] = hex
		}
		member("digest", set)
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
	if err == nil {
		b, err = d.Extensions.append(b, sep)
	}
	if sep == '{' && len(d.Extensions) == 0 {
		b = append(b, '{')
	}
	return append(b, '}'), err
}

// append appends e as members of an object, the first of them after sep.
func (e Extensions) append(b []byte, sep byte) ([]byte, error) {
	for _, name := range slices.Sorted(maps.Keys(e)) {
		var err error
		if b, err = strictjson.AppendString(append(b, sep), name); err != nil {
			return nil, err
		}
		if b, err = strictjson.Append(append(b, ':'), e[name]); err != nil {
			return nil, fmt.Errorf("extension %.100q: %w", name, err)
		}
		sep = ','
	}
	return b, nil
}

// validate reports extensions whose names are not of the form vendor_field, and
// those that some reader takes for one of the known members of the object.
func (e Extensions) validate(ps *problems, at string, known ...string) {
	for _, name := range slices.Sorted(maps.Keys(e)) {
		path := member(at, name)
		if k := mistaken(name, known...); k != "" {
			ps.add(Error, path, "some readers take it for %s", k)
		} else if vendor, field, ok := strings.Cut(name, "_"); !ok || vendor == "" || field == "" {
			ps.add(Warning, path, "neither a member that SLSA and in-toto name nor an extension, vendor_field")
		}
	}
}

// mistaken returns the one of known that some reader takes name for, or "":
// encoding/json ignores case, and protocol buffers read names in snake case.
func mistaken(name string, known ...string) string {
	for _, k := range known {
		if strings.EqualFold(strings.ReplaceAll(name, "_", ""), strings.ReplaceAll(k, "_", "")) {
			return k
		}
	}
	return ""
}

// A noter takes notes of what is read otherwise than it is written.
type noter func(severity Severity, path, format string, a ...any)

func readDescriptors(r *strictjson.Reader, limit int, note noter) ([]ResourceDescriptor, error) {
	var ds []ResourceDescriptor
	if r.Null() {
		return nil, nil
	}
	err := r.Array(func(i int) error {
		if i == limit {
			return r.Errorf("more than %d resources", limit)
		}
		d, err := readDescriptor(r, note)
		ds = append(ds, d)
		return err
	})
	return ds, err
}

// descriptorMembers are the members of a resource that in-toto names.
func descriptorMembers() []string {
	return []string{"name", "uri", "digest", "content", "downloadLocation", "mediaType", "annotations"}
}

// readDigests reads a DigestSet.
func readDigests(r *strictjson.Reader, note noter) (DigestSet, error) {
	if r.Null() {
		return nil, nil
	}
	set := make(DigestSet)
	err := r.Object(func(algorithm string) error {
		if len(set) == MaxDigests {
			return r.Errorf("more than %d digests", MaxDigests)
		}
		hex, err := r.String()
		if err != nil {
			return err
		}
		name := algorithmName(algorithm)
		if other, ok := set[name]; ok && other != hex {
			return r.Errorf("two digests %s, %.100q and %.100q", name, other, hex)
		}
		if name != algorithm {
			note(Note, r.Path(), "read as %s", name)
		}
		set[name] = hex
		return nil
	})
	return set, err
}

func readDescriptor(r *strictjson.Reader, note noter) (d ResourceDescriptor, err error) {
	err = r.Object(func(name string) (err error) {
		switch name {
		case "name":
			d.Name, err = readOptional(r)
		case "uri":
			d.URI, err = readOptional(r)
		case "digest":
			d.Digest, err = readDigests(r, note)
		case "content":
			if r.Null() {
				return nil
			}
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
			d.DownloadLocation, err = readOptional(r)
		case "mediaType":
			d.MediaType, err = readOptional(r)
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
			d.Extensions, err = extension(r, d.Extensions, name, descriptorMembers()...)
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
		if name := algorithmName(algorithm); name != algorithm && d.Digest[name] != "" && d.Digest[name] != d.Digest[algorithm] {
			ps.add(Error, member(at+".digest", algorithm), "another digest than %s", name)
		}
		if _, err := d.Digest.digest(algorithm); err != nil {
			severity := Error
			if !hallmark.KnownAlgorithm(algorithmName(algorithm)) && !misspelled(algorithm) {
				severity = Warning // identifiers that are no hashes are allowed
			}
			ps.add(severity, member(at+".digest", algorithm), "%v", err)
		}
	}
	if len(d.Content) >= 1<<10 {
		ps.add(Warning, at+".content", "%d bytes, should be under 1 KiB", len(d.Content))
	}
	if d.DownloadLocation != "" {
		checkURI(ps, at+".downloadLocation", d.DownloadLocation)
	}
	if d.Extensions != nil {
		d.Extensions.validate(ps, at, descriptorMembers()...)
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
