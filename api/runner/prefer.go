package runner

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/api/httpx"
)

// Preference is what a caller prefers to waiting for the whole run (RFC 7240).
type Preference struct {
	Given   bool
	Wait    time.Duration // zero: not at all
	Applied string        // for Preference-Applied
}

// ParsePrefer reads respond-async and wait=N. Together they mean: wait that
// long, then answer with the handle, which wait=N means here by itself. What
// is unknown or unreadable is ignored, as the RFC demands.
func ParsePrefer(h http.Header) Preference {
	var p Preference
	waits := false
	for _, line := range h.Values("Prefer") {
		for member := range strings.SplitSeq(line, ",") {
			member, _, _ = strings.Cut(member, ";") // parameters mean nothing here
			name, value, _ := strings.Cut(strings.TrimSpace(member), "=")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "respond-async":
				if !p.Given {
					p = Preference{Given: true, Applied: "respond-async"}
				}
			case "wait":
				seconds, ok := httpx.ParseSeconds(strings.Trim(strings.TrimSpace(value), `"`))
				if ok && !waits { // the first one counts
					waits = true
					p = Preference{Given: true, Wait: seconds, Applied: "wait=" + strconv.Itoa(int(seconds/time.Second))}
				}
			}
		}
	}
	return p
}
