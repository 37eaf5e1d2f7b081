package jq

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the zones are those of the binary where the machine has none

	"github.com/penstock/penstock/third_party/gojq"
)

// A moment is a text in RFC 3339 with an offset, or a number of seconds since 1970. A date is "2026-07-01", a local time
// "2026-07-01T13:00:00".

const (
	dateLayout  = "2006-01-02"
	localLayout = "2006-01-02T15:04:05.999999999"
)

// maxShift is the largest number of days, months or working days that can be added.
const maxShift = 100_000

func timeFunctions() []function {
	return []function{
		define("to_zone(zone)", "The moment as the clocks of a time zone show it: `\"2026-07-01T12:00:00Z\" | to_zone(\"Europe/London\")` is `\"2026-07-01T13:00:00+01:00\"`. A number is seconds since 1970.", toZone),
		define("from_zone(zone)", "The moment, in UTC, of a date or local time of a time zone: `\"2026-07-01T13:00:00\" | from_zone(\"Europe/London\")` is `\"2026-07-01T12:00:00Z\"`. A time that the clocks show twice is the first; one that they skip is counted from before the change.", fromZone),
		define("add_days(n)", "A date, local time or moment some days later. The time of the day and the offset stay.", func(in any, args []any) (any, error) {
			return shift(in, args[0], func(t time.Time, n int) time.Time { return t.AddDate(0, 0, n) })
		}),
		define("add_months(n)", "Some months later. A day that the month does not have becomes its last: `\"2026-01-31\" | add_months(1)` is `\"2026-02-28\"`.", func(in any, args []any) (any, error) {
			return shift(in, args[0], addMonths)
		}),
		define("add_workdays(n)", "Some working days later, Monday to Friday.", addWorkdays),
		define("add_workdays(n; holidays)", "Likewise; the dates of a list are no working days.", addWorkdays),
		define("iso_week", "The week by ISO 8601: `\"2026-01-01\" | iso_week` is `{\"year\": 2026, \"week\": 1, \"day\": 4}`. Its year may be another than that of the date; day 1 is Monday.", isoWeek),
		define("parse_time(pattern)", "Reads a time by a [pattern](#patterns-of-times): a date if the pattern has no hour, a moment if it has an offset, else a local time. `\"01.07.2026\" | parse_time(\"dd.MM.yyyy\")` is `\"2026-07-01\"`.", parseTime),
		define("parse_time(pattern; zone)", "Likewise, as a moment in UTC: the text is a local time of that time zone.", parseTime),
		define("format_time(pattern)", "Writes a date, local time or moment by a [pattern](#patterns-of-times), a moment with the offset that it has.", formatTime),
		define("format_time(pattern; zone)", "Writes a moment as the clocks of a time zone show it.", formatTime),
	}
}

// zones has the time zones that were used, by name. There are about 600.
var zones sync.Map

// zone returns a time zone by its IANA name.
func zone(v any) (*time.Location, error) {
	name, err := textOf(v, "a time zone")
	if err != nil {
		return nil, err
	}
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location), nil
	}
	if name == "" || name == "Local" || len(name) > 64 {
		return nil, fmt.Errorf("%q is no time zone such as Europe/London", name)
	}
	loaded, err := time.LoadLocation(name)
	if err != nil || loaded.String() != name {
		return nil, fmt.Errorf("%q is no time zone such as Europe/London", name)
	}
	zones.Store(name, loaded)
	return loaded, nil
}

// written is a time with the form in which it was written.
type written struct {
	time.Time        // of a date or local time: in UTC
	layout    string // dateLayout, localLayout, or time.RFC3339Nano
}

func (w written) text() string { return w.Format(w.layout) }

// readTime reads a date, a local time or a moment.
func readTime(v any) (written, error) {
	if text, ok := v.(string); ok && len(text) <= 64 {
		for _, layout := range []string{dateLayout, localLayout, time.RFC3339Nano} {
			if t, err := time.Parse(layout, text); err == nil {
				return written{t, layout}, nil
			}
		}
		return written{}, fmt.Errorf("%s is no date or time such as 2026-07-01 or 2026-07-01T12:00:00Z", gojq.Preview(v))
	}
	seconds, ok := gojq.ToFloat64(v)
	if !ok || math.IsNaN(seconds) || math.Abs(seconds) > 253402300799 { // 9999-12-31T23:59:59Z
		return written{}, fmt.Errorf("%s is no time: expected a text such as 2026-07-01T12:00:00Z, or seconds since 1970", gojq.Preview(v))
	}
	whole := math.Floor(seconds)
	micros := math.Round((seconds - whole) * 1e6) // a float of today has no more
	return written{time.Unix(int64(whole), int64(micros)*1000).UTC(), time.RFC3339Nano}, nil
}

func toZone(in any, args []any) (any, error) {
	to, err := zone(args[0])
	if err != nil {
		return nil, err
	}
	t, err := readTime(in)
	switch {
	case err != nil:
		return nil, err
	case t.layout != time.RFC3339Nano:
		return nil, fmt.Errorf("%s is no moment: it has no offset", gojq.Preview(in))
	}
	t.Time = t.In(to)
	return t.text(), nil
}

func fromZone(in any, args []any) (any, error) {
	from, err := zone(args[0])
	if err != nil {
		return nil, err
	}
	t, err := readTime(in)
	switch {
	case err != nil:
		return nil, err
	case t.layout == time.RFC3339Nano:
		return nil, fmt.Errorf("%s is a moment already: it has an offset", gojq.Preview(in))
	}
	return moment(t.Time, from).Format(time.RFC3339Nano), nil
}

// moment returns the moment of a local time, given as if it were in UTC. For one that comes twice, or that the clocks
// skip, the offset from before the change counts (RFC 5545, section 3.3.5).
func moment(local time.Time, zone *time.Location) time.Time {
	offset := func(at time.Time) time.Duration {
		_, seconds := at.In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	before, after := offset(local.Add(-24*time.Hour)), offset(local.Add(24*time.Hour))
	early, late := local.Add(-before), local.Add(-after)
	if offset(early) != before && offset(late) == after {
		return late
	}
	return early
}

// shift moves a time by some units.
func shift(in, by any, move func(time.Time, int) time.Time) (any, error) {
	n, err := wholeOf(by, maxShift)
	if err != nil {
		return nil, err
	}
	t, err := readTime(in)
	if err != nil {
		return nil, err
	}
	t.Time = move(t.Time, n)
	if t.Year() < 0 || t.Year() > 9999 {
		return nil, fmt.Errorf("the year %d is not from 0 to 9999", t.Year())
	}
	return t.text(), nil
}

// addMonths clamps the day to the end of the month.
func addMonths(t time.Time, n int) time.Time {
	first := t.AddDate(0, n, 1-t.Day())
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

func addWorkdays(in any, args []any) (any, error) {
	holidays := map[string]bool{}
	if len(args) > 1 {
		list, ok := args[1].([]any)
		if !ok {
			return nil, fmt.Errorf("holidays are a list of dates, not %s", gojq.Preview(args[1]))
		}
		for _, v := range list {
			t, err := readTime(v)
			if err != nil {
				return nil, err
			}
			holidays[t.Format(dateLayout)] = true
		}
	}
	free := func(t time.Time) bool {
		return t.Weekday() == time.Saturday || t.Weekday() == time.Sunday || holidays[t.Format(dateLayout)]
	}
	return shift(in, args[0], func(t time.Time, n int) time.Time {
		step := 1
		if n < 0 {
			step, n = -1, -n
		}
		for ; n > 0 && t.Year() >= 0 && t.Year() <= 9999; n-- {
			for t = t.AddDate(0, 0, step); free(t) && t.Year() <= 9999 && t.Year() >= 0; t = t.AddDate(0, 0, step) {
			}
		}
		return t
	})
}

func isoWeek(in any, _ []any) (any, error) {
	t, err := readTime(in)
	if err != nil {
		return nil, err
	}
	year, week := t.ISOWeek()
	day := (int(t.Weekday())+6)%7 + 1
	return map[string]any{"year": year, "week": week, "day": day}, nil
}

func formatTime(in any, args []any) (any, error) {
	p, err := readPattern(args[0])
	if err != nil {
		return nil, err
	}
	t, err := readTime(in)
	if err != nil {
		return nil, err
	}
	if len(args) > 1 {
		to, err := zone(args[1])
		if err != nil {
			return nil, err
		}
		if t.layout != time.RFC3339Nano {
			return nil, fmt.Errorf("%s is no moment: it has no offset", gojq.Preview(in))
		}
		t.Time = t.In(to)
	}
	switch {
	case t.layout == dateLayout && p.has("HhKkmsSa"):
		return nil, fmt.Errorf("%s is a date, and has no time for the pattern", gojq.Preview(in))
	case t.layout != time.RFC3339Nano && p.has("XxZ"):
		return nil, fmt.Errorf("%s has no offset for the pattern", gojq.Preview(in))
	}
	var b strings.Builder
	for _, f := range p {
		b.WriteString(f.format(t.Time))
	}
	return b.String(), nil
}

func parseTime(in any, args []any) (any, error) {
	p, err := readPattern(args[0])
	if err != nil {
		return nil, err
	}
	if err := p.complete(); err != nil {
		return nil, err
	}
	text, err := textOf(in, "a time to be read")
	if err != nil {
		return nil, err
	}
	if len(text) > 256 {
		return nil, errors.New("the text is longer than 256 bytes")
	}
	var layout, rest strings.Builder
	for i, f := range p {
		if f.letters == "" { // the layouts of Go have no quotes: literals are compared here
			if !strings.HasPrefix(text, f.literal) {
				return nil, fmt.Errorf("%s does not fit the pattern: expected %q", gojq.Preview(in), f.literal)
			}
			text = text[len(f.literal):]
			continue
		}
		value, err := f.cut(text, i+1 < len(p) && p[i+1].letters != "")
		if err != nil {
			return nil, fmt.Errorf("%s does not fit the pattern: %w", gojq.Preview(in), err)
		}
		text = text[len(value):]
		point := ""
		if f.letters[0] == 'S' { // which package time reads after a point only
			point = "."
		}
		layout.WriteString(point + layouts[f.letters] + "\x00")
		rest.WriteString(point + value + "\x00")
	}
	if text != "" {
		return nil, fmt.Errorf("%s does not fit the pattern: %q is left", gojq.Preview(in), text)
	}
	t, err := time.Parse(layout.String(), rest.String())
	if err != nil {
		return nil, fmt.Errorf("%s is no time", gojq.Preview(in))
	}
	if day, ok := weekday(p, rest.String()); ok && !strings.HasPrefix(strings.ToLower(t.Weekday().String()), day) {
		return nil, fmt.Errorf("%s is no time: the day is a %s", gojq.Preview(in), t.Weekday())
	}
	switch {
	case p.has("XxZ") && len(args) > 1:
		return nil, errors.New("the pattern has an offset: leave out the time zone")
	case p.has("XxZ"):
		return t.Format(time.RFC3339Nano), nil
	case len(args) > 1:
		from, err := zone(args[1])
		if err != nil {
			return nil, err
		}
		return moment(t, from).Format(time.RFC3339Nano), nil
	case p.has("Hhms"):
		return t.Format(localLayout), nil
	}
	return t.Format(dateLayout), nil
}

// complete returns an error when the pattern does not have all fields that make a time of those it has.
func (p timePattern) complete() error {
	switch {
	case !p.has("y") || !p.has("M") || !p.has("d"):
		return errors.New("the pattern needs year, month and day")
	case p.has("h") && !p.has("a"):
		return errors.New("the pattern needs a for AM or PM beside h, or H for hours to 23")
	case p.has("a") && !p.has("h"):
		return errors.New("the pattern needs h beside a")
	case p.has("m") && !p.has("Hh"), p.has("s") && !p.has("m"), p.has("S") && !p.has("s"):
		return errors.New("the pattern needs hour, minute and second above its smallest field")
	}
	return nil
}

// weekday returns the name of the day, in small letters, among the values of a pattern, which end with a zero byte each.
// Package time does not compare it with the date.
func weekday(p timePattern, values string) (day string, ok bool) {
	for _, f := range p {
		if f.letters == "" {
			continue
		}
		var value string
		if value, values, _ = strings.Cut(values, "\x00"); f.letters[0] == 'E' {
			return strings.ToLower(value), true
		}
	}
	return "", false
}

// timePattern is a pattern of Unicode TR 35: letters stand for a field, other characters and quoted text for themselves.
type timePattern []patternField

type patternField struct {
	letters string // empty: literal
	literal string
}

// layouts are the fields of a pattern as layouts of Go. Read only.
var layouts = map[string]string{
	"yyyy": "2006", "y": "2006", "yy": "06", "MMMM": "January", "MMM": "Jan", "MM": "01", "M": "1", "dd": "02", "d": "2",
	"EEEE": "Monday", "EEE": "Mon", "E": "Mon", "HH": "15", "H": "15", "hh": "03", "h": "3", "mm": "04", "m": "4", "ss": "05", "s": "5",
	"S": "0", "SS": "00", "SSS": "000", "SSSSSS": "000000", "a": "PM",
	"X": "Z07", "XX": "Z0700", "XXX": "Z07:00", "xx": "-0700", "xxx": "-07:00", "Z": "-0700",
}

func readPattern(v any) (timePattern, error) {
	source, err := textOf(v, "a pattern")
	if err != nil {
		return nil, err
	}
	if source == "" || len(source) > 100 {
		return nil, errors.New("a pattern has 1 to 100 characters")
	}
	var p timePattern
	literal := func(text string) {
		if len(p) > 0 && p[len(p)-1].letters == "" {
			p[len(p)-1].literal += text
			return
		}
		p = append(p, patternField{literal: text})
	}
	for i := 0; i < len(source); {
		c := source[i]
		switch {
		case c == '\'':
			end := strings.IndexByte(source[i+1:], '\'')
			if end < 0 {
				return nil, errors.New("the pattern has a ' without another")
			}
			text := source[i+1 : i+1+end]
			if text == "" || i > 0 && source[i-1] == '\'' { // '' is a quote, also within quotes
				text = "'" + text
			}
			literal(text)
			i += end + 2
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			end := i + 1
			for end < len(source) && source[end] == c {
				end++
			}
			letters := source[i:end]
			switch {
			case c == 'Y' || c == 'D':
				return nil, fmt.Errorf("%s in a pattern is not what is meant mostly: write %s", letters, strings.ToLower(letters))
			case layouts[letters] == "":
				return nil, fmt.Errorf("%s is no field of a pattern; text stands in ' '", letters)
			}
			p = append(p, patternField{letters: letters})
			i = end
		default:
			literal(source[i : i+1])
			i++
		}
	}
	return p, nil
}

// has reports whether the pattern has a field of one of the letters.
func (p timePattern) has(letters string) bool {
	return slices.ContainsFunc(p, func(f patternField) bool { return f.letters != "" && strings.Contains(letters, f.letters[:1]) })
}

func (f patternField) format(t time.Time) string {
	switch f.letters {
	case "":
		return f.literal
	case "H":
		return strconv.Itoa(t.Hour())
	case "S", "SS", "SSS", "SSSSSS":
		return fmt.Sprintf("%09d", t.Nanosecond())[:len(f.letters)]
	}
	return t.Format(layouts[f.letters])
}

// cut returns the beginning of a text that is the value of the field. A number has as many digits as the field has
// letters, or, with one letter, all that follow; then another field cannot follow without text between them.
func (f patternField) cut(text string, adjacent bool) (string, error) {
	word := func(accepts func(c byte) bool, most int) (string, error) {
		n := 0
		for n < len(text) && n < most && accepts(text[n]) {
			n++
		}
		if n == 0 {
			return "", fmt.Errorf("expected %s at %q", f.letters, text)
		}
		return text[:n], nil
	}
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	letter := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
	switch {
	case strings.ContainsAny(f.letters, "E") || strings.HasPrefix(f.letters, "MMM") || f.letters == "a":
		return word(letter, 9)
	case strings.ContainsAny(f.letters, "XxZ"):
		return word(func(c byte) bool { return digit(c) || c == '+' || c == '-' || c == ':' || c == 'Z' }, 6)
	case len(f.letters) > 1 || f.letters == "S":
		value, err := word(digit, len(f.letters))
		if err == nil && len(value) < len(f.letters) {
			return "", fmt.Errorf("expected %s at %q", f.letters, text)
		}
		return value, err
	case adjacent:
		return "", fmt.Errorf("%s needs text after it in the pattern", f.letters)
	case f.letters == "y":
		return word(digit, 4)
	}
	return word(digit, 2)
}
