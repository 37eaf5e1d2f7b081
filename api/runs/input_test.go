package runs_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/api/apitest"
)

func TestWhatARunWasAcceptedWith(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "trigger: {webhook: {params: [debug], headers: [x-trace]}}\nsteps: [{set: {n: '${ .n }'}}]")
	r := p.Do("POST", "/v1/flows/1/runs?debug=1", "ulf", `{"n":1}`, "X-Trace", "abc")
	id := p.Want(r, 200)["run_id"].(string)
	want := map[string]any{"event": map[string]any{"n": 1.0}, "params": map[string]any{"debug": "1"}, "headers": map[string]any{"x-trace": "abc"}}
	if diff := cmp.Diff(want, p.Want(p.Do("GET", "/v1/runs/"+id+"/input", "ulf", ""), 200)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	p.Want(p.Do("GET", "/v1/runs/"+id+"/input", "key-two", ""), 404)
	if got := p.Want(p.Do("GET", "/v1/runs/"+p.Run("ulf", 1, "")+"/input", "vera", ""), 200); got["event"] != nil || len(got) != 1 {
		t.Errorf("without a body: %v", got)
	}
}
