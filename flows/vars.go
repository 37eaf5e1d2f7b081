package flows

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/suggest"
)

// vars reads the vars of the file. A var that is null there has no value of its own: the environment must have one.
func (c *compiler) vars(n *yaml.Node) {
	if n.Shape != yaml.Mapping {
		return // reported as an argument
	}
	c.flow.Vars = c.literal(n).(map[string]any)
	c.flow.varNames = slices.Sorted(maps.Keys(c.flow.Vars))
	for i, k := range n.Keys {
		if s, ok := n.Items[i].Value.(string); ok && strings.Contains(s, "${") {
			c.Add(mistake.FixedValue, n.Items[i].Place, "compute it in a step", "vars: %s is fixed when the flow is deployed, ${ } has no meaning here", k.Name)
		}
		c.flow.uses = append(c.flow.uses, Use{Resource: ResourceVar, Name: k.Name, place: n.Items[i].Place})
		c.flow.needsVars = c.flow.needsVars || c.flow.Vars[k.Name] == nil
	}
}

// CheckVar says why a run cannot have a value for a var of the flow, when the environment has these; empty: it can.
func (f *Flow) CheckVar(name string, environment map[string]any) string {
	_, problem := f.varValue(name, environment)
	return problem
}

// CheckVarNames returns an error for a name that is none of the flow's vars.
func (f *Flow) CheckVarNames(names []string) error {
	for _, name := range names {
		if !slices.Contains(f.varNames, name) {
			return fmt.Errorf("vars has no %q%s", name, parenthesized(suggest.DidYouMean(name, f.varNames)))
		}
	}
	return nil
}

func parenthesized(hint string) string {
	if hint == "" {
		return ""
	}
	return " (" + hint + ")"
}

// varValue returns the value of a var: that of the environment, else that of the flow. A text of the environment is read as
// JSON where the flow's own value is of another type. The problem says why there is no value; empty: there is.
func (f *Flow) varValue(name string, environment map[string]any) (value any, problem string) {
	own, value := f.Vars[name], environment[name]
	switch {
	case value == nil && own == nil:
		return nil, "it has no value here, and the environment has none"
	case value == nil:
		return own, ""
	case own == nil:
		return value, ""
	}
	if text, ok := value.(string); ok && typeOf(own) != typeOf("") {
		if v, err := DecodeJSON([]byte(text)); err == nil {
			value = v
		}
	}
	if typeOf(value) != typeOf(own) {
		return nil, fmt.Sprintf("the value of the environment is %s, and that of the flow %s", typeOf(value), typeOf(own))
	}
	return value, ""
}

// typeOf names the type of a JSON value.
func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a text"
	case bool:
		return "true or false"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	}
	return "a number"
}

// varsOf returns what programs of the flow read as $vars.
func (e *Env) varsOf(f *Flow) (map[string]any, error) {
	if !f.reads[ofVars] || len(e.Vars)+len(e.VarSubstitutions) == 0 && !f.needsVars {
		return f.Vars, nil
	}
	vars := make(map[string]any, len(f.Vars))
	replaces := len(e.VarSubstitutions) > 0 && (e.SubstitutesIn == nil || e.SubstitutesIn(f))
	for _, name := range f.varNames {
		v, problem := f.varValue(name, e.Vars)
		if problem != "" {
			return nil, &Error{Code: CodeStepFailed, Message: "vars: " + strconv.Quote(name) + ": " + problem}
		}
		if text, ok := v.(string); ok && replaces && e.VarSubstitutions[text] != "" {
			v = e.VarSubstitutions[text]
		}
		vars[name] = v
	}
	return vars, nil
}

// ParseVars reads a file of variables: a mapping, in YAML or JSON. file is its name in error messages. Error: a problem.List.
func ParseVars(file string, src []byte) (map[string]any, error) {
	c := &compiler{Report: problem.NewReport(file, src)}
	root := yaml.Read(src, c.Lines, c.Add)
	if root != nil && root.Shape != yaml.Mapping {
		c.Add(mistake.WrongType, root.Place, "", "expected variables, such as `crm: https://crm.example.org`, found %s", root.ShapeName())
	}
	if err := c.err(); err != nil || root == nil {
		return nil, err
	}
	return c.literal(root).(map[string]any), nil
}
