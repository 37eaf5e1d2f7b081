package flows

import (
	"errors"
	"regexp"
	"slices"

	"github.com/penstock/penstock/flows/internal/jq"
	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/suggest"
)

// Connector describes operations of one API. An operation is an http step with parameters: a flow executes it with a step
// `uses: CONNECTOR.OPERATION`. It is immutable and safe for concurrent use.
type Connector struct {
	File       string
	Source     []byte
	Name       string
	Title      string // empty: Name
	Doc        string // Markdown
	Origin     any    // the specification that it was imported from, as the file has it; nil: none
	Base       string // prefix of URLs that begin with /, with ${ }; empty: that of the connection
	Connection ConnectorConnection
	Operations []ConnectorOperation // in the order of the file

	tests    []connectorTest
	warnings problem.List
	kinds    *Catalogue
}

// ConnectorConnection says which connection the operations need.
type ConnectorConnection struct {
	Types    []string // any of these; empty: none is needed
	Hosts    []string
	Settings map[string]any // settings of the connection without secrets; nil: none
	Test     string         // path or URL of a request that shows that the connection works
	Doc      string         // Markdown: how to get credentials
}

// ConnectorOperation is one operation of a connector.
type ConnectorOperation struct {
	Name    string // without that of the connector
	Summary string
	Doc     string // Markdown
	Effect  Effect
	Method  string
	URL     string         // with ${ }, without the base
	Params  map[string]any // JSON Schema of an object
	Output  any            // JSON Schema of an output item; nil: not declared
	Example any            // {params, response}; nil: none
	Line    int            // in the file
}

// Warnings are what is valid in the file and probably not what is meant, as those of Flow.
func (c *Connector) Warnings() problem.List { return c.warnings }

// Operation returns an operation by its name without that of the connector.
func (c *Connector) Operation(name string) (ConnectorOperation, bool) {
	i := slices.IndexFunc(c.Operations, func(o ConnectorOperation) bool { return o.Name == name })
	if i < 0 {
		return ConnectorOperation{}, false
	}
	return c.Operations[i], true
}

// Connectors finds connectors by their names. Safe for concurrent use.
type Connectors interface {
	// Connector returns the text of a connector and the name of its file for messages; nil when there is none.
	Connector(name string) (file string, source []byte, err error)
	// Names returns the names of all connectors, sorted.
	Names() ([]string, error)
}

// UsesKind is the name of the kind of steps that execute an operation of a connector.
const UsesKind = "uses"

var (
	connectorName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)
	operationName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,127}$`)
	operationRef  = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_]{0,63})\.([A-Za-z][A-Za-z0-9_]{0,127})$`)
	operationKey  = regexp.MustCompile(`^ *["']?([A-Za-z][A-Za-z0-9_]{0,127})["']?:(\s|$)`)
)

// maxConnectorOperations is the maximum number of operations of a connector.
const maxConnectorOperations = 5000

// ConnectorParams returns the fields of a connector, for its reference.
func ConnectorParams() []Param {
	params := slices.Clone(connectorParams)
	at := slices.IndexFunc(params, func(p Param) bool { return p.Name == "operations" })
	params[at].Fields = operationParams
	return params
}

// connectorParams are the fields of a connector.
var connectorParams = []Param{
	{Name: "connector", Type: TypeString, Required: true, Summary: "The name, which flows use: letters, digits and _, a letter first."},
	{Name: "title", Type: TypeString, Summary: "The name of the API, for readers."},
	{Name: "doc", Type: TypeString, Verbatim: true, Summary: "Markdown for the reference."},
	{Name: "source", Type: TypeLiteral, Summary: "The specification that it was imported from."},
	{Name: "attached", Type: TypeBool, Summary: "The deployment writes it: these are the operations that the flow uses."},
	{Name: "base", Type: TypeString, Verbatim: true, Summary: "What comes before URLs that begin with `/`. It may contain `${ $params.NAME }`.", Default: "the base of the connection"},
	{Name: "connection", Type: TypeObject, Summary: "The connection that operations need; without `types` they need none.", Fields: []Param{
		{Name: "types", Type: TypeStrings, Summary: "The [types](connections.md) of which it has one."},
		{Name: "hosts", Type: TypeStrings, Summary: "Its allowed hosts."},
		{Name: "settings", Type: TypeLiteral, Summary: "Its settings as far as they are no secrets, such as `token_url`."},
		{Name: "test", Type: TypeString, Verbatim: true, Summary: "The path or URL of a GET that shows that it works."},
		{Name: "doc", Type: TypeString, Verbatim: true, Summary: "Markdown: how to get credentials."},
	}},
	{Name: "http", Type: TypeLiteral, Summary: "Fields of [http](steps.md#http) for all operations; those of an operation win, and `headers` are merged by their names."},
	{Name: "timeout", Type: TypeDuration, Summary: "That of a step, for steps and operations without one of their own."},
	{Name: "retry", Type: TypeObject, Summary: "Likewise.", Fields: retryParams},
	{Name: "operations", Type: TypeMap, Required: true, Summary: "The operations by their names."},
	{Name: "tests", Type: TypeList, Summary: "Requests and responses without network.", Fields: connectorTestParams},
}

// operationParams are the fields of an operation.
var operationParams = []Param{
	{Name: "summary", Type: TypeString, Verbatim: true, Summary: "One sentence: what it does."},
	{Name: "doc", Type: TypeString, Verbatim: true, Summary: "Markdown for the reference."},
	{Name: "effect", Type: TypeEnum, Enum: []string{"pure", "read", "idempotent", "once"}, Default: "by the method", Summary: "The effect, as of a step."},
	{Name: "params", Type: TypeLiteral, Summary: "JSON Schema of the object `with`. Other members are mistakes, unless it has `additionalProperties`. A `default` of a parameter is used when it is missing."},
	{Name: "http", Type: TypeLiteral, Required: true, Summary: "The request, with the fields of [http](steps.md#http) except `connection` and `proxy`. Its expressions read `$params`."},
	{Name: "timeout", Type: TypeDuration, Summary: "That of a step, for steps without one of their own."},
	{Name: "retry", Type: TypeObject, Summary: "Likewise.", Fields: retryParams},
	{Name: "output", Type: TypeLiteral, Summary: "JSON Schema of an item that the step puts out, for the reference."},
	{Name: "example", Type: TypeObject, Summary: "An example for the reference. Tests of flows without a mock of the operation get its response.", Fields: []Param{
		{Name: "params", Type: TypeLiteral, Summary: "The parameters."},
		{Name: "response", Type: TypeLiteral, Summary: "The response: `status` (200), `headers`, and `json` or `body`; a list of responses for several pages."},
	}},
}

// connectorTestParams are the fields of one test of a connector.
var connectorTestParams = []Param{
	{Name: "name", Type: TypeString, Required: true, Summary: "What the test checks."},
	{Name: "operation", Type: TypeString, Required: true, Summary: "The name of the operation."},
	{Name: "params", Type: TypeLiteral, Summary: "The parameters. Default: those of the example."},
	{Name: "request", Type: TypeLiteral, Summary: "What is sent: any of `method`, `url`, `query`, `headers`, and `json` or `body`. Members and headers that are not written here are not compared. A list for several pages."},
	{Name: "response", Type: TypeLiteral, Summary: "The response, as in `example`, or `{error: network}` or `{error: timeout}`. Default: that of the example."},
	{Name: "output", Type: TypeLiteral, OneOf: "end", Summary: "What the step puts out: the item, or the list of several. Of an item, members that are not written here are not compared. A test has `output` or `error`."},
	{Name: "error", Type: TypeLiteral, OneOf: "end", Summary: "The expected failure: a part of the message. A test has `output` or `error`."},
}

// connectorDoc is the document of a connector, read as far as nodes.
type connectorDoc struct {
	name       string
	place      yaml.Place
	attached   bool
	head       *yaml.Node // without operations
	operations []*operationDoc
	part       yaml.Part // of the file
	parsed     *Args     // of the head; nil: not yet compiled
}

// operationDoc is an operation of a document.
type operationDoc struct {
	name  string
	place yaml.Place
	part  yaml.Part  // when node is nil: where it is read from
	node  *yaml.Node // nil: not yet read, or it cannot be read

	compiled *operation // nil: not yet compiled, or broken
	broken   bool
}

func (d *connectorDoc) operation(name string) *operationDoc {
	i := slices.IndexFunc(d.operations, func(o *operationDoc) bool { return o.name == name })
	if i < 0 {
		return nil
	}
	return d.operations[i]
}

func (d *connectorDoc) names() []string {
	names := make([]string, len(d.operations))
	for i, o := range d.operations {
		names[i] = o.name
	}
	return names
}

// connectorDoc reads a document. Operations that are written as lines of their own are read when they are needed, because there may
// be hundreds. It returns nil when the document is none of a connector.
func (c *compiler) connectorDoc(part yaml.Part) *connectorDoc {
	d := &connectorDoc{part: part}
	head, sections, split := part.Sections("operations")
	root := yaml.ReadPart(head, c.Lines, c.Add)
	if root == nil {
		return nil
	}
	name := root.Member("connector")
	if name == nil {
		c.Add(mistake.SecondDocument, root.Place, "one file holds one flow; documents behind it are connectors, which begin with connector: NAME", "this document is no connector")
		return nil
	}
	d.place = name.Place
	if d.name, _ = name.Value.(string); !connectorName.MatchString(d.name) {
		c.Add(mistake.BadName, d.place, "letters, digits and _, a letter first", "%s cannot be the name of a connector", quoted(name))
		return nil
	}
	d.head = &yaml.Node{Place: root.Place, Shape: yaml.Mapping}
	for i, k := range root.Keys {
		switch {
		case k.Name != "operations":
			d.head.Keys, d.head.Items = append(d.head.Keys, k), append(d.head.Items, root.Items[i])
		case root.Items[i].Shape != yaml.Mapping:
			c.Add(mistake.WrongType, root.Items[i].Place, "", "operations: %v", expected("a mapping", root.Items[i]))
		default:
			for j, key := range root.Items[i].Keys {
				d.operations = append(d.operations, &operationDoc{name: key.Name, place: key.Place, node: root.Items[i].Items[j]})
			}
		}
		d.attached = d.attached || k.Name == "attached"
	}
	if split {
		c.sections(d, sections)
	}
	if len(d.operations) > maxConnectorOperations {
		c.Add(mistake.TooMany, d.place, "", "more than %d operations", maxConnectorOperations)
		return nil
	}
	return d
}

// sections adds the operations of a document by their names.
func (c *compiler) sections(d *connectorDoc, sections []yaml.Part) {
	seen := map[string]yaml.Place{}
	for _, s := range sections {
		o := &operationDoc{part: s}
		if m := operationKey.FindStringSubmatchIndex(s.Text); m != nil {
			o.name, o.place = s.Text[m[2]:m[3]], yaml.Place{Line: s.Before + 1, Column: m[2] + 1}
		} else if root := yaml.ReadPart(s, c.Lines, c.Add); root != nil && len(root.Keys) > 0 {
			o.name, o.place, o.node = root.Keys[0].Name, root.Keys[0].Place, root.Items[0]
		} else if root != nil {
			c.Add(mistake.WrongType, root.Place, "", "expected an operation, as in registrant_add: {…}, found %s", quoted(root))
			continue
		} else {
			continue // reported as what cannot be read
		}
		if first, twice := seen[o.name]; twice {
			c.Add(mistake.DuplicateKey, o.place, "", "%q is given twice, first in line %d", o.name, first.Line)
			continue
		}
		seen[o.name] = o.place
		d.operations = append(d.operations, o)
	}
}

// operationNode returns the node of an operation; nil when it cannot be read, which is reported.
func (c *compiler) operationNode(o *operationDoc) *yaml.Node {
	if o.node == nil && o.part.Text != "" {
		if root := yaml.ReadPart(o.part, c.Lines, c.Add); root != nil && len(root.Items) > 0 {
			o.node = root.Items[0]
		}
		o.part = yaml.Part{}
	}
	return o.node
}

// ParseConnector reads and checks a connector with all its operations. file is its name in error messages. The error is a problem.List.
func ParseConnector(file string, src []byte, catalogue *Catalogue) (*Connector, error) {
	c := newCompiler(file, src, catalogue)
	parts := yaml.Documents(string(src))
	if len(parts) > 1 {
		c.Add(mistake.SecondDocument, yaml.Place{Line: parts[1].Before + 1, Column: 1}, "put it into a file of its own", "a second document: one file holds one connector")
	}
	d := c.connectorDoc(parts[0])
	if d == nil {
		return nil, c.err()
	}
	connector := c.checkConnector(d)
	if err := c.err(); err != nil {
		return nil, err
	}
	connector.File, connector.Source, connector.kinds, connector.warnings = file, slices.Clone(src), catalogue, c.Warnings.Sorted()
	return connector, nil
}

// ParseConnectorHead reads a connector without its operations, which is much quicker. The error is a problem.List.
func ParseConnectorHead(file string, src []byte, catalogue *Catalogue) (*Connector, error) {
	c := newCompiler(file, src, catalogue)
	d := c.connectorDoc(yaml.Documents(string(src))[0])
	if d == nil {
		return nil, c.err()
	}
	connector := c.describeHead(d)
	if err := c.err(); err != nil {
		return nil, err
	}
	connector.File, connector.Source, connector.kinds = file, slices.Clone(src), catalogue
	return connector, nil
}

// describeHead compiles the fields of a document besides its operations and returns what they describe.
func (c *compiler) describeHead(d *connectorDoc) *Connector {
	head := c.connectorHead(d)
	connector := &Connector{Name: d.name, Title: head.String("title"), Doc: head.String("doc"), Origin: head.Literal("source"), Base: head.String("base")}
	if a := head.Object("connection"); a != nil {
		settings, _ := a.Literal("settings").(map[string]any)
		connector.Connection = ConnectorConnection{Types: a.Strings("types"), Hosts: a.Strings("hosts"), Settings: settings, Test: a.String("test"), Doc: a.String("doc")}
		if a.Has("settings") && settings == nil {
			c.Add(mistake.WrongType, a.places["settings"], "", "settings: expected a mapping")
		}
	}
	return connector
}

// checkConnector compiles all of a document and returns what it describes.
func (c *compiler) checkConnector(d *connectorDoc) *Connector {
	connector, head := c.describeHead(d), c.connectorHead(d)
	c.checkHead(d, head)
	for _, o := range d.operations {
		compiled := c.connectorOperation(d, o)
		if compiled == nil {
			continue
		}
		c.checkOperation(d, o, compiled)
		connector.Operations = append(connector.Operations, compiled.describe(o))
	}
	connector.tests = c.connectorTests(d, head)
	c.Found, c.Warnings = reportedOnce(c.Found), reportedOnce(c.Warnings)
	return connector
}

// connectorHead compiles the fields of a document besides its operations, once.
func (c *compiler) connectorHead(d *connectorDoc) *Args {
	if d.parsed != nil {
		return d.parsed
	}
	params := slices.DeleteFunc(slices.Clone(connectorParams), func(p Param) bool { return p.Name == "operations" })
	c.within(d.name, nil, func() { d.parsed = c.arguments(d.head, params, "") })
	if len(d.operations) == 0 {
		c.Add(mistake.RequiredKey, d.place, "", "operations is missing")
	}
	for _, o := range d.operations {
		if !operationName.MatchString(o.name) {
			c.Add(mistake.BadName, o.place, "letters, digits and _, a letter first", "%q cannot be the name of an operation", o.name)
		}
	}
	return d.parsed
}

// within compiles parts of a connector: programs see the parameters of the operation only.
func (c *compiler) within(connector string, params *paramSchema, do func()) {
	outer, secrets, repeats := c.connector, c.takesSecrets, c.repeats
	c.connector, c.takesSecrets, c.repeats = &connectorScope{connector, params}, false, 0
	do()
	c.connector, c.takesSecrets, c.repeats = outer, secrets, repeats
}

// connectorScope is what programs of an operation see.
type connectorScope struct {
	name   string
	params *paramSchema // nil: nothing
}

// connectorVariable resolves a variable of a program of a connector.
func (r *resolver) connectorVariable(ref jq.Reference) string {
	params := r.connector.params
	switch {
	case ref.Name == jq.SecretFunction:
		ref.Report(mistake.SecretPlace, "", "a connector has no secrets: the connection has them")
		return ""
	case ref.Name != "$params":
		ref.Report(mistake.UnavailableVariable, "pass the value as a parameter", "a connector sees its parameters only: $params")
	case params == nil:
		ref.Report(mistake.UnavailableVariable, "", "$params has no value here")
	case ref.Member != "" && params.closed && params.properties[ref.Member] == nil:
		ref.Report(mistake.UnknownMember, suggest.DidYouMean(ref.Member, params.names()), "params has no %q", ref.Member)
	}
	r.read(variable{name: ref.Name, kind: ofOperation})
	return ref.Name
}

var errNoOperation = errors.New("expected an operation such as zoom.registrant_add")

// Tested returns the names of the operations that have a test.
func (c *Connector) Tested() map[string]bool {
	names := map[string]bool{}
	for _, t := range c.tests {
		names[t.operation] = true
	}
	return names
}
