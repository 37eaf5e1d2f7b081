package problem

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/internal/suggest"
)

// fixing is a mistake and the text at its place.
type fixing struct {
	*Problem
	lines []string
	line  string // of the mistake
	at    int    // offset in the line of the mistake, or of the text behind the quote that begins there
	found []Fix
}

// candidates returns possible corrections of a mistake, which are to be tried out.
func candidates(p *Problem, src string) []Fix {
	lines := strings.Split(src, "\n")
	if p.Line < 1 || p.Line > len(lines) {
		return nil
	}
	f := &fixing{Problem: p, lines: lines, line: lines[p.Line-1]}
	if f.at = offsetOf(f.line, []int{0}, 1, p.Column); f.at < 0 { // of a value that is not there
		f.at = len(strings.TrimRight(f.line, " "))
	}
	f.misspelled()
	switch p.Code {
	case mistake.UnknownKey.String(), mistake.UnknownKind.String():
		f.otherName()
	case mistake.BadDuration.String():
		f.duration()
	case mistake.WrongType.String(), mistake.UnknownValue.String():
		f.otherType()
	case mistake.BadNumber.String(), mistake.UnsupportedYAML.String(), mistake.BadYAML.String():
		f.quotes()
	case mistake.TabIndent.String():
		f.tabs()
	case mistake.BadExpression.String(), mistake.UnclosedExpression.String():
		f.braces()
	case mistake.RequiredKey.String(), mistake.DependentKey.String():
		f.missing()
	case mistake.EmptyExpression.String():
		f.insert("write . for the item itself", p.Line, f.at, " .")
	case mistake.BadHeader.String():
		f.lowerCase()
	}
	return f.found
}

func (f *fixing) add(title string, safe bool, edits ...Edit) {
	f.found = append(f.found, Fix{title, safe, edits})
}

// edit returns the edit that replaces a part of a line, given by offsets of bytes.
func (f *fixing) edit(line, from, to int, text string) Edit {
	column := func(offset int) int { return utf8.RuneCountInString(f.lines[line-1][:offset]) + 1 }
	return Edit{line, column(from), line, column(to), text}
}

// replace adds the fix that replaces a part of the line of the mistake.
func (f *fixing) replace(from, to int, text string) {
	f.add("write "+text+" in place of "+f.line[from:to], true, f.edit(f.Line, from, to, text))
}

func (f *fixing) insert(title string, line, at int, text string) {
	f.add(title, true, f.edit(line, at, at, text))
}

var (
	// wordForm is a name, or the name of a variable with a member, at the place of a mistake. A quote may stand before it.
	wordForm   = regexp.MustCompile(`^["']?(\$?[A-Za-z_@][\w-]*)`)
	memberForm = regexp.MustCompile(`^\$[a-z]+\.([A-Za-z_]\w*)`)
	dottedForm = regexp.MustCompile(`^["']?([A-Za-z_]\w*)\.([A-Za-z_]\w*)`)
)

// misspelled replaces the word at the place with the one that the hint suggests.
func (f *fixing) misspelled() {
	word, meant := suggest.Meant(f.Hint)
	if !meant {
		return
	}
	rest := f.line[f.at:]
	form, group := wordForm, 1
	switch {
	case f.Code == mistake.UnknownMember.String(), f.Code == mistake.UnknownStep.String():
		form = memberForm
	case f.Code == mistake.UnknownConnector.String():
		form = dottedForm
	case f.Code == mistake.UnknownOperation.String():
		form, group = dottedForm, 2
	}
	if m := form.FindStringSubmatchIndex(rest); m != nil {
		f.replace(f.at+m[2*group], f.at+m[2*group+1], word)
	}
}

// otherNames are what people call keys and step kinds that have another name here. Read only.
var otherNames = map[string]string{
	"condition": "if", "when": "if", "only_if": "if", "id": "name", "step": "name", "retries": "retry", "timezone": "time_zone", "tz": "time_zone",
	"expect": "output", "expected": "output", "input": "event", "given": "event", "variables": "vars", "env": "vars", "body": "json", "data": "json",
	"params": "query", "url": "get", "items": "over", "do": "steps", "then": "steps", "title": "name", "test": "tests", "mock": "mocks",

	"wait": "delay", "sleep": "delay", "map": "transform", "jq": "transform", "request": "http", "fetch": "http", "mail": "email", "send_email": "email",
	"aggregate": "collect", "group": "collect", "foreach": "split", "for_each": "split", "branch": "switch", "raise": "fail", "return": "respond",
}

// otherName replaces a key that has another name here, and is not misspelled.
func (f *fixing) otherName() {
	m := wordForm.FindStringSubmatchIndex(f.line[f.at:])
	if _, meant := suggest.Meant(f.Hint); meant || m == nil {
		return
	}
	from, to := f.at+m[2], f.at+m[3]
	if name := otherNames[f.line[from:to]]; name != "" {
		f.add("write "+name+" in place of "+f.line[from:to], false, f.edit(f.Line, from, to, name))
	}
}

var (
	seconds   = regexp.MustCompile(`^(\d+)(?:[\s,}\]]|$)`)
	durations = regexp.MustCompile(`(?i)^["']?(\d+)\s*(ms|millis|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)\b["']?`)
)

// duration writes a number of seconds, and units in words, as durations.
func (f *fixing) duration() {
	rest := f.line[f.at:]
	if m := durations.FindStringSubmatchIndex(rest); m != nil {
		unit := strings.ToLower(rest[m[4]:m[5]])
		if strings.HasPrefix(unit, "mil") {
			unit = "ms"
		} else if unit != "ms" {
			unit = unit[:1]
		}
		f.replace(f.at, f.at+m[1], rest[m[2]:m[3]]+unit)
	} else if m := seconds.FindStringSubmatchIndex(rest); m != nil {
		f.replace(f.at, f.at+m[3], rest[:m[3]]+"s")
	}
}

var (
	scalarForm = regexp.MustCompile(`^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s,{}\[\]#][^\s,{}\[\]]*)`)
	booleans   = map[string]string{"yes": "true", "on": "true", "1": "true", "true": "true", "no": "false", "off": "false", "0": "false", "false": "false"} // read only
)

// otherType writes a scalar as the type that is wanted, where it can be.
func (f *fixing) otherType() {
	token := scalarForm.FindString(f.line[f.at:])
	bare := strings.Trim(token, `"'`)
	if token == "" {
		return
	}
	wants := func(what string) bool { return strings.Contains(f.Message, "expected "+what) }
	end := f.at + len(token)
	switch {
	case wants("true or false") && booleans[strings.ToLower(bare)] != "":
		f.replace(f.at, end, booleans[strings.ToLower(bare)])
	case wants("a whole number") && bare != token:
		f.replace(f.at, end, bare)
	case wants("text") && bare == token:
		f.replace(f.at, end, `"`+token+`"`)
	case wants("a list") || wants("a list of"):
		f.replace(f.at, end, "["+token+"]")
	case f.Code == mistake.UnknownValue.String() && strings.ToLower(bare) != bare:
		f.replace(f.at, end, strings.ToLower(bare))
	}
}

var lowerHeader = regexp.MustCompile(`^\$headers(?:\.([A-Za-z_]\w*)|\["([^"]*)"\])`)

// lowerCase writes the name of a header in small letters.
func (f *fixing) lowerCase() {
	m := lowerHeader.FindStringSubmatchIndex(f.line[f.at:])
	if m == nil {
		return
	}
	from, to := max(m[2], m[4])+f.at, max(m[3], m[5])+f.at
	f.replace(from, to, strings.ToLower(f.line[from:to]))
}
