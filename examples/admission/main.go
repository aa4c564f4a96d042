// Admission is a Kubernetes validating webhook: it lets Pods into a cluster whose
// images a policy accepts, and no others.
package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/examples/internal/images"
	"github.com/hallmark-dev/hallmark/examples/internal/keyless"
	"github.com/hallmark-dev/hallmark/verify"
)

const usage = `usage: admission -policy FILE -evidence DIRECTORY -tls-cert FILE -tls-key FILE [flags]

A Kubernetes validating webhook for Pods and what makes Pods: Deployment, StatefulSet,
DaemonSet, ReplicaSet, Job, CronJob and ReplicationController. Every image must be named
by its digest, and be accepted by the policy. It answers POST /validate over TLS 1.3;
manifest.yaml beside its source deploys it.

A cluster runs images of many sources, and a policy is for one: -policy may be given
several times, as REPOSITORY=FILE, for "registry.example/team/app" or
"registry.example/team/*". The longest that fits decides; FILE alone is for all others.
An image that none fits is denied.

Policies name keys, of which -key gives the files, and workflows and accounts that sign
without a key, who are recognized by the keys of a Sigstore instance in -trusted-root.

Evidence is in the files *.intoto.jsonl, *.sigstore.json and *.sigstore.jsonl of
DIRECTORY, by what they say that they are about or by their name,
"sha256-<hex>.intoto.jsonl"; or, with "-evidence oci", attached to the images in the
registries that -registry names, which are asked with the credentials of docker login.
Policies, keys, trusted root, evidence and certificate are loaded again when they
change. A policy that cannot be loaded then denies everything, until it can. One with a
lower serial than the last one from its file is not loaded, and the last one stays in
force, until this program ends; -min-serial is for the time after.

Policies can be signed, as examples/attest -policy does it: -policy-key then gives the
keys of which one must have signed each.

Whatever goes wrong is a denial. An update of an object that is being deleted is
allowed if it names no new image, so that finalizers can be removed.

-status is a listener without TLS for GET /healthz, /readyz and /metrics. Standard
error has one line of JSON for each decision.

Exit code: 0 after an interrupt or SIGTERM, when what was under way is answered; 2 if it
cannot serve.`

// options are the flags.
type options struct {
	policies, keys, registries        cli.List
	editions                          gate.Editions
	trustedRoot, evidence             string
	listen, status, certFile, keyFile string
	timeout, reload, drain, ttl       time.Duration
	parallel, cache                   int
	plainHTTP                         bool
}

func main() { cli.Main("admission", run) }

func run(ctx context.Context, args []string) error {
	var o options
	flags := cli.Flags("admission")
	flags.Var(&o.policies, "policy", "the policy `FILE`, or REPOSITORY=FILE; may be repeated")
	o.editions.Flags(flags)
	flags.Var(&o.keys, "key", "`NAME=FILE`: the public key that policies call NAME; may be repeated")
	flags.StringVar(&o.trustedRoot, "trusted-root", "", "the `FILE` trusted_root.json of the Sigstore instance by which the workflows and accounts of policies sign")
	flags.StringVar(&o.evidence, "evidence", "", "the `DIRECTORY` with evidence, or oci for what is attached to the images")
	flags.Var(&o.registries, "registry", "a `HOST` that is asked for evidence, with -evidence oci; may be repeated")
	flags.BoolVar(&o.plainHTTP, "plain-http", false, "ask registries by http: for one on this machine")
	flags.StringVar(&o.listen, "listen", ":8443", "the `ADDRESS` to serve reviews on")
	flags.StringVar(&o.status, "status", ":8080", "the `ADDRESS` to serve /healthz, /readyz and /metrics on")
	flags.StringVar(&o.certFile, "tls-cert", "", "the `FILE` with the certificate, in PEM")
	flags.StringVar(&o.keyFile, "tls-key", "", "the `FILE` with its key, in PEM")
	flags.DurationVar(&o.timeout, "timeout", 8*time.Second, "how long one review may take: less than timeoutSeconds of the webhook")
	flags.IntVar(&o.parallel, "parallel", 32, "how many reviews are decided at once")
	flags.IntVar(&o.cache, "cache", 10_000, "how many decisions are kept; 0 keeps none")
	flags.DurationVar(&o.ttl, "cache-ttl", 5*time.Minute, "how long a decision is kept")
	flags.DurationVar(&o.reload, "reload", 5*time.Second, "how often files are looked at for changes")
	flags.DurationVar(&o.drain, "drain", 5*time.Second, "how long reviews are still taken after an interrupt, until the cluster sends none")
	if err := cli.Parse(flags, usage, args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("%s: there are no arguments (-h lists the flags)", flags.Arg(0))
	case len(o.policies) == 0:
		return errors.New("no -policy (-h lists the flags)")
	case o.evidence == "":
		return errors.New("no -evidence (-h lists the flags)")
	case o.certFile == "" || o.keyFile == "":
		return errors.New("no -tls-cert and -tls-key (-h lists the flags)")
	case o.evidence == "oci" && len(o.registries) == 0:
		return errors.New("-evidence oci without -registry: say which registries may be asked")
	case o.timeout <= 0 || o.reload <= 0 || o.ttl <= 0 || o.drain < 0:
		return errors.New("a time that is not positive")
	case o.parallel <= 0 || o.cache < 0:
		return errors.New("-parallel and -cache: want a positive number")
	}
	return o.serve(ctx, os.Stderr)
}

// serve serves until ctx ends.
func (o *options) serve(ctx context.Context, stderr io.Writer) error {
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	g := newWebhook(log, o.timeout, o.parallel, newCache(o.cache, o.ttl))
	k := &keeper{o: o, gate: g, log: log, inspector: gate.Inspector()}
	if o.evidence == "oci" {
		r, err := images.NewRegistry(o.registries, o.plainHTTP)
		if err != nil {
			return err
		}
		k.registry = registry{r}
	}
	// What is wrong from the start is a mistake of who starts it.
	k.look()
	if err := g.world.Load().err; err != nil {
		return err
	}
	if k.certificate.Load() == nil {
		return fmt.Errorf("certificate: %w", k.certificateErr)
	}

	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	statusListener, err := net.Listen("tcp", o.status)
	if err != nil {
		return err
	}
	defer statusListener.Close()

	mux := http.NewServeMux()
	mux.Handle("/validate", g)
	quiet := slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	server := &http.Server{
		Handler:           mux,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: k.getCertificate},
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      o.timeout + 5*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: o.parallel},
		ErrorLog:          quiet,
	}
	var draining atomic.Bool
	statusServer := &http.Server{
		Handler:     o.statusHandler(g, &draining),
		ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       quiet,
	}
	ended := make(chan error, 2)
	go func() { ended <- server.ServeTLS(listener, "", "") }()
	go func() { ended <- statusServer.Serve(statusListener) }()
	log.Info("serving", "listen", listener.Addr().String(), "status", statusListener.Addr().String(), "policies", len(o.policies), "evidence", o.evidence)

	tick := time.NewTicker(o.reload)
	defer tick.Stop()
	var serveErr error
	for serving := true; serving; {
		select {
		case <-tick.C:
			k.look()
		case serveErr = <-ended:
			serving = false
		case <-ctx.Done():
			// The cluster goes on sending reviews until it has heard of this.
			draining.Store(true)
			log.Info("draining", "for", o.drain.String())
			select {
			case <-time.After(o.drain):
			case serveErr = <-ended:
			}
			serving = false
		}
	}
	last, cancel := context.WithTimeout(context.Background(), o.timeout+5*time.Second)
	defer cancel()
	err = errors.Join(serveErr, server.Shutdown(last), statusServer.Shutdown(last))
	log.Info("ended")
	return err
}

// statusHandler answers who asks how the gate does.
func (o *options) statusHandler(g *webhook, draining *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		switch err := g.world.Load().err; {
		case draining.Load():
			http.Error(w, "draining", http.StatusServiceUnavailable)
		case err != nil:
			http.Error(w, oneLine(err), http.StatusServiceUnavailable)
		default:
			fmt.Fprintln(w, "ok")
		}
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		g.metrics.write(w, time.Now(), g.cache.len(), len(g.slots))
	})
	return mux
}

// A keeper keeps a gate's world as the files are. Only one goroutine calls look.
type keeper struct {
	o        *options
	gate     *webhook
	log      *slog.Logger
	registry source // with -evidence oci

	inspector verify.Inspector

	rules   gate.Rules // as they could be loaded last, of which none comes back that is older
	folder  *folder
	mark    string // of the folder as it was loaded
	settled bool
	failed  string // the failure that was logged last

	certificate    atomic.Pointer[tls.Certificate]
	certificateSum [sha256.Size]byte
	certificateErr error
}

// look loads what has changed. The policies are read each time, and so are the
// certificate and its key: they are small.
func (k *keeper) look() {
	k.lookCertificate()
	was := k.gate.world.Load()
	next, changed, err := k.load(was)
	m := k.gate.metrics
	if err != nil {
		k.complain("cannot load: everything is denied", err)
		k.gate.world.Store(&world{err: fmt.Errorf("policy or evidence cannot be loaded: %w", err)})
		m.ready.Store(false)
		return
	}
	m.loaded.Store(time.Now().Unix())
	m.ready.Store(true)
	var older []error
	for _, r := range next.rules {
		older = append(older, r.Older)
	}
	if err := errors.Join(older...); err != nil {
		k.complain("an older policy is not loaded: the last one stays in force", err)
	} else {
		k.failed = ""
	}
	if changed {
		m.reloads.Add(1)
		k.gate.world.Store(next)
		k.log.Info("loaded", "policies", len(next.rules), "evidence", m.evidenceFiles.Load(), "passedOver", m.passedBy.Load())
	}
}

// complain counts a failure, and logs it once.
func (k *keeper) complain(what string, err error) {
	k.gate.metrics.reloadsFailed.Add(1)
	if text := err.Error(); text != k.failed {
		k.failed = text
		k.log.Error(what, "error", cut(text, maxReason))
	}
}

// load returns the world as it is now, and whether it is another than was.
func (k *keeper) load(was *world) (*world, bool, error) {
	// An interrupt in the middle does not make a policy a bad one.
	rules, err := gate.LoadRules(context.Background(), k.o.policies, gate.Loader{Keys: k.o.keys, TrustedRoot: k.o.trustedRoot, Editions: k.o.editions, Identities: keyless.Identities, Inspector: k.inspector, Now: time.Now}, k.rules)
	if err != nil {
		return nil, false, err
	}
	k.rules = rules
	same := was.err == nil && len(rules) == len(was.rules)
	for i := range rules {
		same = same && rules[i].Pattern == was.rules[i].Pattern && rules[i].Digest == was.rules[i].Digest
	}
	if k.registry != nil {
		return &world{rules: rules, evidence: k.registry}, !same, nil
	}
	// The mark is taken first: what is written while the files are read changes
	// it, and is read the next time.
	mark, settled, err := folderMark(k.o.evidence, time.Now())
	if err != nil {
		return nil, false, fmt.Errorf("evidence: %w", err)
	}
	if k.folder == nil || mark != k.mark || !k.settled {
		f, err := loadFolder(k.o.evidence, k.log)
		if err != nil {
			return nil, false, fmt.Errorf("evidence: %w", err)
		}
		if k.folder == nil || f.content != k.folder.content {
			k.folder, same = f, false
			k.gate.metrics.evidenceFiles.Store(int64(f.files))
			k.gate.metrics.passedBy.Store(int64(f.skipped))
		}
		k.mark, k.settled = mark, settled && !f.unread
	}
	return &world{rules: rules, evidence: k.folder}, !same, nil
}

// lookCertificate loads the certificate if it has changed. One that cannot be loaded
// leaves the one before: the two files are not written at once.
func (k *keeper) lookCertificate() {
	certPEM, err := cli.ReadFile(k.o.certFile, 1<<20)
	var keyPEM []byte
	if err == nil {
		keyPEM, err = cli.ReadFile(k.o.keyFile, 1<<20)
	}
	var cert tls.Certificate
	sum := sha256.Sum256([]byte(strconv.Itoa(len(certPEM)) + "\n" + string(certPEM) + string(keyPEM)))
	if err == nil {
		if sum == k.certificateSum {
			return
		}
		cert, err = tls.X509KeyPair(certPEM, keyPEM)
	}
	if err != nil {
		if k.certificateErr == nil || k.certificateErr.Error() != err.Error() {
			k.log.Error("cannot load the certificate", "error", cut(err.Error(), maxReason))
		}
		k.certificateErr = err
		return
	}
	k.certificateSum, k.certificateErr = sum, nil
	k.certificate.Store(&cert)
	k.gate.metrics.certificateExpires.Store(cert.Leaf.NotAfter.Unix())
	k.log.Info("certificate", "expires", cert.Leaf.NotAfter)
}

func (k *keeper) getCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return k.certificate.Load(), nil
}
