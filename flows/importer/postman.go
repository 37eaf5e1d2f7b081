package importer

import (
	"fmt"
	"regexp"
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
			p.notes = append(p.notes, Note{item.str("name"), request.place(), err.Error(), true})
			continue
		}
		c.folder = folder
		p.calls = append(p.calls, c)
	}
}

var postmanVar = regexp.MustCompile(`\{\{\s*([^{}]+?)\s*\}\}`)

func (p *postman) call(item, request node, auth node) (*call, error) {
	if text, ok := request.v.(string); ok {
		request = node{request.doc, request.at, map[string]any{"url": text}}
	}
	c := &call{name: item.str("name"), method: strings.ToLower(request.str("method")), description: request.str("description"), responses: map[string]any{}}
	if c.description == "" {
		c.description = request.str("description", "content")
	}
	if c.method == "" {
		c.method = "get"
	}
	raw := request.str("url")
	if raw == "" {
		raw = request.str("url", "raw")
	}
	if err := p.url(c, raw, request.get("url")); err != nil {
		return nil, err
	}
	p.auth(c, auth)
	for _, h := range request.list("header") {
		if !h.flag("disabled") {
			c.addHeader(h.str("key"), p.value(h.str("value")))
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

// url reads a URL: what {{ }} has at its beginning is its base, in a segment of the path a parameter, as is :name.
func (p *postman) url(c *call, raw string, n node) error {
	raw, query, _ := strings.Cut(beforeCut(raw, "#"), "?")
	base, rest := "", raw
	if m := postmanVar.FindStringIndex(raw); m != nil && m[0] == 0 {
		base, rest = strings.TrimRight(p.value(raw[:m[1]]), "/"), raw[m[1]:]
	} else if i := strings.Index(raw, "://"); i >= 0 {
		host, path, _ := strings.Cut(raw[i+3:], "/")
		base, rest = p.value(raw[:i+3]+host), "/"+path
	} else if host, path, ok := strings.Cut(raw, "/"); ok {
		base, rest = "https://"+p.value(host), "/"+path
	}
	if base != "" {
		if !strings.Contains(base, "://") {
			base = "https://" + base
		}
		if err := c.addURL(base); err != nil {
			return err
		}
		c.base += strings.TrimSuffix(c.path, "/")
	}
	c.pathValues = map[string]string{}
	var segments []string
	for segment := range strings.SplitSeq(rest, "/") {
		switch {
		case strings.HasPrefix(segment, ":") && len(segment) > 1:
			c.pathValues[segment[1:]] = ""
			segment = "{" + segment[1:] + "}"
		default:
			segment = postmanVar.ReplaceAllStringFunc(segment, func(m string) string {
				name := paramName(postmanVar.FindStringSubmatch(m)[1])
				c.pathValues[name] = p.value(m)
				return "{" + name + "}"
			})
		}
		segments = append(segments, segment)
	}
	if c.path = strings.Join(segments, "/"); !strings.HasPrefix(c.path, "/") {
		c.path = "/" + c.path
	}
	for _, v := range n.list("variable") {
		if name := v.str("key"); c.pathValues[name] == "" && strings.Contains(c.path, "{"+name+"}") {
			c.pathValues[name] = p.value(v.str("value"))
		}
	}
	if list := n.list("query"); len(list) > 0 {
		for _, q := range list {
			if name := q.str("key"); name != "" {
				c.addQuery(name, p.value(q.str("value")))
			}
		}
		return nil
	}
	for item := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(item, "="); name != "" {
			c.addQuery(name, p.value(value))
		}
	}
	return nil
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
		p.notes = append(p.notes, Note{c.name, n.place(), fmt.Sprintf("the authorization %q is not read: add a connection", shorten(kind, 30)), false})
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
		c.setBody(p.json(text))
	case "urlencoded", "formdata":
		c.media = map[string]string{"urlencoded": "application/x-www-form-urlencoded", "formdata": "multipart/form-data"}[n.str("mode")]
		c.fields = []formField{}
		for _, f := range n.list(n.str("mode")) {
			c.fields = append(c.fields, formField{pair: pair{f.str("key"), p.value(f.str("value"))}, file: f.str("type") == "file"})
		}
	case "graphql":
		c.media = "application/json"
		c.body = map[string]any{"query": n.str("graphql", "query"), "variables": map[string]any{}}
	case "file":
		c.media, c.body = "application/octet-stream", ""
	default:
		c.media = ""
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
