package importer

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/credential"
)

// maxRequests is the number of requests that are read of a collection.
const maxRequests = 5000

func isPostman(n node) bool {
	return strings.Contains(n.str("info", "schema"), "schema.getpostman.com") && n.get("item").exists()
}

// postman reads a collection of Postman, version 2.0 or 2.1.
type postman struct {
	vars  map[string]string
	calls []*call
	notes []Note
}

func importPostman(n node, c Config) (*Result, error) {
	p := &postman{vars: map[string]string{}}
	for _, v := range n.list("variable") {
		if value := v.str("value"); !credential.Name(v.str("key")) && !credential.Value(value) {
			p.vars[v.str("key")] = value
		}
	}
	p.items(n, "", n.get("auth"), 0)
	r, err := fromCalls(n.str("info", "name"), "postman collection", p.calls, c)
	if err != nil {
		return nil, err
	}
	r.Left = append(r.Left, p.notes...)
	return r, nil
}

// items reads the requests of a folder and of the folders in it.
func (p *postman) items(n node, folder string, auth node, depth int) {
	for _, item := range n.list("item") {
		own := auth
		if a := item.get("auth"); a.exists() {
			own = a
		}
		if item.get("item").exists() {
			if depth < 20 {
				p.items(item, item.str("name"), own, depth+1)
			}
			continue
		}
		request := item.get("request")
		if !request.exists() || len(p.calls) >= maxRequests {
			continue
		}
		if a := request.get("auth"); a.exists() {
			own = a
		}
		c, err := p.call(item, request, own)
		if err != nil {
			p.notes = append(p.notes, Note{Operation: item.str("name"), Place: request.place(), Reason: err.Error(), Whole: true})
			continue
		}
		c.folder = folder
		p.calls = append(p.calls, c)
		for _, n := range append(c.notes, c.hidden()...) {
			n.Place = request.place() + ", " + n.Place
			p.notes = append(p.notes, n)
		}
	}
}

var postmanVar = regexp.MustCompile(`\{\{\s*([^{}]+?)\s*\}\}`)

func (p *postman) call(item, request node, auth node) (*call, error) {
	if text, ok := request.v.(string); ok {
		request = node{request.doc, request.at, map[string]any{"url": text}}
	} else if _, ok := request.v.(map[string]any); !ok {
		return nil, errors.New("the request is neither a URL nor an object")
	}
	c := &call{name: item.str("name"), method: strings.ToLower(request.str("method")), description: request.str("description"), responses: map[string]any{}}
	if c.description == "" {
		c.description = request.str("description", "content")
	}
	c.description = credential.Redact(c.description)
	if c.method == "" {
		c.method = "get"
	}
	if !methodName.MatchString(c.method) || !slices.Contains(methods, c.method) {
		return nil, fmt.Errorf("the method %s is not sent", shorten(strings.ToUpper(c.method), 20))
	}
	if err := p.url(c, rawURL(request.get("url")), request.get("url")); err != nil {
		return nil, err
	}
	p.auth(c, auth)
	for _, h := range request.list("header") {
		if name := h.str("key"); !h.flag("disabled") && name != "" {
			c.addHeader(name, p.value(h.str("value")))
		}
	}
	p.body(c, request.get("body"))
	for _, r := range item.list("response") {
		p.response(c, r)
	}
	return c, nil
}

// value returns a text with its variables; "" when one has no known value.
func (p *postman) value(s string) string {
	unknown := false
	s = postmanVar.ReplaceAllStringFunc(s, func(m string) string {
		v, ok := p.vars[postmanVar.FindStringSubmatch(m)[1]]
		unknown = unknown || !ok || v == ""
		return v
	})
	if unknown {
		return ""
	}
	return s
}

// auth reads what a request carries as its credential.
func (p *postman) auth(c *call, n node) {
	kind := n.str("type")
	setting := func(name string) string {
		for _, e := range n.list(kind) {
			if e.str("key") == name {
				return e.str("value")
			}
		}
		return n.str(kind, name)
	}
	switch kind {
	case "", "noauth":
	case "basic", "bearer", "digest", "ntlm":
		c.need(kind, map[string]any{"type": "http", "scheme": kind})
	case "apikey":
		in, name := setting("in"), setting("key")
		if in == "" {
			in = "header"
		}
		if name == "" || strings.Contains(name, "{{") {
			name = "X-API-Key"
		}
		c.need(snake(name), map[string]any{"type": "apiKey", "in": in, "name": name})
	case "oauth2":
		flow := map[string]any{"tokenUrl": p.value(setting("accessTokenUrl")), "authorizationUrl": p.value(setting("authUrl")), "scopes": map[string]any{}}
		grant := map[string]string{"client_credentials": "clientCredentials", "password_credentials": "password"}[setting("grant_type")]
		if grant == "" {
			grant = "authorizationCode"
		}
		c.need("oauth2", map[string]any{"type": "oauth2", "flows": map[string]any{grant: flow}})
	default:
		p.notes = append(p.notes, Note{Operation: c.name, Place: n.place(), Reason: fmt.Sprintf("the authorization %q is not read: add a connection", shorten(kind, 30))})
	}
}

func (p *postman) body(c *call, n node) {
	switch n.str("mode") {
	case "raw":
		text := n.str("raw")
		if c.media == "" {
			c.media = map[string]string{"json": "application/json", "xml": "application/xml", "html": "text/html"}[n.str("options", "raw", "language")]
		}
		if c.media == "" && strings.HasPrefix(strings.TrimSpace(text), "{") {
			c.media = "application/json"
		}
		if c.media == "" {
			c.media = "text/plain"
		}
		if strings.TrimSpace(text) == "" {
			c.media = ""
			return
		}
		if c.setBody(p.json(text)); c.asText && isJSON(c.media) {
			c.note("the body", "is no JSON: the operation sends what it is given as JSON")
		}
	case "urlencoded", "formdata":
		c.media = map[string]string{"urlencoded": "application/x-www-form-urlencoded", "formdata": "multipart/form-data"}[n.str("mode")]
		c.fields = []formField{}
		for _, f := range n.list(n.str("mode")) {
			if f.str("key") == "" {
				c.note("the body", "a member without a name is left out")
				continue
			}
			p.field(c, f)
		}
	case "graphql":
		c.media = "application/json"
		c.graphql = n.str("graphql", "query")
		variables, err := decodeJSON([]byte(p.json(n.str("graphql", "variables"))))
		if err != nil {
			variables = map[string]any{}
		}
		c.body = map[string]any{"query": c.graphql, "variables": variables}
	case "file":
		c.media, c.body = "application/octet-stream", ""
	default:
		c.media = ""
	}
}

// field adds a member of a form. One that is disabled, and a file, has no value.
func (p *postman) field(c *call, n node) {
	one := formField{pair: pair{name: n.str("key")}, media: n.str("contentType")}
	if n.str("type") != "file" {
		if !n.flag("disabled") {
			one.value = p.value(n.str("value"))
		}
		c.fields = append(c.fields, one)
		return
	}
	one.file = true
	for range max(1, len(n.list("src"))) {
		c.fields = append(c.fields, one)
	}
}

// json replaces variables of a body: within a text by their values, elsewhere by null.
func (p *postman) json(body string) string {
	var b strings.Builder
	inside := false
	for i := 0; i < len(body); i++ {
		switch {
		case body[i] == '\\' && inside && i+1 < len(body):
			b.WriteByte(body[i])
			i++
		case body[i] == '"':
			inside = !inside
		case !inside && strings.HasPrefix(body[i:], "//"): // Postman does not send comments
			i += len(beforeCut(body[i:], "\n")) - 1
			continue
		case !inside && strings.HasPrefix(body[i:], "/*"):
			i += len(beforeCut(body[i:], "*/")) + 1
			continue
		case strings.HasPrefix(body[i:], "{{"):
			if end := strings.Index(body[i:], "}}"); end > 0 {
				value := p.value(body[i : i+end+2])
				if inside {
					value = strings.Trim(quoted(value), `"`)
				} else if value == "" {
					value = "null"
				}
				b.WriteString(value)
				i += end + 1
				continue
			}
		}
		b.WriteByte(body[i])
	}
	return b.String()
}

// response adds a saved response as an example.
func (p *postman) response(c *call, r node) {
	status := r.str("code")
	if len(status) != 3 || c.responses[status] != nil {
		return
	}
	response := map[string]any{"description": r.str("name")}
	if v, err := decodeJSON([]byte(r.str("body"))); err == nil {
		response["content"] = map[string]any{"application/json": map[string]any{"schema": schemaOf(v, 0), "example": withoutSecrets(v)}}
	}
	c.responses[status] = response
}

// fromCalls makes a connector of calls.
func fromCalls(title, format string, calls []*call, c Config) (*Result, error) {
	if len(calls) > 0 && c.Base != "" { // it stands for the address that the first request has; others keep theirs
		own := calls[0].base
		for _, one := range calls {
			if one.base == own {
				one.base, one.servers = strings.TrimRight(c.Base, "/"), nil
			}
		}
		c.Base = ""
	}
	docs := newDocuments(&source{})
	s := &spec{root: docs.document(documentOf(title, calls)).node(), docs: docs, format: format}
	return s.imports(c)
}

// document returns a document that is no file.
func (d *documents) document(root map[string]any) *document {
	doc := &document{set: d, root: root}
	d.byName = map[string]*document{"": doc}
	return doc
}
