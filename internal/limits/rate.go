// Package limits bounds the rate of requests and of password guessing, across all processes.
package limits

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate allows at most Limit requests within any period of length Window. The zero Rate means no limit.
type Rate struct {
	Limit  int
	Window time.Duration
}

const maxLimit = 10_000 // because the time of each request is stored

// ParseRate parses "10/s", "600/m", "5000/h", or "off".
func ParseRate(text string) (Rate, error) {
	if text == "off" {
		return Rate{}, nil
	}
	count, unit, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(count)
	window, known := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	if err != nil || n < 1 || n > maxLimit || !known {
		return Rate{}, fmt.Errorf(`%q is not a rate: write "10/s", "600/m", "5000/h" (1 to %d) or "off"`, text, maxLimit)
	}
	return Rate{n, window}, nil
}

// String returns the form that ParseRate accepts.
func (r Rate) String() string {
	switch {
	case r.Limit == 0:
		return "off"
	case r.Window == time.Hour:
		return strconv.Itoa(r.Limit) + "/h"
	case r.Window == time.Minute:
		return strconv.Itoa(r.Limit) + "/m"
	}
	return strconv.Itoa(r.Limit) + "/s"
}
