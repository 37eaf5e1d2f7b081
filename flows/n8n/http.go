package n8n

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
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
	to := c.value(c.p["url"])
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
	if q := c.query(); q != nil {
		call = append(call, pair{"query", q})
	}
	headers, secret := c.headers()
	if headers != nil {
		call = append(call, pair{"headers", headers})
	}
	if secret != "" {
		name := connectionName(c.n.Name, "api")
		c.connect(name, "api_key", host)
		c.check(c.n, "its header "+secret+" is a credential: it belongs into the connection "+name)
		if !slices.Contains(conns, any(name)) {
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

// pairs is a list of names and values as a mapping; a name that is there again makes a list.
func (c *conversion) pairs(list []object, each func(name string, v any) any) mapping {
	var m mapping
	for _, p := range list {
		name := p.text("name")
		if name == "" {
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

func (c *conversion) query() any {
	if c.p.text("specifyQuery") == "json" && c.p.on("sendQuery") {
		return c.json(c.p.text("jsonQuery")).template()
	}
	list := c.p.list("queryParametersUi", "parameter")
	if c.p.on("sendQuery") {
		list = c.p.list("queryParameters", "parameters")
	}
	if m := c.pairs(list, func(_ string, v any) any { return c.value(v) }); m != nil {
		return m
	}
	if text := c.p.text("queryParametersJson"); text != "" && c.p.on("jsonParameters") {
		return c.json(text).template()
	}
	return nil
}

// credentialHeader matches names of headers whose values are credentials.
var credentialHeader = regexp.MustCompile(`(?i)^(authorization|proxy-authorization|cookie)$|api-?key|token|secret`)

// headers are the headers of the request. secret is the name of one that is a credential and is left out.
func (c *conversion) headers() (headers any, secret string) {
	if c.p.text("specifyHeaders") == "json" && c.p.on("sendHeaders") {
		return c.json(c.p.text("jsonHeaders")).template(), ""
	}
	list := c.p.list("headerParametersUi", "parameter")
	if c.p.on("sendHeaders") {
		list = c.p.list("headerParameters", "parameters")
	}
	m := c.pairs(slices.DeleteFunc(list, func(p object) bool {
		name, value := p.text("name"), p.text("value")
		if credentialHeader.MatchString(name) && (!strings.HasPrefix(value, "=") || strings.Contains(value, "$env")) {
			secret = name
			return true
		}
		return strings.EqualFold(name, "content-type") && strings.HasPrefix(value, "application/json")
	}), func(_ string, v any) any { return c.value(v) })
	if m == nil {
		return nil, secret
	}
	return m, secret
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
			return []pair{{"json", c.json(text).template()}}
		}
		if text := c.p.text("bodyParametersJson"); old && c.p.on("jsonParameters") && text != "" {
			return []pair{{"json", c.json(text).template()}}
		}
		if m := c.pairs(list, func(_ string, v any) any { return c.value(v) }); m != nil {
			return []pair{{"json", m}}
		}
	case "form-urlencoded":
		if m := c.pairs(list, func(_ string, v any) any { return c.value(v) }); m != nil {
			return []pair{{"form", m}}
		}
		if c.p.text("specifyBody") == "string" {
			return []pair{{"raw", c.value(c.p["body"])}, {"content_type", "application/x-www-form-urlencoded"}}
		}
	case "raw":
		return []pair{{"raw", c.value(c.p["body"])}, {"content_type", c.value(c.p.word("text/plain", "rawContentType"))}}
	case "multipart-form-data":
		var parts []any
		for _, p := range list {
			if p.text("parameterType") == "formBinaryData" {
				c.todo(c.n, "a file in a request", "the part "+p.text("name")+" is a file")
				continue
			}
			parts = append(parts, mapping{{"name", c.value(p["name"])}, {"value", c.value(p["value"])}})
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
	for option, what := range map[string]string{"pagination": "pages of a response: see paginate", "proxy": "a proxy: see proxy", "batching": "", "allowUnauthorizedCerts": "a certificate that is not verified"} {
		if what != "" && c.p.get("options", option) != nil && c.p.get("options", option) != false {
			c.todo(c.n, strings.SplitN(what, ":", 2)[0], what)
		}
	}
	if c.p.on("allowUnauthorizedCerts") {
		c.todo(c.n, "a certificate that is not verified", "see tls")
	}
	return more
}

// toGraphQL writes a GraphQL request.
func toGraphQL(c *conversion) made {
	query := mapping{{"query", c.value(c.p["query"])}}
	switch v := c.p["variables"].(type) {
	case string:
		if strings.TrimSpace(v) != "" {
			query = append(query, pair{"variables", c.json(v).template()})
		}
	case map[string]any:
		query = append(query, pair{"variables", c.value(v)})
	}
	if name := c.p.text("operationName"); name != "" {
		query = append(query, pair{"operationName", c.value(name)})
	}
	var call mapping
	if c.p.text("requestMethod") == "GET" {
		call = mapping{{"get", c.value(c.p["endpoint"])}, {"query", query}}
	} else {
		call = mapping{{"post", c.value(c.p["endpoint"])}, {"json", query}}
	}
	if headers, secret := c.headersOf("headerParametersUi"); headers != nil || secret != "" {
		if headers != nil {
			call = append(call, pair{"headers", headers})
		}
		if secret != "" {
			name := connectionName(c.n.Name, "graphql")
			c.connect(name, "api_key", hostOf(c.p.text("endpoint")))
			call = append(call, pair{"connection", name})
		}
	}
	if name := c.connection("", "", hostOf(c.p.text("endpoint"))); name != "" {
		call = append(call, pair{"connection", name})
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

func (c *conversion) headersOf(param string) (headers any, secret string) {
	m := c.pairs(slices.DeleteFunc(c.p.list(param, "parameter"), func(p object) bool {
		if credentialHeader.MatchString(p.text("name")) && !strings.HasPrefix(p.text("value"), "=") {
			secret = p.text("name")
			return true
		}
		return false
	}), func(_ string, v any) any { return c.value(v) })
	if m == nil {
		return nil, secret
	}
	return m, secret
}

// rssItem makes n8n's item of an entry of RSS 2.0, and of Atom.
const rssItem = `def text: if type == "object" then .["#text"] elif type == "array" then .[0] | text else . end;
def link: if type == "array" then (map(select(.["@rel"]? == "alternate" or (.["@rel"]? // "") == ""))[0] // .[0]) else . end | if type == "object" then .["@href"] // .["#text"] else . end;
def plain: if . == null then null else html_text | trim end;
[.body.rss.channel.item // .body.feed.entry // []] | flatten | .[]
| (.creator // .author.name // null | text) as $creator
| (.description // .content // .summary // null | text) as $content
| (.pubDate // .published // .updated // .date // null | text) as $date
| (.guid // .id // null | text) as $guid
| {creator: $creator, "dc:creator": (.creator // null | text), title: (.title | text), link: (.link | link), pubDate: $date, content: $content,
   contentSnippet: ($content | plain), guid: $guid, isoDate: ($date | if . == null then null
     elif test("^[0-9]{4}-") then to_zone("UTC") | format_time("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")
     else (capture("(?<t>[0-9]{1,2} [A-Za-z]{3} [0-9]{4} [0-9:]{8}) (?<z>.*)$") | .t + " " + (if .z | test("^(GMT|UTC?|Z)$") then "+0000" else .z end)
       | parse_time("d MMM yyyy HH:mm:ss xx") | to_zone("UTC") | format_time("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")) end)CUSTOM}
| with_entries(select(.value != null))`

// toRSS writes a request for a feed.
func toRSS(c *conversion) made {
	custom := ""
	for _, name := range c.p.words("options", "customFields") {
		custom += ", " + literal(name).code + ": (.[" + literal(name).code + "] // null | text)"
	}
	if c.p.text("url") == "" {
		c.todo(c.n, "a URL that is missing", "the feed has no URL")
	}
	c.sc.single = false
	m := c.after(strings.Replace(rssItem, "CUSTOM", custom, 1))
	url := c.p["url"]
	if c.p.text("url") == "" {
		url = "https://example.org/feed"
	}
	m.steps = append([]step{c.call("http", mapping{{"get", c.value(url)}, {"parse", "xml"}})}, m.steps...)
	last := &m.steps[len(m.steps)-1]
	if text, ok := last.body[0].value.(string); ok {
		last.body[0].value = block(text)
	}
	return m
}

// service is an API whose nodes become http steps.
type service struct{ base, docs string }

// services are the APIs of nodes that are not translated one by one.
var services = map[string]service{ // read only
	"airtable":                   {"https://api.airtable.com/v0", "https://airtable.com/developers/web/api"},
	"asana":                      {"https://app.asana.com/api/1.0", "https://developers.asana.com/reference"},
	"clickUp":                    {"https://api.clickup.com/api/v2", "https://developer.clickup.com/reference"},
	"discord":                    {"https://discord.com/api/v10", "https://docs.discord.com/developers/reference"},
	"github":                     {"https://api.github.com", "https://docs.github.com/rest"},
	"gitlab":                     {"https://gitlab.com/api/v4", "https://docs.gitlab.com/api/rest"},
	"gmail":                      {"https://gmail.googleapis.com/gmail/v1", "https://developers.google.com/workspace/gmail/api/reference/rest"},
	"googleCalendar":             {"https://www.googleapis.com/calendar/v3", "https://developers.google.com/workspace/calendar/api/v3/reference"},
	"googleCloudNaturalLanguage": {"https://language.googleapis.com/v1", "https://cloud.google.com/natural-language/docs/reference/rest"},
	"googleDrive":                {"https://www.googleapis.com/drive/v3", "https://developers.google.com/workspace/drive/api/reference/rest/v3"},
	"googleSheets":               {"https://sheets.googleapis.com/v4", "https://developers.google.com/workspace/sheets/api/reference/rest"},
	"hubspot":                    {"https://api.hubapi.com", "https://developers.hubspot.com/docs/api-reference"},
	"jira":                       {"https://example.atlassian.net/rest/api/3", "https://developer.atlassian.com/cloud/jira/platform/rest/v3"},
	"mailchimp":                  {"https://us1.api.mailchimp.com/3.0", "https://mailchimp.com/developer/marketing/api"},
	"mattermost":                 {"https://mattermost.example.org/api/v4", "https://developers.mattermost.com/api-documentation"},
	"microsoftExcel":             {"https://graph.microsoft.com/v1.0", "https://learn.microsoft.com/graph/api/resources/excel"},
	"microsoftOutlook":           {"https://graph.microsoft.com/v1.0", "https://learn.microsoft.com/graph/api/resources/mail-api-overview"},
	"mondayCom":                  {"https://api.monday.com/v2", "https://developer.monday.com/api-reference"},
	"notion":                     {"https://api.notion.com/v1", "https://developers.notion.com/reference"},
	"openAi":                     {"https://api.openai.com/v1", "https://platform.openai.com/docs/api-reference"},
	"pipedrive":                  {"https://api.pipedrive.com/v1", "https://developers.pipedrive.com/docs/api/v1"},
	"salesforce":                 {"https://example.my.salesforce.com/services/data/v60.0", "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest"},
	"shopify":                    {"https://example.myshopify.com/admin/api/2025-01", "https://shopify.dev/docs/api/admin-rest"},
	"slack":                      {"https://slack.com/api", "https://docs.slack.dev/reference/methods"},
	"stripe":                     {"https://api.stripe.com/v1", "https://docs.stripe.com/api"},
	"telegram":                   {"https://api.telegram.org", "https://core.telegram.org/bots/api"},
	"trello":                     {"https://api.trello.com/1", "https://developer.atlassian.com/cloud/trello/rest"},
	"twilio":                     {"https://api.twilio.com/2010-04-01", "https://www.twilio.com/docs/usage/api"},
	"twitter":                    {"https://api.x.com/2", "https://docs.x.com/x-api"},
	"zendesk":                    {"https://example.zendesk.com/api/v2", "https://developer.zendesk.com/api-reference"},
	"zoom":                       {"https://api.zoom.us/v2", "https://developers.zoom.us/docs/api"},
}

// toService writes a node of an API: a request with the node's parameters as its body, whose path and body are left to do.
func toService(c *conversion) made {
	s, ok := services[c.n.kind]
	if !ok {
		return toUnknown(c)
	}
	what := strings.TrimSpace(c.p.text("resource") + " " + c.p.text("operation"))
	c.todo(c.n, "the API of "+c.n.kind, fmt.Sprintf("%s: write the method, the path and the body of this request, of which n8n's parameters are written here; see %s", strings.TrimSpace(c.n.kind+" "+what), s.docs))
	name := c.connection(connectionName(c.n.kind, "api"), "", hostOf(s.base))
	params := map[string]any{}
	for key, v := range c.p {
		if key != "authentication" && key != "resource" && key != "operation" {
			params[key] = plainResource(v)
		}
	}
	call := mapping{{"post", s.base + "/TODO"}, {"json", c.value(params)}, {"connection", name}}
	c.sc.single = false
	m := c.after(result)
	m.steps = append([]step{c.call("http", call)}, m.steps...)
	return m
}

// plainResource is the value of n8n's resource locators, and everything else as it is.
func plainResource(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if v["__rl"] == true {
			return v["value"]
		}
		m := make(map[string]any, len(v))
		for name, member := range v {
			m[name] = plainResource(member)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = plainResource(element)
		}
		return list
	}
	return v
}

// toSlack writes a message to a channel; other operations are left to do.
func toSlack(c *conversion) made {
	if c.p.word("message", "resource") != "message" || c.p.word("post", "operation") != "post" || c.p.text("select") == "user" {
		return toService(c)
	}
	channel := plainResource(c.p["channelId"])
	if channel == nil || channel == "" {
		channel = c.p["channel"]
	}
	if channel == nil || channel == "" {
		c.todo(c.n, "a channel that is missing", "the message has no channel")
		channel = "general"
	}
	message := mapping{{"channel", c.value(channel)}, {"text", c.value(orText(c.p["text"]))}}
	for _, param := range []string{"attachments", "blocksUi", "messageType"} {
		if v := c.p[param]; v != nil && v != "text" && hasContent(v) {
			c.todo(c.n, "attachments and blocks of Slack", "n8n's "+param+" have another form than the API's: see https://docs.slack.dev/reference/methods/chat.postMessage")
			message = append(message, pair{map[string]string{"blocksUi": "blocks"}[param] + map[string]string{"attachments": param, "messageType": param}[param], c.value(v)})
		}
	}
	options := c.p.get("otherOptions")
	for _, name := range []string{"link_names", "mrkdwn", "unfurl_links", "unfurl_media"} {
		if v, ok := object(asObject(options))[name].(bool); ok {
			message = append(message, pair{name, v})
		}
	}
	if ts := object(asObject(options)).get("thread_ts", "replyValues", "thread_ts"); ts != nil {
		message = append(message, pair{"thread_ts", c.value(ts)})
	}
	if emoji := object(asObject(options)).text("botProfile", "imageValues", "icon_emoji"); emoji != "" {
		message = append(message, pair{"icon_emoji", c.value(emoji)})
	}
	call := mapping{{"post", "https://slack.com/api/chat.postMessage"}, {"json", message}, {"connection", c.connection("slack", "bearer", "slack.com")}}
	m := c.after(`.body | if .ok == false then error("Slack: \(.error)") else . end`)
	m.steps = append([]step{c.call("http", call)}, m.steps...)
	return m
}

func hasContent(v any) bool {
	switch v := v.(type) {
	case []any:
		return len(v) > 0
	case map[string]any:
		for _, member := range v {
			if hasContent(member) {
				return true
			}
		}
		return false
	}
	return v != nil && v != ""
}

// toDiscord writes a message of a bot to a channel, or to a webhook; other operations are left to do.
func toDiscord(c *conversion) made {
	if c.n.Version < 2 || c.p.text("authentication") == "webhook" {
		c.todo(c.n, "a URL that is a secret", "the URL of a webhook of Discord is a credential: https://docs.discord.com/developers/resources/webhook")
		text := c.p["content"]
		if text == nil {
			text = c.p["text"]
		}
		call := mapping{{"post", "https://discord.com/api/webhooks/TODO"}, {"json", mapping{{"content", c.value(text)}}}}
		m := c.after("{success: true}")
		m.steps = append([]step{c.call("http", call)}, m.steps...)
		return m
	}
	channel, isString := plainResource(c.p["channelId"]).(string)
	if c.p.word("message", "resource") != "message" || c.p.word("send", "operation") != "send" || c.p.text("sendTo") == "user" || !isString {
		return toService(c)
	}
	message := mapping{{"content", c.value(c.p["content"])}}
	var embeds []any
	for _, e := range c.p.list("embeds", "values") {
		embed := mapping{{"type", "rich"}}
		for _, name := range []string{"title", "description", "url", "timestamp"} {
			if v := e[name]; v != nil && v != "" {
				embed = append(embed, pair{name, c.value(v)})
			}
		}
		if author := e["author"]; author != nil {
			embed = append(embed, pair{"author", mapping{{"name", c.value(author)}}})
		}
		for _, name := range []string{"image", "thumbnail", "video"} {
			if v := e[name]; v != nil {
				embed = append(embed, pair{name, mapping{{"url", c.value(v)}}})
			}
		}
		var color int
		if n, err := fmt.Sscanf(strings.TrimPrefix(e.text("color"), "#"), "%x", &color); n == 1 && err == nil {
			embed = append(embed, pair{"color", number(color)})
		}
		embeds = append(embeds, embed)
	}
	if embeds != nil {
		message = append(message, pair{"embeds", embeds})
	}
	if hasContent(c.p.get("files")) || hasContent(c.p.get("options")) {
		c.todo(c.n, "options of a Discord message", "the message has files or options")
	}
	path := c.value(channel)
	text, _ := path.(string)
	call := mapping{{"post", "https://discord.com/api/v10/channels/" + text + "/messages"}, {"json", message}, {"connection", c.connection("discord", "api_key", "discord.com")}}
	m := c.after(result)
	m.steps = append([]step{c.call("http", call)}, m.steps...)
	return m
}
