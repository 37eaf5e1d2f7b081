package n8n

import (
	"fmt"
	"strings"
	"time"
)

// zone is the time zone of the workflow.
func (w *workflow) zone() string {
	if w.Settings.Timezone == "" || w.Settings.Timezone == "DEFAULT" {
		return "UTC"
	}
	if _, err := time.LoadLocation(w.Settings.Timezone); err != nil {
		return "UTC"
	}
	return w.Settings.Timezone
}

// toMoment is a program that makes a moment in the workflow's time zone of a text or a number, as Luxon reads it.
func (c *conversion) toMoment(t term) string {
	zone := literal(c.w.zone()).code
	if t.is == isMoment {
		return "."
	}
	return fmt.Sprintf(`(if type == "string" and (test("[zZ]$|[+-][0-9]{2}:?[0-9]{2}$") | not) then gsub("/"; "-") | sub(" "; "T") | from_zone(%[1]s) else . end | to_zone(%[1]s))`, zone)
}

// isoPattern is the pattern of Luxon's toISO in the time zone of the workflow.
func (w *workflow) isoPattern() string {
	if w.zone() == "UTC" {
		return "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"
	}
	return "yyyy-MM-dd'T'HH:mm:ss.SSSxxx"
}

func (w *workflow) iso() string { return "format_time(" + literal(w.isoPattern()).code + ")" }

// seconds since 1970, with their parts, of a moment.
const epoch = `(to_zone("UTC") | (format_time("yyyy-MM-dd'T'HH:mm:ss'Z'") | fromdate) + (format_time("SSS") | tonumber / 1000))`

// toDateTime writes a Date & Time node.
func toDateTime(c *conversion) made {
	if c.n.Version < 2 {
		return c.oldDateTime()
	}
	if zone := c.p.text("options", "timezone"); zone != "" && zone != c.w.zone() {
		c.todo(c.n, "a time zone of its own", "the node has the time zone "+zone)
	}
	op := c.p.word("getCurrentDate", "operation")
	var program, name string
	switch op {
	case "getCurrentDate":
		name, program = "currentDate", "now | to_zone("+literal(c.w.zone()).code+") | "+c.w.iso()
		if c.p.get("includeTime") == false {
			program = "now | to_zone(" + literal(c.w.zone()).code + `) | format_time("yyyy-MM-dd'T00:00:00.000'xxx")`
		}
	case "addToDate", "subtractFromDate":
		name = "newDate"
		t := c.jq(c.p["magnitude"])
		amount := c.jq(c.p["duration"]).number().in()
		if c.p["duration"] == nil {
			amount = "0"
		}
		if op == "subtractFromDate" {
			amount = "-" + amount
		}
		code, ok := addTime(c.p.word("days", "timeUnit"), amount, c.w.zone())
		if !ok {
			return c.todoStep("a unit of time", c.p.text("timeUnit"))
		}
		program = t.code + " | " + c.toMoment(t) + " | " + code + " | " + c.w.iso()
		if strings.Contains(amount, ".") {
			return c.todoStep("an amount of time that is computed", amount)
		}
	case "formatDate":
		name = "formattedDate"
		t := c.jq(c.p["date"])
		format := c.p.word("MM/dd/yyyy", "format")
		if format == "custom" {
			format = c.p.text("customFormat")
		}
		pattern, ok := luxonPattern(format)
		if !ok {
			return c.todoStep("a pattern of times", format)
		}
		program = t.code + " | if . == null then null else " + c.toMoment(t) + " | " + pattern + " end"
	case "roundDate":
		return c.roundDate()
	case "getTimeBetweenDates":
		name = "timeDifference"
		units := c.p.words("units")
		if c.p["units"] == nil {
			units = []string{"day"}
		}
		per, ok := map[string]string{"day": "86400", "hour": "3600", "minute": "60", "second": "1", "week": "604800"}[units[0]]
		if len(units) != 1 || !ok || c.p.on("options", "isoString") {
			return c.todoStep("a difference of times in several units", strings.Join(units, ", "))
		}
		a, b := c.jq(c.p["startDate"]), c.jq(c.p["endDate"])
		program = fmt.Sprintf("{%ss: (((%s | %s | %s) - (%s | %s | %s)) / %s)}", units[0], b.code, c.toMoment(b), epoch, a.code, c.toMoment(a), epoch, per)
	case "extractDate":
		name = "datePart"
		field, ok := map[string]string{"year": "yyyy", "month": "M", "day": "d", "hour": "H", "minute": "m", "second": "s"}[c.p.word("month", "part")]
		if !ok {
			return c.todoStep("a part of a time", c.p.text("part"))
		}
		t := c.jq(c.p["date"])
		program = t.code + " | " + c.toMoment(t) + " | format_time(" + literal(field).code + ") | tonumber"
	default:
		return c.todoStep("the node dateTime: "+op, "there is no equivalent of the operation "+op)
	}
	return c.dated(name, program)
}

// dated puts the time into the item, or into a new one.
func (c *conversion) dated(name, program string) made {
	name = c.plainParam(c.p.word(name, "outputFieldName"))
	s := step{body: mapping{{"set", mapping{{name, "${ " + program + " }"}}}}}
	if c.p.on("options", "includeInputFields") {
		s.body = append(s.body, pair{"keep", true})
	}
	return made{steps: []step{s}}
}

func (c *conversion) roundDate() made {
	t := c.jq(c.p["date"])
	unit := c.p.word("month", "toNearest")
	up := ""
	if c.p.word("roundDown", "mode") == "roundUp" {
		unit = c.p.word("month", "to")
		code, ok := addTime(unit, "1", c.w.zone())
		if !ok {
			return c.todoStep("a unit of time", unit)
		}
		up = " | " + code
	}
	pattern, ok := startOf[unit]
	if !ok {
		return c.todoStep("a unit of time", unit)
	}
	return c.dated("roundedDate", t.code+" | "+c.toMoment(t)+" | format_time("+literal(strings.Replace(pattern, "XXX", "xxx", 1)).code+")"+up+" | "+c.w.iso())
}

// momentFields makes a pattern of Luxon of one of Moment.js. Q stands for what has no equivalent.
var momentFields = strings.NewReplacer("YYYY", "yyyy", "YY", "yy", "DD", "dd", "D", "d", "dddd", "EEEE", "ddd", "EEE", "A", "a", "ZZ", "ZZZ", "Z", "ZZ",
	"T", "'T'", "d", "Q", "E", "Q", "e", "Q", "L", "Q", "l", "Q", "c", "Q", "[", "Q", "]", "Q")

// oldDateTime writes version 1, which formats by the patterns of Moment.js.
func (c *conversion) oldDateTime() made {
	name := c.plainParam(c.p.word("data", "dataPropertyName"))
	t := c.jq(c.p["value"])
	program := t.code + " | " + c.toMoment(t)
	if from := c.p.text("options", "fromFormat"); from != "" {
		pattern, ok := luxonPattern(momentFields.Replace(from))
		if !ok || !strings.HasPrefix(pattern, "format_time(") {
			return c.todoStep("a pattern of times", from)
		}
		program = t.code + " | tostring | parse_time(" + strings.TrimSuffix(strings.TrimPrefix(pattern, "format_time("), ")") + "; " + literal(c.w.zone()).code + ") | to_zone(" + literal(c.w.zone()).code + ")"
	}
	if zone := c.p.text("options", "toTimezone"); zone != "" {
		program += " | to_zone(" + literal(zone).code + ")"
	}
	if c.p.word("format", "action") == "calculate" {
		amount := c.jq(c.p["duration"]).number().in()
		if c.p.text("operation") == "subtract" {
			amount = "-" + amount
		}
		code, ok := addTime(c.p.word("days", "timeUnit"), amount, c.w.zone())
		if !ok || strings.Contains(amount, ".") {
			return c.todoStep("an amount of time that is computed", c.p.text("duration"))
		}
		program += " | " + code + " | " + c.w.iso()
	} else {
		format := momentFields.Replace(c.p.word("MM/DD/YYYY", "toFormat"))
		if c.p.on("custom") {
			format = momentFields.Replace(c.p.text("toFormat"))
		}
		pattern, ok := luxonPattern(format)
		if !ok {
			return c.todoStep("a pattern of times", format)
		}
		program += " | " + pattern
	}
	return made{steps: setSteps([]assignment{{name, "${ " + program + " }", "(" + program + ")"}}, true, true)}
}
