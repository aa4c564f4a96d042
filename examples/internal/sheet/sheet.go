// Package sheet is what the pages of the example programs have in common: each is one HTML
// file that loads nothing, how they look, and how text of others is shown.
package sheet

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
)

//go:embed base.css
var baseCSS string

// Write writes data as the page that the template text makes of it. Its functions are
// "day" and "minute" of a time, "style", "script" and "security": the latter is for a meta
// element with a Content-Security-Policy, by which nothing is loaded, sent or framed, no
// script but script runs, and it makes no HTML of text. style comes behind what all pages
// have. The same page is the same bytes.
func Write(w io.Writer, text, style, script string, data any) error {
	style = baseCSS + style
	scripts := "script-src " + allowed(script)
	if script == "" {
		scripts = "script-src 'none'"
	}
	security := strings.Join([]string{
		"default-src 'none'", "base-uri 'none'", "form-action 'none'", "style-src " + allowed(style), scripts,
		"require-trusted-types-for 'script'", "trusted-types 'none'",
	}, "; ")
	t, err := template.New("page").Funcs(template.FuncMap{
		"day":      day,
		"minute":   Minute,
		"style":    func() template.CSS { return template.CSS(style) },
		"script":   func() template.JS { return template.JS(script) },
		"security": func() string { return security },
	}).Parse(text)
	if err != nil {
		return err
	}
	return t.Execute(w, data)
}

// allowed is the source of what a page runs or is styled by, for its policy: the
// bytes between the tags.
func allowed(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// day is the day of a time, for people.
func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

// Minute is a time for people.
func Minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// A Text is what somebody else may have written. It is shown as text, in a template
// and in JSON: what would not print, steer the direction of a line or pile up over
// others is spelled out, and what is too long is cut.
type Text string

// MaxText is how many characters of a text are shown.
const MaxText = 2000

func (t Text) String() string {
	var b strings.Builder
	n, marks := 0, 0
	for i, r := range string(t) {
		if n++; n > MaxText {
			fmt.Fprintf(&b, "… (%d bytes more)", len(t)-i)
			break
		}
		if unicode.In(r, unicode.Mn, unicode.Me) {
			marks++
		} else {
			marks = 0
		}
		if r == unicode.ReplacementChar && !strings.HasPrefix(string(t[i:]), string(r)) {
			fmt.Fprintf(&b, `\x%02x`, t[i])
		} else if !strconv.IsPrint(r) || marks > 2 {
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// MarshalText makes JSON have what a template has.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
