package api_test

import (
	"testing"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/store"
)

// A replay of a failed run has the bytes of the first answer, in each interface.
func TestReplayedFailures(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	const fails = "steps: [{fail: {message: no such person, status: 410}}]"
	p.Deploy(1, "trigger: webhook\n"+fails)
	p.Deploy(2, "trigger: {http: {post: /people, response: one}}\n"+fails)
	p.Deploy(3, "trigger: {http: {post: /nobody, response: one}}\nsteps: [{filter: 'false'}]")
	p.Deploy(4, "trigger: {webhook: {idempotency_key: '${ $event.id }'}}\n"+fails)
	p.Deploy(5, "trigger: webhook\nsteps: [{respond: {status: 409, json: {no: 1}}}, {fail: {message: later}}]")
	for name, tc := range map[string]struct {
		path   string
		status int
		key    bool
	}{
		"native":                  {"/v1/flows/1/runs", 410, true},
		"an operation":            {"/people", 410, true},
		"an operation, no item":   {"/nobody", 404, true},
		"the flow's own key":      {"/v1/flows/4/runs", 410, false},
		"a flow that has replied": {"/v1/flows/5/runs", 409, true},
	} {
		header := []string{"Accept", "application/json"}
		if tc.key {
			header = append(header, "Idempotency-Key", "k1")
		}
		first := p.Do("POST", tc.path, "ulf", `{"id":"7"}`, header...)
		again := p.Do("POST", tc.path, "ulf", `{"id":"7"}`, append(header, "X-Request-Id", "another")...)
		if first.StatusCode != tc.status || again.StatusCode != tc.status || first.Text != again.Text || again.Header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s: %d %s\nagain: %d %s", name, first.StatusCode, first.Text, again.StatusCode, again.Text)
		}
		if again.Header.Get("X-Request-Id") != "another" {
			t.Errorf("%s: X-Request-Id %q", name, again.Header.Get("X-Request-Id"))
		}
	}
	_, err := p.Store.Keys().Put(t.Context(), store.Key{Key: "key-one", Secret: "secret-of-key-one", APIAccess: true, OnReplay: store.OnReplayAttach})
	apitest.Fatal(t, err)
	signed := p.Signed("POST", "/apis/execute.php", "1", `{"id":"7"}`)
	again := p.Request("POST", signed.URL.RequestURI(), "", `{"id":"7"}`)
	one, two := p.Send(signed), p.Send(again)
	if one.StatusCode != 400 || two.StatusCode != 400 || one.Text != two.Text || one.Header.Get("Penstock-Run-Id") != two.Header.Get("Penstock-Run-Id") {
		t.Errorf("SmartSYNC: %d %s\nagain: %d %s", one.StatusCode, one.Text, two.StatusCode, two.Text)
	}
}
