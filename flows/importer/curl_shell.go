package importer

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// prompt is what stands before a command that is copied from a terminal or a page.
var prompt = regexp.MustCompile(`^\s*(?:[$%#>]\s+|PS [A-Z]:\\[^>\n]*>\s*|[A-Z]:\\[^>\n]*>\s*)`)

// commandLine splits a line into words: as a POSIX shell does, without expansions, or as the command prompt of Windows does for
// a line with its ^ escapes. Notes say what the shell would expand, and what is left out behind the command.
func commandLine(line string) (words []string, notes []Note, err error) {
	line = prompt.ReplaceAllString(line, "")
	if strings.Contains(line, "^\n") || strings.Contains(line, "^\r\n") || strings.Contains(line, `^"`) {
		words, err = windowsWords(line)
	} else {
		s := &shell{line: line}
		err = s.split()
		words, notes = s.words, s.notes
	}
	for _, word := range words {
		if err == nil && !utf8.ValidString(word) {
			err = fmt.Errorf("the word %q is not UTF-8", shorten(strings.ToValidUTF8(word, "?"), 20))
		}
	}
	return words, notes, err
}

// shell splits a line as a POSIX shell does.
type shell struct {
	line  string
	at    int
	word  strings.Builder
	begun bool // a word is begun
	words []string
	notes []Note
}

func (s *shell) end() {
	if s.begun {
		s.words = append(s.words, s.word.String())
		s.word.Reset()
		s.begun = false
	}
}

func (s *shell) peek(n int) byte {
	if s.at+n < len(s.line) {
		return s.line[s.at+n]
	}
	return 0
}

func (s *shell) split() error {
	for ; s.at < len(s.line); s.at++ {
		switch c := s.line[s.at]; {
		case c == '\\':
			s.escaped()
		case c == '\'':
			if err := s.quotes(); err != nil {
				return err
			}
		case c == '$' && s.peek(1) == '\'':
			s.at++
			if err := s.ansi(); err != nil {
				return err
			}
		case c == '"':
			if err := s.doubleQuotes(); err != nil {
				return err
			}
		case c == '$' || c == '`':
			if err := s.expansion(); err != nil {
				return err
			}
			s.write(c)
		case strings.IndexByte("|;&", c) >= 0 || c == '\n' && s.ended():
			s.end()
			s.notes = append(s.notes, Note{Place: "the end of the command", Reason: "what follows it is not read: " + quoted(shorten(strings.TrimSpace(s.line[s.at:]), 12))})
			return nil
		case c == '<' || c == '>':
			s.redirection()
		case c == '#' && !s.begun:
			for s.at+1 < len(s.line) && s.line[s.at+1] != '\n' {
				s.at++
			}
		case strings.IndexByte(" \t\r\n", c) >= 0:
			s.end()
		default:
			s.write(c)
		}
	}
	s.end()
	return nil
}

// ended reports whether a line break ends the command: the next line is neither an option nor a comment.
func (s *shell) ended() bool {
	rest := strings.TrimSpace(s.line[s.at:])
	return (len(s.words) > 0 || s.begun) && rest != "" && rest[0] != '-' && rest[0] != '#'
}

func (s *shell) write(c byte) {
	s.word.WriteByte(c)
	s.begun = true
}

// escaped reads a backslash outside of quotes.
func (s *shell) escaped() {
	if s.peek(1) == '\r' && s.peek(2) == '\n' {
		s.at++
	}
	if s.at++; s.at < len(s.line) && s.line[s.at] != '\n' {
		s.write(s.line[s.at])
	}
}

func (s *shell) quotes() error {
	end := strings.IndexByte(s.line[s.at+1:], '\'')
	if end < 0 {
		return errors.New("a quote ' is not closed")
	}
	s.word.WriteString(s.line[s.at+1 : s.at+1+end])
	s.begun = true
	s.at += end + 1
	return nil
}

func (s *shell) doubleQuotes() error {
	s.begun = true
	for s.at++; s.at < len(s.line); s.at++ {
		switch c := s.line[s.at]; {
		case c == '"':
			return nil
		case c == '\\' && s.peek(1) != 0 && strings.IndexByte("\"\\$`\n", s.peek(1)) >= 0:
			if s.at++; s.line[s.at] != '\n' {
				s.word.WriteByte(s.line[s.at])
			}
			continue
		case c == '$' || c == '`':
			if err := s.expansion(); err != nil {
				return err
			}
		}
		s.word.WriteByte(s.line[s.at])
	}
	return errors.New(`a quote " is not closed`)
}

var shellVariable = regexp.MustCompile(`^\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[^}]*\})`)

// expansion notes a variable at the place, whose value is not known, and refuses the output of a command.
func (s *shell) expansion() error {
	rest := s.line[s.at:]
	if rest[0] == '`' || strings.HasPrefix(rest, "$(") {
		return errors.New("the line has a command whose output the shell would insert, $(…) or `…`: write the output")
	}
	if name := shellVariable.FindString(rest); name != "" {
		s.notes = append(s.notes, Note{Place: shorten(name, 40), Reason: "a variable of the shell, whose value is not known: where no connection or secret stands for it, its name is written"})
	}
	return nil
}

// redirection skips > file, 2>&1 and the like.
func (s *shell) redirection() {
	if word := s.word.String(); strings.Trim(word, "0123456789") == "" { // the number of a descriptor
		s.word.Reset()
		s.begun = false
	}
	s.end()
	if s.line[s.at] == '<' {
		s.notes = append(s.notes, Note{Place: "<", Reason: "standard input is not read"})
	}
	for s.at+1 < len(s.line) && strings.IndexByte("<>& \t", s.line[s.at+1]) >= 0 {
		s.at++
	}
	for s.at+1 < len(s.line) && strings.IndexByte(" \t\r\n|;&<>", s.line[s.at+1]) < 0 {
		s.at++
	}
}

// ansi reads $'…', whose escapes are those of C.
func (s *shell) ansi() error {
	s.begun = true
	for s.at++; s.at < len(s.line); s.at++ {
		switch c := s.line[s.at]; {
		case c == '\'':
			return nil
		case c == '\\' && s.at+1 < len(s.line):
			s.at++
			s.ansiEscape()
		default:
			s.word.WriteByte(c)
		}
	}
	return errors.New("a quote ' is not closed")
}

// ansiLetters are the escapes of one letter.
const ansiLetters = "a\ab\be\x1bE\x1bf\fn\nr\rt\tv\v\\\\''\"\"??"

func (s *shell) ansiEscape() {
	c := s.line[s.at]
	digits := func(from, most, base int) {
		n := 0
		for n < most && s.at+from+n < len(s.line) && isDigitOf(s.line[s.at+from+n], base) {
			n++
		}
		if n == 0 {
			s.word.WriteByte('\\')
			s.word.WriteByte(c)
			return
		}
		code, _ := strconv.ParseUint(s.line[s.at+from:s.at+from+n], base, 32) // at most 8 digits of its base
		if c == 'u' || c == 'U' {
			s.word.WriteRune(rune(code))
		} else {
			s.word.WriteByte(byte(code))
		}
		s.at += from + n - 1
	}
	switch {
	case c == 'x':
		digits(1, 2, 16)
	case c == 'u':
		digits(1, 4, 16)
	case c == 'U':
		digits(1, 8, 16)
	case isDigitOf(c, 8):
		digits(0, 3, 8)
	case c == 'c' && s.at+1 < len(s.line):
		s.at++
		s.word.WriteByte(s.line[s.at] & 0x1f)
	default:
		for i := 0; i < len(ansiLetters); i += 2 {
			if ansiLetters[i] == c {
				s.word.WriteByte(ansiLetters[i+1])
				return
			}
		}
		s.word.WriteByte('\\')
		s.word.WriteByte(c)
	}
}

func isDigitOf(c byte, base int) bool {
	_, err := strconv.ParseUint(string(c), base, 8)
	return err == nil
}
