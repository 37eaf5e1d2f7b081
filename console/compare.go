package console

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/steprecord"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
)

// comparePage compares two runs, the older one first.
func comparePage(req *requestState) error {
	ids := req.r.URL.Query()["run"]
	if len(ids) != 2 {
		return &fault{http.StatusBadRequest, language.Key("Two runs are needed"), language.Key("Choose two in the list of runs, then compare them.")}
	}
	var runs [2]view.Run
	for i, id := range ids {
		record, err := req.console.config.Queue.Record(req.ctx(), id)
		if err == nil && !req.readsRuns(record.Flow) {
			err = queue.ErrNotFound
		}
		if err != nil {
			return err
		}
		a := steprecord.Decode(&record)
		runs[i] = req.runOf(&record, &a)
	}
	if runs[1].Created.Before(runs[0].Created) {
		runs[0], runs[1] = runs[1], runs[0]
	}
	c := view.Comparison{
		Runs:   runs,
		Event:  view.DiffTexts(indented(runs[0].Event), indented(runs[1].Event)),
		Output: view.DiffTexts(indented(runs[0].Output), indented(runs[1].Output)),
		Steps:  pairSteps(runs[0].Rows, runs[1].Rows),
	}
	return req.render(200, view.ComparePage(req.page("runs", language.T(req.ctx(), "Two runs")), c))
}

func indented(text []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text)
	}
	return b.String()
}

// pairSteps pairs the steps of two runs by their paths.
func pairSteps(before, after []view.StepRow) []view.StepPair {
	var pairs []view.StepPair
	at := map[string]int{}
	for i := range before {
		at[before[i].Path] = i
		pairs = append(pairs, view.StepPair{Path: before[i].Path, Before: &before[i]})
	}
	for i := range after {
		if j, both := at[after[i].Path]; both {
			pairs[j].After = &after[i]
		} else {
			pairs = append(pairs, view.StepPair{Path: after[i].Path, After: &after[i]})
		}
	}
	return pairs
}
