package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/internal/testenv"
)

// The time of the answer is that of who waited first: not of who asked not to
// wait, nor of a repeated request. It is in the run's representation.
func TestRunTellsWhenItWasAnswered(t *testing.T) {
	t.Parallel()
	told := make(chan string, 8)
	p := newProduct(t, func(c *api.Config) { c.Replied = func(run string) { told <- run } })
	p.http = &http.Client{Transport: newHeld(t)}
	p.deploy(1, "steps:\n  - set: {a: 1}")
	later := p.start("ulf", 1, "{}")
	p.want(p.do("GET", "/v1/runs/"+later+"?wait=30", "ulf", ""), 200)
	id := p.want(p.do("POST", "/v1/flows/1/runs", "ulf", "{}", "Idempotency-Key", "k"), 200)["run_id"].(string)
	p.want(p.do("POST", "/v1/flows/1/runs", "ulf", "{}", "Idempotency-Key", "k"), 200)
	last := p.run("ulf", 1, "{}")
	for _, want := range []string{id, last} {
		if got := <-told; got != want {
			t.Errorf("told of %s, want %s", got, want)
		}
	}
	p.queue.Replied(last)
	testenv.Eventually(t, func() string {
		run := p.want(p.do("GET", "/v1/runs/"+last, "ulf", ""), 200)
		if at, _ := run["replied_at"].(string); at >= run["finished_at"].(string) {
			return ""
		}
		return fmt.Sprint("the run does not tell: ", run)
	})
}

// What steps tell of items is in the run as OpenAPI describes it.
func TestRunTellsOfItems(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.http = &http.Client{Transport: newHeld(t)}
	p.deploy(1, "steps:\n  - split: .[]\n  - name: one\n    script: \"if (item === 2) throw new Error('no two'); return item\"\n    on_error: skip")
	run := p.do("GET", "/v1/runs/"+p.run("ulf", 1, "[1,2,3]"), "ulf", "")
	for _, part := range []string{`"each":[{"item":0,"after_us":`, `"item":1,`, `"out":0,"error":"`, `no two`} {
		if !strings.Contains(run.body, part) {
			t.Errorf("no %s in %s", part, run.body)
		}
	}
}
