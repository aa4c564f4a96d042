package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/examples/internal/images"
	"github.com/hallmark-dev/hallmark/verify"
)

// A record is what came of one thing that runs. As JSON it is one line of the output of
// -json.
type record struct {
	Image  string         `json:"image"`
	Places []place        `json:"places,omitempty"`
	Report *verify.Report `json:"report"`         // verify/report.schema.json
	Tags   []tag          `json:"tags,omitempty"` // with -drift
}

// A tag is what a tag names now by which an image was started.
type tag struct {
	Reference string `json:"reference"`     // with the digest that runs
	Moved     bool   `json:"moved"`         // it names another image now
	Now       string `json:"now,omitempty"` // the digest of that; empty if there is no such tag
	Error     string `json:"error,omitempty"`
}

// decide decides about one thing that runs.
func (o *options) decide(ctx context.Context, r *running, rules gate.Rules, find source, registry *images.Registry) record {
	a := r.artifact
	a.Name = r.name
	var res *verify.Result
	rule, ok := rules.For(r.repository)
	err := r.unknown
	switch {
	case err != nil:
	case !ok && r.repository == "":
		err = errors.New("there is no policy for what is in no repository")
	case !ok:
		err = fmt.Errorf("there is no policy for %s", r.repository)
	default:
		evidence, findErr := find(ctx, r)
		if err = findErr; err == nil {
			res, err = rule.Policy.Verify(ctx, a, evidence...)
		}
		// A node that has an image of its own tells the digest of its configuration.
		if _, rejected := errors.AsType[*verify.RejectedError](err); rejected && r.configuration {
			err = errors.New("the node tells the image's configuration, and not the manifest that is signed")
		}
	}
	rec := record{Image: r.name, Places: r.places, Report: verify.NewReport(a, res, err)}
	if !o.drift {
		return rec
	}
	for _, reference := range r.tags {
		t := tag{Reference: reference}
		image, err := images.ParseContainer(reference)
		if err == nil {
			err = registry.Allowed(image)
		}
		if err == nil {
			image, t.Moved, err = registry.Client.Drift(ctx, reference)
		}
		switch {
		case err != nil:
			t.Error = err.Error()
		case t.Moved:
			t.Now = image.Digest().String()
		}
		rec.Tags = append(rec.Tags, t)
	}
	return rec
}

// print prints what came of the audit, and returns how it ends.
func (o *options) print(records []record, places int) error {
	var b strings.Builder
	counts := make(map[string]int)
	moved := 0
	var open []string
	for _, r := range records {
		counts[r.Report.Verdict]++
		if r.Report.Verdict == verify.Undecided {
			open = append(open, fmt.Sprintf("%s: %s", cli.Printable(r.Image), r.Report.Error))
		}
		for _, t := range r.Tags {
			if t.Moved {
				moved++
			}
			if t.Error != "" {
				open = append(open, t.Error)
			}
		}
		if o.json {
			line, err := json.Marshal(r)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%s\n", line)
			continue
		}
		fmt.Fprintln(&b, r.Report)
		for _, e := range r.Report.Exceptions {
			fmt.Fprintf(&b, "  exception: %s ends in %s\n", strings.TrimSpace(string(e.Rule)+" "+cli.Printable(e.Item)), e.Left)
		}
		const show = 5
		for i, place := range r.Places {
			if i == show {
				fmt.Fprintf(&b, "  in %d more\n", len(r.Places)-show)
				break
			}
			fmt.Fprintf(&b, "  in %s\n", cli.Printable(place.String()))
		}
		for _, t := range r.Tags {
			name, _, _ := strings.Cut(t.Reference, "@")
			switch {
			case t.Error != "":
				fmt.Fprintf(&b, "  tag %s: %s\n", cli.Printable(name), cli.Printable(t.Error))
			case t.Moved && t.Now == "":
				fmt.Fprintf(&b, "  tag %s is not there any more\n", cli.Printable(name))
			case t.Moved:
				fmt.Fprintf(&b, "  tag %s has moved: it is %s now\n", cli.Printable(name), t.Now)
			}
		}
	}
	if !o.json {
		fmt.Fprintf(&b, "%d images", len(records))
		if places > 0 {
			fmt.Fprintf(&b, " in %d places", places)
		}
		fmt.Fprintf(&b, ": %d accepted, %d rejected, %d undecided", counts[verify.Accepted], counts[verify.Rejected], counts[verify.Undecided])
		if o.drift {
			fmt.Fprintf(&b, ", %d tags moved", moved)
		}
		b.WriteByte('\n')
	}
	if _, err := os.Stdout.WriteString(b.String()); err != nil {
		return err
	}
	switch {
	case len(open) == 1:
		return errors.New(open[0])
	case len(open) > 1:
		return fmt.Errorf("%s (and %d more)", open[0], len(open)-1)
	case counts[verify.Rejected] > 0 || moved > 0:
		return cli.ErrFindings
	}
	return nil
}
