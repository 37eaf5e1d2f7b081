package flows_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// A recorded delivery is read as the webhook reads it, and becomes a test that passes.
func TestReadDelivery(t *testing.T) {
	t.Parallel()
	const hook = "flow: 1\ntrigger: {webhook: {verify: {scheme: token, param: key, secret: s}, methods: [POST, GET], params: [debug], headers: [x-kind]%s}}\nsteps: [{transform: '{event: ., kind: $headers[\"x-kind\"], debug: $params.debug}'}]\n"
	header := http.Header{"Content-Type": {"application/json"}, "X-Kind": {"a", "b"}, "X-Other": {"c"}}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for name, c := range map[string]struct {
		more, method, query, body string
		header                    http.Header
		want, wrong               string
	}{
		"JSON":           {"", "POST", "debug=1&key=***", `{"n": 1.50}`, header, `[{"debug":"1","event":{"n":1.50},"kind":"a, b"}]`, ""},
		"empty":          {"", "POST", "", "", nil, `[{"debug":null,"event":null,"kind":null}]`, ""},
		"form":           {"", "POST", "", "a=1&b[]=2", form, `[{"debug":null,"event":{"a":"1","b[]":["2"]},"kind":null}]`, ""},
		"as it is now":   {", body: text", "POST", "", "a=1", form, `[{"debug":null,"event":"a=1","kind":null}]`, ""},
		"GET":            {"", "GET", "a=1&a=2&key=***", "", nil, `[{"debug":null,"event":{"a":["1","2"]},"kind":null}]`, ""},
		"no JSON":        {"", "POST", "", `{`, header, "", "read as json"},
		"two parameters": {"", "POST", "debug=1&debug=2", `{}`, header, "", "debug comes twice"},
		"a bad query":    {"", "POST", "%zz", `{}`, header, "", "query string"},
		"as a file":      {", body: file, max_body: 1MB", "POST", "", "x", nil, "", "as a file"},
	} {
		source := fmt.Sprintf(hook, c.more)
		flow, err := flows.Parse(name, []byte(source), steps.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		run, err := flow.ReadDelivery(c.method, c.header, c.query, c.body)
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: %v, want %s", name, err, c.wrong)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		entry := flow.TestText(t.Context(), name, run)
		if !strings.HasSuffix(entry, "    output: "+c.want+"\n") {
			t.Errorf("%s: %s, want %s", name, entry, c.want)
		}
		if flow, err = flows.Parse(name, []byte(source+"tests:\n"+entry), steps.Catalogue()); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if results := flows.RunTests(t.Context(), flow); len(results) != 1 || results[0].Failure != "" {
			t.Errorf("%s: %+v", name, results)
		}
	}
}

// A test has the failure of a flow that fails, and says where mocks are needed.
func TestTestText(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"flow: 1\ntrigger: webhook\nsteps: [{fail: {message: no such person}}]":               `    error: {"code":"fail","step":"fail"}`,
		"flow: 1\ntrigger: webhook\nsteps: [{http: {get: 'https://api.example.org/people'}}]": "    mocks: {} # the results of its steps with effects\n    output: [] # what it should put out",
	} {
		flow, err := flows.Parse("flow", []byte(source), steps.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		run, err := flow.ReadDelivery("POST", nil, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if got := flow.TestText(t.Context(), "a", run); got != "  - name: \"a\"\n    event: null\n"+want+"\n" {
			t.Errorf("%s, want %s", got, want)
		}
	}
	flow, err := flows.Parse("flow", []byte("flow: 1\ntrigger: {schedule: {cron: '@daily'}}\nsteps: [{set: {a: 1}}]"), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := flow.ReadDelivery("POST", nil, "", ""); err == nil {
		t.Error("a schedule has a webhook")
	}
}
