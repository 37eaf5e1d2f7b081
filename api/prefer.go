package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/api/httpx"
)

// preference is what a caller prefers to waiting for the whole run (RFC 7240).
type preference struct {
	given   bool
	wait    time.Duration // zero: not at all
	applied string        // for Preference-Applied
}

// parsePrefer reads respond-async and wait=N. Together they mean: wait that
// long, then answer with the handle, which wait=N means here by itself. What
// is unknown or unreadable is ignored, as the RFC demands.
func parsePrefer(h http.Header) preference {
	var p preference
	waits := false
	for _, line := range h.Values("Prefer") {
		for member := range strings.SplitSeq(line, ",") {
			member, _, _ = strings.Cut(member, ";") // parameters mean nothing here
			name, value, _ := strings.Cut(strings.TrimSpace(member), "=")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "respond-async":
				if !p.given {
					p = preference{given: true, applied: "respond-async"}
				}
			case "wait":
				seconds, ok := httpx.ParseSeconds(strings.Trim(strings.TrimSpace(value), `"`))
				if ok && !waits { // the first one counts
					waits = true
					p = preference{given: true, wait: seconds, applied: "wait=" + strconv.Itoa(int(seconds/time.Second))}
				}
			}
		}
	}
	return p
}
