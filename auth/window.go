package auth

import (
	"fmt"
	"strconv"
	"time"

	"github.com/penstock/penstock/store"
)

// Window returns the maximum difference between a signed time and the clock, in both directions.
func Window(k *store.Key) time.Duration {
	if k.Window <= 0 {
		return store.DefaultWindow
	}
	return k.Window
}

// ReplayWindow returns how long a timestamp is valid: one window before and one after, plus one second because
// timestamps are whole seconds.
func ReplayWindow(k *store.Key) time.Duration { return 2*Window(k) + time.Second }

// CheckTime compares a signed time (seconds since 1970, 1 to 12 digits) with now, both in whole seconds. A
// difference of exactly the window is accepted. The error is an *Error that says whether the time is in the past or
// in the future.
func CheckTime(ts string, now time.Time, window time.Duration) error {
	signed, ok := parseTime(ts)
	if !ok {
		return &Error{Code: CodeUnauthorized, Message: "ts must be the seconds since 1970, in 1 to 12 digits"}
	}
	off, allowed := now.Unix()-signed, int64(window/time.Second)
	if off > allowed {
		return &Error{Code: CodeUnauthorized, Message: fmt.Sprintf("ts is %d s in the past, the window is %d s: check the clock and sign again", off, allowed)}
	}
	if -off > allowed {
		return &Error{Code: CodeUnauthorized, Message: fmt.Sprintf("ts is %d s in the future, the window is %d s: check the clock", -off, allowed)}
	}
	return nil
}

func parseTime(ts string) (int64, bool) {
	if ts == "" || len(ts) > 12 {
		return 0, false
	}
	for i := range len(ts) {
		if ts[i] < '0' || ts[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(ts, 10, 64)
	return n, err == nil
}
