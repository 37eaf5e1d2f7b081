package flows

import (
	"context"
	"errors"
	"slices"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/payload"
)

// Source is a trigger that a module adds: each message of a queue, a topic or a mailbox starts a run of the flow. A flow
// names it as its trigger: `trigger: {kafka: {connection: bus, topics: orders}}`.
type Source struct {
	Name    string // the trigger in a flow file: "kafka"
	Summary string // one sentence
	Doc     string // Markdown: explanation beyond the parameters, and the members of the event
	Params  []Param
	Example string // YAML of the trigger

	// Exclusive sources have one consumer of a flow in the fleet, because the server does not divide messages among several.
	Exclusive bool

	// New checks the arguments of the trigger, and returns the consumer. An error of Args.Errorf points at the parameter.
	New func(*Args) (Consumer, error)
}

// Consumer receives the messages of one flow's trigger.
type Consumer interface {
	// Consume connects and hands each message to s.Deliver until ctx ends; then, and when the connection is lost, it returns,
	// and messages that are not done stay with the server, which sends them again. It is called again after an error, with a
	// growing pause. Errors are logged, and must not contain secrets.
	Consume(ctx context.Context, s Subscription) error
}

// Subscription is what a Consumer needs to know.
type Subscription struct {
	Flow     int64  // number of the flow: the default name of a group of consumers contains it
	Client   Client // of the trigger's connection; released by the caller
	InFlight int    // most messages that are not done: there is no use in reading more ahead

	// Ready is called when the consumer is connected and has found what it consumes. It may be called more than once.
	Ready func()

	// Deliver takes one message. It returns when the message is stored as a run, so that one call after the other keeps the
	// order; it blocks while InFlight runs have not ended, and while the queue is full. Its only error is that of a context
	// that ended: the message is not done then.
	Deliver func(ctx context.Context, m Message) error
}

// Message is one message of a source.
type Message struct {
	// Key identifies the message among those of the trigger, also when it is delivered again: equal keys are one run for 24
	// hours. Empty: the server has no identity for it, and each delivery is a run, unless the flow has an idempotency_key.
	Key         string
	Body        []byte
	ContentType string         // media type of the body; empty: unknown
	Event       map[string]any // members of the event besides body, as of JSON
	Unreadable  error          // why no run can hold the message, for instance because it came damaged; nil: it may

	// Done is called once for a delivered message, from any goroutine, before or after Deliver has returned, and not after the
	// context of Consume has ended. nil: acknowledge the message. Otherwise the run failed, or no run can hold the message:
	// reject it, so that a server with dead letters keeps it and does not send it again.
	Done func(failed error)
}

// Messages is a trigger of a module.
type Messages struct {
	Source         string // name of the Source
	Exclusive      bool   // see Source
	Connection     string
	Consumer       Consumer
	BodyForm       payload.Form // how a body becomes the member body of the event; empty: by its content
	AfterEnd       bool         // a message is acknowledged after the end of its run; false: when the run is stored
	InFlight       int          // most runs of messages that have not ended, in each worker
	IdempotencyKey *Template    // in place of Message.Key; nil: none. Rendered by Flow.Key
}

const (
	defaultInFlight = 100
	maxInFlight     = 10_000
	// EventRefused is the member of a message's event that says why no run can hold the message. The run fails with it.
	EventRefused = "refused"
)

// sourceParams are the fields of every trigger of a module.
var sourceParams = []Param{
	{Name: "connection", Type: TypeString, Required: true, Names: ResourceConnection, Hint: "a trigger has one connection", Summary: "Name of the connection."},
	{Name: "body", Type: TypeEnum, Enum: []string{"auto", "json", "text", "bytes"}, Default: "auto", Summary: "How a body becomes the member `body` of the event. `auto` follows the content type that the message has; without one, an object or a list is JSON."},
	{Name: "idempotency_key", Type: TypeTemplate, Summary: "Messages with the same key are one run for 24 hours, in place of what identifies a message for its server. A key that is null has no effect; a null within a text is a mistake of the message."},
	{Name: "acknowledge", Type: TypeEnum, Enum: []string{"accepted", "ended"}, Default: "accepted", Summary: "When a message is acknowledged: when its run is stored, or when the run has ended; a message whose run failed is then rejected."},
	{Name: "in_flight", Type: TypeInt, Default: "100", Summary: "Most runs of messages that have not ended, in each worker, 1 to 10000. Further messages stay with the server."},
}

// FlowParams returns the fields of a flow file, with the triggers of modules, for its reference.
func (c *Catalogue) FlowParams() []Param {
	params := slices.Clone(flowParams)
	if len(c.sources) == 0 {
		return params
	}
	triggers := slices.Clone(triggerParams)
	for _, s := range c.sources {
		triggers = append(triggers, Param{
			Name: s.Name, Type: TypeObject, OneOf: "trigger", Summary: s.Summary, Fields: append(slices.Clone(sourceParams[:1]), append(slices.Clone(s.Params), sourceParams[1:]...)...),
		})
	}
	for i := range params {
		if params[i].Name == "trigger" || params[i].Name == "on" {
			params[i].Fields = triggers
		}
	}
	return params
}

func (c *compiler) messages(a *Args, s Source) {
	m := &Messages{
		Source: s.Name, Exclusive: s.Exclusive, Connection: a.String("connection"), BodyForm: payload.Form(a.String("body")),
		AfterEnd: a.String("acknowledge") == "ended", InFlight: defaultInFlight, IdempotencyKey: a.Template("idempotency_key"),
	}
	if a.Has("in_flight") {
		if m.InFlight = a.Int("in_flight"); m.InFlight < 1 || m.InFlight > maxInFlight {
			c.Add(mistake.OutOfRange, a.places["in_flight"], "", "in_flight: expected 1 to %d", maxInFlight)
		}
	}
	var err error
	if m.Consumer, err = s.New(a); err != nil {
		var p *problem.Problem
		if !errors.As(err, &p) {
			p = problem.At(mistake.Of(err, mistake.BadValue), a.place, "%v", err)
		}
		c.Put(*p)
	}
	c.flow.Messages = m
}

// checkMessage returns why the run of a message fails at once; nil: it does not.
func checkMessage(event any) error {
	members, _ := event.(map[string]any)
	if reason, refused := members[EventRefused].(string); refused {
		return &Error{Code: CodeLimit, Message: "the message cannot be processed: " + reason}
	}
	return nil
}

// Trigger returns the name of what starts the flow besides the API; "manual" when nothing does.
func (f *Flow) Trigger() string {
	switch {
	case f.Webhook != nil:
		return "webhook"
	case f.HTTP != nil:
		return "http"
	case f.Schedule != nil && f.Schedule.Poll:
		return "poll"
	case f.Schedule != nil:
		return "schedule"
	case f.Alert != nil:
		return "alert"
	case f.Topic != "":
		return "topic"
	case f.Messages != nil:
		return f.Messages.Source
	}
	return "manual"
}
