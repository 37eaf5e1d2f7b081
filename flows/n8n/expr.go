package n8n

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// term is a jq program that stands for an expression. Its input is the item.
type term struct {
	code  string
	whole bool // needs no parentheses
	is    kindOf
	known bool // a literal; value has it
	value any
}

// kindOf is what is known of the type of a term.
type kindOf int

const (
	isAny kindOf = iota
	isText
	isNumber
	isBool
	isList
	isObject
	isMoment // a time of Luxon, as text of RFC 3339
	isDate   // a Date of JavaScript, as milliseconds since 1970
)

// in is the term as an operand.
func (t term) in() string {
	if t.whole {
		return t.code
	}
	return "(" + t.code + ")"
}

// translator translates expressions at one place of a workflow.
type translator struct {
	at    *place
	inner int             // depth of places at which . is not the item
	bind  bool            // the program needs $json
	names map[string]bool // parameters of arrow functions
	check []string        // what is not the same in all cases
}

// place is what expressions of a node may name.
type place struct {
	w       *workflow
	node    *node
	visible map[string]string // jq of the item of another node, by the node's name
	single  bool              // the node gets one item
	index   string            // jq of $runIndex
}

// jqExpr translates a JavaScript expression to a jq program whose input is the item.
func jqExpr(src string, at *place) (t term, check []string, err error) {
	x, err := parseJS(src)
	if err != nil {
		return term{}, nil, err
	}
	tr := &translator{at: at, names: map[string]bool{}}
	if t, err = tr.expr(x); err != nil {
		return term{}, nil, err
	}
	t = tr.plain(t)
	if tr.bind {
		t = term{code: ". as $json | " + t.code, is: t.is}
	}
	return t, tr.check, nil
}

// plain is a value of JSON: a time is a text.
func (tr *translator) plain(t term) term {
	switch t.is {
	case isDate:
		return term{code: t.in() + ` / 1000 | format_time("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"; "UTC")`, is: isText}
	case isMoment:
		return t.pipe(tr.at.w.iso(), isText)
	}
	return t
}

func literal(v any) term {
	text, err := json.Marshal(v)
	if err != nil {
		return term{code: "null", whole: true}
	}
	t := term{code: plainJSON(text), whole: true, known: true, value: v}
	switch v.(type) {
	case string:
		t.is = isText
	case bool:
		t.is = isBool
	}
	return t
}

// plainJSON writes < > & as they are.
func plainJSON(text []byte) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text))
}

func cannot(format string, args ...any) error { return fmt.Errorf(format, args...) }

func (tr *translator) expr(x *js) (term, error) {
	switch x.op {
	case jsText:
		return literal(x.text), nil
	case jsValue:
		if text, ok := x.value.(string); ok {
			return term{code: text, whole: true, is: isNumber, known: true, value: json.Number(text)}, nil
		}
		return literal(x.value), nil
	case jsName, jsMember, jsIndex, jsCall, jsNew:
		return tr.path(x)
	case jsUnary:
		return tr.unary(x)
	case jsBinary:
		return tr.binary(x)
	case jsCond:
		return tr.cond(x)
	case jsArray:
		return tr.array(x)
	case jsObject:
		return tr.object(x)
	case jsTemplate:
		return tr.template(x)
	}
	return term{}, cannot("a %s is not translated", map[jsOp]string{jsArrow: "function", jsRegexp: "regular expression"}[x.op])
}

// item is the item of the node.
func (tr *translator) item() term {
	if tr.inner > 0 {
		tr.bind = true
		return term{code: "$json", whole: true}
	}
	return term{code: ".", whole: true}
}

// nested translates an expression where . is something else.
func (tr *translator) nested(x *js) (term, error) {
	tr.inner++
	defer func() { tr.inner-- }()
	return tr.expr(x)
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// member is a member of a term.
func (t term) member(name string) term {
	base := t.in()
	switch {
	case plainName.MatchString(name) && base == ".":
		base = "." + name
	case plainName.MatchString(name):
		base += "." + name
	default:
		base += "[" + literal(name).code + "]"
	}
	return term{code: base, whole: true}
}

func (t term) pipe(program string, is kindOf) term {
	return term{code: t.code + " | " + program, is: is}
}

// root resolves the names that n8n gives to expressions; ok is false for others.
func (tr *translator) root(x *js) (t term, ok bool, err error) {
	switch {
	case x.op == jsName && tr.names[x.text]:
		return term{code: "$" + x.text, whole: true}, true, nil
	case x.op == jsName && x.text == "$json":
		return tr.item(), true, nil
	case x.op == jsName && (x.text == "$now" || x.text == "$today"):
		t = term{code: "now | to_zone(" + literal(tr.at.w.zone()).code + ")", is: isMoment}
		if x.text == "$today" {
			t = term{code: t.code + ` | format_time("yyyy-MM-dd'T'00:00:00xxx")`, is: isMoment}
		}
		return t, true, nil
	case x.op == jsName && x.text == "$itemIndex":
		return term{code: "$index", whole: true, is: isNumber}, true, nil
	case x.op == jsName && x.text == "$runIndex":
		if tr.at.index == lostIndex {
			return t, true, cannot("$runIndex is not known here")
		}
		return term{code: cmp.Or(tr.at.index, "0"), whole: true, is: isNumber}, true, nil
	case x.op == jsMember:
		return tr.namedRoot(x)
	}
	if name, what := itemOf(x); what == "item" || what == "first" || what == "last" {
		t, err = tr.other(name, what)
		return t, true, err
	}
	return term{}, false, nil
}

// namedRoot resolves members of n8n's objects.
func (tr *translator) namedRoot(x *js) (t term, ok bool, err error) {
	of := x.args[0]
	if of.op == jsName {
		switch of.text + "." + x.text {
		case "$execution.id":
			return term{code: "$run.id", whole: true, is: isText}, true, nil
		case "$workflow.id":
			return term{code: "$run.flow", whole: true}, true, nil
		case "$workflow.name":
			return literal(tr.at.w.Name), true, nil
		}
		switch of.text {
		case "$env", "$vars":
			name := identifier(x.text)
			tr.at.w.vars(name)
			return term{code: "$vars." + name, whole: true}, true, nil
		case "$parameter":
			if text, isString := tr.at.node.Params[x.text].(string); isString && !strings.HasPrefix(text, "=") {
				return literal(text), true, nil
			}
			return t, true, cannot("$parameter.%s is no text", x.text)
		case "$execution", "$workflow", "$prevNode", "$binary", "$secrets", "$response", "$pageCount":
			return t, true, cannot("%s.%s has no equivalent", of.text, x.text)
		}
	}
	if x.text != "json" && x.text != "data" {
		return t, false, nil
	}
	name, what := itemOf(of)
	switch what {
	case "":
		return t, false, nil
	case "input":
		return tr.item(), true, nil
	case "first input":
		if !tr.at.single {
			return t, true, cannot("the first of all items is not known here")
		}
		return tr.item(), true, nil
	}
	t, err = tr.other(name, what)
	return t, true, err
}

// itemOf recognizes what stands for an item: $input.item, $('x').first(), $node["x"], $items("x")[0]. what is empty for
// everything else.
func itemOf(x *js) (node, what string) {
	switch x.op {
	case jsMember:
		of := x.args[0]
		switch {
		case of.op == jsName && of.text == "$input" && x.text == "item":
			return "", "input"
		case of.op == jsName && of.text == "$node":
			return x.text, "item"
		case of.op == jsMember && of.text == "$node" && of.args[0].op == jsCall && of.args[0].args[0].text == "$item":
			return x.text, "first" // $item(0).$node["x"]
		case of.op == jsCall && len(of.args) == 2 && of.args[0].text == "$" && of.args[1].op == jsText && x.text == "item":
			return of.args[1].text, "item"
		}
	case jsCall:
		method := x.args[0]
		if len(x.args) > 1 || method.op != jsMember || method.text != "first" && method.text != "last" {
			return "", ""
		}
		of := method.args[0]
		switch {
		case of.op == jsName && of.text == "$input":
			return "", "first input"
		case of.op == jsCall && len(of.args) == 2 && of.args[0].text == "$" && of.args[1].op == jsText:
			return of.args[1].text, method.text
		}
	case jsIndex:
		of := x.args[0]
		if of.op == jsCall && len(of.args) == 2 && of.args[0].text == "$items" && of.args[1].op == jsText && x.args[1].text == "0" {
			return of.args[1].text, "first"
		}
	}
	return "", ""
}

// other is the item of another node.
func (tr *translator) other(name, what string) (term, error) {
	n := tr.at.w.byName[name]
	if n == nil {
		return term{}, cannot("there is no node %q", name)
	}
	code, ok := tr.at.visible[name]
	if !ok {
		return term{}, cannot("the items of %q are not known here", name)
	}
	if what != "item" && !n.single() {
		tr.check = append(tr.check, fmt.Sprintf("the %s item of %q is taken to be the one that this item was made from", what, name))
	}
	return term{code: code, whole: true}, nil
}

// path translates names, members and calls.
func (tr *translator) path(x *js) (term, error) {
	if t, ok, err := tr.root(x); ok || err != nil {
		return t, err
	}
	switch x.op {
	case jsMember:
		return tr.jsMember(x)
	case jsIndex:
		return tr.index(x)
	case jsCall:
		return tr.call(x)
	case jsNew:
		return tr.date(x)
	}
	return term{}, cannot("%s is not known", x.text)
}

func (tr *translator) jsMember(x *js) (term, error) {
	of, err := tr.expr(x.args[0])
	if err != nil {
		return term{}, err
	}
	switch {
	case x.text == "length":
		return of.pipe("length", isNumber), nil
	case of.is == isMoment:
		field, ok := map[string]string{"year": "yyyy", "month": "M", "day": "d", "hour": "H", "minute": "m", "second": "s"}[x.text]
		if !ok {
			return term{}, cannot("%s of a time is not translated", x.text)
		}
		return of.pipe("format_time("+literal(field).code+") | tonumber", isNumber), nil
	case of.is == isText || of.is == isNumber || of.is == isDate:
		return term{}, cannot("the member %s is not translated", x.text)
	}
	return of.member(x.text), nil
}

func (tr *translator) index(x *js) (term, error) {
	of, err := tr.expr(x.args[0])
	if err != nil {
		return term{}, err
	}
	at, err := tr.expr(x.args[1])
	if err != nil {
		return term{}, err
	}
	switch {
	case at.known && at.is == isNumber && !strings.ContainsAny(at.code, ".-"):
		return term{code: of.in() + "[" + at.code + "]", whole: true}, nil
	case of.whole && strings.HasPrefix(of.code, ".") && tr.inner == 0 || strings.HasPrefix(of.code, "$"):
		return term{code: of.code + "[" + at.code + "]", whole: true}, nil // an index is evaluated with . of the whole term
	}
	return term{}, cannot("an index that is computed is not translated")
}

func (tr *translator) unary(x *js) (term, error) {
	of, err := tr.expr(x.args[0])
	if err != nil {
		return term{}, err
	}
	switch x.text {
	case "!":
		return tr.truth(of).pipe("not", isBool), nil
	case "-":
		if of.known {
			return term{code: "-" + of.code, whole: true, is: isNumber}, nil
		}
		return term{code: "-" + of.number().in(), is: isNumber}, nil
	case "+":
		return of.number(), nil
	}
	return term{}, cannot("%s is not translated", x.text)
}

// truth is whether a term is true for JavaScript.
func (tr *translator) truth(t term) term {
	switch t.is {
	case isBool:
		return t
	case isText:
		return term{code: t.in() + ` != ""`, is: isBool}
	case isNumber:
		return term{code: t.in() + " != 0", is: isBool}
	case isList, isObject, isMoment, isDate:
		return literal(true)
	}
	return t.pipe(`. != null and . != false and . != "" and . != 0`, isBool)
}

// number is the term as a number. What is none is a failure.
func (t term) number() term {
	if t.is == isNumber || t.is == isDate {
		return t
	}
	return t.pipe("tonumber", isNumber)
}

// text is the term as a text, as String() makes it.
func (t term) text() term {
	if t.is == isText {
		return t
	}
	return t.pipe("tostring", isText)
}

func (tr *translator) binary(x *js) (term, error) {
	a, err := tr.expr(x.args[0])
	if err != nil {
		return term{}, err
	}
	b, err := tr.expr(x.args[1])
	if err != nil {
		return term{}, err
	}
	switch op := x.text; op {
	case "&&":
		if a.is == isBool && b.is == isBool {
			return term{code: a.in() + " and " + b.in(), is: isBool}, nil
		}
		return term{code: "if " + tr.truth(a).code + " then " + b.code + " else " + a.code + " end", whole: true, is: same(a, b)}, nil
	case "||":
		switch {
		case a.is == isBool && b.is == isBool:
			return term{code: a.in() + " or " + b.in(), is: isBool}, nil
		case a.is == isText:
			return term{code: "if " + a.in() + ` != "" then ` + a.code + " else " + b.code + " end", whole: true, is: same(a, b)}, nil
		}
		return term{code: "(" + a.in() + ` | select(. != "" and . != 0)) // ` + b.in(), is: same(a, b)}, nil
	case "??":
		return term{code: "if " + a.in() + " == null then " + b.code + " else " + a.code + " end", whole: true, is: same(a, b)}, nil
	case "===", "!==", "==", "!=":
		return equal(op, a, b), nil
	case "<", ">", "<=", ">=":
		if a.is == isNumber || b.is == isNumber || a.is == isDate || b.is == isDate {
			a, b = a.number(), b.number()
		}
		return term{code: a.in() + " " + op + " " + b.in(), is: isBool}, nil
	case "+":
		switch {
		case a.is == isText || b.is == isText:
			a, b = tr.plain(a), tr.plain(b)
			return term{code: a.text().in() + " + " + b.text().in(), is: isText}, nil
		case a.is == isNumber && b.is == isNumber || a.is == isDate && b.is == isNumber || a.is == isNumber && b.is == isDate:
			return term{code: a.in() + " + " + b.in(), is: isNumber}, nil
		case a.is != isAny && b.is != isAny:
			return term{}, cannot("+ of a list, an object or a time is not translated")
		}
		return term{code: a.in() + " + " + b.in()}, nil
	case "-", "*", "/":
		return term{code: a.number().in() + " " + op + " " + b.number().in(), is: isNumber}, nil
	case "%":
		return term{code: "fmod(" + a.number().code + "; " + b.number().code + ")", whole: true, is: isNumber}, nil
	case "**":
		return term{code: "pow(" + a.number().code + "; " + b.number().code + ")", whole: true, is: isNumber}, nil
	}
	return term{}, cannot("%s is not translated", x.text)
}

func same(a, b term) kindOf {
	if a.is == b.is {
		return a.is
	}
	return isAny
}

// equal compares. == of JavaScript makes texts of numbers, and numbers of texts.
func equal(op string, a, b term) term {
	jq := map[bool]string{true: " == ", false: " != "}[op[0] == '=']
	if len(op) == 2 && a.is != b.is && a.code != "null" && b.code != "null" && (a.is == isNumber || b.is == isNumber || a.is == isText || b.is == isText) {
		if a.known && a.is == isNumber {
			a = literal(a.code)
		}
		if b.known && b.is == isNumber {
			b = literal(b.code)
		}
		a, b = a.text(), b.text()
	}
	return term{code: a.in() + jq + b.in(), is: isBool}
}

func (tr *translator) cond(x *js) (term, error) {
	parts := make([]term, 3)
	for i := range parts {
		var err error
		if parts[i], err = tr.expr(x.args[i]); err != nil {
			return term{}, err
		}
	}
	return term{code: "if " + tr.truth(parts[0]).code + " then " + parts[1].code + " else " + parts[2].code + " end", whole: true, is: same(parts[1], parts[2])}, nil
}

func (tr *translator) array(x *js) (term, error) {
	parts := make([]string, len(x.args))
	for i, element := range x.args {
		t, err := tr.expr(element)
		if err != nil {
			return term{}, err
		}
		parts[i] = tr.plain(t).in()
	}
	return term{code: "[" + strings.Join(parts, ", ") + "]", whole: true, is: isList}, nil
}

func (tr *translator) object(x *js) (term, error) {
	var parts []string
	var sum []string
	flush := func() {
		if parts != nil {
			sum = append(sum, "{"+strings.Join(parts, ", ")+"}")
			parts = nil
		}
	}
	for i, name := range x.names {
		t, err := tr.expr(x.args[i])
		if err != nil {
			return term{}, err
		}
		t = tr.plain(t)
		if name == "" {
			flush()
			sum = append(sum, t.in())
			continue
		}
		if !plainName.MatchString(name) {
			name = literal(name).code
		}
		parts = append(parts, name+": "+t.in())
	}
	flush()
	switch len(sum) {
	case 0:
		return term{code: "{}", whole: true, is: isObject}, nil
	case 1:
		return term{code: sum[0], whole: true, is: isObject}, nil
	}
	return term{code: strings.Join(sum, " + "), is: isObject}, nil
}

func (tr *translator) template(x *js) (term, error) {
	var b strings.Builder
	b.WriteByte('"')
	for _, part := range x.args {
		if part.op == jsText {
			code := literal(part.text).code
			b.WriteString(code[1 : len(code)-1])
			continue
		}
		t, err := tr.expr(part)
		if err != nil {
			return term{}, err
		}
		t = tr.plain(t)
		b.WriteString(`\(` + t.code + ")")
	}
	b.WriteByte('"')
	return term{code: b.String(), whole: true, is: isText}, nil
}

// text translates a text with {{ }} in it, as n8n joins it: null is nothing.
func (tr *translator) joined(parts []string) (term, error) {
	var b strings.Builder
	b.WriteByte('"')
	for i, part := range parts {
		if i%2 == 0 {
			code := literal(part).code
			b.WriteString(code[1 : len(code)-1])
			continue
		}
		x, err := parseJS(part)
		if err != nil {
			return term{}, err
		}
		t, err := tr.expr(x)
		if err != nil {
			return term{}, err
		}
		if t = tr.plain(t); t.is == isText || t.is == isNumber {
			b.WriteString(`\(` + t.code + ")")
		} else {
			b.WriteString(`\([` + t.code + `] | join(""))`)
		}
	}
	b.WriteByte('"')
	return term{code: b.String(), whole: true, is: isText}, nil
}

// splitBraces splits a text at its {{ }}, into alternating texts and expressions.
func splitBraces(s string) []string {
	var parts []string
	for {
		open := strings.Index(s, "{{")
		end := -1
		if open >= 0 {
			end = strings.Index(s[open:], "}}")
		}
		if end < 0 {
			return append(parts, s)
		}
		for strings.HasPrefix(s[open+end+2:], "}") { // of an object
			end++
		}
		parts = append(parts, s[:open], s[open+2:open+end])
		s = s[open+end+2:]
	}
}
