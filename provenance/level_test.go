package provenance_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/provenance"
)

// claimed is a Build for which the platform's claims answer.
func claimed() *provenance.Build {
	b := &provenance.Build{
		Type:       "https://example.com/type/v1",
		External:   map[string]any{"source": map[string]any{"repository": "https://example.com/r", "ref": "refs/heads/main"}},
		Internal:   map[string]any{"github": map[string]any{"runner_environment": "github-hosted"}},
		Builder:    "https://example.com/builder",
		Invocation: "https://example.com/run/1",
		Evidence:   make(map[string]provenance.Evidence),
	}
	for _, path := range []string{"builder", "invocation", "source.repository", "source.ref", "source.commit", "internal.github.runner_environment"} {
		b.Evidence[path] = provenance.Claim
	}
	return b
}

func TestLevel(t *testing.T) {
	const (
		signer      = "nothing inside of the job can show that its steps could not reach the signer"
		environment = "taken from the environment, which a step of the build could have changed"
		unhosted    = "no claim says that the runner was the platform's own"
	)
	all := func(b *provenance.Build, e provenance.Evidence) {
		for path := range b.Evidence {
			b.Evidence[path] = e
		}
	}
	runner := func(b *provenance.Build, platform, name string, value any) {
		b.Internal = map[string]any{platform: map[string]any{name: value}}
		b.Evidence["internal."+platform+"."+name] = provenance.Claim
	}
	for _, c := range []struct {
		name  string
		edit  func(*provenance.Build)
		level int
		why   []string
	}{
		{"claims", func(*provenance.Build) {}, 2, []string{signer}},
		{"nothing", func(b *provenance.Build) { *b = provenance.Build{} }, 0, []string{
			"the builder is not known", "the build type is not known", "the external parameters are not known",
		}},
		{"claims without a builder", func(b *provenance.Build) { b.Builder = "" }, 0, []string{"the builder is not known"}},
		{"claims without a type", func(b *provenance.Build) { b.Type = "" }, 0, []string{"the build type is not known"}},
		{"claims without parameters", func(b *provenance.Build) { b.External = map[string]any{} }, 0, []string{"the external parameters are not known"}},
		{"no evidence", func(b *provenance.Build) { b.Evidence = nil }, 1, []string{"nothing but the provenance itself says how any of it is known"}},
		{"environment alone", func(b *provenance.Build) { all(b, provenance.Environment) }, 1, []string{
			"the builder, the repository, the ref, the commit and the run are " + environment, unhosted,
		}},
		{"the builder from the caller", func(b *provenance.Build) { b.Evidence["builder"] = provenance.Caller }, 1, []string{
			"the builder is what the program that made the provenance says",
		}},
		{"the commit from git", func(b *provenance.Build) { b.Evidence["source.commit"] = provenance.Git }, 1, []string{
			"the commit is taken from the checkout, which a step of the build could have changed",
		}},
		{"the commit from nowhere", func(b *provenance.Build) { delete(b.Evidence, "source.commit") }, 1, []string{"the commit is shown by nothing"}},
		{"the ref from the environment", func(b *provenance.Build) { b.Evidence["source.ref"] = provenance.Environment }, 1, []string{"the ref is " + environment}},
		{"the run from the environment", func(b *provenance.Build) { b.Evidence["invocation"] = provenance.Environment }, 1, []string{"the run is " + environment}},
		{"several of several kinds", func(b *provenance.Build) {
			b.Evidence["source.commit"], b.Evidence["source.ref"], b.Evidence["source.repository"] = provenance.Binary, provenance.Environment, provenance.ModulePath
			b.Evidence["invocation"] = provenance.Environment
		}, 1, []string{
			"the repository is taken from the path of the Go module",
			"the commit is taken from the binary, which whoever has it can change",
			"the ref and the run are " + environment,
		}},
		{"modified files", func(b *provenance.Build) {
			b.Dependencies = []provenance.ResourceDescriptor{{URI: "git+https://example.com/r@refs/heads/main", Annotations: map[string]any{"modified": true}}}
		}, 1, []string{"files differed from the commit"}},

		// Each mode of a builder is another builder.
		{"self-hosted", func(b *provenance.Build) { runner(b, "github", "runner_environment", "self-hosted") }, 1, []string{
			"the runner was not the platform's own, which the name of the builder does not tell",
		}},
		{"self-hosted by the environment", func(b *provenance.Build) {
			runner(b, "github", "runner_environment", "self-hosted")
			b.Evidence["internal.github.runner_environment"] = provenance.Environment
		}, 1, []string{"the runner was not the platform's own, which the name of the builder does not tell"}},
		{"hosted by GitLab", func(b *provenance.Build) { runner(b, "gitlab", "runner_environment", "gitlab-hosted") }, 2, []string{signer}},
		{"hosted", func(b *provenance.Build) { runner(b, "ci", "hosted", true) }, 2, []string{signer}},
		{"hosted in a string", func(b *provenance.Build) { runner(b, "ci", "hosted", "true") }, 2, []string{signer}},
		{"not hosted", func(b *provenance.Build) { runner(b, "ci", "hosted", false) }, 1, []string{
			"the runner was not the platform's own, which the name of the builder does not tell",
		}},
		{"hosted by the environment", func(b *provenance.Build) {
			b.Evidence["internal.github.runner_environment"] = provenance.Environment
		}, 1, []string{unhosted}},
		{"hosted by nobody", func(b *provenance.Build) { b.Internal = nil }, 1, []string{unhosted}},
		{"hosted somehow", func(b *provenance.Build) { runner(b, "github", "runner_environment", "yes") }, 1, []string{unhosted}},
		{"hosted by two", func(b *provenance.Build) {
			b.Internal["gitlab"] = map[string]any{"runner_environment": "gitlab-hosted"}
			b.Evidence["internal.gitlab.runner_environment"] = provenance.Claim
		}, 1, []string{unhosted}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := claimed()
			c.edit(b)
			before := maps.Clone(b.Evidence)
			level, why := b.Level()
			if level != c.level || !slices.Equal(why, c.why) {
				t.Errorf("level %d\n%s\nwant %d\n%s", level, strings.Join(why, "\n"), c.level, strings.Join(c.why, "\n"))
			}
			if !maps.Equal(b.Evidence, before) {
				t.Error("the evidence has changed")
			}
		})
	}

	local := provenance.Local(checkout())
	if level, why := local.Level(); level != 1 || why[len(why)-1] != "it was built on somebody's own machine" {
		t.Errorf("local: %d %q", level, why)
	}

	// A level does not survive the way through a statement: it was evidence.
	s, err := claimed().Statement(app(t))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(s.Predicate), "vidence") {
		t.Errorf("predicate %s", s.Predicate)
	}
	read, err := provenance.ParseBuild(s)
	if err != nil {
		t.Fatal(err)
	}
	if level, _ := read.Level(); level != 1 {
		t.Errorf("read: level %d, want 1", level)
	}
}
