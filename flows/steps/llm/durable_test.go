package llm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

const asking = "{connection: model, model: m, prompt: x, tools: [double]}"

func calling(n string) said { return said{calls: []called{{"double", `{"n":` + n + `}`}}} }

// A worker that dies between answers, or while one is under way, is followed by another: no answer that came is asked for again, and no tool
// is executed twice.
func TestWorkersThatDie(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, shape string) {
		b := newBench(t, shape, asking+"\n    on_uncertain: rerun", calling("1"), calling("2"), said{text: "done"}).tool()
		if items, err := b.attempt("x", 3); err == nil {
			t.Fatal(items)
		}
		if fmt.Sprint(b.effects) != "[map[n:1] map[n:2]]" {
			t.Fatal(b.effects)
		}
		got := b.one("x")
		if got["text"] != "done" || fmt.Sprint(b.effects) != "[map[n:1] map[n:2]]" {
			t.Error(got, b.effects)
		}
		b.sent(4) // two answers, the one that was lost, and it again
		if b.keys[2] != b.keys[3] || b.keys[1] == b.keys[2] {
			t.Error(b.keys)
		}
		b.one("x") // a third attempt finds the result
		b.sent(4)
	})
}

// Without another word in the flow, a request whose answer is lost with its worker is not repeated.
func TestLostAnswersAreUncertain(t *testing.T) {
	t.Parallel()
	b := newBench(t, flows.ShapeOpenAI, asking, calling("1"), said{text: "done"}).tool()
	if items, err := b.attempt("x", 2); err == nil {
		t.Fatal(items)
	}
	b.fails(flows.CodeUncertain, "it may or may not have happened")
	b.sent(2)
}

// What a lost answer may have cost counts.
func TestLostAnswersCount(t *testing.T) {
	t.Parallel()
	b := newBench(t, flows.ShapeOpenAI, "{connection: model, model: m, prompt: x, max_tokens: 100, max_run_tokens: 200}\n    on_uncertain: rerun", said{text: "done"})
	if items, err := b.attempt("x", 1); err == nil {
		t.Fatal(items)
	}
	b.fails("llm_budget", "max_run_tokens")
	b.sent(1)
}

// The limit of a run counts all items, also those whose results are of an earlier attempt.
func TestLimitsCountTheRun(t *testing.T) {
	t.Parallel()
	b := newBench(t, flows.ShapeOpenAI, "{connection: model, model: m, prompt: x}", said{text: "1"}, said{text: "2"}, said{text: "3"})
	b.flow = b.parse("flow: 1\nsteps:\n  - split: .[]\n  - llm: {connection: model, model: m, prompt: '${ . }', max_tokens: 20, max_run_tokens: 250}\n    concurrency: 1\n    on_error: continue\n")
	items, err := b.attempt([]any{"a", "b", "c", "d"})
	if err != nil || len(items) != 4 {
		t.Fatal(items, err)
	}
	b.sent(2)
	if last := string(flows.EncodeJSON(items[3])); !strings.Contains(last, "llm_budget") {
		t.Error(last)
	}
	for name := range b.results { // the run goes on as if its last two items had not been reached
		if strings.HasPrefix(name, "llm.2") || strings.HasPrefix(name, "llm.3") {
			delete(b.results, name)
			delete(b.began, name)
		}
	}
	if items, err = b.attempt([]any{"a", "b", "c", "d"}); err != nil || !strings.Contains(string(flows.EncodeJSON(items[2])), "llm_budget") {
		t.Error(items, err)
	}
	b.sent(2)
}

// Resuming a failed run keeps the answers that came, and asks again for the one that failed.
func TestResume(t *testing.T) {
	t.Parallel()
	b := newBench(t, flows.ShapeOpenAI, asking, calling("1"), said{status: 500}, said{text: "done"}).tool()
	b.fails(flows.CodeStepFailed, "status 500")
	var entries []flows.JournalEntry
	for key := range b.began {
		if b.results[key] == nil {
			entries = append(entries, flows.JournalEntry{Key: key})
		}
	}
	for key, result := range b.results {
		entries = append(entries, flows.JournalEntry{Key: key, Result: result})
	}
	plan, err := b.flow.Resume(b.flow, entries, flows.ResumeOptions{Run: "run", Failed: "llm"})
	if err != nil || len(plan.Uncertain()) > 0 {
		t.Fatal(plan, err)
	}
	for _, key := range plan.Remove {
		delete(b.results, key)
		delete(b.began, key)
	}
	for key, result := range plan.Set {
		b.results[key] = result
	}
	if got := b.one("x"); got["text"] != "done" || len(b.effects) != 1 {
		t.Error(got, b.effects)
	}
	b.sent(3)
}

// Secrets are in nothing that is kept.
func TestSecrets(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, shape string) {
		b := newBench(t, shape, "{connection: model, model: m, prompt: x}", said{text: "your key is " + key})
		if got := string(flows.EncodeJSON(b.one("x"))); strings.Contains(got, key) {
			t.Error(got)
		}
		for name, result := range b.results {
			if strings.Contains(string(result), key) {
				t.Errorf("%s: %s", name, result)
			}
		}
	})
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	b := newBench(t, flows.ShapeOpenAI, "{connection: model, model: m, prompt: x}\n    timeout: 1ms")
	b.mu.Lock() // the provider does not answer
	_, err := b.flow.Execute(t.Context(), flows.Run{ID: "run"}, flows.Env{HTTP: b.env.HTTP, Connections: b})
	b.mu.Unlock()
	var e *flows.Error
	if !errors.As(err, &e) || e.Class != flows.ClassTimeout {
		t.Error(err)
	}
}
