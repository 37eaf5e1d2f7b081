package flows_test

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

func TestBodyForm(t *testing.T) {
	t.Parallel()
	for trigger, want := range map[string]string{
		"webhook":                               "",
		"manual":                                "",
		"{webhook: {body: nested_form}}":        "nested_form",
		"{webhook: {body: auto}}":               "auto",
		"{webhook: {body: xlm}}":                "xml",
		"{http: {get: /a, body: xml}}":          "body: a request with GET has no body",
		"{http: {post: /a, body: jason}}":       "json",
		"{http: {post: /a, body: [xml, json]}}": "body",
	} {
		f, err := flows.Parse("f.yaml", []byte("flow: 1\nname: F\ntrigger: "+trigger+"\nsteps: [{filter: true}]\n"), catalogue())
		if err != nil {
			if want == "" || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", trigger, err, want)
			}
			continue
		}
		if got := string(f.BodyForm()); got != want {
			t.Errorf("%s: %q, want %q", trigger, got, want)
		}
	}
	f, err := flows.Parse("f.yaml", []byte("flow: 1\nname: F\ntrigger: {http: {post: /a, body: csv}}\nsteps: [{filter: true}]\n"), catalogue())
	if err != nil || f.HTTP.Operations[0].BodyForm != "csv" {
		t.Errorf("%v", err)
	}
}
