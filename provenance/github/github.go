// Package github observes a build that runs as a job of GitHub Actions, on
// github.com, on GitHub Enterprise Cloud or on an Enterprise Server.
//
// The Build that [Observe] returns is laid out as actions/attest lays it out,
// so that whoever verifies that one can verify this one:
//
//	buildType           https://actions.github.io/buildtypes/workflow/v1
//	externalParameters  {"workflow": {"path", "ref", "repository"}}
//	internalParameters  {"github": {"event_name", "repository_id", "repository_owner_id", "runner_environment"}}
//	resolvedDependencies[0]  git+<repository>@<ref>, digest gitCommit
//	builder.id          <server>/<job_workflow_ref>
//	invocationId        <repository>/actions/runs/<run id>/attempts/<attempt>
//
// There is no place in it for the inputs of a workflow, nor for anything else that
// whoever starts it may choose: a workflow that depends on inputs should not be
// described with this type. Pull requests and schedules are outside of it, too.
//
// # Who says so
//
// A job knows about itself what its environment says, which the steps of the
// job can change for each other: that is evidence for SLSA Build level 1. The
// claims of its identity token are the platform's own word. Only they tell the
// builder: in a job of a reusable workflow the environment has the name of the
// workflow that called, and not of the one that runs.
//
// Of the environment GITHUB_ACTIONS, GITHUB_EVENT_NAME, GITHUB_REF,
// GITHUB_REPOSITORY, GITHUB_REPOSITORY_ID, GITHUB_REPOSITORY_OWNER_ID,
// GITHUB_RUN_ATTEMPT, GITHUB_RUN_ID, GITHUB_SERVER_URL, GITHUB_SHA,
// GITHUB_WORKFLOW_REF and RUNNER_ENVIRONMENT are read, and ACT, GITEA_ACTIONS and
// FORGEJO_ACTIONS must not be set. Errors have values of these.
//
// Whether the runner is GitHub's is in the internal parameter runner_environment,
// "github-hosted" or "self-hosted". SLSA asks for a builder.id for each mode of a
// builder, but GitHub's convention has one for both, so that a verifier should look
// at that parameter, or at the certificate.
//
// https://actions.github.io/buildtypes/workflow/v1
package github

import (
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"net/url"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/facts"
	"github.com/hallmark-dev/hallmark/provenance"
)

// BuildType is the type of the Builds that [Observe] returns.
const BuildType = "https://actions.github.io/buildtypes/workflow/v1"

// Observe returns the Build that is running, from the variables that getenv
// returns, usually [os.Getenv], and the verified claims of the job's identity
// token, or nil.
//
// With claims every fact that has a claim is taken from it, and a variable that
// says something else is an error. Without claims the Build has no builder, and
// its Statement method refuses until the caller names one.
//
// It is an error if the job runs in another system that sets GitHub's
// variables (act, Gitea, Forgejo), if the claims were issued by another server
// than the job's, or if the event is none of create, push, release and
// workflow_dispatch, for which alone the build type is defined.
func Observe(getenv func(string) string, claims *provenance.Claims) (*provenance.Build, error) {
	if getenv == nil {
		return nil, errors.New("github: no getenv")
	}
	if getenv("GITHUB_ACTIONS") != "true" {
		return nil, fmt.Errorf("github: GITHUB_ACTIONS is %q, want true: this is no job of GitHub Actions", getenv("GITHUB_ACTIONS"))
	}
	for _, impostor := range []string{"ACT", "GITEA_ACTIONS", "FORGEJO_ACTIONS"} {
		if getenv(impostor) != "" {
			return nil, fmt.Errorf("github: %s is set: this is another system that sets the variables of GitHub Actions", impostor)
		}
	}

	b := &provenance.Build{Type: BuildType, Evidence: make(map[string]provenance.Evidence)}
	var errs []error
	// fact returns what the claim says, or else the variable. path names it in
	// b.Evidence.
	fact := func(path, claim, variable string, required bool) string {
		v, from := getenv(variable), provenance.Environment
		if claims != nil {
			c := claims.Values[claim]
			switch {
			case c == "":
				if required {
					errs = append(errs, fmt.Errorf("github: the token has no claim %s", claim))
				}
				return ""
			case v != "" && v != c:
				errs = append(errs, fmt.Errorf("github: %s is %q, but the token's claim %s is %q", variable, v, claim, c))
			}
			v, from = c, provenance.Claim
		}
		if v == "" {
			if required {
				errs = append(errs, fmt.Errorf("github: %s is not set", variable))
			}
			return ""
		}
		b.Evidence[path] = from
		return v
	}

	server, err := serverURL(getenv("GITHUB_SERVER_URL"))
	if err != nil {
		errs = append(errs, err)
	}
	if claims != nil {
		if err := issuedBy(claims.Issuer, server); err != nil {
			errs = append(errs, err)
		}
	}
	repository := fact("source.repository", "repository", "GITHUB_REPOSITORY", true)
	sha := fact("source.commit", "sha", "GITHUB_SHA", true)
	ref := fact("source.ref", "ref", "GITHUB_REF", true)
	workflow := fact("external.workflow.path", "workflow_ref", "GITHUB_WORKFLOW_REF", true)
	event := fact("internal.github.event_name", "event_name", "GITHUB_EVENT_NAME", true)
	runID := fact("invocation", "run_id", "GITHUB_RUN_ID", true)
	attempt := fact("invocation", "run_attempt", "GITHUB_RUN_ATTEMPT", true)

	internal := map[string]any{"event_name": event}
	for _, f := range []struct{ claim, variable string }{
		{"repository_id", "GITHUB_REPOSITORY_ID"},
		{"repository_owner_id", "GITHUB_REPOSITORY_OWNER_ID"},
		{"runner_environment", "RUNNER_ENVIRONMENT"},
	} {
		if v := fact("internal.github."+f.claim, f.claim, f.variable, claims != nil); v != "" {
			internal[f.claim] = v
		}
	}
	if claims != nil {
		// No variable has it.
		if w := claims.Values["job_workflow_ref"]; w != "" {
			b.Builder = server + "/" + w
			b.Evidence["builder"] = provenance.Claim
		} else {
			errs = append(errs, errors.New("github: the token has no claim job_workflow_ref"))
		}
	}

	switch event {
	case "create", "push", "release", "workflow_dispatch", "":
	default:
		errs = append(errs, fmt.Errorf("github: event %q: the build type is defined for create, push, release and workflow_dispatch only: build what is published in a job of one of these", event))
	}
	if ref != "" && !strings.HasPrefix(ref, "refs/") {
		errs = append(errs, fmt.Errorf("github: ref %q is not the full name of one", ref))
	} else if _, err := facts.Ref(ref); ref != "" && err != nil {
		errs = append(errs, fmt.Errorf("github: the ref %w", err))
	}
	// They become parts of URLs, in which there is no user.
	for part := range strings.SplitSeq(repository, "/") {
		if _, err := facts.Segment(part); repository != "" && (err != nil || part == "") {
			errs = append(errs, errors.New("github: the repository is not of the form owner/name"))
			repository = ""
		}
	}
	for _, part := range []string{runID, attempt} {
		if _, err := facts.Segment(part); err != nil {
			errs = append(errs, fmt.Errorf("github: the run or its attempt %w", err))
		}
	}
	commit, err := hallmark.ParseDigest("gitCommit:" + sha)
	if err != nil && sha != "" {
		errs = append(errs, fmt.Errorf("github: commit: %w", err))
	}
	// owner/repo/.github/workflows/release.yml@refs/tags/v1.2.3: the path and
	// the ref may have an @ of their own.
	path, ok := strings.CutPrefix(workflow, repository+"/")
	if ok {
		path, ok = strings.CutSuffix(path, "@"+ref)
	}
	if (!ok || path == "") && workflow != "" && repository != "" && ref != "" {
		errs = append(errs, fmt.Errorf("github: workflow %q is not in repository %q at ref %q", workflow, repository, ref))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}

	source := provenance.Source{Repository: server + "/" + repository, Ref: ref, Commit: commit}
	b.External = map[string]any{"workflow": map[string]any{
		"path":       path,
		"ref":        ref,
		"repository": source.Repository,
	}}
	b.Internal = map[string]any{"github": internal}
	d, _ := source.Descriptor()
	b.Dependencies = []provenance.ResourceDescriptor{d}
	b.Invocation = source.Repository + "/actions/runs/" + runID + "/attempts/" + attempt
	return b, nil
}

// AddWorkflow adds the file of the workflow to the dependencies of b, a Build that
// [Observe] returned: its path and its gitBlob digest, SHA-1 or SHA-256 as the
// commit is. repository is the checkout, usually [os.DirFS]; that it is at the
// commit is for the caller to know. Which actions the workflow uses is not looked
// at.
//
// It is an error if the file is not there, not a regular file, or larger than
// [MaxWorkflowSize].
func AddWorkflow(b *provenance.Build, repository fs.FS) error {
	workflow, _ := b.External["workflow"].(map[string]any)
	path, _ := workflow["path"].(string)
	source, _ := b.Source()
	if b.Type != BuildType || path == "" || source.Commit.IsZero() {
		return errors.New("github: the build is not one of a workflow at a commit")
	}
	if !fs.ValidPath(path) {
		return fmt.Errorf("github: workflow %.200q is not a path in a repository", path)
	}
	info, err := fs.Stat(repository, path)
	switch {
	case err != nil:
		return fmt.Errorf("github: workflow: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("github: workflow %q is not a regular file", path)
	case info.Size() > MaxWorkflowSize:
		return fmt.Errorf("github: workflow %q has %d bytes, want %d at most", path, info.Size(), MaxWorkflowSize)
	}
	text, err := fs.ReadFile(repository, path)
	if err != nil {
		return fmt.Errorf("github: workflow: %w", err)
	}
	if len(text) > MaxWorkflowSize { // it has grown
		return fmt.Errorf("github: workflow %q has more than %d bytes", path, MaxWorkflowSize)
	}
	var h hash.Hash = sha256.New()
	if len(source.Commit.Hex()) == 2*sha1.Size {
		h = sha1.New()
	}
	fmt.Fprintf(h, "blob %d\x00", len(text))
	h.Write(text)
	blob, err := hallmark.NewDigest("gitBlob", h.Sum(nil))
	if err != nil {
		return fmt.Errorf("github: workflow: %w", err)
	}
	b.Dependencies = append(b.Dependencies, provenance.ResourceDescriptor{Name: path, Digest: provenance.NewDigestSet(blob)})
	return nil
}

// serverURL returns the server's URL in the one form that it is compared in.
func serverURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.Trim(u.Path, "/") != "" || u.Host != strings.ToLower(u.Host) {
		return "", errors.New("github: GITHUB_SERVER_URL is not the https URL of a host")
	}
	return "https://" + u.Host, nil
}

// issuedBy returns an error if issuer does not speak for jobs on server.
//
//	https://github.com       https://token.actions.githubusercontent.com[/<enterprise>]
//	https://<name>.ghe.com   https://token.actions.<name>.ghe.com
//	https://<host>           https://<host>/_services/token
func issuedBy(issuer, server string) error {
	host := strings.TrimPrefix(server, "https://")
	switch {
	case host == "github.com":
		const github = "https://token.actions.githubusercontent.com"
		enterprise, ok := strings.CutPrefix(issuer, github+"/")
		if issuer == github || ok && enterprise != "" && !strings.ContainsAny(enterprise, "/?#") {
			return nil
		}
	case strings.HasSuffix(host, ".ghe.com"):
		if issuer == "https://token.actions."+host {
			return nil
		}
	case issuer == "https://"+host+"/_services/token":
		return nil
	}
	return fmt.Errorf("github: the token's issuer %q does not speak for jobs on %s", issuer, server)
}
