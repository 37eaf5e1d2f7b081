package flows

import (
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/internal/suggest"
)

// AlertKind is a kind of alert.
type AlertKind string

const (
	AlertNewFailure     AlertKind = "new_failure"     // runs fail in a way that was not seen before
	AlertFailureAgain   AlertKind = "failure_again"   // runs fail as they did before the failure was resolved
	AlertUncertain      AlertKind = "uncertain"       // it is not known whether an effect happened
	AlertFailureRate    AlertKind = "failure_rate"    // many runs of a flow fail within a time
	AlertScheduleMissed AlertKind = "schedule_missed" // a run of a schedule or poll did not start, or did not succeed, in time
	AlertPollEmpty      AlertKind = "poll_empty"      // a poll has found nothing for long
	AlertQueueLate      AlertKind = "queue_late"      // a run waits for a worker for long
	AlertRedisMemory    AlertKind = "redis_memory"    // Redis uses much of its memory

	AlertCredentialExpiring AlertKind = "credential_expiring" // a credential ends soon, or has ended
)

var alertKinds = []string{
	string(AlertNewFailure), string(AlertFailureAgain), string(AlertUncertain), string(AlertFailureRate), string(AlertScheduleMissed),
	string(AlertPollEmpty), string(AlertQueueLate), string(AlertRedisMemory), string(AlertCredentialExpiring),
}

// Alert is an alert trigger: a run starts when something has to be told.
type Alert struct {
	When   []AlertKind
	Flows  []string      // numbers or slugs of the flows that it is about; empty: all
	Runs   int           // failure_rate: failed runs of a flow
	Window time.Duration // failure_rate: the time in which they fail
	Allow  time.Duration // schedule_missed: how late a run may start, and how long it may take
	For    time.Duration // poll_empty: the time in which a poll finds nothing
	Late   time.Duration // queue_late: waiting time
	Memory int           // redis_memory: percent of its maxmemory
	Within time.Duration // credential_expiring: time to the end of a credential
	Wait   time.Duration // how long alerts are gathered for one run
	Every  time.Duration // shortest time between two alerts about the same thing
	Quiet  *Quiet        // nil: there are no quiet hours
}

// Has reports whether the trigger is about alerts of a kind.
func (a *Alert) Has(kind AlertKind) bool { return slices.Contains(a.When, kind) }

// Quiet are the hours of a day in which no run starts.
type Quiet struct {
	from, to time.Duration // of the day; to may be before from, on the next day
	zone     *time.Location
}

// Contains reports whether a time is in the quiet hours.
func (q *Quiet) Contains(t time.Time) bool {
	if q == nil {
		return false
	}
	local := t.In(q.zone)
	of := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute
	if q.from <= q.to {
		return of >= q.from && of < q.to
	}
	return of >= q.from || of < q.to
}

// Bounds of an alert trigger.
const (
	maxAlertWindow = 6 * time.Hour // for which failed runs are counted
	// MaxPollFor is the longest time after which a poll that finds nothing is told.
	MaxPollFor     = 90 * 24 * time.Hour
	maxAlertWithin = 365 * 24 * time.Hour
	maxAlertWait   = time.Hour
	maxAlertEvery  = 7 * 24 * time.Hour
)

var alertParams = []Param{
	{Name: "when", Type: TypeStrings, Names: ResourceAlert, Required: true, Summary: "What is told: `" + strings.Join(alertKinds, "`, `") + "`."},
	{Name: "flows", Type: TypeStrings, Names: ResourceFlow, Default: "all", Summary: "The flows that it is about, by number or slug."},
	{Name: "runs", Type: TypeInt, Default: "20", Summary: "For `failure_rate`: how many runs of a flow fail."},
	{Name: "window", Type: TypeDuration, Default: "10m", Summary: "For `failure_rate`: within which time, whole minutes up to 6h."},
	{Name: "allow", Type: TypeDuration, Default: "10m", Summary: "For `schedule_missed`: how late a run may start, and how long it may take."},
	{Name: "for", Type: TypeDuration, Default: "1d", Summary: "For `poll_empty`: how long a poll finds nothing, 1m to 90d."},
	{Name: "late", Type: TypeDuration, Default: "1m", Summary: "For `queue_late`: how long a run may wait for a worker."},
	{Name: "memory", Type: TypeInt, Default: "80", Summary: "For `redis_memory`: percent of its maxmemory."},
	{Name: "within", Type: TypeDuration, Default: "14d", Summary: "For `credential_expiring`: how long before its end a credential is told, 1h to 365d."},
	{Name: "wait", Type: TypeDuration, Default: "10s", Summary: "How long alerts are gathered, from the first one, for one run; at most 1h."},
	{Name: "every", Type: TypeDuration, Default: "1h", Summary: "The shortest time between two alerts about the same thing, at most 7 days."},
	{Name: "quiet", Type: TypeObject, Summary: "Hours in which no run starts. What happens meanwhile is told at their end.", Fields: []Param{
		{Name: "from", Type: TypeString, Required: true, Summary: "The beginning, as in \"22:00\"."},
		{Name: "to", Type: TypeString, Required: true, Summary: "The end, as in \"07:00\"."},
		{Name: "time_zone", Type: TypeString, Default: "UTC", Summary: "IANA name, such as Europe/London."},
	}},
}

func (c *compiler) alert(a *Args) *Alert {
	t := &Alert{
		Runs: 20, Window: 10 * time.Minute, Allow: 10 * time.Minute, For: 24 * time.Hour, Late: time.Minute, Memory: 80,
		Within: 14 * 24 * time.Hour, Wait: 10 * time.Second, Every: time.Hour,
	}
	for _, kind := range a.Strings("when") {
		if !slices.Contains(alertKinds, kind) {
			c.Add(mistake.UnknownValue, a.places["when"], suggest.DidYouMean(kind, alertKinds), "when: %q is not among its values", kind)
		}
		t.When = append(t.When, AlertKind(kind))
	}
	t.Flows = a.Strings("flows")
	for name, d := range map[string]*time.Duration{
		"window": &t.Window, "allow": &t.Allow, "for": &t.For, "late": &t.Late, "within": &t.Within, "wait": &t.Wait, "every": &t.Every,
	} {
		if a.Has(name) {
			*d = a.Duration(name)
		}
	}
	if t.Window < time.Minute || t.Window > maxAlertWindow || t.Window%time.Minute != 0 {
		c.Add(mistake.BadTime, a.places["window"], "", "window: expected whole minutes, 1m to 6h")
	}
	if t.Allow < time.Second {
		c.Add(mistake.OutOfRange, a.places["allow"], "", "allow: expected at least 1s")
	}
	if t.For < time.Minute || t.For > MaxPollFor {
		c.Add(mistake.OutOfRange, a.places["for"], "", "for: expected 1m to 90d")
	}
	if t.Within < time.Hour || t.Within > maxAlertWithin {
		c.Add(mistake.OutOfRange, a.places["within"], "", "within: expected 1h to 365d")
	}
	if t.Late < time.Second {
		c.Add(mistake.OutOfRange, a.places["late"], "", "late: expected at least 1s")
	}
	if t.Wait < 0 || t.Wait > maxAlertWait {
		c.Add(mistake.OutOfRange, a.places["wait"], "", "wait: expected at most 1h")
	}
	if t.Every < 0 || t.Every > maxAlertEvery {
		c.Add(mistake.OutOfRange, a.places["every"], "", "every: expected at most 168h")
	}
	if a.Has("runs") {
		if t.Runs = a.Int("runs"); t.Runs < 1 {
			c.Add(mistake.OutOfRange, a.places["runs"], "", "runs: expected a whole number from 1")
		}
	}
	if a.Has("memory") {
		if t.Memory = a.Int("memory"); t.Memory < 1 || t.Memory > 100 {
			c.Add(mistake.OutOfRange, a.places["memory"], "", "memory: expected 1 to 100, in percent")
		}
	}
	if q := a.Object("quiet"); q != nil {
		t.Quiet = c.quiet(q)
	}
	return t
}

func (c *compiler) quiet(a *Args) *Quiet {
	q := &Quiet{from: c.clock(a, "from"), to: c.clock(a, "to"), zone: time.UTC}
	if a.Has("time_zone") {
		q.zone = c.zone(a)
	}
	return q
}

// clock reads a time of the day.
func (c *compiler) clock(a *Args, name string) time.Duration {
	t, err := time.Parse("15:04", a.String(name))
	if err != nil && a.Has(name) {
		c.Add(mistake.BadTime, a.places[name], `write it in quotes, as in "22:00"`, "%s: expected a time of the day", name)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}
