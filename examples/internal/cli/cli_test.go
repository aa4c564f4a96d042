package cli

import (
	"errors"
	"strings"
	"testing"
)

// An error is one line that can be read, whatever made it.
func TestMessage(t *testing.T) {
	for name, tt := range map[string]struct{ err, want string }{
		"one":       {"no such file", "no such file"},
		"own name":  {"app: no such file", "no such file"},
		"several":   {"one\ntwo\tthree", "one; two three"},
		"escape":    {"\x1b[2J", `"\x1b[2J"`},
		"as much":   {strings.Repeat("x", maxMessage), strings.Repeat("x", maxMessage)},
		"too much":  {strings.Repeat("x", maxMessage+7), strings.Repeat("x", maxMessage) + "… (7 bytes more)"},
		"cut rune":  {"x" + strings.Repeat("é", maxMessage/2), "x" + strings.Repeat("é", maxMessage/2-1) + "… (1 bytes more)"},
		"much more": {strings.Repeat("y\n", 1<<20), strings.Repeat("y; ", maxMessage/3) + "y… (3141632 bytes more)"},
	} {
		if got := message("app", errors.New(tt.err)); got != tt.want {
			t.Errorf("%s: %.200q (%d bytes), want %.200q", name, got, len(got), tt.want)
		}
	}
}

// A flag behind an argument is not taken for an argument, unless "--" says so.
func TestFlagBehind(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-o", "x", "app"}, ""},
		{[]string{"app", "-o", "x"}, "-o is behind an argument"},
		{[]string{"app", "--o=x"}, "--o=x is behind an argument"},
		{[]string{"--", "-o"}, ""},
		{[]string{"app", "-other"}, ""},
		{[]string{"app", "o"}, ""},
	} {
		flags := Flags("app")
		flags.String("o", "", "")
		err := Parse(flags, "", tt.args)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.args, err, tt.want)
		}
	}
}
