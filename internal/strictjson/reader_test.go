package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

func nested(depth int) string {
	return strings.Repeat("[", depth) + strings.Repeat("]", depth)
}

// members returns an object with n members, the last of the name last.
func members(n int, last string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range n - 1 {
		fmt.Fprintf(&b, `"m%d":%d,`, i, i)
	}
	return b.String() + `"` + last + `":0}`
}

func TestRefuses(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		// No document, or more than one.
		{"", "$ (byte 0): want a value, got the end"},
		{" \n", "$ (byte 2): want a value, got the end"},
		{"{} {}", "$ (byte 3): data after the end of the document"},
		{"1 2", "$ (byte 2): data after the end of the document"},
		{"null\x00", "$ (byte 4): data after the end of the document"},
		{"\xef\xbb\xbf{}", "$ (byte 0): want a value, got byte 0xef"},
		{"\xff\xfe{\x00}\x00", "$ (byte 0): want a value, got byte 0xff"},
		{"\x00", `$ (byte 0): want a value, got '\x00'`},
		{"\v1", `$ (byte 0): want a value, got '\v'`},
		{"// c\n1", "$ (byte 0): want a value, got '/'"},

		// Names that occur twice.
		{`{"a":1,"a":1}`, `$ (byte 10): member "a" occurs twice`},
		{`{"a":1,"b":2,"a":3}`, `$ (byte 16): member "a" occurs twice`},
		{`{"":1,"":1}`, `$ (byte 8): member "" occurs twice`},
		{`{"x":{"a":1,"a":2}}`, `$.x (byte 15): member "a" occurs twice`},
		{`[0,{"x":[{"a":1,"a":2}]}]`, `$[1].x[0] (byte 19): member "a" occurs twice`},
		{`{"a":{"b":1,"c":2},"a":3}`, `$ (byte 22): member "a" occurs twice`},
		{`{"a":1,"\u0061":2}`, `$ (byte 15): member "a" occurs twice`},
		{`{"\u00e9":1,"é":2}`, `$ (byte 16): member "é" occurs twice`},
		{`{"\ud83d\ude00":1,"😀":2}`, `$ (byte 24): member "😀" occurs twice`},
		{`{"a\/b":1,"a/b":2}`, `$ (byte 15): member "a/b" occurs twice`},
		{members(16, "m0"), `$ (byte 120): member "m0" occurs twice`},
		{members(17, "m15"), `$ (byte 130): member "m15" occurs twice`},
		{members(18, "m0"), `$ (byte 138): member "m0" occurs twice`},
		{members(18, "m16"), `$ (byte 139): member "m16" occurs twice`},
		{members(2000, "m1998"), `$ (byte 23775): member "m1998" occurs twice`},

		// Depth.
		{nested(101), "$" + strings.Repeat("[0]", 100) + " (byte 100): nested deeper than 100"},
		{strings.Repeat(`{"a":`, 101), "$" + strings.Repeat(".a", 100) + " (byte 500): nested deeper than 100"},
		{strings.Repeat("[", 1_000_000), "$" + strings.Repeat("[0]", 100) + " (byte 100): nested deeper than 100"},

		// Objects and arrays.
		{"{", `$ (byte 1): want a member name, got the end`},
		{"{1:2}", "$ (byte 1): want a member name, got a number"},
		{"{a:2}", "$ (byte 1): want a member name, got 'a'"},
		{`{null:1}`, "$ (byte 1): want a member name, got null"},
		{`{,}`, "$ (byte 1): want a member name, got ','"},
		{`{"a"}`, `$ (byte 4): want a colon after member name "a", got '}'`},
		{`{"a" 1}`, `$ (byte 5): want a colon after member name "a", got a number`},
		{`{"a":}`, `$.a (byte 5): want a value, got '}'`},
		{`{"a":1,}`, `$ (byte 7): comma before '}'`},
		{`{"a":1 "b":2}`, `$ (byte 7): want a comma or '}', got a string`},
		{`{"a":1]`, `$ (byte 6): want a comma or '}', got ']'`},
		{`{"a":1`, `$ (byte 6): want a comma or '}', got the end`},
		{"[", "$[0] (byte 1): want a value, got the end"},
		{"[1,]", "$ (byte 3): comma before ']'"},
		{"[,1]", "$[0] (byte 1): want a value, got ','"},
		{"[1,,2]", "$[1] (byte 3): want a value, got ','"},
		{"[1 2]", "$ (byte 3): want a comma or ']', got a number"},
		{"[1}", "$ (byte 2): want a comma or ']', got '}'"},
		{"[1", "$ (byte 2): want a comma or ']', got the end"},
		{"[[],{}", "$ (byte 6): want a comma or ']', got the end"},

		// Literals.
		{"nul", "$ (byte 0): want a value, got null"},
		{"nulll", "$ (byte 4): data after the end of the document"},
		{"True", "$ (byte 0): want a value, got 'T'"},
		{"tru", "$ (byte 0): want a value, got a boolean"},
		{"[fals]", "$[0] (byte 1): want a value, got a boolean"},
		{"NaN", "$ (byte 0): want a value, got 'N'"},
		{"Infinity", "$ (byte 0): want a value, got 'I'"},

		// Numbers.
		{"-", "$ (byte 1): want a value, got the end"},
		{"-x", "$ (byte 1): want a value, got 'x'"},
		{"+1", "$ (byte 0): want a value, got '+'"},
		{".5", "$ (byte 0): want a value, got '.'"},
		{"01", "$ (byte 1): data after the end of the document"},
		{"-01", "$ (byte 2): data after the end of the document"},
		{"[00]", "$ (byte 2): want a comma or ']', got a number"},
		{"1.", "$ (byte 2): malformed number"},
		{"1.e1", "$ (byte 4): malformed number"},
		{"1e", "$ (byte 2): malformed number"},
		{"1e+", "$ (byte 3): malformed number"},
		{"0x1", "$ (byte 1): data after the end of the document"},
		{"1_0", "$ (byte 1): data after the end of the document"},
		{"1e309", "$ (byte 5): number out of range"},
		{"-1e309", "$ (byte 6): number out of range"},
		{"1" + strings.Repeat("0", 309), "$ (byte 310): number out of range"},

		// Strings.
		{`"`, "$ (byte 1): string has no end"},
		{`"a`, "$ (byte 2): string has no end"},
		{`"\`, "$ (byte 1): string has no end"},
		{`"\"`, "$ (byte 3): string has no end"},
		{`"abcdefgh`, "$ (byte 9): string has no end"},
		{"'a'", `$ (byte 0): want a value, got '\''`},
		{"\"\n\"", "$ (byte 1): control character 0x0a in a string"},
		{"\"\\t\t\"", "$ (byte 3): control character 0x09 in a string"},
		{"\"\x00\"", "$ (byte 1): control character 0x00 in a string"},
		{"\"abcdefg\x1f\"", "$ (byte 8): control character 0x1f in a string"},
		{`"\x41"`, "$ (byte 3): unknown escape in a string, a backslash before 'x'"},
		{`"\'"`, `$ (byte 3): unknown escape in a string, a backslash before '\''`},
		{"\"\\\n\"", `$ (byte 3): unknown escape in a string, a backslash before '\n'`},
		{"\"\\\x1b[2J\"", `$ (byte 3): unknown escape in a string, a backslash before '\x1b'`},
		{`"\U0041"`, "$ (byte 3): unknown escape in a string, a backslash before 'U'"},
		{`"\u12"`, `$ (byte 3): escape \u without four hexadecimal digits`},
		{`"\u12g4"`, `$ (byte 3): escape \u without four hexadecimal digits`},
		{`"\u+123"`, `$ (byte 3): escape \u without four hexadecimal digits`},
		{`"\u`, `$ (byte 3): escape \u without four hexadecimal digits`},
		{`"\ud800"`, "$ (byte 7): half a surrogate pair in a string"},
		{`"\udc00"`, "$ (byte 7): half a surrogate pair in a string"},
		{`"\ud800x"`, "$ (byte 7): half a surrogate pair in a string"},
		{`"\ud800\n"`, "$ (byte 7): half a surrogate pair in a string"},
		{`"\ud800\ud800"`, "$ (byte 13): half a surrogate pair in a string"},
		{`"\ud800\u0041"`, "$ (byte 13): half a surrogate pair in a string"},
		{`"\udc00\ud800"`, "$ (byte 13): half a surrogate pair in a string"},
		{`"\ud800\u12"`, `$ (byte 9): escape \u without four hexadecimal digits`},
		{`{"\ud800":1}`, "$ (byte 8): half a surrogate pair in a string"},
		{"\"\xff\"", "$ (byte 2): string is not UTF-8"},
		{"\"\xc3\"", "$ (byte 2): string is not UTF-8"},
		{"\"\xc0\x80\"", "$ (byte 3): string is not UTF-8"},
		{"\"\xed\xa0\x80\"", "$ (byte 4): string is not UTF-8"},
		{"\"\xf4\x90\x80\x80\"", "$ (byte 5): string is not UTF-8"},
		{"\"abcdefgh\xff\"", "$ (byte 10): string is not UTF-8"},
		{"\"\\n\xff\"", "$ (byte 4): string is not UTF-8"},
		// The halves of a character on both sides of an escape.
		{"\"\xc3\\n\xa9\"", "$ (byte 5): string is not UTF-8"},
		{"{\"\xff\":1}", "$ (byte 3): string is not UTF-8"},

		// Names in a path: on one line, short, and not to be taken for a path.
		{`{"a.b":{"c[0]":{"":{"x y":{"\n":x}}}}}`, `$."a.b"."c[0]"."".x y."\n" (byte 32): want a value, got 'x'`},
		{`{"` + strings.Repeat("n", 200) + `":x}`, "$." + strings.Repeat("n", 100) + " (byte 204): want a value, got 'x'"},
	} {
		for name, read := range map[string]func(*strictjson.Reader) error{
			"Skip":  (*strictjson.Reader).Skip,
			"Value": func(r *strictjson.Reader) error { _, err := r.Value(); return err },
			"Raw":   func(r *strictjson.Reader) error { _, err := r.Raw(); return err },
		} {
			err := strictjson.Read([]byte(test.in), read)
			var fault *strictjson.Error
			if err == nil {
				t.Errorf("%s of %.100q: no error, want %s", name, test.in, test.want)
			} else if !errors.As(err, &fault) {
				t.Errorf("%s of %.100q: a %T", name, test.in, err)
			} else if got := err.Error(); got != test.want {
				t.Errorf("%s of %.100q:\ngot  %s\nwant %s", name, test.in, got, test.want)
			}
		}
	}
}

func TestMaxMembers(t *testing.T) {
	skip := func(doc string) error { return strictjson.Read([]byte(doc), (*strictjson.Reader).Skip) }
	half := strings.TrimSuffix(members(strictjson.MaxMembers/2, "last"), "0}")
	for _, test := range []struct {
		name, in, want string
	}{
		{"beside each other", "[" + half + "1}," + half + `1},{"a":1}]`, "<nil>"},
		{"within each other", half + half + "1}}", "<nil>"},
		{"one more", half + half + `{"a":1}}}`, "$.last.last (byte 16555546): more than 1000000 members"},
	} {
		if got := fmt.Sprint(skip(test.in)); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

func TestValue(t *testing.T) {
	for _, test := range []struct {
		in   string
		want any
	}{
		{" null\t", nil},
		{"\r\ntrue", true},
		{"false", false},
		{`""`, ""},
		{`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t"},
		{`"\u0000\u00e9\u20AC\uFFFD"`, "\x00é€\uFFFD"},
		{`"\ud83d\ude00 \uD83D\uDE00"`, "😀 😀"},
		{"\"\x7fé€😀\uFFFD\u2028\"", "\x7fé€😀\uFFFD\u2028"},
		{`"01234567"`, "01234567"},
		{`"01234567\n89abcdefgh"`, "01234567\n89abcdefgh"},
		{`"0123456701234567é01234567"`, "0123456701234567é01234567"},
		{"0", json.Number("0")},
		{"-0", json.Number("-0")},
		{"1.50", json.Number("1.50")},
		{"1E+2", json.Number("1E+2")},
		{"1e-400", json.Number("1e-400")},
		{"123456789012345678901234567890", json.Number("123456789012345678901234567890")},
		{"[]", []any{}},
		{"{ }", map[string]any{}},
		{`[1,"a",[null]]`, []any{json.Number("1"), "a", []any{nil}}},
		// Names differ if their bytes do.
		{`{"a":1,"A":2,"\u00e9":3,"e\u0301":4,"\u212aey":5,"Key":6}`, map[string]any{
			"a": json.Number("1"), "A": json.Number("2"), "\u00e9": json.Number("3"), "e\u0301": json.Number("4"),
			"\u212aey": json.Number("5"), "Key": json.Number("6"),
		}},
		// The same name in objects beside and within each other.
		{`{"a":{"a":{"b":1}},"b":[{"a":1},{"a":2}]}`, map[string]any{
			"a": map[string]any{"a": map[string]any{"b": json.Number("1")}},
			"b": []any{map[string]any{"a": json.Number("1")}, map[string]any{"a": json.Number("2")}},
		}},
	} {
		got, err := strictjson.Value([]byte(test.in))
		if err != nil {
			t.Errorf("%s: %v", test.in, err)
		} else if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %#v, want %#v", test.in, got, test.want)
		}
	}

	for _, in := range []string{nested(100), members(16, "m15"), members(17, "m16"), members(18, "m17"), members(2000, "m")} {
		if _, err := strictjson.Value([]byte(in)); err != nil {
			t.Errorf("%.50s: %v", in, err)
		}
	}
}

// What a caller asks for and does not find.
func TestKinds(t *testing.T) {
	object := func(r *strictjson.Reader) error {
		return r.Object(func(string) error { return r.Skip() })
	}
	array := func(r *strictjson.Reader) error { return r.Array(func(int) error { return r.Skip() }) }
	text := func(r *strictjson.Reader) error { _, err := r.String(); return err }
	number := func(r *strictjson.Reader) error { _, err := r.Number(); return err }
	nothing := func(r *strictjson.Reader) error {
		if !r.Null() {
			return r.Errorf("want null")
		}
		return nil
	}
	for _, test := range []struct {
		in   string
		read func(*strictjson.Reader) error
		want string
	}{
		{`{"a":[1]}`, object, ""},
		{"[]", object, "$ (byte 0): want an object, got an array"},
		{"null", object, "$ (byte 0): want an object, got null"},
		{"", object, "$ (byte 0): want an object, got the end"},
		{"[[],{}]", array, ""},
		{"{}", array, "$ (byte 0): want an array, got an object"},
		{` "a"`, text, ""},
		{"true", text, "$ (byte 0): want a string, got a boolean"},
		{"-1", text, "$ (byte 0): want a string, got a number"},
		{" 1 ", number, ""},
		{`"1"`, number, "$ (byte 0): want a value, got a string"},
		{" null", nothing, ""},
		{"nul", nothing, "$ (byte 0): want null"},
		{"", nothing, "$ (byte 0): want null"},
	} {
		err := strictjson.Read([]byte(test.in), test.read)
		if got := fmt.Sprint(err); err != nil && got != test.want || err == nil && test.want != "" {
			t.Errorf("%q: got %s, want %s", test.in, got, test.want)
		}
	}
}

// Text and Raw return parts of the document that cannot grow into it.
func TestParts(t *testing.T) {
	doc := []byte(`{"a": [1, 2] ,"b":"text"}`)
	err := strictjson.Read(doc, func(r *strictjson.Reader) error {
		return r.Object(func(name string) error {
			var part []byte
			var err error
			want := "[1, 2]"
			if name == "a" {
				part, err = r.Raw()
			} else {
				part, err = r.Text()
				want = "text"
			}
			if string(part) != want || cap(part) != len(part) {
				t.Errorf("%s: got %q with capacity %d, want %q", name, part, cap(part), want)
			}
			return err
		})
	})
	if err != nil {
		t.Error(err)
	}
}

// Whatever the Reader accepts, encoding/json accepts and takes for the same
// value.
func FuzzValue(f *testing.F) {
	for _, s := range []string{
		"", "null", "true", "[]", "{}", `"é\n\u00e9\ud83d\ude00"`, "-1.5e+3", "1e999", `{"a":{"b":[1,"x",null,false]}}`,
		`{"a":1,"\u0061":2}`, "\xef\xbb\xbf{}", `"\ud800"`, "\"\xff\"", nested(100), nested(101), members(20, "m"), members(20, "m3"),
		`"0123456789abcdefé0123456789abcdef"`, "1 2", `{"a":1,}`, "01",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		got, err := strictjson.Value(data)
		skipped := strictjson.Read(data, (*strictjson.Reader).Skip)
		if fmt.Sprint(skipped) != fmt.Sprint(err) {
			t.Fatalf("Skip says %v, Value says %v", skipped, err)
		}
		if !bytes.Equal(data, before) {
			t.Fatal("the document was changed")
		}
		if err != nil {
			return
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		if dec.More() {
			t.Fatal("encoding/json finds more")
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %#v, encoding/json %#v", got, want)
		}
		var floats any
		if err := json.Unmarshal(data, &floats); err != nil {
			t.Fatalf("encoding/json refuses it without json.Number: %v", err)
		}
	})
}
