// Services runs one service of Sigstore on the loopback interface, until its
// standard input ends:
//
//	services fulcio -config FILE -chain FILE -key FILE -ctlog URL -issuers URL [-age DURATION]
//	services rekor  -origin NAME -key FILE -dir DIR
//	services tsa    -chain FILE -key FILE
//
// These are the servers that run the public instance, configured to need
// nothing from outside. Each prints the URL where it will answer, and logs to
// its standard error. Chains are PEM, from the certificate of the key to the
// root; keys are PEM.
//
// # Why this is a module of its own
//
// The three services link 187 modules, and the graph of their requirements has
// 640. In the module of the tests, which go.work uses, they would be part of
// what the workspace selects its versions from, and everything that is run
// there would load that graph. Measured with an empty module cache on two
// cores, "go run ./examples/release" took 57 s instead of 30 to 38 s and
// downloaded 1078 MB in 203 modules instead of 275 MB in 79; the tests of the
// root and sign/sigstore were linked with a pseudo-version of
// google.golang.org/protobuf that nothing else asks for.
//
// Package keyless builds it with GOWORK=off.
package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/certificate-transparency-go/client"
	"github.com/google/certificate-transparency-go/jsonclient"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/sigstore/fulcio/pkg/ca"
	"github.com/sigstore/fulcio/pkg/ca/baseca"
	"github.com/sigstore/fulcio/pkg/config"
	fulciopb "github.com/sigstore/fulcio/pkg/generated/protobuf"
	"github.com/sigstore/fulcio/pkg/identity"
	fulcio "github.com/sigstore/fulcio/pkg/server"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekor "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix/app"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	tsa "github.com/sigstore/timestamp-authority/v2/pkg/server"
	"github.com/spf13/viper"
	"google.golang.org/grpc/metadata"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "services:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("which service?")
	}
	f := flag.NewFlagSet(args[0], flag.ContinueOnError)
	configFile := f.String("config", "", "fulcio's configuration")
	chain := f.String("chain", "", "certificates of the key")
	key := f.String("key", "", "private key")
	ctlog := f.String("ctlog", "", "URL of the certificate log")
	issuers := f.String("issuers", "", "URL that stands for every issuer of identity tokens")
	age := f.Duration("age", 0, "how old a certificate is when it is issued")
	origin := f.String("origin", "", "name of the log in its checkpoints")
	dir := f.String("dir", "", "where the log is kept")
	if err := f.Parse(args[1:]); err != nil {
		return err
	}

	// Whoever has started this holds the other end, and lets it go however it ends.
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()

	switch args[0] {
	case "fulcio":
		return serveFulcio(*configFile, *chain, *key, *ctlog, *issuers, *age)
	case "rekor":
		return serveRekor(*origin, *key, *dir)
	case "tsa":
		return serveTSA(*chain, *key)
	}
	return fmt.Errorf("unknown service %q", args[0])
}

// serve announces where h is served, and serves it.
func serve(h http.Handler) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", l.Addr())
	return http.Serve(l, h)
}

func serveFulcio(configFile, chain, key, ctlog, issuers string, age time.Duration) error {
	at, err := url.Parse(issuers)
	if err != nil {
		return err
	}
	http.DefaultTransport = &onlyLoopback{http.DefaultTransport, at}

	// Fulcio asks every issuer of the configuration for its keys now, logs that
	// most are unreachable, and asks the others again when their tokens come.
	cfg, err := config.Load(configFile)
	if err != nil {
		return err
	}
	certs, signer, err := load(chain, key)
	if err != nil {
		return err
	}
	authority := &authority{baseca.BaseCA{SignerWithChain: &ca.SignerCerts{Signer: signer, Certs: certs}}, age}
	ct, err := client.New(ctlog, &http.Client{Timeout: 30 * time.Second}, jsonclient.Options{})
	if err != nil {
		return err
	}
	algorithms, err := signature.NewAlgorithmRegistryConfig([]common.PublicKeyDetails{
		common.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
		common.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384,
		common.PublicKeyDetails_PKIX_ECDSA_P521_SHA_512,
		common.PublicKeyDetails_PKIX_RSA_PKCS1V15_2048_SHA256,
		common.PublicKeyDetails_PKIX_RSA_PKCS1V15_3072_SHA256,
		common.PublicKeyDetails_PKIX_RSA_PKCS1V15_4096_SHA256,
		common.PublicKeyDetails_PKIX_ED25519,
	})
	if err != nil {
		return err
	}
	server := fulcio.NewGRPCCAServer(ct, authority, algorithms, fulcio.NewIssuerPool(cfg))
	mux := runtime.NewServeMux(runtime.WithMetadata(func(_ context.Context, r *http.Request) metadata.MD {
		return metadata.Pairs(fulcio.MetadataOIDCTokenKey, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	}))
	if err := fulciopb.RegisterCAHandlerServer(context.Background(), mux, server); err != nil {
		return err
	}
	return serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(config.With(r.Context(), cfg)))
	}))
}

// An onlyLoopback reaches nothing but this machine, where one server stands for
// all issuers: it gets their requests, with the issuer's name as the host.
type onlyLoopback struct {
	base    http.RoundTripper
	issuers *url.URL
}

func (t *onlyLoopback) RoundTrip(r *http.Request) (*http.Response, error) {
	if ip := net.ParseIP(r.URL.Hostname()); ip != nil && ip.IsLoopback() {
		return t.base.RoundTrip(r)
	}
	r = r.Clone(r.Context())
	r.Host = r.URL.Host
	r.URL.Scheme, r.URL.Host = t.issuers.Scheme, t.issuers.Host
	return t.base.RoundTrip(r)
}

// An authority is Fulcio's own, but its certificates can be old from the start,
// as those of an authority whose clock is slow.
type authority struct {
	baseca.BaseCA
	age time.Duration
}

func (a *authority) CreatePrecertificate(ctx context.Context, p identity.Principal, key crypto.PublicKey) (*ca.CodeSigningPreCertificate, error) {
	pre, err := a.BaseCA.CreatePrecertificate(ctx, p, key)
	if err != nil || a.age == 0 {
		return pre, err
	}
	old := pre.PreCert
	old.NotBefore, old.NotAfter = old.NotBefore.Add(-a.age), old.NotAfter.Add(-a.age)
	old.ExtraExtensions = old.Extensions
	der, err := x509.CreateCertificate(rand.Reader, old, pre.CertChain[0], key, pre.PrivateKey)
	if err != nil {
		return nil, err
	}
	pre.PreCert, err = x509.ParseCertificate(der)
	return pre, err
}

// serveRekor becomes rekor-server. It cannot choose its ports itself: if one is
// taken by somebody else meanwhile, it ends, and can be started again.
func serveRekor(origin, key, dir string) error {
	var ports [2]string
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		if _, ports[i], err = net.SplitHostPort(l.Addr().String()); err != nil {
			return err
		}
		l.Close()
	}
	fmt.Printf("http://127.0.0.1:%s\n", ports[0])
	os.Args = []string{
		"rekor-server", "serve", "--log-level", "warn",
		"--http-port", ports[0], "--grpc-port", ports[1], "--http-metrics-port", "0",
		"--hostname", origin, "--signer-filepath", key, "--storage-dir", dir,
		// As often as the log allows: a request is answered when its entry is
		// in a checkpoint.
		"--checkpoint-interval", "100ms", "--batch-max-age", "10ms",
	}
	rekor.Execute()
	return errors.New("rekor-server has ended")
}

func serveTSA(chain, key string) error {
	viper.Set("timestamp-signer", "file")
	viper.Set("timestamp-signer-hash", "sha256")
	viper.Set("file-signer-key-path", key)
	viper.Set("certificate-chain-path", chain)
	viper.Set("enforce-intermediate-eku", true)
	viper.Set("default-policy-oid", "1.3.6.1.4.1.57264.2")
	viper.Set("max-request-body-size", 1<<20)
	return serve(tsa.NewRestAPIServer("127.0.0.1", 0, []string{"http"}, false, time.Minute, time.Minute).GetHandler())
}

// load returns a chain of certificates and the key of the first.
func load(chain, key string) ([]*x509.Certificate, crypto.Signer, error) {
	data, err := os.ReadFile(chain)
	if err != nil {
		return nil, nil, err
	}
	certs, err := cryptoutils.UnmarshalCertificatesFromPEM(data)
	if err != nil {
		return nil, nil, err
	}
	if data, err = os.ReadFile(key); err != nil {
		return nil, nil, err
	}
	k, err := cryptoutils.UnmarshalPEMToPrivateKey(data, cryptoutils.SkipPassword)
	if err != nil {
		return nil, nil, err
	}
	signer, ok := k.(crypto.Signer)
	if !ok {
		return nil, nil, fmt.Errorf("a key of type %T cannot sign", k)
	}
	return certs, signer, nil
}
