package importer

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// request is what an http step sends, except method and URL.
type request struct {
	query   any // mapping, or a program that gives it
	headers mapping
	body    mapping // json, form, … with content_type
}

func (r *request) header(name string, value any) {
	if !slices.ContainsFunc(r.headers, func(e entry) bool { return strings.EqualFold(e.key, name) }) {
		r.headers = append(r.headers, entry{name, value})
	}
}

func (r *request) write(http *mapping) {
	if m, ok := r.query.(mapping); !ok || len(m) > 0 {
		http.add("query", r.query)
	}
	http.add("headers", r.headers)
	*http = append(*http, r.body...)
}

func program(text string) string { return "${ " + text + " }" }

// target is the URL of an operation: its path, when its base is that of the connector.
func (b *builder) target(op *operation, o *object, base string) (string, error) {
	path, _, _ := strings.Cut(op.path, "#")
	var missing string
	path = placeholder.ReplaceAllStringFunc(path, func(m string) string {
		f := o.field("path", m[1:len(m)-1])
		if f == nil {
			missing = m
			return m
		}
		return pathValue(f)
	})
	if missing != "" {
		return "", fmt.Errorf("the path has %s, which cannot be a parameter", shorten(missing, 60))
	}
	if strings.ContainsAny(path, "\r\n\x00") {
		return "", fmt.Errorf("the path has a line break")
	}
	if base == b.base {
		return path, nil
	}
	return withVars(base, o) + path, nil
}

// pathValue writes a parameter within a path (styles simple, label and matrix of RFC 6570).
func pathValue(f *field) string {
	prefix, separator := "", ","
	switch {
	case f.source.style == "label":
		prefix, separator = ".", "."
		if !f.source.explode {
			separator = ","
		}
	case f.source.style == "matrix" && f.source.explode && f.isObject():
		prefix, separator = ";", ";"
	case f.source.style == "matrix":
		prefix = ";" + url.PathEscape(f.wire) + "="
		if f.source.explode {
			separator = prefix
		}
	}
	if other := map[string]string{"spaceDelimited": "%20", "pipeDelimited": "%7C", "tabDelimited": "%09"}[f.source.style]; other != "" {
		separator = other
	}
	value := "$params." + f.name
	switch {
	case f.isList():
		value += ` | map(@uri) | join("` + separator + `")`
	case f.isObject() && f.source.explode:
		value += ` | to_entries | map("\(.key | @uri)=\(.value | @uri)") | join("` + separator + `")`
	case f.isObject():
		value += ` | [to_entries[] | .key, .value | @uri] | join(",")`
	default:
		value += " | @uri"
	}
	return prefix + program(value)
}

func (f *field) isList() bool { return f.schema["type"] == "array" }

func (f *field) isObject() bool {
	return f.schema["type"] == "object" || f.schema["properties"] != nil
}

// mayNest reports whether a value may be an object or a list of objects.
func (f *field) mayNest() bool { return mayNest(f.schema) }

func mayNest(schema map[string]any) bool {
	if items, ok := schema["items"].(map[string]any); ok && schema["type"] == "array" {
		return mayNest(items) || items["type"] == "array"
	}
	if list, ok := schema["anyOf"].([]any); ok {
		return slices.ContainsFunc(list, func(v any) bool { return v.(map[string]any)["items"] == nil && mayNest(v.(map[string]any)) })
	}
	if list, ok := schema["type"].([]any); ok {
		return slices.Contains(list, any("object"))
	}
	return schema["type"] == "object" || schema["properties"] != nil || len(schema) == 0 || schema["type"] == nil && schema["enum"] == nil && schema["const"] == nil
}

// request makes the query, headers and body of an operation.
func (b *builder) request(op *operation, o *object) (*request, error) {
	r := &request{}
	r.addQuery(o)
	r.addHeaders(o)
	return r, b.body(r, op, o)
}

// nested is a program that writes an object as members with brackets, a[b][0], as style deepObject does.
const nested = `[paths(type | . != "object" and . != "array") as $p | {key: ($p[0] + ([$p[1:][] | "[\(.)]"] | join(""))), value: getpath($p)}] | from_entries`

// addQuery writes a mapping with one program for each parameter, or one program for all when some have objects.
func (r *request) addQuery(o *object) {
	plain := mapping{}
	var members, deep, spread []string
	for _, f := range o.fields {
		if f.in != "query" {
			continue
		}
		key := quoted(f.wire)
		switch {
		case f.source.json:
			plain = append(plain, entry{f.wire, program("$params." + f.name + " | if . == null then null else tojson end")})
			members = append(members, fmt.Sprintf("%s: (.%s | if . == null then null else tojson end)", key, f.name))
		case f.source.style == "deepObject":
			deep = append(deep, key+": ."+f.name)
		case f.isObject() && f.source.explode:
			spread = append(spread, "(."+f.name+" // {})")
		default:
			value := delimited(f)
			plain = append(plain, entry{f.wire, program("$params." + f.name + value)})
			if value != "" {
				value = "(." + f.name + value + ")"
			} else {
				value = "." + f.name
			}
			members = append(members, key+": "+value)
		}
	}
	if len(deep)+len(spread) == 0 {
		r.query = plain
		return
	}
	var parts []string
	if len(members) > 0 {
		parts = append(parts, "{"+strings.Join(members, ", ")+"}")
	}
	if len(deep) > 0 {
		parts = append(parts, "({"+strings.Join(deep, ", ")+"} | "+nested+")")
	}
	r.query = program("$params | " + strings.Join(append(parts, spread...), " + "))
}

// delimited is what follows the value of a parameter that is no list of its own pairs.
func delimited(f *field) string {
	separator, ok := listSeparators[f.source.style]
	switch {
	case f.isList() && !f.source.explode && ok:
		return ` | if type == "array" then map(tostring) | join(` + quoted(separator) + `) else . end`
	case f.isObject() && f.source.style == "simple" && f.source.explode:
		return ` | if type == "object" then to_entries | map("\(.key)=\(.value)") | join(",") else . end`
	case f.isObject():
		return ` | if type == "object" then [to_entries[] | .key, .value | tostring] | join(` + quoted(separator) + `) else . end`
	case f.mayNest():
		return ` | if type == "object" then tojson else . end`
	}
	return ""
}

func (r *request) addHeaders(o *object) {
	var cookies []string
	for _, f := range o.fields {
		value := "$params." + f.name
		switch f.in {
		case "header":
			if f.isList() || f.isObject() {
				value += delimited(&field{schema: f.schema, source: &parameter{style: f.source.style, explode: f.source.explode && f.isObject()}})
			}
			r.header(f.wire, program(value))
		case "cookie":
			cookies = append(cookies, fmt.Sprintf(`($params.%s | select(. != null) | "%s=\(%s)")`, f.name, f.wire, cookieValue(f)))
		}
	}
	if cookies != nil {
		r.header("Cookie", program(`[`+strings.Join(cookies, ", ")+`] | if . == [] then null else join("; ") end`))
	}
}

// cookieValue is the value of a cookie: lists and objects are joined by commas, because a cookie has one value.
func cookieValue(f *field) string {
	switch {
	case f.isList():
		return `if type == "array" then map(@uri) | join(",") else @uri end`
	case f.isObject():
		return `if type == "object" then [to_entries[] | .key, .value | @uri] | join(",") else @uri end`
	}
	return "@uri"
}

// body writes the body of the request.
func (b *builder) body(r *request, op *operation, o *object) error {
	if op.body == nil {
		return nil
	}
	media := plainMedia(op.body.media)
	content := "$params.body"
	f := o.field("body", "body")
	members := f == nil || !f.whole
	if members {
		content = "$params" + others(o)
	}
	if op.body.hasOthers() {
		b.tell(op.body.node.place(), fmt.Sprintf("of the bodies %s only %s is sent", shorten(strings.Join(op.body.others, ", "), 100), shorten(media, 60)))
	}
	switch {
	case op.body.json():
		r.body.add("json", program(content))
		if media != "application/json" && media != "*/*" {
			r.body.add("content_type", op.body.media)
		}
	case media == "application/x-www-form-urlencoded":
		r.body.add("form", program(content+formProgram(op, o, members)))
	case media == "multipart/form-data":
		r.body.add("multipart", op.body.parts(content, members))
	case isText(op.body.media):
		r.body.add("raw", program(content))
		r.body.add("content_type", media)
	default:
		r.body.add("file", program(content))
		if !strings.Contains(media, "*") && media != "" {
			r.body.add("content_type", media)
		}
	}
	return nil
}

// others removes from $params what does not belong to the body.
func others(o *object) string {
	var names []string
	for _, f := range o.fields {
		if f.in != "body" {
			names = append(names, "."+f.name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " | del(" + strings.Join(names, ", ") + ")"
}

func (n node) element(i int) node {
	if list := n.list(); i < len(list) {
		return list[i]
	}
	return node{}
}
