package view

import (
	"context"
	"net/url"
	"time"

	"github.com/penstock/penstock/console/diagram"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/samples"
	"github.com/penstock/penstock/internal/deliveries"
)

// TryForm is a flow with what it may be tried with.
type TryForm struct {
	FlowRow
	Event     string // initial event, JSON
	From      string // what it is of, as in "run 0123"; empty: of a test, or made up
	Samples   []diagram.Sample
	TakesData bool // callers send an event

	Headers, Params []TryValue            // that the flow reads
	Mocks           string                // of its steps with effects, JSON; empty: it has none
	Runs            []TryRun              // the latest
	Deliveries      []deliveries.Delivery // recorded ones, the latest
	Missing         []string              // what the server does not have
	NoWorker        string                // queue that no worker serves; empty: one does
}

// TryValue is a header or a parameter of a try.
type TryValue struct{ Name, Value string }

// TryRun is a run whose event a try may begin with.
type TryRun struct {
	ID, State string
	At        time.Time
}

func (t TryForm) fromPath(what, id string) string {
	return t.path() + "/try?" + url.Values{what: {id}}.Encode()
}

// sources reports whether there is anything to begin with.
func (t TryForm) sources() bool { return len(t.Samples)+len(t.Runs)+len(t.Deliveries) > 0 }

// DryRun is the result of a run that did nothing.
type DryRun struct {
	Output  []byte // JSON; nil: it failed
	Failure *Failure
	Took    time.Duration
	Mocked  []string // paths of the steps that answered with mocks
}

// KeyName is an API key in a selection.
type KeyName struct{ Key, Name string }

// The ways in which callers can run a flow.
const (
	WayWebhook   = "webhook"
	WayHTTP      = "http"
	WaySmartSYNC = "smartsync"
	WaySigned    = "signed"
	WayNative    = "native"
)

// WayOfSample returns the way that a sample shows.
func WayOfSample(id string) string {
	switch id {
	case "signed":
		return WaySigned
	case "native":
		return WayNative
	}
	return WaySmartSYNC
}

// wayTitle is the text of the tab of a way.
func wayTitle(ctx context.Context, way string) string {
	return map[string]string{WayWebhook: language.T(ctx, "Webhook"), WayHTTP: language.T(ctx, "HTTP"), WaySmartSYNC: language.T(ctx, "SmartSYNC"), WaySigned: language.T(ctx, "Signed API"), WayNative: language.T(ctx, "Users and tokens")}[way]
}

// wayAbout says who calls in a way.
func wayAbout(ctx context.Context, way string) string {
	return map[string]string{
		WayWebhook:   language.T(ctx, "As the sender of the webhook does, with the stored secret."),
		WayHTTP:      language.T(ctx, "As callers of the flow's own paths do."),
		WaySmartSYNC: language.T(ctx, "Callers with an API key, as SmartSYNC signs."),
		WaySigned:    language.T(ctx, "Callers with an API key, over the native API."),
		WayNative:    language.T(ctx, "Users with a password, and programs with an access token."),
	}[way]
}

// CallExamples are the example requests that run a flow, of one way.
type CallExamples struct {
	TryForm
	Ways       []string // that apply to the flow
	Way        string   // the one that is shown; empty: nobody can call the flow
	Keys       []KeyName
	Chosen     string
	Signs      bool   // a signed URL is offered
	Signed     string // SmartSYNC URL with the current timestamp; empty: not asked for
	Samples    []samples.Sample
	Operations []CallOperation // of an http trigger
	Without    string          // why there are no samples; empty: there are
}

// CallOperation is an operation of an http trigger with its example requests.
type CallOperation struct {
	Name, Method, Path string
	Samples            []samples.Sample
}

func (c CallExamples) wayPath(way string) string {
	return c.path() + "/call?" + url.Values{"way": {way}}.Encode()
}
