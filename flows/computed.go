package flows

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/internal/suggest"
)

// maxEntries is the maximum number of members or entries of a computed argument.
const maxEntries = 1000

// FieldSet is a TypeFields argument: the fields of the file, or an expression that gives an object of them. The zero value
// has none. Safe for concurrent use.
type FieldSet struct {
	name     string
	fixed    []Field
	computed *Template // nil: fixed
}

// Fixed returns the fields of the file; nil for an expression.
func (s FieldSet) Fixed() []Field { return s.fixed }

// Given reports whether the flow gives the argument.
func (s FieldSet) Given() bool { return s.computed != nil || s.fixed != nil }

// Render returns the fields for the item: those of the file in their order, those of an object by their names.
func (s FieldSet) Render(ctx context.Context, in *Input) ([]Field, error) {
	if s.computed == nil {
		return s.fixed, nil
	}
	v, err := s.computed.Render(ctx, in)
	if err != nil || v == nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok || len(object) > maxEntries {
		return nil, &Error{Code: CodeStepFailed, Message: fmt.Sprintf("%s: expected an object of at most %d members", s.name, maxEntries)}
	}
	return fieldsOf(object), nil
}

func fieldsOf(object map[string]any) []Field {
	fields := make([]Field, 0, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		fields = append(fields, Field{Name: name, Value: &Template{literal: object[name]}})
	}
	return fields
}

// EntryList is a TypeList argument whose parameters are all TypeTemplate: the entries of the file, or an expression that
// gives a list of objects. The zero value has none. Safe for concurrent use.
type EntryList struct {
	name     string
	params   []Param
	fixed    []*Args
	computed *Template // nil: fixed
}

// Render returns the entries for the item.
func (l EntryList) Render(ctx context.Context, in *Input) ([]*Args, error) {
	if l.computed == nil {
		return l.fixed, nil
	}
	v, err := l.computed.Render(ctx, in)
	if err != nil || v == nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok || len(list) > maxEntries {
		return nil, &Error{Code: CodeStepFailed, Message: fmt.Sprintf("%s: expected a list of at most %d objects", l.name, maxEntries)}
	}
	entries := make([]*Args, len(list))
	for i, element := range list {
		object, ok := element.(map[string]any)
		trouble := "expected an object"
		if ok {
			trouble = checkMembers(object, l.params)
		}
		if trouble != "" {
			return nil, &Error{Code: CodeStepFailed, Message: fmt.Sprintf("%s: entry %d: %s", l.name, i, trouble)}
		}
		entries[i] = &Args{values: map[string]any{}}
		for _, f := range fieldsOf(object) {
			if v, _ := f.Value.Literal(); v != nil { // null is a member that is not given
				entries[i].values[f.Name] = f.Value
			}
		}
	}
	return entries, nil
}

// checkMembers says why an object has not the members that the parameters ask for; empty: it has.
func checkMembers(object map[string]any, params []Param) string {
	groups := map[string][]string{}
	for name := range object {
		if !slices.ContainsFunc(params, func(p Param) bool { return p.Name == name }) {
			return strings.TrimSpace(fmt.Sprintf("unknown member %.40q %s", name, suggest.DidYouMean(name, paramNames(params))))
		}
	}
	for _, p := range params {
		if p.OneOf != "" && object[p.Name] != nil {
			groups[p.OneOf] = append(groups[p.OneOf], p.Name)
		}
	}
	for _, p := range params {
		switch given := groups[p.OneOf]; {
		case p.Required && object[p.Name] == nil:
			return p.Name + " is missing"
		case p.OneOf != "" && len(given) == 0:
			return "one of its members is missing: " + suggest.OneOf(oneOf(params, p.OneOf))
		case p.OneOf != "" && len(given) > 1:
			return fmt.Sprintf("%s and %s exclude each other", given[0], given[1])
		}
	}
	return ""
}

// oneOf returns the names of the parameters in a group.
func oneOf(params []Param, group string) []string {
	var names []string
	for _, p := range params {
		if p.OneOf == group {
			names = append(names, p.Name)
		}
	}
	return names
}

// FieldSet returns a TypeFields argument with Param.Computed.
func (a *Args) FieldSet(name string) FieldSet {
	if t, ok := a.values[name].(*Template); ok {
		return FieldSet{name: name, computed: t}
	}
	return FieldSet{name: name, fixed: a.Fields(name)}
}

// EntryList returns a TypeList argument with Param.Computed. params are its Param.Fields.
func (a *Args) EntryList(name string, params []Param) EntryList {
	if t, ok := a.values[name].(*Template); ok {
		return EntryList{name: name, params: params, computed: t}
	}
	return EntryList{name: name, fixed: a.List(name)}
}

// computed compiles an expression that stands for a whole mapping or list; nil when the node is none.
func (c *compiler) computed(p Param, n *yaml.Node) (*Template, error) {
	text, ok := n.Value.(string)
	if !p.Computed || !ok || n.Shape != yaml.Scalar || !strings.Contains(text, "${") {
		return nil, nil
	}
	t := c.templateText(n, text)
	if t.parts != nil {
		return nil, mistake.Errorf(mistake.WrongType, "expected one ${ } alone, which gives all of it")
	}
	return t, nil
}
