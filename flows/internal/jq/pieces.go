package jq

import "strings"

// Piece is a part of a text with ${ } in it: literal text, or a program with its offset in the text.
type Piece struct {
	Text    string
	Program bool
	Offset  int
}

// Split splits a text into pieces. $${ stands for a literal ${. open is the offset of a ${ without its }, else -1.
func Split(s string) (pieces []Piece, open int) {
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			pieces = append(pieces, Piece{Text: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(s); {
		next := strings.Index(s[i:], "${")
		if next < 0 {
			literal.WriteString(s[i:])
			break
		}
		start := i + next
		if start > i && s[start-1] == '$' {
			literal.WriteString(s[i:start-1] + "${")
			i = start + 2
			continue
		}
		literal.WriteString(s[i:start])
		end := programEnd(s, start+2)
		if end < 0 {
			return nil, start
		}
		flush()
		pieces = append(pieces, Piece{Text: s[start+2 : end], Program: true, Offset: start + 2})
		i = end + 1
	}
	flush()
	return pieces, -1
}

// programEnd returns the offset of the } that closes the program at i, past nested braces, strings with their \( ),
// and comments; -1 when there is none.
func programEnd(s string, i int) int {
	closers := []byte{'}'}
	for ; i < len(s); i++ {
		c, top := s[i], closers[len(closers)-1]
		if top == '"' {
			switch {
			case c == '"':
				closers = closers[:len(closers)-1]
			case c == '\\':
				if i++; i < len(s) && s[i] == '(' {
					closers = append(closers, ')')
				}
			}
			continue
		}
		switch c {
		case '"':
			closers = append(closers, '"')
		case '{':
			closers = append(closers, '}')
		case '(':
			closers = append(closers, ')')
		case '[':
			closers = append(closers, ']')
		case '#':
			if end := strings.IndexByte(s[i:], '\n'); end >= 0 {
				i += end
			} else {
				return -1
			}
		case ')', ']':
			if top == c {
				closers = closers[:len(closers)-1]
			}
		case '}':
			if closers = closeBrace(closers); len(closers) == 0 {
				return i
			}
		}
	}
	return -1
}

// closeBrace closes the innermost { of the same string, with any unclosed ( or [ inside it; jq reports these later.
func closeBrace(closers []byte) []byte {
	for n := len(closers); n > 0 && closers[n-1] != '"'; n-- {
		if closers[n-1] == '}' {
			return closers[:n-1]
		}
	}
	return closers
}
