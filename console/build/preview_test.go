package build

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

const previewData = `{"item": {"status": 200, "body": {"people": [{"id": 7}]}}, "event": {"email": "ann@example.org", "n": 9007199254740993},
	"steps": {"find": {"body": {"id": 280}}, "not a name": 1}, "vars": {"crm": "https://crm.example.org", "team": null}, "params": {"q": "x"}, "headers": {"x-id": "h"}}`

func TestPreview(t *testing.T) {
	t.Parallel()
	b := &Builder{config: Config{Catalogue: steps.Catalogue()}}
	for _, test := range []struct {
		text     string
		template bool
		want     string // JSON values, joined; or a part of the error, after "!"
	}{
		{text: ".body.people[0].id", want: "7"},
		{text: "$event.n", want: "9007199254740993"},
		{text: "$steps.find.body.id + 1", want: "281"},
		{text: ".status == 200", want: "true"},
		{text: "Dear ${ $event.email }, ${ .status }", template: true, want: `"Dear ann@example.org, 200"`},
		{text: "${ .body.people[0] }", template: true, want: `{"id":7}`},
		{text: "${ $vars.crm }/people?q=${ $params.q }&h=${ $headers[\"x-id\"] }", template: true, want: `"https://crm.example.org/people?q=x&h=h"`},
		{text: "1, 2, 3, 4", want: "1 2 3"},
		{text: "empty", want: ""},
		{text: ".body |", want: "!unexpected"},
		{text: "$steps.other.id", want: "!other"},
		{text: ".status.x", want: "!expected an object"},
		{text: `secret("crm")`, want: "!secret"},
		{text: "[limit(100000000; repeat(1))] | length", want: "!"},
		{text: `"x" * 10000`, want: strings.Repeat("x", 100)},
	} {
		data, err := flows.DecodeJSON([]byte(previewData))
		if err != nil {
			t.Fatal(err)
		}
		q := question{Text: test.text, Template: test.template}
		q.read(data)
		got := b.evaluate(t.Context(), &q)
		if part, fails := strings.CutPrefix(test.want, "!"); fails {
			if got.Error == "" || !strings.Contains(got.Error, part) {
				t.Errorf("%s: got %+v, want an error with %q", test.text, got, part)
			}
			continue
		}
		if text := strings.Join(got.Values, " "); got.Error != "" || test.want != text && !(len(text) <= maxShown+len("…") && len(text) > 100 && strings.Contains(text, test.want)) {
			t.Errorf("%s: got %+v, want %s", test.text, got, test.want)
		}
	}
}
