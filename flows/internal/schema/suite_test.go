package schema

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// suite is the directory of the official suite of JSON Schema.
const suite = "../../../../shared/data/suites/json-schema"

// asserted is the reason why cases of format.json fail in which an invalid text is valid.
const asserted = "formats are asserted in flows, always"

// goPattern is the reason why cases of patterns of ECMAScript fail.
const goPattern = "patterns are those of Go (RE2), which end in linear time, and are not ECMAScript's"

// differs are the cases with another result, with the reason.
var differs = map[string]string{
	"format.json: email format: invalid email string is only an annotation by default":                                                                         asserted,
	"format.json: regex format: invalid regex string is only an annotation by default":                                                                         asserted,
	"format.json: ipv4 format: invalid ipv4 string is only an annotation by default":                                                                           asserted,
	"format.json: ipv6 format: invalid ipv6 string is only an annotation by default":                                                                           asserted,
	"format.json: hostname format: invalid hostname string is only an annotation by default":                                                                   asserted,
	"format.json: date format: invalid date string is only an annotation by default":                                                                           asserted,
	"format.json: date-time format: invalid date-time string is only an annotation by default":                                                                 asserted,
	"format.json: time format: invalid time string is only an annotation by default":                                                                           asserted,
	"format.json: json-pointer format: invalid json-pointer string is only an annotation by default":                                                           asserted,
	"format.json: relative-json-pointer format: invalid relative-json-pointer string is only an annotation by default":                                         asserted,
	"format.json: iri format: invalid iri string is only an annotation by default":                                                                             asserted,
	"format.json: iri-reference format: invalid iri-reference string is only an annotation by default":                                                         asserted,
	"format.json: uri format: invalid uri string is only an annotation by default":                                                                             asserted,
	"format.json: uri-reference format: invalid uri-reference string is only an annotation by default":                                                         asserted,
	"format.json: uri-template format: invalid uri-template string is only an annotation by default":                                                           asserted,
	"format.json: uuid format: invalid uuid string is only an annotation by default":                                                                           asserted,
	"format.json: duration format: invalid duration string is only an annotation by default":                                                                   asserted,
	`format.json: idn-email format: invalid idn-email string is only an annotation by default`:                                                                 asserted,
	`format.json: idn-hostname format: invalid idn-hostname string is only an annotation by default`:                                                           asserted,
	`optional/format/ecmascript-regex.json: \a is not an ECMA 262 control escape: when used as a pattern`:                                                      goPattern,
	`optional/format/ecmascript-regex.json: Python-specific regular expression syntax is not valid ECMA 262: Python named group (?P<name>...) is not ECMA 262`: goPattern,
	`optional/format/ecmascript-regex.json: global inline flag groups are not valid ECMA 262: a single global inline flag (?i)`:                                goPattern,
	`optional/format/ecmascript-regex.json: global inline flag groups are not valid ECMA 262: multiple global inline flags (?ims)`:                             goPattern,
	`optional/format/ecmascript-regex.json: ECMA 262 named groups and backreferences are valid: an ECMA 262 named backreference \k<name>`:                      goPattern,
	`optional/format/ecmascript-regex.json: ECMA 262 lookbehind is valid, including variable width: a variable-width lookbehind (ES2018)`:                      goPattern,
	`optional/format/ecmascript-regex.json: ECMA 262 character classes and escapes: an empty character class is valid ECMA 262`:                                goPattern,
	`optional/format/ecmascript-regex.json: ECMA 262 character classes and escapes: a negated empty character class is valid ECMA 262`:                         goPattern,
	`optional/format/ecmascript-regex.json: ECMA 262 character classes and escapes: a control escape \cA is valid ECMA 262`:                                    goPattern,
	`optional/ecmascript-regex.json: ECMA 262 regex escapes control codes with \c and upper letter: does not match`:                                            goPattern,
	`optional/ecmascript-regex.json: ECMA 262 regex escapes control codes with \c and upper letter: matches`:                                                   goPattern,
	`optional/ecmascript-regex.json: ECMA 262 regex escapes control codes with \c and lower letter: does not match`:                                            goPattern,
	`optional/ecmascript-regex.json: ECMA 262 regex escapes control codes with \c and lower letter: matches`:                                                   goPattern,
	`optional/ecmascript-regex.json: ECMA 262 \s matches whitespace: Line tabulation matches`:                                                                  goPattern,
	`optional/ecmascript-regex.json: ECMA 262 \S matches everything but whitespace: Line tabulation does not match`:                                            goPattern,
	`optional/ecmascript-regex.json: ECMA 262 \s matches whitespace: latin-1 non-breaking-space matches`:                                                       goPattern,
	`optional/ecmascript-regex.json: ECMA 262 \S matches everything but whitespace: latin-1 non-breaking-space does not match`:                                 goPattern,
	`optional/ecmascript-regex.json: ECMA 262 \s matches whitespace: zero-width whitespace matches`:                                                            goPattern,
	`optional/ecmascript-regex.json: ECMA 262 \S matches everything but whitespace: zero-width whitespace does not match`:                                      goPattern,
	`optional/ecmascript-regex.json: ECMA 262 \s matches whitespace: EM SPACE matches (Space_Separator)`:                                                       goPattern,
	`optional/ecmascript-regex.json: ECMA 262 \S matches everything but whitespace: EM SPACE does not match (Space_Separator)`:                                 goPattern,
	`optional/ecmascript-regex.json: ECMA 262 \s matches whitespace: paragraph separator matches (line terminator)`:                                            goPattern,
	`optional/ecmascript-regex.json: ECMA 262 \S matches everything but whitespace: paragraph separator does not match (line terminator)`:                      goPattern,
}

type remotes struct{ dir string }

func (r remotes) Load(url string) (any, error) {
	name, ok := strings.CutPrefix(url, "http://localhost:1234/")
	if !ok {
		return nil, fmt.Errorf("%s is not in the suite", url)
	}
	text, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

type group struct {
	description string
	schema      any
	tests       []suiteCase
}

type suiteCase struct {
	description string
	data        any
	valid       bool
}

func groups(t *testing.T, file string) []group {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var all []group
	for _, g := range v.([]any) {
		g := g.(map[string]any)
		one := group{description: g["description"].(string), schema: g["schema"]}
		for _, c := range g["tests"].([]any) {
			c := c.(map[string]any)
			one.tests = append(one.tests, suiteCase{c["description"].(string), c["data"], c["valid"].(bool)})
		}
		all = append(all, one)
	}
	return all
}

// The official suite passes, and both evaluations agree, with the same messages if there are few of them.
func TestSuite(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(suite); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("the suite is not here")
		}
		t.Skip("the suite is not here")
	}
	files, _ := filepath.Glob(suite + "/tests/draft2020-12/*.json")
	assertions, _ := filepath.Glob(suite + "/tests/draft2020-12/optional/*/*.json")
	others, _ := filepath.Glob(suite + "/tests/draft2020-12/optional/*.json")
	ran, failed := 0, 0
	differing := map[string]bool{}
	for _, file := range slices.Concat(files, assertions, others) {
		name, _ := filepath.Rel(suite+"/tests/draft2020-12", file)
		passed, all := 0, 0
		for _, g := range groups(t, file) {
			s, err := Compile(g.schema, remotes{suite + "/remotes"})
			oracle := library(t, g.schema)
			for _, c := range g.tests {
				full := name + ": " + g.description + ": " + c.description
				all++
				if err != nil {
					if differs[full] == "" {
						t.Errorf("%s: %v", full, err)
					}
					differing[full] = true
					continue
				}
				found := s.Check(t.Context(), c.data)
				if (found == nil) == c.valid {
					passed++
				} else if differing[full] = true; differs[full] == "" {
					t.Errorf("%s: %v, want valid %v", full, found, c.valid)
				}
				if oracle != nil {
					compare(t, full, oracle, found, c.data)
				}
			}
		}
		ran, failed = ran+all, failed+all-passed
	}
	t.Logf("%d cases, %d fail", ran, failed)
	for full := range differs {
		if !differing[full] {
			t.Errorf("%s: does not differ", full)
		}
	}
	if ran < 1000 {
		t.Errorf("only %d cases ran", ran)
	}
}

// library is the schema compiled by the library alone, nil when it cannot.
func library(t testing.TB, v any) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.UseLoader(remotes{suite + "/remotes"})
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	registerFormats(c)
	if err := c.AddResource("flow:schema", v); err != nil {
		return nil
	}
	s, err := c.Compile("flow:schema")
	if err != nil {
		return nil
	}
	return s
}

// compare compares a result with the library's.
func compare(t *testing.T, name string, oracle *jsonschema.Schema, found error, v any) {
	t.Helper()
	err := oracle.Validate(v)
	if (err == nil) != (found == nil) {
		t.Errorf("%s: %v, the library says %v", name, found, err)
		return
	}
	if err == nil {
		return
	}
	want := violations(err.(*jsonschema.ValidationError), nil)
	if len(want) > maxShown {
		return
	}
	got := strings.Split(found.Error(), "; ")
	for _, text := range want {
		if !contains(got, text) {
			t.Errorf("%s:\n%v, the library says\n%v", name, got, want)
			return
		}
	}
}

func contains(texts []string, text string) bool {
	for _, t := range texts {
		if inOrder(t) == inOrder(text) || len(text) > maxText {
			return true
		}
	}
	return false
}

// inOrder sorts the words of a text, because the library lists names in map order.
func inOrder(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' })
	slices.Sort(words)
	return strings.Join(words, " ")
}
