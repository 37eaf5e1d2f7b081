//go:build faults || soak

package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/penstock/penstock/client"
)

// Workers are killed in the middle of runs of three effects that must happen once. Each run
// of which one is uncertain is resumed with what the receiver says of it: it succeeds, and
// all three effects have happened once.
func TestResumeAfterAKilledWorker(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	resumed := map[string]int{}
	for number := 1; number < 1+pick(5, 50); number++ {
		calls, _ := k.round("posts", number, true)
		for _, c := range calls {
			if c.last().code != "uncertain" {
				c.want(t, c.n+3)
				continue
			}
			step, done := k.resume(c.last().run, c.n)
			resumed[fmt.Sprintf("%s, done: %t", step, done)]++
		}
	}
	effects := map[string]int{}
	for _, e := range k.sink.seen() {
		effects[e.run]++
	}
	for run, n := range effects {
		if n != 3 {
			t.Errorf("I3: the effects of run %s happened %d times, want 3", run, n)
		}
	}
	t.Logf("resumed: %v", resumed)
	if len(resumed) == 0 {
		t.Error("no kill hit a run")
	}
}

// resume continues a run whose effect is uncertain, with what the sink knows of it.
func (k *killing) resume(run string, n int) (step string, done bool) {
	k.t.Helper()
	door, err := client.New(client.Config{URL: k.fleet.api(0).url, User: adminUser, Password: adminPassword, HTTP: k.caller.http})
	if err != nil {
		k.t.Fatal(err)
	}
	post := func(body map[string]any) []byte {
		k.t.Helper()
		text, err := door.Raw(k.t.Context(), http.MethodPost, "/v1/runs/"+run+"/resume", body)
		if err != nil {
			k.t.Fatalf("resume %s: %v", run, err)
		}
		return text
	}
	var plan struct{ Uncertain []string }
	if err := json.Unmarshal(post(map[string]any{"dry_run": true}), &plan); err != nil || len(plan.Uncertain) != 1 {
		k.t.Fatalf("run %s: %v %v", run, plan, err)
	}
	step = plan.Uncertain[0]
	done = slices.ContainsFunc(k.sink.seen(), func(e effect) bool { return e.key == run+"."+step+".0" })
	body := map[string]any{"assume": map[string]string{step: "not_done"}}
	if done {
		body["assume"] = map[string]string{step: "done"}
		body["outputs"] = map[string]any{step: []any{map[string]any{"body": map[string]any{"n": n + slices.Index([]string{"one", "two", "three"}, step)}}}}
	}
	var answer struct{ Output []struct{ N int } }
	if err := json.Unmarshal(post(body), &answer); err != nil || len(answer.Output) != 1 || answer.Output[0].N != n+3 {
		k.t.Errorf("run %s of %d resumed with %v: %+v %v", run, n, body, answer, err)
	}
	return step, done
}
