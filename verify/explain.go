package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Explain says in plain sentences what p demands, what it takes on trust, and what it
// does not ask.
func (p *Policy) Explain() []string {
	var all []string
	say := func(format string, a ...any) { all = append(all, fmt.Sprintf(format, a...)) }
	if len(p.Builders) == 0 {
		say("No provenance is asked for: what a verifier has found is enough.")
	}
	for _, b := range p.Builders {
		say("%s may have built it, up to SLSA Build level %d, if %s signed.", line(b.name()), b.level(), line(names([]Identity{b.Identity})))
		if b.Delegated {
			say("That it was %s is the word of its signer, whose certificate names another.", line(b.name()))
		}
		if !b.Commit.IsZero() {
			say("The builder's own instructions must be of %s.", b.Commit)
		}
	}
	if p.Source != "" {
		say("It must be built from %s.", line(p.Source))
		for _, id := range []struct{ what, is string }{{"repository", p.SourceID}, {"owner", p.OwnerID}} {
			if id.is != "" {
				say("The platform must know that %s by the id %s.", id.what, line(id.is))
			} else {
				say("Whoever holds the name of the %s is believed to be who held it before.", id.what)
			}
		}
	}
	switch {
	case p.Refs.Any:
		say("What was built may be any branch or tag, or none.")
	case !p.Refs.IsZero():
		say("What was built must be %s.", line(p.Refs.String()))
	}
	if !p.Commit.IsZero() {
		say("The commit must be %s.", p.Commit)
	}
	if p.SignedCommit {
		say("The commit must be signed by people whom the inspector trusts.")
	}
	if len(p.BuildTypes) > 0 {
		say("The build type must be %s.", line(strings.Join(p.BuildTypes, " or ")))
	}
	if p.Older {
		say("Statements and provenance of versions before 1 are read, too.")
	}
	if p.Subject != "" {
		say("The provenance must call it %s.", line(p.Subject))
	}
	if p.Version != "" {
		say("It must be %s, by its tag, its SBOMs and itself.", line(p.Version))
	}
	if p.AtLeast != "" {
		say("It must not be older than %s.", line(p.AtLeast))
	}
	if len(p.Builders) > 0 {
		if len(p.Parameters) == 0 {
			say("The build must have no external parameters but its source.")
		}
		for _, at := range slices.Sorted(maps.Keys(p.Parameters)) {
			say("The external parameter %s must be %s.", line(at), line(p.Parameters[at].String()))
		}
		triggers, runners := strings.Join(p.Triggers, " or "), strings.Join(p.Runners, " or ")
		if triggers == "" {
			triggers = "push, release or workflow_dispatch, where the platform tells"
		}
		if runners == "" {
			runners = "github-hosted or gitlab-hosted, where the platform tells"
		}
		say("What started the build must be %s.", line(triggers))
		say("The machine must be %s.", line(runners))
	}
	if len(p.Environments) > 0 {
		say("The job must deploy to %s.", line(strings.Join(p.Environments, " or ")))
	}
	if p.MaxAge != 0 {
		say("It must be no older than %s.", days(p.MaxAge))
	} else if len(p.Builders) > 0 {
		say("Old evidence is as good as new.")
	}
	if len(p.Inputs.Origins) > 0 || p.Inputs.Digests {
		say("Each input of the build must be %s.", line((&Inputs{Origins: p.Inputs.Origins, Digests: p.Inputs.Digests}).String()))
	}
	for _, uri := range slices.Sorted(maps.Keys(p.Inputs.Pinned)) {
		say("The build must have taken in %s as %s.", line(uri), p.Inputs.Pinned[uri])
	}
	if p.BuildInfo {
		say("What the artifact says of its own build must be what the provenance says.")
	}
	for _, s := range p.Steps {
		say("Before that, the step %s must be attested by %s, and its products taken in by what comes next.", line(s.Name), count(s.Threshold, s.Identities))
	}
	for _, q := range p.Require {
		all = append(all, q.explain(p.Version)...)
	}
	for _, r := range p.Revoked {
		who := r.Builder
		switch {
		case !r.Key.IsZero():
			who = "the key " + r.Key.String()
		case r.Subject != "":
			who = r.Subject + " of " + r.Issuer
		}
		if r.From.IsZero() {
			say("Nothing of %s is trusted", line(who))
		} else {
			say("What is of %s and not known to be signed before %s is not trusted", line(who), date(r.From))
		}
		last := &all[len(all)-1]
		if r.Reason != "" {
			*last += ": " + line(r.Reason)
		}
		*last += "."
	}
	for _, e := range p.Exceptions {
		say("Until %s, %s of %s is excused: %s; %s answers for it, and does instead: %s.", date(e.Expires), e.name(), e.Digest, line(e.Reason), line(e.Owner), line(e.Control))
	}
	if !p.Expires.IsZero() {
		say("From %s on, this policy decides nothing.", date(p.Expires))
	}
	return all
}

// count says how many of some must have done it.
func count(threshold int, ids []Identity) string {
	if threshold > 1 {
		return fmt.Sprintf("%d of %s", threshold, line(names(ids)))
	}
	return line(strings.ReplaceAll(names(ids), ", ", " or "))
}

func (q *Requirement) explain(version string) []string {
	about := "the artifact"
	if q.OfSource {
		about = "the commit that was built"
	}
	all := []string{fmt.Sprintf("A statement of type %s about %s must be signed by %s.", line(q.PredicateType), about, count(q.Threshold, q.Identities))}
	say := func(format string, a ...any) { all = append(all, fmt.Sprintf(format, a...)) }
	if q.Subject != "" {
		say("It must call it %s.", line(q.Subject))
	}
	if q.MaxAge != 0 {
		say("It must be no older than %s.", days(q.MaxAge))
	}
	if s := q.Summary; s != nil {
		track := "Build"
		if q.OfSource {
			track = "Source"
		}
		say("It must say that %s has verified %s", line(s.Verifier), line(s.Resource))
		last := &all[len(all)-1]
		if s.Level > 0 {
			*last += fmt.Sprintf(", at SLSA %s level %d or more", track, s.Level)
		}
		if len(s.Properties) > 0 {
			*last += ", with " + line(strings.Join(s.Properties, " and "))
		}
		if !s.Policy.IsZero() {
			*last += ", against the policy " + s.Policy.String()
		}
		if !s.Refs.IsZero() {
			*last += ", when it was in " + line(s.Refs.String())
		}
		*last += "."
	}
	if q.Tests {
		say("It must say that all tests passed.")
	}
	if s := q.Scan; s != nil && s.Below == "" {
		say("It must know of no vulnerability.")
	} else if s != nil {
		method := ""
		if s.Method != "" {
			method = " by " + line(s.Method)
		}
		say("It must know of no vulnerability of severity %s or more%s.", line(s.Below), method)
	}
	if len(q.Properties) > 0 {
		say("It must say %s.", line(strings.Join(q.Properties, " and ")))
	}
	if q.SBOM != nil || isSBOM(q.PredicateType) && version != "" {
		s := q.SBOM
		if s == nil {
			s = new(SBOM)
		}
		if version != "" {
			say("What it describes must be %s.", line(version))
		}
		for _, profile := range s.Minimum {
			say("It must have the minimum elements of %s.", line(profile))
		}
		if s.BuildInfo {
			say("It must list what the artifact says it was built from.")
		}
		if s.MinAge != 0 {
			say("No dependency may have been released less than %s ago.", days(s.MinAge))
		}
		if s.MaxAge != 0 {
			say("No dependency may have been released more than %s ago.", days(s.MaxAge))
		}
	}
	if len(all) == 1 {
		all = append(all, "What else it says does not matter.")
	}
	return all
}
