package n8n

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/penstock/penstock/flows/internal/credential"
)

var numeric = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// asNumber is the number that a text stands for; nil: none.
func asNumber(text string) any {
	if text = strings.TrimSpace(text); numeric.MatchString(text) {
		return json.Number(text)
	}
	return nil
}

// assignment is a field that a set node sets.
type assignment struct {
	name  string
	value any // literal, or a text with ${ }
	code  string
}

// toSet writes a set node (Edit Fields): fields of given types, in the item or in a new one.
func toSet(c *conversion) made {
	if c.p.text("mode") == "raw" {
		return c.setRaw()
	}
	var all []assignment
	keep, dots := true, true
	switch {
	case c.n.Version < 3:
		for _, kind := range []string{"boolean", "number", "string"} {
			for _, one := range c.p.list("values", kind) {
				all = append(all, c.assign(one.word("propertyName", "name"), oldType(kind, one["value"])))
			}
		}
		keep = !c.p.on("keepOnlySet")
	case c.p.get("fields", "values") != nil || c.n.Version < 3.3:
		for _, one := range c.p.list("fields", "values") {
			kind := one.word("stringValue", "type")
			all = append(all, c.assign(one.text("name"), c.typed(strings.TrimSuffix(kind, "Value"), one[kind])))
		}
		keep = c.include(c.p.word("all", "include"))
	default:
		for _, one := range c.p.list("assignments", "assignments") {
			if one.text("name") != "" {
				all = append(all, c.assign(one.text("name"), c.typed(one.word("string", "type"), one["value"])))
			}
		}
		keep = c.p.on("includeOtherFields") && c.include(c.p.word("all", "include"))
	}
	if c.p.get("options", "dotNotation") == false {
		dots = false
	}
	if c.p.on("options", "includeBinary") {
		c.check(c.n, "files are not a part of the item here")
	}
	return made{steps: setSteps(all, keep, dots)}
}

func (c *conversion) include(word string) bool {
	if word == "selected" || word == "except" {
		c.todo(c.n, "a set of some fields", "it keeps only some of the other fields")
	}
	return word != "none"
}

// old is a value of a set node before version 3.
type typedValue struct {
	value any
	kind  string
}

func oldType(kind string, v any) typedValue {
	text, isString := v.(string)
	switch {
	case kind == "boolean" && v == nil:
		return typedValue{false, ""}
	case kind == "boolean" && isString && !strings.HasPrefix(text, "="):
		return typedValue{text == "true", ""}
	case kind == "number" && v == nil:
		return typedValue{json.Number("0"), ""}
	case kind == "number" && isString && asNumber(text) != nil:
		return typedValue{asNumber(text), ""}
	case v == nil:
		return typedValue{"", ""}
	}
	return typedValue{v, ""}
}

// typed is a value that has to have a type.
func (c *conversion) typed(kind string, v any) typedValue {
	text, isString := v.(string)
	if isString && strings.HasPrefix(text, "=") {
		return typedValue{v, kind}
	}
	switch kind {
	case "number":
		if isString && asNumber(text) != nil {
			return typedValue{asNumber(text), ""}
		}
		if v == nil {
			return typedValue{json.Number("0"), ""}
		}
	case "boolean":
		if isString {
			return typedValue{text == "true", ""}
		}
	case "array", "object":
		if isString {
			if parsed, ok := parseJSON(text); ok {
				return typedValue{parsed, ""}
			}
			c.todo(c.n, "JSON that is none", shorten(text))
			return typedValue{nil, ""}
		}
	case "string":
		if v == nil {
			return typedValue{"", ""}
		}
		if n, ok := v.(json.Number); ok {
			return typedValue{n.String(), ""}
		}
	}
	return typedValue{v, ""}
}

func parseJSON(text string) (any, bool) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil || dec.More() || depth(v) > maxNesting {
		return nil, false
	}
	return v, true
}

// conversions make the type of a value that an expression gives; null stays.
var conversions = map[string]struct { // read only
	is   kindOf
	code string
}{
	"string":  {isText, "[% | values | tostring][0]"},
	"number":  {isNumber, "[% | values | tonumber][0]"},
	"boolean": {isBool, "[% | values | toboolean][0]"},
	"array":   {isList, `(% | if type == "string" then fromjson else . end)`},
	"object":  {isObject, `(% | if type == "string" then fromjson else . end)`},
}

func (c *conversion) assign(name string, v typedValue) assignment {
	if text, ok := v.value.(string); ok && isSecret(credential.Name(name), text) {
		c.check(c.n, "the field "+name+" that it sets looks like a credential, and is in the flow: use a connection or a secret where it is sent")
	}
	if text, ok := v.value.(string); ok && strings.HasPrefix(text, "=") && len(splitBraces(text)) == 3 || v.kind != "" && v.kind != "string" {
		t := c.jq(v.value)
		if conv, ok := conversions[v.kind]; ok && t.is != conv.is && !strings.HasPrefix(t.code, "error(") {
			t = term{code: strings.ReplaceAll(conv.code, "%", t.in()), whole: true, is: conv.is}
		}
		return assignment{name, t.template(), t.in()}
	}
	return assignment{name, c.value(v.value), c.jq(v.value).in()}
}

// setSteps writes a set step, or a program where fields are within others.
func setSteps(all []assignment, keep, dots bool) []step {
	plainNames := true
	for _, a := range all {
		plainNames = plainNames && !(dots && strings.ContainsAny(a.name, ".[")) && a.name != "fields" && a.name != "keep" && !strings.Contains(a.name, "${")
	}
	if len(all) == 0 {
		if keep {
			return []step{pass()}
		}
		return one("{}")
	}
	if plainNames {
		fields := mapping{}
		for _, a := range all {
			fields = put(fields, a.name, a.value)
		}
		s := step{body: mapping{{"set", fields}}}
		if keep {
			s.body = append(s.body, pair{"keep", true})
		}
		return []step{s}
	}
	program := ". as $json | "
	if !keep {
		program += "{} | "
	}
	for i, a := range all {
		if i > 0 {
			program += " | "
		}
		path := ".[" + literal(a.name).code + "]"
		if dots {
			path = jqPath(a.name)
		}
		value := a.code
		if !constant(value) {
			value = "($json | " + value + ")"
		}
		program += path + " = " + value
	}
	if !strings.Contains(strings.TrimPrefix(program, ". as $json"), "$json") {
		program = strings.TrimPrefix(program, ". as $json | ")
	}
	return one(program)
}

// constant reports whether a program is a literal.
func constant(code string) bool { _, ok := parseJSON(code); return ok }

// put sets a member.
func put(m mapping, name string, v any) mapping {
	for i := range m {
		if m[i].key == name {
			m[i].value = v
			return m
		}
	}
	return append(m, pair{name, v})
}

// setRaw writes a set node with JSON.
func (c *conversion) setRaw() made {
	var t term
	switch v := c.p["jsonOutput"].(type) {
	case string:
		t = c.json(v)
	default:
		t = c.jq(v)
	}
	keep := c.p.on("includeOtherFields") || c.n.Version < 3.3 && c.p.word("all", "include") != "none"
	if keep {
		return made{steps: one(". + " + t.in())}
	}
	return made{steps: one(t.code)}
}

// json is a parameter with JSON, which may have expressions in it.
func (c *conversion) json(text string) term {
	src, isExpr := strings.CutPrefix(text, "=")
	if !isExpr {
		if v, ok := parseJSON(text); ok {
			return c.literalData(v)
		}
		c.todo(c.n, "JSON that is none", shorten(text))
		return term{code: "error(" + literal("JSON parameter needs to be valid JSON").code + ")", whole: true}
	}
	parts := splitBraces(src)
	if len(parts) == 1 {
		return c.json(src)
	}
	if len(parts) == 3 && strings.TrimSpace(parts[0]) == "" && strings.TrimSpace(parts[2]) == "" {
		t := c.expr(parts[1])
		if t.is == isObject || t.is == isList || strings.HasPrefix(t.code, "error(") {
			return t
		}
		return t.pipe(`if type == "string" then fromjson else . end`, isAny)
	}
	if t, ok := c.jsonWithHoles(parts); ok {
		return t
	}
	return c.jq(text).pipe("fromjson", isAny)
}

// literalData is data that is no expression whatever its texts begin with.
func (c *conversion) literalData(v any) term {
	text, err := json.Marshal(v)
	if err != nil {
		return literal(nil)
	}
	return term{code: plainJSON(text), whole: true, known: true, value: ordered(v), is: isObject}
}

// hole stands for an expression in JSON while it is parsed.
const hole = "\ue000"

// jsonWithHoles reads JSON whose expressions stand within texts, or in the place of values.
func (c *conversion) jsonWithHoles(parts []string) (term, bool) {
	var b strings.Builder
	inText := false
	for i, part := range parts {
		if i%2 == 1 {
			if inText {
				fmt.Fprintf(&b, "%s%d%s", hole, i, hole)
			} else {
				fmt.Fprintf(&b, `"%s%d%s"`, hole, -i, hole)
			}
			continue
		}
		if strings.Contains(part, hole) {
			return term{}, false
		}
		for j := 0; j < len(part); j++ {
			switch {
			case part[j] == '\\':
				j++
			case part[j] == '"':
				inText = !inText
			}
		}
		b.WriteString(part)
	}
	v, ok := parseJSON(b.String())
	if !ok {
		return term{}, false
	}
	return c.filled(v, parts), true
}

// filled puts the expressions back.
func (c *conversion) filled(v any, parts []string) term {
	switch v := v.(type) {
	case map[string]any:
		m := ordered(v).(mapping)
		texts := make([]string, len(m))
		for i, p := range m {
			member, ok := c.sealedMember(p.key, v[p.key])
			if !ok {
				member = c.filled(v[p.key], parts)
			}
			texts[i] = c.filled(p.key, parts).in() + ": " + member.in()
		}
		return term{code: "{" + strings.Join(texts, ", ") + "}", whole: true, is: isObject}
	case []any:
		texts := make([]string, len(v))
		for i, element := range v {
			t, ok := c.sealedMember("", element)
			if !ok {
				t = c.filled(element, parts)
			}
			texts[i] = t.in()
		}
		return term{code: "[" + strings.Join(texts, ", ") + "]", whole: true, is: isList}
	case string:
		pieces := strings.Split(v, hole)
		if len(pieces) == 1 {
			return literal(v)
		}
		at := 0
		fmt.Sscan(pieces[1], &at)
		if at < 0 && len(pieces) == 3 {
			return c.expr(parts[-at])
		}
		for i := 1; i < len(pieces); i += 2 {
			fmt.Sscan(pieces[i], &at)
			pieces[i] = parts[max(at, -at)]
		}
		c.check(c.n, "values within texts of its JSON are escaped; n8n inserts them as they are")
		return c.joinedTerm(pieces)
	}
	return c.data(v)
}

func (c *conversion) joinedTerm(parts []string) term {
	tr := &translator{at: c.place(), names: map[string]bool{}}
	t, err := tr.joined(parts)
	if err != nil {
		return c.untranslated(strings.Join(parts, " "), err)
	}
	c.checks(tr.check)
	if tr.bind {
		t = term{code: ". as $json | " + t.code, is: isText}
	}
	return t
}

// jqPath is a path such as a.b[0] as jq.
func jqPath(path string) string {
	var b strings.Builder
	for _, part := range pathParts(path) {
		switch {
		case numeric.MatchString(part) && b.Len() > 0 && !strings.ContainsAny(part, ".-eE"):
			b.WriteString("[" + part + "]")
		case plainName.MatchString(part):
			b.WriteString("." + part)
		case b.Len() == 0:
			b.WriteString(".[" + literal(part).code + "]")
		default:
			b.WriteString("[" + literal(part).code + "]")
		}
	}
	if b.Len() == 0 {
		return "."
	}
	return b.String()
}

// pathParts splits a path at dots and brackets.
func pathParts(path string) []string {
	path = strings.NewReplacer("['", ".", "']", "", `["`, ".", `"]`, "", "[", ".", "]", "").Replace(path)
	var parts []string
	for part := range strings.SplitSeq(path, ".") {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// jqKeys is a path as a list for getpath.
func jqKeys(path string) string {
	parts := pathParts(path)
	texts := make([]string, len(parts))
	for i, part := range parts {
		if texts[i] = literal(part).code; i > 0 && numeric.MatchString(part) {
			texts[i] = part
		}
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// plainParam is a parameter that names a field; an expression in it must be a literal.
func (c *conversion) plainParam(v string) string {
	src, isExpr := strings.CutPrefix(v, "=")
	if !isExpr {
		return v
	}
	if t := c.jq(v); t.known {
		if text, ok := t.value.(string); ok {
			return text
		}
	}
	c.todo(c.n, "the name of a field that is computed", shorten(src))
	return "to_do"
}

func toRenameKeys(c *conversion) made {
	var programs []string
	for _, key := range c.p.list("keys", "key") {
		from, to := c.plainParam(key.text("currentKey")), c.plainParam(key.text("newKey"))
		if from == "" || to == "" || from == to {
			continue
		}
		programs = append(programs, fmt.Sprintf("if getpath(%[1]s) == null then . else getpath(%[1]s) as $v | setpath(%[2]s; $v) | delpaths([%[1]s]) end", jqKeys(from), jqKeys(to)))
	}
	for _, r := range c.p.list("additionalOptions", "regexReplacement", "replacements") {
		pattern, ok := goPattern(r.text("searchRegex"))
		if !ok || strings.Contains(r.text("replaceRegex"), "$") || r.text("options", "depth") != "" && r.text("options", "depth") != "-1" {
			c.todo(c.n, "a regular expression", r.text("searchRegex"))
			continue
		}
		flags := ""
		if r.on("options", "caseInsensitive") {
			flags = `; "i"`
		}
		programs = append(programs, fmt.Sprintf(`walk(if type == "object" then with_entries(.key |= gsub(%s; %s%s)) else . end)`, pattern, literal(r.text("replaceRegex")).code, flags))
	}
	if len(programs) == 0 {
		return made{steps: []step{pass()}}
	}
	return made{steps: one(strings.Join(programs, " | "))}
}
