package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/examples/internal/images"
	"github.com/hallmark-dev/hallmark/verify"
)

// Bounds of an answer, in bytes.
const (
	maxMessage = 8 << 10
	maxReason  = 1 << 10 // of one container, and of one warning
)

// maxWarnings is how many warnings an answer has.
const maxWarnings = 20

// A decision is what came of one image.
type decision struct {
	verdict  string   // of a [verify.Report]
	reason   string   // empty if it is accepted
	warnings []string // what of an accepted image will not be so for ever
}

// A world is what decisions are made on. It is replaced as a whole and never
// changed.
type world struct {
	rules    gate.Rules
	evidence source
	err      error // why there are no rules or no evidence: nothing is allowed
}

// A webhook answers reviews.
type webhook struct {
	log     *slog.Logger
	timeout time.Duration // of one review
	slots   chan struct{} // of reviews that are decided at once
	world   atomic.Pointer[world]
	cache   *cache
	metrics *metrics
}

func newWebhook(log *slog.Logger, timeout time.Duration, parallel int, c *cache) *webhook {
	g := &webhook{log: log, timeout: timeout, slots: make(chan struct{}, parallel), cache: c, metrics: newMetrics()}
	g.world.Store(&world{err: errors.New("policy and evidence are not loaded yet")})
	return g
}

// ServeHTTP answers a review. What is no review at all is an error of HTTP, which
// the API server takes as the failure of this webhook, and so as a denial where the
// failurePolicy is Fail.
func (g *webhook) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	start := time.Now()
	timeout := g.timeout
	// The API server says how long it waits.
	if d, err := time.ParseDuration(hr.URL.Query().Get("timeout")); err == nil && d > 0 {
		timeout = min(timeout, d-d/10)
	}
	ctx, cancel := context.WithTimeoutCause(hr.Context(), timeout, fmt.Errorf("no decision within %s", timeout))
	defer cancel()

	refuse := func(code int, text string) {
		g.metrics.review("refused", time.Since(start))
		g.log.Warn("no review", "code", code, "error", cut(text, maxReason))
		http.Error(w, text, code)
	}
	if hr.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(http.StatusMethodNotAllowed, "want POST")
		return
	}
	if t, _, err := mime.ParseMediaType(hr.Header.Get("Content-Type")); err != nil || t != "application/json" {
		refuse(http.StatusUnsupportedMediaType, "want application/json")
		return
	}
	// Nothing is read of a review that has no slot: this bounds the memory too.
	select {
	case g.slots <- struct{}{}:
	case <-ctx.Done():
		refuse(http.StatusServiceUnavailable, "too many reviews at once")
		return
	}
	handedOver := false
	defer func() {
		if !handedOver {
			<-g.slots
		}
	}()
	// The time for the body is bounded on the connection, where there is one.
	conn := http.NewResponseController(w)
	if err := conn.SetReadDeadline(start.Add(timeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		refuse(http.StatusInternalServerError, "internal error")
		return
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, hr.Body, maxReview))
	if err != nil {
		code := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			code = http.StatusRequestEntityTooLarge
		}
		refuse(code, fmt.Sprintf("review: %v", err))
		return
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		refuse(http.StatusInternalServerError, "internal error")
		return
	}
	r, err := parseReview(data)
	if r.uid == "" {
		refuse(http.StatusBadRequest, fmt.Sprintf("malformed review: %v", err))
		return
	}
	if err != nil {
		g.answer(w, r, start, &status{http.StatusBadRequest, "BadRequest", "malformed review: " + err.Error()}, nil)
		return
	}

	// The answer does not wait for what does not heed its context; the slot does.
	type decided struct {
		denied   *status
		warnings []string
	}
	done := make(chan decided, 1)
	handedOver = true
	go func() {
		defer func() { <-g.slots }()
		defer func() {
			if p := recover(); p != nil {
				g.log.Error("panic", "uid", r.uid, "panic", cut(fmt.Sprint(p), maxReason))
				done <- decided{&status{http.StatusInternalServerError, "InternalError", "internal error"}, nil}
			}
		}()
		denied, warnings := g.decide(ctx, r)
		done <- decided{denied, warnings}
	}()
	select {
	case d := <-done:
		g.answer(w, r, start, d.denied, d.warnings)
	case <-ctx.Done():
		g.answer(w, r, start, &status{http.StatusGatewayTimeout, "Timeout", context.Cause(ctx).Error()}, nil)
	}
}

// answer writes the answer to r: allowed if denied is nil, and only then. Who asked the
// API server is shown the warnings either way.
func (g *webhook) answer(w http.ResponseWriter, r request, start time.Time, denied *status, warnings []string) {
	verdict, level := "allowed", slog.LevelInfo
	fields := []any{
		"uid", r.uid, "operation", cut(r.operation, 20), "kind", cut(r.kind, 100),
		"namespace", cut(r.namespace, 100), "name", cut(r.name, 300), "dryRun", r.dryRun,
	}
	if denied == nil {
		var images []string
		for _, c := range r.images {
			images = append(images, cut(c.image, 300))
		}
		fields = append(fields, "images", images)
	}
	if denied != nil {
		denied.Message = cut(denied.Message, maxMessage)
		verdict = "denied"
		if denied.Code >= 500 {
			verdict, level = "failed", slog.LevelError
		}
		fields = append(fields, "code", denied.Code, "message", denied.Message)
	}
	warnings = warnings[:min(len(warnings), maxWarnings)]
	if len(warnings) > 0 {
		fields = append(fields, "warnings", warnings)
	}
	took := time.Since(start)
	g.metrics.review(verdict, took)
	g.log.Log(context.Background(), level, verdict, append(fields, "seconds", took.Seconds())...)

	body, err := json.Marshal(response{reviewVersion, reviewKind, answer{r.uid, denied == nil, denied, warnings}})
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // who is gone has no answer, and allows nothing
}

// decide returns why r is denied, or nil if it is allowed.
func (g *webhook) decide(ctx context.Context, r request) (denied *status, warnings []string) {
	if r.leaving {
		return nil, nil
	}
	world := g.world.Load()
	if world.err != nil {
		return &status{http.StatusServiceUnavailable, "ServiceUnavailable", world.err.Error()}, nil
	}
	type result struct {
		decision
		code int
	}
	decided := make(map[string]result) // an image is often there twice
	code := 0
	var reasons []string
	for _, c := range r.images {
		d, ok := decided[c.image]
		if !ok {
			d.decision, d.code = g.image(ctx, world, c.image)
			g.metrics.image(d.verdict)
			decided[c.image] = d
			warnings = append(warnings, d.warnings...)
		}
		if d.verdict != verify.Accepted {
			reasons = append(reasons, cut(fmt.Sprintf("%s: image %s: %s: %s", c, cli.Printable(cut(c.image, 300)), d.verdict, d.reason), maxReason))
			// That it is rejected is certain, whatever becomes of the others.
			if code == 0 || d.code == http.StatusForbidden {
				code = d.code
			}
		}
	}
	switch code {
	case 0:
		return nil, warnings
	case http.StatusForbidden:
		return &status{code, "Forbidden", strings.Join(reasons, "\n")}, warnings
	}
	return &status{code, "InternalError", strings.Join(reasons, "\n")}, warnings
}

// image decides about one image.
func (g *webhook) image(ctx context.Context, world *world, reference string) (decision, int) {
	image, err := images.ParseContainer(reference)
	if err != nil {
		return decision{verify.Rejected, err.Error(), nil}, http.StatusForbidden
	}
	rule, ok := world.rules.For(image.Repository())
	if !ok {
		return decision{verify.Rejected, fmt.Sprintf("there is no policy for %s", image.Repository()), nil}, http.StatusForbidden
	}
	// The repository stands in the key because a registry has evidence by
	// repository, and the rules are by repository.
	key := image.String() + " " + rule.Digest + " " + world.evidence.state()
	if d, ok := g.cache.get(key); ok {
		g.metrics.cacheHits.Add(1)
		return d, http.StatusForbidden
	}
	g.metrics.cacheMisses.Add(1)
	evidence, err := world.evidence.find(ctx, image)
	if err != nil {
		return decision{verify.Undecided, "evidence: " + oneLine(err), nil}, http.StatusInternalServerError
	}
	artifact := image.Artifact()
	res, err := rule.Policy.Verify(ctx, artifact, evidence...)
	report := verify.NewReport(artifact, res, err)
	d := decision{verdict: report.Verdict}
	switch d.verdict {
	case verify.Undecided:
		return decision{verify.Undecided, oneLine(err), nil}, http.StatusInternalServerError
	case verify.Rejected:
		_, reason, _ := strings.Cut(report.String(), "\n") // behind the verdict
		d.reason = strings.ReplaceAll(strings.TrimSpace(reason), "\n  ", "; ")
		if len(evidence) == 0 {
			d.reason = "no evidence is known; " + d.reason
		}
		d.reason = cut(d.reason, maxReason)
	}
	for _, e := range report.Exceptions {
		d.warnings = append(d.warnings, cut(fmt.Sprintf("%s: exception for %s ends in %s: %s", image, strings.TrimSpace(string(e.Rule)+" "+e.Item), e.Left, e.Reason), maxReason))
	}
	for _, w := range report.Warnings {
		d.warnings = append(d.warnings, cut(fmt.Sprintf("%s: %s", image, w), maxReason))
	}
	// What is missing in a registry may be attached in the next moment, and what is
	// young enough, or excused, is not so in another.
	if rule.Timeless && (d.verdict == verify.Accepted || world.evidence.state() != "") {
		g.cache.put(key, d)
	}
	return d, http.StatusForbidden
}

// oneLine returns the text of err, which may be that of several, on one line.
func oneLine(err error) string {
	return cli.Printable(strings.NewReplacer("\n", "; ", "\t", " ").Replace(cut(err.Error(), maxReason)))
}
