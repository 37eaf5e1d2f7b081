package flows

import "slices"

// Operations are the operations of a kind, of which each step has one: `sftp: {connection: bank, get: /a.csv}`.
type Operations struct {
	Names   []Param  // of type TypeTemplate
	Options []Option // further parameters
}

// Option is a parameter of some operations.
type Option struct {
	Param
	Of []string // names of operations; empty: all
}

// Params returns the parameters of the kind.
func (o Operations) Params() []Param {
	var all []Param
	for _, p := range o.Names {
		p.Type, p.OneOf = TypeTemplate, "operation"
		all = append(all, p)
	}
	for _, option := range o.Options {
		all = append(all, option.Param)
	}
	return all
}

// Chosen returns the name of the step's operation. It rejects options of others.
func (o Operations) Chosen(a *Args) (string, error) {
	name := ""
	for _, p := range o.Names {
		if a.Has(p.Name) {
			name = p.Name
		}
	}
	for _, option := range o.Options {
		if a.Has(option.Name) && len(option.Of) > 0 && !slices.Contains(option.Of, name) {
			return "", a.Errorf(option.Name, "%s has no meaning for %s", option.Name, name)
		}
	}
	return name, nil
}
