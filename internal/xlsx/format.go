package xlsx

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// numberKind is what the format of a cell makes of a number.
type numberKind uint8

const (
	plain    numberKind = iota
	date                // a day, with a time if the number has a fraction
	dateTime            // a day and a time
	clock               // a time of day, or a duration
)

// builtIn returns the kind of a format that has a number only (ECMA-376 part 1, 18.8.30).
func builtIn(id int) numberKind {
	switch {
	case id == 22:
		return dateTime
	case id >= 14 && id <= 17, id >= 27 && id <= 31, id >= 34 && id <= 36, id >= 50 && id <= 58:
		return date
	case id >= 18 && id <= 21, id == 32, id == 33, id >= 45 && id <= 47:
		return clock
	}
	return plain
}

// kindOfFormat returns the kind of a format code, such as dd/mm/yyyy hh:mm.
func kindOfFormat(code string) numberKind {
	code, _, _ = strings.Cut(strings.ToLower(code), ";")
	var days, hours, months bool
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case '"', '[':
			end := byte('"')
			if c == '[' {
				end = ']'
			}
			length := strings.IndexByte(code[i+1:], end)
			if length < 0 {
				return plain
			}
			if c == '[' && strings.Trim(code[i+1:i+1+length], "hms") == "" { // elapsed time
				hours = true
			}
			i += length + 1
		case '\\', '_', '*':
			i++
		case 'y', 'd':
			days = true
		case 'm':
			months = true // or minutes
		case 'h', 's':
			if strings.HasPrefix(code[i:], "standard") { // General in German
				return plain
			}
			hours = true
		case 'g':
			if strings.HasPrefix(code[i:], "general") {
				return plain
			}
		}
	}
	switch {
	case days && hours:
		return dateTime
	case days, months && !hours:
		return date
	case hours:
		return clock
	}
	return plain
}

// timeText returns the text of a serial number with a format of a date or time; false: it is outside of the calendar.
func timeText(serial float64, kind numberKind, epoch time.Time) (string, bool) {
	if serial < 0 || serial >= lastSerial || math.IsNaN(serial) {
		return "", false
	}
	days, fraction := math.Modf(serial)
	elapsed := time.Duration(math.Round(fraction*86_400_000)) * time.Millisecond
	if kind == clock && days < 366 {
		total := time.Duration(days)*24*time.Hour + elapsed
		text := fmt.Sprintf("%02d:%02d:%02d", int(total.Hours()), int(total.Minutes())%60, int(total.Seconds())%60)
		if ms := total.Milliseconds() % 1000; ms != 0 {
			text += fmt.Sprintf(".%03d", ms)
		}
		return text, true
	}
	if epoch.Equal(epoch1900) && serial < 60 {
		days++
	}
	at := epoch.AddDate(0, 0, int(days)).Add(elapsed)
	switch {
	case kind == date && elapsed == 0:
		return at.Format(dateForm), true
	case at.Nanosecond() != 0:
		return at.Format(timeForm + ".000"), true
	}
	return at.Format(timeForm), true
}
