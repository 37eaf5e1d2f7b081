package view

import (
	"context"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/penstock/penstock/console/language"
)

// Need is a line about something that needs attention.
type Need struct {
	Urgent bool
	Count  int    // by which lines of a kind are sorted
	Head   string // how many of what; empty: the text says all
	Text   string
	Path   string    // of the page to go to, below the console; empty: none
	Since  time.Time // zero: not shown
	Last   bool      // Since is when it happened last
}

// rest is the line after its head, which begins with a capital letter if there is none.
func (n Need) rest() string {
	if n.Head != "" || n.Text == "" {
		return n.Text
	}
	first, size := utf8.DecodeRuneInString(n.Text)
	return string(unicode.ToUpper(first)) + n.Text[size:]
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
func (f Firing) local(ctx context.Context, now time.Time) string {
	format := language.Key("Mon 2 Jan 15:04")
	if there := now.In(f.At.Location()); there.YearDay() == f.At.YearDay() && there.Year() == f.At.Year() {
		format = "15:04"
	}
	if f.At.Second() != 0 {
		format = map[string]string{"15:04": "15:04:05", "Mon 2 Jan 15:04": language.Key("Mon 2 Jan 15:04:05")}[format]
	}
	return language.Time(ctx, f.At, format)
}

// timeTo describes the time until a moment in short form.
func timeTo(ctx context.Context, t, now time.Time) string {
	if !t.After(now) {
		return language.T(ctx, "now")
	}
	switch d := t.Sub(now); {
	case d < 2*time.Second:
		return language.T(ctx, "now")
	case d < time.Minute:
		return language.T(ctx, "in %ds", int(d.Seconds()))
	case d < time.Hour:
		return language.T(ctx, "in %dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return language.T(ctx, "in %dh", int(d.Hours()))
	case d < 90*24*time.Hour:
		return language.T(ctx, "in %dd", int(d.Hours()/24))
	}
	return language.Time(ctx, t.UTC(), "2 Jan 2006")
}
