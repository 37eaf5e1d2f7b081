package flows_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/third_party/gojq"

	"github.com/penstock/penstock/flows"
)

// jqSuite is the directory of jq's test suites.
const jqSuite = suites + "/jq"

// refusals are programs that a flow may not contain, by a part of the problem that Parse reports, with the reason.
var refusals = []struct{ says, why string }{
	{"must be a literal string", "a flow's regular expressions are literal: compiled ones are kept"},
	{"cannot be used in a flow", "no environment, no further input, no log but the log step"},
	{"modules cannot be loaded", "no modules"},
	{"cannot start with _", "names with _ are the language's own"},
	{"cannot be bound", "variables of the flow cannot be hidden"},
	{"an index beyond", "an index is at most 1,000,000"},
	{"an expression cannot be empty", "a program is not empty"},
	{"the expression is empty", "a program is not empty"},
	{"a path of", "a path has at most 512 parts"},
	{"nested deeper", "values are nested at most 512 deep"},
	{"too large", "a text has at most 16 MiB"},
	{"one operation takes longer", "one operation takes at most 100 ms"},
	{"digits", "numbers have at most 1,000 digits"},
}

// Every case of jq's own suites has jq's result, or is in the list of differences: those of gojq, and programs that a
// flow refuses.
func TestJQSuites(t *testing.T) {
	t.Parallel()
	haveSuite(t, jqSuite)
	var list strings.Builder
	ran := 0
	for _, file := range []string{"jq.test", "man.test", "onig.test", "manonig.test", "base64.test", "uri.test", "optional.test"} {
		text, err := os.ReadFile(filepath.Join(jqSuite, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range jqCases(string(text)) {
			if strings.Contains(c.program, "range(365 * 67)") || strings.Contains(c.program, "range(1000") {
				continue // most of the 250 ms; values 10,000 deep, a flow's are 512
			}
			ran++
			want := canonical(c.outputs)
			plain, plainErr := plainJQ(c)
			ours, err := flowJQ(t, c)
			if plainErr == nil && err == nil && canonical(plain) != canonical(ours) {
				t.Errorf("%s: %s: %s, gojq gives %s", file, c.program, canonical(ours), canonical(plain))
			}
			switch {
			case err == nil && canonical(ours) == want:
			case err == nil:
				fmt.Fprintf(&list, "%s: %q gives %s, jq gives %s: gojq does\n", file, c.program, canonical(ours), want)
			case plainErr != nil:
				fmt.Fprintf(&list, "%s: %q fails in gojq: %v\n", file, c.program, plainErr)
			default:
				fmt.Fprintf(&list, "%s: %q fails: %s\n", file, c.program, refusal(err))
			}
		}
	}
	if ran < 500 || strings.Contains(list.String(), "without a reason") {
		t.Errorf("%d cases, differences:\n%s", ran, list.String())
	}
	t.Logf("%d cases, %d differ", ran, strings.Count(list.String(), "\n"))
	golden(t, "testdata/jq-differences.txt", []byte(list.String()))
}

func refusal(err error) string {
	for _, r := range refusals {
		if strings.Contains(err.Error(), r.says) {
			return r.why
		}
	}
	return "without a reason: " + err.Error()
}

type jqCase struct {
	program string
	input   any
	outputs []any
}

// jqCases reads groups of a program, an input and outputs. It skips groups that expect a compile error, because the
// messages differ.
func jqCases(text string) []jqCase {
	var all []jqCase
	for _, group := range strings.Split(text, "\n\n") {
		var lines []string
		for _, line := range strings.Split(group, "\n") {
			if !strings.HasPrefix(line, "#") && strings.TrimSpace(line) != "" {
				lines = append(lines, line)
			}
		}
		if len(lines) < 2 || strings.HasPrefix(lines[0], "%%FAIL") {
			continue
		}
		c := jqCase{program: lines[0]}
		var ok bool
		if c.input, ok = jqValue(lines[1]); !ok {
			continue
		}
		for _, line := range lines[2:] {
			if v, ok := jqValue(line); ok {
				c.outputs = append(c.outputs, v)
			}
		}
		all = append(all, c)
	}
	return all
}

func jqValue(line string) (any, bool) {
	v, err := flows.DecodeJSON([]byte(strings.TrimPrefix(line, "\ufeff")))
	if err != nil {
		d := json.NewDecoder(strings.NewReader(line))
		if d.UseNumber(); d.Decode(&v) != nil {
			return nil, false
		}
	}
	return v, true
}

func plainJQ(c jqCase) (out []any, err error) {
	q, err := gojq.Parse(c.program)
	if err != nil {
		return nil, err
	}
	code, err := gojq.Compile(q)
	if err != nil {
		return nil, err
	}
	for results := code.Run(c.input); ; {
		v, ok := results.Next()
		if !ok {
			return out, nil
		}
		if err, failed := v.(error); failed {
			return out, err
		}
		out = append(out, v)
	}
}

func flowJQ(t *testing.T, c jqCase) ([]any, error) {
	t.Helper()
	flow, err := flows.Parse("jq.yaml", fmt.Appendf(nil, "flow: 1\nsteps:\n- transform: %s\n", flows.EncodeJSON(c.program)), catalogue())
	if err != nil {
		return nil, err
	}
	return flow.Execute(context.Background(), flows.Run{ID: "r", Event: c.input}, flows.Env{})
}

// canonical encodes values so that equal numbers are equal texts.
func canonical(values []any) string {
	var b bytes.Buffer
	for _, v := range values {
		text, err := gojq.Marshal(evened(v))
		if err != nil {
			text = []byte(err.Error())
		}
		b.Write(append(text, ' '))
	}
	return strings.TrimSpace(b.String())
}

func evened(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, ok := gojq.ToFloat64(v)
		if ok && f == math.Trunc(f) && math.Abs(f) < 1e15 {
			return int(f)
		}
		return f
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return int(v)
		}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = evened(v[i])
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for name := range v {
			object[name] = evened(v[name])
		}
		return object
	}
	return v
}

// A program's definitions keep their meaning, whatever their names, and cannot call the engine's internal functions.
func TestDefinitionsKeepTheirMeaning(t *testing.T) {
	t.Parallel()
	tests := []struct{ program, input, want string }{
		{"def length: 1; length * 10", `"abc"`, "10"},
		{`def f: .a; f + "x"`, `{"a": "b"}`, `"bx"`},
		{"def tojson: 5; tojson", `[1]`, "5"},
		{"def contains(x): x | . + 1; contains(2)", `[1]`, "3"},
		{"def g(add): [1, 2] | add; g(3)", `[1]`, "3"},
		{`def test($re): $re + "!"; test(.a)`, `{"a": "b"}`, `"b!"`},
		{`def f: def sort: "own"; sort; [f, ([2, 1] | sort)]`, `null`, `["own",[1,2]]`},
		{"def input: 7; input", `null`, "7"},
		{"[.[] as $x | def f: $x - 1; f * 2]", `[1, 2]`, "[0,2]"},
	}
	for _, test := range tests {
		input, _ := jqValue(test.input)
		got, err := flowJQ(t, jqCase{program: test.program, input: input})
		if diff := cmp.Diff(test.want, canonical(got)); err != nil || diff != "" {
			t.Errorf("%s: %v %s", test.program, err, diff)
		}
	}
	for program, want := range map[string]string{
		"1 | $__meter":                    "jq.yaml:3:19: unknown variable $__meter",
		"$__step_a":                       "unknown variable $__step_a",
		"{$__step_a}":                     "unknown variable $__step_a",
		". as $__x | 1":                   "$__x cannot be bound",
		"def f($__x): 1; f(2)":            "$__x cannot be bound",
		"_p_grown(1)":                     "unknown function _p_grown/1",
		"def test(a): 1; 1 | test(.; .b)": "must be a literal string",
	} {
		_, err := flowJQ(t, jqCase{program: program})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", program, err, want)
		}
	}
}
