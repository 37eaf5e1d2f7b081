// Package webhook sends webhooks as Standard Webhooks (standardwebhooks.com) describes them: signed, and tried again
// over hours. A Store accepts deliveries and has the record of them; each is an asynq task, which a Sender of any
// process handles.
package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"time"
)

// The bounds of a delivery.
const (
	MaxBody    = 256 << 10 // bytes of the body
	MaxSecrets = 4         // secrets that sign one delivery
	maxURL     = 2048      // bytes of a URL
)

// State is the state of a delivery.
type State string

const (
	Pending   State = "pending"   // it is tried, or waits for its next try
	Delivered State = "delivered" // the endpoint has answered with a status 2xx
	Failed    State = "failed"    // no try succeeded, and there is no further one
	Disabled  State = "disabled"  // its endpoint was disabled before a try succeeded
)

// States lists all states.
func States() []State { return []State{Pending, Delivered, Failed, Disabled} }

// Message is a webhook to deliver.
type Message struct {
	ID      string // of the delivery, see IDOf
	Flow    int64
	Run     string   // id of the run that sends it
	URL     string   // https, or http where Config.AllowHTTP is set
	Secrets []string // names of the stored secrets that sign it, at least one
	// Receiver makes the secrets those of one receiver, see ReceiverKey; empty: the stored secrets sign.
	Receiver string
	Type     string // type of the event, such as "order.paid"
	Data     []byte // JSON
}

// IDOf returns the id of the delivery with a key: equal keys are one delivery.
func IDOf(key string) string { return "msg_" + digest(key) }

// Delivery is the record of a webhook.
type Delivery struct {
	ID       string          `json:"id"`
	Flow     int64           `json:"flow"`
	Run      string          `json:"run_id"`
	Type     string          `json:"type"`
	URL      string          `json:"url"`         // without user information and query, which may be secret
	Endpoint string          `json:"endpoint_id"` // id of the endpoint
	State    State           `json:"state"`
	Created  time.Time       `json:"created_at"`
	Next     time.Time       `json:"next_try_at,omitzero"` // of a pending delivery
	Tries    []Try           `json:"tries"`                // the latest, oldest first, at most 20
	Body     json.RawMessage `json:"body,omitempty"`       // absent in listings

	round    int      // from 1; each redelivery begins the next one
	count    int      // tries of the round
	target   string   // complete URL
	secrets  []string // names
	receiver string
}

// Try is one request of a delivery.
type Try struct {
	At       time.Time `json:"at"`
	Millis   int64     `json:"ms"`                 // duration in milliseconds
	Status   int       `json:"status,omitempty"`   // of the response; 0: there was none
	Error    string    `json:"error,omitempty"`    // why it failed; empty: it did not
	Response string    `json:"response,omitempty"` // beginning of the body of a response that is no success, on one line
}

// Endpoint is a URL to which a flow sends webhooks.
type Endpoint struct {
	ID       string    `json:"id"`
	URL      string    `json:"url"` // without user information and query, which may be secret
	Used     time.Time `json:"used_at"`
	Success  time.Time `json:"succeeded_at,omitzero"`
	Failure  time.Time `json:"failed_at,omitzero"`
	Failing  time.Time `json:"failing_since,omitzero"` // first failure after the last success
	Failures int       `json:"failures"`               // since the last success
	Disabled time.Time `json:"disabled_at,omitzero"`   // zero: it is enabled
	Reason   string    `json:"reason,omitempty"`       // why it is disabled: "gone", "failing" or "manual"
}

// eventType is what Standard Webhooks recommends for the type of an event: names with dots between them.
var eventType = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// check returns the parsed URL of a message that can be sent.
func (m *Message) check(allowHTTP bool) (*url.URL, error) {
	target, err := parseURL(m.URL, allowHTTP)
	switch {
	case err != nil:
		return nil, err
	case len(m.Secrets) == 0 || len(m.Secrets) > MaxSecrets:
		return nil, fmt.Errorf("%d secrets sign it; 1 to %d can", len(m.Secrets), MaxSecrets)
	case len(m.Type) > 128 || !eventType.MatchString(m.Type):
		return nil, fmt.Errorf("%.140q is no type of an event, such as order.paid: letters, digits, _ and -, with dots between them, 128 at most", m.Type)
	}
	return target, nil
}

// parseURL accepts absolute https URLs. Its errors show nothing of a URL that may be secret.
func parseURL(text string, allowHTTP bool) (*url.URL, error) {
	target, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxURL:
		return nil, errors.New("the URL cannot be parsed, or is longer than 2048 bytes")
	case target.Scheme == "http" && !allowHTTP:
		return nil, fmt.Errorf("%q is not an https:// URL", shown(target))
	case target.Scheme != "https" && target.Scheme != "http", target.Hostname() == "":
		return nil, errors.New("the URL is not one such as https://example.org/hook")
	}
	target.Fragment, target.RawFragment = "", ""
	return target, nil
}

// shown returns a URL without user information and query.
func shown(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }
