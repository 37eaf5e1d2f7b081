package steprecord

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
)

func TestStepsAreRows(t *testing.T) {
	t.Parallel()
	var a Record
	if err := json.Unmarshal([]byte(`{"steps": [
		{"step": "switch.1.a", "kind": "set", "in": 1, "out": 1, "at": "2026-01-01T00:00:02Z", "us": 1000000},
		{"step": "switch.1.a", "kind": "set", "in": 2, "out": 1, "at": "2026-01-01T00:00:04Z", "us": 1000000, "error": "no"},
		{"step": "switch", "kind": "switch", "in": 3, "out": 2, "at": "2026-01-01T00:00:04Z", "us": 3000000},
		{"step": "last", "kind": "log", "in": 2, "out": 2, "at": "2026-01-01T00:00:05Z", "us": 1000000}
	]}`), &a); err != nil {
		t.Fatal(err)
	}
	rows := a.Rows(later, noAggregation)
	want := []view.StepRow{
		{Path: "switch", Name: "switch", Kind: "switch", In: 3, Out: 2, Times: 1},
		{Path: "switch.1.a", Name: "1.a", Kind: "set", Depth: 1, In: 3, Out: 2, Times: 2, Error: "no"},
		{Path: "last", Name: "last", Kind: "log", In: 2, Out: 2, Times: 1},
	}
	bars := [][]view.Bar{
		{{From: 0, Width: 75}},
		{{From: 0, Width: 25}, {From: 50, Width: 25, Failed: true}},
		{{From: 75, Width: 25}},
	}
	if len(rows) != len(want) {
		t.Fatalf("rows %+v", rows)
	}
	for i, r := range rows {
		for j, bar := range r.Bars {
			if bar != bars[i][j] {
				t.Errorf("bar %d of %s: %+v, want %+v", j, r.Path, bar, bars[i][j])
			}
		}
		w := want[i]
		if r.Path != w.Path || r.Name != w.Name || r.Depth != w.Depth || r.In != w.In || r.Out != w.Out || r.Times != w.Times || r.Error != w.Error {
			t.Errorf("row %+v, want %+v", r, w)
		}
	}
}

func TestRunningRuns(t *testing.T) {
	t.Parallel()
	var a Record
	tell := func(attempt int, kind, data string) {
		a.Apply(queue.Event{Attempt: attempt, Kind: kind, Data: json.RawMessage(data)})
	}
	tell(1, "step_started", `{"step": "a", "kind": "http", "in": 1, "at": "2026-01-01T00:00:00Z"}`)
	if rows := a.Rows(later, noAggregation); len(rows) != 1 || !rows[0].Running {
		t.Errorf("while a runs: %+v", rows)
	}
	tell(1, "step", `{"step": "a", "kind": "http", "in": 1, "out": 1, "at": "2026-01-01T00:00:01Z", "us": 1000000}`)
	tell(1, "step_started", `{"step": "b", "kind": "http", "in": 1, "at": "2026-01-01T00:00:01Z"}`)
	if rows := a.Rows(later, noAggregation); len(rows) != 2 || rows[0].Running || !rows[1].Running {
		t.Errorf("while b runs: %+v", rows)
	}
	tell(2, "step_started", `{"step": "a", "kind": "http", "in": 1, "at": "2026-01-01T00:00:09Z"}`)
	if rows := a.Rows(later, noAggregation); len(rows) != 1 || rows[0].Path != "a" {
		t.Errorf("in the second attempt: %+v", rows)
	}
}

// later than the steps of these tests.
var later = time.Date(2026, 1, 1, 0, 1, 0, 0, time.UTC) // read only

func noAggregation(string) bool { return false }

// The results of single items are placed on the run's timeline, with their input and output as far as recorded.
func TestItemRows(t *testing.T) {
	t.Parallel()
	steps := `{"steps":[
		{"step":"split","kind":"split","in":1,"out":3,"at":"2026-11-01T00:00:00.001Z","us":1000,"items":[{"id":1},{"id":2},{"id":3}]},
		{"step":"send","kind":"http","in":3,"out":3,"at":"2026-11-01T00:00:00.010Z","us":9000,"attempts":3,"replayed":1,"items":["a","b","c"],
		 "each":[{"item":0,"after_us":0,"us":4500,"attempts":1,"out":1},{"item":1,"after_us":10,"us":20,"replayed":true,"out":2},
		  {"item":2,"after_us":4500,"us":4500,"attempts":2,"out":0,"error":"answered 500"}]}]}`
	a := Decode(&queue.Record{Steps: json.RawMessage(steps)})
	run := view.Run{Rows: a.Rows(time.Now(), noAggregation)}
	run.WithItems()
	got := run.Rows[1].Each
	want := []view.ItemRow{
		{Label: "0", Starts: time.Millisecond, Took: 4500 * time.Microsecond, Attempts: 1, Out: 1,
			Input: json.RawMessage(`{"id":1}`), Output: json.RawMessage(`["a"]`), Bar: view.Bar{From: 10, Width: 45}},
		{Item: 1, Label: "1", Starts: 1010 * time.Microsecond, Took: 20 * time.Microsecond, Replayed: true, Out: 2,
			Input: json.RawMessage(`{"id":2}`), Output: json.RawMessage(`["b","c"]`), Bar: view.Bar{From: 10.1, Width: 0.2}},
		{Item: 2, Label: "2", Starts: 5500 * time.Microsecond, Took: 4500 * time.Microsecond, Attempts: 2, Error: "answered 500",
			Input: json.RawMessage(`{"id":3}`), Bar: view.Bar{From: 55, Width: 45, Failed: true}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
