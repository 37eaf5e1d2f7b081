package n8n

import (
	"fmt"
	"slices"
	"strings"
)

func toIf(c *conversion) made { return made{routes: []string{c.conditions(), ""}} }

func toFilter(c *conversion) made {
	return made{steps: []step{{body: mapping{{"filter", c.conditions()}}}}}
}

// conditions are those of an if or filter, as a jq program.
func (c *conversion) conditions() string {
	if _, isNew := c.p.get("conditions", "conditions").([]any); isNew {
		return c.filter(object(asObject(c.p.get("conditions"))), c.p.get("options"))
	}
	if c.n.Version >= 2 && c.p.get("conditions") != nil {
		c.check(c.n, "its conditions are those of version 1")
	}
	var all []string
	lists := asObject(c.p.get("conditions"))
	for _, kind := range []string{"boolean", "dateTime", "number", "string"} {
		for _, one := range object(lists).list(kind) {
			all = append(all, c.condition(kind, one.text("operation"), one["value1"], one["value2"]))
		}
	}
	return combine(all, c.p.word("all", "combineOperation") == "any")
}

func asObject(v any) map[string]any { m, _ := v.(map[string]any); return m }

func combine(all []string, or bool) string {
	switch len(all) {
	case 0:
		return "true"
	case 1:
		return all[0]
	}
	word := " and "
	if or {
		word = " or "
	}
	for i, one := range all {
		all[i] = "(" + one + ")"
	}
	return strings.Join(all, word)
}

// condition is a condition of version 1 (if, switch): values are compared as texts, numbers with what is missing as 0.
func (c *conversion) condition(kind, op string, left, right any) string {
	a, b := c.jq(left), c.jq(right)
	switch kind {
	case "boolean":
		if b.code == "null" {
			b = literal(false)
		}
		return compare(a, map[string]string{"notEqual": "!="}[op], b)
	case "number":
		if op == "isEmpty" || op == "isNotEmpty" {
			return emptiness(a, op == "isEmpty")
		}
		sign, ok := map[string]string{"": "<", "smaller": "<", "smallerEqual": "<=", "equal": "==", "notEqual": "!=", "larger": ">", "largerEqual": ">="}[op]
		if !ok {
			c.todo(c.n, "a condition", "the comparison "+op)
		}
		if sign == "==" || sign == "!=" { // of the same type
			return compare(missingAsZero(a), sign, orZero(b))
		}
		return compare(orZero(a), sign, orZero(b))
	case "dateTime":
		return compare(c.milliseconds(a), map[bool]string{true: "<", false: ">"}[op == "before"], c.milliseconds(b))
	}
	return c.textCondition(op, a, b, false)
}

// milliseconds is a time that a text or a number gives, in milliseconds since 1970.
func (c *conversion) milliseconds(t term) term {
	if t.is == isDate {
		return t
	}
	return t.pipe(c.toMoment(t)+` | (to_zone("UTC") | (format_time("yyyy-MM-dd'T'HH:mm:ss'Z'") | fromdate) * 1000 + (format_time("SSS") | tonumber))`, isNumber)
}

func compare(a term, sign string, b term) string {
	if sign == "" {
		sign = "=="
	}
	return a.in() + " " + sign + " " + b.in()
}

// missingAsZero is a value; what is missing is 0.
func missingAsZero(t term) term {
	if t.known || t.is == isNumber {
		return orZero(t)
	}
	return term{code: t.in() + " // 0"}
}

// orZero is a number; what is missing is 0.
func orZero(t term) term {
	switch {
	case t.code == "null" || t.code == `""`:
		return term{code: "0", whole: true, is: isNumber}
	case t.known:
		if text, ok := t.value.(string); ok {
			if number := asNumber(text); number != nil {
				return term{code: number.(interface{ String() string }).String(), whole: true, is: isNumber}
			}
		}
		return t
	case t.is == isNumber || t.is == isDate:
		return t
	}
	return term{code: t.in() + " // 0 | tonumber", is: isNumber}
}

// emptiness is whether there is no value, or an empty text.
func emptiness(t term, empty bool) string {
	if empty {
		return t.code + ` | . == null or . == ""`
	}
	return t.code + ` | . != null and . != ""`
}

// plainText is a term as a text; nothing is an empty one.
func plainText(t term) term {
	if t.is == isText {
		return t
	}
	return term{code: t.in() + ` // "" | tostring`, is: isText}
}

// textCondition compares texts.
func (c *conversion) textCondition(op string, a, b term, fold bool) string {
	a, b = plainText(a), plainText(b)
	if fold {
		a, b = a.pipe("ascii_downcase", isText), b.pipe("ascii_downcase", isText)
	}
	not := ""
	if rest, ok := strings.CutPrefix(op, "not"); ok && rest != "" && rest != "Empty" {
		op, not = strings.ToLower(rest[:1])+rest[1:], " | not"
	}
	argument := b.code
	if !b.known {
		argument = "$other"
	}
	test := ""
	switch op {
	case "", "equal", "equals":
		return compare(a, map[bool]string{true: "!=", false: "=="}[not != ""], b)
	case "isEmpty", "empty":
		return compare(a, "==", literal(""))
	case "isNotEmpty", "notEmpty":
		return compare(a, "!=", literal(""))
	case "contains":
		test = "contains(%)"
	case "startsWith":
		test = "startswith(%)"
	case "endsWith":
		test = "endswith(%)"
	case "regex":
		if b.known {
			if pattern, ok := goPattern(b.value.(string)); ok {
				argument = pattern
			} else {
				c.todo(c.n, "a regular expression", b.value.(string))
				return "error(" + literal("to do: the regular expression "+b.value.(string)).code + ")"
			}
		}
		test = "test(%)"
	default:
		c.todo(c.n, "a condition", "the comparison "+op)
		return "error(" + literal("to do: the comparison "+op).code + ")"
	}
	test = strings.ReplaceAll(test, "%", argument)
	if argument == "$other" {
		return b.in() + " as $other | " + a.code + " | " + test + not
	}
	return a.code + " | " + test + not
}

// goPattern is a regular expression, as text or as /text/flags, for jq's test.
func goPattern(text string) (string, bool) {
	flags := ""
	if end := strings.LastIndexByte(text, '/'); strings.HasPrefix(text, "/") && end > 0 {
		text, flags = text[1:end], strings.ReplaceAll(text[end+1:], "g", "")
	}
	if strings.Contains(text, "(?") || strings.Contains(text, `\p`) || strings.Trim(flags, "i") != "" {
		return "", false
	}
	code := literal(text).code
	if flags != "" {
		code += `; "i"`
	}
	return code, true
}

// filter are conditions as nodes have them since version 2.
func (c *conversion) filter(f object, nodeOptions any) string {
	fold := f.get("options", "caseSensitive") == false || object(asObject(nodeOptions)).on("ignoreCase")
	loose := f.text("options", "typeValidation") == "loose" || object(asObject(nodeOptions)).on("looseTypeValidation") || c.p.on("looseTypeValidation")
	var all []string
	for _, one := range f.list("conditions") {
		all = append(all, c.filterCondition(one, fold, loose))
	}
	return combine(all, f.text("combinator") == "or")
}

func (c *conversion) filterCondition(one object, fold, loose bool) string {
	kind, op := one.text("operator", "type"), one.text("operator", "operation")
	a, b := c.jq(one["leftValue"]), c.jq(one["rightValue"])
	switch op {
	case "exists":
		return a.in() + " != null"
	case "notExists":
		return a.in() + " == null"
	case "empty", "notEmpty":
		if kind != "string" {
			test := map[bool]string{true: ". == null or length == 0", false: ". != null and length > 0"}[op == "empty"]
			return a.code + " | " + test
		}
	}
	switch kind {
	case "number":
		sign, ok := map[string]string{"equals": "==", "notEquals": "!=", "gt": ">", "lt": "<", "gte": ">=", "lte": "<="}[op]
		if !ok {
			break
		}
		return numberCondition(a, sign, b, loose)
	case "boolean":
		return c.booleanCondition(op, a, b, loose)
	case "dateTime":
		sign, ok := map[string]string{"equals": "==", "notEquals": "!=", "after": ">", "before": "<", "afterOrEquals": ">=", "beforeOrEquals": "<="}[op]
		if ok {
			return c.timeCondition(a, sign, b)
		}
	case "array":
		if code, ok := arrayCondition(op, a, b); ok {
			return code
		}
	case "string":
		if (op == "equals" || op == "notEquals") && !fold && !loose && b.is == isText {
			if op == "equals" {
				return compare(a, "==", b)
			}
			return onlyOf("string", a, compare(a, "!=", b))
		}
		if loose {
			return c.textCondition(op, a, b, fold)
		}
		return onlyOf("string", a, c.textCondition(op, a, b, fold))
	}
	c.todo(c.n, "a condition", fmt.Sprintf("%s of %s", op, kind))
	return "error(" + literal("to do: the comparison "+op).code + ")"
}

// onlyOf is a condition that is false for a value of another type than the wanted one; null is of each.
func onlyOf(kind string, a term, condition string) string {
	if a.known || a.is == isText && kind == "string" {
		return condition
	}
	return "(" + a.code + " | . == null or type == " + literal(kind).code + ") and (" + condition + ")"
}

// numberCondition compares numbers. What is missing differs from each number, and is neither smaller nor larger. A text is a number
// for loose types only.
func numberCondition(a term, sign string, b term, loose bool) string {
	number := func(t term) (term, bool) { // false: it may be none
		if t = orKnownNumber(t); t.is == isNumber || t.is == isDate {
			return t, true
		}
		if loose {
			return term{code: t.in() + " | if . == null then . else tonumber end"}, false
		}
		return t, false
	}
	a, sureA := number(a)
	b, sureB := number(b)
	if sureA && sureB || sign == "==" {
		return compare(a, sign, b)
	}
	test := `type == "number"`
	if sign == "!=" {
		test = `(. == null or type == "number")`
	}
	if sureB {
		return a.code + " | " + test + " and . " + sign + " " + b.in()
	}
	return a.in() + " as $left | " + b.in() + " as $right | all($left, $right; " + test + ") and $left " + sign + " $right"
}

// timeCondition compares times; false when one is missing.
func (c *conversion) timeCondition(a term, sign string, b term) string {
	condition := compare(c.milliseconds(a), sign, c.milliseconds(b))
	for _, t := range []term{b, a} {
		if !t.known && t.is != isDate && t.is != isMoment {
			condition = t.in() + " != null and (" + condition + ")"
		}
	}
	return condition
}

// orKnownNumber is a number for a literal text of one, and else the term.
func orKnownNumber(t term) term {
	if text, ok := t.value.(string); t.known && ok {
		if n := asNumber(text); n != nil {
			return term{code: n.(interface{ String() string }).String(), whole: true, is: isNumber, known: true, value: n}
		}
	}
	return t
}

// orNumber is a number, or a text of one.
func orNumber(t term) term { return orKnownNumber(t).number() }

func (c *conversion) booleanCondition(op string, a, b term, loose bool) string {
	tr := &translator{at: c.place()}
	if loose {
		a = tr.truth(a)
	}
	switch op {
	case "true":
		if a.is == isBool {
			return a.code
		}
		return a.in() + " == true"
	case "false":
		return a.in() + " == false"
	}
	if text, ok := b.value.(string); ok && b.known {
		b = literal(text == "true")
	}
	if loose && b.is != isBool {
		b = tr.truth(b)
	}
	return compare(a, map[bool]string{true: "!=", false: "=="}[op == "notEquals"], b)
}

func arrayCondition(op string, a, b term) (string, bool) {
	switch op {
	case "contains":
		return b.in() + " as $other | " + a.in() + " // [] | any(. == $other)", true
	case "notContains":
		return b.in() + " as $other | " + a.in() + " // [] | all(. != $other)", true
	}
	sign, ok := map[string]string{"lengthEquals": "==", "lengthNotEquals": "!=", "lengthGt": ">", "lengthLt": "<", "lengthGte": ">=", "lengthLte": "<="}[op]
	return onlyOf("array", a, "("+a.in()+" | length) "+sign+" "+orNumber(b).in()), ok
}

// toSwitch writes a switch of version 1 to 3: an item goes to the first output whose rule is true.
func toSwitch(c *conversion) made {
	if c.p.text("mode") == "expression" {
		return c.switchExpression()
	}
	var rules []string
	var outputs []int
	fallback := -1
	if c.n.Version >= 3 {
		for i, rule := range c.p.list("rules", "values") {
			rules = append(rules, c.filter(object(asObject(rule.get("conditions"))), c.p.get("options")))
			outputs = append(outputs, i)
		}
		switch word := c.p.text("options", "fallbackOutput"); word {
		case "", "none":
		case "extra":
			fallback = len(rules)
		default:
			fmt.Sscan(word, &fallback)
		}
		if c.p.on("options", "allMatchingOutputs") {
			c.todo(c.n, "a switch to all outputs that match", "an item goes to the first output that matches only")
		}
	} else {
		for i, rule := range c.p.list("rules", "rules") {
			rules = append(rules, c.condition(c.p.word("number", "dataType"), rule.text("operation"), c.p["value1"], rule["value2"]))
			if c.n.Version < 2 {
				i = 0
				fmt.Sscan(rule.word("0", "output"), &i)
			}
			outputs = append(outputs, min(max(i, 0), 63))
		}
		fmt.Sscan(c.p.word("-1", "fallbackOutput"), &fallback)
	}
	return made{routes: routesOf(rules, outputs, fallback)}
}

// routesOf gives each output its condition.
func routesOf(rules []string, outputs []int, fallback int) []string {
	size := 1
	for _, o := range outputs {
		size = max(size, o+1)
	}
	if fallback >= 0 && fallback < 64 {
		size = max(size, fallback+1)
	}
	byOutput := make([][]string, size)
	for i, rule := range rules {
		byOutput[outputs[i]] = append(byOutput[outputs[i]], rule)
	}
	routes := make([]string, size)
	for i, list := range byOutput {
		routes[i] = combine(list, true)
		if len(list) == 0 {
			routes[i] = "false"
		}
	}
	if fallback >= 0 && fallback < size {
		if fallback == size-1 {
			routes[fallback] = ""
			return routes
		}
		routes[fallback] = "(" + routes[fallback] + ") or (" + combine(slices.Clone(rules), true) + " | not)"
	}
	return routes
}

func (c *conversion) switchExpression() made {
	outputs := 4
	fmt.Sscan(c.p.word("4", map[bool]string{true: "numberOutputs", false: "outputsAmount"}[c.n.Version >= 2]), &outputs)
	outputs = min(max(outputs, 1), 64)
	at := c.jq(c.p["output"])
	routes := make([]string, outputs)
	for i := range routes {
		routes[i] = fmt.Sprintf("%s == %d", at.in(), i)
	}
	return made{routes: routes}
}
