package jq

import (
	"slices"

	"github.com/penstock/penstock/third_party/gojq"
)

// Path is a program that is a chain of names, such as $event.email.address. It is the most frequent program, and is
// evaluated without the interpreter.
type Path struct {
	Root  int // index of its variable among Program.Variables; -1: the input
	Names []string
}

// Follow evaluates the path from the value of its root. It returns false when the interpreter must report an error.
func (p *Path) Follow(v any) (any, bool) {
	for _, name := range p.Names {
		switch object := v.(type) {
		case map[string]any:
			v = object[name]
		case nil:
			return nil, true
		default:
			return nil, false
		}
	}
	return v, true
}

// asPath returns the program as a path; nil when it is not a plain path.
func (p *compilation) asPath(q *gojq.Query) *Path {
	t := q.Term
	if t == nil || len(q.FuncDefs) > 0 {
		return nil
	}
	found := &Path{Root: -1}
	switch t.Type {
	case gojq.TermTypeIdentity:
	case gojq.TermTypeIndex:
		if t.Index.Name == "" {
			return nil
		}
		found.Names = append(found.Names, t.Index.Name)
	case gojq.TermTypeFunc:
		if found.Root = slices.Index(p.vars, t.Func.Name); found.Root < 0 {
			return nil
		}
	default:
		return nil
	}
	for _, s := range t.SuffixList {
		name := memberName(s)
		if name == "" {
			return nil
		}
		found.Names = append(found.Names, name)
	}
	return found
}

// memberName returns the name in a suffix .name or ["name"]; empty for any other suffix.
func memberName(s *gojq.Suffix) string {
	x := s.Index
	switch {
	case x == nil || s.Iter || s.Optional || x.IsSlice:
		return ""
	case x.Name != "":
		return x.Name
	case x.Str != nil && x.Str.Queries == nil:
		return x.Str.Str
	case x.Start != nil && x.End == nil && x.Start.Term != nil && len(x.Start.Term.SuffixList) == 0:
		if t := x.Start.Term; t.Type == gojq.TermTypeString && t.Str.Queries == nil {
			return t.Str.Str
		}
	}
	return ""
}
