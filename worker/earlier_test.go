package worker

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/queue/attempts"
)

// keptOf returns what the record of a run has of all its attempts.
func keptOf(t *testing.T, r *queue.Record) earlierAttempts {
	t.Helper()
	var kept earlierAttempts
	if err := json.Unmarshal(r.Steps, &kept); err != nil {
		t.Fatal(err)
	}
	return kept
}

// The record of a run that was tried again has the failed requests of all its attempts, and what it waited for.
func TestARecordKeepsEarlierAttempts(t *testing.T) {
	t.Parallel()
	service := startFlaky(t, map[string]int{"/notify": 2})
	d := startDurable(t, strings.ReplaceAll(fmt.Sprintf(charge, "{attempts: 4, backoff: 10ms}"), "SERVER", service.URL))
	ticket := d.submit("charge", `{}`)
	d.wait(ticket, `["/notify"]`)
	record, err := d.client.Record(t.Context(), ticket.RunID())
	if err != nil {
		t.Fatal(err)
	}
	kept := keptOf(t, &record)
	if len(kept.Exchanges) != 2 || kept.LeftOut != 0 {
		t.Fatalf("exchanges %+v", kept.Exchanges)
	}
	for i, x := range kept.Exchanges {
		if x.Attempt != i+1 || x.Step != "notify" || x.Status != 503 || x.Method != "POST" || !strings.HasSuffix(x.URL, "/notify") || x.Request.Headers["idempotency-key"] != record.ID+".notify.0" {
			t.Errorf("exchange %d: %+v", i, x)
		}
	}
	if kept.Attempts == nil || len(kept.Attempts.List) != 2 {
		t.Fatalf("attempts %+v", kept.Attempts)
	}
	for i, a := range kept.Attempts.List {
		if a.Number != i+1 || a.Wait.For != attempts.Retry || a.Wait.Step != "notify" || a.Worker != record.Worker || a.Wait.Until.IsZero() || !a.Ended.After(a.Started) {
			t.Errorf("attempt %d: %+v", i, a)
		}
	}
	spent := kept.Attempts.TimesOf(&record, record.Times.Finished)
	if spent.Steps <= 0 || spent.Parked <= 0 || spent.Queue+spent.Steps+spent.Parked != record.Times.Finished.Sub(record.Times.Accepted) {
		t.Errorf("times %+v", spent)
	}
}

// A parked run says for what: the topic of an event, or the call of a URL.
func TestAParkedRunSaysForWhat(t *testing.T) {
	t.Parallel()
	d := startDurable(t, `flow: 1
slug: event
steps: [{name: paid, wait_for: {event: orders.paid, within: 1h}}]
`, `flow: 2
slug: call
steps: [{name: approval, wait_for: {within: 1h, steps: [{http: {post: SINK, json: {n: 1}}}]}}]
`)
	for slug, want := range map[string]attempts.Wait{
		"event": {For: "wait_for", Step: "paid", Topic: "orders.paid"},
		"call":  {For: "wait_for", Step: "approval"},
	} {
		ticket := d.submit(slug, `{}`)
		record := d.reaches(ticket.RunID(), queue.Waiting)
		kept := keptOf(t, &record)
		if kept.Attempts == nil || len(kept.Attempts.List) != 1 {
			t.Fatalf("%s: %s", slug, record.Steps)
		}
		got := kept.Attempts.List[0].Wait
		if left := time.Until(got.Until); left < 50*time.Minute || left > time.Hour {
			t.Errorf("%s: until %v", slug, got.Until)
		}
		if got.Until = want.Until; got != want {
			t.Errorf("%s: %+v, want %+v", slug, got, want)
		}
		standing, err := d.client.Standing(t.Context(), &record)
		if err != nil || standing.For != "" {
			t.Errorf("%s: it stands for %+v, %v", slug, standing, err)
		}
	}
}

// A run that never waited records nothing of attempts: it costs its record nothing.
func TestARunThatWasNotParkedHasNoAttempts(t *testing.T) {
	t.Parallel()
	r := startWorker(t, map[string]string{"v": "steps: [{set: {a: 1}}]"})
	r.run("v", `{}`, time.Minute)
	a := &queue.Attempt{Number: 1}
	steps := &record{attempt: a, steps: []stepRecord{{Step: "set"}}}
	if text := string(steps.encode()); strings.Contains(text, "attempts\":") || strings.Contains(text, "exchanges") {
		t.Error(text)
	}
}

// read returns a function that gives an exchange, and counts its calls.
func read(calls *int, at int, size int) func() flows.Exchange {
	return func() flows.Exchange {
		*calls++
		return flows.Exchange{Item: at, At: time.Unix(int64(at), 0), Request: flows.ExchangeContent{Body: strings.Repeat("b", size)}}
	}
}

// The first exchanges of a step that fails for all its items are kept, and the last one. Only those are read.
func TestExchangesAreBounded(t *testing.T) {
	t.Parallel()
	r, calls := &record{attempt: &queue.Attempt{Number: 3}}, 0
	for i := range 100_000 {
		r.Exchange(true, read(&calls, i, 10))
	}
	found, leftOut := r.exchanges.all(nil)
	if len(found) != maxExchanges || leftOut != 100_000-maxExchanges || calls != maxExchanges {
		t.Fatalf("%d found, %d left out, %d read", len(found), leftOut, calls)
	}
	if found[0].Item != 0 || found[18].Item != 18 || found[19].Item != 99_999 || found[19].Attempt != 3 {
		t.Errorf("%+v", found)
	}
	earlier := make([]flows.Exchange, 15)
	if found, leftOut = r.exchanges.all(earlier); len(found) != maxExchanges || leftOut != 100_000-maxExchanges+15 || found[19].Item != 99_999 || !found[0].At.IsZero() {
		t.Errorf("after earlier ones: %d found, %d left out", len(found), leftOut)
	}
}

func TestExchangesAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	r, calls := &record{attempt: &queue.Attempt{}}, 0
	for i := range 12 {
		r.Exchange(true, read(&calls, i, 10<<10))
	}
	found, leftOut := r.exchanges.all(nil)
	size := 0
	for i := range found {
		size += found[i].Size()
	}
	if size > maxExchangeBytes || len(found)+leftOut != 12 || len(found) < 6 || found[0].Item != 0 || found[len(found)-1].Item != 11 {
		t.Errorf("%d bytes, %d found, %d left out", size, len(found), leftOut)
	}
}

// Exchanges that succeed leave room for those that fail.
func TestSuccessesLeaveRoom(t *testing.T) {
	t.Parallel()
	r, calls := &record{attempt: &queue.Attempt{}, recordItems: true}, 0
	for i := range 30 {
		if r.TakesSuccesses() {
			r.Exchange(false, read(&calls, i, 10))
		}
	}
	r.Exchange(true, read(&calls, 99, 10))
	if found, _ := r.exchanges.all(nil); len(found) != maxSuccesses+1 || found[maxSuccesses].Item != 99 {
		t.Errorf("%d found", len(found))
	}
}

// A step that has begun is told to later watchers with its items, until it ends.
func TestOpenStepsAreReported(t *testing.T) {
	t.Parallel()
	r := &record{attempt: &queue.Attempt{}}
	begin := func(step, within string) {
		r.Begin(flows.StepStart{Step: step, Kind: "http", In: 3, At: time.Unix(5, 0), Within: within})
	}
	begin("a", "")
	begin("a.b", "0.")
	begin("a.b", "1.")
	r.End(flows.StepEnd{Step: "a.b", Within: "0.", Kind: "http"})
	var told []string
	r.Report(func(events []queue.Event) {
		for _, e := range events {
			told = append(told, fmt.Sprint(e.Number, " ", e.Kind, " ", string(e.Data)))
		}
	})
	if len(told) != 3 || !strings.HasPrefix(told[0], `1 step {"step":"a.b"`) ||
		told[1] != `0 step_started {"step":"a","kind":"http","in":3,"at":"1970-01-01T00:00:05Z"}` ||
		told[2] != `0 step_started {"step":"a.b","kind":"http","in":3,"at":"1970-01-01T00:00:05Z","within":"1."}` {
		t.Errorf("%q", told)
	}
	for range 3 * maxOpen {
		begin("many", "")
	}
	if len(r.open) > maxOpen {
		t.Errorf("%d open steps are kept", len(r.open))
	}
}

// BenchmarkRecordStep measures what the record of a step costs that begins and ends.
func BenchmarkRecordStep(b *testing.B) {
	r := &record{attempt: &queue.Attempt{}}
	at := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		r.Begin(flows.StepStart{Step: "switch.1.set", Kind: "set", In: 1, At: at, Within: "3."})
		r.End(flows.StepEnd{Step: "switch.1.set", Kind: "set", In: 1, Out: 1, At: at, Duration: time.Microsecond, Within: "3."})
	}
}
