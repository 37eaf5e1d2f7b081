package n8n

import "strings"

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
