package n8n

import (
	"fmt"
	"strings"
)

// toItemLists writes a node of the time when one node did what splitOut, aggregate and so on do.
func toItemLists(c *conversion) made {
	switch op := c.p.word("splitOutItems", "operation"); op {
	case "splitOutItems":
		return toSplitOut(c)
	case "aggregateItems", "concatenateItems":
		return toAggregate(c)
	case "summarize":
		return toSummarize(c)
	case "sort":
		return toSort(c)
	case "limit":
		return toLimit(c)
	case "removeDuplicates":
		return toRemoveDuplicates(c)
	default:
		return c.todoStep("the node itemLists: "+op, "there is no equivalent of the operation "+op)
	}
}

// lastPart is the name of a field that a path leads to.
func lastPart(path string) string {
	parts := pathParts(path)
	if len(parts) == 0 {
		return path
	}
	return parts[len(parts)-1]
}

// path is the jq of a field.
func (c *conversion) path(field string) string {
	if c.p.on("options", "disableDotNotation") {
		return ".[" + literal(field).code + "]"
	}
	return jqPath(field)
}

func toSplitOut(c *conversion) made {
	fields := c.p.words("fieldToSplitOut")
	if len(fields) != 1 {
		return c.todoStep("splitting several fields", "it splits "+strings.Join(fields, ", "))
	}
	field := c.plainParam(fields[0])
	list := c.path(field)
	dest := c.p.text("options", "destinationFieldName")
	c.sc.single = false
	include := c.p.word("noOtherFields", "include")
	if include == "noOtherFields" {
		element := `if type == "object" then . else {` + literal(lastPart(field)).code + ": .} end"
		if dest != "" {
			element = "{" + literal(dest).code + ": .}"
		}
		return made{steps: []step{{body: mapping{{"split", "(" + list + " // [])[] | " + element}}}}}
	}
	others := "del(" + list + ")"
	if include == "selectedOtherFields" {
		others = c.picked(c.p.words("fieldsToInclude"))
	}
	program := fmt.Sprintf(". as $item | (%s // [])[] as $element | $item | %s", list, others)
	if dest == "" {
		dest = field
	}
	return made{steps: []step{{body: mapping{{"split", program + " | " + c.path(dest) + " = $element"}}}}}
}

// picked is a program that keeps some fields.
func (c *conversion) picked(fields []string) string {
	if len(fields) == 0 {
		return "{}"
	}
	paths := make([]string, len(fields))
	for i, field := range fields {
		paths[i] = jqKeys(field)
	}
	return ". as $all | reduce (" + strings.Join(paths, ", ") + ") as $p ({}; ($all | getpath($p)) as $v | if $v == null then . else setpath($p; $v) end)"
}

// without is a program that removes some fields.
func without(fields []string) string {
	paths := make([]string, len(fields))
	for i, field := range fields {
		paths[i] = jqKeys(field)
	}
	return "delpaths([" + strings.Join(paths, ", ") + "])"
}

func toAggregate(c *conversion) made {
	if c.p.text("aggregate") == "aggregateAllItemData" {
		name := c.p.word("data", "destinationFieldName")
		each := "."
		switch c.p.word("allFields", "include") {
		case "specifiedFields":
			each = c.picked(c.p.words("fieldsToInclude"))
		case "allFieldsExcept":
			each = without(c.p.words("fieldsToExclude"))
		}
		list := "."
		if each != "." {
			list = "map(" + each + ")"
		}
		steps := c.all("{" + literal(name).code + ": " + list + "}")
		c.sc.single = true
		return made{steps: steps}
	}
	program := "{}"
	var parts []string
	for _, f := range c.p.list("fieldsToAggregate", "fieldToAggregate") {
		field := c.plainParam(f.text("fieldToAggregate"))
		name := lastPart(field)
		if f.on("renameField") {
			name = f.word(name, "outputFieldName")
		}
		one := ".[] | " + c.path(field)
		if c.p.on("options", "mergeLists") {
			one += ` | if type == "array" then .[] else . end`
		}
		if !c.p.on("options", "keepMissing") {
			one += " | values"
		}
		parts = append(parts, literal(name).code+": ["+one+"]")
	}
	if len(parts) > 0 {
		program = "{" + strings.Join(parts, ", ") + "}"
	}
	steps := c.all(program)
	c.sc.single = true
	return made{steps: steps}
}

func toLimit(c *conversion) made {
	n := c.jq(c.p["maxItems"])
	if c.p["maxItems"] == nil {
		n = term{code: "1", whole: true}
	}
	if strings.Contains(n.code, "$") || strings.Contains(n.code, ".") {
		return c.todoStep("a limit that is computed", n.code)
	}
	if c.p.text("keep") == "lastItems" {
		return made{steps: c.all(".[-" + n.code + ":][]")}
	}
	return made{steps: c.all(".[:" + n.code + "][]")}
}

func toSort(c *conversion) made {
	if kind := c.p.word("simple", "type"); kind != "simple" {
		return c.todoStep("a sort by code or at random", "it sorts by "+kind)
	}
	fields := c.p.list("sortFieldsUi", "sortField")
	program := ""
	for i := len(fields) - 1; i >= 0; i-- {
		by := fmt.Sprintf(`sort_by(%s | if type == "string" then ascii_downcase else . end)`, c.path(c.plainParam(fields[i].text("fieldName"))))
		if fields[i].text("order") == "descending" {
			by = "reverse | " + by + " | reverse"
		}
		program += by + " | "
	}
	return made{steps: c.all(program + ".[]")}
}

func toRemoveDuplicates(c *conversion) made {
	if c.p.text("operation") == "removeItemsSeenInPreviousExecutions" {
		c.check(c.n, "keys are remembered for 400 days; n8n keeps the last 10,000")
		c.sc.single = false
		return made{steps: []step{{body: mapping{{"dedupe", c.value(c.p["dedupeValue"])}, {"for", "400d"}}}}}
	}
	by, rest := ".", ""
	switch c.p.word("allFields", "compare") {
	case "selectedFields":
		fields := c.p.words("fieldsToCompare")
		by = c.picked(fields)
		rest = by
	case "allFieldsExcept":
		by = without(c.p.words("fieldsToExclude"))
		rest = by
	}
	program := "to_entries | unique_by(.value | " + by + ") | sort_by(.key) | .[].value"
	if rest != "" && c.p.on("options", "removeOtherFields") {
		program += " | " + rest
	}
	return made{steps: c.all(program)}
}

// summaries are the ways to summarize, with the prefix of the resulting field.
var summaries = map[string]struct{ prefix, code string }{ // read only
	"append":      {"appended_", "."},
	"average":     {"average_", "add / length"},
	"concatenate": {"concatenated_", "join(%)"},
	"count":       {"count_", "length"},
	"countUnique": {"unique_count_", "unique | length"},
	"max":         {"max_", "max"},
	"min":         {"min_", "min"},
	"sum":         {"sum_", "add // 0"},
}

func toSummarize(c *conversion) made {
	var parts []string
	for _, f := range c.p.list("fieldsToSummarize", "values") {
		s, ok := summaries[f.word("count", "aggregation")]
		if !ok {
			return c.todoStep("a summary", f.text("aggregation"))
		}
		field := c.plainParam(f.text("field"))
		separator := f.word(",", "separateBy")
		if separator == "other" {
			separator = f.text("customSeparator")
		}
		values := ` | select(. != null and . != "")`
		if f.on("includeEmpty") {
			values = ""
		}
		name := s.prefix + strings.ReplaceAll(field, ".", "_")
		code := strings.ReplaceAll(s.code, "%", literal(separator).code)
		if code == "." {
			parts = append(parts, fmt.Sprintf("%s: [.[] | %s%s]", literal(name).code, c.path(field), values))
			continue
		}
		parts = append(parts, fmt.Sprintf("%s: ([.[] | %s%s] | %s)", literal(name).code, c.path(field), values, code))
	}
	summary := "{" + strings.Join(parts, ", ") + "}"
	split := c.p.words("fieldsToSplitBy")
	if len(split) == 0 {
		steps := c.all(summary)
		c.sc.single = true
		return made{steps: steps}
	}
	groups, own, keys := "", make([]string, len(split)), make([]string, len(split))
	for i, field := range split {
		groups += "groups(" + c.path(field) + ")[] | "
		own[i] = literal(strings.ReplaceAll(field, ".", "_")).code + ": (.[0] | " + c.path(field) + ")"
		keys[i] = "(.[0] | " + c.path(field) + " | tostring)"
	}
	def := "def groups(f): to_entries | group_by(.value | f) | sort_by(.[0].key) | map(map(.value)); "
	if c.p.text("options", "outputFormat") == "singleItem" {
		steps := c.all(def + "reduce (" + groups + "{keys: [" + strings.Join(keys, ", ") + "], summary: " + summary + "}) as $g ({}; setpath($g.keys; $g.summary))")
		c.sc.single = true
		return made{steps: steps}
	}
	return made{steps: c.all(def + groups + "{" + strings.Join(own, ", ") + "} + " + summary)}
}
