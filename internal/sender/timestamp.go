package sender

import (
	"fmt"
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
		return fmt.Errorf("the time is not written as %s: %w", format, ErrUnsigned)
	}
	if off := now.Sub(signed).Abs(); off > tolerance {
		return fmt.Errorf("its time is %v off, %v are allowed: %w", off.Round(time.Second), tolerance, ErrWrong)
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
