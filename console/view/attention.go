package view

import (
	"strings"
	"time"
)

// Need is a line about something that needs attention.
type Need struct {
	Urgent bool
	Count  int    // of the noun
	Noun   string // singular; empty: the text says all
	Text   string
	Path   string    // of the page to go to, below the console; empty: none
	Since  time.Time // zero: not shown
	Last   bool      // Since is when it happened last
}

// head is the beginning of the line: how many of what.
func (n Need) head() string {
	if n.Noun == "" {
		return ""
	}
	plural := n.Noun + "s"
	if stem, ok := strings.CutSuffix(n.Noun, "y"); ok {
		plural = stem + "ies"
	}
	return many(n.Count, n.Noun, plural)
}

// rest is the line after its head, which begins with a capital letter if there is none.
func (n Need) rest() string {
	if n.Noun != "" || n.Text == "" {
		return n.Text
	}
	return strings.ToUpper(n.Text[:1]) + n.Text[1:]
}

// Firing is when the schedule of a flow fires next.
type Firing struct {
	Flow     int64
	FlowName string
	At       time.Time // in the time zone of the schedule; zero: never
	Zone     string    // IANA name
	Cron     string
	Paused   bool // the run will wait until the flow is resumed
}

// local is the time on the clock of the schedule.
func (f Firing) local(now time.Time) string {
	format := "Mon 2 Jan 15:04"
	if there := now.In(f.At.Location()); there.YearDay() == f.At.YearDay() && there.Year() == f.At.Year() {
		format = "15:04"
	}
	if f.At.Second() != 0 {
		format += ":05"
	}
	return f.At.Format(format)
}

// timeTo describes the time until a moment in short form.
func timeTo(t, now time.Time) string {
	if !t.After(now) {
		return "now"
	}
	return "in " + strings.TrimSuffix(ago(now.Add(-t.Sub(now)), now), " ago")
}
