package listing

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// token is one token of a filter.
type token struct {
	kind  tokenKind
	text  string // as written; the decoded value of a string
	start int    // offset in the filter, in bytes
}

type tokenKind int

const (
	end        tokenKind = iota
	word                 // a field, an operator, true, false, null
	digits               // a whole number
	quoted               // a string
	openParen            // (
	closeParen           // )
	comma
)

// lex splits a filter into tokens. The last one is end.
func lex(filter string) ([]token, error) {
	var out []token
	for at := 0; ; {
		at += len(filter[at:]) - len(strings.TrimLeft(filter[at:], " \t\r\n"))
		if at == len(filter) {
			return append(out, token{end, "", at}), nil
		}
		length, t, err := lexOne(filter, at)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
		at += length
	}
}

// lexOne returns the token at an offset, and its length in bytes.
func lexOne(filter string, at int) (int, token, error) {
	rest := filter[at:]
	switch c := rest[0]; {
	case c == '(':
		return 1, token{openParen, "(", at}, nil
	case c == ')':
		return 1, token{closeParen, ")", at}, nil
	case c == ',':
		return 1, token{comma, ",", at}, nil
	case c == '"':
		length := stringLength(rest)
		if length == 0 {
			return 0, token{}, wrong(filter, at, "this string has no closing quote")
		}
		var s string
		if err := json.Unmarshal([]byte(rest[:length]), &s); err != nil {
			return 0, token{}, wrong(filter, at, "this is not a string as JSON writes it")
		}
		return length, token{quoted, s, at}, nil
	case c == '-' || '0' <= c && c <= '9':
		length := 1 + span(rest[1:], isWord)
		return length, token{digits, rest[:length], at}, nil
	case isWord(c):
		length := span(rest, isWord)
		return length, token{word, rest[:length], at}, nil
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return 0, token{}, wrong(filter, at, strconv.QuoteRune(r)+" means nothing here; texts are written in double quotes")
}

// stringLength returns the length of the string literal at the beginning of s; 0: it has no closing quote.
func stringLength(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

func span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '.'
}

// wrong returns the error at an offset of the filter, with the position in characters.
func wrong(filter string, at int, message string) error {
	return &Error{Param: ParamFilter, Position: utf8.RuneCountInString(filter[:at]) + 1, Message: message}
}
