package provenance_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/provenance"
)

func TestRepositoryURL(t *testing.T) {
	for _, c := range []struct{ remote, want string }{
		{"https://github.com/octocat/hello", "https://github.com/octocat/hello"},
		{"https://github.com/octocat/hello.git", "https://github.com/octocat/hello"},
		{"https://github.com/octocat/hello.git/", "https://github.com/octocat/hello"},
		{"https://github.com/octocat/hello///", "https://github.com/octocat/hello"},
		{" https://github.com/octocat/hello\n", "https://github.com/octocat/hello"},
		{"HTTPS://GitHub.com/Octocat/Hello", "https://github.com/Octocat/Hello"},
		{"http://git.example.com/r", "http://git.example.com/r"},
		{"https://git.example.com:8443/r", "https://git.example.com:8443/r"},
		{"https://git.example.com:/r", "https://git.example.com/r"},
		{"https://git.example.com/a/../b/./r", "https://git.example.com/b/r"},
		{"https://git.example.com/a%20b/r", "https://git.example.com/a%20b/r"},
		{"https://git.example.com/srv/.git", "https://git.example.com/srv"},
		{"https://git.sr.ht/~octocat/hello", "https://git.sr.ht/~octocat/hello"},
		{"https://[2001:DB8::1]:8443/r", "https://[2001:db8::1]:8443/r"},

		// Secrets.
		{"https://octocat@github.com/octocat/hello.git", "https://github.com/octocat/hello"},
		{"https://octocat:secret@github.com/octocat/hello.git", "https://github.com/octocat/hello"},
		{"https://:secret@github.com/octocat/hello", "https://github.com/octocat/hello"},
		{"https://octo%40cat:sec%40ret@github.com/octocat/hello", "https://github.com/octocat/hello"},
		{"https://github.com/octocat/hello?access_token=secret", "https://github.com/octocat/hello"},
		{"https://github.com/octocat/hello.git?x=1#secret", "https://github.com/octocat/hello"},
		{"ssh://git:secret@github.com/octocat/hello?secret#secret", "https://github.com/octocat/hello"},
		{"git@github.com:octocat/hello.git?secret#secret", "https://github.com/octocat/hello"},
		{"octocat:secret@github.com/octocat/hello", ""},
		{"octocat:secret@github.com:octocat/hello", ""},
		{"https://mirror.example/https://octocat:secret@github.com/octocat/hello", ""},
		{"https://github.com/octocat%40secret/hello", ""},

		// SSH.
		{"git@github.com:octocat/hello.git", "https://github.com/octocat/hello"},
		{"github.com:octocat/hello", "https://github.com/octocat/hello"},
		{"git@GitHub.com:octocat/hello.git/", "https://github.com/octocat/hello"},
		{"git@git.example.com:/srv/r.git", "https://git.example.com/srv/r"},
		{"a@b@git.example.com:r", "https://git.example.com/r"},
		{"ssh://git@github.com/octocat/hello.git", "https://github.com/octocat/hello"},
		{"ssh://git@github.com:22/octocat/hello.git", "https://github.com/octocat/hello"},
		{"ssh://git@[2001:db8::1]:22/r", "https://[2001:db8::1]/r"},
		{"ssh://git@[2001:db8::1]/r", "https://[2001:db8::1]/r"},
		{"git+ssh://git@github.com/octocat/hello", "https://github.com/octocat/hello"},
		{"ssh+git://git@github.com/octocat/hello", "https://github.com/octocat/hello"},
		{"[git@github.com:22]:octocat/hello", ""},
		{"[::1]:r", ""},

		// Places that others cannot reach, and programs.
		{"", ""},
		{".", ""},
		{"/srv/hello.git", ""},
		{"../hello", ""},
		{"./a:b", ""},
		{"dir/a:b", ""},
		{"hello", ""},
		{`C:\src\hello`, ""},
		{"C:/src/hello", ""},
		{`\\server\share\hello`, ""},
		{"file:///srv/hello.git", ""},
		{"FILE://localhost/srv/hello.git", ""},
		{"ext::ssh -i /home/octocat/key git.example.com %S r", ""},
		{"ext::https://git.example.com/r", ""},
		{"fd::7", ""},
		{"-oProxyCommand=x:r", ""},
		{"host name:r", ""},
		{"file:/srv/hello.git", ""},
		{"https:/octocat:secret/r", ""},
		{"..:r", ""},
		{".000:0", ""},
		{"https://../r", ""},

		// Other protocols, and what cannot be taken apart.
		{"git://github.com/octocat/hello.git", ""},
		{"ftp://git.example.com/r", ""},
		{"rsync://git.example.com/r", ""},
		{"https://", ""},
		{"https:///octocat/hello", ""},
		{"https://octocat:secret@/hello", ""},
		{"https://github.com", ""},
		{"https://github.com/", ""},
		{"https://github.com/.git", ""},
		{"https://github.com/..", ""},
		{"https://github.com:port/octocat/hello", ""},
		{"https://github.com\\@evil.example/r", ""},
		{"https://github.com/%zz", ""},
		{"https://github.com/a\x00b", ""},
		{"git@github.com:", ""},
		{"@:r", ""},
	} {
		if got := provenance.RepositoryURL(c.remote); got != c.want {
			t.Errorf("RepositoryURL(%q) = %q, want %q", c.remote, got, c.want)
		}
	}
}

// FuzzRepositoryURL: whatever the remote is, what is published is an absolute
// URL on a host, without user information, query and fragment; and never a path.
func FuzzRepositoryURL(f *testing.F) {
	for _, remote := range []string{
		"https://octocat:secret@github.com/octocat/hello.git?x#y",
		"git@github.com:octocat/hello.git",
		"ssh://git@[::1]:22/r",
		"ssh://git@Z::1]:22/r",
		"/srv/git@github.com:octocat/hello.git",
		"/srv/hello.git",
		`C:\src\hello`,
		"file:///srv/hello.git",
		"ext::sh -c x",
	} {
		f.Add(remote)
	}
	f.Fuzz(func(t *testing.T, remote string) {
		got := provenance.RepositoryURL(remote)
		if got == "" {
			return
		}
		u, err := url.Parse(got)
		if err != nil {
			t.Fatalf("RepositoryURL(%q) = %q: %v", remote, got, err)
		}
		if u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" ||
			len(u.Path) < 2 || u.Path[0] != '/' || strings.HasSuffix(u.Path, "/") || strings.Contains(got, "@") || u.Host != strings.ToLower(u.Host) {
			t.Fatalf("RepositoryURL(%q) = %q", remote, got)
		}
		trimmed := strings.TrimSpace(remote)
		if strings.HasPrefix(trimmed, "/") || strings.HasPrefix(trimmed, "./") || strings.HasPrefix(trimmed, "../") || strings.HasPrefix(strings.ToLower(trimmed), "file:") || !strings.Contains(trimmed, ":") {
			t.Fatalf("RepositoryURL(%q) = %q, but the remote is a path", remote, got)
		}
	})
}

func TestModuleRepository(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{"github.com/octocat/hello", "https://github.com/octocat/hello"},
		{"github.com/octocat/hello/v2", "https://github.com/octocat/hello"},
		{"github.com/octocat/hello/cmd/app", "https://github.com/octocat/hello"},
		{"github.com/Octocat/Hello", "https://github.com/Octocat/Hello"},
		{"github.com/octocat/v2", "https://github.com/octocat/v2"},
		{"bitbucket.org/octocat/hello/sub", "https://bitbucket.org/octocat/hello"},
		{"codeberg.org/octocat/hello", "https://codeberg.org/octocat/hello"},
		{"gitlab.com/octocat/hello", "https://gitlab.com/octocat/hello"},
		{"gitlab.com/octocat/hello/v3", "https://gitlab.com/octocat/hello"},
		{"gitlab.com/group/subgroup/hello", ""},
		{"git.sr.ht/~octocat/hello", "https://git.sr.ht/~octocat/hello"},
		{"example.com/hello", "https://example.com/hello"},
		{"example.com/hello/v2", "https://example.com/hello"},
		{"example.com/hello/v2x", "https://example.com/hello/v2x"},
		{"example.com/hello/v", "https://example.com/hello/v"},
		{"gopkg.in/yaml.v3", "https://gopkg.in/yaml.v3"},

		{"", ""},
		{"example", ""},
		{"example/hello", ""},
		{"example.com", ""},
		{"example.com/v2", ""},
		{"github.com", ""},
		{"github.com/octocat", ""},
		{"gitlab.com/octocat", ""},
		{"github.com/octocat/", ""},
		{"/srv/hello", ""},
		{"./hello", ""},
		{"../hello", ""},
		{"example.com/../hello", ""},
		{"example.com//hello", ""},
		{`C:\src.d\hello`, ""},
		{"https://github.com/octocat/hello", ""},
		{"octocat:secret@github.com/octocat/hello", ""},
		{"github.com/octocat/hello?secret", ""},
		{"Example.com/hello", ""},
		{"-x.com/hello", ""},
		{"example.com/ä", ""},
	} {
		if got := provenance.ModuleRepository(c.path); got != c.want {
			t.Errorf("ModuleRepository(%q) = %q, want %q", c.path, got, c.want)
		}
	}
}
