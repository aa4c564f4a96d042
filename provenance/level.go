package provenance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Level returns the highest SLSA Build level that b.Evidence can defend, and why
// it is not the next one, in short clauses. It is not written anywhere: what a
// build is worth, its builder decides, and those who verify.
//
//   - 0: the builder, the build type or the external parameters are not known, so
//     that there is no provenance.
//   - 1: there is provenance.
//   - 2: the platform itself says who built it, in which run, and from what: the
//     builder, the invocation, and the source's repository, ref and commit are
//     claims of its token, and so is that it was one of its own machines. Each
//     mode of a builder needs its own builder.id, which platforms do not give to
//     runners of others.
//   - 3 is never returned. It needs a signer that the steps of the build cannot
//     reach, and nothing inside of the job can show that.
//
// A Build that was read from a statement has no Evidence, and so no level above
// 1.
func (b *Build) Level() (level int, why []string) {
	if b.Builder == "" {
		why = append(why, "the builder is not known")
	}
	if b.Type == "" {
		why = append(why, "the build type is not known")
	}
	if len(b.External) == 0 {
		why = append(why, "the external parameters are not known")
	}
	if why != nil {
		return 0, why
	}
	if len(b.Evidence) == 0 {
		return 1, []string{"nothing but the provenance itself says how any of it is known"}
	}
	// Facts that are known in the same way are named together.
	unproven := make(map[Evidence][]string)
	for _, f := range []struct{ path, name string }{
		{"builder", "the builder"},
		{"source.repository", "the repository"},
		{"source.ref", "the ref"},
		{"source.commit", "the commit"},
		{"invocation", "the run"},
	} {
		if e := b.Evidence[f.path]; e != Claim {
			unproven[e] = append(unproven[e], f.name)
		}
	}
	for _, e := range slices.Sorted(maps.Keys(unproven)) {
		names, verb := unproven[e], " is "
		if last := len(names) - 1; last > 0 {
			names, verb = []string{strings.Join(names[:last], ", "), names[last]}, " are "
		}
		why = append(why, strings.Join(names, " and ")+verb+e.known())
	}
	if s, _ := b.Source(); s.Modified {
		why = append(why, "files differed from the commit")
	}
	if b.Builder == LocalBuilder {
		why = append(why, "it was built on somebody's own machine")
	} else {
		switch runner, from := b.runner(); {
		case runner == selfHosted:
			why = append(why, "the runner was not the platform's own, which the name of the builder does not tell")
		case runner == "" || from != Claim:
			why = append(why, "no claim says that the runner was the platform's own")
		}
	}
	if why != nil {
		return 1, why
	}
	return 2, []string{"nothing inside of the job can show that its steps could not reach the signer"}
}

// selfHosted is a runner that is not the platform's.
const selfHosted = "self-hosted"

// runner returns what kind of machine b ran on, "github-hosted", and how that is
// known: the internal parameter runner_environment of a platform, or
// "hosted", true or false, of one that has no name for it. It returns "" if that
// is not known, or if two parameters say it.
func (b *Build) runner() (runner string, from Evidence) {
	for _, platform := range slices.Sorted(maps.Keys(b.Internal)) {
		m, _ := b.Internal[platform].(map[string]any)
		for _, name := range []string{"runner_environment", "hosted"} {
			v, ok := m[name]
			if !ok {
				continue
			}
			if runner != "" {
				return "", NoEvidence
			}
			switch kind := fmt.Sprint(v); {
			case name == "hosted" && kind == "true":
				runner = "hosted"
			case name == "hosted" && kind == "false":
				runner = selfHosted
			case name != "hosted" && strings.HasSuffix(kind, "-hosted"):
				runner = kind
			}
			from = b.Evidence["internal."+platform+"."+name]
		}
	}
	return runner, from
}

// known says how a fact with the evidence e is known.
func (e Evidence) known() string {
	switch e {
	case Caller:
		return "what the program that made the provenance says"
	case ModulePath:
		return "taken from the path of the Go module"
	case Binary:
		return "taken from the binary, which whoever has it can change"
	case Environment:
		return "taken from the environment, which a step of the build could have changed"
	case Git:
		return "taken from the checkout, which a step of the build could have changed"
	case Claim:
		return "a claim of the job's identity token"
	}
	return "shown by nothing"
}
