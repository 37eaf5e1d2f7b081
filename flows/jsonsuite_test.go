package flows_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/strictjson"
)

// suites is the directory of the foreign test suites.
const suites = "../../shared/data/suites"

// haveSuite skips the test where a suite is not; on CI it is.
func haveSuite(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("the suites are not here")
		}
		t.Skip("the suites are not here")
	}
}

// jsonRefusals are the documents of JSONTestSuite that must be accepted (y_) and are refused, with the reason.
var jsonRefusals = map[string]string{
	"y_object_duplicated_key.json":           "parsers disagree on which of two equal members counts",
	"y_object_duplicated_key_and_value.json": "parsers disagree on which of two equal members counts",
}

// JSONTestSuite: the decoder of flows and the check of request bodies accept every document that is JSON, refuse every
// one that is not, and agree on those that RFC 8259 leaves open, whose verdicts are listed. A value keeps its meaning.
func TestJSONSuite(t *testing.T) {
	t.Parallel()
	haveSuite(t, suites+"/json")
	files, err := filepath.Glob(suites + "/json/test_*/*.json")
	if err != nil || len(files) < 339 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	documents := map[string][]byte{"n_structure_open_array_object.json": []byte(strings.Repeat(`[{"":`, 50_000) + "\n")}
	for _, file := range files {
		if documents[filepath.Base(file)], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	var open strings.Builder
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		text := documents[name]
		v, err := flows.DecodeJSON(text)
		if checked := strictjson.Check(text, strictjson.MaxDepth); (checked == nil) != (err == nil) {
			t.Errorf("%s: decoded %v, checked %v", name, err, checked)
		}
		why := jsonRefusals[name]
		switch {
		case strings.HasPrefix(name, "y_") && (err == nil) != (why == ""):
			t.Errorf("%s: %v, listed as %q", name, err, why)
		case strings.HasPrefix(name, "n_") && err == nil:
			t.Errorf("%s is accepted", name)
		case strings.HasPrefix(name, "y_"), strings.HasPrefix(name, "n_"):
		case err != nil:
			fmt.Fprintf(&open, "%s: refused: %v\n", name, err)
		default:
			fmt.Fprintf(&open, "%s: accepted: %.100s\n", name, flows.EncodeJSON(v))
		}
		if err != nil {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var want any
		if err := d.Decode(&want); err != nil {
			t.Errorf("%s: encoding/json: %v", name, err)
		}
		again, err := flows.DecodeJSON(flows.EncodeJSON(v))
		if err != nil || !reflect.DeepEqual(want, v) || !reflect.DeepEqual(again, v) {
			t.Errorf("%s: %v\n%.300v\n%.300v\n%.300v", name, err, want, v, again)
		}
	}
	golden(t, "testdata/json-differences.txt", []byte(open.String()))
}

// naughtyFlow gives the text s of the event back in an object, each member after another way through the language.
const naughtyFlow = `flow: 1
steps:
- transform: "{s, name: ({(.s): 1} | keys[0]), tojson: (.s | tojson | fromjson), base64: (.s | @base64 | @base64d), uri: (.s | @uri | @urid)}"
- set: {template: "${ .s }", text: "${ .s }."}
  keep: true
- encode: {base64: "${ .s }", as: encoded}
- encode: {base64: "${ .encoded }", decode: true, as: encoded}
- encode: {csv: "${ [[.s, .s]] }", header: false, as: csv}
- encode: {csv: "${ .csv }", decode: true, header: false, as: csv}
- encode: {form: "${ {s} }", as: form}
- encode: {form: "${ .form }", decode: true, as: form}
- encode: {url: "${ .s }", as: url}
- encode: {url: "${ .url }", decode: true, as: url}
- encode: {xml: {root: {"@s": "${ .s }", "#text": "${ .s }"}}, as: xml}
- encode: {xml: "${ .xml }", decode: true, as: xml}
- transform: ". + {csv: .csv[0][1], form: .form.s, text: .text[:-1], attribute: .xml.root[\"@s\"], xml: .xml.root[\"#text\"]}"
`

// naughtyDifference returns why a text comes back otherwise from a member of the flow's output; empty: it must not.
func naughtyDifference(member, s string) string {
	switch outside := func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\r", r) || r == 0xfffe || r == 0xffff }; {
	case (member == "xml" || member == "attribute") && strings.ContainsFunc(s, outside):
		return "XML 1.0 has no such character: it is written as U+FFFD"
	case member == "xml" && strings.TrimSpace(s) != s, member == "xml" && s == "":
		return "white space around the text of an element is layout, and an element without text has no #text"
	}
	return ""
}

// Each of the big list of naughty strings passes unchanged through a flow: as the event, as a value and a name of an
// object, through templates, and written and read in each text format.
func TestNaughtyStrings(t *testing.T) {
	t.Parallel()
	haveSuite(t, suites+"/naughty")
	text, err := os.ReadFile(suites + "/naughty/blns.json")
	if err != nil {
		t.Fatal(err)
	}
	var naughty []string
	if err := json.Unmarshal(text, &naughty); err != nil || len(naughty) < 500 {
		t.Fatalf("%d strings: %v", len(naughty), err)
	}
	flow, err := flows.Parse("naughty.yaml", []byte(naughtyFlow), catalogue())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range naughty {
		out, err := flow.Execute(t.Context(), flows.Run{ID: "r", Event: map[string]any{"s": s}}, flows.Env{})
		if err != nil || len(out) != 1 {
			t.Errorf("%q: %v %v", s, out, err)
			continue
		}
		for name, got := range out[0].(map[string]any) {
			if why := naughtyDifference(name, s); (got == s) != (why == "") {
				t.Errorf("%s: %q comes back as %q: %s", name, s, got, why)
			}
		}
	}
}
