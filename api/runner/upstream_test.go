package runner_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/apitest"
)

// The failure of another system is 502 for callers, whatever the step is nested in. They do not get the name of the host unless the flow
// says so; the run's record has it.
func TestUpstreamFails(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	crm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(crm.Close)
	host := strings.TrimPrefix(crm.URL, "http://")
	get := fmt.Sprintf("{name: crm, http: {get: %q}}", crm.URL)
	for number, tc := range []struct {
		trigger, step, method, path string
		detailed                    bool
	}{
		{trigger: "manual", step: get},
		{trigger: "webhook", step: "{parallel: [{branch: a, steps: [" + get + "]}, {branch: b, steps: [{set: {n: 1}}]}]}"},
		{trigger: "{manual: {errors: detailed}}", step: get, detailed: true},
		{trigger: "{webhook: {errors: detailed}}", step: get, detailed: true},
		{trigger: "{webhook: {errors: brief}}", step: get},
		{trigger: "{http: {get: /brief}}", step: get, method: "GET", path: "/brief"},
		{trigger: "{http: {get: /detailed, errors: detailed}}", step: get, method: "GET", path: "/detailed", detailed: true},
	} {
		p.Deploy(number+1, "trigger: "+tc.trigger+"\nsteps: ["+tc.step+"]")
		if tc.path == "" {
			tc.method, tc.path = "POST", fmt.Sprintf("/v1/flows/%d/runs", number+1)
		}
		r := p.Do(tc.method, tc.path, "ulf", "")
		problem := p.Want(r, http.StatusBadGateway)
		if problem["code"] != "step_failed" || strings.Contains(r.Text, host) != tc.detailed {
			t.Errorf("%s: %s", tc.trigger, r.Text)
		}
		run := p.Do("GET", "/v1/runs/"+r.Header.Get("Penstock-Run-Id"), "ulf", "")
		if !strings.Contains(run.Text, host) || !strings.Contains(run.Text, `"upstream":503`) {
			t.Errorf("%s: the record is %s", tc.trigger, run.Text)
		}
	}
}
