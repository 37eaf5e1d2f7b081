package reference

import (
	"bytes"
	"encoding/json"

	"github.com/penstock/penstock/flows"
)

// Schema returns the JSON Schema of flow files for the kinds of a catalogue, for editors. It accepts the shapes that
// flows.Parse accepts; only flows.Parse checks programs and names.
func Schema(catalogue *flows.Catalogue) []byte { return append(indent(flowSchema(catalogue)), '\n') }

func flowSchema(catalogue *flows.Catalogue) object {
	defs := map[string]any{
		"steps": object{"type": "array", "minItems": 1, "items": object{"$ref": "#/$defs/step"}},
	}
	kinds := []any{}
	for _, k := range catalogue.Kinds() {
		defs["kind-"+k.Name] = kindSchema(k)
		kinds = append(kinds, object{"$ref": "#/$defs/kind-" + k.Name})
	}
	defs["step"] = object{"oneOf": kinds}
	defs["attributes"] = object{"type": "object", "properties": properties(flows.StepParams())}
	whole := mappingSchema(catalogue.FlowParams())
	whole["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	whole["title"] = "Penstock flow"
	whole["$defs"] = defs
	whole["properties"].(object)["flow"] = object{"type": "integer", "minimum": 1, "description": catalogue.FlowParams()[0].Summary}
	return whole
}

type object = map[string]any

func indent(v any) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, flows.EncodeJSON(v), "", "  "); err != nil {
		return flows.EncodeJSON(v)
	}
	return b.Bytes()
}

// kindSchema returns the schema of a step of the kind: its key, the common attributes, and, beside an inline value,
// the other parameters.
func kindSchema(k flows.Kind) object {
	beside := object{}
	own := []any{}
	for _, p := range k.Params {
		if !p.Inline {
			continue
		}
		own = append(own, typeSchema(p))
		for _, other := range k.Params {
			if !other.Inline {
				beside[other.Name] = described(other)
			}
		}
		if p.Type.HoldsMapping() {
			return stepSchema(k, typeSchema(p), beside)
		}
	}
	own = append(own, mappingSchema(k.Params))
	return stepSchema(k, alternatives(own), beside)
}

func stepSchema(k flows.Kind, value object, beside object) object {
	value["description"] = k.Summary
	if k.Doc != "" {
		value["markdownDescription"] = k.Summary + "\n\n" + k.Doc
	}
	props := object{k.Name: value}
	for name := range properties(flows.StepParams()) {
		props[name] = object{"$ref": "#/$defs/attributes/properties/" + name}
	}
	for name, p := range beside {
		props[name] = p
	}
	return object{"type": "object", "required": []any{k.Name}, "properties": props, "additionalProperties": false}
}

func properties(params []flows.Param) object {
	props := object{}
	for _, p := range params {
		props[p.Name] = described(p)
	}
	return props
}

func described(p flows.Param) object {
	s := typeSchema(p)
	s["description"] = p.Summary
	if p.Default != "" {
		s["description"] = p.Summary + " Default: " + p.Default + "."
	}
	return s
}

// mappingSchema returns the schema of a mapping with the parameters.
func mappingSchema(params []flows.Param) object {
	s := object{"type": "object", "properties": properties(params), "additionalProperties": false}
	required := []any{}
	groups := map[string][]any{}
	order := []string{}
	for _, p := range params {
		if p.Required {
			required = append(required, p.Name)
		}
		if p.OneOf == "" {
			continue
		}
		if groups[p.OneOf] == nil {
			order = append(order, p.OneOf)
		}
		groups[p.OneOf] = append(groups[p.OneOf], object{"required": []any{p.Name}})
	}
	if len(required) > 0 {
		s["required"] = required
	}
	choices := []any{}
	for _, name := range order {
		choices = append(choices, object{"oneOf": groups[name]})
	}
	if len(choices) > 0 {
		s["allOf"] = choices
	}
	return s
}

func typeSchema(p flows.Param) object {
	if p.Computed {
		p.Computed = false
		return alternatives([]any{typeSchema(p), object{"type": "string", "pattern": `^\$\{`}})
	}
	switch p.Type {
	case flows.TypeString:
		return object{"type": []any{"string", "number"}}
	case flows.TypeInt:
		return object{"type": "integer"}
	case flows.TypeBool:
		return object{"type": "boolean"}
	case flows.TypeDuration:
		return object{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?d)?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^[0-9]+(\.[0-9]+)?d$|^0$`}
	case flows.TypeEnum:
		words := make([]any, len(p.Enum))
		for i, word := range p.Enum {
			words[i] = word
		}
		return object{"enum": words}
	case flows.TypeExpr:
		return object{"type": []any{"string", "number", "boolean"}}
	case flows.TypeFields:
		return object{"type": "object"}
	case flows.TypeStrings:
		return alternatives([]any{wordSchema(), object{"type": "array", "items": wordSchema()}})
	case flows.TypeObject:
		return objectSchema(p)
	case flows.TypeList:
		list := object{"type": "array", "items": mappingSchema(p.Fields)}
		if p.Single {
			return alternatives([]any{mappingSchema(p.Fields), list})
		}
		return list
	case flows.TypeMap:
		entry := objectSchema(flows.Param{Fields: p.Fields})
		return alternatives([]any{object{"type": "object", "additionalProperties": entry}, object{"type": "array", "items": wordSchema()}})
	case flows.TypeSteps:
		return object{"$ref": "#/$defs/steps"}
	case flows.TypeStatuses:
		status := object{"anyOf": []any{object{"type": "integer", "minimum": 100, "maximum": 599}, object{"type": "string", "pattern": "^([1-5]xx|[1-5][0-9][0-9])$"}}}
		return alternatives([]any{status, object{"type": "array", "items": status}})
	}
	return object{}
}

func wordSchema() object { return object{"type": []any{"string", "number"}} }

// objectSchema returns the schema of an object with its short forms.
func objectSchema(p flows.Param) object {
	forms := []any{mappingSchema(p.Fields)}
	words := []any{}
	required := false
	for _, f := range p.Fields {
		required = required || f.Required || f.OneOf != ""
		if f.Inline {
			forms = append(forms, typeSchema(f))
		}
		if p.Short && f.Type == flows.TypeObject {
			words = append(words, f.Name)
		}
	}
	if len(words) > 0 {
		forms = append(forms, object{"enum": words})
	}
	if !required {
		forms = append(forms, object{"type": "null"})
	}
	return alternatives(forms)
}

func alternatives(forms []any) object {
	if len(forms) == 1 {
		return forms[0].(object)
	}
	return object{"anyOf": forms}
}
