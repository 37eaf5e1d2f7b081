package importer

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
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
}

type pair struct{ name, value string }

type formField struct {
	pair
	file bool
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
			if servers == nil {
				servers = []any{map[string]any{"url": c.base}}
			}
			op["servers"] = []any{map[string]any{"url": c.base}}
		}
		item[c.method] = op
	}
	return map[string]any{
		"openapi": "3.1.0", "info": map[string]any{"title": title}, "servers": servers, "paths": paths, "components": map[string]any{"securitySchemes": schemes},
	}
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
		params = append(params, map[string]any{"in": "path", "name": name, "required": true, "schema": map[string]any{"type": "string"}, "example": orNil(value)})
	}
	slices.SortFunc(params, func(a, b any) int {
		return strings.Compare(a.(map[string]any)["name"].(string), b.(map[string]any)["name"].(string))
	})
	for _, q := range c.query {
		params = append(params, map[string]any{"in": "query", "name": q.name, "schema": map[string]any{"type": []any{"string", "number", "boolean"}}, "example": orNil(q.value)})
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

// content is the Media Type Object of the body.
func (c *call) content() map[string]any {
	if c.fields == nil {
		return map[string]any{"schema": schemaOf(c.body, 0), "example": withoutSecrets(c.body)}
	}
	properties, example := map[string]any{}, map[string]any{}
	for _, f := range c.fields {
		properties[f.name] = map[string]any{"type": []any{"string", "number", "boolean"}}
		if f.file {
			properties[f.name] = map[string]any{"type": "string", "format": "binary"}
		} else if f.value != "" && !secretName(f.name) && !secretValue(f.value) {
			example[f.name] = f.value
		}
	}
	return map[string]any{"schema": map[string]any{"type": "object", "properties": properties}, "example": example}
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

var (
	secretWord  = regexp.MustCompile(`(?i)(^|[^a-z])(authorization|auth|api[-_]?key|app[-_]?key|access[-_]?key|subscription[-_]?key|token|secret|passw(or)?d|pwd|pass|credentials?|signature|sig|session([-_]?id)?|cookie|private[-_]?key|pin|cvc|cvv)$|^key$|token$|secret$|password$|apikey$`)
	secretStart = regexp.MustCompile(`^(sk|pk|rk|xox[a-z]|gh[a-z]|glpat|shpat|shpss|eyJ|AKIA|SG\.|key-|whsec|Bearer |Basic )`)
	randomText  = regexp.MustCompile(`^[A-Za-z0-9+/_=.:-]{20,}$`)
)

// secretName reports whether a name is that of a credential.
func secretName(name string) bool {
	return secretWord.MatchString(name) || secretWord.MatchString(snake(name))
}

// secretValue reports whether a text looks like a credential: by its beginning, or long and random.
func secretValue(s string) bool {
	return len(s) > 12 && secretStart.MatchString(s) || randomText.MatchString(s) && strings.ContainsAny(s, "0123456789") && strings.ContainsFunc(s, func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}) && !strings.Contains(s, "://") && !plainID.MatchString(s)
}

// plainID are identifiers and times, which are no secrets.
var plainID = regexp.MustCompile(`^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|\d{4}-\d{2}-\d{2}T[0-9:.]+(Z|[+-]\d{2}:?\d{2})|[a-z]+(-[a-z0-9]+)*|[a-z.]+/[a-z0-9.+-]+)$`)

// withoutSecrets copies a value without what looks like a credential.
func withoutSecrets(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			if _, nested := member.(map[string]any); !nested && secretName(name) {
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
		if secretValue(v) {
			return nil
		}
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

// addHeader sorts a header: a credential, one that the step sets itself, the type of the body, or another.
func (c *call) addHeader(name, value string) {
	switch lower := strings.ToLower(name); {
	case lower == "content-type":
		if c.media == "" || !strings.HasPrefix(value, "multipart/") {
			c.media = value
		}
	case lower == "cookie":
		c.need("cookie", map[string]any{"type": "apiKey", "in": "cookie", "name": beforeCut(value, "=")})
	case lower == "authorization" || lower == "proxy-authorization":
		kind, _, _ := strings.Cut(strings.ToLower(value), " ")
		if kind == "basic" || kind == "bearer" {
			c.need(kind, map[string]any{"type": "http", "scheme": kind})
			return
		}
		c.need("authorization", map[string]any{"type": "apiKey", "in": "header", "name": "Authorization"})
	case slices.Contains(ignoredHeaders, lower):
	case secretName(name) || secretValue(value):
		c.need(snake(name), map[string]any{"type": "apiKey", "in": "header", "name": name})
	default:
		c.headers = append(c.headers, pair{name, value})
	}
}

func beforeCut(s, separator string) string {
	before, _, _ := strings.Cut(s, separator)
	return before
}

// addQuery sorts a query parameter.
func (c *call) addQuery(name, value string) {
	if secretName(name) || secretValue(value) {
		c.need(snake(name), map[string]any{"type": "apiKey", "in": "query", "name": name})
		return
	}
	if !slices.ContainsFunc(c.query, func(p pair) bool { return p.name == name }) {
		c.query = append(c.query, pair{name, value})
	}
}

// addURL splits a URL into base, path and query. Segments of the path that look like credentials become parameters.
func (c *call) addURL(text string) error {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%q is not a URL", shorten(beforeCut(text, "?"), 100))
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%q is not an http:// or https:// URL", shorten(beforeCut(text, "?"), 100))
	}
	if u.User != nil {
		c.need("basic", map[string]any{"type": "http", "scheme": "basic"})
	}
	c.base, c.pathValues = u.Scheme+"://"+u.Host, map[string]string{}
	var segments []string
	for segment := range strings.SplitSeq(u.EscapedPath(), "/") {
		if plain, _ := url.PathUnescape(segment); secretValue(plain) {
			name := "secret"
			if len(c.pathValues) > 0 {
				name = fmt.Sprintf("secret_%d", len(c.pathValues)+1)
			}
			c.pathValues[name] = ""
			segment = "{" + name + "}"
		}
		segments = append(segments, segment)
	}
	if c.path = strings.Join(segments, "/"); c.path == "" {
		c.path = "/"
	}
	for item := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, _ := strings.Cut(item, "=")
		name, _ = url.QueryUnescape(name)
		value, _ = url.QueryUnescape(value)
		if name != "" {
			c.addQuery(name, value)
		}
	}
	return nil
}
