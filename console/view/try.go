package view

import (
	"github.com/penstock/penstock/console/diagram"
	"github.com/penstock/penstock/console/samples"
)

// TryForm is a flow with example events to run it with.
type TryForm struct {
	FlowRow
	Event     string // initial event, JSON
	Samples   []diagram.Sample
	TakesData bool // callers send an event
}

// KeyName is an API key in a selection.
type KeyName struct{ Key, Name string }

// CallExamples are the example requests that run a flow.
type CallExamples struct {
	TryForm
	Keys    []KeyName
	Chosen  string
	Signed  string // SmartSYNC URL with the current timestamp; empty: there is no key to sign with
	Samples []samples.Sample
}
