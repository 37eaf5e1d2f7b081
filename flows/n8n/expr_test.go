package n8n_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/n8n"
	"github.com/penstock/penstock/flows/steps"
)

// Each expression gives, as jq, what JavaScript gives, or fails; it never gives another value.
func TestExpressionsAreThoseOfJavaScript(t *testing.T) {
	t.Parallel()
	expressions := []string{
		`$json.name`, `$json["name"]`, `$json.a.b`, `$json?.a?.b`, `$json.list[0]`, `$json.list[1].id`, `$json["odd name"]`, `$json.list.length`, `$json.name.length`,
		`$json.name || "none"`, `$json.empty || "none"`, `$json.zero || 5`, `$json.no || "x"`, `$json.nothing ?? "x"`, `$json.zero ?? 5`, `$json.no ?? true`,
		`$json.name && $json.zero`, `$json.zero && $json.name`, `!$json.name`, `!$json.zero`, `!!$json.list`, `$json.n > 3 && $json.n < 10`, `$json.n > 3 || $json.no`,
		`$json.n + 1`, `$json.n - 1`, `$json.n * 2`, `$json.n / 2`, `$json.n % 3`, `$json.n ** 2`, `-$json.n`, `$json.number * 2`, `$json.number - 1`, `+$json.number`,
		`$json.name + "!"`, `"n: " + $json.n`, `1 + 2 * 3`, `(1 + 2) * 3`, `"a" + 1 + 2`, `$json.n + $json.n`, `2 ** 3 ** 2`, `10 - 2 - 3`,
		`$json.n == 7`, `$json.number == 12`, `$json.number === 12`, `$json.n != 7`, `$json.name === "Ann"`, `$json.nothing == null`, `$json.missing === undefined`, `$json.n == "7"`,
		`$json.n > 5 ? "big" : "small"`, `$json.empty ? 1 : 2`, `$json.zero ? 1 : $json.name ? 2 : 3`,
		`[1, $json.n, "x"]`, `{a: $json.n, "b c": 1}`, `{...$json.a, x: 1}`, "`Hello ${$json.name}, ${$json.n + 1}`", "`a\\n${\"b\"}`",
		`$json.name.toUpperCase()`, `$json.name.toLowerCase()`, `" x ".trim()`, `$json.words.split(" ")`, `$json.words.split(" ")[1]`, `["a", "b"].join("-")`, `["a", "b"].join()`,
		`$json.words.includes("two")`, `["a", "b"].includes($json.letter)`, `["ab", "c"].includes("a")`, `$json.list.includes(3)`, `$json.tags.includes("x")`, `$json.tags.includes("z")`,
		`["a", "b"].indexOf($json.letter)`, `["a", "b"].indexOf("z")`, `$json.words.indexOf("two")`, `$json.tags.indexOf("y")`,
		`$json.words.startsWith("one")`, `$json.words.endsWith("one")`, `$json.words.slice(0, 3)`, `$json.words.slice(4)`, `$json.words.substring(4, 7)`, `$json.tags.slice(1)`, `$json.words.slice(-3)`,
		`$json.words.replace("one", "1")`, `$json.words.replace(/o/g, "0")`, `$json.words.replace(/o/, "0")`, `$json.words.replace(/ONE/i, "1")`, `$json.words.replaceAll("o", "0")`, `"a/b".replace(/\//g, "-")`,
		`$json.tags.map(x => x + "!")`, `$json.list.map(one => one.id)`, `$json.list.filter(one => one.id > 1)`, `$json.list.find(one => one.id === 2)`, `$json.tags.some(t => t === $json.letter)`, `$json.tags.every(t => t.length == 1)`,
		`$json.list.map(a => $json.tags.map(b => ` + "`${a.id}${b}`" + `))`, `$json.list.map((a) => ({n: a.id, name: $json.name}))`, `$json.tags.filter(t => ["x"].includes(t)).length`,
		`Math.max(1, $json.n)`, `Math.min(1, $json.n)`, `Math.floor($json.half)`, `Math.ceil($json.half)`, `Math.round($json.half)`, `Math.round(-2.5)`, `Math.abs(-3)`, `Math.max(0, ["x", "y"].indexOf($json.letter))`,
		`parseInt($json.number)`, `parseInt("7")`, `parseInt(7.9)`, `parseFloat("1.5")`, `Number($json.number)`, `String($json.n)`, `$json.n.toString()`, `Boolean($json.empty)`, `Boolean($json.name)`,
		`JSON.stringify({a: 1})`, `JSON.parse("[1, 2]")`, `JSON.parse($json.text).k`, `Array.isArray($json.tags)`, `Array.isArray($json.name)`, `Object.keys({a: 1, b: 2})`, `encodeURIComponent("a b&c")`,
		`new Date($json.time).toISOString()`, `new Date($json.time).getTime()`, `new Date(86400000).toISOString()`, `new Date($json.time).getUTCHours()`, `new Date($json.time).getTime() > new Date("2020-01-01T00:00:00Z").getTime()`,
		`"5".padStart(3, "0")`, `$json.letter.padEnd(3, "-")`, `$json.a.hasOwnProperty("b")`, `$json.a.b.c`, `"ab".concat("c")`, `["a"].concat(["b"])`, `true`, `null`, `'it\'s'`, `"\u00e9"`,
		`$json.name === "Ann" && $json.list.length > 1 ? $json.list[0].id : null`, `($json.missing || {}).x`, `($json.words.match(/[a-z]+/) || [])[0]`, `$json.n > 5 && !$json.no`,
	}
	item := map[string]any{
		"name": "Ann", "empty": "", "zero": number("0"), "no": false, "nothing": nil, "n": number("7"), "half": number("2.5"), "number": "12", "letter": "b", "odd name": "odd",
		"a": map[string]any{"b": map[string]any{"c": number("3")}}, "words": "one two one", "tags": []any{"x", "y"}, "text": `{"k": 1}`, "time": "2026-07-01T12:34:56.789Z",
		"list": []any{map[string]any{"id": number("1")}, map[string]any{"id": number("2")}},
	}
	untranslated := 0
	for _, src := range expressions {
		program, err := n8n.Expr(src)
		if err != nil {
			t.Logf("%s: %v", src, err)
			untranslated++
			continue
		}
		got, err := runStep(t, "transform: "+quote("["+program+"]"), item)
		if err != nil {
			t.Errorf("%s: as %s: %v", src, program, err)
			continue
		}
		want, err := runStep(t, "script: "+quote("const $json = item;\nreturn [["+"("+src+")]];"), item)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		if got != want {
			t.Errorf("%s: %s gives %s, JavaScript %s", src, program, got, want)
		}
	}
	if untranslated > 3 {
		t.Errorf("%d expressions are not translated", untranslated)
	}
}

// What is no expression, or not one of those that are translated, is an error.
func TestExpressionsThatAreNotTranslated(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		"", "(", "[1", "{a", `"a`, "`a${", "`${1", "a => {}", "function () {}", "await x", "1 +", "x.", "$json.", "a b", "1 2", "/a", "$json.x.unknown()", "$jmespath($json, 'a')", "this.x",
		strings.Repeat("(", 100_000), strings.Repeat("[", 1000), strings.Repeat("!", 1000), strings.Repeat("`${", 1000), strings.Repeat("a?", 1000), strings.Repeat("x=>", 1000), strings.Repeat("a.", 50_000),
		strings.Repeat("(", 50) + "1" + strings.Repeat(")", 50) + "x", "$json[$json.x ? 'a' : 'b'].c(", "new Map()", `$("gone").item.json.x`, `$node["gone"].json.x`, "$execution.resumeUrl",
	} {
		if program, err := n8n.Expr(src); err == nil {
			t.Errorf("%.60q is %s", src, program)
		}
	}
}

func number(text string) any { return json.Number(text) }

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return err.Error()
	}
	return string(quoted)
}

// runStep returns the items that one step makes of an item, as JSON.
func runStep(t *testing.T, step string, item any) (string, error) {
	t.Helper()
	flow, err := flows.Parse("test.yaml", fmt.Appendf(nil, "flow: 1\nsteps:\n  - %s\n", step), steps.Catalogue())
	if err != nil {
		return "", err
	}
	items, err := flow.Execute(t.Context(), flows.Run{ID: "test", Event: item}, flows.Env{Scripts: patient{}})
	return encode(slices.Clip(items)), err
}
