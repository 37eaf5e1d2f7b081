package flows

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/penstock/penstock/flows/internal/mistake"
)

// Schedule is a schedule or poll trigger.
type Schedule struct {
	Poll         bool
	Cron         string
	TimeZone     string // IANA name, "UTC" by default
	Overlap      string // "skip", "queue" or "allow": what happens while the previous run has not ended
	CatchUp      string // "none", "last" or "all": what happens to times missed while no worker ran
	CatchUpLimit int    // maximum number of missed times for "all", the newest first; default 100

	zone  *time.Location
	every time.Duration      // of @every; 0: spec applies
	spec  *cron.SpecSchedule // in zone
}

// Bounds of a schedule.
const (
	defaultCatchUp = 100
	maxCatchUp     = 1000
	hourStar       = 1 << 63       // cron's flag for an hour field of *
	putBack        = 3 * time.Hour // more than any time zone sets its clocks back
)

// scheduleParams are the fields of a schedule. A poll has only the first ones: its runs never overlap, because each
// begins where the previous one ended.
var scheduleParams = []Param{
	{Name: "cron", Type: TypeString, Inline: true, Required: true, Summary: "Five fields: minute, hour, day, month, weekday; or @hourly, @daily, @weekly, @monthly, @yearly, @every 5m."},
	{Name: "time_zone", Type: TypeString, Default: "UTC", Summary: "IANA name, such as Europe/London."},
	{Name: "catch_up", Type: TypeEnum, Enum: []string{"none", "last", "all"}, Default: "none", Summary: "Which times that passed while no worker was running are started later."},
	{Name: "overlap", Type: TypeEnum, Enum: []string{"skip", "queue", "allow"}, Default: "skip", Summary: "What happens when the run of an earlier time has not finished: the time is skipped, its run waits, or it runs beside the other."},
	{Name: "catch_up_limit", Type: TypeInt, Default: "100", Summary: "How many of the missed times `catch_up: all` starts, the newest ones; at most 1000."},
}

var pollParams = append(slices.Clone(scheduleParams[:2]),
	Param{Name: "catch_up", Type: TypeEnum, Enum: []string{"none", "last"}, Default: "none", Summary: "Whether the last time that passed while no worker was running is started later, once."})

func (c *compiler) schedule(a *Args, poll bool) *Schedule {
	s := &Schedule{
		Poll: poll, Cron: a.String("cron"), TimeZone: "UTC", Overlap: "skip", CatchUp: "none",
		CatchUpLimit: defaultCatchUp, zone: time.UTC,
	}
	if a.Has("time_zone") {
		s.TimeZone, s.zone = a.String("time_zone"), c.zone(a)
	}
	if a.Has("cron") {
		if err := s.parse(); err != nil {
			c.Add(mistake.BadSchedule, a.places["cron"], "minute hour day month weekday, as in */5 8-18 * * mon-fri", "cron: %v", err)
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
			c.Add(mistake.OutOfRange, a.places["catch_up_limit"], "", "catch_up_limit: expected 1 to %d", maxCatchUp)
		}
	}
	return s
}

// zone reads time_zone; UTC if it is unknown.
func (c *compiler) zone(a *Args) *time.Location {
	name := a.String("time_zone")
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		c.Add(mistake.UnknownTimeZone, a.places["time_zone"], "write an IANA name, such as Europe/London", "time_zone: %q is unknown", name)
		return time.UTC
	}
	return zone
}

// parse parses the cron expression. The zone must be set.
func (s *Schedule) parse() error {
	if strings.Contains(s.Cron, "TZ=") {
		return errors.New("the time zone is said by time_zone")
	}
	fields := strings.Fields(s.Cron)
	if len(fields) == 5 {
		fields[4] = sundays(fields[4])
	}
	parsed, err := cron.ParseStandard("CRON_TZ=" + s.zone.String() + " " + strings.Join(fields, " "))
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

// sundays writes 7, which is Sunday as 0 is (crontab(5)), as the parser reads it: 7 is 0, and 5-7 is 5,6,0.
func sundays(weekdays string) string {
	parts := strings.Split(weekdays, ",")
	for i, part := range parts {
		days, step, stepped := strings.Cut(part, "/")
		from, to, isRange := strings.Cut(days, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.Atoi(from)
		every, wrong := 1, error(nil)
		if stepped {
			every, wrong = strconv.Atoi(step)
		}
		if to != "7" || err != nil || wrong != nil || first < 0 || first > 7 || every < 1 {
			continue // the parser says what is wrong
		}
		var all []string
		for day := first; day <= 7; day += every {
			all = append(all, strconv.Itoa(day%7))
		}
		parts[i] = strings.Join(all, ",")
	}
	return strings.Join(parts, ",")
}

// Text returns the schedule as one line with its time zone. Schedules with equal texts fire at the same times.
func (s *Schedule) Text() string { return "CRON_TZ=" + s.TimeZone + " " + s.Cron }

// ParseSchedule reads a schedule as Text returns it. Of the schedule only its times are known.
func ParseSchedule(text string) (*Schedule, error) {
	name, spec, found := strings.Cut(strings.TrimPrefix(text, "CRON_TZ="), " ")
	if !found {
		return nil, fmt.Errorf("%q is no schedule", text)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w", text, err)
	}
	s := &Schedule{Cron: spec, TimeZone: name, zone: zone}
	if err := s.parse(); err != nil {
		return nil, fmt.Errorf("schedule %q: %w", text, err)
	}
	return s, nil
}

// Zone returns the time zone in which the schedule is written.
func (s *Schedule) Zone() *time.Location { return s.zone }

// Next returns the first time after the given one at which the schedule fires; zero when there is none within five
// years.
//
// @every fires at the multiples of its duration since 1970 in UTC. A schedule for every hour follows elapsed time, so
// that every 15 minutes stays every 15 minutes when clocks change. Any other schedule follows the local clock, once
// for each day: a time skipped by a clock change fires right after the change, and a repeated time fires the first
// time only.
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

// nextByClock computes the next time on a clock without changes, and converts it to the time zone.
func (s *Schedule) nextByClock(after time.Time) time.Time {
	spec := *s.spec
	spec.Location = time.UTC
	shown := wallClock(after.In(s.zone))
	// After the clocks are set back, they repeat times that have fired already. The search therefore starts before
	// the repeated times.
	for at := spec.Next(shown.Add(-putBack)); !at.IsZero(); at = spec.Next(at) {
		if fires := s.when(at); fires.After(after) {
			return fires
		}
	}
	return time.Time{}
}

// wallClock returns the local clock time as if it were UTC.
func wallClock(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// when returns the first moment at which the local clock shows the given time or, when that is skipped, the moment of
// the clock change.
func (s *Schedule) when(shown time.Time) time.Time {
	earlier, later := s.offsets(shown)
	// The larger offset gives the earlier moment for the same clock time.
	first := shown.Add(-max(earlier, later))
	if wallClock(first.In(s.zone)).Equal(shown) {
		return first.In(s.zone)
	}
	second := shown.Add(-min(earlier, later))
	if wallClock(second.In(s.zone)).Equal(shown) {
		return second.In(s.zone)
	}
	// The time is skipped: the offset changes between the two moments.
	_, change := first.In(s.zone).ZoneBounds()
	return change
}

// offsets returns the zone's offsets one day before and after a clock time.
func (s *Schedule) offsets(shown time.Time) (earlier, later time.Duration) {
	_, before := shown.Add(-24 * time.Hour).In(s.zone).Zone()
	_, after := shown.Add(24 * time.Hour).In(s.zone).Zone()
	return time.Duration(before) * time.Second, time.Duration(after) * time.Second
}

// WatermarkKey is the key in Env.State of the value that state steps of the flow store as watermark; the next poll
// begins there.
func (f *Flow) WatermarkKey() string { return stateKey(f, "state", "watermark", false) }
