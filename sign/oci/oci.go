// Package oci keeps signed envelopes beside the image that they are about, in
// its registry, and finds them there. It uses the network.
//
// An [Image] is one manifest in one repository, named by its digest:
//
//	registry.example/team/app@sha256:315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3
//
// A tag can move between two looks at it. [Client.Resolve] looks once and
// returns an Image; everything else takes an Image, and [ParseImage] refuses a
// tag. A digest is compared with the bytes that the registry sends, always. [Client.Drift]
// tells whether a tag has moved since.
//
// [Client.Attach] puts each envelope into a manifest of its own, whose subject
// is the image (OCI image specification 1.1, a "referrer"). A Sigstore bundle is
// kept as cosign's BUNDLE_SPEC says:
//
//	artifactType  application/vnd.dev.sigstore.bundle.v0.3+json
//	config        application/vnd.oci.empty.v1+json, {}
//	layers        one, of the artifactType: the bundle, byte by byte
//	subject       the image
//	annotations   dev.sigstore.bundle.content        dsse-envelope
//	              dev.sigstore.bundle.predicateType  as the statement has it
//
// and an envelope without a bundle as cosign keeps one that it attaches through
// the referrers API:
//
//	artifactType  application/vnd.in-toto+json, or application/vnd.dsse.envelope.v1+json
//	              if the payload is no in-toto statement
//	layers        one, application/vnd.dsse.envelope.v1+json: the envelope, with the
//	              annotation in-toto.io/predicate-type
//
// In both, the layer has the annotation org.opencontainers.image.title: the name of
// a file for programs such as oras that write what they pull into one.
//
// A registry that knows the referrers API of the OCI distribution specification
// 1.1 lists these manifests itself. For one that does not, the list is an index
// under the tag "sha256-<hex>", which Attach maintains. A registry that learns
// the API later has to take over that list, so one that knows it is given no
// tag.
//
// [Client.Find] asks the API and reads the tag, whatever the registry knows, and
// reads "sha256-<hex>.att" too, where cosign 2 keeps envelopes. What an
// index says of a manifest is not trusted, its artifactType least: registries
// report the type of the config there. The manifest decides.
//
// An index of manifests for several platforms is an Image, and so is each of
// them ([Client.Platforms]). Provenance is attached to the index as a rule, and an SBOM
// to the manifest of its platform; who wants both asks for both.
//
// What is found is not believed. Anyone who may push can attach anything, and
// remove what is attached: no rule may be satisfied because something is absent.
// Package verify decides:
//
//	found, skipped, err := client.Find(ctx, image)
//	for _, a := range found {
//		envelopes = append(envelopes, a.Envelope)
//	}
//	res, err := policy.Verify(ctx, image.Artifact(), envelopes...)
//
// A registry asks for credentials, if it wants any. They come from
// [Client.Credential] alone; no file and no helper program is asked for them. A
// program that has a password, or wants those of "docker login", says so:
//
//	client.Credential = auth.StaticCredential("registry.example", auth.Credential{Username: user, Password: password})
//
//	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
//	client.Credential = credentials.Credential(store)
//
// with oras.land/oras-go/v2/registry/remote/auth and …/remote/credentials, packages
// of a module that this one needs anyway.
//
// What a registry answers with a status of 500 and more is asked again, ten times
// within some seconds: some do so for as long as somebody else writes there. After
// a failure of the network nothing is asked again, nor what was asked too often
// (status 429). Who wants that gives a [Client.HTTP] whose transport does it, such
// as that of oras.land/oras-go/v2/registry/remote/retry.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
// https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md
package oci

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/hallmark-dev/hallmark"
)

// ErrTag is the error of [ParseImage] for a reference that has a tag and no
// digest. [Client.Resolve] turns it into an Image.
var ErrTag = errors.New("it has a tag, which can move, and no digest")

// An Image is a manifest in a repository, named by its digest: that of an image,
// of an index of images for several platforms, or of anything else that a
// registry keeps. Images are comparable with ==. The zero Image is not valid.
type Image struct {
	registry, path string
	digest         hallmark.Digest
}

// ParseImage parses a reference by digest:
//
//	registry.example/team/app@sha256:315f…
//	registry.example/team/app:v1.2.3@sha256:315f…
//
// A tag beside the digest says what somebody called the image once, and is
// dropped, as container runtimes do. A reference without a digest is an error
// that wraps [ErrTag].
//
// The registry is required: a host with a dot or a port, or localhost, in ASCII and
// lower case; a name in other letters is written in Punycode. What docker calls
// "nginx" is docker.io/library/nginx. The digest is a sha256 or a sha512, which are
// those that OCI registers.
func ParseImage(s string) (Image, error) {
	r, tag, err := parse(s)
	if err != nil {
		return Image{}, err
	}
	if r.digest.IsZero() {
		if tag == "" {
			return Image{}, fmt.Errorf("malformed image reference %.200q: no digest, want <registry>/<repository>@sha256:<hex>", s)
		}
		return Image{}, fmt.Errorf("malformed image reference %.200q: %w", s, ErrTag)
	}
	return r, nil
}

// parse returns what a reference says; of tag and digest it may lack either.
func parse(s string) (image Image, tag string, err error) {
	fail := func(format string, a ...any) (Image, string, error) {
		return Image{}, "", fmt.Errorf("malformed image reference %.200q: "+format, append([]any{s}, a...)...)
	}
	if len(s) > MaxReference {
		return fail("%d bytes, want at most %d", len(s), MaxReference)
	}
	name, digest, hasDigest := strings.Cut(s, "@")
	if hasDigest {
		if image.digest, err = parseDigest(digest); err != nil {
			return fail("%w", err)
		}
	}
	if strings.Contains(name, "://") {
		return fail("a scheme before the registry: want a host, such as docker.io/library/nginx")
	}
	host, path, ok := strings.Cut(name, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return fail("no registry before the repository: want a host with a dot or a port, such as docker.io/library/nginx")
	}
	path, tag, hasTag := strings.Cut(path, ":")
	if !isHost(host) {
		return fail("%.100q is not the host of a registry in lower case", host)
	}
	// The grammar of names and tags is that of oras-go, which has it of
	// distribution.
	reference := registry.Reference{Registry: host, Repository: path, Reference: tag}
	if reference.ValidateRepository() != nil {
		return fail("%.100q is not the name of a repository", path)
	}
	if hasTag && reference.ValidateReferenceAsTag() != nil {
		return fail("%.100q is not a tag", tag)
	}
	if host == "docker.io" && !strings.Contains(path, "/") {
		return fail("docker.io has no repository %q, want docker.io/library/%s", path, path)
	}
	image.registry, image.path = host, path
	return image, tag, nil
}

// isHost reports whether s is a host with a port or without, by the grammar of
// distribution. Here it has no upper case, and numbers are in one form, so that
// equal images are equal strings; and with ASCII only, no host looks like another.
func isHost(s string) bool {
	name, port := s, "443"
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		name, port = s[:i], s[i+1:]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '0' {
		return false
	}
	if strings.HasPrefix(name, "[") {
		addr, err := netip.ParseAddr(strings.Trim(name, "[]"))
		return err == nil && addr.Is6() && addr.Zone() == "" && name == "["+addr.String()+"]"
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// parseDigest parses a digest that OCI registers.
func parseDigest(s string) (hallmark.Digest, error) {
	d, err := hallmark.ParseDigest(s)
	if err != nil {
		return d, err
	}
	if d.Algorithm() != "sha256" && d.Algorithm() != "sha512" {
		return hallmark.Digest{}, fmt.Errorf("malformed digest %.150q: want sha256 or sha512", s)
	}
	return d, nil
}

// Repository returns the name that the image's registry and repository have
// together, such as registry.example/team/app.
func (i Image) Repository() string {
	if i == (Image{}) {
		return ""
	}
	return i.registry + "/" + i.path
}

// Digest returns the digest of the image's manifest.
func (i Image) Digest() hallmark.Digest { return i.digest }

// String returns the form that [ParseImage] reads, without a tag, or "" for the
// zero Image.
func (i Image) String() string {
	if i == (Image{}) {
		return ""
	}
	return i.Repository() + "@" + i.digest.String()
}

// Artifact returns the image as the subject of a statement: its repository, and
// the digest of its manifest. It is what [hallmark.ParseArtifact] makes of
// [Image.String].
func (i Image) Artifact() hallmark.Artifact {
	return hallmark.Artifact{Name: i.Repository(), Digests: []hallmark.Digest{i.digest}}
}

// A Client speaks with registries. It may be used by several goroutines at once,
// and must not be copied after its first use. What it was told by a registry's
// token service it keeps for further calls.
type Client struct {
	// HTTP sends the requests, without its cookies and its own rule for
	// redirects: only what is read of a blob may come from another host than the
	// registry's, without credentials. It is required. For a registry that does
	// not speak HTTP/2, a transport whose MaxIdleConnsPerHost is [Parallel] opens
	// fewer connections.
	HTTP *http.Client

	// Credential returns what a registry is told that wants to know who asks; nil
	// means nothing. A credential goes to the registry, or to the token service
	// that the registry names. A token service at another host than the registry's
	// is not asked if its address is one of a private network: a registry could
	// name anything there.
	Credential auth.CredentialFunc

	// PlainHTTP speaks http instead of https, with credentials too: it is for a
	// registry on this machine.
	PlainHTTP bool

	// Created is the time that [Client.Attach] writes into manifests, as
	// org.opencontainers.image.created. With the zero Time it writes none.
	Created time.Time

	once  sync.Once
	cache auth.Cache
	turn  chan struct{} // held by whoever updates a list of referrers

	mu      sync.Mutex
	waiting map[Image][]entry // what is to be on the lists and is not known to be
}

// Resolve returns the image that a reference by tag names now, by asking the
// registry for its manifest and hashing that. A reference with a digest is that
// image already, as [ParseImage] reads it: no request is made.
//
//	registry.example/team/app:v1.2.3
//
// A reference without either is an error: which tag it means is not assumed.
func (c *Client) Resolve(ctx context.Context, reference string) (Image, error) {
	image, tag, err := parse(reference)
	if err != nil {
		return Image{}, err
	}
	if !image.digest.IsZero() {
		return image, nil
	}
	if tag == "" {
		return Image{}, fmt.Errorf("malformed image reference %.200q: neither a tag nor a digest", reference)
	}
	s, err := c.session(image, auth.ActionPull)
	if err != nil {
		return Image{}, err
	}
	m, err := s.manifest(ctx, tag)
	if err != nil {
		return Image{}, fmt.Errorf("resolve %s: %w", reference, err)
	}
	image.digest = m.digest
	return image, nil
}

// Drift tells whether a tag still names the image that it named when a reference was
// written down, which has the tag and the digest of then:
//
//	registry.example/team/app:v1.2.3@sha256:315f…
//
// now is the image that the registry has under the tag, and the zero Image if it says
// that there is no such tag. moved is whether that is another one than that of the
// digest. A tag that names an index has not moved if the index itself lists the digest:
// some container runtimes tell which manifest of an index they run, and some the index.
//
// A reference without a tag or without a digest is an error, and so is a repository that
// the registry does not know.
func (c *Client) Drift(ctx context.Context, reference string) (now Image, moved bool, err error) {
	was, tag, err := parse(reference)
	if err != nil {
		return Image{}, false, err
	}
	if tag == "" || was.digest.IsZero() {
		return Image{}, false, fmt.Errorf("malformed image reference %.200q: want a tag and the digest that it had", reference)
	}
	fail := func(err error) (Image, bool, error) {
		return Image{}, false, fmt.Errorf("drift of %s: %w", reference, err)
	}
	s, err := c.session(was, auth.ActionPull)
	if err != nil {
		return Image{}, false, err
	}
	m, err := s.manifest(ctx, tag)
	if e, ok := errors.AsType[*statusError](err); ok && e.status == http.StatusNotFound && strings.Contains(e.codes, errcode.ErrorCodeManifestUnknown) {
		return Image{}, true, nil
	}
	if err != nil {
		return fail(err)
	}
	// The same manifest has a digest by each algorithm.
	now = was
	if now.digest, err = hash(m.data, was.digest.Algorithm()); err != nil {
		return fail(err)
	}
	if now == was || !isIndex(m.mediaType) {
		return now, now != was, nil
	}
	x, err := parseIndex(m.data)
	if err != nil {
		return fail(err)
	}
	return now, !slices.ContainsFunc(x.manifests, func(d descriptor) bool { return d.digest == was.digest }), nil
}

// A Platform is one manifest of an index.
type Platform struct {
	// Image is that manifest, in the repository of the index.
	Image Image

	// What the index says that it is for. Each may be empty.
	OS, Architecture, Variant, OSVersion string
}

// String returns the platform as OS/Architecture or OS/Architecture/Variant.
func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// Platforms returns the manifests that image lists if it is an index, and none
// if it is not one. Indexes in it are opened, up to a depth of [MaxIndexDepth];
// the manifests come in the order in which they are listed, each once. Those that hold what
// BuildKit attests of the others are left out, as is what is not an image.
//
// Digest and platform are what the index says: the manifests are not fetched.
func (c *Client) Platforms(ctx context.Context, image Image) ([]Platform, error) {
	s, err := c.session(image, auth.ActionPull)
	if err != nil {
		return nil, err
	}
	var platforms []Platform
	seen := map[hallmark.Digest]bool{image.digest: true}
	opened := 0
	var open func(d hallmark.Digest, depth int) error
	open = func(d hallmark.Digest, depth int) error {
		if opened++; opened > MaxPlatforms {
			return fmt.Errorf("more than %d indexes", MaxPlatforms)
		}
		m, err := s.manifest(ctx, d.String())
		if err != nil {
			return err
		}
		if !isIndex(m.mediaType) {
			return nil
		}
		index, err := parseIndex(m.data)
		if err != nil {
			return err
		}
		for _, entry := range index.manifests {
			if seen[entry.digest] || entry.annotations["vnd.docker.reference.type"] != "" {
				continue
			}
			seen[entry.digest] = true
			switch {
			case isIndex(entry.mediaType) && depth == MaxIndexDepth:
				return fmt.Errorf("more than %d indexes in each other", MaxIndexDepth)
			case isIndex(entry.mediaType):
				if err := open(entry.digest, depth+1); err != nil {
					return fmt.Errorf("index %s: %w", entry.digest, err)
				}
			case isManifest(entry.mediaType):
				if len(platforms) == MaxPlatforms {
					return fmt.Errorf("more than %d manifests", MaxPlatforms)
				}
				p := entry.platform
				p.Image = image
				p.Image.digest = entry.digest
				platforms = append(platforms, p)
			}
		}
		return nil
	}
	if err := open(image.digest, 1); err != nil {
		return nil, fmt.Errorf("platforms of %s: %w", image, err)
	}
	return platforms, nil
}
