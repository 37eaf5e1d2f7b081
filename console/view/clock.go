package view

import (
	"context"
	"time"

	"github.com/penstock/penstock/console/language"
)

// Clock is how times are printed.
type Clock struct {
	Zone   *time.Location // nil: UTC
	Chosen string         // name of the zone if the user has chosen one, for the script; empty: that of the browser
	Hours  string         // "12" or "24"; empty: those of the browser's language, which is 24 on the server
}

type clockKey struct{}

// WithClock returns a context in which components print times by a clock.
func WithClock(ctx context.Context, c Clock) context.Context {
	return context.WithValue(ctx, clockKey{}, c)
}

func clockOf(ctx context.Context) Clock {
	c, _ := ctx.Value(clockKey{}).(Clock) // the zero value prints UTC
	return c
}

// print formats a time with a date of its own, perhaps none, and fractions of seconds as ".000", perhaps none. It names the zone.
func (c Clock) print(t time.Time, date, fraction string) string {
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	return t.In(c.Zone).Format(date + c.hours(fraction) + " MST")
}

func (c Clock) hours(fraction string) string {
	if c.Hours == "12" {
		return "03:04:05" + fraction + " PM"
	}
	return "15:04:05" + fraction
}

// dayAnd is the layout of a date before a time of day, in the language of the page.
func dayAnd(ctx context.Context) string { return language.Layout(ctx, "2006-01-02") + " " }

// momentOf formats a time with its date, in the user's zone.
func momentOf(ctx context.Context, t time.Time) string {
	return clockOf(ctx).print(t, dayAnd(ctx), "")
}

// momentExactly is momentOf with milliseconds; a dash for the zero value.
func momentExactly(ctx context.Context, t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return clockOf(ctx).print(t, dayAnd(ctx), ".000")
}

// timeOfDay formats a time without its date, in the user's zone.
func timeOfDay(ctx context.Context, t time.Time) string { return clockOf(ctx).print(t, "", "") }

// timeOfDayPlain is timeOfDay without the zone, for lists in which each time has it in a title. fraction is ".000", or empty.
func timeOfDayPlain(ctx context.Context, t time.Time, fraction string) string {
	c := clockOf(ctx)
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	return t.In(c.Zone).Format(c.hours(fraction))
}
