package flows

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/jq"
	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/internal/suggest"
)

// paramSchema is the JSON Schema of the parameters of an operation. It is immutable.
type paramSchema struct {
	schema     map[string]any
	properties map[string]any
	required   []string
	closed     bool // other members are mistakes
	validator  *Validator
	defaults   map[string]any
	nullable   map[string]bool // parameters whose value may be null
}

// newParamSchema compiles a schema; nil stands for one without parameters.
func newParamSchema(v any) (*paramSchema, error) {
	schema, ok := v.(map[string]any)
	if v != nil && !ok {
		return nil, errors.New("expected a JSON Schema of an object, which is a mapping")
	}
	schema = maps.Clone(schema)
	if schema == nil {
		schema = map[string]any{}
	}
	if schema["type"] == nil {
		schema["type"] = "object"
	} else if schema["type"] != "object" {
		return nil, errors.New("params are an object: expected type: object")
	}
	if schema["additionalProperties"] == nil && schema["patternProperties"] == nil {
		schema["additionalProperties"] = false
	}
	s := &paramSchema{schema: schema, required: words(schema["required"]), closed: schema["additionalProperties"] == false && schema["patternProperties"] == nil}
	s.properties, _ = schema["properties"].(map[string]any)
	s.defaults, s.nullable = map[string]any{}, map[string]bool{}
	var err error
	if s.validator, err = NewValidator(schema); err != nil {
		return nil, err
	}
	for name, property := range s.properties {
		one, err := s.of(property)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s.nullable[name] = one.Check(context.Background(), nil) == nil
		object, _ := property.(map[string]any)
		if value, has := object["default"]; has {
			if err := one.Check(context.Background(), value); err != nil {
				return nil, fmt.Errorf("%s: default: %w", name, err)
			}
			s.defaults[name] = value
		}
	}
	for _, name := range s.required {
		if s.closed && s.properties[name] == nil {
			return nil, fmt.Errorf("required: there is no property %q", name)
		}
	}
	return s, nil
}

// words returns the texts of a list.
func words(v any) (all []string) {
	list, _ := v.([]any)
	for _, element := range list {
		if word, ok := element.(string); ok {
			all = append(all, word)
		}
	}
	return all
}

// of compiles a part of the schema, with the definitions of the whole.
func (s *paramSchema) of(part any) (*Validator, error) {
	object, ok := part.(map[string]any)
	if defs := s.schema["$defs"]; ok && defs != nil && object["$defs"] == nil {
		object = maps.Clone(object)
		object["$defs"] = defs
		return NewValidator(object)
	}
	return NewValidator(part)
}

func (s *paramSchema) names() []string { return slices.Sorted(maps.Keys(s.properties)) }

// complete returns the parameters for a call, without those that are null and may not be, and with defaults. v is null or an
// object. It fails when they do not fit the schema.
func (s *paramSchema) complete(ctx context.Context, v any) (map[string]any, error) {
	given, ok := v.(map[string]any)
	if !ok && v != nil {
		return nil, &Error{Code: CodeValidation, Message: fmt.Sprintf("with: expected an object, found %s", typeOf(v))}
	}
	params := make(map[string]any, len(given)+len(s.defaults))
	maps.Copy(params, s.defaults)
	for name, value := range given {
		if value != nil || s.nullable[name] || s.properties[name] == nil {
			params[name] = value
		}
	}
	if err := s.validator.Check(ctx, params); err != nil {
		return nil, SchemaError(err, "with: ", 0)
	}
	return params, nil
}

// checkWith reports parameters in the file that cannot fit the schema, whatever its expressions give.
func (c *compiler) checkWith(at yaml.Place, n *yaml.Node, s *paramSchema, operation string) {
	switch {
	case n == nil || n.Shape == yaml.Scalar && n.Value == nil:
		n = &yaml.Node{Place: at, Shape: yaml.Mapping}
	case n.Shape == yaml.Scalar && hasExpression(n):
		return
	case n.Shape != yaml.Mapping:
		c.Add(mistake.WrongType, n.Place, "", "with: %v", expected("a mapping", n))
		return
	}
	c.checkMembers(n, s, s.schema, "parameter", operation)
}

// checkMembers checks a mapping against the schema of an object.
func (c *compiler) checkMembers(n *yaml.Node, s *paramSchema, schema map[string]any, what, of string) {
	properties, _ := schema["properties"].(map[string]any)
	closed := schema["additionalProperties"] == false && schema["patternProperties"] == nil
	mistyped := false
	given := map[string]bool{}
	for i, k := range n.Keys {
		property, known := properties[k.Name]
		optional := what == "parameter" && n.Items[i].Shape == yaml.Scalar && n.Items[i].Value == nil && !s.nullable[k.Name]
		switch {
		case !known && closed:
			mistyped = true
			c.Add(mistake.UnknownKey, k.Place, suggest.DidYouMean(k.Name, slices.Sorted(maps.Keys(properties))), "unknown %s %q of %s", what, k.Name, of)
		case optional: // as if it were missing
		default:
			given[k.Name] = true
			for _, schema := range schemasOf(schema, k.Name, property, known) {
				c.checkValue(n.Items[i], s, schema, k.Name)
			}
		}
	}
	if mistyped { // a "missing" one may only be misspelled
		return
	}
	for _, name := range words(schema["required"]) {
		if property, _ := properties[name].(map[string]any); !given[name] && (what != "parameter" || property["default"] == nil) {
			c.Add(mistake.RequiredKey, n.Place, "", "%s is missing%s", name, map[bool]string{true: ", a parameter of " + of}[what == "parameter"])
		}
	}
}

// describesMembers reports whether the schema of an object says what its members are.
func describesMembers(schema map[string]any) bool {
	return schema["properties"] != nil || schema["patternProperties"] != nil || schema["additionalProperties"] != nil
}

// schemasOf returns the schemas that a member of an object has to fit: that of its name, and those of the patterns that the name matches;
// additionalProperties for one without any of them.
func schemasOf(schema map[string]any, name string, property any, known bool) (all []any) {
	if known {
		all = append(all, property)
	}
	patterns, _ := schema["patternProperties"].(map[string]any)
	for pattern, s := range patterns {
		if r, err := regexp.Compile(pattern); err == nil && r.MatchString(name) {
			all = append(all, s)
		}
	}
	if further, given := schema["additionalProperties"].(map[string]any); given && len(all) == 0 {
		all = append(all, further)
	}
	return all
}

// checkValue checks a value of the file against a schema, as far as it is known before a run.
func (c *compiler) checkValue(n *yaml.Node, s *paramSchema, v any, name string) {
	schema, ok := v.(map[string]any)
	for range 8 {
		ref, _ := schema["$ref"].(string)
		defs, _ := s.schema["$defs"].(map[string]any)
		target, found := defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		if !strings.HasPrefix(ref, "#/$defs/") || !found || len(schema) > 1 && schema["properties"] != nil {
			break
		}
		schema = target
	}
	before := len(c.Found)
	if ok && n.Shape == yaml.Mapping && describesMembers(schema) {
		c.checkMembers(n, s, schema, "member", name)
	}
	if items, given := schema["items"]; given && n.Shape == yaml.Sequence {
		for _, element := range n.Items {
			c.checkValue(element, s, items, name)
		}
	}
	if len(c.Found) > before {
		return
	}
	if hasExpression(n) {
		c.checkShape(n, schema, name)
		return
	}
	validator, err := s.of(v)
	if err != nil {
		return // the check of the connector reports it
	}
	if err := validator.Check(context.Background(), c.literal(n)); err != nil {
		hint := ""
		if text, isText := n.Value.(string); isText && n.Style != yaml.Plain && validator.Check(context.Background(), c.unquoted(text)) == nil {
			hint = "write it without quotes"
		}
		c.Add(mistake.Of(err, mistake.BadValue), n.Place, hint, "%s: %v", name, err)
	}
}

// unquoted returns the value that a text is in YAML without quotes.
func (c *compiler) unquoted(text string) any {
	n := yaml.Read([]byte(text), yaml.LinesOf([]byte(text)), func(mistake.Code, yaml.Place, string, string, ...any) {})
	if n == nil {
		return text
	}
	return n.Value
}

// checkShape checks the type of a value with expressions in it: they are not evaluated.
func (c *compiler) checkShape(n *yaml.Node, schema map[string]any, name string) {
	types := words(schema["type"])
	if one, ok := schema["type"].(string); ok {
		types = []string{one}
	}
	shape := "string"
	switch {
	case n.Shape == yaml.Mapping:
		shape = "object"
	case n.Shape == yaml.Sequence:
		shape = "array"
	case isExpression(n):
		return
	}
	if len(types) > 0 && !slices.Contains(types, shape) {
		c.Add(mistake.WrongType, n.Place, "", "%s: got %s, want %s", name, shape, strings.Join(types, " or "))
	}
}

// hasExpression reports whether a value has a ${ } in it, at any depth.
func hasExpression(n *yaml.Node) bool {
	text, _ := n.Value.(string)
	return strings.Contains(text, "${") || slices.ContainsFunc(n.Items, hasExpression)
}

// isExpression reports whether a text is one ${ } alone, whose value has any type.
func isExpression(n *yaml.Node) bool {
	text, _ := n.Value.(string)
	pieces, open := jq.Split(text)
	return open < 0 && len(pieces) == 1 && pieces[0].Program
}
