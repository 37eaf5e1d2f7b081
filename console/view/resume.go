package view

import "github.com/penstock/penstock/flows"

// Resume is what the page for resuming a run shows.
type Resume struct {
	Run
	Version string // "current": that of today; otherwise that of the run
	From    string // step from which on everything is executed again; empty: none
	Steps   []flows.ResumedStep
	Refusal string // why there is no plan; empty: there is one

	Uncertain []string          // steps of which something has to be assumed
	Assume    map[string]string // "done" or "not_done", by step
}

// ReadAssumptions reads the form's fields about uncertain steps.
func (r *Resume) ReadAssumptions(value func(string) string) map[string]flows.Assumption {
	assumed := map[string]flows.Assumption{}
	for _, step := range r.Uncertain {
		if word := value("assume." + step); word == "done" || word == "not_done" {
			r.Assume[step], assumed[step] = word, flows.Assumption{Done: word == "done"}
		}
	}
	return assumed
}
