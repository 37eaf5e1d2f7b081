package view

import (
	"strconv"
	"time"

	"github.com/penstock/penstock/internal/deliveries"
)

// Deliveries is a page of what arrived at the webhook of a flow.
type Deliveries struct {
	FlowRow
	URL   string // of the webhook
	Items []deliveries.Delivery
	Older string    // position after which the next page starts; empty: there is none
	Later bool      // it is not the first page
	Away  bool      // the history does not answer: only deliveries that Redis still has are listed
	Until time.Time // end of the recording; zero: headers and bodies are not recorded
}

// Delivery is one delivery.
type Delivery struct {
	FlowRow
	deliveries.Delivery
	Content      *deliveries.Content // nil: not kept
	Repeatable   bool
	Unrepeatable string // why it is not
	Test         string // entry for the tests of the flow's file
}

func (d Delivery) path() string {
	return d.FlowRow.path() + "/deliveries/" + strconv.FormatInt(d.Delivery.Number, 10)
}

// Capture is what came to a capture.
type Capture struct {
	deliveries.Capture
	URL   string // for the sender
	Ended bool
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
