package steprecord

import (
	"slices"

	"github.com/penstock/penstock/console/diagram"
	"github.com/penstock/penstock/console/view"
)

// Place is where a step is in its flow.
type Place struct {
	Order  int    // among all steps
	Branch string // title of the branch that it is in; empty: it is in none
	Name   string // path within the branch
}

// Places returns where the steps of a flow are, by their paths.
func Places(o diagram.Outline) map[string]Place {
	places := map[string]Place{}
	var add func(steps []diagram.Step, branch string)
	add = func(steps []diagram.Step, branch string) {
		for _, s := range steps {
			places[s.Path] = Place{Order: len(places), Branch: branch, Name: s.Title}
			for _, b := range s.Branches {
				add(b.Steps, b.Title)
			}
		}
	}
	add(o.Steps, "")
	add(o.OnFailure, "")
	return places
}

// InFlowOrder sorts rows, which are nested, in the order of the flow, and names them by it. Steps that the flow does not have, as
// those of flows that it calls, come after their siblings, in the order in which they began.
func InFlowOrder(rows []view.StepRow, places map[string]Place) []view.StepRow {
	if len(places) == 0 {
		return rows
	}
	out := make([]view.StepRow, 0, len(rows))
	var add func(family []view.StepRow, depth int)
	add = func(family []view.StepRow, depth int) {
		siblings := split(family, depth)
		order := func(rows []view.StepRow) int {
			if p, known := places[rows[0].Path]; known {
				return p.Order
			}
			return len(places)
		}
		slices.SortStableFunc(siblings, func(a, b []view.StepRow) int { return order(a) - order(b) })
		branch := ""
		for _, rows := range siblings {
			r := rows[0]
			if p, known := places[r.Path]; known {
				r.Name, r.Branch = p.Name, p.Branch
				r.BranchBegins, branch = p.Branch != "" && p.Branch != branch, p.Branch
			}
			out = append(out, r)
			add(rows[1:], depth+1)
		}
	}
	add(rows, 0)
	return out
}

// split divides rows into those of a depth, each with the rows below it.
func split(rows []view.StepRow, depth int) (families [][]view.StepRow) {
	for i, r := range rows {
		if r.Depth <= depth || i == 0 {
			families = append(families, nil)
		}
		last := len(families) - 1
		families[last] = append(families[last], r)
	}
	return families
}
