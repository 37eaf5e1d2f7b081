package n8n

import (
	"fmt"
	"strings"
)

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
	c.importer.todo(c.n, "the API of "+c.n.kind, fmt.Sprintf("%s: write the method, the path and the body of this request, of which n8n's parameters are written here; see %s", strings.TrimSpace(c.n.kind+" "+what), s.docs))
	name := c.connection(connectionName(c.n.kind, "api"), "", hostOf(s.base))
	params := map[string]any{}
	for key, v := range c.p {
		if key != "authentication" && key != "resource" && key != "operation" {
			params[key] = plainResource(v)
		}
	}
	call := mapping{{"post", s.base + "/TODO"}, {"json", c.sealed("", params)}, {"connection", name}}
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
