package problem

import (
	"regexp"
	"strings"

	"github.com/penstock/penstock/flows/internal/jq"
	"github.com/penstock/penstock/internal/phrase"
)

// yamlQuoted returns a text in the quotes of YAML that change the least of it.
func yamlQuoted(s string) string {
	if strings.ContainsAny(s, `"\`) {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return `"` + s + `"`
}

var (
	bareWord  = regexp.MustCompile(`^[^\s,{}\[\]]+`)
	valueForm = regexp.MustCompile(`^\s*(?:- )*[\w-]+: +`)
)

// quotes puts quotes around a text that YAML reads as something else.
func (f *fixing) quotes() {
	f.quoteExpressions()
	if m := valueForm.FindString(f.line); m != "" && len(m) < len(f.line) {
		value := strings.TrimRight(f.line[len(m):], " ")
		if !strings.ContainsAny(value[:1], `"'{[|>`) {
			f.add("put quotes around "+phrase.Shorten(value, 60), true, f.edit(f.Line, len(m), len(m)+len(value), yamlQuoted(value)))
		}
	}
	if word := bareWord.FindString(f.line[f.at:]); word != "" && f.at+len(word) < len(f.line) {
		f.add("put quotes around "+phrase.Shorten(word, 60), true, f.edit(f.Line, f.at, f.at+len(word), yamlQuoted(word)))
	}
	f.found = f.found[:min(len(f.found), 2)] // each is tried out: two are enough
}

// quoteExpressions puts quotes around each bare ${ } of the line that is within { } or [ ].
func (f *fixing) quoteExpressions() {
	var edits []Edit
	for line := f.Line; line >= 1 && line >= f.Line-1 && len(edits) == 0; line-- {
		text := f.lines[line-1]
		for at := 0; at < len(text); {
			switch i := strings.IndexAny(text[at:], `"'$#`); {
			case i < 0:
				at = len(text)
			case text[at+i] == '"' || text[at+i] == '\'':
				at += i + max(1, len(scalarForm.FindString(text[at+i:])))
			case text[at+i] == '#' && at+i > 0 && text[at+i-1] == ' ':
				at = len(text)
			case strings.HasPrefix(text[at+i:], "${"):
				end := expressionEnd(text, at+i)
				if end < 0 {
					return
				}
				edits = append(edits, f.edit(line, at+i, end, yamlQuoted(text[at+i:end])))
				at = end
			default:
				at += i + 1
			}
		}
	}
	if len(edits) > 0 {
		f.add("put quotes around the expression", true, edits...)
	}
}

// expressionEnd returns the offset behind the ${ } that begins at an offset; -1: it is not closed.
func expressionEnd(text string, at int) int {
	for end := at + 3; end <= len(text); end++ {
		if text[end-1] != '}' {
			continue
		}
		if pieces, open := jq.Split(text[at:end]); open < 0 && len(pieces) == 1 && pieces[0].Program {
			return end
		}
	}
	return -1
}

// tabs indents all lines that begin with tabs with two spaces for each.
func (f *fixing) tabs() {
	var edits []Edit
	for i, line := range f.lines {
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if tabs := strings.Count(indent, "\t"); tabs > 0 {
			edits = append(edits, f.edit(i+1, 0, len(indent), strings.ReplaceAll(indent, "\t", "  ")))
		}
	}
	if len(edits) > 0 {
		f.add("indent with two spaces for each tab", true, edits...)
	}
}

var wrapped = regexp.MustCompile(`("?)\$\{\s*(.*?)\s*\}("?)\s*$`)

// braces removes ${ } around a program that is written bare, closes one that is open, and quotes a text that YAML cut at a comment.
func (f *fixing) braces() {
	if strings.Contains(f.Message, "is not closed") {
		end := len(strings.TrimRight(f.line, " "))
		if quote := strings.IndexAny(f.line[f.at:], `"'`); quote >= 0 {
			end = f.at + quote
		}
		f.insert("close it with }", f.Line, end, " }")
		if m := valueForm.FindString(f.line); m != "" && strings.Contains(f.line, " #") {
			f.add("put quotes around the text", true, f.edit(f.Line, len(m), len(f.line), yamlQuoted(f.line[len(m):])))
		}
		return
	}
	if m := wrapped.FindStringSubmatchIndex(f.line); m != nil {
		program := f.line[m[4]:m[5]]
		if m[2] < m[3] || strings.Contains(program, ": ") || strings.Contains(program, " #") || strings.HasPrefix(program, "{") || strings.HasPrefix(program, "[") {
			program = yamlQuoted(program)
		}
		f.add("write the program bare, without ${ }", true, f.edit(f.Line, m[0], m[7], program))
	}
}

var addition = regexp.MustCompile(`^add ([a-z_]+: \S.*)$`)

// missing adds a key whose value is known.
func (f *fixing) missing() {
	if f.Message == "flow is missing" {
		f.insert("add flow: 1, the number of the flow", f.Line, 0, "flow: 1\n")
		return
	}
	m := addition.FindStringSubmatch(f.Hint)
	if m == nil {
		return
	}
	key := regexp.MustCompile(`[\w-]+:\s*$`).FindStringIndex(f.line[:f.at])
	if key == nil {
		return
	}
	if inFlow := strings.Count(f.line[:key[0]], "{") > strings.Count(f.line[:key[0]], "}"); inFlow {
		f.insert(f.Hint, f.Line, key[0], m[1]+", ")
		return
	}
	indent := strings.Repeat(" ", key[0])
	f.insert(f.Hint, f.Line, key[0], m[1]+"\n"+indent)
}
