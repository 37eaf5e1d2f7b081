package flows

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/suggest"
)

// operation is a compiled operation of a connector.
type operation struct {
	ref     string // "zoom.registrant_add"
	args    *Args  // operationParams
	params  *paramSchema
	http    *Args // of the kind http, without a connection
	kind    *Kind // http
	effect  Effect
	timeout time.Duration // 0: none
	retry   *Args         // nil: none
	example any           // responses; nil: none
	types   []string      // of the connection that it needs; empty: it needs none
	origin  *url.URL      // where its requests go; nil: expressions or the connection decide
}

// connectorOperation compiles an operation of a document, once. It returns nil when it has mistakes, which are reported.
func (c *compiler) connectorOperation(d *connectorDoc, o *operationDoc) *operation {
	if o.compiled == nil && !o.broken {
		before, warnings := len(c.Found), len(c.Warnings)
		o.compiled = c.compileOperation(d, o)
		if o.broken = len(c.Found) > before || o.compiled == nil; o.broken {
			o.compiled = nil
		}
		if d.attached { // the file that it is from is the place for them
			c.Warnings = c.Warnings[:warnings]
		}
	}
	return o.compiled
}

func (c *compiler) compileOperation(d *connectorDoc, o *operationDoc) *operation {
	head, node := c.connectorHead(d), c.operationNode(o)
	if node == nil {
		return nil
	}
	if node.Shape != yaml.Mapping {
		c.Add(mistake.WrongType, o.place, "", "%s: %v", o.name, expected("an operation, which is a mapping", node))
		return nil
	}
	op := &operation{ref: d.name + "." + o.name, kind: c.catalogue.byName["http"]}
	if op.kind == nil {
		c.Add(mistake.BadConnector, o.place, "", "operations are http steps, and this program has no kind http")
		return nil
	}
	var params any // first: retry.if reads $params, too
	schema := node.Member("params")
	if schema != nil {
		params = c.literal(schema)
	}
	var err error
	if op.params, err = newParamSchema(params); err != nil {
		c.Add(mistake.Of(err, mistake.BadSchema), schema.Place, "", "params: %v", err)
		return nil
	}
	c.within(d.name, op.params, func() { op.args = c.arguments(withPlace(node, o.place), operationParams, "") })
	request := node.Member("http")
	if request == nil {
		return nil // reported as missing
	}
	c.within(d.name, op.params, func() { c.operationHTTP(d, op, request) })
	op.timeout = cmp.Or(op.args.Duration("timeout"), head.Duration("timeout"))
	if op.retry = op.args.Object("retry"); op.retry == nil {
		op.retry = head.Object("retry")
	}
	if conn := head.Object("connection"); conn != nil {
		op.types = conn.Strings("types")
	}
	c.operationExample(op)
	return op
}

func withPlace(n *yaml.Node, at yaml.Place) *yaml.Node {
	return &yaml.Node{Place: at, Shape: n.Shape, Keys: n.Keys, Items: n.Items}
}

// operationHTTP compiles the request of an operation.
func (c *compiler) operationHTTP(d *connectorDoc, op *operation, own *yaml.Node) {
	if own.Shape != yaml.Mapping {
		c.Add(mistake.WrongType, own.Place, "", "http: %v", expected("a mapping", own))
		return
	}
	before := len(c.Found)
	op.http = c.arguments(c.mergedHTTP(d, own), slices.DeleteFunc(slices.Clone(op.kind.Params), func(p Param) bool { return slices.Contains(stepsOwn, p.Name) }), op.ref)
	base := d.head.Member("base")
	for name, v := range op.http.values {
		t, ok := v.(*Template)
		if !ok || !isURLParam(op.kind, name) {
			continue
		}
		if base != nil && t.relative() {
			t = c.template(base).before(t)
		}
		checked := *t
		checked.url = true
		op.http.values[name] = &checked
	}
	for name, v := range op.http.values {
		if t, ok := v.(*Template); ok && isURLParam(op.kind, name) {
			op.origin = t.origin()
		}
	}
	if len(c.Found) > before { // the arguments may be incomplete
		return
	}
	runner, err := op.kind.New(op.http)
	if err != nil {
		if len(c.Found) == before {
			c.Put(*op.http.problem(err))
		}
		return
	}
	if e, ok := runner.(Effecter); ok {
		op.effect = e.Effect()
	}
	if word := op.args.String("effect"); word != "" {
		op.effect = effectWords[word]
	}
	c.retry(op.args.Object("retry"), op.effect)
}

// stepsOwn are the parameters of http that belong to the step that uses an operation. Read only.
var stepsOwn = []string{"connection", "proxy"}

// isURLParam reports whether a parameter of http holds the URL.
func isURLParam(kind *Kind, name string) bool {
	return slices.ContainsFunc(kind.Params, func(p Param) bool { return p.Name == name && p.OneOf == "url" })
}

// relative reports whether a template is a text that begins with /.
func (t *Template) relative() bool {
	parts := t.texts()
	return len(parts) > 0 && strings.HasPrefix(parts[0].text, "/")
}

// before returns the template of t, which is relative, with this one before it.
func (base *Template) before(t *Template) *Template {
	prefix := slices.Clone(base.texts())
	if n := len(prefix); n > 0 {
		prefix[n-1].text = strings.TrimSuffix(prefix[n-1].text, "/")
	}
	return &Template{parts: append(prefix, t.texts()...), order: t.order}
}

// texts returns the parts of a template of a text; nil for others.
func (t *Template) texts() []part {
	text, isText := t.literal.(string)
	switch {
	case t.parts != nil:
		return t.parts
	case t.expr != nil:
		return []part{{expr: t.expr}}
	case isText:
		return []part{{text: text}}
	}
	return nil
}

// mergedHTTP returns the request with the fields of the connector that it has not itself.
func (c *compiler) mergedHTTP(d *connectorDoc, own *yaml.Node) *yaml.Node {
	merged := &yaml.Node{Place: own.Place, Shape: yaml.Mapping, Keys: slices.Clone(own.Keys), Items: slices.Clone(own.Items)}
	if common := d.head.Member("http"); common != nil {
		if common.Shape != yaml.Mapping {
			c.Add(mistake.WrongType, common.Place, "", "http: %v", expected("a mapping", common))
			return merged
		}
		merge(merged, common, func(name string, own, common *yaml.Node) *yaml.Node {
			if name != "headers" || own.Shape != yaml.Mapping || common.Shape != yaml.Mapping {
				return own
			}
			all := &yaml.Node{Place: own.Place, Shape: yaml.Mapping, Keys: slices.Clone(own.Keys), Items: slices.Clone(own.Items)}
			merge(all, common, func(_ string, own, _ *yaml.Node) *yaml.Node { return own })
			return all
		})
	}
	for _, k := range merged.Keys {
		if slices.Contains(stepsOwn, k.Name) {
			c.Add(mistake.MeaninglessKey, k.Place, "the step that uses the operation names its connection", "%s has no meaning in a connector", k.Name)
		}
	}
	return merged
}

// merge adds the members of common to a mapping; both decides about those that it has, too. Names are compared without case.
func merge(to, common *yaml.Node, both func(name string, own, common *yaml.Node) *yaml.Node) {
	for i, k := range common.Keys {
		at := slices.IndexFunc(to.Keys, func(other yaml.Key) bool { return strings.EqualFold(other.Name, k.Name) })
		if at < 0 {
			to.Keys, to.Items = append(to.Keys, k), append(to.Items, common.Items[i])
		} else {
			to.Items[at] = both(k.Name, to.Items[at], common.Items[i])
		}
	}
}

// operationExample checks the example of an operation.
func (c *compiler) operationExample(op *operation) {
	example := op.args.Object("example")
	if example == nil {
		return
	}
	if example.Has("params") {
		if _, err := op.params.complete(context.Background(), example.Literal("params")); err != nil {
			c.Add(mistake.BadConnector, example.places["params"], "", "example: %s", strings.TrimPrefix(err.Error(), "with: "))
		}
	}
	if op.example = example.Literal("response"); op.example != nil {
		if _, err := newCannedResponses(op.example); err != nil {
			c.Add(mistake.BadConnector, example.places["response"], "", "response: %v", err)
		}
	}
}

// describe returns the operation for the reference.
func (op *operation) describe(o *operationDoc) ConnectorOperation {
	d := ConnectorOperation{
		Name: o.name, Summary: op.args.String("summary"), Doc: op.args.String("doc"), Effect: op.effect,
		Params: op.params.schema, Output: op.args.Literal("output"), Line: o.place.Line, Method: http.MethodGet,
	}
	if example := op.args.Object("example"); example != nil {
		d.Example = map[string]any{"params": example.Literal("params"), "response": example.Literal("response")}
	}
	for name, v := range op.http.values {
		if t, ok := v.(*Template); ok && isURLParam(op.kind, name) {
			if d.URL = t.source(); name != "url" {
				d.Method = strings.ToUpper(name)
			} else if op.http.Has("method") {
				d.Method = op.http.String("method")
			}
		}
	}
	return d
}

// source returns the text of a template as a file has it.
func (t *Template) source() string {
	var b strings.Builder
	for _, p := range t.texts() {
		if b.WriteString(p.text); p.expr != nil {
			b.WriteString("${" + p.expr.String() + "}")
		}
	}
	return b.String()
}

// problem returns the problem of an error of Kind.New.
func (a *Args) problem(err error) *problem.Problem {
	if p, ok := err.(*problem.Problem); ok {
		return p
	}
	return problem.At(mistake.Of(err, mistake.BadValue), a.place, "%v", err)
}

// operationUse is a step that executes an operation.
type operationUse struct {
	*operation // nil: with a mistake, which is reported
	runner     Runner
	with       *Template // nil: no parameters
	typed      bool      // the connection must be of one of the types
}

// Operation returns the runner of the operation that the arguments of a uses step name. Only Kind.New may call it.
func (a *Args) Operation() (Runner, error) { return a.operation() }

// usedOperation compiles the step. own are its arguments as nodes.
func (c *compiler) usedOperation(s *step, own *yaml.Node, args *Args) (Runner, error) {
	ref := operationRef.FindStringSubmatch(args.String("operation"))
	if ref == nil {
		return nil, args.Errorf("operation", "%v, found %s", errNoOperation, args.String("operation"))
	}
	if c.unreadable[ref[1]] {
		return &operationUse{}, nil
	}
	at := args.places["operation"]
	d, offered := c.connectors[ref[1]], c.offered[ref[1]]
	if d == nil && offered == nil {
		c.Add(mistake.UnknownConnector, at, suggest.DidYouMean(ref[1], c.connectorNames()), "there is no connector %q", ref[1])
		return &operationUse{}, nil
	}
	var o *operationDoc
	if d != nil {
		o = d.operation(ref[2])
		offered = append(offered, d.names()...)
	}
	if o == nil {
		c.Add(mistake.UnknownOperation, at, suggest.DidYouMean(ref[2], offered), "the connector %s has no operation %q", ref[1], ref[2])
		return &operationUse{}, nil
	}
	op := c.connectorOperation(d, o)
	if op == nil {
		return &operationUse{}, nil
	}
	connection := args.Object("connection")
	if connection == nil && len(op.types) > 0 {
		return nil, problem.At(mistake.RequiredKey, at, "connection is missing: %s needs one of type %s", ref[1], strings.Join(op.types, " or "))
	}
	c.checkWith(args.place, own.Member("with"), op.params, op.ref)
	request := &Args{values: maps.Clone(op.http.values), places: maps.Clone(op.http.places), place: op.http.place, compile: op.http.compile}
	if connection != nil {
		request.values["connection"], request.places["connection"] = connection.ofCaller(), args.places["connection"]
	}
	if args.Has("proxy") {
		request.values["proxy"], request.places["proxy"] = args.values["proxy"], args.places["proxy"]
	}
	use := &operationUse{operation: op, with: args.Template("with"), typed: c.requireConnection(own.Member("connection"), op)}
	var err error
	c.within(d.name, op.params, func() { use.runner, err = op.kind.New(request) })
	if s.timeout == 0 {
		s.timeout = op.timeout
	}
	s.uses = op
	return use, err
}

// ofCaller returns the arguments with their templates rendered for the item of the step that uses the operation.
func (a *Args) ofCaller() *Args {
	outer := *a
	outer.values = maps.Clone(a.values)
	for name, v := range outer.values {
		if t, ok := v.(*Template); ok {
			outer.values[name] = &Template{caller: t}
		}
	}
	return &outer
}

// connectorNames returns the names of all connectors that the flow may use.
func (c *compiler) connectorNames() []string {
	names := slices.Collect(maps.Keys(c.connectors))
	if c.catalogue.connectors != nil {
		if more, err := c.catalogue.connectors.Names(); err == nil {
			names = append(names, more...)
		}
	}
	return names
}

// operationCall is the execution of an operation for one item.
type operationCall struct {
	params any    // $params
	caller *Input // of the step
	env    *Env
}

// Effect implements Effecter.
func (u *operationUse) Effect() Effect {
	if u.operation == nil {
		return Once
	}
	return u.effect
}

// called returns the item as the programs of the operation see it: they see the parameters, and not the item.
func (u *operationUse) called(ctx context.Context, in *Input) (*Input, error) {
	var given any
	if u.with != nil {
		var err error
		if given, err = u.with.Render(ctx, in); err != nil {
			return nil, err
		}
	}
	params, err := u.params.complete(ctx, given)
	if err != nil {
		return nil, err
	}
	called := *in
	called.item.value, called.call = nil, &operationCall{params, in, u.env(in)}
	return &called, nil
}

// Run executes the operation.
func (u *operationUse) Run(ctx context.Context, in *Input) ([]any, error) {
	called, err := u.called(ctx, in)
	if err != nil {
		return nil, err
	}
	results, err := u.runner.Run(ctx, called)
	in.checkpoint, in.advanced, in.saved = called.checkpoint, called.advanced, called.saved
	return results, err
}

// env returns the environment of the request.
func (u *operationUse) env(in *Input) *Env {
	if !u.typed || in.Env().Connections == nil {
		return in.Env()
	}
	env := *in.Env()
	env.Connections = typedConnections{env.Connections, u.operation}
	return &env
}

// ReadsResponses implements ResponseReader.
func (u *operationUse) ReadsResponses() map[string]any {
	if reader, ok := u.runner.(ResponseReader); ok {
		return reader.ReadsResponses()
	}
	return nil
}
