package main

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/hallmark-dev/hallmark/provenance/oidc"
)

// templates returns the templates whose names begin with prefix.
func templates(t *testing.T, prefix string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("templates", prefix+"*.yml"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no templates", err)
	}
	all := make(map[string]string)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = string(data)
	}
	return all
}

// decode decodes a template.
func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), v); err != nil {
		t.Fatal(err)
	}
}

// Each command line with attest in a template is one that attest takes: all that it
// lacks in a directory with the files is an identity token.
func TestTemplateCommands(t *testing.T) {
	all := templates(t, "")
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, filepath.Join(dir, "dist", "app"), "app")
	command := regexp.MustCompile(`(?m)/attest"? (-.*)$`)
	words := strings.NewReplacer(`"`, "", "$RUNNER_TEMP", dir, "${files[@]}", "dist/app", "../", dir+"/", "*", "dist/app")
	for name, text := range all {
		found := command.FindAllStringSubmatch(text, -1)
		if len(found) == 0 && name != "github-caller.yml" {
			t.Errorf("%s: no command with attest", name)
		}
		for _, f := range found {
			err := run(t.Context(), strings.Fields(words.Replace(f[1])), new(bytes.Buffer), environ(map[string]string{"GITLAB_CI": "true"}), http.DefaultClient)
			if !errors.Is(err, oidc.ErrNoToken) {
				t.Errorf("%s: attest %s: %v", name, f[1], err)
			}
		}
	}
}

// The templates for GitHub allow as little as they can: only a job that signs has an
// identity; actions are pinned; no script has anything put into it by an expression;
// nothing comes from a cache; no token stays in a checkout.
func TestGitHubTemplates(t *testing.T) {
	type step struct {
		Uses, Run string
		With, Env map[string]string
	}
	signing := map[string][]string{ // the jobs that may have an identity
		"github-release.yml":  {"release"},
		"github-caller.yml":   {"attest"},
		"github-isolated.yml": {"attest"},
	}
	pinned := regexp.MustCompile(`uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	reusable := regexp.MustCompile(`uses: org/builder/\.github/workflows/attest\.yml@v\d+\.\d+\.\d+$`)
	for name, text := range templates(t, "github") {
		if signing[name] == nil {
			t.Errorf("%s: nobody has said what may sign there", name)
		}
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, "\n")
			if strings.Contains(line, "uses:") && !pinned.MatchString(line) && !reusable.MatchString(line) {
				t.Errorf("%s: not pinned by a commit: %s", name, line)
			}
			if strings.Contains(line, "secrets") {
				t.Errorf("%s: a secret: %s", name, line)
			}
		}
		var w struct {
			On          map[string]any
			Permissions map[string]string
			Jobs        map[string]struct {
				Permissions map[string]string
				RunsOn      string `yaml:"runs-on"`
				Timeout     int    `yaml:"timeout-minutes"`
				Uses        string
				Steps       []step
			}
		}
		decode(t, text, &w)
		if w.Permissions == nil || len(w.Permissions) > 0 {
			t.Errorf("%s: permissions %v for all jobs, want none", name, w.Permissions)
		}
		if w.On["pull_request_target"] != nil || w.On["workflow_run"] != nil {
			t.Errorf("%s: others can start it", name)
		}
		for id, job := range w.Jobs {
			for scope, access := range job.Permissions {
				switch {
				case scope == "contents" && access == "read":
				case scope == "id-token" && access == "write" && slices.Contains(signing[name], id):
				default:
					t.Errorf("%s: %s: permission %s: %s", name, id, scope, access)
				}
			}
			if job.Uses != "" {
				continue
			}
			if job.Timeout == 0 || !strings.HasPrefix(job.RunsOn, "ubuntu-") || strings.HasSuffix(job.RunsOn, "latest") {
				t.Errorf("%s: %s: runs on %q for %d minutes", name, id, job.RunsOn, job.Timeout)
			}
			for _, s := range job.Steps {
				action, _, _ := strings.Cut(s.Uses, "@")
				switch {
				case strings.Contains(s.Run, "${{"):
					t.Errorf("%s: %s: an expression in a script:\n%s", name, id, s.Run)
				case action == "actions/checkout" && s.With["persist-credentials"] != "false":
					t.Errorf("%s: %s: the token stays in the checkout", name, id)
				case action == "actions/setup-go" && s.With["cache"] != "false":
					t.Errorf("%s: %s: a cache that others can write", name, id)
				}
			}
		}
	}
}

// In the templates for GitLab only the job that signs has tokens, for the audiences
// that attest wants, and where the signing is isolated that job runs nothing of
// what was built.
func TestGitLabTemplates(t *testing.T) {
	type job struct {
		Stage, Image string
		Rules        []map[string]string
		Needs        []struct {
			Job       string
			Artifacts bool
		}
		Variables map[string]string
		IDTokens  map[string]struct{ Aud string } `yaml:"id_tokens"`
		Script    []string
		Artifacts struct{ Paths []string }
	}
	for name, text := range templates(t, "gitlab") {
		var all map[string]yaml.Node
		decode(t, text, &all)
		jobs := make(map[string]job)
		for id, node := range all {
			if id == "stages" {
				continue
			}
			var j job
			var strict bytes.Buffer
			if err := yaml.NewEncoder(&strict).Encode(&node); err != nil {
				t.Fatal(err)
			}
			d := yaml.NewDecoder(&strict)
			d.KnownFields(true) // neither secrets, nor a cache, nor reports that set variables
			if err := d.Decode(&j); err != nil {
				t.Errorf("%s: %s: %v", name, id, err)
			}
			jobs[id] = j
		}
		signing := "release"
		if strings.Contains(name, "isolated") {
			signing = "attest"
		}
		for id, j := range jobs {
			if len(j.Rules) != 1 || j.Rules[0]["if"] != "$CI_COMMIT_TAG" {
				t.Errorf("%s: %s: runs for %v", name, id, j.Rules)
			}
			if id != signing {
				if len(j.IDTokens) > 0 {
					t.Errorf("%s: %s has tokens: %v", name, id, j.IDTokens)
				}
				continue
			}
			for variable, audience := range map[string]string{"SIGSTORE_ID_TOKEN": "sigstore", "HALLMARK_ID_TOKEN": oidc.DefaultAudience} {
				if got := j.IDTokens[variable].Aud; got != audience {
					t.Errorf("%s: %s: %s is for %q, want %q", name, id, variable, got, audience)
				}
			}
			for _, line := range j.Script {
				if strings.Contains(line, "$CI_") {
					t.Errorf("%s: %s: somebody else's text in a script: %s", name, id, line)
				}
			}
		}
		if signing != "attest" {
			continue
		}
		j, build := jobs["attest"], jobs["build"]
		if len(j.Needs) != 1 || j.Needs[0].Job != "build" || !j.Needs[0].Artifacts || j.Variables["GIT_STRATEGY"] != "none" || j.Stage == build.Stage {
			t.Errorf("%s: attest is not apart from the build: %+v", name, j)
		}
		for _, line := range j.Script {
			if strings.Contains(line, "dist/") || strings.HasPrefix(line, "go ") || strings.Contains(line, "/attest -") && !strings.Contains(line, " -dir / ") {
				t.Errorf("%s: attest may run something of the build: %s", name, line)
			}
		}
	}
}

// The script of the isolated job hands each file of the artifact to attest, whatever
// its name is, and none that is not one.
func TestIsolatedScript(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal("the runners of GitHub have bash: ", err)
	}
	var w struct {
		Jobs map[string]struct{ Steps []struct{ Name, Run string } }
	}
	decode(t, templates(t, "github-isolated")["github-isolated.yml"], &w)
	steps := w.Jobs["attest"].Steps
	i := slices.IndexFunc(steps, func(s struct{ Name, Run string }) bool { return s.Name == "Attest and sign" })
	if i < 0 {
		t.Fatal("no step that attests")
	}
	temp := t.TempDir()
	write(t, filepath.Join(temp, "script"), steps[i].Run)
	write(t, filepath.Join(temp, "attest"), "#!/bin/sh\nprintf '%s\\0' \"$@\" >\"$RUNNER_TEMP/arguments\"\n")
	if err := os.Chmod(filepath.Join(temp, "attest"), 0o755); err != nil {
		t.Fatal(err)
	}
	files := filepath.Join(temp, "files")
	if err := os.Mkdir(files, 0o755); err != nil {
		t.Fatal(err)
	}
	script := func() (string, error) {
		cmd := exec.Command(bash, "-e", filepath.Join(temp, "script")) // as the runner does
		cmd.Dir, cmd.Env = files, []string{"RUNNER_TEMP=" + temp, "PATH=" + os.Getenv("PATH")}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := script(); err == nil || !strings.Contains(out, "no files") {
		t.Errorf("an artifact without files: %v, %s", err, out)
	}
	names := []string{"$(touch pwned)", "-key", "a b", "app", "line\nbreak", "sub/app", ".hidden", "`x`", "*"}
	for _, name := range names {
		write(t, filepath.Join(files, name), "x")
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(files, "link")); err != nil {
		t.Fatal(err)
	}
	if out, err := script(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(temp, "arguments"))
	if err != nil {
		t.Fatal(err)
	}
	arguments := strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
	end := slices.Index(arguments, "--")
	got := slices.Sorted(slices.Values(arguments[end+1:]))
	slices.Sort(names)
	if end < 0 || !slices.Equal(got, names) {
		t.Errorf("got %q, want %q after --", arguments, names)
	}
	if _, err := os.Stat(filepath.Join(files, "pwned")); err == nil {
		t.Error("a name was run")
	}
}
