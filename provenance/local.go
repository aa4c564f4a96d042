package provenance

// LocalBuildType is the type of a [Build] that somebody ran on a machine of
// their own. Its only external parameter is "source", an object with the
// repository and the ref that were built, as far as they are known.
// The text behind the URI is kept in buildtypes/local-v1.md.
const LocalBuildType = "https://hallmark-dev.github.io/buildtypes/local/v1"

// LocalBuilder is the builder of a [Build] that somebody ran on a machine of
// their own. What such a machine says of a build, whoever sits at it can make it
// say: nobody should trust it beyond SLSA Build level 1.
const LocalBuilder = "https://hallmark-dev.github.io/builders/local/v1"

// Local returns the Build of s by [LocalBuilder]. What is not known of s is not
// in it.
func Local(s Source) *Build {
	source := map[string]any{}
	b := &Build{
		Type:     LocalBuildType,
		Builder:  LocalBuilder,
		External: map[string]any{"source": source},
		Evidence: map[string]Evidence{"builder": Caller},
	}
	if s.Repository != "" {
		source["repository"] = s.Repository
		b.Evidence["source.repository"] = s.RepositoryFrom
	}
	if s.Ref != "" {
		source["ref"] = s.Ref
		b.Evidence["source.ref"] = s.CommitFrom
	}
	if !s.Commit.IsZero() {
		b.Evidence["source.commit"] = s.CommitFrom
	}
	if d, ok := s.Descriptor(); ok {
		b.Dependencies = append(b.Dependencies, d)
	}
	return b
}
