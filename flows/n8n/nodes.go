package n8n

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// converter writes the steps of a node. The last one puts out what the node does.
type converter func(c *conversion) made

// kind says how nodes of a type are taken over.
type kind struct {
	each    bool // every item by itself; false: all of them together
	convert converter
}

// kinds are the types of nodes, without n8n's name of their package. What is not in it, see service.
var kinds = map[string]kind{ // read only
	loopBack:           {true, toLoopBack},
	"noOp":             {true, toPass},
	"splitInBatches":   {true, func(*conversion) made { return made{} }},
	"set":              {true, toSet},
	"renameKeys":       {true, toRenameKeys},
	"if":               {true, toIf},
	"filter":           {true, toFilter},
	"switch":           {true, toSwitch},
	"merge":            {false, toMerge},
	"compareDatasets":  {false, toCompare},
	"code":             {false, toCode},
	"function":         {false, toCode},
	"functionItem":     {true, toCode},
	"itemLists":        {false, toItemLists},
	"splitOut":         {true, toSplitOut},
	"aggregate":        {false, toAggregate},
	"summarize":        {false, toSummarize},
	"sort":             {false, toSort},
	"limit":            {false, toLimit},
	"removeDuplicates": {false, toRemoveDuplicates},
	"dateTime":         {true, toDateTime},
	"crypto":           {true, toCrypto},
	"xml":              {true, toXML},
	"httpRequest":      {true, toHTTP},
	"graphql":          {true, toGraphQL},
	"rssFeedRead":      {true, toRSS},
	"wait":             {true, toWait},
	"respondToWebhook": {true, toRespond},
	"executeWorkflow":  {true, toExecuteWorkflow},
	"stopAndError":     {true, toStopAndError},
	"postgres":         {true, toSQL},
	"mySql":            {true, toSQL},
	"emailSend":        {true, toEmail},
	"gmail":            {true, toEmail},
	"slack":            {true, toSlack},
	"discord":          {true, toDiscord},
	"convertToFile":    {false, toConvertToFile},
	"spreadsheetFile":  {false, toSpreadsheet},
	"extractFromFile":  {true, toExtractFromFile},
	"stickyNote":       {true, toPass},
}

// conversion is the conversion of one node at one place of the flow.
type conversion struct {
	*importer
	n         *node
	p         object
	sc        *scope
	wasSingle bool   // one item comes to the node
	seals     bool   // what is read of JSON goes into a request: secrets take the place of credentials
	stop      string // why the run must fail before the node's steps, which do something else than the node; empty: it need not
}

// todo notes what is to do at a node whose steps do something else until then: a run fails before them.
func (c *conversion) todo(n *node, reason, detail string) {
	c.importer.todo(n, reason, detail)
	c.stop = cmp.Or(c.stop, detail)
}

// failure is a step at which a run fails, because something is to do there.
func (c *conversion) failure(detail string) step {
	return one("error(" + literal("to do: "+c.n.Name+": "+shorten(detail)).code + ")")[0]
}

// node writes the steps of a node, and notes what is known after it.
func (im *importer) node(n *node, sc *scope) made {
	c := &conversion{importer: im, n: n, p: n.Params, sc: sc}
	noted := len(im.notes)
	var m made
	switch {
	case n == im.start && n.trigger():
		m = c.trigger()
	case n.trigger():
		m = made{steps: []step{pass()}} // started by another one
	default:
		m = c.whole()
	}
	if len(m.steps) == 0 && (len(im.notes) > noted || n.Disabled) {
		m.steps = []step{pass()}
	}
	if len(m.steps) > 0 {
		for _, note := range im.notes[noted:] {
			if note.Node == n.Name {
				m.steps[0].comments = append(m.steps[0].comments, note.comment())
			}
		}
	}
	if len(m.steps) > 0 && m.routes == nil {
		last := &m.steps[len(m.steps)-1]
		last.body = append(mapping{{"name", n.step}}, slices.DeleteFunc(last.body, func(p pair) bool { return p.key == "name" })...)
		if sc.visible[n.Name] == "" || !fixed(sc.visible[n.Name]) { // a trigger's item is the event
			sc.visible[n.Name] = "$steps." + n.step
		}
	}
	im.singles[n] = sc.single
	return m
}

// whole writes a node that is no trigger, with what all nodes have.
func (c *conversion) whole() made {
	k, known := kinds[c.n.kind]
	if !known {
		k = kind{each: true, convert: toService}
	}
	var before []step
	if len(c.n.in) > 1 && !multiInput(c.n) && c.sc.wires != nil {
		lists := make([]string, 0, len(c.n.in))
		for _, wr := range c.n.wires() {
			if path := c.sc.wires[wr]; path != "" {
				lists = append(lists, path)
			}
		}
		if len(lists) > 0 {
			before = append(before, step{body: mapping{{"split", strings.Join(lists, "[], ") + "[]"}}})
			c.sc.single, c.sc.wires = false, nil
			if !k.each {
				c.check(c.n, "several nodes lead to it: here it runs once, with the items of all; n8n runs it for each of them")
			}
		}
	}
	c.wasSingle = c.sc.single
	if c.n.Disabled {
		return made{steps: before}
	}
	if c.n.ExecuteOnce && !c.sc.single {
		steps, list := c.gather(c.n, c.sc)
		before = append(append(before, steps...), step{body: mapping{{"transform", strings.TrimSuffix(list, ".") + ".[0]"}}})
	}
	m := k.convert(c)
	if c.stop != "" {
		before = append(before, c.failure(c.stop))
	}
	m.steps = append(before, m.steps...)
	if c.n.AlwaysOutputData && m.routes == nil && !multiInput(c.n) {
		m.steps = append(m.steps, step{body: mapping{{"collect", "if length == 0 then {} else .[] end"}}})
		c.sc.visible = onlyFixed(c.sc.visible)
	}
	return m
}

func onlyFixed(visible map[string]string) map[string]string {
	kept := map[string]string{}
	for name, code := range visible {
		if fixed(code) {
			kept[name] = code
		}
	}
	return kept
}

// eachItem reports whether a node, and all that is reached through it alone, take every item by itself.
func (im *importer) eachItem(n *node) bool {
	return !slices.ContainsFunc(n.all(), func(n *node) bool {
		k, known := kinds[n.kind]
		each := !known || k.each
		switch n.kind {
		case "code":
			each = n.Params.text("mode") == "runOnceForEachItem"
		case "itemLists":
			each = n.Params.word("splitOutItems", "operation") == "splitOutItems"
		case "convertToFile":
			each = n.Params.text("mode") == "each" || n.Params.text("operation") == "toBinary"
		case "removeDuplicates":
			each = n.Params.text("operation") == "removeItemsSeenInPreviousExecutions"
		case "splitInBatches":
			each = !slices.ContainsFunc(n.kids, func(kid *node) bool { return mentions(kid, "$runIndex") })
		}
		return !each && !n.Disabled || n.ExecuteOnce || n.AlwaysOutputData || multiInput(n)
	})
}

func multiInput(n *node) bool {
	return (n.kind == "merge" || n.kind == "compareDatasets") && !n.Disabled
}

// mentions reports whether the parameters of a node, or of what it dominates, have a text.
func mentions(n *node, text string) bool {
	return slices.ContainsFunc(n.all(), func(n *node) bool { return hasText(map[string]any(n.Params), text) })
}

// refers reports whether the expressions of a node name another one.
func refers(n *node, name string) bool {
	for _, quote := range []string{"'", `"`, "`"} {
		if hasText(map[string]any(n.Params), "("+quote+name+quote+")") || hasText(map[string]any(n.Params), "["+quote+name+quote+"]") {
			return true
		}
	}
	return hasText(map[string]any(n.Params), "$node."+name+".")
}

func hasText(v any, text string) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, text)
	case map[string]any:
		for _, member := range v {
			if hasText(member, text) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(element any) bool { return hasText(element, text) })
	}
	return false
}

// single reports whether it is certain that the node puts out one item.
func (n *node) single() bool { return n.trigger() && n.kind != "errorTrigger" }

// all writes a program over the list of all items; each result is an item.
func (c *conversion) all(program string) []step {
	if c.sc.single {
		c.sc.single = false
		return []step{{body: mapping{{"transform", "[.] | " + program}}}}
	}
	steps, list := c.gather(c.n, c.sc)
	c.sc.single = false
	if last := &steps[len(steps)-1]; list == "." && len(steps) == 1 {
		last.body = mapping{{"collect", "select(length > 0) | " + program}}
		return steps
	}
	return append(steps, step{body: mapping{{"transform", list + " | " + program}}})
}

// one is one program for each item.
func one(program string) []step { return []step{{body: mapping{{"transform", program}}}} }

// place is where expressions of the node stand.
func (c *conversion) place() *place {
	return &place{w: c.w, node: c.n, visible: c.sc.visible, single: c.wasSingle, index: c.sc.index}
}

// jq is a parameter as a jq program; what cannot be translated is a failure at its place.
func (c *conversion) jq(v any) term {
	text, isString := v.(string)
	if !isString {
		return c.data(v)
	}
	src, isExpr := strings.CutPrefix(text, "=")
	if !isExpr {
		return literal(text)
	}
	parts := splitBraces(src)
	switch {
	case len(parts) == 1:
		return literal(src)
	case len(parts) == 3 && strings.TrimSpace(parts[0]) == "" && strings.TrimSpace(parts[2]) == "":
		return c.expr(parts[1])
	}
	tr := &translator{at: c.place(), names: map[string]bool{}}
	t, err := tr.joined(parts)
	if err != nil {
		return c.untranslated(src, err)
	}
	c.checks(tr.check)
	if tr.bind {
		t = term{code: ". as $json | " + t.code, is: isText}
	}
	return t
}

// data is a value that is no text.
func (c *conversion) data(v any) term {
	switch v := v.(type) {
	case map[string]any:
		m := ordered(v).(mapping)
		parts := make([]string, len(m))
		for i, p := range m {
			parts[i] = literal(p.key).code + ": " + c.jq(v[p.key]).in()
		}
		return term{code: "{" + strings.Join(parts, ", ") + "}", whole: true, is: isObject}
	case []any:
		parts := make([]string, len(v))
		for i, element := range v {
			parts[i] = c.jq(element).in()
		}
		return term{code: "[" + strings.Join(parts, ", ") + "]", whole: true, is: isList}
	case json.Number:
		return term{code: v.String(), whole: true, is: isNumber, known: true, value: v}
	}
	return literal(v)
}

func (c *conversion) expr(src string) term {
	t, checks, err := jqExpr(src, c.place())
	if err != nil {
		return c.untranslated("{{"+src+"}}", err)
	}
	c.checks(checks)
	return t
}

func (c *conversion) checks(notes []string) {
	for _, note := range notes {
		c.check(c.n, note)
	}
}

// untranslated stands for an expression that jq has not: the run fails there.
func (c *conversion) untranslated(src string, err error) term {
	c.importer.todo(c.n, "an expression", fmt.Sprintf("%s: %v", shorten(strings.TrimSpace(src)), err))
	return term{code: "error(" + literal("to do: "+shorten(strings.TrimSpace(src))).code + ")", whole: true}
}

func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 160 {
		return string(runes[:159]) + "…"
	}
	return text
}

// value is a parameter as a value of the flow file, with ${ } for expressions.
func (c *conversion) value(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := ordered(v).(mapping)
		for i, p := range m {
			m[i].value = c.value(v[p.key])
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = c.value(element)
		}
		return list
	case string:
		src, isExpr := strings.CutPrefix(v, "=")
		if !isExpr {
			return textValue(v)
		}
		parts := splitBraces(src)
		if len(parts) == 1 {
			return textValue(src)
		}
		if len(parts) == 3 && strings.TrimSpace(parts[0]) == "" && strings.TrimSpace(parts[2]) == "" {
			return c.expr(parts[1]).template()
		}
		return c.mixed(parts)
	}
	return v
}

// mixed is a text with ${ } in it.
func (c *conversion) mixed(parts []string) any {
	var b strings.Builder
	for i, part := range parts {
		if i%2 == 0 {
			b.WriteString(escapeText(part))
			continue
		}
		t := c.expr(part)
		if t.known {
			if text, ok := t.value.(string); ok {
				b.WriteString(escapeText(text))
				continue
			}
		}
		b.WriteString("${ " + t.code + " }")
	}
	return textOf(b.String())
}

// textOf is a text as it is best read.
func textOf(text string) any {
	if strings.Contains(strings.TrimRight(text, "\n"), "\n") && !strings.HasSuffix(text, "\n") {
		return block(text)
	}
	return text
}

// escapeText keeps a ${ of a literal text.
func escapeText(text string) string { return strings.ReplaceAll(text, "${", "$${") }

func textValue(text string) any { return textOf(escapeText(text)) }

// template is the term as a value of the flow file.
func (t term) template() any {
	if t.known {
		if text, ok := t.value.(string); ok {
			return textValue(text)
		}
		return t.value
	}
	return "${ " + t.code + " }"
}

// step is a step of a kind with a name for mocks, if steps after it make the node's items.
func (c *conversion) call(kind string, body any, more ...pair) step {
	s := step{body: append(mapping{{"name", c.n.step + "_response"}, {kind, body}}, more...)}
	if c.n.RetryOnFail {
		attempts := max(2, min(c.n.MaxTries, 20))
		if c.n.MaxTries == 0 {
			attempts = 3
		}
		retry := mapping{{"attempts", number(attempts)}, {"backoff", fmt.Sprintf("%dms", max(1, orDefault(c.n.WaitBetweenTries, 1000)))}}
		s.body = append(s.body, pair{"retry", retry})
	}
	if c.n.fails() != "" {
		s.body = append(s.body, pair{"on_error", "continue"})
	}
	return s
}

func orDefault(n, without int) int {
	if n == 0 {
		return without
	}
	return n
}

func number(n int) json.Number { return json.Number(fmt.Sprint(n)) }

// failed is true for the item that on_error: continue makes of a failure.
const failed = `(.error | type) == "object" and (.error | has("code"))`

// after writes the steps after a call, which leave failures as they are. n8n's error is its message.
func (c *conversion) after(program string) made {
	if c.n.fails() == "" {
		return made{steps: one(program)}
	}
	m := made{steps: one("if " + failed + " then {error: .error.message} else " + program + " end")}
	if c.n.fails() == "output" {
		m.steps = one("if " + failed + " then . else " + program + " end")
		m.routes = []string{"(" + failed + ") | not", failed}
		c.unwrap[wire{c.n, 1}] = "{error: .error.message}"
	}
	return m
}

// todoStep fails a run where something is left to do.
func (c *conversion) todoStep(reason, detail string) made {
	c.importer.todo(c.n, reason, detail)
	c.sc.single = false
	return made{steps: []step{c.failure(detail)}}
}

func toUnknown(c *conversion) made {
	return c.todoStep("the node "+c.n.kind, "there is no equivalent of the node "+c.n.kind)
}

func toLoopBack(c *conversion) made {
	return c.todoStep("a loop that is none over items", fmt.Sprintf("it leads back to %q: write the steps between as a `repeat`", c.n.back))
}

func toPass(c *conversion) made {
	if c.n.endOf != "" {
		c.check(c.n, fmt.Sprintf("what follows the loop %q gets the items of all batches; n8n gives it those of the last one", c.n.endOf))
	}
	return made{steps: []step{pass()}}
}
