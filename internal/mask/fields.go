package mask

import "strings"

// Fields masks the members of these names in values of JSON, at any depth. Names are compared without case; no names
// mask nothing.
type Fields []string

// Value returns a copy of v with the members masked.
func (f Fields) Value(v any) any {
	switch v := v.(type) {
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, member := range v {
			if f.has(name) {
				object[name] = Text
			} else {
				object[name] = f.Value(member)
			}
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = f.Value(element)
		}
		return list
	}
	return v
}

// Unnamed is Value that also masks texts and numbers outside of any member: a bare secret has no name.
func (f Fields) Unnamed(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return f.Value(v)
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = f.Unnamed(element)
		}
		return list
	case nil, bool:
		return v
	}
	return Text
}

func (f Fields) has(name string) bool {
	for _, field := range f {
		if strings.EqualFold(name, field) {
			return true
		}
	}
	return false
}
