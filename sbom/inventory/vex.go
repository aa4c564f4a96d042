package inventory

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/sbom/openvex"
)

// VEX returns what r says of its advisory as a VEX document, version 1, of the time at
// which the inventory was asked. The products are the artifacts, by their digests, and
// each has as subcomponents the packages in question.
//
//   - What is affected without a doubt is affected, and the action is what to update to.
//   - What is affected in doubt, and what has StatusUnknown, is under investigation.
//   - StatusFixed is fixed.
//   - StatusNotLinked and StatusOutside are not affected, because the vulnerable code is
//     not present.
//   - StatusAbsent is not affected, because the component is not present.
//
// So that nothing is said to be not affected, or fixed, but for an SBOM that is attested
// and complete. Of artifacts that are not in r nothing is said; those that are not affected
// are in it if it was to have Others.
//
// It fails if the cause of r is no advisory, if a list of r is not whole, and if an
// artifact has no digest that OpenVEX has a name for.
func (r *Report) VEX(author string) (*openvex.Document, error) {
	failed := func(err error) (*openvex.Document, error) { return nil, fmt.Errorf("inventory: vex: %w", err) }
	a := r.Cause.Advisory
	if a == nil {
		return failed(errors.New("the report is about no advisory"))
	}
	if more := r.Unlisted["affected"] + r.Unlisted["others"]; more > 0 {
		return failed(fmt.Errorf("%s more are not listed: ask for a report with all of them", artifacts(more)))
	}

	// Products with the same to be said of them are in one statement.
	type claim struct {
		rank          int // the worst first
		status        openvex.Status
		justification openvex.Justification
		notes, action string
	}
	claims := make(map[claim][]openvex.Product)
	add := func(c claim, of *ReportArtifact, components []ReportComponent) error {
		p := openvex.Product{Component: openvex.Component{Digests: vexDigests(of.Digests)}}
		if len(p.Digests) == 0 {
			return fmt.Errorf("%s has no digest that OpenVEX has a name for", of.Title())
		}
		ids := make(map[string]bool)
		for _, component := range components {
			if _, err := purl.Parse(component.PURL); err == nil {
				ids[component.PURL] = true
			}
		}
		if len(ids) == 0 { // nothing else tells what the component would be
			for _, id := range a.Packages {
				ids[id] = true
			}
		}
		for _, id := range slices.Sorted(maps.Keys(ids)) {
			p.Subcomponents = append(p.Subcomponents, openvex.Component{ID: id})
		}
		claims[c] = append(claims[c], p)
		return nil
	}
	for i := range r.Affected {
		one := &r.Affected[i]
		c := claim{status: openvex.Affected, action: action(one.Components)}
		if one.Doubtful {
			c = claim{rank: 1, status: openvex.UnderInvestigation, notes: doubts(one.Components)}
		}
		if err := add(c, &one.Artifact, one.Components); err != nil {
			return failed(err)
		}
	}
	for i := range r.Others {
		one := &r.Others[i]
		var c claim
		switch one.Status {
		case StatusUnknown:
			c = claim{rank: 2, status: openvex.UnderInvestigation, notes: "There is no SBOM that is attested and complete."}
		case StatusFixed:
			c = claim{rank: 3, status: openvex.Fixed}
		case StatusNotLinked, StatusOutside:
			c = claim{rank: 4, status: openvex.NotAffected, justification: openvex.VulnerableCodeNotPresent}
		case StatusAbsent:
			c = claim{rank: 5, status: openvex.NotAffected, justification: openvex.ComponentNotPresent}
		default:
			return failed(fmt.Errorf("%s has the status %.100q", one.Artifact.Title(), one.Status))
		}
		if err := add(c, &one.Artifact, one.Components); err != nil {
			return failed(err)
		}
	}

	d := &openvex.Document{Author: author, Timestamp: r.At, Version: 1}
	for _, c := range slices.SortedFunc(maps.Keys(claims), func(a, b claim) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(a.action, b.action), strings.Compare(a.notes, b.notes))
	}) {
		d.Statements = append(d.Statements, openvex.Statement{
			Vulnerability: openvex.Vulnerability{Name: a.ID, Aliases: a.Aliases}, Products: claims[c],
			Status: c.status, Justification: c.justification, StatusNotes: c.notes, ActionStatement: c.action,
		})
	}
	if err := d.Check(); err != nil {
		return failed(err)
	}
	return d, nil
}

// action says what to do about components.
func action(components []ReportComponent) string {
	todo := make(map[string]bool)
	for _, c := range components {
		name, _, _ := strings.Cut(c.label(), "@")
		switch {
		case c.Doubt != "":
		case c.Fixed != "":
			todo[fmt.Sprintf("Update %s to %s or later.", name, c.Fixed)] = true
		default:
			todo[fmt.Sprintf("No version of %s is known in which it is fixed.", name)] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(todo)), " ")
}

// doubts says why it is not certain that components are affected.
func doubts(components []ReportComponent) string {
	all := make(map[string]bool)
	for _, c := range components {
		all[c.Doubt] = true
	}
	return "It is not certain: " + strings.Join(slices.Sorted(maps.Keys(all)), "; ") + "."
}

// vexDigests returns the digests that OpenVEX has names for.
func vexDigests(digests []hallmark.Digest) []hallmark.Digest {
	return slices.DeleteFunc(slices.Clone(digests), func(d hallmark.Digest) bool {
		switch d.Algorithm() {
		case "sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512":
			return false
		}
		return true
	})
}
