package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/hallmark-dev/hallmark/verify"
)

// metrics are what /metrics tells, in the text format of Prometheus.
//
// https://prometheus.io/docs/instrumenting/exposition_formats/
type metrics struct {
	reviews map[string]*atomic.Int64 // by verdict; the maps do not change
	images  map[string]*atomic.Int64

	buckets     []float64 // seconds
	counts      []atomic.Int64
	nanoseconds atomic.Int64

	cacheHits, cacheMisses  atomic.Int64
	reloads, reloadsFailed  atomic.Int64
	loaded                  atomic.Int64 // Unix time at which the evidence was known to be as it is
	evidenceFiles, passedBy atomic.Int64
	certificateExpires      atomic.Int64 // Unix time
	ready                   atomic.Bool
}

func newMetrics() *metrics {
	m := &metrics{
		reviews: make(map[string]*atomic.Int64),
		images:  make(map[string]*atomic.Int64),
		buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}
	for _, v := range reviewVerdicts() {
		m.reviews[v] = new(atomic.Int64)
	}
	for _, v := range imageVerdicts() {
		m.images[v] = new(atomic.Int64)
	}
	m.counts = make([]atomic.Int64, len(m.buckets)+1)
	return m
}

func reviewVerdicts() []string { return []string{"allowed", "denied", "failed", "refused"} }

func imageVerdicts() []string { return []string{verify.Accepted, verify.Rejected, verify.Undecided} }

func (m *metrics) review(verdict string, took time.Duration) {
	m.reviews[verdict].Add(1)
	m.nanoseconds.Add(int64(took))
	i := 0
	for i < len(m.buckets) && took.Seconds() > m.buckets[i] {
		i++
	}
	m.counts[i].Add(1)
}

func (m *metrics) image(verdict string) { m.images[verdict].Add(1) }

// write writes everything. cached and waiting are how many decisions are cached,
// and reviews under way.
func (m *metrics) write(w io.Writer, now time.Time, cached, underWay int) {
	head := func(name, kind, help string) { fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind) }
	one := func(name, kind, help string, value any) {
		head(name, kind, help)
		fmt.Fprintf(w, "%s %v\n", name, value)
	}
	const p = "hallmark_admission_"
	head(p+"reviews_total", "counter", "Reviews by verdict: allowed, denied, failed (denied for want of a decision), refused (no review).")
	for _, v := range reviewVerdicts() {
		fmt.Fprintf(w, "%sreviews_total{verdict=%q} %d\n", p, v, m.reviews[v].Load())
	}
	head(p+"images_total", "counter", "Decisions about images by verdict.")
	for _, v := range imageVerdicts() {
		fmt.Fprintf(w, "%simages_total{verdict=%q} %d\n", p, v, m.images[v].Load())
	}
	head(p+"review_seconds", "histogram", "Time from the first byte of a request's body to its answer.")
	var n int64
	for i, le := range m.buckets {
		n += m.counts[i].Load()
		fmt.Fprintf(w, "%sreview_seconds_bucket{le=\"%v\"} %d\n", p, le, n)
	}
	n += m.counts[len(m.buckets)].Load()
	fmt.Fprintf(w, "%sreview_seconds_bucket{le=\"+Inf\"} %d\n", p, n)
	fmt.Fprintf(w, "%sreview_seconds_sum %v\n%sreview_seconds_count %d\n", p, time.Duration(m.nanoseconds.Load()).Seconds(), p, n)
	one(p+"reviews_under_way", "gauge", "Reviews that are being decided.", underWay)
	one(p+"cache_hits_total", "counter", "Decisions that were in the cache.", m.cacheHits.Load())
	one(p+"cache_misses_total", "counter", "Decisions that were not.", m.cacheMisses.Load())
	one(p+"cache_entries", "gauge", "Decisions in the cache.", cached)
	one(p+"reloads_total", "counter", "Times that changed policies or evidence were loaded.", m.reloads.Load())
	one(p+"reload_failures_total", "counter", "Times that they could not be, or that a policy was older than the last one.", m.reloadsFailed.Load())
	ready := 0
	if m.ready.Load() {
		ready = 1
	}
	one(p+"ready", "gauge", "1 if policies and evidence are loaded.", ready)
	if at := m.loaded.Load(); at != 0 {
		one(p+"evidence_age_seconds", "gauge", "Time since the evidence was last compared with its folder.", now.Unix()-at)
	}
	one(p+"evidence_files", "gauge", "Files of evidence in the folder.", m.evidenceFiles.Load())
	one(p+"evidence_passed_over", "gauge", "Files and lines in the folder that are no evidence.", m.passedBy.Load())
	one(p+"certificate_expires_seconds", "gauge", "Unix time at which the certificate of this server expires.", m.certificateExpires.Load())
}
