package main

import (
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/examples/internal/sheet"
)

// A page is what is shown of a release.
type page struct {
	Artifact text
	Digests  []text
	Verdict  verdict
	Why      text // what could not be decided
	At       time.Time

	Policy     policyView
	Answers    []answer
	Lineage    lineage
	Open       []check // those that have not passed
	Passed     []check
	Exceptions []exception
	Warnings   []text
	Evidence   []evidence
	Skipped    []text // what was given as evidence and is none

	SBOM   *bom
	NoSBOM text // why there is none
}

// A verdict is how a release was decided.
type verdict string

const (
	accepted  verdict = "accepted"
	rejected  verdict = "rejected"
	unproven  verdict = "unproven"
	undecided verdict = "undecided"
)

// Says is the verdict in a sentence.
func (v verdict) Says() string {
	switch v {
	case accepted:
		return "The policy accepts this release: each of its rules passed or is excused by an exception below."
	case rejected:
		return "The policy does not accept this release: the evidence contradicts it. Do not deploy it."
	case unproven:
		return "The policy does not accept this release: nothing contradicts it, but the evidence does not tell enough. Do not deploy it."
	}
	return "Nothing is known about this release: it could not be decided. Do not deploy it before it is."
}

// State is the verdict as the state of a box.
func (v verdict) State() state {
	switch v {
	case accepted:
		return good
	case rejected:
		return bad
	}
	return open
}

// A state is how something stands, for its colour and its sign. What it means is
// always beside it in words.
type state string

const (
	good state = "good"
	bad  state = "bad"
	open state = "open" // the evidence does not tell
	note state = "note" // worth a look
	none state = "none"
)

// Sign is drawn beside what is in the state.
func (s state) Sign() string {
	switch s {
	case good:
		return "✓"
	case bad:
		return "✗"
	case open:
		return "?"
	case note:
		return "!"
	}
	return "–"
}

type policyView struct {
	File, Digest text
	Sentences    []text
}

type answer struct {
	Question text
	Answer   string // "yes", "no" or "unproven"
	State    state
	Evidence []text
}

type check struct {
	Rule, Item text
	Outcome    string
	State      state
	Want, Got  text
	Evidence   text // digest of what was signed
	Envelope   int  // or -1
	Hint       text
}

type exception struct {
	Rule, Item, Digest     text
	Owner, Reason, Control text
	Expires                time.Time
	Left                   string
	Use                    string
}

type evidence struct {
	Index      int
	Digest     text
	Signatures int
	Says       []text // the predicate types that it was accepted with
}

// left says how long it is from now to a time.
func left(now, until time.Time) string {
	d := until.Sub(now)
	switch days := int(d / (24 * time.Hour)); {
	case d <= 0:
		return "ended"
	case days == 0:
		return "less than a day left"
	case days == 1:
		return "1 day left"
	default:
		return fmt.Sprintf("%d days left", days)
	}
}

// A text is what somebody else may have written.
type text = sheet.Text

func texts(all []string) []text {
	var ts []text
	for _, s := range all {
		ts = append(ts, text(s))
	}
	return ts
}

//go:embed page.html
var pageHTML string

//go:embed style.css
var styleCSS string

//go:embed script.js
var scriptJS string

// write writes p as HTML. The same page is the same bytes.
func (p *page) write(w io.Writer) error {
	return sheet.Write(w, pageHTML, styleCSS, scriptJS, p)
}

// Count says how many checks there are, and how they ended.
func (p *page) Count() string {
	if len(p.Open)+len(p.Passed) == 0 {
		return "none could be made"
	}
	counts := make(map[string]int)
	for _, c := range p.Open {
		counts[c.Outcome]++
	}
	var all []string
	if n := len(p.Passed); n > 0 {
		all = append(all, fmt.Sprintf("%d passed", n))
	}
	for _, outcome := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, fmt.Sprintf("%d %s", counts[outcome], outcome))
	}
	return strings.Join(all, ", ")
}

// Warning is the state of a warning.
func (*page) Warning() state { return note }
