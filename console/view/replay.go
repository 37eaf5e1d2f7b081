package view

import (
	"context"
	"strconv"
	"strings"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/flows"
)

// Replay is what the page for replaying a run shows.
type Replay struct {
	Run
	Version string              // "pinned": that of the run; otherwise that of today
	Event   string              // JSON text as it is edited; empty: none
	Done    []flows.ResumedStep // steps whose effects a replay repeats
	Trouble string              // why the event is refused; empty: it is not
	Sent    bool                // the form was sent, and no run was started
}

// doneText names the steps with effects that happened, as in "charge (1), notify (1 uncertain)".
func (r Replay) doneText(ctx context.Context) string {
	var all []string
	for _, s := range r.Done {
		counts := []string{}
		if s.Kept > 0 {
			counts = append(counts, strconv.Itoa(s.Kept))
		}
		if len(s.Uncertain) > 0 {
			counts = append(counts, language.T(ctx, "%d uncertain", len(s.Uncertain)))
		}
		all = append(all, s.Step+" ("+strings.Join(counts, ", ")+")")
	}
	return strings.Join(all, ", ")
}

// maxUncertain is the number of uncertain effects that the page names.
const maxUncertain = 20

// uncertain names the effects of which it is not known whether they happened, as in "charge (http), item 2".
func (r Replay) uncertain(ctx context.Context) []string {
	var all []string
	for _, s := range r.Done {
		name := s.Step
		if s.Kind != "" {
			name += " (" + s.Kind + ")"
		}
		for _, key := range s.Uncertain {
			item, _ := strings.CutPrefix(key, s.Step+".")
			all = append(all, language.T(ctx, "%s, item %s", name, item))
		}
	}
	if n := len(all); n > maxUncertain {
		all = append(all[:maxUncertain], language.N(ctx, n-maxUncertain, "and %d other", "and %d others"))
	}
	return all
}
