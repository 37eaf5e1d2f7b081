// Package flows is the flow language: its types (flow, step, item, run), and the parsing, validation, compilation and
// execution of flows. It does not depend on HTTP, queues or Redis.
package flows

import (
	"cmp"
	"slices"
	"time"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/payload"
)

// Flow is a parsed, checked and compiled flow. It is immutable and safe for concurrent use.
type Flow struct {
	Number  int64  // the flow's id
	Slug    string // empty: none
	Name    string
	Tags    []string // by which people find it, in the order of the file; nil: none
	Folder  string   // in which rights are granted: "crm/contacts"; empty: the top
	Enabled bool     // its own schedule or poll fires; the API can run it in any case
	Version string   // SHA-256 of Source, 64 hex digits
	Source  []byte

	// Limit is the maximum duration of a run: run.limit, default 60 s, at most 24 h. An API process waits at most 60
	// s of it for the output.
	Limit            time.Duration
	Queue            string       // run.queue, "default" by default
	Concurrency      *Concurrency // nil: no limit
	Debounce         *Debounce    // run.debounce; nil: each event is a run
	Batch            *Batch       // run.batch; nil: likewise
	Share            int          // run.share, in percent; 0: the workers' --flow-share
	FairBy           *Template    // run.fair_by: runs of each value take turns; nil: none
	Retry            *Retry       // run.retry; nil: a run that fails has ended
	CancelWithCaller bool         // run.cancel_with_caller: a run that a caller waits for ends when the caller does not wait any more
	RecordItems      bool         // run.record is "items": the run's record includes output items of the steps

	OnFailure *OnFailure // nil: nothing follows the failure of a run
	Keep      Keep       // how long the history keeps its runs

	Webhook  *Webhook  // nil: the trigger is not a webhook
	HTTP     *HTTP     // nil: the trigger is not http
	Schedule *Schedule // nil: the trigger is neither a schedule nor a poll
	Alert    *Alert    // nil: the trigger is not alert
	Topic    string    // whose events start a run; empty: the trigger is not topic
	Messages *Messages // nil: the trigger is not one of a module
	Tool     *Tool     // nil: the flow is no tool
	Detailed bool      // errors of a webhook or manual trigger is "detailed": callers get the messages of failed steps
	Vars     map[string]any
	Output   any // output_schema: JSON Schema of an output item; nil: not declared

	labels        []Field // of its runs in the history
	steps         *Block
	allSteps      []*step   // in the order of the file, nested ones after the step that they are nested in
	topSteps      []topStep // those that are not nested
	afterResponse *Block    // the after_response steps; nil: none
	respondsFile  bool      // some respond step has a file
	varNames      []string
	needsVars     bool // some var has no value of its own
	tests         []test
	redacts       []string // fields that some step redacts
	externalSteps []ExternalStep
	uses          []Use
	warnings      problem.List // see Warnings
	schema        *Validator
	output        *Validator // of Output; nil without

	expressionTime time.Duration // run.expression_time; 0: the default

	reads [ofSecret + 1]bool // by kind of variable: some program reads it
}

// limitOf returns the maximum duration of a run.
func (f *Flow) limitOf(run *Run) time.Duration {
	if run.Failure != nil && f.OnFailure != nil {
		return f.OnFailure.Limit
	}
	return f.Limit
}

// Warnings are what is valid in the file and probably not what is meant, each with a Code and a Hint; nil: nothing.
func (f *Flow) Warnings() problem.List { return f.warnings }

// Responds reports whether the flow may answer its caller before it ends.
func (f *Flow) Responds() bool { return f.steps.Responds() || f.afterResponse != nil }

// RespondsWithFile reports whether some step may answer the caller with a file.
func (f *Flow) RespondsWithFile() bool { return f.respondsFile }

// Headers are the request headers that the flow reads, lower-case.
func (f *Flow) Headers() []string {
	if all := f.headers(); all != nil {
		return *all
	}
	return nil
}

// headers is where the headers are declared; nil: the trigger has none.
func (f *Flow) headers() *[]string {
	switch {
	case f.Webhook != nil:
		return &f.Webhook.Headers
	case f.HTTP != nil:
		return &f.HTTP.Headers
	}
	return nil
}

// Webhook is a webhook trigger.
type Webhook struct {
	Params         []string     // query parameters that the flow reads
	Headers        []string     // request headers that the flow reads, lower-case: declared, or named in an expression
	Schema         any          // JSON Schema of the event; nil: none. Execute checks it
	IdempotencyKey *Template    // nil: none; rendered by Flow.Key
	Methods        []string     // of deliveries; empty: POST
	BodyForm       payload.Form // how a body becomes the event; empty: by its content type
	MaxBody        int64        // maximum size in bytes of a body with files; 0: files are part of the event
	Verify         *Verify      // how the sender authenticates; nil: the webhook URL accepts none, only the API does
	Reply          string       // "result": the sender waits; "ack": the sender is answered at once
	OnRedelivery   string       // what a delivery does whose first run failed: "resume" continues that run, "rerun" starts anew
}

// Concurrency limits the runs of a flow that execute at once.
type Concurrency struct {
	Limit    int
	Key      *Template // the limit applies to each value of it; nil: to the flow
	WhenFull string    // "queue", "reject" or "drop_oldest"
}

// Run is the input of one execution of a flow.
type Run struct {
	ID        string
	Origin    string // the first of the runs that this one continues, whose effects and files are its own; empty: none
	Attempt   int    // from 1
	Principal string // who called, "key:<key>"; empty for a schedule or poll
	Event     any    // decoded with exact numbers; nil for a call without a body
	Params    map[string]string
	Headers   map[string]string // those that the flow declares, with lower-case names
	Deadline  time.Time         // zero: the flow's own limit, from the start of the execution
	Failure   *Failure          // the run executes on_failure, and Event is that of the run that failed; nil: it executes the flow's steps
}

// origin returns the id under which other systems know the run's effects, and under which its files are stored.
func (r *Run) origin() string { return cmp.Or(r.Origin, r.ID) }

// flowParams are the fields of a flow file, without the triggers of modules; see Catalogue.FlowParams.
var flowParams = []Param{
	{Name: "flow", Type: TypeLiteral, Required: true, Summary: "The flow's number, which callers use."},
	{Name: "slug", Type: TypeString, Summary: "A name for URLs: small letters, digits and -, not digits alone."},
	{Name: "name", Type: TypeString, Summary: "What the flow does, in a few words."},
	{Name: "description", Type: TypeString, Summary: "Further information for readers."},
	{Name: "tags", Type: TypeStrings, Summary: "Words by which the console and the API list flows, for instance `[crm, nightly]`: small letters, digits, - and _, at most 32 each, and at most 10 of them."},
	{Name: "folder", Type: TypeString, Summary: "The [folder](folders.md) of the flow, in which people have rights, for instance `crm/contacts`: at most 4 names of small letters, digits and -, each at most 32, with / between them. Without it the flow is at the top."},
	{Name: "enabled", Type: TypeBool, Default: "true", Summary: "Whether its own schedule or poll fires. The API runs the flow either way."},
	{Name: "trigger", Type: TypeObject, Short: true, Default: "manual", Summary: "What starts a run without the API.", Fields: triggerParams},
	{Name: "on", Type: TypeObject, Short: true, Summary: "A synonym of trigger.", Fields: triggerParams},
	{Name: "run", Type: TypeObject, Summary: "How runs of the flow are executed.", Fields: []Param{
		{Name: "limit", Type: TypeDuration, Default: "60s", Summary: "How long a run may take, at most 24h. A caller that waits gets a response after 60s at the latest: 202 with the address of a run that may take longer, see [long runs](concurrency.md#runs-that-take-longer-than-their-caller-waits)."},
		{Name: "cancel_with_caller", Type: TypeBool, Default: "false", Summary: "Whether a run that a caller waits for ends when the caller does not wait any more: after 60s, or when its connection ends."},
		{Name: "expression_time", Type: TypeDuration, Default: "250ms", Summary: "Processor time that one evaluation of an expression may take, at most 5s, beside 20 µs for each element of a list that goes in and each value that comes out."},
		{Name: "queue", Type: TypeString, Default: "default", Summary: "The queue whose workers execute the flow."},
		{Name: "share", Type: TypeInt, Summary: "The part of the queue's slots, in percent, that the flow gets while runs of other flows wait; alone it may use all. The workers' `--flow-share` by default."},
		{Name: "fair_by", Type: TypeTemplate, Summary: "The key of a run: while runs of the flow wait for a slot, its keys take turns, for instance `${ $run.principal }`. Without it the run that was accepted first is next."},
		{Name: "record", Type: TypeEnum, Enum: []string{"steps", "items"}, Default: "steps", Summary: "What the run's record holds of each step: its outcome or, in addition, the first 20 items that it returned, up to 256 KiB per run, and 10 HTTP requests that succeeded, with the fields of `redact` masked."},
		{Name: "retry", Type: TypeObject, Summary: "Executes a run that failed again after a pause: results of effects are kept, the failed step and what follows is executed. A number is short for `attempts`.", Fields: runRetryParams},
		{Name: "debounce", Type: TypeObject, Summary: "Events that follow each other quickly are one run, with the [last event](concurrency.md#debounce).", Fields: debounceParams},
		{Name: "batch", Type: TypeObject, Summary: "Events are collected, and are one run with the [list of them](concurrency.md#batch).", Fields: batchParams},
		{Name: "concurrency", Type: TypeObject, Summary: "Limits the runs that execute at once.", Fields: []Param{
			{Name: "limit", Type: TypeInt, Inline: true, Required: true, Summary: "Runs at once."},
			{Name: "key", Type: TypeTemplate, Summary: "The limit applies to each value of this, not to the flow as a whole."},
			{Name: "when_full", Type: TypeEnum, Enum: []string{"queue", "reject", "drop_oldest"}, Default: "queue", Summary: "What happens to a run beyond the limit: it waits, it fails, or the oldest executing one is cancelled for it."},
		}},
	}},
	{Name: "keep", Type: TypeObject, Summary: "How long the [history](history.md) keeps runs of the flow after their end.", Fields: keepParams},
	{Name: "labels", Type: TypeFields, Summary: "Values of the event by which runs are found in the [history](history.md), for instance `order: ${ .order.number }`; at most 10."},
	{Name: "vars", Type: TypeLiteral, Summary: "Values that programs read as `$vars.NAME`. [The environment](flow-language.md#variables-of-the-environment) may have others, and must have one for a var that is null."},
	{Name: "steps", Type: TypeSteps, Required: true, Summary: "The steps that items pass through."},
	{Name: "on_failure", Type: TypeObject, Summary: "Steps of a run of its own that starts when a run of the flow fails or takes too long. They get its event as their item, and `$error`.", Fields: []Param{
		{Name: "steps", Type: TypeSteps, Inline: true, Required: true, Summary: "The steps."},
		{Name: "limit", Type: TypeDuration, Default: "60s", Summary: "How long that run may take, at most 24h."},
	}},
	{Name: "tool", Type: TypeObject, Summary: "Makes the flow a [tool](mcp.md) for clients of the Model Context Protocol (MCP). A text is short for `description`.", Fields: toolParams},
	{Name: "output_schema", Type: TypeLiteral, Summary: "JSON Schema of each item of the output, for the documentation of an `http` trigger's API and of a `tool`; the flow's tests check it."},
	{Name: "tests", Type: TypeList, Summary: "Executions without network, with the expected output.", Fields: testParams},
}

var triggerParams = []Param{
	{Name: "webhook", Type: TypeObject, OneOf: "trigger", Summary: "A request whose body becomes the event.", Fields: []Param{
		{Name: "params", Type: TypeStrings, Summary: "Query parameters that programs read as `$params.NAME`."},
		{Name: "headers", Type: TypeStrings, Summary: "Headers that programs read as `$headers[\"name\"]`. Naming one in a program declares it too."},
		{Name: "body", Type: TypeEnum, Enum: bodyForms, Default: "auto", Summary: bodySummary},
		{Name: "max_body", Type: TypeString, Summary: maxBodySummary},
		{Name: "schema", Type: TypeLiteral, Summary: "JSON Schema of the event; a run whose event violates it fails at once."},
		{Name: "idempotency_key", Type: TypeTemplate, Summary: "Requests with the same key are one run. A key that is null has no effect; a null within a text is a mistake of the request."},
		{Name: "methods", Type: TypeStrings, Default: "[POST]", Summary: "Methods of deliveries at `/hooks/{flow}`: `POST`, `GET`. The event of a GET is an object of its query parameters."},
		{Name: "verify", Type: TypeObject, Summary: "How the sender authenticates at `/hooks/{flow}`; without it every request there is refused.", Fields: verifyParams},
		{Name: "reply", Type: TypeEnum, Enum: []string{"result", "ack"}, Default: "result", Summary: "Whether the sender waits for the result or gets 202 at once."},
		errorsParam,
		{Name: "on_redelivery", Type: TypeEnum, Enum: []string{"resume", "rerun"}, Default: "resume", Summary: "What happens when a delivery comes again whose run failed: a run that continues the failed one, without what that one has done, or a run from the start."},
	}},
	{Name: "schedule", Type: TypeObject, OneOf: "trigger", Summary: "Times at which a run starts.", Fields: scheduleParams},
	{Name: "poll", Type: TypeObject, OneOf: "trigger", Summary: "A schedule whose flow asks a source for new data: `$event.watermark` is the value that a `state` step set as `watermark` in an earlier run. One run at a time.", Fields: pollParams},
	{Name: "http", Type: TypeList, Single: true, OneOf: "trigger", Fields: httpParams, Summary: "Requests at a path of the flow's own; several operations are a list."},
	{Name: "alert", Type: TypeObject, OneOf: "trigger", Summary: "What runs, queues and schedules do that somebody should hear of: see [alerts](alerts.md). The event is an object of `alerts`.", Fields: alertParams},
	{Name: "topic", Type: TypeString, OneOf: "trigger", Names: ResourceTopic, Hint: "one flow subscribes to one topic", Summary: "The [topic](topics.md) whose events start a run each; the event is what was published."},
	{Name: "manual", Type: TypeObject, OneOf: "trigger", Summary: "Only the API starts a run.", Fields: []Param{errorsParam}},
}

// detailedErrors is the value of errorsParam for callers that may know hosts and settings.
const detailedErrors = "detailed"

// errorsParam is what a caller that waits gets to know of a step's failure.
var errorsParam = Param{
	Name: "errors", Type: TypeEnum, Enum: []string{"brief", detailedErrors}, Default: "brief",
	Summary: "What a caller that waits gets to know when a step fails: that it failed, or also the message, which may name hosts and settings. The messages of `fail` and `validate` are always sent.",
}

func (c *compiler) trigger(a *Args) {
	t := a.Object("trigger")
	if on := a.Object("on"); on != nil {
		if t != nil {
			c.Add(mistake.ExclusiveKeys, a.places["on"], "keep trigger", "trigger and on are the same")
		} else {
			t = on
		}
	}
	if t == nil {
		return
	}
	if w := t.Object("webhook"); w != nil {
		c.webhook(w)
	}
	if at, given := t.places["http"]; given {
		c.http(t.List("http"), at)
	}
	for _, word := range []string{"webhook", "manual"} {
		if o := t.Object(word); o != nil {
			c.flow.Detailed = o.String("errors") == detailedErrors
		}
	}
	if t.Has("topic") {
		c.flow.Topic = t.String("topic")
		if reason := CheckTopic(c.flow.Topic); reason != "" {
			c.Add(mistake.BadName, t.places["topic"], "", "topic: %s", reason)
		}
	}
	if al := t.Object("alert"); al != nil {
		c.flow.Alert = c.alert(al)
	}
	for _, word := range []string{"schedule", "poll"} {
		if s := t.Object(word); s != nil {
			c.flow.Schedule = c.schedule(s, word == "poll")
		}
	}
	for _, s := range c.catalogue.sources {
		if m := t.Object(s.Name); m != nil {
			c.messages(m, s)
		}
	}
}

func (c *compiler) webhook(a *Args) {
	w := c.flow.Webhook
	for _, name := range w.Params {
		if !paramForm.MatchString(name) || slices.Contains([]string{"flow", "key", "ts", "check"}, name) {
			c.Add(mistake.BadName, a.places["params"], "", "params: %q cannot be a query parameter: letters, digits, - and _, and not flow, key, ts or check", name)
		}
	}
	for _, name := range w.Headers {
		if slices.Contains(secretHeaders, name) {
			c.Add(mistake.CredentialRead, a.places["headers"], "", "headers: %s carries a credential: no expression can read it", name)
		}
	}
	if w.IdempotencyKey = a.Template("idempotency_key"); a.Has("reply") {
		w.Reply = a.String("reply")
	}
	if a.Has("on_redelivery") {
		w.OnRedelivery = a.String("on_redelivery")
	}
	w.BodyForm, w.MaxBody = payload.Form(a.String("body")), c.maxBody(a)
	if a.Has("schema") {
		schema, err := NewValidator(a.Literal("schema"))
		if err != nil {
			c.Add(mistake.Of(err, mistake.BadSchema), a.places["schema"], "", "schema: %v", err)
		}
		c.flow.schema, w.Schema = schema, a.Literal("schema")
	}
	w.Methods = a.Strings("methods")
	if v := a.Object("verify"); v != nil {
		c.verify(v, w)
	}
	c.checkMethods(a, w)
	c.checkMaxBody(a, w)
}

// checkMaxBody reports a max_body that deliveries cannot reach, because their bodies are read as a whole before anything else.
// It may still be there for the files of forms.
func (c *compiler) checkMaxBody(a *Args, w *Webhook) {
	switch v := w.Verify; {
	case w.MaxBody == 0 || v == nil || v.Sender == nil:
	case v.Open != nil && w.MaxBody > int64(v.Open.MaxBody):
		c.Add(mistake.IncompatibleSettings, a.places["max_body"], "raise max_body of verify, or write at most as much here", "max_body: a sender without a proof sends at most the %d bytes of max_body of verify", v.Open.MaxBody)
	case v.Open == nil && v.Sender.ReadsBody() && w.MaxBody > wholeBody:
		c.Add(mistake.IncompatibleSettings, a.places["max_body"], "write max_body: 1MB, or verify by token or basic", "max_body: the scheme %s signs the body, which is therefore read as a whole, and may be as large as --max-body (1 MiB by default)", v.Scheme)
	}
}

// wholeBody is the default of --max-body in bytes: more than that is not read as a whole, unless the server says so.
const wholeBody = 1 << 20
