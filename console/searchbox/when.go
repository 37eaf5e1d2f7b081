package searchbox

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

var ago = regexp.MustCompile(`^(\d{1,6})(s|m|h|d|w)$`)

var units = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour} // read only

// maxAgo is the longest time before now.
const maxAgo = 100 * 365 * 24 * time.Hour

// moment reads a time: 15m and 2d before now, today, yesterday, a date, a time of a date, RFC 3339. day: it is a whole day, of
// which the time is the beginning.
func moment(text string, env *Env) (t time.Time, day, ok bool) {
	zone := env.Zone
	if zone == nil {
		zone = time.UTC
	}
	if m := ago.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1]) // digits always parse
		unit := units[m[2]]
		return env.Now.Add(-time.Duration(n) * unit), false, n <= int(maxAgo/unit)
	}
	y, month, d := env.Now.In(zone).Date()
	switch text {
	case "today":
		return time.Date(y, month, d, 0, 0, 0, 0, zone), true, true
	case "yesterday":
		return time.Date(y, month, d-1, 0, 0, 0, 0, zone), true, true
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return t, true, true
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", time.RFC3339Nano} {
		if t, err := time.ParseInLocation(layout, strings.ToUpper(text), zone); err == nil {
			return t, false, true
		}
	}
	return time.Time{}, false, false
}

func noMoment(v value, name string) *Error {
	return &Error{Start: v.start, End: v.end, Message: name + " is a time: 15m, 2h, 7d or 1w ago, today, yesterday, 2026-11-30, 2026-11-30T09:00, or 2026-11-30T09:00:00Z"}
}

// stamp writes a time as the API reads it, with milliseconds: those of a run have no more.
func stamp(t time.Time) string { return literal(t.UTC().Format("2006-01-02T15:04:05.999Z")) }

// within reports whether the API can read a time.
func within(t time.Time) bool { return t.Year() > 1 && t.Year() < 9999 }

// bound is the condition of since and until. The day of an until is within.
func bound(t token, env *Env) (string, *Error) {
	v := t.values[0]
	if len(t.values) > 1 {
		return "", &Error{Start: t.start, End: t.end, Message: t.name + " takes one time"}
	}
	at, day, ok := moment(v.text, env)
	if !ok || !within(at) {
		return "", noMoment(v, t.name)
	}
	switch {
	case t.name == Since:
		return "created_at ge " + stamp(at), nil
	case day:
		return "created_at lt " + stamp(at.AddDate(0, 0, 1)), nil
	}
	return "created_at le " + stamp(at), nil
}

// times compares a field with a time, or with a day.
func times(t token, env *Env) (string, *Error) {
	v := t.values[0]
	if len(t.values) > 1 {
		return "", &Error{Start: t.start, End: t.end, Message: t.name + " takes one time"}
	}
	operator, rest := comparison(v.text)
	at, day, ok := moment(rest, env)
	if !ok || !within(at) {
		return "", noMoment(v, t.name)
	}
	if !day {
		return t.name + " " + operator + " " + stamp(at), nil
	}
	begin, end := stamp(at), stamp(at.AddDate(0, 0, 1))
	switch operator {
	case "eq":
		return "(" + t.name + " ge " + begin + " and " + t.name + " lt " + end + ")", nil
	case "gt":
		return t.name + " ge " + end, nil
	case "le":
		return t.name + " lt " + end, nil
	}
	return t.name + " " + operator + " " + begin, nil
}
