package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/testenv"
)

// The time of delivery is recorded for the first request that waits, not for one that does not wait or is repeated.
// The run has it as replied_at.
func TestRunTellsWhenItWasAnswered(t *testing.T) {
	t.Parallel()
	told := make(chan string, 8)
	p := apitest.NewProduct(t, func(c *api.Config) { c.MarkDelivered = func(run string) { told <- run } })
	p.HTTP = &http.Client{Transport: newContractClient(t)}
	p.Deploy(1, "steps:\n  - set: {a: 1}")
	later := p.Start("ulf", 1, "{}")
	p.Want(p.Do("GET", "/v1/runs/"+later+"?wait=30", "ulf", ""), 200)
	id := p.Want(p.Do("POST", "/v1/flows/1/runs", "ulf", "{}", "Idempotency-Key", "k"), 200)["run_id"].(string)
	p.Want(p.Do("POST", "/v1/flows/1/runs", "ulf", "{}", "Idempotency-Key", "k"), 200)
	last := p.Run("ulf", 1, "{}")
	for _, want := range []string{id, last} {
		if got := <-told; got != want {
			t.Errorf("told of %s, want %s", got, want)
		}
	}
	p.Queue.MarkDelivered(last)
	testenv.Eventually(t, func() string {
		run := p.Want(p.Do("GET", "/v1/runs/"+last, "ulf", ""), 200)
		if at, _ := run["replied_at"].(string); at >= run["finished_at"].(string) {
			return ""
		}
		return fmt.Sprint("the run does not tell: ", run)
	})
}

// The item outcomes of steps are in the run as OpenAPI describes them.
func TestRunTellsOfItems(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.HTTP = &http.Client{Transport: newContractClient(t)}
	p.Deploy(1, "steps:\n  - split: .[]\n  - name: one\n    script: \"if (item === 2) throw new Error('no two'); return item\"\n    on_error: skip")
	run := p.Do("GET", "/v1/runs/"+p.Run("ulf", 1, "[1,2,3]"), "ulf", "")
	for _, part := range []string{`"each":[{"item":0,"after_us":`, `"item":1,`, `"out":0,"error":"`, `no two`} {
		if !strings.Contains(run.Text, part) {
			t.Errorf("no %s in %s", part, run.Text)
		}
	}
}
