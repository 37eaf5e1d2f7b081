package sqlstep

import (
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// sqlWords returns the words of a statement in lower case, without those in strings, quoted names and comments, and
// whether a second statement follows. The dialect is unknown here. Where dialects parse a text differently, words may
// contain too many, and several is true only when every dialect has a second statement.
func sqlWords(text string) (words []string, several bool) {
	standard := sqlReader{text: text}
	standard.read()
	if !strings.Contains(text, `\`) {
		return standard.words, standard.several
	}
	escaped := sqlReader{text: text, escapes: true} // MySQL, and E'…' of PostgreSQL
	escaped.read()
	return append(standard.words, escaped.words...), standard.several && escaped.several
}

// copies reports whether a statement is PostgreSQL's COPY from or to its client, for which the client would have to send
// or receive other messages.
func copies(words []string) bool {
	return words[0] == "copy" && (slices.Contains(words, "stdin") || slices.Contains(words, "stdout"))
}

// controlsTransaction reports whether a statement begins or ends a transaction, or a part of one: the connection would go
// back to the pool in it. A block of SQL Server or MariaDB begins with BEGIN as well.
func controlsTransaction(words []string) bool {
	begins := []string{"work", "transaction", "tran", "isolation", "read", "deferrable", "immediate", "exclusive", "deferred"}
	switch words[0] {
	case "commit", "rollback", "savepoint", "abort", "end":
		return true
	case "start":
		return len(words) > 1 && words[1] == "transaction"
	case "begin":
		return len(words) == 1 || slices.Contains(begins, words[1]) && !slices.Contains(words, "commit")
	}
	return false
}

// checkSQLite allows only statements on tables: ATTACH and VACUUM INTO open and create other files, PRAGMA changes
// settings, and the driver executes all statements of a text. Pragmas also exist as table functions, whose names
// SQLite accepts in any quotes, those of strings included.
func checkSQLite(text string) error {
	r := sqlReader{text: text, sqlite: true}
	r.read()
	allowed := []string{
		"select", "with", "values", "insert", "replace", "update", "delete", "create", "alter", "drop", "reindex", "analyze",
	}
	switch {
	case strings.Contains(strings.ToLower(text), "pragma_"):
		return failure.Errorf("SQLite statements of a flow use no pragma, also not as a table function: a text with pragma_ in it goes into params")
	case r.several:
		return failure.Errorf("one statement each: several go into transaction")
	case len(r.words) == 0 || !slices.Contains(allowed, r.words[0]):
		return failure.Errorf("SQLite statements of a flow begin with one of %s", strings.ToUpper(strings.Join(allowed, ", ")))
	}
	return nil
}

// sqlReader splits the text of a statement into words.
type sqlReader struct {
	text    string
	escapes bool // a backslash in a string escapes
	sqlite  bool // comments do not nest, $…$ quotes nothing, # begins no comment

	at      int
	words   []string
	ended   bool // a semicolon was passed
	several bool

	in           int // 1 after IN, 2 in its parentheses, otherwise 0
	placeholders []placeholder
	numbered     []string // placeholders with a number in the parentheses of IN, such as ?1 and @p1
}

// placeholder is a ? in a statement.
type placeholder struct {
	at     int  // offset
	listed bool // it is in the parentheses of IN, among other values of the list
	alone  bool // it is the only one of the list
}

func (r *sqlReader) read() {
	for r.at < len(r.text) {
		rest := r.text[r.at:]
		switch c := rest[0]; {
		case c <= ' ':
			r.at++
		case strings.HasPrefix(rest, "--"), c == '#' && !r.sqlite && !strings.HasPrefix(rest, "#>") && !strings.HasPrefix(rest, "#-"):
			r.until("\n")
		case strings.HasPrefix(rest, "/*"):
			r.comment()
		case c == ';':
			r.at++
			r.ended = true
		default:
			r.several = r.several || r.ended
			r.follow(c)
			r.token(c)
		}
	}
}

// token skips one token that is neither a comment nor a semicolon.
func (r *sqlReader) token(c byte) {
	switch {
	case c == '\'' || c == '"' || c == '`':
		r.quoted(c)
	case c == '[' && r.sqlite:
		r.until("]")
	case c == '$' && !r.sqlite:
		r.dollar()
	case isSQLWord(c):
		end := r.wordEnd()
		r.words = append(r.words, strings.ToLower(r.text[r.at:end]))
		r.at = end
	default:
		r.at++
	}
}

// follow notes the token that comes next if it is a placeholder, or a part of the parentheses of IN.
func (r *sqlReader) follow(c byte) {
	number := r.at + 1
	if c == '@' && strings.HasPrefix(r.text[number:], "p") {
		number++
	}
	end := number
	for end < len(r.text) && r.text[end] >= '0' && r.text[end] <= '9' {
		end++
	}
	switch {
	case (c == '?' || c == '@') && end > number:
		if r.in == 2 {
			r.numbered = append(r.numbered, r.text[r.at:end])
		}
	case c == '?':
		alone := r.in == 2 && strings.HasSuffix(strings.TrimRight(r.text[:r.at], " \t\r\n"), "(") && strings.HasPrefix(strings.TrimLeft(r.text[number:], " \t\r\n"), ")")
		r.placeholders = append(r.placeholders, placeholder{r.at, r.in == 2, alone})
	case c == '(' && r.in == 1:
		r.in = 2
	case isSQLWord(c):
		word := strings.ToLower(r.text[r.at:r.wordEnd()])
		if word == "in" {
			r.in = 1
		} else if r.in == 1 || slices.Contains([]string{"select", "with", "values", "table"}, word) {
			r.in = 0
		}
	case c == '(', c == ')':
		r.in = 0
	}
}

// wordEnd returns the end of the word that begins here.
func (r *sqlReader) wordEnd() int {
	end := r.at
	for end < len(r.text) && isSQLWord(r.text[end]) {
		end++
	}
	return end
}

// quoted skips a string or quoted name; a doubled quote is part of it.
func (r *sqlReader) quoted(quote byte) {
	for r.at++; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; {
		case c == '\\' && r.escapes:
			r.at++
		case c == quote:
			if r.at++; r.at == len(r.text) || r.text[r.at] != quote {
				return
			}
		}
	}
}

// dollar skips $tag$…$tag$, PostgreSQL's other quotes, or a $.
func (r *sqlReader) dollar() {
	rest := r.text[r.at:]
	end := 1
	for end < len(rest) && isSQLWord(rest[end]) {
		end++
	}
	if end == len(rest) || rest[end] != '$' || end > 1 && rest[1] >= '0' && rest[1] <= '9' {
		r.at += end // $1
		return
	}
	r.at += end + 1
	r.until(rest[:end+1])
}

// comment skips a comment; comments of PostgreSQL and SQL Server nest. The content of /*! … */ is read, because MySQL
// executes it.
func (r *sqlReader) comment() {
	if !r.sqlite && strings.HasPrefix(r.text[r.at:], "/*!") {
		r.at += len("/*!")
		return
	}
	depth := 1
	for r.at += 2; r.at < len(r.text) && depth > 0; {
		switch rest := r.text[r.at:]; {
		case strings.HasPrefix(rest, "*/"):
			depth--
			r.at += 2
		case strings.HasPrefix(rest, "/*") && !r.sqlite:
			depth++
			r.at += 2
		default:
			r.at++
		}
	}
}

// until skips everything up to and including the mark.
func (r *sqlReader) until(mark string) {
	i := strings.Index(r.text[r.at:], mark)
	if i < 0 {
		r.at = len(r.text)
		return
	}
	r.at += i + len(mark)
}

func isSQLWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
