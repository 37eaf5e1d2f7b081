package steps

import (
	"testing"

	"github.com/penstock/penstock/flows"
)

// Every place that names another flow, a connection or a secret is reported with its line and column.
func TestUsesAreFound(t *testing.T) {
	t.Parallel()
	const source = `flow: 69
trigger:
  webhook:
    verify: {scheme: github, secret: [hook, other], verify_token: meta}
steps:
  - call: 100
  - emit: {flow: nightly, event: 1}
  - http: {url: https://x.example.org, connection: crm}
  - sql: {connection: db, query: select 1}
  - switch:
      - when: .a
        steps:
          - email: {connection: mail, to: a@b.org, subject: s, text: t}
  - encode: {hmac: "${ .x }", secret: key}
`
	flow, err := flows.Parse("test.yaml", []byte(source), Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	refused := flow.Refuse("test.yaml", func(u flows.Use) string { return "no" })
	got := ""
	for _, p := range refused {
		got += p.Error() + "\n"
	}
	const want = `test.yaml:4:39: secret "hook": no
test.yaml:4:45: secret "other": no
test.yaml:4:67: secret "meta": no
test.yaml:6:11: flow "100": no
test.yaml:7:18: flow "nightly": no
test.yaml:8:52: connection "crm": no
test.yaml:9:23: connection "db": no
test.yaml:13:33: connection "mail": no
test.yaml:14:39: secret "key": no
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if some := flow.Refuse("test.yaml", func(u flows.Use) string {
		if u.Name == "crm" {
			return "no"
		}
		return ""
	}); len(some) != 1 || some[0].Line != 8 || some[0].Snippet == "" {
		t.Errorf("refused %v", some)
	}
}
