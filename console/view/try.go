package view

import (
	"github.com/penstock/penstock/console/picture"
	"github.com/penstock/penstock/console/samples"
)

// Trial is a flow with events to try it with.
type Trial struct {
	FlowRow
	Event     string // to begin with
	Samples   []picture.Sample
	TakesData bool // it starts with what a caller sends
}

// KeyName is an API key to choose from.
type KeyName struct{ Key, Name string }

// Calls is the exact request for each way in.
type Calls struct {
	Trial
	Keys    []KeyName
	Chosen  string
	Signed  string // URL of this moment; empty: there is no key to sign with
	Samples []samples.Sample
}
