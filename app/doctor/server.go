package doctor

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// Server checks whether a front door is ready, and compares clocks.
func (r *Report) Server(ctx context.Context, url string, client *http.Client) {
	const check = "front door"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(url, "/")+"/readyz", nil)
	if err != nil {
		r.fail(check, "Give the base URL: https://penstock.example.org", "the URL cannot be read")
		return
	}
	begun := time.Now()
	answer, err := client.Do(request)
	if err != nil {
		r.fail(check, "Is `penstock api` running, and does a proxy or firewall let this machine reach it?", "%s does not answer", url)
		return
	}
	defer answer.Body.Close()
	took := time.Since(begun)
	switch {
	case answer.StatusCode == http.StatusServiceUnavailable:
		r.fail(check, "It is stopping, or cannot reach Redis: its log says which.", "%s is not ready", url)
	case answer.StatusCode != http.StatusOK:
		r.fail(check, "Something else answers at this URL, or a proxy in between.", "%s answered %s to /readyz", url, answer.Status)
	default:
		r.ok(check, "%s is ready, answered in %v", url, took.Round(100*time.Microsecond))
	}
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		r.seconds("front door clock", date.Sub(begun))
	}
}

// seconds compares with a clock of whole seconds.
func (r *Report) seconds(check string, off time.Duration) {
	if off.Abs() <= 2*time.Second {
		off = 0
	}
	r.skew(check, off)
}
