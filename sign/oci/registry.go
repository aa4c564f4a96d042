package oci

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/hallmark-dev/hallmark"
)

// A session is the way to one repository for the time of one call.
type session struct {
	auth    *auth.Client
	scheme  string
	ref     registry.Reference // of the repository
	actions []string           // what a token is asked for
}

// session returns the way to the repository of image.
func (c *Client) session(image Image, actions ...string) (*session, error) {
	if c.HTTP == nil {
		return nil, errors.New("oci: no HTTP client")
	}
	if image.path == "" {
		return nil, errors.New("oci: no image")
	}
	c.once.Do(func() {
		c.cache = auth.NewCache()
		c.turn = make(chan struct{}, 1)
		c.waiting = make(map[Image][]entry)
	})
	s := &session{
		auth:    &auth.Client{Cache: c.cache, Credential: c.Credential, ClientID: "hallmark"},
		scheme:  "https",
		ref:     registry.Reference{Registry: image.registry, Repository: image.path},
		actions: actions,
	}
	s.auth.SetUserAgent("hallmark")
	if c.PlainHTTP {
		s.scheme = "http"
	}
	client := *c.HTTP // a copy: a cookie identifies nobody here
	client.Jar = nil
	client.CheckRedirect = checkRedirect
	s.auth.Client = &client
	return s, nil
}

// checkRedirect lets a registry send who reads a blob to where it is stored:
// what comes from there is compared with its digest, and oras-go takes the
// credentials off. Nothing else may come from elsewhere, or go there.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case len(via) > MaxRedirects:
		return fmt.Errorf("more than %d redirects", MaxRedirects)
	case req.URL.User != nil:
		return errors.New("redirect with a password in it is refused")
	case first.URL.Scheme == "https" && req.URL.Scheme != "https":
		return fmt.Errorf("redirect from https to %s is refused", req.URL.Scheme)
	case req.URL.Scheme == first.URL.Scheme && req.URL.Host == first.URL.Host:
		return nil
	case (first.Method == http.MethodGet || first.Method == http.MethodHead) && path.Base(path.Dir(first.URL.Path)) == "blobs":
		return nil
	}
	return fmt.Errorf("redirect to another host, %s, is refused", req.URL.Host)
}

// Do sends a request for oras-go. An answer that is compressed could have any
// size when it is not.
func (s *session) Do(req *http.Request) (*http.Response, error) {
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := s.auth.Do(req)
	if err != nil {
		return nil, err
	}
	if e := resp.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		resp.Body.Close()
		return nil, fmt.Errorf("the answer has the content encoding %.50q, which was not asked for", e)
	}
	return resp, nil
}

// An answer is what a registry says to one request.
type answer struct {
	status int
	header http.Header
	url    *url.URL
	body   []byte
}

// send is sendOnce, again if what failed can have been somebody else's writing.
// It is for requests that make no difference the second time.
func (s *session) send(ctx context.Context, method, target string, header http.Header, body []byte, limit int64, statuses ...int) (a answer, err error) {
	err = again(ctx, target, func() error {
		a, err = s.sendOnce(ctx, method, target, header, body, limit, statuses...)
		return err
	})
	return a, err
}

// sendOnce sends a request to what is at a path of the repository, or at a URL,
// and returns the answer if it has one of the statuses.
func (s *session) sendOnce(ctx context.Context, method, target string, header http.Header, body []byte, limit int64, statuses ...int) (answer, error) {
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, MaxWait)
	defer cancel()
	a, err := s.exchange(ctx, method, target, header, body, limit, statuses)
	if err != nil {
		return answer{}, clean(outer, err)
	}
	return a, nil
}

func (s *session) exchange(ctx context.Context, method, target string, header http.Header, body []byte, limit int64, statuses []int) (answer, error) {
	ctx = auth.AppendRepositoryScope(ctx, s.ref, s.actions...)
	if !strings.Contains(target, "://") {
		target = s.scheme + "://" + s.ref.Host() + "/v2/" + s.ref.Repository + "/" + target
	}
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, r)
	if err != nil {
		return answer{}, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := s.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header, url: resp.Request.URL}
	for _, status := range statuses {
		if status != resp.StatusCode {
			continue
		}
		if a.body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1)); err == nil {
			// A server that sees the connection being closed can still end its
			// answer well, in the middle of a document.
			err = ctx.Err()
		}
		if err != nil {
			return answer{}, fmt.Errorf("read the answer: %w", err)
		}
		if int64(len(a.body)) > limit {
			return answer{}, broken{fmt.Errorf("more than %d bytes", limit)}
		}
		return a, nil
	}
	return answer{}, &statusError{resp.StatusCode, codes(resp.Body)}
}

// A statusError is an answer with a status that was not wanted. Of its text only
// the codes of errors are kept: a server may repeat there what it was sent.
type statusError struct {
	status int
	codes  string
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("status %d", e.status)
	if t := http.StatusText(e.status); t != "" {
		text += " " + t
	}
	if e.codes != "" {
		text += " (" + e.codes + ")"
	}
	return text
}

func codes(body io.Reader) string {
	data, err := io.ReadAll(io.LimitReader(body, 8<<10))
	var said struct{ Errors []struct{ Code string } }
	if err != nil || json.Unmarshal(data, &said) != nil {
		return ""
	}
	var list []string
	for _, e := range said.Errors {
		list = append(list, e.Code)
	}
	return known(list)
}

// known returns those of the codes that the distribution specification has.
func known(list []string) string {
	var is []string
	for _, code := range list {
		switch code {
		case errcode.ErrorCodeBlobUnknown, errcode.ErrorCodeBlobUploadInvalid, errcode.ErrorCodeBlobUploadUnknown, errcode.ErrorCodeDigestInvalid,
			errcode.ErrorCodeManifestBlobUnknown, errcode.ErrorCodeManifestInvalid, errcode.ErrorCodeManifestUnknown, errcode.ErrorCodeNameInvalid,
			errcode.ErrorCodeNameUnknown, errcode.ErrorCodeSizeInvalid, errcode.ErrorCodeUnauthorized, errcode.ErrorCodeDenied, errcode.ErrorCodeUnsupported,
			"TOOMANYREQUESTS":
			is = append(is, code)
		}
	}
	return strings.Join(is, ", ")
}

// clean returns an error without what is nobody else's to read: a URL that a
// registry redirects to can be a signed one, and its messages can have what it
// was sent.
func clean(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %v", MaxWait)
	}
	if e, ok := errors.AsType[*errcode.ErrorResponse](err); ok {
		var list []string
		for _, e := range e.Errors {
			list = append(list, e.Code)
		}
		return &statusError{e.StatusCode, known(list)}
	}
	for {
		e, ok := errors.AsType[*url.Error](err)
		if !ok {
			return err
		}
		err = e.Err
	}
}

// tries is how often the same is asked of a registry that cannot answer while
// somebody else writes what it is about.
const tries = 10

// again calls do, and again after a pause while its error is a passing one.
func again(ctx context.Context, name string, do func() error) error {
	for try := 0; ; try++ {
		err := do()
		if try == tries-1 || !isPassing(err) {
			return err
		}
		if err := pause(ctx, name, try); err != nil {
			return err
		}
	}
}

// isPassing reports whether err can be that of a registry that keeps its links in
// files, as distribution does on a disk. While somebody writes one, it is empty
// for those who read it: what it names cannot be found, or not be read.
func isPassing(err error) bool {
	e, ok := errors.AsType[*statusError](err)
	switch {
	case !ok:
		return false
	case e.status >= 500 && e.status != http.StatusNotImplemented:
		return true
	}
	return e.status == http.StatusBadRequest && strings.Contains(e.codes, errcode.ErrorCodeManifestBlobUnknown)
}

// pause waits for up to a second, longer at each try, and not for as long as
// others who try something else.
func pause(ctx context.Context, name string, try int) error {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", try, name))
	return sleep(ctx, time.Duration(1+sum[0]%16)*min(time.Duration(try+1)*2*time.Millisecond, time.Second/16))
}

// sleep waits, until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// A broken error is about one thing that a registry keeps, not about the way to
// the registry: it does not keep others from being read.
type broken struct{ err error }

func (e broken) Error() string { return e.err.Error() }
func (e broken) Unwrap() error { return e.err }

// isAbsent reports whether err says that there is no such thing.
func isAbsent(err error) bool {
	e, ok := errors.AsType[*statusError](err)
	return ok && e.status == http.StatusNotFound
}

// isBroken reports whether err is about one thing only.
func isBroken(err error) bool {
	_, ok := errors.AsType[broken](err)
	return ok || isAbsent(err)
}

// A stored manifest is one as the registry has it.
type stored struct {
	mediaType string
	digest    hallmark.Digest
	data      []byte
	etag      string // "" or a strong one
}

// manifest gets the manifest that a tag or a digest names.
func (s *session) manifest(ctx context.Context, reference string) (stored, error) {
	a, err := s.send(ctx, http.MethodGet, "manifests/"+reference, http.Header{
		"Accept": {ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex, dockerManifest, dockerIndex},
	}, nil, MaxManifestSize, http.StatusOK)
	if err != nil {
		return stored{}, fmt.Errorf("manifest %s: %w", reference, err)
	}
	m := stored{data: a.body}
	if m.mediaType, _, err = mime.ParseMediaType(a.header.Get("Content-Type")); err != nil || !isManifest(m.mediaType) && !isIndex(m.mediaType) {
		return stored{}, broken{fmt.Errorf("manifest %s: media type %.100q, want that of a manifest or an index", reference, a.header.Get("Content-Type"))}
	}
	algorithm := "sha256"
	want, err := parseDigest(reference)
	if err != nil { // it is a tag
		// The header is optional; what is in it must be right.
		if want, err = parseDigest(a.header.Get("Docker-Content-Digest")); err != nil {
			want = hallmark.Digest{}
		}
	}
	if !want.IsZero() {
		algorithm = want.Algorithm()
	}
	if m.digest, err = hash(a.body, algorithm); err != nil {
		return stored{}, err
	}
	if !want.IsZero() && m.digest != want {
		return stored{}, broken{fmt.Errorf("manifest %s: its bytes have the digest %s, want %s", reference, m.digest, want)}
	}
	if e := a.header.Get("ETag"); strings.HasPrefix(e, `"`) {
		m.etag = e
	}
	return m, nil
}

// blob gets the blob that d describes.
func (s *session) blob(ctx context.Context, d descriptor) ([]byte, error) {
	a, err := s.send(ctx, http.MethodGet, "blobs/"+d.digest.String(), nil, nil, d.size, http.StatusOK)
	if err != nil {
		return nil, fmt.Errorf("layer %s: %w", d.digest, err)
	}
	if int64(len(a.body)) != d.size {
		return nil, broken{fmt.Errorf("layer %s: %d bytes, want %d", d.digest, len(a.body), d.size)}
	}
	got, err := hash(a.body, d.digest.Algorithm())
	if err != nil {
		return nil, err
	}
	if got != d.digest {
		return nil, broken{fmt.Errorf("layer %s: its bytes have the digest %s", d.digest, got)}
	}
	return a.body, nil
}

// hasBlob reports whether the repository has a blob.
func (s *session) hasBlob(ctx context.Context, d hallmark.Digest) (bool, error) {
	_, err := s.send(ctx, http.MethodHead, "blobs/"+d.String(), nil, nil, 0, http.StatusOK)
	if isAbsent(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("layer %s: %w", d, err)
	}
	return true, nil
}

// pushBlob puts a blob into the repository. How an upload goes on is what the
// registry says; oras-go refuses to be sent to another host.
func (s *session) pushBlob(ctx context.Context, d ocispec.Descriptor, data []byte) error {
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, MaxWait)
	defer cancel()
	repo := &remote.Repository{Client: s, Reference: s.ref, PlainHTTP: s.scheme == "http"}
	err := again(ctx, d.Digest.String(), func() error {
		if err := repo.Blobs().Push(ctx, d, bytes.NewReader(data)); err != nil {
			return clean(outer, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("push layer %s: %w", d.Digest, err)
	}
	return nil
}

// referrers asks the registry for what refers to image. known is whether the
// registry knows the API.
func (s *session) referrers(ctx context.Context, image Image) (list []descriptor, known bool, err error) {
	target := "referrers/" + image.digest.String()
	for page := 1; ; page++ {
		if page > MaxPages {
			return nil, true, fmt.Errorf("referrers: more than %d pages", MaxPages)
		}
		// Without a filter: an artifactType that the registry gets wrong would
		// hide what is looked for.
		a, err := s.send(ctx, http.MethodGet, target, http.Header{"Accept": {ocispec.MediaTypeImageIndex}}, nil, MaxManifestSize,
			http.StatusOK, http.StatusNotFound, http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented)
		if err != nil {
			return nil, false, fmt.Errorf("referrers: %w", err)
		}
		// "404 Not Found" says that the API is not there: "Unavailable Referrers
		// API". Older registries and proxies say that the request makes no sense,
		// or answer every unknown path with a page for people. An index is a list
		// under any type: not to see it would hide what is attached.
		mediaType, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
		x, err := parseIndex(a.body)
		if a.status != http.StatusOK || err != nil && mediaType != ocispec.MediaTypeImageIndex {
			if page > 1 {
				return nil, true, fmt.Errorf("referrers: page %d: status %d, media type %.100q", page, a.status, mediaType)
			}
			return nil, false, nil
		}
		if err != nil {
			return nil, true, fmt.Errorf("referrers: page %d: %w", page, err)
		}
		if list = append(list, x.manifests...); len(list) > MaxReferrers {
			return nil, true, fmt.Errorf("referrers: more than %d", MaxReferrers)
		}
		next := nextLink(a.header)
		if next == "" {
			return list, true, nil
		}
		u, err := a.url.Parse(next)
		if err != nil {
			return nil, true, fmt.Errorf("referrers: page %d: malformed link to the next one", page)
		}
		if u.Scheme != a.url.Scheme || u.Host != a.url.Host || u.User != nil {
			return nil, true, fmt.Errorf("referrers: page %d: the next one is at another host, %s", page, u.Host)
		}
		target = u.String()
	}
}

// nextLink returns where the next page is, or "": RFC 8288, as far as the
// distribution specification uses it. A link that does not say what it is for is
// taken for that, as other clients do.
func nextLink(h http.Header) string {
	for _, links := range h.Values("Link") {
		for {
			_, link, ok := strings.Cut(links, "<")
			if !ok {
				break
			}
			target, rest, ok := strings.Cut(link, ">")
			if !ok {
				break
			}
			parameters, _, _ := strings.Cut(rest, "<")
			links = rest[len(parameters):]
			relation := strings.ReplaceAll(strings.ToLower(parameters), " ", "")
			if strings.Contains(relation, `rel="next"`) || strings.Contains(relation, "rel=next") || !strings.Contains(relation, "rel=") {
				return target
			}
		}
	}
	return ""
}

// fallbackTag returns the tag of the list of what refers to a digest: "sha256-<hex>".
//
// "Truncate the algorithm to 32 characters, truncate the encoded section to 64":
// "Referrers Tag Schema".
func fallbackTag(d hallmark.Digest) string { return d.Algorithm() + "-" + d.Hex()[:64] }

// hash returns the digest of data, by sha512 if that is the algorithm, and by
// sha256 otherwise.
func hash(data []byte, algorithm string) (hallmark.Digest, error) {
	if algorithm == "sha512" {
		return hallmark.ParseDigest(fmt.Sprintf("sha512:%x", sha512.Sum512(data)))
	}
	return hallmark.ParseDigest(fmt.Sprintf("sha256:%x", sha256.Sum256(data)))
}

// each calls do for 0 to n-1, several at a time. The first error ends the work.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(Parallel, n) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
