package listing

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// values parses the list of values after the operator in.
func (p *parser[T]) values(f Field[T]) ([]value, error) {
	if t := p.next(); t.kind != openParen {
		return nil, p.wrong(t, "in takes a list in parentheses")
	}
	var out []value
	for {
		at := p.tokens[0]
		v, err := p.value(f, "in")
		if err != nil {
			return nil, err
		}
		if out = append(out, v); len(out) > maxTerms {
			return nil, p.wrong(at, "there are too many values")
		}
		switch t := p.next(); t.kind {
		case closeParen:
			return out, nil
		case comma:
		default:
			return nil, p.wrong(t, "a comma or a closing parenthesis is expected here")
		}
	}
}

// value parses one value of the kind of the field.
func (p *parser[T]) value(f Field[T], operator string) (value, error) {
	t := p.next()
	switch f.kind {
	case text, list:
		switch {
		case t.kind != quoted:
			return value{}, p.wrong(t, f.name+` is compared with a text in double quotes`)
		case len(f.words) > 0 && slices.Contains([]string{"eq", "ne", "in"}, operator) && !slices.Contains(f.words, t.text):
			return value{}, p.wrong(t, f.name+" is never "+strconv.Quote(t.text)+"; it is one of "+strings.Join(f.words, ", "))
		}
		return value{text: t.text}, nil
	case number:
		n, err := strconv.ParseInt(t.text, 10, 64)
		if t.kind == digits && err == nil {
			return value{number: n}, nil
		}
		return value{}, p.wrong(t, f.name+" is compared with a whole number")
	case real:
		if n, err := strconv.ParseFloat(t.text, 64); t.kind == digits && err == nil && isDecimal(t.text) {
			return value{real: n, text: t.text}, nil
		}
		return value{}, p.wrong(t, f.name+" is compared with a number")
	case day:
		if when, err := time.Parse(time.DateOnly, t.text); t.kind == quoted && err == nil {
			return value{moment: when, text: t.text}, nil
		}
		if t.kind == quoted || t.text != "null" {
			return value{}, p.wrong(t, f.name+` is compared with a date in double quotes, as in "2026-11-01"`)
		}
	case truth:
		if t.kind == word && (t.text == "true" || t.text == "false") {
			return value{number: int64(strings.Count(t.text, "true"))}, nil
		}
		return value{}, p.wrong(t, f.name+" is compared with true or false")
	}
	if t.kind == word && t.text == "null" && (operator == "eq" || operator == "ne") {
		return value{absent: true}, nil
	}
	when, ok := parseTime(t.text)
	if t.kind != quoted || !ok {
		return value{}, p.wrong(t, f.name+` is compared with a time in double quotes, as in "2026-11-01T00:00:00Z" or "2026-11-01"`)
	}
	return value{moment: when, text: t.text}, nil
}

// isDecimal reports whether a number is written as JSON writes it, without an exponent.
func isDecimal(s string) bool {
	whole, fraction, dotted := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return span(whole, isDigit) == len(whole) && whole != "" && (whole == "0" || whole[0] != '0') &&
		span(fraction, isDigit) == len(fraction) && dotted == (fraction != "")
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// parseTime reads RFC 3339, or a date, which stands for its first moment in UTC.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
