package importer

import (
	"errors"
	"strings"
)

// windowsWords splits a line for the command prompt of Windows: first its ^ escapes, then the words as programs of Microsoft's C
// library read them.
func windowsWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	begun, quoted := false, false
	text := withoutCarets(strings.ReplaceAll(line, "\r\n", "\n"))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			n := 1
			for i+n < len(text) && text[i+n] == '\\' {
				n++
			}
			if i+n < len(text) && text[i+n] == '"' { // 2n of them before a quote are n, one more escapes it
				word.WriteString(strings.Repeat(`\`, n/2))
				if n%2 == 1 {
					word.WriteByte('"')
					n++
				}
			} else {
				word.WriteString(strings.Repeat(`\`, n))
			}
			begun = true
			i += n - 1
		case c == '"':
			if quoted && i+1 < len(text) && text[i+1] == '"' {
				word.WriteByte('"')
				i++
				continue
			}
			quoted, begun = !quoted, true
		case !quoted && strings.IndexByte(" \t\n", c) >= 0:
			if begun {
				words = append(words, word.String())
				word.Reset()
			}
			begun = false
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if quoted {
		return nil, errors.New(`a quote " is not closed`)
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}

// withoutCarets removes the escapes of the command prompt: outside of quotes ^ takes the next character as it is, and joins a line with
// the next one.
func withoutCarets(line string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '"':
			quoted = !quoted
		case c == '^' && !quoted && i+1 < len(line):
			if i++; line[i] == '\n' {
				if i+1 < len(line) && line[i+1] == '\n' { // an escaped line break
					i++
					b.WriteByte('\n')
				}
				continue
			}
			c = line[i]
		}
		b.WriteByte(c)
	}
	return b.String()
}
