package flows

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/flows/problem"
)

// Limits of the duration of a run.
const (
	defaultLimit = 60 * time.Second
	maxLimit     = 24 * time.Hour

	maxExpressionTime = 5 * time.Second
)

var (
	slugForm   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)
	queueForm  = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	headerForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	paramForm  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// Parse reads, checks and compiles a flow file. file is its name in error messages. What the flow uses of the connectors of the
// catalogue is added to its text: Flow.Source is what later calls need, and Flow.Version that of it. The error is a problem.List: all
// problems of the file.
func Parse(file string, src []byte, catalogue *Catalogue) (*Flow, error) {
	c := newCompiler(file, src, catalogue)
	root := c.documents(string(src))
	if root != nil {
		if text := c.attach(string(src), root); text != string(src) {
			found := c
			c = newCompiler(file, []byte(text), catalogue)
			c.elsewhere, c.unreadable, c.offered = found.elsewhere, found.unreadable, found.offered
			root, src = c.documents(text), []byte(text)
		}
	}
	c.flow = &Flow{Version: VersionOf(src), Source: slices.Clone(src)}
	if root != nil {
		c.file(root)
	}
	for _, d := range c.documentOrder {
		c.checkConnector(d)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	c.flow.warnings = c.Warnings.Sorted()
	return c.flow, nil
}

func newCompiler(file string, src []byte, catalogue *Catalogue) *compiler {
	return &compiler{
		Report: problem.NewReport(file, src), catalogue: catalogue, flow: &Flow{},
		names: map[string]yaml.Place{}, scope: &scope{steps: map[string]int{}, ambiguous: map[string]string{}},
		connectors: map[string]*connectorDoc{}, unreadable: map[string]bool{}, offered: map[string][]string{},
	}
}

// err returns the problems of the file, sorted by position, and those of the connectors in other files; nil when there are none.
func (c *compiler) err() error {
	if len(c.Found) == 0 && len(c.elsewhere) == 0 {
		return nil
	}
	return append(c.Found.Sorted(), c.elsewhere...)
}

// VersionOf returns the version of a flow's source: its SHA-256 in hex.
func VersionOf(src []byte) string {
	sum := sha256.Sum256(src)
	return hex.EncodeToString(sum[:])
}

// file compiles the file. Declarations come before the programs that refer to them.
func (c *compiler) file(root *yaml.Node) {
	if root.Shape != yaml.Mapping {
		c.Add(mistake.WrongType, root.Place, "", "expected a flow, found %s", root.ShapeName())
		return
	}
	c.collectNames(root)
	c.declare(root)
	rest, handler := splitOnFailure(root)
	a := c.arguments(rest, c.catalogue.FlowParams(), "")
	c.head(a)
	if b := a.Steps("steps"); b != nil {
		c.flow.steps, c.flow.afterResponse = b, b.splitAfterResponse()
	}
	c.outputSchema(a)
	c.trigger(a)
	c.run(a.Object("run"))
	c.tool(a)
	c.history(a)
	if handler != nil {
		c.onFailure(handler)
	}
	c.lintBatch()
	c.readTests(a.List("tests"))
}

// declare reads vars and the webhook's parameters, before the programs that may name them.
func (c *compiler) declare(root *yaml.Node) {
	for i, k := range root.Keys {
		n := root.Items[i]
		switch k.Name {
		case "vars":
			c.vars(n)
		case "trigger", "on":
			if w := c.webhookNames(n); w != nil {
				c.flow.Webhook = w
			}
			if h := c.httpNames(n); h != nil {
				c.flow.HTTP = h
			}
		}
	}
}

// webhookNames returns the webhook of a trigger with its declared names; nil when the trigger is another one.
func (c *compiler) webhookNames(n *yaml.Node) *Webhook {
	if n.Value == "webhook" {
		return &Webhook{Reply: "result", OnRedelivery: "resume"}
	}
	settings := n.Member("webhook")
	if settings == nil {
		return nil
	}
	w := &Webhook{Reply: "result", OnRedelivery: "resume"}
	for j, k := range settings.Keys {
		words, err := readStrings(settings.Items[j])
		if err != nil {
			continue
		}
		switch k.Name {
		case "params":
			w.Params = words.([]string)
		case "headers":
			for _, h := range words.([]string) {
				w.Headers = append(w.Headers, strings.ToLower(h))
			}
		}
	}
	return w
}

// WebhookQueue is the queue of the webhooks that flows send. Runs cannot be on it.
const WebhookQueue = "webhooks"

// CheckQueue returns an error when runs cannot be on a queue of that name.
func CheckQueue(name string) error {
	if name == WebhookQueue {
		return fmt.Errorf("queue: %s is the queue of the webhooks that flows send", name)
	}
	if !queueForm.MatchString(name) {
		return errors.New("queue: expected small letters, digits, - and _, at most 32")
	}
	return nil
}

// collectNames records the position of every step name in the file, to report programs that name a later step.
func (c *compiler) collectNames(n *yaml.Node) {
	for i, k := range n.Keys {
		if k.Name == "name" && n.Shape == yaml.Mapping {
			if name, ok := n.Items[i].Value.(string); ok && c.isStep(n) {
				if _, taken := c.names[name]; !taken {
					c.names[name] = n.Items[i].Place
				}
			}
		}
	}
	for _, element := range n.Items {
		c.collectNames(element)
	}
}

func (c *compiler) isStep(n *yaml.Node) bool {
	return slices.ContainsFunc(n.Keys, func(k yaml.Key) bool { return c.catalogue.byName[k.Name] != nil })
}

func (c *compiler) head(a *Args) {
	if n, ok := a.values["flow"].(json.Number); ok {
		number, err := n.Int64()
		if err != nil || number < 1 {
			c.Add(mistake.OutOfRange, a.places["flow"], "", "flow: expected a whole number from 1")
		}
		c.flow.Number = number
	} else if a.Has("flow") {
		c.Add(mistake.OutOfRange, a.places["flow"], "", "flow: expected a whole number from 1")
	}
	c.flow.Name, c.flow.Slug = a.String("name"), a.String("slug")
	if a.Has("slug") && !slugForm.MatchString(c.flow.Slug) {
		c.Add(mistake.BadName, a.places["slug"], "", "slug: expected small letters, digits and -, at most 64")
	} else if a.Has("slug") && !strings.ContainsFunc(c.flow.Slug, notDigit) {
		c.Add(mistake.BadName, a.places["slug"], "add a letter", "slug: digits alone would be read as the number of a flow")
	}
	c.tags(a)
	c.folder(a)
	c.flow.Enabled = !a.Has("enabled") || a.Bool("enabled")
	if _, ok := a.Literal("vars").(map[string]any); a.Has("vars") && !ok && a.Literal("vars") != nil {
		c.Add(mistake.WrongType, a.places["vars"], "", "vars: expected a mapping")
	}
}

func (c *compiler) outputSchema(a *Args) {
	if !a.Has("output_schema") {
		return
	}
	var err error
	c.flow.Output = a.Literal("output_schema")
	if c.flow.output, err = NewValidator(c.flow.Output); err != nil {
		c.Add(mistake.Of(err, mistake.BadSchema), a.places["output_schema"], "", "output_schema: %v", err)
	}
}

func notDigit(r rune) bool { return r < '0' || r > '9' }

func (c *compiler) run(a *Args) {
	f := c.flow
	f.Limit, f.Queue = defaultLimit, "default"
	if a == nil {
		return
	}
	if a.Has("limit") {
		f.Limit = a.Duration("limit")
		if f.Limit < time.Millisecond || f.Limit > maxLimit {
			c.Add(mistake.OutOfRange, a.places["limit"], "", "limit: expected 1ms to 24h")
		}
	}
	if f.CancelWithCaller = a.Bool("cancel_with_caller"); f.CancelWithCaller && f.HTTP != nil &&
		slices.ContainsFunc(f.HTTP.Operations, func(o *Operation) bool { return o.Cache > 0 }) {
		c.Add(mistake.IncompatibleSettings, a.places["cancel_with_caller"], "", "cancel_with_caller: several callers may wait for one run of an operation with cache")
	}
	if a.Has("expression_time") {
		f.expressionTime = a.Duration("expression_time")
		if f.expressionTime < time.Millisecond || f.expressionTime > maxExpressionTime {
			c.Add(mistake.OutOfRange, a.places["expression_time"], "", "expression_time: expected 1ms to 5s")
		}
	}
	if a.Has("queue") {
		f.Queue = a.String("queue")
		if err := CheckQueue(f.Queue); err != nil {
			c.Add(mistake.BadQueue, a.places["queue"], "", "%s", err)
		}
	}
	if f.Share = a.Int("share"); a.Has("share") && (f.Share < 1 || f.Share > 100) {
		c.Add(mistake.OutOfRange, a.places["share"], "", "share: expected 1 to 100, in percent")
	}
	f.FairBy = a.Template("fair_by")
	c.collect(a)
	f.RecordItems = a.String("record") == "items"
	f.Retry = c.runRetry(a.Object("retry"))
	if k := a.Object("concurrency"); k != nil {
		f.Concurrency = &Concurrency{Limit: k.Int("limit"), Key: k.Template("key"), WhenFull: "queue"}
		if k.Has("when_full") {
			f.Concurrency.WhenFull = k.String("when_full")
		}
		if k.Has("limit") && f.Concurrency.Limit < 1 {
			c.Add(mistake.OutOfRange, k.places["limit"], "", "limit: expected a whole number from 1")
		}
	}
}

// FairKey renders run.fair_by for a run about to be accepted; empty when the flow has none.
func (f *Flow) FairKey(ctx context.Context, run Run) (string, error) {
	if f.FairBy == nil {
		return "", nil
	}
	return f.Text(ctx, f.FairBy, run)
}

// Text renders a template of the flow's settings, such as its idempotency key, for a run about to be accepted. The
// item is the event.
func (f *Flow) Text(ctx context.Context, t *Template, run Run) (string, error) {
	return t.Text(ctx, f.input(run))
}

// input is the input of a template of the flow's settings.
func (f *Flow) input(run Run) *Input {
	return &Input{p: &stepRun{x: f.begin(run, Env{}), step: &step{}}, item: item{value: run.Event}, made: new(atomic.Int64)}
}

// Key renders an idempotency key for a run about to be accepted; empty: the event has none. A value within a longer text that is null or
// empty is an error: events without the value would have one key, and all but the first would not be runs.
func (f *Flow) Key(ctx context.Context, t *Template, run Run) (string, error) {
	v, err := t.RenderComputed(ctx, f.input(run), func(v any, at Position) (any, error) {
		if !at.Alone && (v == nil || v == "") {
			return nil, Failed("a value in it is null or empty, so that events without the value would be one run; a key that is one ${ } may be null, for events that have none")
		}
		return v, nil
	})
	if err != nil {
		return "", err
	}
	return stringify(v), nil
}
