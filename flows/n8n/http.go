package n8n

import (
	"net/url"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/credential"
)

// Connection is a connection that has to be made before the flow runs.
type Connection struct {
	Name  string   `json:"name"`
	Type  string   `json:"type,omitempty"` // empty: it depends on the API
	Hosts []string `json:"hosts,omitempty"`
	Nodes []string `json:"nodes"` // that use it
	Hint  string   `json:"hint,omitempty"`
}

// credentialTypes are the types of connections for n8n's types of credentials.
var credentialTypes = map[string]string{ // read only
	"httpBasicAuth": "basic", "httpHeaderAuth": "api_key", "httpQueryAuth": "api_key", "httpBearerAuth": "bearer", "httpDigestAuth": "digest",
	"oAuth2Api": "oauth2_refresh", "oAuth1Api": "oauth1", "httpCustomAuth": "api", "slackApi": "bearer", "hubspotAppToken": "bearer",
	"notionApi": "bearer", "githubApi": "bearer", "smtp": "smtp", "postgres": "postgres", "mySql": "mysql", "microsoftSql": "sqlserver",
	"airtableTokenApi": "bearer", "discordBotApi": "api_key", "telegramApi": "", "aws": "aws_sigv4", "stripeApi": "bearer",
	"zendeskApi": "basic", "pipedriveApi": "api_key", "gmailOAuth2": "smtp", "trelloApi": "api_key",
}

// connection notes the connection of a node and returns its name; empty: the node has no credential.
func (c *conversion) connection(without, kind, host string) string {
	name, credential := without, kind
	types := make([]string, 0, len(c.n.Credentials))
	for t := range c.n.Credentials {
		types = append(types, t)
	}
	slices.Sort(types)
	if want := c.p.word(c.p.text("genericAuthType"), "nodeCredentialType"); slices.Contains(types, want) {
		types = []string{want}
	}
	if len(types) > 0 {
		credential = types[0]
		given, _ := c.n.Credentials[credential].(string)
		if m, ok := c.n.Credentials[credential].(map[string]any); ok {
			given, _ = m["name"].(string)
		}
		name = connectionName(given, connectionName(credential, without))
	}
	if name == "" {
		return ""
	}
	if t, ok := credentialTypes[credential]; ok {
		credential = t
	} else if strings.Contains(strings.ToLower(credential), "oauth2") {
		credential = "oauth2_refresh"
	} else if !slices.Contains([]string{"basic", "bearer", "api_key", "smtp", "postgres", "mysql", "digest"}, credential) {
		credential = ""
	}
	c.connect(name, credential, host)
	return name
}

func (c *conversion) connect(name, kind, host string) {
	at := slices.IndexFunc(c.conns, func(k Connection) bool { return k.Name == name })
	if at < 0 {
		at = len(c.conns)
		c.conns = append(c.conns, Connection{Name: name, Type: kind})
	}
	k := &c.conns[at]
	if host != "" && !slices.Contains(k.Hosts, host) {
		k.Hosts = append(k.Hosts, host)
	}
	if !slices.Contains(k.Nodes, c.n.Name) {
		k.Nodes = append(k.Nodes, c.n.Name)
	}
}

func connectionName(text, without string) string {
	name := strings.ReplaceAll(identifier(text), "_", "-")
	if name == "" {
		return without
	}
	return name
}

// hostOf is the host of a URL that begins with it; empty: it is computed.
func hostOf(text string) string {
	text = strings.TrimPrefix(text, "=")
	u, err := url.Parse(strings.SplitN(text, "{{", 2)[0])
	if err != nil || u.Host == "" || u.Path == "" && strings.Contains(text, "{{") && !strings.Contains(strings.TrimPrefix(text, u.Scheme+"://"), "/") {
		return ""
	}
	return u.Host
}

// result is the body of a response, as n8n makes items of it.
const result = `.body | if type == "array" then .[] elif type == "object" then . else {data: .} end`

// toHTTP writes an HTTP request of version 1 to 4.
func toHTTP(c *conversion) made {
	method := strings.ToLower(c.p.word(c.p.word("GET", "requestMethod"), "method"))
	address := c.p.text("url")
	call := mapping{}
	var secrets carried
	safe := c.address(c.p["url"], &secrets)
	if text, ok := safe.(string); ok {
		address = text
	}
	to := c.value(safe)
	if slices.Contains([]string{"get", "post", "put", "patch", "delete", "head", "options"}, method) {
		call = append(call, pair{method, to})
	} else {
		call = append(call, pair{"method", strings.ToUpper(method)}, pair{"url", to})
	}
	host := hostOf(address)
	conns := []any{}
	if name := c.connection("", "", host); name != "" {
		conns = append(conns, name)
	} else if auth := c.p.text("authentication"); auth != "" && auth != "none" {
		name := connectionName(c.n.Name, "api")
		c.connect(name, "", host)
		conns = append(conns, name)
	}
	if query := c.query(&secrets); query != nil {
		call = append(call, pair{"query", query})
	}
	if headers := c.headers(&secrets); headers != nil {
		call = append(call, pair{"headers", headers})
	}
	for _, name := range c.connections(secrets, host) {
		if !slices.Contains(conns, name) {
			conns = append(conns, name)
		}
	}
	call = append(call, c.body(method)...)
	switch len(conns) {
	case 0:
	case 1:
		call = append(call, pair{"connection", conns[0]})
	default:
		call = append(call, pair{"connection", conns})
	}
	call = append(call, c.response()...)
	var more []pair
	if ms := c.p.text("options", "timeout"); ms != "" && asNumber(ms) != nil {
		more = append(more, pair{"timeout", ms + "ms"})
	}
	program := result
	full := c.p.on("options", "response", "response", "fullResponse") || c.p.on("options", "fullResponse")
	if full {
		program = "{body, headers, statusCode: .status}"
	}
	if c.p.text("options", "response", "response", "responseFormat") == "text" || c.p.text("responseFormat") == "string" {
		name := c.p.word(c.p.word("data", "dataPropertyName"), "options", "response", "response", "outputPropertyName")
		program = "{" + literal(name).code + ": .body}"
		if full {
			program = "{" + literal(name).code + ": .body, headers, statusCode: .status}"
		}
	}
	c.sc.single = false
	m := c.after(program)
	m.steps = append([]step{c.call("http", call, more...)}, m.steps...)
	return m
}

// odd reports whether a name cannot be one of a mapping, because an expression begins in it: that is to do.
func (c *conversion) odd(name string) bool {
	if !strings.Contains(name, "${") {
		return false
	}
	c.todo(c.n, "a name with ${ in it", "the name "+name+" has ${ in it, where names are no expressions")
	return true
}

// pairs is a list of names and values as a mapping; a name that is there again makes a list.
func (c *conversion) pairs(list []object, each func(name string, v any) any) mapping {
	var m mapping
	for _, p := range list {
		name := p.text("name")
		if name == "" || c.odd(name) {
			continue
		}
		v := each(name, p["value"])
		at := slices.IndexFunc(m, func(p pair) bool { return p.key == name })
		switch {
		case at < 0:
			m = append(m, pair{name, v})
		default:
			if list, ok := m[at].value.([]any); ok {
				m[at].value = append(list, v)
			} else {
				m[at].value = []any{m[at].value, v}
			}
		}
	}
	return m
}

// query are the parameters of the request, without those that are credentials.
func (c *conversion) query(secrets *carried) any {
	return c.parameters("the query parameter ", secrets, "queryParametersUi", "queryParameters", "sendQuery", "specifyQuery", "jsonQuery", "queryParametersJson")
}

// headers are the headers of the request, likewise.
func (c *conversion) headers(secrets *carried) any {
	return c.parameters("the header ", secrets, "headerParametersUi", "headerParameters", "sendHeaders", "specifyHeaders", "jsonHeaders", "headerParametersJson")
}

// parameters reads names and values, which are in a list or in JSON. Older versions of the node have the first and the last of
// its parameters. Credentials are added to secrets, after what they are, and left out.
func (c *conversion) parameters(what string, secrets *carried, oldList, list, send, specify, asJSON, oldJSON string) any {
	pairs := c.p.list(oldList, "parameter")
	text := ""
	if c.p.on("jsonParameters") {
		text = c.p.text(oldJSON)
	}
	if c.p.on(send) {
		if pairs = c.p.list(list, "parameters"); c.p.text(specify) == "json" {
			text = c.p.text(asJSON)
		}
	}
	if v, ok := parseJSON(text); ok {
		pairs, text = nil, ""
		for _, p := range ordered(asObject(v)).(mapping) {
			pairs = append(pairs, object{"name": p.key, "value": asObject(v)[p.key]})
		}
	}
	if text != "" {
		return c.sealedJSON(text)
	}
	m := c.pairs(slices.DeleteFunc(pairs, func(p object) bool {
		name, value := p.text("name"), p.text("value")
		if isSecret(credential.Sent(name), value) {
			secrets.keys = append(secrets.keys, what+name)
			return true
		}
		return strings.EqualFold(name, "content-type") && strings.HasPrefix(value, "application/json")
	}), func(_ string, v any) any { return c.value(v) })
	if m == nil {
		return nil
	}
	return m
}

// body are the members of the request that make its body.
func (c *conversion) body(method string) []pair {
	old := c.n.Version < 3
	if old && (method == "get" || method == "head") || !old && !c.p.on("sendBody") {
		return nil
	}
	kind := c.p.word("json", "contentType")
	if old {
		kind = c.p.word("json", "bodyContentType")
	}
	list := c.p.list("bodyParameters", "parameters")
	if old {
		list = c.p.list("bodyParametersUi", "parameter")
	}
	switch kind {
	case "json":
		if text, ok := c.p["jsonBody"].(string); ok && c.p.text("specifyBody") == "json" {
			return []pair{{"json", c.sealedJSON(text)}}
		}
		if text := c.p.text("bodyParametersJson"); old && c.p.on("jsonParameters") && text != "" {
			return []pair{{"json", c.sealedJSON(text)}}
		}
		if m := c.pairs(list, c.sealed); m != nil {
			return []pair{{"json", m}}
		}
	case "form-urlencoded":
		if m := c.pairs(list, c.sealed); m != nil {
			return []pair{{"form", m}}
		}
		if c.p.text("specifyBody") == "string" {
			return []pair{{"raw", c.sealedText(c.p["body"])}, {"content_type", "application/x-www-form-urlencoded"}}
		}
	case "raw":
		return []pair{{"raw", c.sealedText(c.p["body"])}, {"content_type", c.value(c.p.word("text/plain", "rawContentType"))}}
	case "multipart-form-data":
		var parts []any
		for _, p := range list {
			if p.text("parameterType") == "formBinaryData" {
				c.todo(c.n, "a file in a request", "the part "+p.text("name")+" is a file")
				continue
			}
			parts = append(parts, mapping{{"name", c.value(p["name"])}, {"value", c.sealed(p.text("name"), p["value"])}})
		}
		return []pair{{"multipart", parts}}
	default:
		c.todo(c.n, "a file in a request", "its body is a file")
	}
	return nil
}

// response are the members that say what is made of the response.
func (c *conversion) response() []pair {
	var more []pair
	format := c.p.word(c.p.text("responseFormat"), "options", "response", "response", "responseFormat")
	switch format {
	case "text", "string":
		more = append(more, pair{"parse", "text"})
	case "json":
		more = append(more, pair{"parse", "json"})
	case "file":
		c.todo(c.n, "a file in a response", "the response is a file: see parse: file")
	}
	if c.p.on("options", "response", "response", "neverError") || c.p.on("options", "ignoreResponseCode") || c.p.on("options", "ignoreHttpStatusErrors") {
		more = append(more, pair{"expect", []any{"2xx", "3xx", "4xx", "5xx"}})
	}
	if c.p.get("options", "pagination") != nil {
		c.todo(c.n, "pages of a response", "pages of a response: see paginate")
	}
	if c.p.get("options", "proxy") != nil {
		c.todo(c.n, "a proxy", "a proxy: see proxy")
	}
	if c.p.on("options", "allowUnauthorizedCerts") || c.p.on("allowUnauthorizedCerts") {
		c.importer.todo(c.n, "a certificate that is not verified", "it is verified here, so that the request fails: see tls")
	}
	if c.p.get("options", "batching") != nil {
		c.check(c.n, "its requests are not sent in batches with pauses between them: see `limit` and `concurrency`")
	}
	if c.p.get("options", "redirect", "redirect", "followRedirects") == false || c.p.get("options", "followRedirect") == false {
		more = append(more, pair{"follow_redirects", number(0)})
	}
	if c.p.get("options", "response", "response", "lowercaseHeaders") == false {
		c.check(c.n, "names of headers are in small letters here")
	}
	return more
}

// toGraphQL writes a GraphQL request.
func toGraphQL(c *conversion) made {
	var secrets carried
	endpoint := c.address(c.p["endpoint"], &secrets)
	query := mapping{{"query", c.sealedText(c.p["query"])}}
	switch v := c.p["variables"].(type) {
	case string:
		if strings.TrimSpace(v) != "" {
			query = append(query, pair{"variables", c.sealedJSON(v)})
		}
	case map[string]any:
		query = append(query, pair{"variables", c.sealed("", v)})
	}
	if name := c.p.text("operationName"); name != "" {
		query = append(query, pair{"operationName", c.value(name)})
	}
	var call mapping
	if c.p.text("requestMethod") == "GET" {
		call = mapping{{"get", c.value(endpoint)}, {"query", query}}
	} else {
		call = mapping{{"post", c.value(endpoint)}, {"json", query}}
	}
	if headers := c.headers(&secrets); headers != nil {
		call = append(call, pair{"headers", headers})
	}
	text, _ := endpoint.(string)
	conns := c.connections(secrets, hostOf(text))
	if name := c.connection("", "", hostOf(text)); name != "" && !slices.Contains(conns, any(name)) {
		conns = append(conns, name)
	}
	switch len(conns) {
	case 0:
	case 1:
		call = append(call, pair{"connection", conns[0]})
	default:
		call = append(call, pair{"connection", conns})
	}
	var more []pair
	if strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(c.p.text("query"), "=")), "query") {
		more = append(more, pair{"effect", "read"})
	}
	program := `.body | if .errors then error(.errors[0].message) else . end`
	if c.p.text("responseFormat") == "string" {
		program = "{" + literal(c.p.word("data", "dataPropertyName")).code + ": (.body | tojson)}"
	}
	m := c.after(program)
	m.steps = append([]step{c.call("http", call, more...)}, m.steps...)
	return m
}
