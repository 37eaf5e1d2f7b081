package view

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/sender"
)

// Deliveries is a page of what arrived at the webhook of a flow, and of what to enter at its sender.
type Deliveries struct {
	FlowRow
	Show     string // filter, see DeliveryFilters; empty: all
	Items    []Arrival
	Older    string    // position after which the next page starts; empty: there is none
	LookedTo time.Time // how far back the page looked for those of its filter; zero: to the end, or until it was full
	Later    bool      // it is not the first page
	Away     bool      // the history does not answer: only deliveries that Redis still has are listed

	Recording deliveries.Recording
	Setup     Setup // of the page, not of its fragment

	LastAccepted, LastRejected, LastAnswered *deliveries.Delivery // nil: Redis has none
}

// listPath is the address of the list with its filter.
func (d Deliveries) listPath(show string) string {
	if show == "" {
		return d.path() + "/deliveries"
	}
	return d.path() + "/deliveries?show=" + url.QueryEscape(show)
}

// olderPath is the address of the next page.
func (d Deliveries) olderPath() string {
	return d.path() + "/deliveries?" + url.Values{"show": {d.Show}, "after": {d.Older}}.Encode()
}

// Delivery is one delivery.
type Delivery struct {
	FlowRow
	Arrival
	Content      *deliveries.Content // nil: not kept
	Checks       []Check             // of its proof; nil: it is not known which failed
	ChecksOfNow  bool                // they are those of the current version of the flow
	Repeatable   bool
	Unrepeatable string // why it is not
	Test         string // entry for the tests of the flow's file
}

// SetChecks says which checks of the proof it passed; now: by the current version of the flow, which may not be the one that judged it.
func (d *Delivery) SetChecks(ctx context.Context, s *sender.Scheme, now bool) {
	d.Checks, d.ChecksOfNow = checksOf(ctx, &d.Arrival.Delivery, s), now
}

func (d Delivery) path() string {
	return d.FlowRow.path() + "/deliveries/" + strconv.FormatInt(d.Arrival.Number, 10)
}

// Capture is what came to a capture.
type Capture struct {
	deliveries.Capture
	URL      string // for the sender
	Ended    bool
	Proposed []string // for each request the lines that describe a sender that the catalogue does not have; empty: nothing tells it
}

// flowPath is the editor with a new flow for a request; sender: that of the catalogue that it may come from, or empty.
func (c Capture) flowPath(request int, sender string) string {
	q := url.Values{"request": {strconv.Itoa(request)}}
	if sender != "" {
		q.Set("sender", sender)
	}
	return c.path() + "/flow?" + q.Encode()
}

func (c Capture) path() string { return Root + "/captures/" + c.Token }

// findingAbout says which word of the description and which secret a finding is about.
func findingAbout(f deliveries.Finding) string {
	switch {
	case f.Word == "":
		return f.Secret
	case f.Secret == "":
		return "verify." + f.Word
	}
	return "verify." + f.Word + ", " + f.Secret
}

// verdictClass is the class of a verdict's tag.
func verdictClass(v deliveries.Verdict) string {
	switch v {
	case deliveries.Accepted:
		return "good"
	case deliveries.Rejected:
		return "bad"
	}
	return ""
}
