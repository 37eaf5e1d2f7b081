package importer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/credential"
)

// call is one request as an example of it was written: a line of curl, or a request of Postman.
type call struct {
	name        string // "": made of method and path
	description string
	folder      string
	method      string // in small letters
	base        string // scheme and host; "": not known
	path        string // with {name} for parameters
	pathValues  map[string]string
	query       []pair
	headers     []pair
	media       string // of the body; "": none
	body        any    // of JSON, or a text
	fields      []formField
	schemes     map[string]any // Security Scheme Objects by name
	needs       []string       // names of schemes
	responses   map[string]any
	servers     []string // names of the variables in base
	asText      bool     // body is a text whatever its media type says
	graphql     string   // the query of a body of GraphQL; "": it is none
	upload      bool     // the body is a file of the run
	notes       []Note
}

type pair struct{ name, value string }

// formField is a member of a form.
type formField struct {
	pair
	file     bool   // the content is a file of the run
	read     bool   // the content is that of a file which is not read
	media    string // of the part; "": the usual one
	filename string // "": that of the file, or none
}

// group is what is given under one name, in the order of the names.
type group struct {
	name   string
	values []string
}

// grouped puts the values of each name together.
func grouped(all []pair) []group {
	var groups []group
	at := map[string]int{}
	for _, p := range all {
		i, known := at[p.name]
		if !known {
			i = len(groups)
			at[p.name] = i
			groups = append(groups, group{name: p.name})
		}
		groups[i].values = append(groups[i].values, p.value)
	}
	return groups
}

func (c *call) note(place, reason string) {
	c.notes = append(c.notes, Note{Operation: c.name, Place: place, Reason: reason})
}

// documentOf writes calls as an OpenAPI document, from which the connector is made.
func documentOf(title string, calls []*call) map[string]any {
	paths, schemes := map[string]any{}, map[string]any{}
	var servers []any
	for _, c := range calls {
		for name, scheme := range c.schemes {
			schemes[name] = scheme
		}
		item, _ := paths[c.path].(map[string]any)
		for i := 2; item != nil && item[c.method] != nil; i++ { // the part behind # is not sent
			path, _, _ := strings.Cut(c.path, "#")
			c.path = fmt.Sprintf("%s#%d", path, i)
			item, _ = paths[c.path].(map[string]any)
		}
		if item == nil {
			item = map[string]any{}
			paths[c.path] = item
		}
		op := c.operation()
		if c.base != "" {
			server := map[string]any{"url": c.base, "variables": c.variables()}
			if servers == nil {
				servers = []any{server}
			}
			op["servers"] = []any{server}
		}
		item[c.method] = op
	}
	return map[string]any{
		"openapi": "3.1.0", "info": map[string]any{"title": title}, "servers": servers, "paths": paths, "components": map[string]any{"securitySchemes": schemes},
	}
}

// variables are those of the base.
func (c *call) variables() map[string]any {
	all := map[string]any{}
	for _, name := range c.servers {
		all[name] = map[string]any{"description": "Part of the address of the API's server."}
		if c.base == "{"+name+"}" {
			all[name] = map[string]any{"description": "Address of the API's server, such as https://api.example.org."}
		}
	}
	return all
}

func (c *call) operation() map[string]any {
	op := map[string]any{"summary": c.description, "responses": c.responses}
	if c.name != "" {
		op["operationId"], op["summary"] = c.name, c.name
		op["description"] = c.description
	}
	if c.folder != "" {
		op["tags"] = []any{c.folder}
	}
	var params []any
	for name, value := range c.pathValues {
		if credential.Name(name) || credential.Value(value) {
			value = ""
		}
		params = append(params, map[string]any{"in": "path", "name": name, "required": true, "schema": map[string]any{"type": "string"}, "example": orNil(value)})
	}
	slices.SortFunc(params, func(a, b any) int {
		return strings.Compare(a.(map[string]any)["name"].(string), b.(map[string]any)["name"].(string))
	})
	for _, q := range grouped(c.query) {
		schema, example := scalars(q.values)
		params = append(params, map[string]any{"in": "query", "name": q.name, "schema": schema, "example": example})
	}
	for _, h := range c.headers {
		schema := map[string]any{"type": "string"}
		if h.value != "" {
			schema["default"] = h.value
		}
		params = append(params, map[string]any{"in": "header", "name": h.name, "required": true, "schema": schema})
	}
	op["parameters"] = params
	if c.media != "" {
		op["requestBody"] = map[string]any{"required": true, "content": map[string]any{c.media: c.content()}}
	}
	if c.needs != nil {
		need := map[string]any{}
		for _, name := range c.needs {
			need[name] = []any{}
		}
		op["security"] = []any{need}
	}
	return op
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// scalars is the schema of what has these values as an example: a list, when there are several.
func scalars(values []string) (schema map[string]any, example any) {
	schema = map[string]any{"type": []any{"string", "number", "boolean"}}
	if len(values) == 1 {
		return schema, orNil(values[0])
	}
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return map[string]any{"type": "array", "items": schema}, list
}

// content is the Media Type Object of the body.
func (c *call) content() map[string]any {
	switch {
	case c.upload && isJSON(c.media):
		return map[string]any{"schema": map[string]any{}}
	case c.upload:
		return map[string]any{"schema": map[string]any{"type": "string", "format": "binary"}}
	case c.graphql != "": // the operation is the query: what varies are its variables
		schema := schemaOf(c.body, 0)
		schema["properties"].(map[string]any)["query"].(map[string]any)["default"] = credential.Redact(c.graphql)
		schema["required"] = []any{"query"}
		return map[string]any{"schema": schema, "example": withoutSecrets(c.body)}
	case c.fields == nil:
		return map[string]any{"schema": schemaOf(c.body, 0), "example": withoutSecrets(c.body)}
	}
	properties, example, encoding := map[string]any{}, map[string]any{}, map[string]any{}
	values := map[string][]string{}
	for _, f := range c.fields {
		values[f.name] = append(values[f.name], f.value)
		schema, shown := scalars(values[f.name])
		if f.file {
			if schema = map[string]any{"type": "string", "format": "binary"}; len(values[f.name]) > 1 {
				schema = map[string]any{"type": "array", "items": schema}
			}
		} else if delete(example, f.name); f.value != "" && !credential.Name(f.name) && !slices.ContainsFunc(values[f.name], credential.Value) {
			example[f.name] = shown
		}
		properties[f.name] = schema
		if f.media != "" {
			encoding[f.name] = map[string]any{"contentType": f.media}
		}
	}
	content := map[string]any{"schema": map[string]any{"type": "object", "properties": properties}, "example": example}
	if len(encoding) > 0 {
		content["encoding"] = encoding
	}
	return content
}

// schemaOf describes a value by its types.
func schemaOf(v any, depth int) map[string]any {
	if depth > maxDepth {
		return map[string]any{}
	}
	switch v := v.(type) {
	case string:
		return map[string]any{"type": "string"}
	case bool:
		return map[string]any{"type": "boolean"}
	case json.Number:
		if hasType(v, "integer") {
			return map[string]any{"type": "integer"}
		}
		return map[string]any{"type": "number"}
	case []any:
		out := map[string]any{"type": "array"}
		if len(v) > 0 {
			out["items"] = schemaOf(v[0], depth+1)
		}
		return out
	case map[string]any:
		properties := map[string]any{}
		for name, member := range v {
			properties[name] = schemaOf(member, depth+1)
		}
		return map[string]any{"type": "object", "properties": properties}
	}
	return map[string]any{}
}

// withoutSecrets copies a value without what looks like a credential.
func withoutSecrets(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			if _, nested := member.(map[string]any); !nested && credential.Name(name) {
				continue
			}
			if member = withoutSecrets(member); member != nil {
				out[name] = member
			}
		}
		return out
	case []any:
		out := []any{}
		for _, element := range v {
			if element = withoutSecrets(element); element != nil {
				out = append(out, element)
			}
		}
		return out
	case string:
		if credential.Value(v) {
			return nil
		}
		return credential.Text(v, func(string) string { return "***" }, func(text string) string { return text })
	}
	return v
}

// need adds a credential that a call carries.
func (c *call) need(name string, scheme map[string]any) {
	if c.schemes == nil {
		c.schemes = map[string]any{}
	}
	if c.schemes[name] == nil {
		c.schemes[name] = scheme
		c.needs = append(c.needs, name)
	}
}

// needAt adds a credential that stands at a place, and notes it.
func (c *call) needAt(place, name string, scheme map[string]any) {
	c.need(name, scheme)
	c.note(place, "is a credential: the connection has it")
}

// addHeader sorts a header: a credential, one that the step sets itself, the type of the body, or another.
func (c *call) addHeader(name, value string) {
	place := "the header " + name
	switch lower := strings.ToLower(name); {
	case lower == "content-type":
		if c.media == "" || !strings.HasPrefix(value, "multipart/") {
			c.media = value
		}
	case lower == "cookie":
		c.needAt(place, "cookie", map[string]any{"type": "apiKey", "in": "cookie", "name": beforeCut(value, "=")})
	case lower == "authorization" || lower == "proxy-authorization":
		kind, _, _ := strings.Cut(strings.ToLower(value), " ")
		if kind == "basic" || kind == "bearer" {
			c.needAt(place, kind, map[string]any{"type": "http", "scheme": kind})
			return
		}
		c.needAt(place, "authorization", map[string]any{"type": "apiKey", "in": "header", "name": "Authorization"})
	case slices.Contains(ignoredHeaders, lower):
	case credential.Sent(name) || credential.Value(value) && lower != "if-match" && lower != "if-none-match":
		c.needAt(place, snake(name), map[string]any{"type": "apiKey", "in": "header", "name": name})
	default:
		if i := slices.IndexFunc(c.headers, func(p pair) bool { return strings.EqualFold(p.name, name) }); i >= 0 {
			c.headers[i].value += ", " + value // RFC 9110, section 5.3
			return
		}
		c.headers = append(c.headers, pair{name, value})
	}
}

func beforeCut(s, separator string) string {
	before, _, _ := strings.Cut(s, separator)
	return before
}

// addQuery sorts a query parameter.
func (c *call) addQuery(name, value string) {
	if credential.Sent(name) || credential.Value(value) {
		c.needAt("the query parameter "+shorten(name, 60), snake(name), map[string]any{"type": "apiKey", "in": "query", "name": name})
		return
	}
	c.query = append(c.query, pair{name, value})
}
