package sigstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"
)

// PublicGoodURL is where the public good instance keeps its TUF repository.
const PublicGoodURL = tuf.DefaultMirror

// PublicGoodRoot returns the root.json of the TUF repository of the public good
// instance that came with sigstore-go. Who uses it believes sigstore-go, and the
// module proxy it came from.
func PublicGoodRoot() []byte { return tuf.DefaultRoot() }

// Trust is what [FetchTrust] fetches.
type Trust struct {
	// TrustedRoot is for [ParseTrustedRoot].
	TrustedRoot []byte

	// SigningConfig is for [ParseSigningConfig]. It is nil if the repository has
	// none.
	SigningConfig []byte
}

// TrustOptions say how [FetchTrust] fetches.
type TrustOptions struct {
	// Client sends the requests, as in [SignerOptions].
	Client *http.Client

	// Now returns the time at which metadata must not have expired. Nil means the
	// time of the machine.
	Now func() time.Time

	// Cache is a directory of one repository, which is made if it is not there.
	// What was fetched is kept in it, and must not be replaced by something older
	// the next time. It must not be used at several places at once. Empty means
	// that nothing is kept: only a root.json that is older than the given one is
	// noticed then.
	Cache string
}

// FetchTrust fetches trusted_root.json and, if there is one,
// signing_config.v0.2.json from the TUF repository of an instance of Sigstore at
// url. It uses the network. This package has no other function that fetches what
// is to be trusted.
//
// root is the root.json to begin with. The caller has it from where it may be
// trusted, and need not renew it: newer ones are signed by those before them. Its
// keys must be in PEM; those of the first four roots of the public good instance
// are not. It is an error if any metadata is not signed as the root says, has expired, or is
// older than what is in the cache. Requests and their repetitions are as those of
// [Signer.Sign]. It returns soon after ctx ends.
//
// https://theupdateframework.github.io/specification/latest/#detailed-client-workflow
func FetchTrust(ctx context.Context, url string, root []byte, opt TrustOptions) (*Trust, error) {
	base, err := parseServiceURL(url)
	if err != nil {
		return nil, fmt.Errorf("sigstore: repository: %w", err)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	t, err := fetchTrust(ctx, newExchange(opt.Client, opt.Now, firstWait), base.String(), root, opt)
	if err != nil {
		return nil, fmt.Errorf("sigstore: repository %s: %w", base.Host, err)
	}
	return t, nil
}

func fetchTrust(ctx context.Context, x *exchange, url string, root []byte, opt TrustOptions) (_ *Trust, fault error) {
	cfg, err := config.New(url, root)
	if err != nil {
		return nil, err
	}
	cfg.Fetcher = &fetcher{ctx, x}
	cfg.DisableLocalCache = opt.Cache == ""
	// go-tuf reads what is in the directory even then, and "" is the one that the
	// program runs in.
	cfg.LocalMetadataDir = os.DevNull
	if opt.Cache != "" {
		cfg.LocalMetadataDir, cfg.LocalTargetsDir = opt.Cache, filepath.Join(opt.Cache, "targets")
		if err := errors.Join(
			readable(opt.Cache, metadata.TIMESTAMP, metadata.Timestamp()),
			readable(opt.Cache, metadata.SNAPSHOT, metadata.Snapshot()),
			readable(opt.Cache, metadata.TARGETS, metadata.Targets()),
		); err != nil {
			return nil, err
		}
	}

	// go-tuf begins with the given root, and forgets a newer one that it kept.
	var seen int64
	if opt.Cache != "" {
		kept := filepath.Join(opt.Cache, "root.json")
		old, err := os.ReadFile(kept)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return nil, err
		default:
			known, err := trustedmetadata.New(old)
			if err != nil {
				return nil, fmt.Errorf("malformed root.json in the cache: %w", err)
			}
			seen = known.Root.Signed.Version
			defer func() {
				if fault != nil {
					fault = errors.Join(fault, os.WriteFile(kept, old, 0o644))
				}
			}()
		}
	}

	up, err := updater.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("malformed root.json: %w", err)
	}
	up.UnsafeSetRefTime(opt.Now()) // unsafe is what go-tuf calls any clock but its own
	err = up.Refresh()
	if ended := ctx.Err(); ended != nil {
		return nil, ended
	}
	if err != nil {
		return nil, err
	}
	if now := up.GetTrustedMetadataSet().Root.Signed.Version; now < seen {
		return nil, fmt.Errorf("root.json has version %d, and %d was seen already", now, seen)
	}

	trust := new(Trust)
	for _, target := range []struct {
		name  string
		limit int64
		data  *[]byte
	}{
		{"trusted_root.json", MaxTrustedRootSize, &trust.TrustedRoot},
		{"signing_config.v0.2.json", MaxSigningConfigSize, &trust.SigningConfig},
	} {
		info, ok := up.GetTopLevelTargets()[target.name]
		if !ok {
			continue
		}
		if info.Length > target.limit {
			return nil, fmt.Errorf("%s has %d bytes, at most %d are read", target.name, info.Length, target.limit)
		}
		_, data, err := up.FindCachedTarget(info, "")
		if err == nil && data == nil {
			if opt.Cache != "" { // a link would be followed
				_ = os.Remove(filepath.Join(cfg.LocalTargetsDir, target.name))
			}
			_, data, err = up.DownloadTarget(info, "", "")
		}
		if ended := ctx.Err(); ended != nil {
			return nil, ended
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", target.name, err)
		}
		*target.data = data
	}
	if trust.TrustedRoot == nil {
		return nil, errors.New("it has no trusted_root.json")
	}
	return trust, nil
}

// readable returns an error if there is metadata in the cache that cannot be
// parsed: go-tuf would not say where it is.
func readable[T metadata.Roles](cache, role string, m *metadata.Metadata[T]) error {
	data, err := os.ReadFile(filepath.Join(cache, role+".json"))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err == nil:
		_, err = m.FromBytes(data)
	}
	if err != nil {
		return fmt.Errorf("malformed %s.json in the cache: %w", role, err)
	}
	return nil
}

// A fetcher is what go-tuf fetches with: its own knows no context.
type fetcher struct {
	ctx context.Context
	x   *exchange
}

func (f *fetcher) DownloadFile(url string, limit int64, _ time.Duration) ([]byte, error) {
	data, err := f.x.send(f.ctx, &request{
		method: http.MethodGet, url: url, accept: "*/*", statuses: []int{http.StatusOK}, limit: limit,
	})
	// This is how go-tuf is told that there is no newer root.
	if s, ok := errors.AsType[*statusError](err); ok && s.status == http.StatusNotFound {
		return nil, &metadata.ErrDownloadHTTP{StatusCode: s.status, URL: url}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return data, nil
}
