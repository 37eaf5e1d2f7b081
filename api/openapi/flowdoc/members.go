package flowdoc

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Bounds of what pages and comparisons read of a schema.
const (
	maxMembers = 300
	maxLevels  = 8 // of nested members, and of references that are written out
)

// Member is one member of a schema, at any depth.
type Member struct {
	Path        string // as in address.city, or tags[]
	Type        string // as in string (date), or array of integer
	Description string
	Required    bool
	Enum        []string
}

// members flattens a schema: its members in the order of their names, each before its own members. What has several
// alternatives (oneOf, anyOf) is one member without members.
func (r *resolver) members(schema any) []Member {
	var all []Member
	r.flatten(r.follow(schema), "", 0, &all)
	return all
}

func (r *resolver) flatten(s object, path string, level int, all *[]Member) {
	if level > maxLevels || s == nil {
		return
	}
	if items := r.follow(s["items"]); items != nil && hasType(s, "array") {
		if path == "" {
			*all = append(*all, r.member("[]", items, true))
		}
		r.flatten(items, path+"[]", level+1, all)
		return
	}
	properties, required := asObject(s["properties"]), listOf(s["required"])
	for _, part := range listOf(s["allOf"]) {
		r.flatten(r.follow(part), path, level+1, all)
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if len(*all) >= maxMembers {
			return
		}
		member, inner := path+"."+name, r.follow(properties[name])
		if path == "" {
			member = name
		}
		*all = append(*all, r.member(member, inner, slices.Contains(required, any(name))))
		r.flatten(inner, member, level+1, all)
	}
}

func (r *resolver) member(path string, s object, required bool) Member {
	m := Member{Path: path, Type: r.typeOf(s, 0), Description: textOf(s["description"]), Required: required}
	for _, v := range listOf(s["enum"]) {
		m.Enum = append(m.Enum, plainText(v))
	}
	if c, fixed := s["const"]; fixed {
		m.Enum = []string{plainText(c)}
	}
	return m
}

// typeOf names the type of a schema.
func (r *resolver) typeOf(s object, level int) string {
	either := append(listOf(s["anyOf"]), listOf(s["oneOf"])...)
	switch {
	case s == nil || level > maxLevels:
		return "any"
	case len(either) > 0:
		var names []string
		for _, part := range either {
			if name := r.typeOf(r.follow(part), level+1); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return strings.Join(names, " or ")
	case hasType(s, "array"):
		return "array of " + r.typeOf(r.follow(s["items"]), level+1) + orNull(s)
	}
	name := textOf(s["type"])
	if several := listOf(s["type"]); len(several) > 0 {
		var names []string
		for _, one := range several {
			names = append(names, fmt.Sprint(one))
		}
		slices.Sort(names)
		name = strings.Join(names, " or ")
	}
	switch {
	case name == "" && s["properties"] != nil:
		name = "object"
	case name == "":
		name = "any"
	}
	if format := textOf(s["format"]); format != "" {
		name += " (" + format + ")"
	}
	return name
}

func orNull(s object) string {
	if slices.Contains(listOf(s["type"]), any("null")) {
		return " or null"
	}
	return ""
}

func hasType(s object, name string) bool {
	return s["type"] == name || slices.Contains(listOf(s["type"]), any(name))
}

// inline writes out the references in a schema down to maxLevels, for people.
func (r *resolver) inline(v any, level int) any {
	switch v := v.(type) {
	case object:
		if v["$ref"] != nil && level < maxLevels {
			if to := r.follow(v); to != nil {
				return r.inline(to, level+1)
			}
		}
		out := object{}
		for name, part := range v {
			out[name] = r.inline(part, level)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, part := range v {
			out[i] = r.inline(part, level)
		}
		return out
	}
	return v
}
