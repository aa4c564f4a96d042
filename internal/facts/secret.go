package facts

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// SecretName reports whether a variable of that name is likely to hold a secret:
// it has one of the words auth, credential, key, password, private, secret,
// token and the like in it.
func SecretName(name string) bool {
	name = strings.ToUpper(name)
	for _, word := range []string{"AUTH", "CREDENTIAL", "COOKIE", "JWT", "PASSPHRASE", "PASSWD", "PASSWORD", "PRIVATE", "PWD", "SECRET", "SIGNING", "TOKEN"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	// KEY is part of harmless names, such as CACHE_KEYS or MONKEY.
	return strings.HasSuffix(name, "KEY") && !strings.HasSuffix(name, "MONKEY")
}

// SecretValue reports whether s has the form of a secret in it:
//
//   - the beginning of a token of a well-known service, or of a private key in PEM
//     form, or a JSON Web Token;
//   - a URL with a user in it;
//   - 24 or more letters and digits in a row, of which some are capitals, some
//     small letters and some digits. What has hexadecimal digits alone, as commits
//     and sums do, is none.
//
// A secret can have any other form too.
func SecretValue(s string) bool {
	for _, prefix := range []string{
		"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glsoat-", "gloas-",
		"xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-", "sk-ant-", "sk_live_", "rk_live_", "npm_", "pypi-", "dckr_pat_", "dckr_oat_",
		"bkua_", "bkaj_", "hvs.", "hvb.", "ya29.", "AIza", "shpat_", "dop_v1_", "SG.", "ATATT", "ATCTT", "AGE-SECRET-KEY-",
	} {
		if i := strings.Index(s, prefix); i >= 0 && (i == 0 || !alphanumeric(s[i-1])) && len(run(s[i+len(prefix):])) >= 8 {
			return true
		}
	}
	if strings.Contains(s, "PRIVATE KEY-----") || strings.Contains(s, "PRIVATE KEY BLOCK-----") {
		return true
	}
	for rest := s; ; { // https://user:password@host, user@host
		_, after, ok := strings.Cut(rest, "://")
		if !ok {
			break
		}
		authority := after
		if i := strings.IndexAny(after, "/?# \t\r\n\"'"); i >= 0 {
			authority = after[:i]
		}
		if i := strings.LastIndexByte(authority, '@'); i >= 0 && authority[:i] != "git" {
			return true
		}
		rest = after
	}
	for i := 0; i < len(s); {
		if !alphanumeric(s[i]) {
			i++
			continue
		}
		r := run(s[i:])
		if mixed(r) || strings.HasPrefix(r, "eyJ") && len(r) >= 12 && strings.Count(s[i:], ".") >= 2 ||
			(strings.HasPrefix(r, "AKIA") || strings.HasPrefix(r, "ASIA")) && len(r) == 20 {
			return true
		}
		i += len(r)
	}
	return false
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// run returns the letters and digits that s begins with.
func run(s string) string {
	for i := range len(s) {
		if !alphanumeric(s[i]) {
			return s[:i]
		}
	}
	return s
}

// mixed reports whether a run of letters and digits is long and looks as if
// nobody had chosen it.
func mixed(r string) bool {
	const lower, upper, digits = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	return len(r) >= 24 && strings.ContainsAny(r, lower) && strings.ContainsAny(r, upper) && strings.ContainsAny(r, digits) &&
		strings.Trim(r, digits+"abcdef") != "" && strings.Trim(r, digits+"ABCDEF") != ""
}

// Parameters returns the values of the variables of those names that are set. It
// fails if there are more than limit, or if one is likely to be a secret.
func Parameters(getenv func(string) string, names []string, limit int) (map[string]any, error) {
	if len(names) > limit {
		return nil, fmt.Errorf("%d parameters, want %d at most", len(names), limit)
	}
	var errs []error
	values := make(map[string]any)
	for _, name := range names {
		v := getenv(name)
		switch {
		case name == "" || strings.ContainsAny(name, "= \t\r\n\x00") || !utf8.ValidString(name):
			errs = append(errs, fmt.Errorf("the parameter %.100q is no name of a variable", name))
		case SecretName(name):
			errs = append(errs, fmt.Errorf("the parameter %.100q has the name of a secret", name))
		case SecretValue(v):
			errs = append(errs, fmt.Errorf("the value of the parameter %.100q has the form of a secret", name))
		case len(v) > MaxValue:
			errs = append(errs, fmt.Errorf("the value of the parameter %.100q has more than %d bytes", name, MaxValue))
		case !utf8.ValidString(v):
			errs = append(errs, fmt.Errorf("the value of the parameter %.100q is not UTF-8", name))
		case v != "":
			values[name] = v
		}
	}
	return values, errors.Join(errs...)
}
