package console

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

const (
	// nextFirings is the number of firing times on the overview.
	nextFirings = 10
	// maxSchedules is the maximum number of schedules that are kept parsed.
	maxSchedules = 20_000
)

// schedules keeps the schedules of flows parsed. The zero value is empty. Safe for concurrent use.
type schedules struct {
	mu     sync.Mutex
	parsed map[string]*flows.Schedule // by text; nil: it cannot be parsed
}

func (s *schedules) parse(text string) *flows.Schedule {
	s.mu.Lock()
	defer s.mu.Unlock()
	schedule, known := s.parsed[text]
	if known {
		return schedule
	}
	if s.parsed == nil || len(s.parsed) >= maxSchedules {
		s.parsed = map[string]*flows.Schedule{}
	}
	schedule, _ = flows.ParseSchedule(text) // one of a later version may be none here
	s.parsed[text] = schedule
	return schedule
}

// firing returns when the schedule of a flow fires next; a zero time: it has none, or is switched off.
func (c *Console) firing(head *store.Deployment, now time.Time) view.Firing {
	if !head.Enabled || head.Schedule == "" {
		return view.Firing{}
	}
	schedule := c.schedules.parse(head.Schedule)
	if schedule == nil {
		return view.Firing{}
	}
	return view.Firing{Flow: head.Number, At: schedule.Next(now).In(schedule.Zone()), Zone: schedule.TimeZone, Cron: schedule.Cron, Paused: !head.Paused.IsZero()}
}

// firings are the next firing times of all flows, the first first.
func (req *requestState) firings() []view.Firing {
	now := req.console.config.Now()
	var all []view.Firing
	heads := req.visibleFlows()
	for i := range heads {
		if f := req.console.firing(&heads[i], now); !f.At.IsZero() {
			f.FlowName = cmp.Or(heads[i].Name, heads[i].Slug)
			all = append(all, f)
		}
	}
	slices.SortStableFunc(all, func(a, b view.Firing) int { return a.At.Compare(b.At) })
	return all[:min(len(all), nextFirings)]
}
