package assets_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"modernc.org/quickjs"
)

// awkward are texts that YAML reads as something else without quotes, or with the wrong ones. Read only.
var awkward = []string{
	"", " ", "a", " a", "a ", "a: b", "a:", ":a", "a #b", "#a", "a#b", "- a", "-", "-a", "?", "? a", "true", "False", "yes", "NO", "on", "off", "null", "~", "Null",
	"1", "-1", "+1", "1.5", "1e3", "1E+3", ".5", "5.", "007", "0x1F", "0o17", "0b1", "1_000", "12:30", "12:30:45", "2026-07-01", "2026-07-01T12:00:00Z", ".inf", "-.INF", ".nan", ".NaN",
	"{a: 1}", "[a]", "a]", "a}", "a, b", "&a", "*a", "!a", "!!str a", "|", "> a", "%a", "@a", "`a`", `"a"`, `a "b" c`, "'a'", "it's", `'`, `"`, `\`, `a\b`, `"it's"`, `"a\n'`, "=", "<<", "---", "...", "--- a",
	"a\nb", "a\nb\n", "a\n\nb\n", "\na", "a\n", "a\n b", " a\nb", "a \nb", "a\tb", "\ta", "a\r\nb", "a\r", "\x00", "\x07", "\x1b[0m", "\u0085", "\u00a0", "\u2028", "\ufeff", "é", "日本", "😀",
	"${ .a }", "${ .a } # b", `${ $headers["x-id"] }`, `${ {a: 1} }`, `${ [.a, "b"] }`, "Hello, ${ .a }", ".a == null", `.a == "x: #y"`, "($steps.find.body | length) == 0", "https://example.org/a?b=c&d=e#f", "200ms", "8s", "10/m", "*/5 8-18 * * mon-fri", "0 6 * * *", "@daily",
}

// What the Build view writes is read as the same value by the YAML library that reads flow files: in lines, in { } and [ ], and as keys.
func TestBuildWritesWhatIsRead(t *testing.T) {
	t.Parallel()
	vm, err := quickjs.NewVM()
	if err != nil {
		t.Fatal(err)
	}
	defer vm.Close()
	var script strings.Builder
	for _, part := range []string{"build/10-nodes.js", "build/11-write.js", "build/12-edits.js", "build/40-slots.js"} {
		source, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		script.Write(source)
	}
	script.WriteString(`
function written(text) {
  const value = JSON.parse(text)
  return JSON.stringify([mapText({ a: value, b: [value, { c: value }], d: { e: value } }, 0), mapText({ a: { [value || 'empty']: 1 } }, 0), 'a: ' + flowText({ b: value, c: [value], [value || 'empty']: 1 })])
}`)
	if _, err := vm.Eval(script.String()+";0", quickjs.EvalGlobal); err != nil {
		t.Fatal(err)
	}
	for _, text := range awkward {
		key := text
		if key == "" {
			key = "empty"
		}
		inner := map[string]any{"c": text}
		want := []any{
			map[string]any{"a": text, "b": []any{text, inner}, "d": map[string]any{"e": text}},
			map[string]any{"a": map[string]any{key: 1}},
			map[string]any{"a": map[string]any{"b": text, "c": []any{text}, key: 1}},
		}
		if key == "a" || key == "b" || key == "c" {
			continue
		}
		function, err := vm.EvalValue("written", quickjs.EvalGlobal)
		if err != nil {
			t.Fatal(err)
		}
		asked, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := function.Call(quickjs.UndefinedValue, string(asked))
		function.Free()
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var written []string
		if err := json.Unmarshal([]byte(answer.(string)), &written); err != nil {
			t.Fatal(err)
		}
		for i, source := range written {
			var got, wanted any
			if err := yaml.Unmarshal([]byte(source+"\n"), &got); err != nil {
				t.Errorf("%q: %v\n%s", text, err, source)
				continue
			}
			normal(t, want[i], &wanted)
			normal(t, got, &got)
			if diff := cmp.Diff(wanted, got); diff != "" {
				t.Errorf("%q is read as something else (-want +got)\n%s\n%s", text, diff, source)
			}
		}
	}
}

// normal makes numbers of one type of a value.
func normal(t *testing.T, v any, to *any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err == nil {
		*to = nil
		err = json.Unmarshal(text, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}
