package importer

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Bounds of the schemas in a connector. What lies deeper or beyond is not checked.
const (
	maxDepth        = 4
	maxParamSchemas = 150 // schemas of the params of one operation
	maxOutSchemas   = 50  // schemas of its output
	maxEnum         = 100
	maxProperties   = 500
)

// reducer makes JSON Schemas (draft 2020-12) of the Schema Objects of all formats, with what checks values and without
// references: cycles end at the depth.
type reducer struct {
	left     int               // how many schemas it may make yet
	depth    int               // deepest level
	response bool              // readOnly properties are kept and writeOnly ones dropped; else the other way round
	describe bool              // descriptions are kept
	open     map[string]bool   // places of the schemas around: one that contains itself ends there
	lost     map[string]string // what of the schemas is not kept, by its place
}

// fit calls reduce with the greatest depth whose schemas are within the limit. The last try, of depth 1, has no limit.
func fit(r reducer, limit int, reduce func(*reducer)) {
	for r.depth = maxDepth; ; r.depth-- {
		if r.left = limit; r.depth == 1 {
			r.left = maxProperties
		}
		try := r
		try.open = map[string]bool{}
		clear(try.lost)
		reduce(&try)
		if try.left >= 0 || r.depth == 1 {
			return
		}
	}
}

func (r *reducer) schema(n node, level int) map[string]any { return r.whole(n, level, 0) }

// whole makes a schema to which no part of an allOf adds anything.
func (r *reducer) whole(n node, level, hops int) map[string]any {
	out := r.reduce(n, level, hops)
	describedOnly(out)
	return out
}

// describedOnly removes the required members that a schema does not describe, such as those that are readOnly in a request. Those of
// elements and variants are removed already.
func describedOnly(schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	for _, p := range properties {
		describedOnly(p.(map[string]any))
	}
	required, _ := schema["required"].([]any)
	required = slices.DeleteFunc(required, func(name any) bool { return properties[name.(string)] == nil })
	if schema["required"] = required; len(required) == 0 {
		delete(schema, "required")
	}
}

// reduce makes the schema of a node. hops counts the allOf around it at the same level. Its required members may be described by another
// part of the allOf.
func (r *reducer) reduce(n node, level, hops int) map[string]any {
	said := n
	n = n.resolve()
	out := map[string]any{}
	if r.left--; r.left < 0 || hops > 16 {
		return out
	}
	if _, ok := n.v.(map[string]any); !ok {
		return out
	}
	types := typesOf(n)
	setTypes(out, types)
	place := n.place()
	if r.open[place] {
		return out
	}
	r.open[place] = true
	defer delete(r.open, place)
	r.values(out, n, types)
	if n.flag("uniqueItems") && !r.response && may(types, "array") {
		out["uniqueItems"] = true
	}
	if level < r.depth {
		r.inside(out, n, level, hops)
	}
	if r.describe {
		text := n.str("description")
		if m, ok := said.v.(map[string]any); ok && text == "" {
			text, _ = m["description"].(string)
		}
		if text = oneLine(text, []int{200, 100, 60}[min(level, 2)]); text != "" && level < 3 {
			out["description"] = text
		}
	}
	for _, part := range n.list("allOf") {
		if r.left < 0 {
			break
		}
		mergeSchema(out, r.reduce(part, level, hops+1))
	}
	r.variants(out, n, level, hops)
	return out
}

var jsonTypes = []string{"string", "number", "integer", "boolean", "object", "array", "null"}

// typesOf returns the types that a schema allows; none when it says none.
func typesOf(n node) []string {
	types := n.strings("type")
	if t := n.str("type"); t != "" {
		types = []string{t}
	}
	types = slices.DeleteFunc(types, func(t string) bool { return !slices.Contains(jsonTypes, t) })
	if len(types) == 0 {
		switch {
		case n.get("properties").exists():
			types = []string{"object"}
		case n.get("items").exists() && !n.get("type").exists():
			types = []string{"array"}
		}
	}
	if (n.flag("nullable") || n.flag("x-nullable")) && len(types) > 0 && !slices.Contains(types, "null") {
		types = append(types, "null")
	}
	return types
}

func setTypes(out map[string]any, types []string) {
	switch len(types) {
	case 0:
	case 1:
		out["type"] = types[0]
	default:
		list := []any{}
		for _, t := range types {
			list = append(list, t)
		}
		out["type"] = list
	}
}

// checkedFormats are the formats that the validator asserts and documents mean as JSON Schema does.
var checkedFormats = []string{"date", "date-time", "uuid", "email"}

// values copies the keywords that check scalars and lengths.
func (r *reducer) values(out map[string]any, n node, types []string) {
	if list := n.list("enum"); len(list) > maxEnum {
		r.lose(n, fmt.Sprintf("the values are not checked: there are more than %d", maxEnum))
	} else if len(list) > 0 {
		r.left -= len(list) / 8
		var values []any
		for _, v := range list {
			if scalarValue(v.v) {
				values = append(values, v.v)
			}
		}
		if slices.Contains(types, "null") && !slices.Contains(values, nil) {
			values = append(values, nil)
		}
		if len(values) >= len(list) && fitsTypes(values, types) {
			out["enum"] = values
		}
	}
	if c := n.get("const"); scalarValue(c.v) && c.exists() {
		out["const"] = c.v
	}
	if f := n.str("format"); slices.Contains(checkedFormats, f) && slices.Contains(types, "string") {
		out["format"] = f
	}
	if p := n.str("pattern"); p != "" && len(p) <= 300 && may(types, "string") {
		if _, err := regexp.Compile(p); err == nil {
			out["pattern"] = p
		} else {
			r.lose(n, "the pattern is not checked: it is no expression of RE2")
		}
	}
	if n.get("discriminator").exists() {
		r.lose(n, "the discriminator is not checked")
	}
	for _, key := range []string{"minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum"} {
		if v, ok := n.get(key).v.(json.Number); ok && plainNumber(v) && may(types, "integer", "number") {
			if key == "multipleOf" && strings.ContainsAny(v.String(), "-eE.") {
				continue // decimals such as 0.01 are mostly wrong for floats
			}
			out[key] = v
		}
	}
	for _, end := range []string{"Minimum", "Maximum"} { // true beside minimum, before 3.1
		plain := strings.ToLower(end)
		if v, ok := out[plain]; ok && n.flag("exclusive"+end) {
			delete(out, plain)
			out["exclusive"+end] = v
		}
	}
	for _, key := range []string{"minLength", "maxLength", "minItems", "maxItems"} {
		if v, ok := n.get(key).v.(json.Number); ok && (may(types, "string") || strings.HasSuffix(key, "Items")) && wholeNumber.MatchString(v.String()) && v != "0" {
			out[key] = v
		}
	}
}

// lose notes what is not kept of a schema.
func (r *reducer) lose(n node, why string) {
	if r.lost != nil && len(r.lost) < maxParamSchemas {
		r.lost[n.place()] = why
	}
}

// may reports whether a schema allows one of some types.
func may(types []string, some ...string) bool {
	return len(types) == 0 || slices.ContainsFunc(types, func(t string) bool { return slices.Contains(some, t) })
}

var wholeNumber = regexp.MustCompile(`^[0-9]{1,9}$`)

// fitsTypes reports whether the values of an enum have the types beside it: documents write 1 and "1" for each other.
func fitsTypes(values []any, types []string) bool {
	for _, v := range values {
		if len(types) > 0 && !slices.ContainsFunc(types, func(t string) bool { return hasType(v, t) }) {
			return false
		}
	}
	return true
}

func hasType(v any, t string) bool {
	switch v := v.(type) {
	case nil:
		return t == "null"
	case bool:
		return t == "boolean"
	case string:
		return t == "string"
	case json.Number:
		return t == "number" || t == "integer" && !strings.ContainsAny(v.String(), ".eE")
	case []any:
		return t == "array"
	case map[string]any:
		return t == "object"
	}
	return false
}

func scalarValue(v any) bool {
	switch v := v.(type) {
	case nil, bool, string:
		return true
	case json.Number:
		return plainNumber(v)
	}
	return false
}

// plainNumber reports whether a number can be written and compared: one such as 1e400 cannot.
func plainNumber(n json.Number) bool {
	_, err := n.Float64()
	return err == nil && len(n) <= 40
}

// inside adds what objects and arrays contain.
func (r *reducer) inside(out map[string]any, n node, level, hops int) {
	if properties := n.get("properties"); properties.exists() {
		all := map[string]any{}
		for _, name := range properties.names() {
			p := properties.member(name)
			if full := p.resolve(); r.response && full.flag("writeOnly") || !r.response && full.flag("readOnly") {
				continue
			}
			if r.left < 0 {
				break
			}
			all[name] = r.reduce(p, level+1, 0)
		}
		out["properties"] = all
	}
	var required []any
	for _, name := range n.strings("required") {
		if !r.response && !slices.Contains(required, any(name)) && len(required) < maxProperties {
			required = append(required, name)
		}
	}
	if required != nil {
		out["required"] = required
	}
	switch more := n.get("additionalProperties"); more.v.(type) {
	case bool:
		if !r.response {
			out["additionalProperties"] = more.v
		}
	case map[string]any:
		out["additionalProperties"] = r.whole(n.member("additionalProperties"), level+1, 0)
	}
	if items := n.member("items"); items.exists() {
		if reduced := r.whole(items, level+1, 0); len(reduced) > 0 {
			out["items"] = reduced
		}
	}
}

// variants adds anyOf and oneOf as anyOf: many documents say oneOf where several fit.
func (r *reducer) variants(out map[string]any, n node, level, hops int) {
	for _, key := range []string{"anyOf", "oneOf"} {
		list := n.list(key)
		if len(list) == 0 || len(list) > 50 || hasProperties(out) {
			continue
		}
		if level >= r.depth { // the kinds of the variants are deeper than what is kept
			continue
		}
		var all []any
		for _, v := range list {
			reduced := r.reduce(v, level+1, hops+1)
			delete(reduced, "description")
			if hasProperties(reduced) && out["required"] != nil {
				mergeSchema(reduced, map[string]any{"required": out["required"]})
			}
			describedOnly(reduced)
			if len(reduced) == 0 {
				all = nil
				break
			}
			if !slices.ContainsFunc(all, func(other any) bool { return reflect.DeepEqual(other, any(reduced)) }) {
				all = append(all, reduced)
			}
		}
		switch {
		case len(all) == 0:
		case len(all) == 1:
			mergeSchema(out, all[0].(map[string]any))
		default:
			if types := onlyTypes(all); types != nil && out["type"] == nil {
				setTypes(out, types)
			} else {
				out["anyOf"] = all
			}
		}
	}
	if out["type"] == "object" && out["anyOf"] != nil || !n.flag("nullable") {
		return
	}
	if list, ok := out["anyOf"].([]any); ok {
		out["anyOf"] = append(list, map[string]any{"type": "null"})
	}
}

func hasProperties(schema map[string]any) bool {
	properties, _ := schema["properties"].(map[string]any)
	return len(properties) > 0
}

// onlyTypes returns the types of variants that say nothing else; nil when one says more.
func onlyTypes(all []any) []string {
	var types []string
	for _, v := range all {
		v := v.(map[string]any)
		t, ok := v["type"].(string)
		if len(v) != 1 || !ok {
			return nil
		}
		types = append(types, t)
	}
	return types
}

// mergeSchema adds a part of allOf to the schema.
func mergeSchema(out, part map[string]any) {
	for key, v := range part {
		switch key {
		case "properties":
			all, _ := out[key].(map[string]any)
			if all == nil {
				all = map[string]any{}
			}
			for name, p := range v.(map[string]any) {
				if first, has := all[name].(map[string]any); !has {
					all[name] = p
				} else if p := p.(map[string]any); isObjectSchema(first) && isObjectSchema(p) {
					mergeSchema(first, p)
				}
			}
			out[key] = all
		case "required":
			list, _ := out[key].([]any)
			for _, name := range v.([]any) {
				if !slices.Contains(list, name) {
					list = append(list, name)
				}
			}
			out[key] = list
		case "additionalProperties":
			if v == false {
				continue // of one part alone: the others have properties of their own
			}
			out[key] = v
		default:
			if _, has := out[key]; !has {
				out[key] = v
			}
		}
	}
}

// isObjectSchema reports whether a schema says something of the members of an object, and nothing of other types.
func isObjectSchema(schema map[string]any) bool {
	return schema["type"] == "object" || schema["type"] == nil && (schema["properties"] != nil || schema["required"] != nil)
}

var (
	htmlTag      = regexp.MustCompile(`</?[a-zA-Z][^>]{0,200}>`)
	marks        = strings.NewReplacer("**", "", "`", "", "&nbsp;", " ", "&lt;", "<", "&gt;", ">", "&amp;", "&")
	looseStop    = regexp.MustCompile(` ([.,;:])( |$)`)
	markdownLink = regexp.MustCompile(`!?\[([^\]]{0,200})\]\([^)]{0,300}\)`)
)

// oneLine makes one line of at most n characters of a description: its first sentences.
func oneLine(text string, n int) string {
	if len(text) > 20*n {
		text = text[:20*n]
	}
	text = strings.ToValidUTF8(text, "")
	text = markdownLink.ReplaceAllString(htmlTag.ReplaceAllString(text, " "), "$1")
	text = looseStop.ReplaceAllString(strings.Join(strings.Fields(marks.Replace(text)), " "), "$1$2")
	if len([]rune(text)) <= n {
		return text
	}
	cut := string([]rune(text)[:n])
	if end := strings.LastIndex(cut, ". "); end > n/3 {
		return cut[:end+1]
	}
	if end := strings.LastIndexByte(cut, ' '); end > n/2 {
		cut = cut[:end]
	}
	return strings.TrimRight(cut, " ,.;:-(") + "…"
}
