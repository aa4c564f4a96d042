package conformance

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/sign"
)

// jsonDecision says whether Hallmark accepts a document for which JSON leaves
// the choice. The rule: whatever two readers could take for two values is
// refused; a number that is only imprecise keeps its digits.
func jsonDecision(name string) (accept, known bool) {
	switch strings.TrimSuffix(name, ".json") {
	case "i_number_double_huge_neg_exp", // rounds to zero
		"i_number_real_underflow",
		"i_number_too_big_neg_int",
		"i_number_too_big_pos_int",
		"i_number_very_big_negative_int":
		return true, true
	case "i_number_huge_exp", // infinite to some, an error to others
		"i_number_neg_int_huge_exp",
		"i_number_pos_double_huge_exp",
		"i_number_real_neg_overflow",
		"i_number_real_pos_overflow",
		// Half a surrogate pair is not a character.
		"i_object_key_lone_2nd_surrogate",
		"i_string_1st_surrogate_but_2nd_missing",
		"i_string_1st_valid_surrogate_2nd_invalid",
		"i_string_incomplete_surrogate_and_escape_valid",
		"i_string_incomplete_surrogate_pair",
		"i_string_incomplete_surrogates_escape_valid",
		"i_string_invalid_lonely_surrogate",
		"i_string_invalid_surrogate",
		"i_string_inverted_surrogates_U+1D11E",
		"i_string_lone_second_surrogate",
		// These bytes are not UTF-8.
		"i_string_UTF-8_invalid_sequence",
		"i_string_UTF8_surrogate_U+D800",
		"i_string_invalid_utf-8",
		"i_string_iso_latin_1",
		"i_string_lone_utf8_continuation_byte",
		"i_string_not_in_unicode_range",
		"i_string_overlong_sequence_2_bytes",
		"i_string_overlong_sequence_6_bytes",
		"i_string_overlong_sequence_6_bytes_null",
		"i_string_truncated-utf-8",
		"i_string_UTF-16LE_with_BOM",
		"i_string_utf16BE_no_BOM",
		"i_string_utf16LE_no_BOM",
		// RFC 8259 section 8.1: no byte order mark.
		"i_structure_UTF-8_BOM_empty_object",
		// Over strictjson.MaxDepth.
		"i_structure_500_nested_arrays":
		return false, true
	}
	return false, false
}

// jsonPlaces are documents that are an envelope, or a bundle with one, if what is
// put into them is JSON that Hallmark accepts: R31 and R34, wherever it stands.
func jsonPlaces() map[string]string {
	const (
		envelope = `{"payload":"","payloadType":"t","signatures":[{"sig":""}]`
		bundle   = `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{}`
	)
	return map[string]string{
		"beside an envelope":   envelope + `,"x":%s}`,
		"before it":            `{"x":%s,` + envelope[1:] + `}`,
		"in a signature":       strings.Replace(envelope, `{"sig":""}`, `{"sig":"","x":%s}`, 1) + `}`,
		"for its certificates": envelope + `,"verificationMaterial":%s}`,
		"beside a bundle":      bundle + `},"dsseEnvelope":` + envelope + `},"x":%s}`,
		"in its envelope":      bundle + `},"dsseEnvelope":` + envelope + `,"x":%s}}`,
		"in its material":      bundle + `,"tlogEntries":[0,%s]},"dsseEnvelope":` + envelope + `}}`,
		"in its key":           strings.Replace(bundle, `{}`, `{"x":%s}`, 1) + `},"dsseEnvelope":` + envelope + `}}`,
	}
}

// JSONTestSuite, github.com/nst/JSONTestSuite.
func TestJSONSuite(t *testing.T) {
	readVerify(t, "json/test_parsing/y_array_empty.json") // skips without the corpus
	dir := filepath.Join(os.Getenv("HALLMARK_CORPUS"), "verify", "json", "test_parsing")
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	places := jsonPlaces()
	for where, document := range places {
		if _, err := sign.Parse([]byte(strings.Replace(document, "%s", "null", 1))); err != nil {
			t.Fatalf("%s: %v", where, err)
		}
	}
	count := make(map[byte]int)
	for _, f := range files {
		name := f.Name()
		data := readVerify(t, "json/test_parsing/"+name)
		var accept bool
		switch name[0] {
		case 'y':
			accept = true
			switch name {
			case "y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json":
				// RFC 8259 section 4 leaves open which of them counts.
				accept = false
			}
		case 'n':
		case 'i':
			var known bool
			if accept, known = jsonDecision(name); !known {
				t.Errorf("%s: there is no decision", name)
			}
		default:
			t.Errorf("%s: a file of no kind", name)
			continue
		}
		count[name[0]]++

		_, err := strictjson.Value(data)
		if (err == nil) != accept {
			t.Errorf("%s: accepted is %t, want %t (%v)", name, err == nil, accept, err)
		}
		if skipped := strictjson.Read(data, (*strictjson.Reader).Skip); (skipped == nil) != accept {
			t.Errorf("%s: skipped is %t, want %t (%v)", name, skipped == nil, accept, skipped)
		}
		b, err := strictjson.Append(nil, json.RawMessage(data))
		if (err == nil) != accept {
			t.Errorf("%s: written again is %t, want %t (%v)", name, err == nil, accept, err)
		}
		if _, err := strictjson.Value(b); accept && err != nil {
			t.Errorf("%s: not readable when written again: %v", name, err)
		}
		// An envelope is read by the same reader, to its last corner.
		for where, document := range places {
			if _, err := sign.Parse(bytes.Replace([]byte(document), []byte("%s"), data, 1)); (err == nil) != accept {
				t.Errorf("%s %s: accepted is %t, want %t (%v)", name, where, err == nil, accept, err)
			}
		}
	}
	if count['y'] < 95 || count['n'] < 188 || count['i'] < 35 {
		t.Errorf("%d y_, %d n_ and %d i_ files, want 95, 188 and 35", count['y'], count['n'], count['i'])
	}
}
