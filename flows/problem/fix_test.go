package problem_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps"
)

// parseProblems returns the mistakes of a flow.
func parseProblems(src string) (problems problem.List) {
	_, err := flows.Parse("f.yaml", []byte(src), steps.Catalogue())
	errors.As(err, &problems)
	return problems
}

func fixed(src string) problem.List {
	return problem.AddFixes(src, parseProblems(src), parseProblems)
}

// Each case is a text with one mistake, and the text after its only safe correction.
func TestFixes(t *testing.T) {
	t.Parallel()
	const head = "flow: 1 # one\n"
	for name, test := range map[string]struct{ src, want string }{
		"key":                    {"steps:\n  - http: {get: 'https://a.example', querry: {a: 1}}\n", "steps:\n  - http: {get: 'https://a.example', query: {a: 1}}\n"},
		"kind":                   {"steps:\n  - trasnform: . # all\n", "steps:\n  - transform: . # all\n"},
		"value":                  {"trigger: {webhook: {reply: resutl}}\nsteps: [{transform: .}]\n", "trigger: {webhook: {reply: result}}\nsteps: [{transform: .}]\n"},
		"variable":               {"steps:\n  - transform: '\"é\" + $evnt.a'\n", "steps:\n  - transform: '\"é\" + $event.a'\n"},
		"function":               {"steps:\n  - transform: .a | lenght\n", "steps:\n  - transform: .a | length\n"},
		"member":                 {"vars: {crm: 1}\nsteps:\n  - set: {a: \"${ $vars.crn }\"}\n", "vars: {crm: 1}\nsteps:\n  - set: {a: \"${ $vars.crm }\"}\n"},
		"step":                   {"steps:\n  - {name: find, transform: .}\n  - transform: $steps.fnd.a\n", "steps:\n  - {name: find, transform: .}\n  - transform: $steps.find.a\n"},
		"seconds":                {"steps:\n  - delay: 30 # a while\n", "steps:\n  - delay: 30s # a while\n"},
		"duration in words":      {"steps:\n  - delay: 5 minutes\n", "steps:\n  - delay: 5m\n"},
		"truth":                  {"enabled: yes\nsteps: [{transform: .}]\n", "enabled: true\nsteps: [{transform: .}]\n"},
		"number in quotes":       {"run: {concurrency: {limit: '5'}}\nsteps: [{transform: .}]\n", "run: {concurrency: {limit: 5}}\nsteps: [{transform: .}]\n"},
		"text without quotes":    {"name: true\nsteps: [{transform: .}]\n", "name: \"true\"\nsteps: [{transform: .}]\n"},
		"expression in { }":      {"steps:\n  - set: {a: ${ .b }, c: 1} # d\n", "steps:\n  - set: {a: \"${ .b }\", c: 1} # d\n"},
		"expression with quotes": {"steps:\n  - set: {a: ${ .b // \"x\" }}\n", "steps:\n  - set: {a: '${ .b // \"x\" }'}\n"},
		"colon":                  {"steps:\n  - fail: not found: no\n", "steps:\n  - fail: \"not found: no\"\n"},
		"tabs":                   {"steps:\n\t- set:\n\t\t\ta: 1\n", "steps:\n  - set:\n      a: 1\n"},
		"number":                 {"steps:\n  - set: {a: 007}\n", "steps:\n  - set: {a: \"007\"}\n"},
		"alias":                  {"steps:\n  - set:\n      a: *b c\n", "steps:\n  - set:\n      a: \"*b c\"\n"},
		"bare program":           {"steps:\n  - filter: ${ .a }\n", "steps:\n  - filter: .a\n"},
		"bare program in quotes": {"steps:\n  - filter: \"${ .a }\"\n", "steps:\n  - filter: \".a\"\n"},
		"open":                   {"steps:\n  - set: {a: \"${ .b\"}\n", "steps:\n  - set: {a: \"${ .b }\"}\n"},
		"no program":             {"steps:\n  - transform:\n", "steps:\n  - transform: .\n"},
		"header":                 {"trigger: webhook\nsteps:\n  - transform: $headers[\"X-A\"]\n", "trigger: webhook\nsteps:\n  - transform: $headers[\"x-a\"]\n"},
		"operation":              {"steps:\n  - uses: slack.chat_post_mesage\n    connection: c\n    with: {channel: C, text: a}\n", "steps:\n  - uses: slack.chat_post_message\n    connection: c\n    with: {channel: C, text: a}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, all := problem.FixAll(head+test.src, parseProblems)
			if got != head+test.want || len(all) != 1 || all[0].Title == "" {
				t.Errorf("%v\ngot:\n%s\nwant:\n%s\n%v", all, got, head+test.want, fixed(head+test.src))
			}
		})
	}
	const rest = "steps: [{transform: .}]\n"
	if got, _ := problem.FixAll(rest, parseProblems); got != "flow: 1\n"+rest {
		t.Errorf("without flow: %q", got)
	}
	const guess = head + "steps:\n  - transform: .\n    condition: .a\n"
	if got, all := problem.FixAll(guess, parseProblems); got != guess || len(all) > 0 || len(fixed(guess)[0].Fixes) != 1 || fixed(guess)[0].Fixes[0].Safe {
		t.Errorf("a guess is made without asking: %q, or is not offered: %+v", got, fixed(guess))
	}
}

// Each fix of the corpus makes its mistake go, and no mistake of its own.
func TestEveryFixOfTheCorpus(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/problems/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	fixes := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		src := string(source)
		before := parseProblems(src)
		for _, p := range fixed(src) {
			for _, f := range p.Fixes {
				fixes++
				after := parseProblems(f.Apply(src))
				count := func(all problem.List) int {
					return len(slices.DeleteFunc(slices.Clone(all), func(q problem.Problem) bool { return q.Code != p.Code || q.Message != p.Message }))
				}
				if count(after) != count(before)-1 && len(before) > 1 || len(before) == 1 && count(after) > 0 {
					t.Errorf("%s: %s: after %q the mistake is there", file, p.Error(), f.Title)
				}
			}
		}
	}
	if fixes < 15 {
		t.Errorf("%d fixes in the corpus", fixes)
	}
	t.Log(fixes, "fixes")
}

// mutation makes one mistake in a line of a valid flow.
type mutation struct {
	name string
	form *regexp.Regexp
	make func(match string) string
}

var mutations = []mutation{
	{"a key lacks a letter", regexp.MustCompile(`(?m)^ *(- )?[a-z_]{5,}:`), func(m string) string { return m[:len(m)-3] + m[len(m)-2:] }},
	{"a key has two letters changed", regexp.MustCompile(`(?m)^ *(- )?[a-z_]{6,}:`), func(m string) string {
		n := len(m) - 1
		return m[:n-3] + m[n-2:n-1] + m[n-3:n-2] + m[n-1:]
	}},
	{"a variable lacks a letter", regexp.MustCompile(`\$(event|headers|params|vars)\b`), func(m string) string { return m[:2] + m[3:] }},
	{"a duration is a number", regexp.MustCompile(`\b(timeout|within|every|per|backoff|limit): \d+s\b`), func(m string) string { return m[:len(m)-1] }},
	{"an expression has no quotes", regexp.MustCompile(`\{[a-z_]+: "\$\{ [^"\\]* \}"\}`), func(m string) string { return strings.ReplaceAll(m, `"`, "") }},
	{"a line is indented with a tab", regexp.MustCompile(`(?m)^  - [a-z]+:`), func(m string) string { return "\t" + m[2:] }},
	{"a program is in ${ }", regexp.MustCompile(`(?m)(filter|if|when): [.$][\w.]+$`), func(m string) string {
		key, program, _ := strings.Cut(m, ": ")
		return key + ": ${ " + program + " }"
	}},
}

// mutants returns texts of the flow, each with one mutation; most of them are mistakes.
func mutants(src string, m mutation) (all []string) {
	for _, at := range m.form.FindAllStringIndex(src, 5) {
		all = append(all, src[:at[0]]+m.make(src[at[0]:at[1]])+src[at[1]:])
	}
	return all
}

// A fix of a mistake that was made in a valid flow makes the flow valid, and most such mistakes have one.
func TestFixesOfMutatedFlows(t *testing.T) {
	t.Parallel()
	var files []string
	for _, pattern := range []string{"../examples/*.yaml", "../cookbook/*.yaml"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 10 {
		t.Fatal(files)
	}
	mistakes, withFix := map[string]int{}, map[string]int{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mutations {
			for _, src := range mutants(string(source), m) {
				problems := fixed(src)
				if len(problems) == 0 {
					continue
				}
				mistakes[m.name]++
				if slices.ContainsFunc(problems, func(p problem.Problem) bool { return len(p.Fixes) > 0 }) {
					withFix[m.name]++
				}
				for _, p := range problems {
					for _, f := range p.Fixes {
						if after := parseProblems(f.Apply(src)); len(after) >= len(problems) {
							t.Errorf("%s: %s: %s: after %q: %v", file, m.name, p.Error(), f.Title, after)
						}
					}
				}
			}
		}
	}
	for _, m := range mutations {
		t.Logf("%s: %d mistakes, %d with a fix", m.name, mistakes[m.name], withFix[m.name])
		if mistakes[m.name] == 0 || withFix[m.name]*10 < mistakes[m.name]*6 {
			t.Errorf("%s: %d of %d mistakes have a fix", m.name, withFix[m.name], mistakes[m.name])
		}
	}
}
