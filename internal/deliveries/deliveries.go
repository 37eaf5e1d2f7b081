// Package deliveries keeps what arrived at webhooks: for each delivery the verdict and its reasons, and, while the flow is
// recorded, its headers and body. Redis has the newest deliveries, and a history all of them, without headers and bodies.
package deliveries

import (
	"context"
	"net/http"
	"time"
)

// Limits of what is kept.
const (
	// maxKept is the maximum number of accepted deliveries of a flow in Redis, and of rejected ones.
	maxKept = 100
	// retention is how long Redis keeps the deliveries of a flow after the last one.
	retention = 7 * 24 * time.Hour
	// countRetention is how long the count of a flow goes on after the last one: a number does not come twice in the history.
	countRetention = 2 * 366 * 24 * time.Hour
	// maxOutbox is the approximate maximum number of deliveries that wait for the history; older ones are dropped.
	maxOutbox = 20_000
	// MaxBody is the maximum size in bytes of a body that is kept.
	MaxBody = 64 << 10
	// maxHeader is the maximum size in bytes of the headers that are kept, and maxValue of one value.
	maxHeader, maxValue = 16 << 10, 4 << 10

	// DefaultRecording and MaxRecording are how long a flow is recorded.
	DefaultRecording, MaxRecording = time.Hour, 24 * time.Hour
	// MaxRecorded is the maximum number of requests that a recording may be limited to: that of the deliveries in Redis.
	MaxRecorded = 2 * maxKept
)

// Verdict is what became of a delivery.
type Verdict string

// The verdicts.
const (
	Accepted Verdict = "accepted" // it is a run
	Answered Verdict = "answered" // it asked a question about the URL, which was answered
	Rejected Verdict = "rejected"
)

// Delivery is a request that arrived at the webhook of a flow. It has neither its headers nor its body.
type Delivery struct {
	Flow        int64     `json:"-"`
	Version     string    `json:"version,omitempty"` // of the flow, which judged it; empty: it is not known
	Number      int64     `json:"delivery"`          // counts up for each flow, from 1
	At          time.Time `json:"at"`                // time of writing
	Method      string    `json:"method"`
	Verdict     Verdict   `json:"verdict"`
	Status      int       `json:"status"`             // of the response
	Code        string    `json:"code,omitempty"`     // of the problem
	Why         string    `json:"why,omitempty"`      // the reason of a rejection, which the sender may not have got
	Findings    []Finding `json:"findings,omitempty"` // what is wrong with the proof
	Run         string    `json:"run_id,omitempty"`
	Repeated    bool      `json:"repeated,omitempty"` // the run is that of an earlier, equal delivery
	IP          string    `json:"ip"`
	RequestID   string    `json:"request_id"`
	ContentType string    `json:"content_type,omitempty"`
	Size        int64     `json:"size"`     // of the body as sent, in bytes
	Recorded    bool      `json:"recorded"` // Content returns its headers and body, unless the recording has ended

	// Content returns the headers and the body, without secrets; nil: the flow is not recorded. It is called later, and
	// must not use what ends with the request. After an error the delivery is kept without them.
	Content func(ctx context.Context) (*Content, error) `json:"-"`
}

// Recording is how long, and of how many requests, the headers and bodies are kept.
type Recording struct {
	Until time.Time // its end; zero: nothing is recorded
	Rest  int       // number of further requests that are recorded; negative: as many as come
}

// Finding is something that is wrong with a proof.
type Finding struct {
	Word   string `json:"word,omitempty"`   // of trigger.webhook.verify that it is about
	Secret string `json:"secret,omitempty"` // name of the secret that it is about
	Text   string `json:"text"`
}

// Content is what a request has, without secrets. Text in place of a secret is mask.Text.
type Content struct {
	Query   string      `json:"query,omitempty"`
	Header  http.Header `json:"headers"`
	Body    string      `json:"body,omitempty"`    // without its Content-Encoding
	Omitted string      `json:"omitted,omitempty"` // why there is no body
	Masked  bool        `json:"masked,omitempty"`  // something in Query or Body was a secret
}

// UnrepeatableError says why a delivery cannot be repeated.
type UnrepeatableError struct{ Reason string }

func (e *UnrepeatableError) Error() string { return "the delivery cannot be repeated: " + e.Reason }

// Repeatable returns an *UnrepeatableError if the content, which may be nil, is not complete.
func (c *Content) Repeatable() error {
	switch {
	case c == nil:
		return &UnrepeatableError{"its headers and its body are not kept"}
	case c.Omitted != "":
		return &UnrepeatableError{"its body is not kept: " + c.Omitted}
	}
	return nil
}
