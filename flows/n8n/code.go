package n8n

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/script"
)

// missing are the names in n8n's code that scripts do not have, with the reason.
var missing = []struct { // read only
	name   *regexp.Regexp
	reason string
}{
	{regexp.MustCompile(`\bawait\b|\basync\b|\bPromise\b`), "code that waits for a promise"},
	{regexp.MustCompile(`\brequire\s*\(`), "code that requires a module"},
	{regexp.MustCompile(`\bthis\s*\.\s*helpers\b|\$helpers\b|\$http\b`), "code that calls n8n's helpers"},
	{regexp.MustCompile(`[gG]etWorkflowStaticData`), "code that keeps static data: use a `state` step"},
	{regexp.MustCompile(`\bDateTime\b|\$now\b|\$today\b`), "code with times of Luxon"},
	{regexp.MustCompile(`\bBuffer\b`), "code with a Buffer: use atob and btoa"},
	{regexp.MustCompile(`\bcrypto\b`), "code with the module crypto: use hash and hmac"},
	{regexp.MustCompile(`\bbinary\b`), "code with files"},
	{regexp.MustCompile(`\$jmespath\b|\$getPairedItem\b|\$prevNode\b|\$execution\b|\$workflow\b|\$secrets\b`), "code with a helper of n8n that has no equivalent"},
	{regexp.MustCompile(`\bitemMatching\s*\(|\bpairedItem\s*\(`), "code with paired items"},
}

// stepsWord matches the word by which a script names earlier steps, which n8n's code may have for something else.
var stepsWord = regexp.MustCompile(`(?:^|\.\.\.|[^.\w$])steps\b`)

// toCode writes a code or function node as a script.
func toCode(c *conversion) made {
	code := c.p.text("jsCode")
	if c.n.kind != "code" {
		code = c.p.text("functionCode")
	}
	if lang := c.p.word("javaScript", "language"); lang != "javaScript" {
		return c.todoStep("code in "+lang, "its code is "+lang)
	}
	each := c.n.kind == "functionItem" || c.p.text("mode") == "runOnceForEachItem"
	code = strings.TrimRight(strings.ReplaceAll(code, "\r\n", "\n"), " \t\n")
	for _, m := range missing {
		if m.name.MatchString(uncommented(code)) {
			c.todo(c.n, strings.SplitN(m.reason, ":", 2)[0], m.reason)
		}
	}
	if stepsWord.MatchString(code) {
		return c.todoStep("code with the word steps", "the word steps names earlier steps in a script: rename it")
	}
	single := c.sc.single
	steps, list, items := c.scriptInput(each)
	code = c.scriptNames(code, items)
	text := c.script(code, list, each)
	if _, err := script.Check(text); err != nil {
		m := c.todoStep("code that is no JavaScript", err.Error())
		return made{steps: append(steps, m.steps...)}
	}
	c.sc.single = false
	if soleObject(code) {
		c.sc.single = single || !each
	}
	return made{steps: append(steps, step{body: mapping{{"script", block(text)}}})}
}

// scriptInput writes what comes before a script. list is the JavaScript of the items, or of the item of one that takes each by
// itself, and items that of the items of earlier nodes.
func (c *conversion) scriptInput(each bool) (steps []step, list string, items map[string]string) {
	items = map[string]string{}
	for name, code := range c.sc.visible {
		switch {
		case code == "$event":
			items[name] = "event"
		case strings.HasPrefix(code, "$steps.") && !strings.Contains(code, "["):
			items[name] = strings.TrimPrefix(code, "$")
		}
	}
	if each || c.sc.single {
		list = "item"
		if needed := c.unnamed(items); needed != nil {
			steps = one("{item: ., kept: {" + strings.Join(needed, ", ") + "}}")
			list = "item.item"
			c.keptIn(items, "item.kept.")
		}
		if !each {
			list = "[" + list + "]"
		}
		return steps, list, items
	}
	needed := c.unnamed(items)
	before := maps.Clone(c.sc.visible)
	gathered, names := c.gatherEach(c.n, c.sc)
	for name := range items {
		if items[name] != "event" {
			delete(items, name)
		}
	}
	switch {
	case len(names) == 0 && needed == nil:
		return gathered, "item", items
	case len(names) == 0:
		gathered = append(one("{item: ., kept: {"+strings.Join(needed, ", ")+"}}"), gathered...)
	case needed != nil:
		gathered[0] = one("{item: ., kept: {" + strings.Join(c.keptParts(names, before, needed), ", ") + "}}")[0]
	}
	for _, name := range names {
		items[name] = "item[0].kept." + c.w.byName[name].step
	}
	if needed != nil {
		c.keptIn(items, "item[0].kept.")
	}
	return gathered, "item.map((one) => one.item)", items
}

// unnamed returns the members of kept for nodes that the code names and a script cannot: those of a webhook, and of a list.
func (c *conversion) unnamed(items map[string]string) []string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c.sc.visible)) {
		if code := c.sc.visible[name]; items[name] == "" && fixedOrListed(code) && refers(c.n, name) {
			parts = append(parts, c.w.byName[name].step+": "+code)
		}
	}
	return parts
}

func fixedOrListed(code string) bool { return fixed(code) || strings.Contains(code, "[") }

// keptIn says where the nodes that a script cannot name are.
func (c *conversion) keptIn(items map[string]string, prefix string) {
	for name, code := range c.sc.visible {
		if items[name] == "" && fixedOrListed(code) && refers(c.n, name) {
			items[name] = prefix + c.w.byName[name].step
		}
	}
}

func (c *conversion) keptParts(names []string, visible map[string]string, more []string) []string {
	parts := slices.Clone(more)
	for _, name := range names {
		if part := c.w.byName[name].step + ": " + visible[name]; !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return parts
}

var objectCode = regexp.MustCompile(`^return\s*\{[^\[]*\};?$`)

// soleObject reports whether code does no more than return one object.
func soleObject(code string) bool {
	return objectCode.MatchString(strings.TrimSpace(code)) && strings.Count(code, "return") == 1
}

// uncommented is code without line comments, for looking at what it uses.
func uncommented(code string) string {
	return regexp.MustCompile(`(?m)^\s*//.*$`).ReplaceAllString(code, "")
}

var otherNode = regexp.MustCompile("\\$\\(\\s*(?:'([^']*)'|\"([^\"]*)\"|`([^`$]*)`)\\s*\\)\\s*\\.\\s*(item|first\\(\\)|last\\(\\)|all\\(\\))(\\s*\\.\\s*json\\b)?|\\$node\\s*\\[\\s*(?:'([^']*)'|\"([^\"]*)\")\\s*\\]\\s*\\.\\s*(?:json|data)\\b")

// scriptNames writes the items of other nodes as a script names them.
func (c *conversion) scriptNames(code string, items map[string]string) string {
	code = otherNode.ReplaceAllStringFunc(code, func(found string) string {
		m := otherNode.FindStringSubmatch(found)
		name, what := m[1]+m[2]+m[3]+m[6]+m[7], m[4]
		n := c.w.byName[name]
		var as string
		var ok bool
		if n != nil {
			as, ok = items[name]
		}
		switch {
		case !ok || n == nil:
			c.todo(c.n, "items of an earlier node", fmt.Sprintf("the items of %q are not known here", name))
			return found
		case what == "all()" && !c.singles[n]:
			c.todo(c.n, "all items of an earlier node", fmt.Sprintf("all items of %q are not known here", name))
			return found
		case what == "all()":
			return "[{json: " + as + "}]"
		case what != "item" && what != "" && !c.singles[n]:
			c.check(c.n, fmt.Sprintf("the %s item of %q is taken to be the one that this item was made from", strings.TrimSuffix(what, "()"), name))
		}
		if m[5] == "" && what != "" {
			return "({json: " + as + "})"
		}
		return as
	})
	if strings.Contains(code, "$(") || strings.Contains(code, "$items(") || strings.Contains(code, "$node") {
		c.todo(c.n, "items of an earlier node", "its code names an earlier node in a way that is not translated")
	}
	code = regexp.MustCompile(`\$(?:env|vars)\.([A-Za-z_]\w*)`).ReplaceAllStringFunc(code, func(found string) string {
		name := identifier(found[strings.IndexByte(found, '.')+1:])
		c.w.vars(name)
		return "vars." + name
	})
	return code
}

// script is the code with what it uses of n8n's variables.
func (c *conversion) script(code, list string, each bool) string {
	uses := func(word string) bool {
		return regexp.MustCompile(`(^|[^\w$.])` + regexp.QuoteMeta(word) + `\b`).MatchString(code)
	}
	var b strings.Builder
	wrapped := uses("$input") || uses("$json") || uses("items") || uses("json") || uses("item") || uses("event") || uses("index") || uses("vars") ||
		strings.Contains(code, "json")
	if !wrapped && !uses("$runIndex") && !uses("$itemIndex") {
		return code
	}
	needsItems := uses("$input") || uses("items") && c.n.kind != "functionItem"
	if each {
		if uses("$json") {
			b.WriteString("const $json = " + list + ";\n")
		}
		if uses("$input") {
			b.WriteString("const $input = {item: {json: " + list + "}, first: () => $input.item, all: () => [$input.item]};\n")
		}
	} else {
		if needsItems {
			b.WriteString("const items = " + list + ".map((json) => ({json}));\n")
		}
		if uses("$json") {
			b.WriteString("const $json = " + list + "[0];\n")
		}
		if uses("$input") {
			b.WriteString("const $input = {all: () => items, first: () => items[0], last: () => items[items.length - 1], item: items[0]};\n")
		}
	}
	if uses("$runIndex") {
		switch c.sc.index {
		case "":
			b.WriteString("const $runIndex = 0;\n")
		case lostIndex:
			c.todo(c.n, "an index of a loop", "$runIndex is not known here")
		default:
			b.WriteString("const $runIndex = " + strings.TrimPrefix(c.sc.index, "$") + ";\n")
		}
	}
	if uses("$itemIndex") {
		b.WriteString("const $itemIndex = index;\n")
	}
	head := strings.NewReplacer("[item][0]", "item", "[item].map((json) => ({json}))", "[{json: item}]", "[item.item][0]", "item.item").Replace(b.String())
	if !strings.Contains(code, "json") && !uses("items") && !uses("item") && !uses("$input") {
		return head + code
	}
	params, args := "", ""
	if c.n.kind == "functionItem" {
		params, args = "item", list
	}
	body := "const code = (" + params + ") => {\n" + code + "\n};\n"
	if each {
		return head + body + "const result = code(" + args + ");\nreturn result?.json !== undefined ? result.json : result;"
	}
	return head + body + "return [].concat(code()).map((one) => (one.json !== undefined ? one.json : one));"
}
