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

// serverOf returns the base of an operation, with its variables in braces, and the variables.
func (b *builder) serverOf(op *operation) (base string, vars []*parameter) {
	if b.config.Base != "" || b.spec.swagger {
		return b.base, b.vars
	}
	servers := op.node.list("servers")
	if len(servers) == 0 {
		servers = b.spec.root.get("paths", op.path).list("servers")
	}
	if len(servers) == 0 || servers[0].str("url") == b.spec.root.get("servers").element(0).str("url") {
		return b.base, b.vars
	}
	return b.server(servers[0])
}

// server reads a Server Object. A URL without a host continues a param base_url.
func (b *builder) server(n node) (base string, vars []*parameter) {
	base = strings.ReplaceAll(strings.TrimRight(n.str("url"), "/"), "${", "{")
	for _, m := range placeholder.FindAllStringSubmatch(base, -1) {
		v := n.get("variables", m[1])
		if values := v.strings("enum"); len(values) == 1 {
			base = strings.ReplaceAll(base, m[0], values[0])
			continue
		}
		vars = append(vars, &parameter{node: v, in: "server", name: m[1], required: true, schema: stringSchema(v, n), description: v.str("description")})
	}
	return b.withHost(base, vars, n)
}

func stringSchema(v, n node) node {
	schema := map[string]any{"type": "string"}
	if list, ok := v.get("enum").v.([]any); ok && len(list) > 0 {
		schema["enum"] = list
	}
	if !v.exists() {
		v = n
	}
	return node{v.doc, v.at, schema}
}

// withHost puts the param base_url before a base that names no host.
func (b *builder) withHost(base string, vars []*parameter, n node) (string, []*parameter) {
	if strings.HasPrefix(base, "https://") || strings.HasPrefix(base, "http://") || strings.HasPrefix(base, "{") {
		b.addHost(base)
		return base, vars
	}
	if strings.HasPrefix(base, "//") {
		b.addHost("https:" + base)
		return "https:" + base, vars
	}
	if base != "" && !strings.HasPrefix(base, "/") {
		b.addHost("https://" + base)
		return "https://" + base, vars
	}
	return "{base_url}" + base, append(vars, &parameter{
		node: n, in: "server", name: "base_url", required: true, schema: stringSchema(node{}, b.spec.root),
		description: "Address of the API's server, such as https://api.example.org.",
	})
}

func (b *builder) addHost(base string) {
	at := strings.Index(base, "://")
	if at < 0 {
		return
	}
	host, _, _ := strings.Cut(base[at+3:], "/")
	if i := strings.LastIndex(host, "}"); i >= 0 { // {tenant}.example.org is *.example.org
		if host = "*" + host[i+1:]; !strings.HasPrefix(host, "*.") {
			return
		}
	}
	if strings.HasSuffix(host, ":") { // a URL within a URL
		return
	}
	if base[:at] == "http" {
		host = "http://" + host
	}
	if host != "" && !slices.Contains(b.hosts, host) && len(b.hosts) < 20 {
		b.hosts = append(b.hosts, host)
	}
}

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

// withVars inserts the variables of a base.
func withVars(base string, o *object) string {
	return placeholder.ReplaceAllStringFunc(base, func(m string) string {
		if f := o.field("server", m[1:len(m)-1]); f != nil {
			return program("$params." + f.name)
		}
		return m
	})
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
	separators := map[string]string{"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
	separator, ok := separators[f.source.style]
	switch {
	case f.isList() && !f.source.explode && ok:
		return ` | if type == "array" then map(tostring) | join("` + separator + `") else . end`
	case f.isObject():
		return ` | if type == "object" then [to_entries[] | .key, .value | tostring] | join("` + separator + `") else . end`
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
				value += delimited(&field{schema: f.schema, source: &parameter{style: "simple"}})
			}
			r.header(f.wire, program(value))
		case "cookie":
			cookies = append(cookies, fmt.Sprintf(`($params.%s | select(. != null) | "%s=\(@uri)")`, f.name, f.wire))
		}
	}
	if cookies != nil {
		r.header("Cookie", program(`[`+strings.Join(cookies, ", ")+`] | if . == [] then null else join("; ") end`))
	}
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
	if mediaRank(op.body.media) >= 6 && !strings.HasPrefix(media, "text/") && len(op.body.others) > 1 {
		b.note(op.body.node.place(), "of the bodies %s only %s is sent", shorten(strings.Join(op.body.others, ", "), 100), shorten(media, 60))
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
		r.body.add("multipart", parts(content, members))
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

// formProgram turns the members of a form into fields: objects in brackets where the document says deepObject, else as
// JSON.
func formProgram(op *operation, o *object, members bool) string {
	deep, joined, nests := false, false, !members
	for _, f := range o.fields {
		if f.in != "body" {
			continue
		}
		if op.body.encoding.str(f.wire, "style") == "deepObject" {
			deep = true
		}
		joined = joined || f.isList() && op.body.lists[f.wire] != ""
		nests = nests || f.mayNest()
	}
	switch {
	case deep:
		return " | " + nested
	case nests:
		return ` | map_values(if type == "object" then tojson elif type == "array" then map(if type == "object" or type == "array" then tojson else . end) else . end)`
	case joined:
		return ` | map_values(if type == "array" then map(tostring) | join(",") else . end)`
	}
	return ""
}

// parts writes the parts of a form with files.
func parts(content string, members bool) string {
	if !members {
		return program(content + ` | to_entries | map(select(.value != null) | {name: .key} + (.value | if type == "object" and has("file") then {file: .} else {value: .} end))`)
	}
	return program(content + ` | to_entries | map(select(.value != null) | .key as $name | if .value | type == "array" then .value[] else .value end | {name: $name} + (if type == "object" and has("file") then {file: .} else {value: .} end))`)
}

func (n node) element(i int) node {
	if list := n.list(); i < len(list) {
		return list[i]
	}
	return node{}
}
