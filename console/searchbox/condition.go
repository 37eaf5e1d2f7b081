package searchbox

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// conditionOf returns the condition of the API for a term.
func conditionOf(t token, env *Env) (string, *Error) {
	if message := wrongName(t.name); message != "" {
		start := t.start
		if t.not {
			start++
		}
		return "", &Error{Start: start, End: start + len(t.name), Message: message}
	}
	for _, v := range t.values {
		if v.text == "" {
			return "", &Error{Start: t.start, End: t.end, Message: t.name + ": a value is missing, as in " + example(t.name)}
		}
	}
	condition, err := "", (*Error)(nil)
	switch f, _ := fieldOf(t.name); {
	case t.name == Since || t.name == Until:
		condition, err = bound(t, env)
	case strings.HasPrefix(t.name, Label):
		condition = anyOf(t, func(v value) string {
			return "labels contains " + literal(strings.TrimPrefix(t.name, Label)+"="+v.text)
		})
	case t.name == "message":
		condition = anyOf(t, func(v value) string { return "message contains " + literal(v.text) })
	case f.Kind() == "number":
		condition, err = numbers(t, env)
	case f.Kind() == "time":
		condition, err = times(t, env)
	default:
		condition, err = texts(t, f.Words())
	}
	if err == nil && t.not {
		condition = "not (" + condition + ")"
		if others := otherStates(t); others != nil {
			condition = in(t.name, others)
		}
	}
	return condition, err
}

// otherStates returns the states that are none of a term's, which an index can look up; nil: the term has no states, or all.
func otherStates(t token) (others []string) {
	if t.name != "state" {
		return nil
	}
	for _, state := range stateNames() {
		if !slices.ContainsFunc(t.values, func(v value) bool { return v.text == state }) {
			others = append(others, literal(state))
		}
	}
	return others
}

// literal writes a text as a filter of the API does.
func literal(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a text always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

// anyOf joins the conditions of the values of a term.
func anyOf(t token, condition func(value) string) string {
	parts := make([]string, len(t.values))
	for i, v := range t.values {
		parts[i] = condition(v)
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, " or ") + ")"
}

// in compares a field with one value or several.
func in(name string, values []string) string {
	if len(values) == 1 {
		return name + " eq " + values[0]
	}
	return name + " in (" + strings.Join(values, ", ") + ")"
}

func texts(t token, words []string) (string, *Error) {
	literals := make([]string, len(t.values))
	for i, v := range t.values {
		known := words == nil
		for _, w := range words {
			known = known || w == v.text
		}
		if !known {
			message := t.name + " is never " + strconv.Quote(v.text)
			if like := nearest(v.text, words); like != "" {
				message += "; did you mean " + like + "?"
			}
			return "", &Error{Start: v.start, End: v.end, Message: message + " It is one of " + strings.Join(words, ", ") + "."}
		}
		literals[i] = literal(v.text)
	}
	return in(t.name, literals), nil
}

// comparison splits the sign of a comparison from a value.
func comparison(text string) (operator, rest string) {
	for _, sign := range []struct{ text, operator string }{{">=", "ge"}, {"<=", "le"}, {">", "gt"}, {"<", "lt"}} {
		if rest, is := strings.CutPrefix(text, sign.text); is {
			return sign.operator, rest
		}
	}
	return "eq", text
}

// numbers compares a field with whole numbers, and flows with their names.
func numbers(t token, env *Env) (string, *Error) {
	equal := make([]string, 0, len(t.values))
	for _, v := range t.values {
		operator, rest := comparison(v.text)
		n, err := strconv.ParseInt(rest, 10, 64)
		switch known := false; {
		case err == nil:
		case t.name == "flow" && operator == "eq":
			if env.Flow != nil {
				n, known = env.Flow(rest)
			}
			if !known {
				return "", &Error{Start: v.start, End: v.end, Message: "there is no flow " + strconv.Quote(rest) + ": write the number, the slug or the name of one"}
			}
		default:
			return "", &Error{Start: v.start, End: v.end, Message: t.name + " is a whole number, as in " + example(t.name)}
		}
		if operator == "eq" {
			equal = append(equal, strconv.FormatInt(n, 10))
			continue
		}
		if len(t.values) > 1 {
			return "", &Error{Start: v.start, End: v.end, Message: "a list has no " + v.text[:len(v.text)-len(rest)] + ": write " + t.name + ": twice for a range"}
		}
		return t.name + " " + operator + " " + strconv.FormatInt(n, 10), nil
	}
	return in(t.name, equal), nil
}

// example is a term with a name.
func example(name string) string {
	switch f, known := fieldOf(name); {
	case name == Since || name == Until:
		return name + ":2d or " + name + ":2026-11-30"
	case strings.HasPrefix(name, Label):
		return "label.order:17"
	case name == "flow":
		return "flow:orders or flow:69"
	case !known:
		return name + ":…"
	case f.Kind() == "number":
		return name + ":5 or " + name + ":>=5"
	case f.Kind() == "time":
		return name + ":>=2026-11-30"
	case len(f.Words()) > 0:
		return name + ":" + f.Words()[0]
	}
	return name + ":…"
}
