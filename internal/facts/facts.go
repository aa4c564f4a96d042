// Package facts puts together what a job's environment and its identity token
// say of the job, for the packages that observe builds.
//
// A claim wins over a variable, and a variable that says something else is an
// error. Errors have the values of variables that a package names as those that
// it reads, after they were read as what they should be, and no other ones: a
// value that cannot be read may be anything, a secret too.
package facts

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// MaxValue is the size of a value that is taken from a variable or a claim, in
// bytes.
const MaxValue = 4096

// Facts are what is known of one job, and what is wrong with it.
type Facts struct {
	// Known says by the path of a fact whether a claim says it, or only a
	// variable does.
	Known map[string]bool

	name   string
	getenv func(string) string
	claims map[string]string
	errs   []error
}

// New returns the Facts that getenv and claims tell. claims is nil without a
// token. name is that of the package, for errors.
func New(name string, getenv func(string) string, claims map[string]string) *Facts {
	return &Facts{Known: make(map[string]bool), name: name, getenv: getenv, claims: claims}
}

// A Fact says where to find something.
type Fact struct {
	Path string // of what is known, in Known

	// Claim is the name of the claim, or "" if tokens have none. Variables are
	// names of variables, of which the first one counts that is set.
	Claim     string
	Variables []string

	// ReadClaim and Read turn a claim and a variable into what is returned and
	// compared, or return an error without the value. Nil returns the value as
	// it is.
	ReadClaim, Read func(string) (string, error)

	Required bool

	// Lax says that tokens may lack the claim, in which case the variable
	// counts.
	Lax bool
}

// Get returns what the claim says, or else the variable, or "". It records what
// is wrong.
func (f *Facts) Get(x Fact) string {
	variable, v := "", ""
	for _, variable = range x.Variables {
		if v = f.getenv(variable); v != "" {
			break
		}
	}
	v, ok := f.read(variable, v, x.Read)
	if !ok {
		return ""
	}
	if f.claims != nil && x.Claim != "" {
		c, ok := f.read("the claim "+x.Claim, f.claims[x.Claim], x.ReadClaim)
		switch {
		case !ok:
			return ""
		case c != "":
			if v != "" && v != c {
				f.Errorf("%s is %.200q, but the token's claim %s is %.200q", variable, v, x.Claim, c)
			}
			f.Known[x.Path] = true
			return c
		case !x.Lax:
			if x.Required {
				f.Errorf("the token has no claim %s", x.Claim)
			}
			return ""
		}
	}
	if v == "" {
		if x.Required {
			f.Errorf("%s is not set", strings.Join(x.Variables, " or "))
		}
		return ""
	}
	f.Known[x.Path] = false
	return v
}

// read reads a value. ok is false if it cannot be read; what is wrong is
// recorded.
func (f *Facts) read(name, v string, read func(string) (string, error)) (_ string, ok bool) {
	switch {
	case v == "":
		return "", true
	case len(v) > MaxValue:
		f.Errorf("%s has more than %d bytes", name, MaxValue)
		return "", false
	case read == nil:
		return v, true
	}
	v, err := read(v)
	if err != nil {
		f.Errorf("%s %w", name, err)
		return "", false
	}
	return v, true
}

// Errorf records what is wrong.
func (f *Facts) Errorf(format string, a ...any) {
	f.errs = append(f.errs, fmt.Errorf(f.name+": "+format, a...))
}

// Err returns all that is wrong, joined, or nil.
func (f *Facts) Err() error { return errors.Join(f.errs...) }

// Segment reads what becomes one segment of a URL: letters, digits, and
// - . _ ~. Braces around all of it, as Bitbucket writes UUIDs, are taken away.
func Segment(s string) (string, error) {
	if inner, ok := strings.CutPrefix(s, "{"); ok {
		s = strings.TrimSuffix(inner, "}")
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
	if s == "." || s == ".." || strings.Trim(s, letters) != "" {
		return "", errors.New("is not of letters, digits and - . _ ~ alone")
	}
	return s, nil
}

// Server reads the URL of a server, http or https, and returns it without a
// slash at the end. It may have a path, and no user, query or fragment.
func Server(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Host != strings.ToLower(u.Host) ||
		strings.ContainsAny(s, "?#") {
		return "", errors.New("is not the http or https URL of a server: without user, query and fragment, the host in lower case")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// Page reads the URL of a page, http or https, and returns it without the user.
func Page(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return "", errors.New("is not an http or https URL")
	}
	u.User, u.RawQuery, u.Fragment, u.RawFragment = nil, "", "", ""
	u.Host = strings.ToLower(u.Host)
	return u.String(), nil
}

// Branch reads the name of a branch and returns the full name of its ref. A name
// that begins with "refs/" is one already.
func Branch(s string) (string, error) {
	if !strings.HasPrefix(s, "refs/") {
		s = "refs/heads/" + s
	}
	return s, checkRef(s)
}

// Tag reads the name of a tag and returns the full name of its ref.
func Tag(s string) (string, error) {
	if !strings.HasPrefix(s, "refs/") {
		s = "refs/tags/" + s
	}
	if !strings.HasPrefix(s, "refs/tags/") {
		return "", errors.New("is a ref and no tag")
	}
	return s, checkRef(s)
}

// Ref reads the full name of a ref.
func Ref(s string) (string, error) {
	if !strings.HasPrefix(s, "refs/") {
		return "", errors.New("is not the full name of a ref")
	}
	return s, checkRef(s)
}

// checkRef returns an error if git would not have a ref of that full name.
//
// https://git-scm.com/docs/git-check-ref-format
func checkRef(s string) error {
	bad := strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f || c == 0xfffd || strings.ContainsRune(`~^:?*[\`, c) }) ||
		strings.Contains(s, "..") || strings.Contains(s, "@{") || strings.HasSuffix(s, ".")
	for part := range strings.SplitSeq(s, "/") {
		bad = bad || part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock")
	}
	if bad {
		return errors.New("is not a name that a ref can have")
	}
	return nil
}
