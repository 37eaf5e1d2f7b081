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

// Rates are rates by endpoint, written "default=off,token=10/s"; "default" applies to all others. It is a flag value.
type Rates map[string]Rate

// Of returns the rate of an endpoint.
func (r Rates) Of(endpoint string) Rate {
	if rate, named := r[endpoint]; named {
		return rate
	}
	return r["default"]
}

func (r Rates) String() string {
	var parts []string
	for _, endpoint := range Endpoints {
		if rate, named := r[endpoint]; named {
			parts = append(parts, endpoint+"="+rate.String())
		}
	}
	return strings.Join(parts, ",")
}

// Endpoints are the endpoints with their own rates: "default" for all others, "token" for endpoints that take
// secrets, "execute" for the SmartSYNC API, "runs" for POST /v1/flows/{flow}/runs, "hooks", and "api" for the rest of
// /v1. Read only.
var Endpoints = []string{"default", "token", "execute", "runs", "hooks", "api"}

// Set adds or replaces rates; other rates stay.
func (r *Rates) Set(text string) error {
	next := Rates{}
	for endpoint, rate := range *r {
		next[endpoint] = rate
	}
	for part := range strings.SplitSeq(text, ",") {
		endpoint, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		known := false
		for _, name := range Endpoints {
			known = known || name == endpoint
		}
		if !known {
			return fmt.Errorf("%q is no endpoint; these are: %s", endpoint, strings.Join(Endpoints, ", "))
		}
		rate, err := ParseRate(value)
		if err != nil {
			return err
		}
		next[endpoint] = rate
	}
	*r = next
	return nil
}

// Type is the name of the value in the help text.
func (r Rates) Type() string { return "rates" }
