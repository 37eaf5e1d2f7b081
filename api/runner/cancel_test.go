package runner_test

import (
	"context"
	"testing"

	"github.com/penstock/penstock/api/apitest"
)

// When a connection ends, the run goes on, unless the flow has run.cancel_with_caller.
func TestARunWithoutItsCaller(t *testing.T) {
	t.Parallel()
	for settings, state := range map[string]string{"": "running", "run: {cancel_with_caller: true, limit: 5m}\n": "cancelled"} {
		p := apitest.NewProduct(t)
		p.Deploy(1, settings+apitest.FlowWaits)
		ctx, leave := context.WithCancel(t.Context())
		call, left := p.Request("POST", "/v1/flows/1/runs", "ulf", `{"n":1}`).WithContext(ctx), make(chan struct{})
		go func() {
			defer close(left)
			if w, err := p.HTTP.Do(call); err == nil {
				w.Body.Close()
				t.Errorf("%q: the caller got %d", settings, w.StatusCode)
			}
		}()
		<-p.At
		leave()
		<-left
		runs := p.Want(p.Do("GET", "/v1/runs", "vera", ""), 200)["items"].([]any)
		id := runs[0].(map[string]any)["run_id"].(string)
		p.Until(id, state)
		if state == "running" {
			p.Gate <- struct{}{}
			p.Until(id, "succeeded")
		}
	}
}
