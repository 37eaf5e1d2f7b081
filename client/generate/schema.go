package generate

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// schema is a JSON Schema as far as types are made from it. nil, and the zero value, fit everything.
type schema struct {
	Ref         string             `json:"$ref"`
	Type        words              `json:"type"`
	Format      string             `json:"format"`
	Description string             `json:"description"`
	Enum        []json.RawMessage  `json:"enum"`
	Const       json.RawMessage    `json:"const"`
	Properties  map[string]*schema `json:"properties"`
	Required    []string           `json:"required"`
	Additional  *schema            `json:"additionalProperties"`
	Items       *schema            `json:"items"`
	AllOf       []*schema          `json:"allOf"`
	AnyOf       []*schema          `json:"anyOf"`
	OneOf       []*schema          `json:"oneOf"`
	Prefix      []*schema          `json:"prefixItems"`

	never bool // false: nothing fits
}

// words is a text or a list of them.
type words []string

// UnmarshalJSON accepts both forms.
func (w *words) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte{'"'}) {
		*w = words{""}
		return json.Unmarshal(text, &(*w)[0])
	}
	return json.Unmarshal(text, (*[]string)(w))
}

// UnmarshalJSON accepts a boolean, too.
func (s *schema) UnmarshalJSON(text []byte) error {
	switch string(text) {
	case "true":
		return nil
	case "false":
		s.never = true
		return nil
	}
	type plain schema // without this method
	return json.Unmarshal(text, (*plain)(s))
}

// component is the component that a schema refers to; empty: none.
func (s *schema) component() string {
	if s == nil {
		return ""
	}
	name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/")
	if !ok {
		return ""
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
}

// parts are the schemas inside of a schema, in a fixed order.
func (s *schema) parts() []*schema {
	if s == nil {
		return nil
	}
	all := slices.Concat(s.alternatives(), s.AllOf, s.Prefix, []*schema{s.Items, s.Additional})
	for _, name := range sorted(s.Properties) {
		all = append(all, s.Properties[name])
	}
	return slices.DeleteFunc(all, func(s *schema) bool { return s == nil })
}

func (s *schema) alternatives() []*schema { return slices.Concat(s.AnyOf, s.OneOf) }

// isNull reports whether null alone fits.
func (s *schema) isNull() bool {
	return s != nil && (len(s.Type) == 1 && s.Type[0] == "null" || string(s.Const) == "null")
}

// isFile reports whether the schema describes bytes.
func (s *schema) isFile() bool { return s != nil && s.Format == "binary" }

// isObject reports whether the schema describes the members of objects.
func (s *schema) isObject() bool {
	return s != nil && len(s.alternatives())+len(s.AllOf) == 0 && s.Enum == nil && s.Const == nil && s.component() == "" &&
		(slices.Contains(s.Type, "object") || len(s.Type) == 0 && s.Properties != nil)
}

// plainType is the only type beside null; empty: there is none, or several.
func (s *schema) plainType() string {
	some := slices.DeleteFunc(slices.Clone(s.Type), func(t string) bool { return t == "null" })
	if len(some) != 1 {
		return ""
	}
	return some[0]
}

// nullable returns what fits beside null, and whether null fits.
func (s *schema) nullable() (*schema, bool) {
	for s != nil && len(s.AllOf) == 1 && len(s.Type)+len(s.Properties)+len(s.alternatives()) == 0 {
		s = s.AllOf[0]
	}
	if s == nil {
		return s, false
	}
	all := s.alternatives()
	others := slices.DeleteFunc(slices.Clone(all), (*schema).isNull)
	if len(others) == 1 && len(others) < len(all) {
		inner, _ := others[0].nullable()
		return inner, true
	}
	return s, slices.Contains(s.Type, "null")
}

// values are the only values that fit, apart from null; nil: there is no such list.
func (s *schema) values() []json.RawMessage {
	if s.Const != nil {
		return []json.RawMessage{s.Const}
	}
	return slices.DeleteFunc(slices.Clone(s.Enum), func(v json.RawMessage) bool { return string(v) == "null" })
}

// circular are the components that are defined by themselves alone, through references and alternatives: no language
// accepts such a type.
func circular(components map[string]*schema) map[string]bool {
	out := map[string]bool{}
	for name := range components {
		if leadsTo(components, name, func(s *schema) []*schema { return slices.Concat(s.alternatives(), s.AllOf) }) {
			out[name] = true
		}
	}
	return out
}

// leadsTo reports whether a component leads to itself through some of the parts of schemas.
func leadsTo(components map[string]*schema, name string, parts func(*schema) []*schema) bool {
	seen, found := map[string]bool{}, false
	var visit func(s *schema)
	visit = func(s *schema) {
		if s == nil || found {
			return
		}
		if to := s.component(); to != "" {
			if found = to == name; found || seen[to] {
				return
			}
			seen[to] = true
			visit(components[to])
		}
		for _, part := range parts(s) {
			visit(part)
		}
	}
	visit(components[name])
	return found
}
