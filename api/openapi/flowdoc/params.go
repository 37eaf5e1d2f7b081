package flowdoc

import (
	"slices"
	"strings"

	"github.com/penstock/penstock/flows"
)

// unnamed are headers that OpenAPI describes elsewhere: a parameter of that name is ignored.
var unnamed = []string{"accept", "content-type", "authorization"}

// params describes the declared parameters.
func (d *describer) params(o *flows.Operation, all []sample) []any {
	out := []any{}
	for i := range o.Params {
		p := &o.Params[i]
		if p.In == flows.InHeader && slices.Contains(unnamed, strings.ToLower(p.Name)) {
			continue
		}
		param := object{"name": p.Name, "in": p.In, "schema": paramSchema(p)}
		if p.Required {
			param["required"] = true
		}
		if p.Description != "" {
			param["description"] = p.Description
		}
		if p.Type == "array" && p.In == flows.InQuery {
			param["style"], param["explode"] = "form", p.Explode
		}
		if v, ok := paramExample(p, all); ok {
			param["example"] = v
		}
		out = append(out, param)
	}
	return out
}

// paramExample is the value of a parameter in the first test that succeeds with one.
func paramExample(p *flows.HTTPParam, all []sample) (any, bool) {
	for _, s := range all {
		if given := s.Params[p.Name]; given != nil && s.Succeeds {
			v, err := p.Value(given)
			return v, err == nil && len(flows.EncodeJSON(v)) <= maxSample
		}
	}
	return nil, false
}

// paramSchema is the JSON Schema of a parameter.
func paramSchema(p *flows.HTTPParam) object {
	one := object{"type": p.Type}
	schema := one
	if p.Type == "array" {
		one = object{"type": p.Items}
		schema = object{"type": "array", "items": one}
	}
	if p.Format != "" {
		one["format"] = p.Format
	}
	if len(p.Enum) > 0 {
		one["enum"] = p.Enum
	}
	if p.Default != nil {
		schema["default"] = p.Default
	}
	least, most := map[string][2]string{
		"string": {"minLength", "maxLength"}, "array": {"minItems", "maxItems"}, "integer": {"minimum", "maximum"}, "number": {"minimum", "maximum"},
	}[p.Type], p.Max
	if p.Min != nil && least[0] != "" {
		schema[least[0]] = *p.Min
	}
	if most != nil && least[1] != "" {
		schema[least[1]] = *most
	}
	return schema
}

// listingParams describes the parameters of a listing.
func listingParams(l *flows.Listing) []any {
	var all []any
	if len(l.Filter) > 0 {
		var fields []string
		for _, f := range l.Filter {
			text := "`" + f.Name + "` (" + f.Type
			if f.Operators != nil {
				text += ": " + strings.Join(f.Operators, " ")
			}
			fields = append(fields, text+")")
		}
		all = append(all, object{
			"name": "filter", "in": "query", "schema": object{"type": "string", "maxLength": 4096},
			"description": "Which items, as in `" + l.Filter[0].Name + ` eq "…"` + "`. Fields: " + strings.Join(fields, ", ") + ".",
		})
	}
	if len(l.Order) > 0 {
		var fields []string
		for _, f := range l.Order {
			fields = append(fields, "`"+f.Name+"`")
		}
		order := object{"type": "string"}
		if l.Default != "" {
			order["default"] = l.Default
		}
		all = append(all, object{
			"name": "order_by", "in": "query", "schema": order,
			"description": "The order: fields with commas between them, `-` before one that descends. Fields: " + strings.Join(fields, ", ") + ".",
		})
	}
	return append(all,
		object{"name": "page", "in": "query", "schema": object{"type": "integer", "minimum": 1, "default": 1}, "description": "The page, from 1."},
		object{"name": "page_size", "in": "query", "schema": object{"type": "integer", "minimum": 1, "maximum": l.MaxPageSize, "default": l.DefaultPageSize()}, "description": "Items of a page."},
	)
}
