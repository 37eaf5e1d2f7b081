package console

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/penstock/penstock/console/view"
)

// passedItem is what became of one item at a step, as workers record it.
type passedItem struct {
	Item     int    `json:"item"`
	After    int64  `json:"after_us"`
	Micros   int64  `json:"us"`
	Attempts int    `json:"attempts"`
	Replayed bool   `json:"replayed"`
	Waits    bool   `json:"waits"`
	Out      int    `json:"out"`
	Error    string `json:"error"`
}

// itemRows are the items of one passage, placed on the run's span.
func (p *passed) itemRows(from time.Time, part func(time.Duration) float64) []view.ItemRow {
	rows := make([]view.ItemRow, len(p.Each))
	before, known := 0, true // where the item's results begin among those of the passage
	for i, e := range p.Each {
		starts, took := p.begin().Sub(from)+time.Duration(e.After)*time.Microsecond, time.Duration(e.Micros)*time.Microsecond
		rows[i] = view.ItemRow{
			Within: p.Within, Item: e.Item, Label: p.Within + strconv.Itoa(e.Item), Starts: starts, Took: took,
			Attempts: e.Attempts, Replayed: e.Replayed, Waits: e.Waits, Out: e.Out, Error: e.Error,
			Bar: view.Bar{From: part(starts), Width: part(took), Failed: e.Error != ""},
		}
		if known = known && e.Item == i; known {
			rows[i].Became = slice(p.Items, before, e.Out)
			before += e.Out
		}
	}
	return rows
}

// slice is n elements of a JSON array, as an array; nil when it has not all
// of them.
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
