package sender

import (
	"strconv"
	"strings"
	"time"
)

// defaultTolerance is how far a signed time may be off by default.
const defaultTolerance = 5 * time.Minute

// Formats of a time.
const (
	formatUnix    = "unix"
	formatUnixMS  = "unix_ms"
	formatRFC3339 = "rfc3339"
)

// checkTimestamp compares a signed time with now.
func checkTimestamp(format, text string, now time.Time, tolerance time.Duration) error {
	signed, ok := parseTimestamp(format, text)
	if !ok {
		return flawed("timestamp_format", ErrUnsigned, "the time is not written as %s", format)
	}
	switch age := now.Sub(signed); {
	case age > tolerance:
		return flawed(wordTolerance, ErrWrong, "its time is %v ago, %v are allowed", age.Round(time.Second), tolerance)
	case -age > tolerance:
		return flawed(wordTolerance, ErrWrong, "its time is %v ahead, %v are allowed", -age.Round(time.Second), tolerance)
	}
	return nil
}

func parseTimestamp(format, text string) (time.Time, bool) {
	if format == formatRFC3339 {
		t, err := time.Parse(time.RFC3339Nano, text)
		return t, err == nil
	}
	if text == "" || len(text) > 15 || strings.Trim(text, "0123456789") != "" {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return time.Time{}, false
	case format == formatUnixMS:
		return time.UnixMilli(n), true
	}
	return time.Unix(n, 0), len(text) <= 12
}
