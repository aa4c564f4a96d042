package strictjson_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

func TestAppend(t *testing.T) {
	type named string
	type fields struct {
		B string            `json:"b"`
		A map[string]string `json:"a,omitempty"`
		R json.RawMessage   `json:"r,omitempty"`
	}
	for _, test := range []struct {
		v    any
		want string
	}{
		{nil, `null`},
		{true, `true`},
		{"", `""`},
		{"<é\u2028&>\x7f", "\"<é\u2028&>\x7f\""},
		{"\"\\/\b\f\n\r\t\x00\x1f", `"\"\\/\b\f\n\r\t\u0000\u001f"`},
		{math.MaxInt64, `9223372036854775807`},
		{int64(math.MinInt64), `-9223372036854775808`},
		{uint64(math.MaxUint64), `18446744073709551615`},
		{1.5, `1.5`},
		{json.Number("1.50E+01"), `1.50E+01`},
		{[]any(nil), `[]`},
		{[]any{1, "a", nil, []any{}, map[string]any{}}, `[1,"a",null,[],{}]`},
		{[]string(nil), `[]`},
		{[]string{"a", "é"}, `["a","é"]`},
		{map[string]any(nil), `{}`},
		// Names in the order of their bytes, not of their UTF-16 units.
		{map[string]any{"b": 1, "a": 2, "": 3, "B": 4, "😀": 5, "\uff01": 6, "é": 7}, "{\"\":3,\"B\":4,\"a\":2,\"b\":1,\"é\":7,\"\uff01\":6,\"😀\":5}"},
		{map[string]string{"b": "\n", "a": ""}, `{"a":"","b":"\n"}`},
		{json.RawMessage(" { \"b\" : [ 1.0 , \"\\u0061\\/\\u00e9\\n\" ] ,\n\"a\":null } "), `{"b":[1.0,"a/é\n"],"a":null}`},
		{named("<"), `"<"`},
		{[]named{"a"}, `["a"]`},
		{fields{B: "<", A: map[string]string{"y": "", "x": "é\u2028"}, R: json.RawMessage(`{"z":1,"y":"\u0061"}`)}, "{\"b\":\"<\",\"a\":{\"x\":\"é\u2028\",\"y\":\"\"},\"r\":{\"z\":1,\"y\":\"a\"}}"},
		{named("\uFFFD"), "\"\uFFFD\""},
		{named(`\ufffd`), `"\\ufffd"`},
	} {
		got, err := strictjson.Append([]byte("> "), test.v)
		if err != nil {
			t.Errorf("%#v: %v", test.v, err)
		} else if string(got) != "> "+test.want {
			t.Errorf("%#v: got %s, want %s", test.v, got, test.want)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	type named string
	for _, test := range []struct {
		v    any
		want string
	}{
		{"\xff", `string "\xff" is not UTF-8`},
		{strings.Repeat("\xff", 1000), `string "` + strings.Repeat(`\xff`, 100) + `" is not UTF-8`},
		{[]any{"\xff"}, `string "\xff" is not UTF-8`},
		{[]string{"a", "\xff"}, `string "\xff" is not UTF-8`},
		{map[string]any{"\xff": 1}, `string "\xff" is not UTF-8`},
		{map[string]any{"a": []any{"\xff"}}, `string "\xff" is not UTF-8`},
		{map[string]string{"a": "\xff"}, `string "\xff" is not UTF-8`},
		// encoding/json would put U+FFFD in its place.
		{named("\xff"), "$ (byte 7): string is not UTF-8"},
		{[]named{"a", "\xff"}, "$[1] (byte 12): string is not UTF-8"},
		{map[string]int{"a\xff": 1}, "$ (byte 9): string is not UTF-8"},
		{struct{ A string }{"\xed\xa0\x80"}, "$.A (byte 12): string is not UTF-8"},
		{math.NaN(), "json: unsupported value: NaN"},
		{make(chan int), "json: unsupported type: chan int"},
		{json.Number(""), `json.Number "": $ (byte 0): want a value, got the end`},
		{json.Number("true"), `json.Number "true": $ (byte 0): want a value, got a boolean`},
		{json.Number("1,2"), `json.Number "1,2": $ (byte 1): data after the end of the document`},
		{json.Number("1e999"), `json.Number "1e999": $ (byte 5): number out of range`},
		{json.RawMessage(nil), "$ (byte 0): want a value, got the end"},
		{json.RawMessage(`{"a":1,"a":2}`), `$ (byte 10): member "a" occurs twice`},
		{json.RawMessage(`1 2`), "$ (byte 2): data after the end of the document"},
		{map[string]any{"r": json.RawMessage("\"\xff\"")}, "$ (byte 2): string is not UTF-8"},
		{struct{ R json.RawMessage }{json.RawMessage(`{"a":1,"\u0061":2}`)}, `$.R (byte 20): member "a" occurs twice`},
	} {
		got, err := strictjson.Append(nil, test.v)
		if err == nil {
			t.Errorf("%#v: got %s, want the error %s", test.v, got, test.want)
		} else if err.Error() != test.want || got != nil {
			t.Errorf("%#v: got %s and the error\n     %s\nwant %s", test.v, got, err, test.want)
		}
	}
}

func TestAppendString(t *testing.T) {
	got, err := strictjson.AppendString([]byte("a"), "b\"\n")
	if want := `a"b\"\n"`; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if got, err := strictjson.AppendString([]byte("a"), "\xff"); err == nil {
		t.Errorf("not UTF-8: got %q", got)
	}
}

// The same value gives the same bytes, and the bytes the same value.
func FuzzAppend(f *testing.F) {
	for _, s := range []string{
		"null", `{"b":[1,"x",null,false],"a":{"é":"\n"},"":1.50}`, `"\u0000\u001f\u007f\u2028\ud83d\ude00"`, "-0", "1e-400",
		members(40, "m"), nested(100), `[ { } , [ ] ]`, `"\\\"\/"`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := strictjson.Value(data)
		if err != nil {
			return
		}
		sorted, err := strictjson.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		inOrder, err := strictjson.Append(nil, json.RawMessage(data))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range [][]byte{sorted, inOrder} {
			back, err := strictjson.Value(b)
			if err != nil {
				t.Fatalf("%s: %v", b, err)
			}
			if !reflect.DeepEqual(back, v) {
				t.Fatalf("%s comes back as %#v, want %#v", b, back, v)
			}
			again, err := strictjson.Append(nil, back)
			if err != nil || !bytes.Equal(again, sorted) {
				t.Fatalf("again: %s (%v), want %s", again, err, sorted)
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, b); err != nil || !bytes.Equal(compact.Bytes(), b) {
				t.Fatalf("%s has white space (%v)", b, err)
			}
		}
	})
}
