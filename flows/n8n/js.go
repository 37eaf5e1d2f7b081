package n8n

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// js is a node of the syntax tree of a JavaScript expression (ECMA-262, the part without statements).
type js struct {
	op    jsOp
	text  string // literal text, name, operator, or source of a regular expression
	flags string // of a regular expression
	value any    // of a literal number (as written), true, false or null
	args  []*js  // operands; of a call the function first; of an object its values
	names []string
	maybe bool // of a member: ?.
}

// jsOp is the kind of a node.
type jsOp int

const (
	jsText     jsOp = iota // a string
	jsValue                // a number, true, false, null
	jsName                 // an identifier
	jsMember               // args[0].text
	jsIndex                // args[0][args[1]]
	jsCall                 // args[0](args[1:]...)
	jsNew                  // new args[0](args[1:]...)
	jsUnary                // text args[0]
	jsBinary               // args[0] text args[1]
	jsCond                 // args[0] ? args[1] : args[2]
	jsArray                // [args...]
	jsObject               // {names: args}; an empty name is a spread
	jsTemplate             // `args...`, alternating texts and values
	jsArrow                // (names) => args[0]
	jsRegexp               // /text/flags
)

// Bounds of an expression.
const (
	maxJS         = 60 // nesting
	maxExpression = 20_000
)

var errJS = errors.New("the expression is not one of those that are translated")

// parseJS reads one expression.
func parseJS(src string) (*js, error) {
	if len(src) > maxExpression {
		return nil, fmt.Errorf("the expression has more than %d characters", maxExpression)
	}
	p := &jsParser{src: strings.TrimSuffix(strings.TrimSpace(src), ";")}
	if err := p.next(); err != nil {
		return nil, err
	}
	x, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if p.tok != "" || p.kind != jsEnd {
		return nil, fmt.Errorf("unexpected %q in the expression", p.tok)
	}
	return x, nil
}

// Kinds of tokens.
const (
	jsEnd = iota
	jsWord
	jsNumber
	jsString
	jsPunct
	jsTick // a template
	jsSlash
)

// jsParser is a parser by operator precedence.
type jsParser struct {
	src   string
	at    int
	kind  int
	tok   string
	parts []*js // of a template
	flags string
	depth int
}

var jsPunctuation = []string{"===", "!==", "**=", "...", "=>", "==", "!=", "<=", ">=", "&&", "||", "??", "?.", "**"}

// next reads a token.
func (p *jsParser) next() error {
	for p.at < len(p.src) && strings.ContainsRune(" \t\r\n\u00a0", rune(p.src[p.at])) {
		p.at++
	}
	divides := p.kind == jsWord || p.kind == jsNumber || p.kind == jsString || p.kind == jsTick || p.kind == jsPunct && (p.tok == ")" || p.tok == "]")
	if p.at >= len(p.src) {
		p.kind, p.tok = jsEnd, ""
		return nil
	}
	rest := p.src[p.at:]
	c, size := utf8.DecodeRuneInString(rest)
	switch {
	case c == '"' || c == '\'':
		return p.readString(byte(c))
	case c == '`':
		return p.readTemplate()
	case c >= '0' && c <= '9' || c == '.' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9':
		end := 1
		for end < len(rest) && (rest[end] >= '0' && rest[end] <= '9' || rest[end] == '.' || rest[end] == '_') {
			end++
		}
		p.kind, p.tok = jsNumber, strings.ReplaceAll(rest[:end], "_", "")
		p.at += end
		return nil
	case c == '_' || c == '$' || unicode.IsLetter(c):
		end := size
		for end < len(rest) {
			r, n := utf8.DecodeRuneInString(rest[end:])
			if r != '_' && r != '$' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				break
			}
			end += n
		}
		p.kind, p.tok = jsWord, rest[:end]
		p.at += end
		return nil
	case c == '/' && !divides:
		return p.readRegexp()
	}
	p.kind, p.tok = jsPunct, rest[:size]
	for _, long := range jsPunctuation {
		if strings.HasPrefix(rest, long) {
			if long == "?." && len(rest) > 2 && rest[2] >= '0' && rest[2] <= '9' {
				continue
			}
			p.tok = long
			break
		}
	}
	p.at += len(p.tok)
	return nil
}

// readString reads a text in quotes.
func (p *jsParser) readString(quote byte) error {
	var b strings.Builder
	for i := p.at + 1; i < len(p.src); i++ {
		switch c := p.src[i]; c {
		case quote:
			p.kind, p.tok, p.at = jsString, b.String(), i+1
			return nil
		case '\\':
			n, err := unescapeJS(&b, p.src[i:])
			if err != nil {
				return err
			}
			i += n - 1
		default:
			b.WriteByte(c)
		}
	}
	return errors.New("a text in the expression has no end")
}

// unescapeJS writes what the escape sequence at the beginning of s stands for, and returns its length.
func unescapeJS(b *strings.Builder, s string) (int, error) {
	if len(s) < 2 {
		return 0, errors.New("the expression ends in a text")
	}
	simple := map[byte]string{'n': "\n", 't': "\t", 'r': "\r", 'b': "\b", 'f': "\f", 'v': "\v", '0': "\x00", '\n': ""}
	if text, ok := simple[s[1]]; ok {
		b.WriteString(text)
		return 2, nil
	}
	digits := map[byte]int{'x': 2, 'u': 4}[s[1]]
	if digits == 0 {
		b.WriteByte(s[1])
		return 2, nil
	}
	if len(s) < 2+digits {
		return 0, errors.New("an escape sequence in the expression has no end")
	}
	n, err := strconv.ParseUint(s[2:2+digits], 16, 32)
	if err != nil {
		return 0, errors.New("an escape sequence in the expression is none")
	}
	b.WriteRune(rune(n))
	return 2 + digits, nil
}

// readTemplate reads a template with its ${ }.
func (p *jsParser) readTemplate() error {
	var parts []*js
	var b strings.Builder
	for i := p.at + 1; i < len(p.src); i++ {
		switch {
		case p.src[i] == '`':
			p.parts = append(parts, &js{op: jsText, text: b.String()})
			p.kind, p.tok, p.at = jsTick, "`", i+1
			return nil
		case p.src[i] == '\\':
			n, err := unescapeJS(&b, p.src[i:])
			if err != nil {
				return err
			}
			i += n - 1
		case strings.HasPrefix(p.src[i:], "${"):
			inner := &jsParser{src: p.src, at: i + 2, depth: p.depth + 1}
			if err := inner.next(); err != nil {
				return err
			}
			x, err := inner.expression(0)
			if err != nil {
				return err
			}
			if inner.tok != "}" || inner.kind != jsPunct {
				return errors.New("a ${ in the expression has no end")
			}
			parts = append(parts, &js{op: jsText, text: b.String()}, x)
			b.Reset()
			i = inner.at - 1
		default:
			b.WriteByte(p.src[i])
		}
	}
	return errors.New("a template in the expression has no end")
}

func (p *jsParser) readRegexp() error {
	class := false
	for i := p.at + 1; i < len(p.src); i++ {
		switch c := p.src[i]; {
		case c == '\\':
			i++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			end := i + 1
			for end < len(p.src) && p.src[end] >= 'a' && p.src[end] <= 'z' {
				end++
			}
			p.kind, p.tok, p.flags, p.at = jsSlash, p.src[p.at+1:i], p.src[i+1:end], end
			return nil
		}
	}
	return errors.New("a regular expression in the expression has no end")
}

// jsPrecedence of binary operators.
var jsPrecedence = map[string]int{ // read only
	"??": 3, "||": 3, "&&": 4, "==": 8, "!=": 8, "===": 8, "!==": 8, "<": 9, ">": 9, "<=": 9, ">=": 9, "in": 9, "instanceof": 9,
	"+": 11, "-": 11, "*": 12, "/": 12, "%": 12, "**": 13,
}

// expression reads an expression of operators with at least that precedence.
func (p *jsParser) expression(least int) (*js, error) {
	if p.depth++; p.depth > maxJS {
		return nil, errors.New("the expression is nested too deeply")
	}
	defer func() { p.depth-- }()
	left, err := p.unary()
	if err != nil {
		return nil, err
	}
	for {
		op := p.tok
		level := jsPrecedence[op]
		if p.kind == jsString || p.kind == jsEnd || p.kind == jsTick {
			return left, nil
		}
		if op == "?" && p.kind == jsPunct && least <= 2 {
			if left, err = p.conditional(left); err != nil {
				return nil, err
			}
			continue
		}
		if level == 0 || level < least {
			return left, nil
		}
		if err := p.next(); err != nil {
			return nil, err
		}
		next := level + 1
		if op == "**" {
			next = level
		}
		right, err := p.expression(next)
		if err != nil {
			return nil, err
		}
		left = &js{op: jsBinary, text: op, args: []*js{left, right}}
	}
}

func (p *jsParser) conditional(test *js) (*js, error) {
	if err := p.next(); err != nil {
		return nil, err
	}
	yes, err := p.expression(2)
	if err != nil {
		return nil, err
	}
	if err := p.expect(":"); err != nil {
		return nil, err
	}
	no, err := p.expression(2)
	return &js{op: jsCond, args: []*js{test, yes, no}}, err
}

func (p *jsParser) expect(tok string) error {
	if p.tok != tok || p.kind != jsPunct {
		return fmt.Errorf("expected %q in the expression, not %q", tok, p.tok)
	}
	return p.next()
}

func (p *jsParser) unary() (*js, error) {
	op := p.tok
	if p.kind == jsPunct && (op == "!" || op == "-" || op == "+") || p.kind == jsWord && op == "typeof" {
		if p.depth++; p.depth > maxJS {
			return nil, errors.New("the expression is nested too deeply")
		}
		defer func() { p.depth-- }()
		if err := p.next(); err != nil {
			return nil, err
		}
		x, err := p.unary()
		return &js{op: jsUnary, text: op, args: []*js{x}}, err
	}
	x, err := p.primary()
	if err != nil {
		return nil, err
	}
	return p.suffixes(x)
}

// suffixes reads members, indices and calls.
func (p *jsParser) suffixes(x *js) (*js, error) {
	for p.kind == jsPunct {
		maybe := p.tok == "?."
		switch p.tok {
		case ".", "?.":
			if err := p.next(); err != nil {
				return nil, err
			}
			if maybe && p.kind == jsPunct && (p.tok == "[" || p.tok == "(") {
				continue
			}
			if p.kind != jsWord {
				return nil, fmt.Errorf("unexpected %q after a dot", p.tok)
			}
			x = &js{op: jsMember, text: p.tok, args: []*js{x}, maybe: maybe}
			if err := p.next(); err != nil {
				return nil, err
			}
		case "[":
			if err := p.next(); err != nil {
				return nil, err
			}
			index, err := p.expression(0)
			if err != nil {
				return nil, err
			}
			if p.kind = jsPunct; p.tok != "]" {
				return nil, errors.New("a [ in the expression has no end")
			}
			if err := p.next(); err != nil {
				return nil, err
			}
			if x = (&js{op: jsIndex, args: []*js{x, index}}); index.op == jsText {
				x = &js{op: jsMember, text: index.text, args: x.args[:1]}
			}
		case "(":
			args, err := p.list("(", ")")
			if err != nil {
				return nil, err
			}
			x = &js{op: jsCall, args: append([]*js{x}, args...)}
		default:
			return x, nil
		}
	}
	return x, nil
}

// list reads expressions up to a closing token.
func (p *jsParser) list(open, end string) ([]*js, error) {
	if err := p.expect(open); err != nil {
		return nil, err
	}
	var all []*js
	for p.tok != end || p.kind != jsPunct {
		x, err := p.expression(1)
		if err != nil {
			return nil, err
		}
		all = append(all, x)
		if p.tok == "," && p.kind == jsPunct {
			if err := p.next(); err != nil {
				return nil, err
			}
		} else if p.tok != end {
			return nil, fmt.Errorf("unexpected %q in the expression", p.tok)
		}
	}
	return all, p.next()
}

func (p *jsParser) primary() (*js, error) {
	tok := p.tok
	switch p.kind {
	case jsString:
		return &js{op: jsText, text: tok}, p.next()
	case jsTick:
		x := &js{op: jsTemplate, args: p.parts}
		return x, p.next()
	case jsNumber:
		if _, err := strconv.ParseFloat(tok, 64); err != nil {
			return nil, errJS
		}
		return &js{op: jsValue, text: tok, value: tok}, p.next()
	case jsSlash:
		x := &js{op: jsRegexp, text: tok, flags: p.flags}
		return x, p.next()
	case jsWord:
		return p.word()
	case jsPunct:
		switch tok {
		case "(":
			return p.parenthesis()
		case "[":
			all, err := p.list("[", "]")
			return &js{op: jsArray, args: all}, err
		case "{":
			return p.object()
		}
	}
	return nil, fmt.Errorf("unexpected %q in the expression", tok)
}

func (p *jsParser) word() (*js, error) {
	tok := p.tok
	if err := p.next(); err != nil {
		return nil, err
	}
	switch tok {
	case "true":
		return &js{op: jsValue, value: true}, nil
	case "false":
		return &js{op: jsValue, value: false}, nil
	case "null", "undefined":
		return &js{op: jsValue}, nil
	case "new":
		class, err := p.primary()
		if err != nil {
			return nil, err
		}
		var args []*js
		if p.tok == "(" && p.kind == jsPunct {
			args, err = p.list("(", ")")
		}
		return &js{op: jsNew, args: append([]*js{class}, args...)}, err
	case "function", "await", "async", "class", "delete", "void", "this":
		return nil, errJS
	}
	if p.tok == "=>" && p.kind == jsPunct {
		return p.arrow([]string{tok})
	}
	return &js{op: jsName, text: tok}, nil
}

// jsArrowParams matches the parameters of an arrow function.
var jsArrowParams = regexp.MustCompile(`^\(\s*((?:[\w$]+\s*,?\s*)*)\)\s*=>`)

// parenthesis reads an expression in parentheses, or an arrow function.
func (p *jsParser) parenthesis() (*js, error) {
	if found := jsArrowParams.FindStringSubmatch(p.src[p.at-1:]); found != nil {
		p.at += len(found[0]) - len("=>") - 1
		if err := p.next(); err != nil {
			return nil, err
		}
		return p.arrow(strings.FieldsFunc(found[1], func(r rune) bool { return r == ',' || unicode.IsSpace(r) }))
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	x, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	return x, p.expect(")")
}

func (p *jsParser) arrow(names []string) (*js, error) {
	if err := p.next(); err != nil {
		return nil, err
	}
	if p.tok == "{" && p.kind == jsPunct {
		return nil, errJS // statements
	}
	body, err := p.expression(1)
	return &js{op: jsArrow, names: names, args: []*js{body}}, err
}

func (p *jsParser) object() (*js, error) {
	if err := p.expect("{"); err != nil {
		return nil, err
	}
	x := &js{op: jsObject}
	for p.tok != "}" || p.kind != jsPunct {
		name, word := p.tok, p.kind == jsWord
		switch {
		case p.kind == jsPunct && name == "...":
			name = ""
		case p.kind != jsWord && p.kind != jsString && p.kind != jsNumber || name == "":
			return nil, errJS
		}
		if err := p.next(); err != nil {
			return nil, err
		}
		value := &js{op: jsName, text: name}
		if name == "" || p.tok == ":" && p.kind == jsPunct {
			if name != "" {
				if err := p.next(); err != nil {
					return nil, err
				}
			}
			var err error
			if value, err = p.expression(1); err != nil {
				return nil, err
			}
		} else if !word {
			return nil, errJS
		}
		x.names, x.args = append(x.names, name), append(x.args, value)
		if p.tok == "," && p.kind == jsPunct {
			if err := p.next(); err != nil {
				return nil, err
			}
		} else if p.tok != "}" {
			return nil, fmt.Errorf("unexpected %q in the expression", p.tok)
		}
	}
	return x, p.next()
}
