package workload

import (
	"strings"
	"testing"
	"time"
)

const head = "rules:\n- {name: deploy, issuer: https://ci.example.org, client: ci, scopes: ['flows:write'], "

func TestRulesAreRead(t *testing.T) {
	t.Parallel()
	rules, err := Parse([]byte(head + "minutes: 5, claims: {repository: acme/flows, ref: [refs/heads/main, refs/tags/*]}}"))
	if err != nil {
		t.Fatal(err)
	}
	r := rules[0]
	if r.Life() != 5*time.Minute || len(r.conditions["ref"]) != 2 || r.conditions["repository"][0] != "acme/flows" {
		t.Errorf("%+v", r)
	}
}

// A file that would let in more than it seems to is refused, with the reason.
func TestRulesThatAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		head + "}":                                         "any program of the issuer",
		head + "claims: {}}":                               "any program of the issuer",
		head + "claims: {aud: x}}":                         "says nothing about the program",
		head + "claims: {iss: x}}":                         "says nothing about the program",
		head + `claims: {repository: ""}}`:                 "empty part",
		head + `claims: {repository: []}}`:                 "a list of texts",
		head + `claims: {repository: "*"}}`:                "a whole part after the first",
		head + `claims: {repository: "*/flows"}}`:          "a whole part after the first",
		head + `claims: {repository: "acme/flows*"}}`:      "a whole part after the first",
		head + `claims: {repository: "acme*/flows"}}`:      "a whole part after the first",
		head + `claims: {sub: "repo:acme/*"}}`:             "never in sub",
		head + `claims: {repository: {a: b}}}`:             "a text or a list of texts",
		head + "minutes: 16, claims: {repository: a/b}}":   "1 to 15",
		head + "claims: {repository: a/b}, clams: {x: y}}": "unknown field",
		"rules: []": "1 to 200",
		strings.Replace(head, "https", "http", 1) + "claims: {repository: a/b}}":              "https://",
		strings.Replace(head, "scopes: ['flows:write']", "scopes: []", 1) + "claims: {x: y}}": "allow nothing",
		strings.Replace(head, "client: ci, ", "", 1) + "claims: {x: y}}":                      "client: it is missing",
		head + "claims: {x: y}}\n" + head[7:] + "claims: {x: y}}":                             "comes twice",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %q", text, err, want)
		}
	}
}

// Only the whole of a text is compared, and a * stands for one part.
func TestConditions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern string
		claim   any
		want    bool
	}{
		{"acme/flows", "acme/flows", true},
		{"acme/flows", "acme/flows-evil", false},
		{"acme/flows", "acme/flow", false},
		{"acme/flows", "ACME/flows", false},
		{"acme/flows", []any{"acme/flows"}, false},
		{"acme/flows", map[string]any{"acme/flows": true}, false},
		{"acme/flows", nil, false},
		{"1", 1.0, false},
		{"true", true, false},
		{"acme/*", "acme/flows", true},
		{"acme/*", "acme-evil/flows", false},
		{"acme/*", "acme/", false},
		{"acme/*", "acme/flows/more", false},
		{"acme/*", "acme", false},
		{"refs/heads/release/*", "refs/heads/release/1", true},
	} {
		if got := holds([]string{"another", c.pattern}, c.claim); got != c.want {
			t.Errorf("%s of %v: %t", c.pattern, c.claim, got)
		}
	}
}
