package runner

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/api/httpx"
)

// Preference is the header Prefer (RFC 7240) of a request: how long the caller is willing to wait for the run.
type Preference struct {
	Given   bool
	Wait    time.Duration // zero: do not wait
	Applied string        // value of the header Preference-Applied
}

// notToWait returns the preference of a caller who is not asked, because the run waits for further events.
func (p Preference) notToWait() Preference {
	async := Preference{Given: true}
	if p.Given && p.Wait == 0 {
		async.Applied = p.Applied
	}
	return async
}

// ParsePrefer parses respond-async and wait=N. wait=N means to wait N seconds and then to respond with 202, with or
// without respond-async. Unknown and invalid preferences are ignored, as the RFC requires.
func ParsePrefer(h http.Header) Preference {
	var p Preference
	waits := false
	for _, line := range h.Values("Prefer") {
		for member := range strings.SplitSeq(line, ",") {
			member, _, _ = strings.Cut(member, ";") // parameters have no meaning here
			name, value, _ := strings.Cut(strings.TrimSpace(member), "=")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "respond-async":
				if !p.Given {
					p = Preference{Given: true, Applied: "respond-async"}
				}
			case "wait":
				seconds, ok := httpx.ParseSeconds(strings.Trim(strings.TrimSpace(value), `"`))
				if ok && !waits { // only the first one counts
					waits = true
					p = Preference{Given: true, Wait: seconds, Applied: "wait=" + strconv.Itoa(int(seconds/time.Second))}
				}
			}
		}
	}
	return p
}
