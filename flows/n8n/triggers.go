package n8n

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// webhookItem is the item of a webhook node.
const webhookItem = "{headers: $headers, params: {}, query: $params, body: $event}"

// trigger writes the trigger of the flow, and the steps that make the item of n8n's trigger.
func (c *conversion) trigger() made {
	c.sc.single = true
	c.sc.visible[c.n.Name] = "$event"
	switch kind := c.n.kind; kind {
	case "webhook":
		c.sc.visible[c.n.Name] = webhookItem
		c.head = append(c.head, pair{"trigger", mapping{{"webhook", c.webhook()}}})
		return made{steps: []step{{body: mapping{{"set", mapping{{"headers", "${ $headers }"}, {"params", mapping{}}, {"query", "${ $params }"}, {"body", "${ $event }"}}}}}}}
	case "scheduleTrigger", "cron", "interval":
		c.head = append(c.head, pair{"trigger", mapping{{"schedule", c.schedule()}}})
		c.check(c.n, "the item is {scheduled_at}; n8n's has further members")
		return made{}
	case "errorTrigger":
		delete(c.sc.visible, c.n.Name)
		c.head = append(c.head, pair{"trigger", mapping{{"alert", mapping{{"when", []any{"new_failure", "failure_again"}}}}}})
		c.check(c.n, "it runs once for failures that are alike, not for each; there is no stack")
		c.sc.single = false
		return made{steps: []step{{body: mapping{{"split", ".alerts[] | {workflow: {id: .flow, name: .flow_name}, execution: {id: .run, url, lastNodeExecuted: .step, error: {message: (.message // .text)}}}"}}}}}
	case "formTrigger":
		c.head = append(c.head, pair{"trigger", mapping{{"webhook", mapping{{"verify", "none"}}}}})
		c.todo(c.n, "the page of a form", "n8n shows the form "+shorten(c.p.text("formTitle"))+" itself: here a page of yours posts it to /hooks")
		return made{steps: []step{pass()}}
	case "manualTrigger", "executeWorkflowTrigger", "start":
		return made{}
	}
	if scheme, ok := senders[c.n.kind]; ok {
		secret := scheme + "-webhook"
		c.secrets = append(c.secrets, secret)
		c.check(c.n, "the webhook has to be made at the sender, and its secret stored as "+secret+": see the page of senders")
		c.head = append(c.head, pair{"trigger", mapping{{"webhook", mapping{{"verify", mapping{{"scheme", scheme}, {"secret", secret}}}}}}})
		return made{steps: []step{pass()}}
	}
	c.todo(c.n, "the trigger "+c.n.kind, "there is no equivalent of this trigger: the flow starts by the API")
	return made{steps: []step{pass()}}
}

// senders are the triggers of products that send webhooks, with the scheme of their signatures.
var senders = map[string]string{ // read only
	"stripeTrigger": "stripe", "calendlyTrigger": "calendly", "typeformTrigger": "typeform", "githubTrigger": "github", "gitlabTrigger": "gitlab",
	"shopifyTrigger": "shopify", "slackTrigger": "slack", "boxTrigger": "box", "intercomTrigger": "intercom", "linearTrigger": "linear", "paypalTrigger": "paypal", "telegramTrigger": "telegram",
}

// webhook are the settings of the trigger.
func (c *conversion) webhook() mapping {
	m := mapping{}
	if c.p.word("GET", "httpMethod") == "GET" {
		m = append(m, pair{"methods", []any{"GET"}})
		c.check(c.n, "the event of a GET are its query parameters: they are in .body, too")
	}
	if names := c.named("headers"); names != nil {
		m = append(m, pair{"headers", names})
	}
	if names := c.named("query"); names != nil {
		m = append(m, pair{"params", names})
	}
	if path := c.p.text("path"); strings.Contains(path, ":") {
		c.todo(c.n, "parameters in a path", "the path "+path+" has parameters: see trigger.http")
	}
	auth := c.p.word("none", "authentication")
	secret := connectionName(c.n.Name, "webhook")
	switch auth {
	case "none":
		m = append(m, pair{"verify", "none"})
		c.check(c.n, "anybody may call it, 10 times a minute from one address: a sender that signs should be verified")
	case "basicAuth":
		m = append(m, pair{"verify", mapping{{"scheme", "basic"}, {"secret", secret}, {"user", "n8n"}}})
	case "headerAuth":
		m = append(m, pair{"verify", mapping{{"scheme", "token"}, {"secret", secret}, {"header", "X-API-Key"}}})
		c.check(c.n, "the name of the header is in n8n's credential: write it into verify.header")
	default:
		m = append(m, pair{"verify", mapping{{"scheme", "jwt"}, {"secret", secret}}})
	}
	if auth != "none" {
		c.secrets = append(c.secrets, secret)
	}
	if c.p.word("onReceived", "responseMode") == "onReceived" {
		m = append(m, pair{"reply", "ack"})
	} else if c.p.text("responseMode") == "lastNode" {
		c.last = lastResponse(c.p.word("firstEntryJson", "responseData"))
		if c.last == nil {
			c.todo(c.n, "a response with a file", "it responds with "+c.p.text("responseData"))
		}
	}
	if c.p.on("options", "rawBody") {
		c.todo(c.n, "the raw body of a request", "n8n gives the bytes of the body, too")
	}
	return m
}

// lastResponse is the respond step at the end of a flow whose last node answers; nil: it answers with a file.
func lastResponse(data string) []step {
	switch data {
	case "firstEntryJson":
		return []step{{body: mapping{{"respond", mapping{{"json", "${ . }"}, {"envelope", "none"}}}}}}
	case "allEntries":
		return []step{{body: mapping{{"respond", mapping{{"envelope", "none"}}}}}}
	case "noData":
		return []step{{body: mapping{{"respond", mapping{{"text", ""}, {"envelope", "none"}}}}}}
	}
	return nil
}

// named returns the headers or query parameters that the expressions of the workflow name.
func (c *conversion) named(member string) []any {
	found := regexp.MustCompile(`\b` + member + `(?:\?)?(?:\.([A-Za-z_][\w]*)|\.?\[\s*["']([^"']+)["']\s*\])`)
	var names []any
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case string:
			for _, m := range found.FindAllStringSubmatch(v, -1) {
				name := m[1] + m[2]
				if member == "headers" {
					name = strings.ToLower(name)
				}
				if len(names) < 30 && !slices.Contains(names, any(name)) && headerName.MatchString(name) {
					names = append(names, name)
				}
			}
		case map[string]any:
			for _, p := range ordered(v).(mapping) {
				visit(v[p.key])
			}
		case []any:
			for _, element := range v {
				visit(element)
			}
		}
	}
	for _, n := range c.order {
		visit(map[string]any(n.Params))
	}
	return names
}

var headerName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// schedule are the times of a schedule or cron node.
func (c *conversion) schedule() mapping {
	var crons []string
	for _, rule := range c.p.list("rule", "interval") {
		crons = append(crons, c.interval(rule))
	}
	for _, rule := range c.p.list("triggerTimes", "item") {
		crons = append(crons, c.oldCron(rule))
	}
	if c.n.kind == "interval" {
		crons = append(crons, fmt.Sprintf("@every %s%s", c.p.word("1", "interval"), c.p.word("seconds", "unit")[:1]))
	}
	if len(crons) == 0 {
		crons = []string{"0 0 * * *"}
	}
	if len(crons) > 1 {
		c.todo(c.n, "several times of a schedule", "a flow has one schedule: the others are "+strings.Join(crons[1:], "; "))
	}
	m := mapping{{"cron", crons[0]}}
	if zone := c.w.zone(); zone != "UTC" {
		m = append(m, pair{"time_zone", zone})
	} else if c.w.Settings.Timezone == "" {
		c.check(c.n, "the workflow has no time zone: times are taken to be UTC")
	}
	return m
}

// interval is a rule of a schedule trigger as cron.
func (c *conversion) interval(r object) string {
	minute, hour := r.word("0", "triggerAtMinute"), r.word("0", "triggerAtHour")
	field := r.word("days", "field")
	every := r.word("1", field+"Interval")
	switch field {
	case "seconds":
		return "@every " + r.word("30", "secondsInterval") + "s"
	case "minutes":
		return "*/" + r.word("5", "minutesInterval") + " * * * *"
	case "hours":
		if every == "1" {
			return minute + " * * * *"
		}
		return minute + " */" + every + " * * *"
	case "days":
		if every == "1" {
			return minute + " " + hour + " * * *"
		}
		c.check(c.n, "every "+every+" days is counted from the first of each month")
		return minute + " " + hour + " */" + every + " * *"
	case "weeks":
		if every != "1" {
			c.todo(c.n, "a schedule of several weeks", "every "+every+" weeks: it is every week here")
		}
		var days []string
		list, _ := r["triggerAtDay"].([]any)
		for _, day := range list {
			days = append(days, fmt.Sprint(day))
		}
		if days == nil {
			days = []string{"0"}
		}
		return minute + " " + hour + " * * " + strings.Join(days, ",")
	case "months":
		day := r.word("1", "triggerAtDayOfMonth")
		if every == "1" {
			return minute + " " + hour + " " + day + " * *"
		}
		return minute + " " + hour + " " + day + " */" + every + " *"
	}
	return c.cron(r.text("expression"))
}

// cron is an expression of n8n, which may begin with seconds.
func (c *conversion) cron(text string) string {
	fields := strings.Fields(strings.TrimPrefix(text, "="))
	if len(fields) == 6 {
		if fields[0] != "0" {
			c.check(c.n, "the seconds of "+text+" are left out")
		}
		fields = fields[1:]
	}
	if len(fields) != 5 || strings.Contains(text, "{{") {
		c.todo(c.n, "a cron expression", text)
		return "0 0 * * *"
	}
	return strings.Join(fields, " ")
}

// oldCron is a rule of a cron node.
func (c *conversion) oldCron(r object) string {
	minute, hour := r.word("0", "minute"), r.word("14", "hour")
	switch r.word("everyDay", "mode") {
	case "everyMinute":
		return "* * * * *"
	case "everyHour":
		return minute + " * * * *"
	case "everyX":
		return "@every " + r.word("2", "value") + map[string]string{"minutes": "m"}[r.text("unit")] + map[bool]string{true: "h"}[r.text("unit") != "minutes"]
	case "everyWeek":
		return minute + " " + hour + " * * " + r.word("1", "weekday")
	case "everyMonth":
		return minute + " " + hour + " " + r.word("1", "dayOfMonth") + " * *"
	case "custom":
		return c.cron(r.text("cronExpression"))
	}
	return minute + " " + hour + " * * *"
}
