package flows

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/flows/internal/mistake"
)

// Debounce makes one run of the events with one key that follow each other quickly. The last event counts.
type Debounce struct {
	Key *Template     // nil: all events of the flow have one key
	For time.Duration // the run begins this long after the last event
	Max time.Duration // and at the latest this long after the first one; 0: no maximum
}

// Batch makes one run of several events with one key. The event of the run has a list of them.
type Batch struct {
	Key    *Template     // nil: all events of the flow have one key
	Size   int           // the run begins with this many events
	Within time.Duration // and at the latest this long after the first one
}

const (
	minCollecting = time.Second // workers look for runs that are due once a second
	maxCollecting = 24 * time.Hour
	maxBatch      = 1000 // events
)

var debounceParams = []Param{
	{Name: "key", Type: TypeTemplate, Summary: "Events with the same key are one run, for instance `${ .order.id }`. By default all events of the flow."},
	{Name: "for", Type: TypeDuration, Required: true, Summary: "The run begins this long after the last event, 1s to 24h."},
	{Name: "max", Type: TypeDuration, Summary: "The run begins at the latest this long after the first event, up to 24h. Without it each event postpones the run."},
}

var batchParams = []Param{
	{Name: "key", Type: TypeTemplate, Summary: "Events with the same key are collected together. By default all events of the flow."},
	{Name: "size", Type: TypeInt, Required: true, Summary: "The run begins with this many events, 2 to 1000, or before a further one would make them larger than 1 MiB."},
	{Name: "within", Type: TypeDuration, Required: true, Summary: "The run begins at the latest this long after the first event, 1s to 24h."},
}

// Collects reports whether a run of the flow waits for further events before it begins. No caller can wait for such a run.
func (f *Flow) Collects() bool { return f.Debounce != nil || f.Batch != nil }

// CollectKey returns the key under which the event of a run about to be accepted is collected. Errors are *Error, also for an
// event that violates the flow's schema, because it would fail the events that it is batched with.
func (f *Flow) CollectKey(ctx context.Context, run Run) (string, error) {
	var setting string
	var key *Template
	if f.Debounce != nil {
		setting, key = "run.debounce.key", f.Debounce.Key
	}
	if f.Batch != nil {
		setting, key = "run.batch.key", f.Batch.Key
		if f.schema != nil {
			if err := f.schema.Check(ctx, run.Event); err != nil {
				return "", SchemaError(err, "event: ", 422)
			}
		}
	}
	if key == nil {
		return "", nil
	}
	text, err := f.Text(ctx, key, run)
	if err != nil {
		return "", &Error{Code: CodeExpression, Message: setting + " cannot be computed: " + err.Error(), Status: 400, Err: err}
	}
	return text, nil
}

// checkBatch checks the event of a run with run.batch, and each event in it.
func (f *Flow) checkBatch(ctx context.Context, event any) error {
	object, _ := event.(map[string]any)
	list, ok := object["events"].([]any)
	if !ok {
		return eventError("expected an object whose member events is a list, as run.batch makes it")
	}
	for i, v := range list {
		entry, ok := v.(map[string]any)
		if !ok {
			return eventError(fmt.Sprintf("events: element %d is not an object with the member event, as run.batch makes it", i))
		}
		if f.schema == nil {
			continue
		}
		if err := f.schema.Check(ctx, entry["event"]); err != nil {
			return SchemaError(err, fmt.Sprintf("event %d: ", i), 422)
		}
	}
	return nil
}

// collect compiles run.debounce and run.batch.
func (c *compiler) collect(a *Args) {
	duration := func(o *Args, name string, least time.Duration) time.Duration {
		d := o.Duration(name)
		if o.Has(name) && (d < least || d > maxCollecting) {
			c.Add(mistake.OutOfRange, o.places[name], "", "%s: expected %v to 24h", name, least)
		}
		return d
	}
	if o := a.Object("debounce"); o != nil {
		d := &Debounce{Key: o.Template("key"), For: duration(o, "for", minCollecting)}
		d.Max = duration(o, "max", d.For)
		c.flow.Debounce = d
		c.checkCollecting(a, "debounce")
	}
	if o := a.Object("batch"); o != nil {
		b := &Batch{Key: o.Template("key"), Size: o.Int("size"), Within: duration(o, "within", minCollecting)}
		if o.Has("size") && (b.Size < 2 || b.Size > maxBatch) {
			c.Add(mistake.OutOfRange, o.places["size"], "", "size: expected 2 to %d", maxBatch)
		}
		c.flow.Batch = b
		c.checkCollecting(a, "batch")
	}
}

// checkCollecting reports what does not go with a run that waits for further events: everything for which a caller waits, and
// triggers that start runs by themselves.
func (c *compiler) checkCollecting(a *Args, setting string) {
	f, at := c.flow, a.places[setting]
	switch {
	case f.Debounce != nil && f.Batch != nil:
		c.Add(mistake.ExclusiveKeys, at, "keep one of them", "%s: debounce and batch exclude each other", setting)
	case f.Schedule != nil || f.Alert != nil:
		c.Add(mistake.IncompatibleSettings, at, "", "%s: only events of webhooks, of the API and of other flows are collected", setting)
	case f.Messages != nil && f.Messages.AfterEnd:
		c.Add(mistake.IncompatibleSettings, at, "write acknowledge: accepted", "%s: the message would be acknowledged only when the run has ended, which waits for further messages", setting)
	case f.HTTP != nil:
		c.Add(mistake.IncompatibleSettings, at, "use trigger: webhook", "%s: the callers of an http trigger wait for its output", setting)
	case f.Webhook != nil && f.Webhook.Verify != nil && f.Webhook.Reply != "ack":
		c.Add(mistake.IncompatibleSettings, at, "write reply: ack", "%s: a sender cannot wait for the result, because the run waits for further events", setting)
	case f.Responds():
		c.Add(mistake.IncompatibleSettings, at, "", "%s: no caller waits for what a respond step sends", setting)
	case f.CancelWithCaller:
		c.Add(mistake.IncompatibleSettings, at, "", "%s: no caller waits for the run, so cancel_with_caller has no meaning", setting)
	case f.Batch != nil && f.MaxBody() > 0:
		c.Add(mistake.IncompatibleSettings, at, "remove max_body", "batch: the files of several requests cannot be those of one run")
	}
}
