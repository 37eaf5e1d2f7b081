package flows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule is a schedule trigger, or a poll, which is a schedule too.
type Schedule struct {
	Poll         bool
	Cron         string
	TimeZone     string // IANA name, "UTC" by default
	Overlap      string // "skip", "queue" or "allow": what to do while the last run is not finished
	CatchUp      string // "none", "last" or "all": times that passed while nobody was there
	CatchUpLimit int    // how many of them "all" makes up for, the newest; 100 by default

	zone  *time.Location
	every time.Duration      // of @every; 0: spec counts
	spec  *cron.SpecSchedule // in zone
}

// Bounds of a schedule.
const (
	defaultCatchUp = 100
	maxCatchUp     = 1000
	hourStar       = 1 << 63       // cron's mark of an hour field that is *
	putBack        = 3 * time.Hour // more than any zone puts its clocks back by
)

// scheduleParams are the fields of a schedule; a poll has the first ones of
// them. Its runs never overlap: each begins where the one before has ended.
var scheduleParams = []Param{
	{Name: "cron", Type: TypeString, Inline: true, Required: true, Summary: "Five fields: minute, hour, day, month, weekday; or @hourly, @daily, @weekly, @monthly, @yearly, @every 5m."},
	{Name: "time_zone", Type: TypeString, Default: "UTC", Summary: "IANA name, such as Europe/London."},
	{Name: "catch_up", Type: TypeEnum, Enum: []string{"none", "last", "all"}, Default: "none", Summary: "Which of the times that passed while no worker was there are made up for."},
	{Name: "overlap", Type: TypeEnum, Enum: []string{"skip", "queue", "allow"}, Default: "skip", Summary: "What happens when the run of an earlier time has not finished: the time is skipped, its run waits, or it runs beside the other."},
	{Name: "catch_up_limit", Type: TypeInt, Default: "100", Summary: "How many times `catch_up: all` makes up for, the newest; at most 1000."},
}

var pollParams = append(slices.Clone(scheduleParams[:2]),
	Param{Name: "catch_up", Type: TypeEnum, Enum: []string{"none", "last"}, Default: "none", Summary: "Whether a time that passed while no worker was there is made up for, once."})

func (c *compiler) schedule(a *Args, poll bool) *Schedule {
	s := &Schedule{
		Poll: poll, Cron: a.String("cron"), TimeZone: "UTC", Overlap: "skip", CatchUp: "none",
		CatchUpLimit: defaultCatchUp, zone: time.UTC,
	}
	if a.Has("time_zone") {
		s.TimeZone = a.String("time_zone")
		zone, err := time.LoadLocation(s.TimeZone)
		if err != nil || s.TimeZone == "" || s.TimeZone == "Local" {
			c.add(a.places["time_zone"], "write an IANA name, such as Europe/London", "time_zone: %q is unknown", s.TimeZone)
		} else {
			s.zone = zone
		}
	}
	if a.Has("cron") {
		if err := s.parse(); err != nil {
			c.add(a.places["cron"], "minute hour day month weekday, as in */5 8-18 * * mon-fri", "cron: %v", err)
		}
	}
	if a.Has("overlap") {
		s.Overlap = a.String("overlap")
	}
	if a.Has("catch_up") {
		s.CatchUp = a.String("catch_up")
	}
	if a.Has("catch_up_limit") {
		s.CatchUpLimit = a.Int("catch_up_limit")
		if s.CatchUpLimit < 1 || s.CatchUpLimit > maxCatchUp {
			c.add(a.places["catch_up_limit"], "", "catch_up_limit: expected 1 to %d", maxCatchUp)
		}
	}
	return s
}

// parse reads the cron expression; the zone is known.
func (s *Schedule) parse() error {
	if strings.Contains(s.Cron, "TZ=") {
		return errors.New("the time zone is said by time_zone")
	}
	parsed, err := cron.ParseStandard("CRON_TZ=" + s.zone.String() + " " + s.Cron)
	if err != nil {
		return err
	}
	if every, ok := parsed.(cron.ConstantDelaySchedule); ok {
		s.every = every.Delay
		return nil
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return fmt.Errorf("%q is no schedule", s.Cron)
	}
	if s.spec = spec; spec.Next(time.Now()).IsZero() {
		return errors.New("there is no such day")
	}
	return nil
}

// Text is the schedule in one line, with its time zone: two that are equal
// fire at the same times.
func (s *Schedule) Text() string { return "CRON_TZ=" + s.TimeZone + " " + s.Cron }

// Next is the first time after the moment at which the schedule fires, and
// zero when there is none within five years.
//
// @every fires at the multiples of its duration since 1970 in UTC. A schedule
// for every hour goes by the time that passes, so that every 15 minutes stays
// every 15 minutes when clocks change. Any other goes by what the clock shows,
// once for each day: a time that a change of clocks leaves out fires when it
// is over, and one that comes twice fires the first time.
func (s *Schedule) Next(after time.Time) time.Time {
	switch {
	case s.every > 0:
		return s.nextMultiple(after)
	case s.spec == nil:
		return time.Time{}
	case s.spec.Hour&hourStar != 0:
		return s.spec.Next(after.In(s.zone))
	}
	return s.nextByClock(after)
}

func (s *Schedule) nextMultiple(after time.Time) time.Time {
	every := int64(s.every / time.Second)
	return time.Unix((after.Unix()/every+1)*every, 0).In(s.zone)
}

// nextByClock asks cron on a clock that never changes, and then when the
// clocks of the zone show what it says.
func (s *Schedule) nextByClock(after time.Time) time.Time {
	spec := *s.spec
	spec.Location = time.UTC
	shown := asShown(after.In(s.zone))
	// A clock that was put back shows what it has shown before: those times
	// have fired, and what comes after them is to be found from before them.
	for at := spec.Next(shown.Add(-putBack)); !at.IsZero(); at = spec.Next(at) {
		if fires := s.when(at); fires.After(after) {
			return fires
		}
	}
	return time.Time{}
}

// asShown is what a clock shows, as if it stood in UTC.
func asShown(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// when is the first moment at which clocks of the zone show the time or,
// where that is left out, a later one.
func (s *Schedule) when(shown time.Time) time.Time {
	earlier, later := s.offsets(shown)
	// With the larger offset the same clock time is the earlier moment.
	first := shown.Add(-max(earlier, later))
	if asShown(first.In(s.zone)).Equal(shown) {
		return first.In(s.zone)
	}
	second := shown.Add(-min(earlier, later))
	if asShown(second.In(s.zone)).Equal(shown) {
		return second.In(s.zone)
	}
	// Left out: the moment at which the offset changes is between the two.
	_, change := first.In(s.zone).ZoneBounds()
	return change
}

// offsets are those of the zone a day before and after a clock time.
func (s *Schedule) offsets(shown time.Time) (earlier, later time.Duration) {
	_, before := shown.Add(-24 * time.Hour).In(s.zone).Zone()
	_, after := shown.Add(24 * time.Hour).In(s.zone).Zone()
	return time.Duration(before) * time.Second, time.Duration(after) * time.Second
}

// WatermarkKey is where Env.State keeps what a state step of the flow calls
// watermark, which is where its next poll begins.
func (f *Flow) WatermarkKey() string { return stateKey(f, "state", "watermark", false) }
