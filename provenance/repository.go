package provenance

import (
	"net/netip"
	"net/url"
	"path"
	"strings"
)

// RepositoryURL returns remote, which is written in any way that git
// understands, as a URL to publish: without user information, query and
// fragment, its host in lower case, without ".git" at the end. SSH remotes, in
// URL form and as "git@host:path", become https, where the same repository is
// to be found on every known host; a host that only the configuration of ssh
// knows cannot be told from a real one. It returns "" for a path, a file URL, a
// path with an @, before which there could be a password, and whatever it cannot
// take apart.
func RepositoryURL(remote string) string {
	remote = strings.TrimSpace(remote)
	if !strings.Contains(remote, "://") {
		// [user@]host:path, but not C:\path, ./path, helper::address or
		// [host:port]:path
		host, p, ok := strings.Cut(remote, ":")
		if !ok || strings.HasPrefix(p, ":") || strings.HasPrefix(host, "[") || strings.ContainsAny(host, `/\`) {
			return ""
		}
		if i := strings.LastIndexByte(host, '@'); i >= 0 {
			host = host[i+1:]
		}
		if len(host) < 2 {
			return ""
		}
		switch strings.ToLower(host) {
		case "file", "ftp", "git", "http", "https", "ssh": // file:/path, a slip
			return ""
		}
		remote = "ssh://" + host + "/" + p
	}
	u, err := url.Parse(remote)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	if strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-._") != "" || host[0] == '.' || host[0] == '-' {
		addr, err := netip.ParseAddr(host)
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return ""
		}
		host = "[" + host + "]"
	}
	scheme := strings.ToLower(u.Scheme)
	switch scheme {
	case "http", "https":
		if port := u.Port(); port != "" {
			host += ":" + port
		}
	case "ssh", "git+ssh", "ssh+git":
		scheme = "https"
	default:
		return ""
	}
	p := strings.TrimRight(strings.TrimSuffix(path.Clean("/"+u.Path), ".git"), "/")
	if p == "" || strings.Contains(p, "@") {
		return ""
	}
	return (&url.URL{Scheme: scheme, Host: host, Path: p}).String()
}

// ModuleRepository returns the URL at which the repository of a Go module would
// be if its path says so: for hosts whose repositories have two path elements
// those two, for others the path without its major version. It returns "" for a
// path that no host can have, such as "example", and for one of gitlab.com with
// more than two elements, which can be a group's or a directory's.
//
// A module path need not be a repository's: what comes from here is no more
// than a hint.
func ModuleRepository(modulePath string) string {
	// https://go.dev/ref/mod#go-mod-file-ident: ASCII letters, digits, and
	// - . _ ~ in elements that neither begin nor end with a dot; the first one
	// in lower case and with a dot in it.
	const lower, upper = "abcdefghijklmnopqrstuvwxyz0123456789-.", "ABCDEFGHIJKLMNOPQRSTUVWXYZ_~"
	elements := strings.Split(modulePath, "/")
	for i, e := range elements {
		if e == "" || strings.Trim(e, lower+upper) != "" || e[0] == '.' || e[len(e)-1] == '.' {
			return ""
		}
		if i == 0 && (strings.Trim(e, lower) != "" || e[0] == '-' || !strings.Contains(e, ".")) {
			return ""
		}
	}
	switch elements[0] {
	case "github.com", "bitbucket.org", "codeberg.org":
		if len(elements) < 3 {
			return ""
		}
		return "https://" + strings.Join(elements[:3], "/")
	}
	if last := elements[len(elements)-1]; len(last) > 1 && last[0] == 'v' && strings.Trim(last[1:], "0123456789") == "" {
		elements = elements[:len(elements)-1]
	}
	if len(elements) < 2 || elements[0] == "gitlab.com" && len(elements) != 3 {
		return ""
	}
	return "https://" + strings.Join(elements, "/")
}
