package importer

import (
	"slices"
	"strings"
)

// asJSON writes objects as JSON, where a form has no other way.
const asJSON = `map_values(if type == "object" then tojson elif type == "array" then map(if type == "object" or type == "array" then tojson else . end) else . end)`

// formProgram turns the members of a form into fields, each by its own encoding: objects in brackets where the document says
// deepObject, lists joined where it says so, and other objects as JSON.
func formProgram(op *operation, o *object, members bool) string {
	var deep, deleted, joins []string
	nests := !members
	for _, f := range o.fields {
		if f.in != "body" {
			continue
		}
		switch separator := op.body.separator(f.wire); {
		case op.body.encoding.str(f.wire, "style") == "deepObject":
			deep, deleted = append(deep, quoted(f.wire)+": "+memberOf(f.wire)), append(deleted, memberOf(f.wire))
		case f.isList() && separator != "":
			joins = append(joins, memberOf(f.wire)+` |= if type == "array" then map(tostring) | join(`+quoted(separator)+`) else . end`)
		default:
			nests = nests || f.mayNest()
		}
	}
	steps := joins
	if deep != nil {
		steps = append([]string{"del(" + strings.Join(deleted, ", ") + ")"}, joins...)
	}
	if nests {
		steps = append(steps, asJSON)
	}
	program := strings.Join(steps, " | ")
	switch {
	case deep != nil:
		return " | (" + program + ") + ({" + strings.Join(deep, ", ") + "} | " + nested + ")"
	case program != "":
		return " | " + program
	}
	return ""
}

// memberOf is a member of the input in a program.
func memberOf(name string) string {
	if plainName.MatchString(name) {
		return "." + name
	}
	return ".[" + quoted(name) + "]"
}

// separators of lists that are one value, by their style.
var listSeparators = map[string]string{"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|", "tabDelimited": "\t"}

// separator is what joins the elements of a list that is a member of a form; "": each element is a field.
func (b *body) separator(name string) string {
	if style := b.lists[name]; style != "" { // of Swagger
		return listSeparators[style]
	}
	encoding := b.encoding.get(name)
	style, explode := encoding.str("style"), encoding.get("explode")
	switch {
	case explode.exists() && encoding.flag("explode"), !explode.exists() && (style == "" || style == "form"):
		return ""
	case style == "":
		return ","
	}
	return listSeparators[style]
}

// parts writes the parts of a form with files.
func (b *body) parts(content string, members bool) string {
	part := `{name: $name} + (if type == "object" and has("file") then {file: .} else {value: .} end)` + b.partTypes()
	each := `.value`
	if members {
		each = `if .value | type == "array" then .value[] else .value end`
	}
	return program(content + ` | to_entries | map(select(.value != null) | .key as $name | ` + each + ` | ` + part + `)`)
}

// partTypes adds the content types that the document says for parts.
func (b *body) partTypes() string {
	var types []string
	for _, name := range b.encoding.names() {
		if media := b.encoding.str(name, "contentType"); media != "" && !strings.ContainsAny(media, "*,\r\n") {
			types = append(types, quoted(name)+": {content_type: "+quoted(media)+"}")
		}
	}
	if types == nil {
		return ""
	}
	slices.Sort(types)
	return " + ({" + strings.Join(types, ", ") + "}[$name] // {})"
}
