package reference

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// SchemaWithConnectors returns Schema with the operations of the catalogue's connectors: the names for `uses`, and for each the
// parameters for `with`. A connector with mistakes is left out; problems are its mistakes.
func SchemaWithConnectors(catalogue *flows.Catalogue) (schema []byte, problems problem.List, err error) {
	known, problems, err := knownConnectors(catalogue)
	if err != nil {
		return nil, nil, err
	}
	whole := flowSchema(catalogue)
	addOperations(whole, known)
	return append(indent(whole), '\n'), problems, nil
}

// CompletionSchema returns the part of SchemaWithConnectors that the completion of the console's editor reads: without line breaks, without
// the pages of kinds, and of operations their definitions alone.
func CompletionSchema(catalogue *flows.Catalogue) ([]byte, error) {
	known, _, err := knownConnectors(catalogue)
	if err != nil {
		return nil, err
	}
	whole := flowSchema(catalogue)
	defs := whole["$defs"].(object)
	for _, k := range catalogue.Kinds() {
		step := defs["kind-"+k.Name].(object)["properties"].(object)
		delete(step[k.Name].(object), "markdownDescription")
	}
	for _, c := range known {
		maps.Copy(defs, WithSchemas(c))
	}
	return flows.EncodeJSON(whole), nil
}

// knownConnectors returns the connectors of the catalogue without mistakes, and the mistakes of the others.
func knownConnectors(catalogue *flows.Catalogue) (known []*flows.Connector, problems problem.List, err error) {
	if catalogue.Connectors() == nil {
		return nil, nil, nil
	}
	names, err := catalogue.Connectors().Names()
	if err != nil {
		return nil, nil, fmt.Errorf("list connectors: %w", err)
	}
	for _, name := range names {
		file, source, err := catalogue.Connectors().Connector(name)
		if err != nil {
			return nil, nil, fmt.Errorf("read connector %s: %w", name, err)
		}
		if source == nil {
			continue
		}
		c, err := flows.ParseConnector(file, source, catalogue)
		if found := (problem.List)(nil); errors.As(err, &found) {
			problems = append(problems, found...)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		known = append(known, c)
	}
	return known, problems, nil
}

// definition is the name of the definition of an operation's parameters.
func definition(operation string) string { return "with-" + operation }

// addOperations adds the operations of connectors to the schema of flow files.
func addOperations(whole object, connectors []*flows.Connector) {
	defs := whole["$defs"].(object)
	step, ok := defs["kind-"+flows.UsesKind].(object)
	if !ok || len(connectors) == 0 {
		return
	}
	var names []string
	named, typed := []any{}, []any{}
	for _, c := range connectors {
		names = append(names, c.Name)
		with := WithSchemas(c)
		for _, o := range c.Operations {
			name := c.Name + "." + o.Name
			defs[definition(name)] = with[definition(name)]
			named = append(named, object{"const": name, "description": o.Summary})
			typed = append(typed, object{
				"if":   object{"properties": object{flows.UsesKind: object{"const": name}}},
				"then": object{"properties": object{"with": object{"$ref": "#/$defs/" + definition(name)}}},
			})
		}
	}
	props := step["properties"].(object)
	uses := props[flows.UsesKind].(object)
	long := uses["anyOf"].([]any)[1]
	others := object{"type": "string", "not": object{"pattern": `^(` + strings.Join(names, "|") + `)\.`}} // of documents behind the flow
	uses["anyOf"] = append([]any{others, long}, named...)
	step["allOf"] = typed
}

// WithSchemas returns the JSON Schemas of `with` for the operations of a connector, as definitions of SchemaWithConnectors. They take
// a text with ${ } in place of any value.
func WithSchemas(c *flows.Connector) map[string]any {
	all := map[string]any{}
	for _, o := range c.Operations {
		name := definition(c.Name + "." + o.Name)
		all[name] = withSchema(o, "#/$defs/"+name)
	}
	return all
}

// expression is the schema of a text with a program in it.
var expression = object{"type": "string", "pattern": `\$\{`} // read only

// withSchema returns the schema of the parameters of an operation. at is its place in the whole.
func withSchema(o flows.ConnectorOperation, at string) object {
	required, _ := o.Params["required"].([]any)
	given, _ := o.Params["properties"].(map[string]any)
	properties, needed := object{}, []any{}
	for name, property := range given {
		schema, _ := property.(map[string]any)
		_, has := schema["default"]
		loose := loosened(property, at)
		if slices.Contains(required, any(name)) && !has {
			needed = append(needed, name)
		} else if alternatives, ok := loose["anyOf"].([]any); ok { // null stands for a parameter that is not given
			loose["anyOf"] = append(slices.Clone(alternatives), object{"type": "null"})
		}
		properties[name] = loose
	}
	slices.SortFunc(needed, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	s := object{"type": []any{"object", "string", "null"}, "description": o.Summary, "properties": properties}
	if len(needed) > 0 {
		s["required"] = needed
		s["type"] = []any{"object", "string"}
	}
	for _, name := range []string{"additionalProperties", "patternProperties"} {
		if v, has := o.Params[name]; has {
			s[name] = loosenedMember(name, v, at)
		}
	}
	if defs, ok := o.Params["$defs"].(map[string]any); ok {
		s["$defs"] = loosenedMember("$defs", defs, at)
	}
	return s
}

// kept are the keywords that hold for values with programs in them; others are about values that are known in a run only. Read only.
var kept = []string{
	"type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "format",
	"minItems", "maxItems", "required", "minProperties", "maxProperties", "items", "prefixItems", "properties", "additionalProperties", "patternProperties",
	"anyOf", "oneOf", "allOf", "$ref", "$defs", "title", "default", "examples", "deprecated",
}

// loosened returns a schema that takes a text with a program in place of the value, and of each part of it.
func loosened(schema any, at string) object {
	given, ok := schema.(map[string]any)
	if !ok {
		return object{}
	}
	strict := object{}
	for _, name := range kept {
		v, has := given[name]
		if !has {
			continue
		}
		if ref, isRef := v.(string); name == "$ref" && isRef {
			target, own := strings.CutPrefix(ref, "#/$defs/")
			if !own || strings.Contains(target, "/") {
				return object{} // into the middle of a schema, or elsewhere
			}
			v = at + "/$defs/" + target
		}
		if name == "oneOf" { // a program may be of several
			name = "anyOf"
		}
		if name == "anyOf" && strict[name] != nil {
			continue
		}
		strict[name] = loosenedMember(name, v, at)
	}
	loose := object{"anyOf": []any{strict, expression}}
	if text, ok := given["description"].(string); ok {
		loose["description"] = text
	}
	return loose
}

// loosenedMember returns the value of a keyword, with the schemas in it loosened.
func loosenedMember(keyword string, v any, at string) any {
	switch keyword {
	case "items", "additionalProperties":
		if _, isSchema := v.(map[string]any); isSchema {
			return loosened(v, at)
		}
	case "anyOf", "oneOf", "allOf", "prefixItems":
		list, _ := v.([]any)
		all := make([]any, len(list))
		for i, one := range list {
			all[i] = loosened(one, at)
		}
		return all
	case "properties", "patternProperties", "$defs":
		members, _ := v.(map[string]any)
		all := object{}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			all[name] = loosened(members[name], at)
		}
		return all
	}
	return v
}
