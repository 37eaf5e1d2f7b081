package steprecord

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/penstock/penstock/console/view"
)

// itemOutcome is the result of one item at a step, as recorded by the worker.
type itemOutcome struct {
	Item     int    `json:"item"`
	After    int64  `json:"after_us"`
	Micros   int64  `json:"us"`
	Attempts int    `json:"attempts"`
	Replayed bool   `json:"replayed"`
	Waits    bool   `json:"waits"`
	Out      int    `json:"out"`
	Error    string `json:"error"`
}

// itemRows returns the items of a step run with their places on the run's timeline. from is the start of the timeline;
// part converts a duration to percent of it.
func (p *stepRun) itemRows(from time.Time, part func(time.Duration) float64) []view.ItemRow {
	rows := make([]view.ItemRow, len(p.Each))
	before, known := 0, true // index of the item's first result in p.Items; false after a missing item
	for i, e := range p.Each {
		starts, took := p.begin().Sub(from)+time.Duration(e.After)*time.Microsecond, time.Duration(e.Micros)*time.Microsecond
		rows[i] = view.ItemRow{
			Within: p.Within, Item: e.Item, Label: p.Within + strconv.Itoa(e.Item), Starts: starts, Took: took,
			Attempts: e.Attempts, Replayed: e.Replayed, Waits: e.Waits, Out: e.Out, Error: e.Error,
			Bar: view.Bar{From: part(starts), Width: part(took), Failed: e.Error != ""},
		}
		if known = known && e.Item == i; known {
			rows[i].Output = slice(p.Items, before, e.Out)
			before += e.Out
		}
	}
	return rows
}

// slice returns n elements of a JSON array from an index on, as an array; nil when the array is shorter or n is 0.
func slice(array json.RawMessage, from, n int) json.RawMessage {
	var all []json.RawMessage
	if n == 0 || array == nil || json.Unmarshal(array, &all) != nil || from+n > len(all) {
		return nil
	}
	part, err := json.Marshal(all[from : from+n])
	if err != nil {
		return nil
	}
	return part
}
