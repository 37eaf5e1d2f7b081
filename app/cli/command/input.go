package command

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// ReadFile reads a file, or standard input for "-", without trailing newlines.
func ReadFile(stdin io.Reader, name string) (string, error) {
	var text []byte
	var err error
	if name == "-" {
		text, err = io.ReadAll(stdin)
	} else {
		text, err = os.ReadFile(name)
	}
	return strings.TrimRight(string(text), "\r\n"), err
}

// EventText returns the value of a flag: JSON, the content of @file, or standard input for - and @-.
func EventText(stdin io.Reader, text string) ([]byte, error) {
	name, isFile := strings.CutPrefix(text, "@")
	switch {
	case text == "-", isFile && name == "-":
		return io.ReadAll(stdin)
	case isFile:
		return os.ReadFile(name)
	}
	return []byte(text), nil
}

// SinceTime parses a time, a day, or an age.
func SinceTime(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errors.New("write it as 15m, 24h, 7d, 2026-11-28 or 2026-11-28T09:00:00Z")
}
