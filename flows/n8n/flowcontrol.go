package n8n

import (
	"fmt"
	"regexp"
	"strings"
)

// toWait writes a wait of some time, or up to a time or call.
func toWait(c *conversion) made {
	switch resume := c.p.word("timeInterval", "resume"); resume {
	case "timeInterval":
		amount, unit := "1", "hours"
		if c.n.Version > 1 {
			amount, unit = "5", "seconds"
		}
		unit = c.p.word(unit, "unit")
		letter := map[string]string{"seconds": "s", "minutes": "m", "hours": "h", "days": "d"}[unit]
		amount = c.p.word(amount, "amount")
		if asNumber(amount) != nil && !strings.ContainsAny(amount, ".-eE") {
			return made{steps: []step{{body: mapping{{"delay", amount + letter}}}}}
		}
		per := map[string]string{"seconds": "1", "minutes": "60", "hours": "3600", "days": "86400"}[unit]
		t := c.jq(c.p["amount"]).number()
		return made{steps: []step{{body: mapping{{"delay", mapping{{"until", "${ now + " + t.in() + " * " + per + ` | format_time("yyyy-MM-dd'T'HH:mm:ss'Z'"; "UTC") }`}}}}}}}
	case "specificTime":
		t := c.jq(c.p["dateTime"])
		return made{steps: []step{{body: mapping{{"delay", mapping{{"until", "${ " + t.code + " | " + c.toMoment(t) + ` | format_time("yyyy-MM-dd'T'HH:mm:ssxxx") }`}}}}}}}
	default:
		c.todo(c.n, "a wait for a "+resume, "write the steps that send `${ .url }`, which resumes the run; the item is then the body of the call")
		return made{steps: []step{{body: mapping{{"wait_for", mapping{{"within", "24h"}, {"steps", []step{{body: mapping{{"log", "to do: send ${ .url }"}}}}}}}}}}}
	}
}

// toRespond writes the answer to the caller.
func toRespond(c *conversion) made {
	if c.sc.responded {
		c.check(c.n, "the caller has a response already: only the first one counts")
		return made{steps: []step{pass()}}
	}
	c.sc.responded = true
	answer := mapping{}
	status := c.p.word("200", "options", "responseCode")
	if asNumber(status) != nil {
		if status != "200" {
			answer = append(answer, pair{"status", asNumber(status)})
		}
	} else {
		c.todo(c.n, "a status that is computed", status)
	}
	headers := mapping{}
	for _, h := range c.p.list("options", "responseHeaders", "entries") {
		if name := h.text("name"); !c.odd(name) {
			headers = put(headers, name, c.value(h["value"]))
		}
	}
	switch with := c.p.word("firstIncomingItem", "respondWith"); with {
	case "firstIncomingItem":
		answer = append(answer, pair{"json", "${ . }"})
	case "allIncomingItems":
	case "json":
		answer = append(answer, pair{"json", c.json(c.p.text("responseBody")).template()})
	case "text":
		answer = append(answer, pair{"text", c.value(c.p["responseBody"])})
	case "noData":
		answer = append(answer, pair{"text", ""})
	case "redirect":
		if status == "200" {
			answer = append(answer, pair{"status", number(307)})
		}
		headers = put(headers, "Location", c.value(c.p["redirectURL"]))
		answer = append(answer, pair{"text", ""})
	default:
		c.todo(c.n, "a response with a "+with, "it responds with "+with)
		answer = append(answer, pair{"json", "${ . }"})
	}
	if len(headers) > 0 {
		answer = append(answer, pair{"headers", headers})
	}
	answer = append(answer, pair{"envelope", "none"})
	return made{steps: []step{{body: mapping{{"respond", answer}}}}}
}

// toExecuteWorkflow writes the call of another flow.
func toExecuteWorkflow(c *conversion) made {
	id, _ := plainResource(c.p["workflowId"]).(string)
	name := c.p.word(id, "workflowId", "cachedResultName")
	slug := connectionName(strings.TrimPrefix(name, "="), "other-flow")
	if strings.HasPrefix(id, "=") || name == id {
		if strings.HasPrefix(id, "=") {
			slug = "other-flow"
		}
		c.todo(c.n, "a workflow that is named by its id", fmt.Sprintf("import the workflow %s, too, and write its slug here", shorten(strings.TrimPrefix(id, "="))))
	}
	if c.p.word("database", "source") != "database" {
		c.todo(c.n, "a workflow that is within a node", "it is in "+c.p.text("source"))
	}
	if c.p.word("once", "mode") == "once" && !c.sc.single {
		c.check(c.n, "the other flow runs for each item; n8n runs it once, with all of them")
	}
	var event []pair
	if v := asObject(c.p.get("workflowInputs", "value")); len(v) > 0 {
		event = append(event, pair{"event", c.value(v)})
	}
	if c.p.get("options", "waitForSubWorkflow") == false {
		return made{steps: []step{{body: append(mapping{{"emit", slug}}, event...)}}}
	}
	c.sc.single = false
	s := step{body: append(mapping{{"call", slug}}, event...)}
	if c.n.fails() != "" {
		s.body = append(s.body, pair{"on_error", "continue"})
	}
	return made{steps: []step{s}}
}

func toStopAndError(c *conversion) made {
	message := c.p["errorMessage"]
	if c.p.text("errorType") == "errorObject" {
		message = c.p["errorObject"]
	}
	if message == nil || message == "" {
		message = "stopped"
	}
	return made{steps: []step{{body: mapping{{"fail", c.value(message)}}}}}
}

var sqlQuotes = regexp.MustCompile(`['"]$`)

// toSQL writes a statement. Expressions in its text become values of placeholders.
func toSQL(c *conversion) made {
	kind := map[string]string{"postgres": "postgres", "mySql": "mysql"}[c.n.kind]
	conn := c.connection(kind, kind, "")
	switch op := c.p.word("insert", "operation"); {
	case op == "executeQuery" || op == "execute":
		return c.sqlQuery(conn, kind)
	case op == "insert":
		return c.sqlInsert(conn, kind)
	default:
		return c.todoStep("the node "+c.n.kind+": "+op, "write the statement of the operation "+op+" for the connection "+conn)
	}
}

func (c *conversion) placeholder(kind string, n int) string {
	if kind == "postgres" {
		return fmt.Sprintf("$%d", n)
	}
	return "?"
}

func (c *conversion) sqlQuery(conn, kind string) made {
	text, isExpr := strings.CutPrefix(c.p.text("query"), "=")
	parts := []string{text}
	if isExpr {
		parts = splitBraces(text)
	}
	var b strings.Builder
	var args []any
	for i, part := range parts {
		if i%2 == 1 {
			args = append(args, c.expr(part).template())
			b.WriteString(c.placeholder(kind, len(args)))
			continue
		}
		if i > 0 {
			part = strings.TrimLeft(part, `'"`)
		}
		if i < len(parts)-1 {
			part = sqlQuotes.ReplaceAllString(part, "")
		}
		b.WriteString(part)
	}
	if len(args) > 0 {
		c.todo(c.n, "an expression in a statement", "expressions became values of placeholders, which cannot be names of tables and columns")
	}
	for _, name := range c.p.words("options", "queryReplacement") {
		args = append(args, c.value(name))
	}
	statement := strings.TrimRight(strings.TrimSpace(b.String()), ";\n ")
	word := "exec"
	if first := strings.ToLower(strings.SplitN(statement+" ", " ", 2)[0]); first == "select" || first == "with" || first == "show" || strings.Contains(strings.ToLower(statement), "returning") {
		word = "query"
	}
	call := mapping{{"connection", conn}, {word, textOf(statement)}}
	if args != nil {
		call = append(call, pair{"args", args})
	}
	c.sc.single = false
	return made{steps: []step{c.call("sql", call)}}
}

func (c *conversion) sqlInsert(conn, kind string) made {
	table, _ := plainResource(c.p["table"]).(string)
	var columns []string
	var args []any
	switch {
	case c.p.text("columns") != "":
		for _, name := range c.p.words("columns") {
			columns = append(columns, name)
			args = append(args, "${ "+term{code: ".", whole: true}.member(name).code+" }")
		}
	case len(c.p.list("valuesToSend", "values")) > 0:
		for _, v := range c.p.list("valuesToSend", "values") {
			columns, args = append(columns, v.text("column")), append(args, c.value(v["value"]))
		}
	default:
		if m, ok := ordered(asObject(c.p.get("columns", "value"))).(mapping); ok && c.p.word("defineBelow", "columns", "mappingMode") == "defineBelow" {
			for _, p := range m {
				columns, args = append(columns, p.key), append(args, c.value(asObject(c.p.get("columns", "value"))[p.key]))
			}
		}
	}
	if len(columns) == 0 || table == "" || strings.HasPrefix(table, "=") {
		return c.todoStep("an insert of all fields", "write the statement with its columns, for the table "+table)
	}
	marks := make([]string, len(columns))
	for i := range columns {
		marks[i] = c.placeholder(kind, i+1)
	}
	statement := fmt.Sprintf("insert into %s (%s) values (%s)", table, strings.Join(columns, ", "), strings.Join(marks, ", "))
	word := "exec"
	if kind == "postgres" {
		word, statement = "query", statement+" returning *"
	}
	call := mapping{{"connection", conn}, {word, statement}, {"args", args}}
	return made{steps: []step{c.call("sql", call)}}
}

// toEmail writes a message by mail.
func toEmail(c *conversion) made {
	if c.n.kind == "gmail" && (c.p.word("message", "resource") != "message" || c.p.word("send", "operation") != "send") {
		return toService(c)
	}
	conn := c.connection("mail", "smtp", "")
	get := func(names ...string) any {
		for _, name := range names {
			if v := c.p[name]; v != nil && v != "" {
				return v
			}
		}
		return nil
	}
	call := mapping{{"connection", conn}}
	to := get("toEmail", "sendTo", "toList")
	if to == nil {
		c.todo(c.n, "a recipient that is missing", "the message has no recipient")
		to = "nobody@example.org"
	}
	call = append(call, pair{"to", c.value(to)})
	if from := get("fromEmail"); from != nil {
		call = append(call, pair{"from", c.value(from)})
	}
	options := object(asObject(c.p["options"]))
	for name, from := range map[string]any{"cc": get("ccEmail"), "bcc": get("bccEmail")} {
		if from != nil {
			call = append(call, pair{name, c.value(from)})
		}
	}
	for _, o := range [][2]string{{"cc", "ccEmail"}, {"bcc", "bccEmail"}, {"cc", "ccList"}, {"bcc", "bccList"}, {"reply_to", "replyTo"}} {
		if v := options.text(o[1]); v != "" {
			call = append(call, pair{o[0], c.value(v)})
		}
	}
	if hasContent(options["attachments"]) || hasContent(options["attachmentsUi"]) {
		c.todo(c.n, "attachments", "the message has attachments")
	}
	call = append(call, pair{"subject", c.value(orText(get("subject")))})
	switch {
	case c.n.kind == "gmail":
		word := "html"
		if c.p.text("emailType") == "text" {
			word = "text"
		}
		c.check(c.n, "it is sent through a mail server, not through the API of Gmail")
		call = append(call, pair{word, c.value(orText(get("message")))})
	default:
		if v := get("text"); v != nil {
			call = append(call, pair{"text", c.value(v)})
		}
		if v := get("html"); v != nil {
			call = append(call, pair{"html", c.value(v)})
		}
		if get("text", "html") == nil {
			call = append(call, pair{"text", ""})
		}
	}
	return made{steps: []step{c.call("email", call)}}
}

func orText(v any) any {
	if v == nil {
		return ""
	}
	return v
}
