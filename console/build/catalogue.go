package build

import (
	"cmp"
	"fmt"

	"github.com/penstock/penstock/flows"
)

// param is a parameter of a kind, an attribute of steps or a field of the trigger.
type param struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Summary  string   `json:"summary,omitempty"`
	Required bool     `json:"required,omitempty"`
	Default  string   `json:"default,omitempty"`
	Enum     []string `json:"enum,omitempty"`
	Fields   []param  `json:"fields,omitempty"`
	Inline   bool     `json:"inline,omitempty"`

	Takes     map[string][]string `json:"takes,omitempty"` // of an enum: the fields beside it that each value takes
	Condition bool                `json:"condition,omitempty"`
	Short     bool                `json:"short,omitempty"`
	OneOf     string              `json:"oneOf,omitempty"`
	Names     string              `json:"names,omitempty"`
	Holds     bool                `json:"holds,omitempty"` // a mapping given for an inline parameter is always its value
}

// kind is a kind of step.
type kind struct {
	Name     string  `json:"name"`
	Group    string  `json:"group"`
	Title    string  `json:"title,omitempty"` // in everyday words
	Summary  string  `json:"summary"`
	Example  string  `json:"example,omitempty"`
	Params   []param `json:"params"`
	Effects  bool    `json:"effects,omitempty"`  // what it puts out is its own: later steps want to name it
	Passes   bool    `json:"passes,omitempty"`   // items pass unchanged
	Terminal bool    `json:"terminal,omitempty"` // puts out nothing
}

// operation is an operation of a connector. Its parameters are in the schema of flow files.
type operation struct {
	Name    string `json:"name"` // "slack.chat_post_message"
	Summary string `json:"summary"`
	Output  any    `json:"output,omitempty"` // JSON Schema of an item that it puts out
}

// catalogue is what the Build view knows of the language.
type catalogue struct {
	Kinds      []kind      `json:"kinds"`
	Attributes []param     `json:"attributes"`
	Trigger    []param     `json:"trigger"`
	Operations []operation `json:"operations"`
}

// typeNames are the names of types in the catalogue. Read only.
var typeNames = map[flows.Type]string{
	flows.TypeString: "string", flows.TypeInt: "int", flows.TypeBool: "bool", flows.TypeDuration: "duration", flows.TypeEnum: "enum",
	flows.TypeExpr: "expr", flows.TypeTemplate: "template", flows.TypeFields: "fields", flows.TypeStrings: "strings", flows.TypeObject: "object",
	flows.TypeList: "list", flows.TypeSteps: "steps", flows.TypeLiteral: "literal", flows.TypeStatuses: "statuses", flows.TypeMap: "map",
}

// groups are the groups of kinds in the list from which a step is chosen, and the title of those whose name does not say it. A kind
// that is missing here is one of a module. Read only.
var groups = map[string]struct{ group, title string }{
	"http": {"Other systems", "Call an HTTP API"}, "uses": {"Other systems", "Use a connector"}, "sql": {"Other systems", "Query a database"},
	"email": {"Other systems", "Send an email"}, "sftp": {"Other systems", "Files on an SFTP server"}, "s3": {"Other systems", "Files in an object store"},
	"webhook": {"Other systems", "Send a webhook"}, "llm": {"Other systems", "Ask a language model"},
	"switch": {"Branches", "Branch: if, else"}, "parallel": {"Branches", "Do several things at once"}, "repeat": {"Branches", "Repeat until"},
	"filter": {"Branches", "Go on only if"}, "fail": {"Branches", "Stop with a failure"},
	"set": {"Data", "Set fields"}, "transform": {"Data", "Transform with jq"}, "split": {"Data", "Split a list into items"},
	"collect": {"Data", "Collect items into a list"}, "validate": {"Data", "Check against a schema"}, "changes": {"Data", "Find what has changed"},
	"encode": {"Data", "Encode or decode"}, "read_file": {"Data", "Read a file"}, "script": {"Data", "Run JavaScript"},
	"respond": {"Answer", "Answer the caller"},
	"call":    {"Other flows", "Run another flow"}, "emit": {"Other flows", "Start another flow"}, "publish": {"Other flows", "Publish an event"},
	"delay": {"Waiting and state", "Wait a while"}, "wait_for": {"Waiting and state", "Wait for a call or an event"}, "state": {"Waiting and state", "Keep a value between runs"},
	"dedupe": {"Waiting and state", "Drop repeats"}, "loop_guard": {"Waiting and state", "Stop echoes between systems"}, "lock": {"Waiting and state", "One at a time"},
	"limit": {"Waiting and state", "Limit the rate"}, "log": {"Waiting and state", "Write a log line"},
}

// passing are the kinds whose items pass unchanged. Read only.
var passing = map[string]bool{
	"filter": true, "validate": true, "respond": true, "log": true, "delay": true, "emit": true, "publish": true, "loop_guard": true, "limit": true, "dedupe": true,
}

// shaping are kinds without effects whose results later steps want to name. Read only.
var shaping = map[string]bool{"call": true, "script": true, "transform": true, "read_file": true}

func catalogueJSON(all *flows.Catalogue) ([]byte, error) {
	c := catalogue{Kinds: []kind{}, Attributes: paramsOf(flows.StepParams()), Trigger: []param{}, Operations: []operation{}}
	for _, k := range all.Kinds() {
		known := groups[k.Name]
		c.Kinds = append(c.Kinds, kind{
			Name: k.Name, Group: cmp.Or(known.group, "More"), Title: cmp.Or(known.title, k.Name), Summary: k.Summary, Example: k.Example, Params: paramsOf(k.Params),
			Effects: shaping[k.Name] || k.Effect != flows.Pure && !passing[k.Name], Passes: passing[k.Name], Terminal: k.Terminal,
		})
	}
	for _, p := range all.FlowParams() {
		if p.Name == "trigger" {
			c.Trigger = paramsOf(p.Fields)
		}
	}
	if err := c.addOperations(all); err != nil {
		return nil, err
	}
	return flows.EncodeJSON(c), nil
}

// addOperations adds the operations of the connectors. A connector with mistakes is left out.
func (c *catalogue) addOperations(all *flows.Catalogue) error {
	if all.Connectors() == nil {
		return nil
	}
	list, err := all.Connectors().Names()
	if err != nil {
		return fmt.Errorf("list connectors: %w", err)
	}
	for _, name := range list {
		file, source, err := all.Connectors().Connector(name)
		if err != nil {
			return fmt.Errorf("read connector %s: %w", name, err)
		}
		if source == nil {
			continue
		}
		parsed, err := flows.ParseConnector(file, source, all)
		if err != nil {
			continue
		}
		for _, o := range parsed.Operations {
			c.Operations = append(c.Operations, operation{parsed.Name + "." + o.Name, o.Summary, o.Output})
		}
	}
	return nil
}

func paramsOf(all []flows.Param) []param {
	list := make([]param, 0, len(all))
	for _, p := range all {
		one := param{
			Name: p.Name, Type: typeNames[p.Type], Summary: p.Summary, Required: p.Required, Default: p.Default, Enum: p.Enum,
			Inline: p.Inline, Takes: p.Takes, Condition: p.Condition, Short: p.Short, OneOf: p.OneOf, Names: string(p.Names), Holds: p.Type.HoldsMapping(),
		}
		if len(p.Fields) > 0 {
			one.Fields = paramsOf(p.Fields)
		}
		list = append(list, one)
	}
	return list
}
