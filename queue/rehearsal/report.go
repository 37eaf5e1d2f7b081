package rehearsal

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/flows"
)

// Report is the result of a rehearsal, as the API returns it.
type Report struct {
	Flow       int64  `json:"flow"`
	Current    string `json:"current"` // version
	Version    string `json:"version"` // that was compared with it
	Runs       int    `json:"runs"`    // rehearsed; those that were skipped do not count
	Same       int    `json:"same"`
	Different  int    `json:"different"`
	Unanswered int    `json:"unanswered"` // of the runs, those of which only a part is known, see Stopped
	Complete   bool   `json:"complete"`   // false: the time was over before all runs were rehearsed
	Took       int64  `json:"took_ms"`

	Differences []Group      `json:"differences"` // the most frequent first
	Stopped     []Stop       `json:"stopped"`
	Skipped     []Skip       `json:"skipped"`
	Details     []RunDetails `json:"details"` // of the first runs that differ
}

// Group is one difference in some runs.
type Group struct {
	Difference
	Varies  bool     `json:"varies,omitempty"` // other runs have other values than Before and After
	Runs    int      `json:"runs"`
	Samples []string `json:"samples"` // ids of the first of the runs
}

// Stop is a step whose effect has no known result: what the runs do after it is unknown.
type Stop struct {
	Step    string   `json:"step"`
	Runs    int      `json:"runs"`
	Current bool     `json:"current"` // the current version stops there; else only the other one: the effect is new
	Samples []string `json:"samples"`
}

// Skip is a reason for which runs were not rehearsed.
type Skip struct {
	Reason  string   `json:"reason"`
	Runs    int      `json:"runs"`
	Samples []string `json:"samples"`
}

// RunDetails are the differences of one run.
type RunDetails struct {
	Run         string       `json:"run"`
	Took        int64        `json:"took_us"` // by both versions
	Differences []Difference `json:"differences"`
}

// Bounds of a report.
const (
	maxSamples = 5
	maxDetails = 20  // runs
	maxGroups  = 200 // further differences are counted by run only
)

// newReport returns an empty report. Its lists are not nil.
func newReport(o *Options) *Report {
	return &Report{
		Flow: o.Current.Number, Current: o.Current.Version, Version: o.Version.Version, Complete: true,
		Differences: []Group{}, Stopped: []Stop{}, Skipped: []Skip{}, Details: []RunDetails{},
	}
}

// skip counts a run that was not rehearsed.
func (r *Report) skip(run, reason string) {
	at := slices.IndexFunc(r.Skipped, func(s Skip) bool { return s.Reason == reason })
	if at < 0 {
		at, r.Skipped = len(r.Skipped), append(r.Skipped, Skip{Reason: reason})
	}
	s := &r.Skipped[at]
	s.Runs, s.Samples = s.Runs+1, sample(s.Samples, run)
}

// add adds the two rehearsals of a run.
func (r *Report) add(run string, before, after *flows.Rehearsal, took time.Duration) {
	r.Runs++
	r.addStop(run, before, after)
	found := compare(before, after)
	if len(found) == 0 {
		r.Same++
		return
	}
	r.Different++
	counted := map[Difference]bool{}
	for _, d := range found {
		key := d.pattern()
		if counted[key] {
			continue
		}
		counted[key] = true
		r.count(run, d, key)
	}
	if len(r.Details) < maxDetails {
		r.Details = append(r.Details, RunDetails{Run: run, Took: took.Microseconds(), Differences: found})
	}
}

// count adds a difference to its group.
func (r *Report) count(run string, d, key Difference) {
	at := slices.IndexFunc(r.Differences, func(g Group) bool { return g.pattern() == key })
	if at < 0 {
		if len(r.Differences) == maxGroups {
			return
		}
		d.Path, d.Key = key.Path, ""
		at, r.Differences = len(r.Differences), append(r.Differences, Group{Difference: d})
	}
	g := &r.Differences[at]
	g.Varies = g.Varies || g.Before != d.Before || g.After != d.After
	g.Runs, g.Samples = g.Runs+1, sample(g.Samples, run)
}

func (r *Report) addStop(run string, before, after *flows.Rehearsal) {
	step, current := after.Stopped, after.Stopped == before.Stopped
	if step == "" {
		step, current = before.Stopped, true
	}
	if step == "" {
		return
	}
	r.Unanswered++
	at := slices.IndexFunc(r.Stopped, func(s Stop) bool { return s.Step == step && s.Current == current })
	if at < 0 {
		at, r.Stopped = len(r.Stopped), append(r.Stopped, Stop{Step: step, Current: current})
	}
	s := &r.Stopped[at]
	s.Runs, s.Samples = s.Runs+1, sample(s.Samples, run)
}

func (r *Report) finish(took time.Duration) {
	r.Took = took.Milliseconds()
	slices.SortStableFunc(r.Differences, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Runs, a.Runs), strings.Compare(a.Step, b.Step), strings.Compare(a.Path, b.Path))
	})
}

func sample(samples []string, run string) []string {
	if len(samples) < maxSamples {
		samples = append(samples, run)
	}
	return samples
}
