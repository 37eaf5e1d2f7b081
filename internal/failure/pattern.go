package failure

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxMessage = 4096 // bytes of a message that are looked at
	maxPattern = 400  // bytes of its pattern
)

// variable matches the parts of a message that differ from run to run. The first alternative that matches counts.
var variable = regexp.MustCompile(strings.Join([]string{
	`\b(?i:status|http) [1-5]\d\d\b`,                                       // the status of a response, which stays
	`\b[a-z][a-z0-9+.-]*://[^\s"'<>` + "`" + `]*[^\s"'<>:.,;)` + "`" + `]`, // a URL
	`"[^"]*?\.\.\.[}\])]+`,                                                 // a quoted text that was cut off
	`"[^"]*"|` + "`[^`]*`" + `|\B'[^']*'\B|“[^”]*”|‘[^’]*’|«[^»]*»|„[^“”]*[“”]`, // a quoted text
	`\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+`, // an e-mail address
	`\b(?i:bearer|basic|token|passw(?:or)?d|pwd|secret|api[_-]?key)[ \t]*[:= ][ \t]*\S+`, // a credential, with its name
	`=\([^()]*\)`,          // a value of a database: (email)=(…)
	`(?:/[\w.@~%+-]+){2,}`, // a path
	`\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b`,                       // a UUID
	`\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?\b`, // a time
	`\b[\w-]*\d[\w-]*\b`, // a number, an id, hexadecimal digits
	`\b[\w-]{24,}\b`,     // a key
}, "|"))

// Pattern returns a message as one line with its variable parts replaced: N for a number, … for everything else. Of a URL the
// scheme and the host remain, and the status of a response stays.
func Pattern(message string) string {
	return shorten(variable.ReplaceAllStringFunc(OneLine(shorten(message, maxMessage)), replace), maxPattern)
}

// OneLine returns a text with spaces for line breaks and for characters that are not shown, or that change the direction of
// others.
func OneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }), " ")
}

// shorten cuts a text to a length in bytes.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

var (
	number   = regexp.MustCompile(`^\d+[a-zA-Zµ]{0,2}$`) // with its unit
	named    = regexp.MustCompile(`^(?i:bearer|basic|token|passw(?:or)?d|pwd|secret|api[_-]?key)\b`)
	numbered = regexp.MustCompile(`^([A-Za-z]+)\d+$`)
)

// replace returns what a match of variable becomes.
func replace(part string) string {
	first, size := utf8.DecodeRuneInString(part)
	switch {
	case first == '"' && !strings.HasSuffix(part, "\""): // cut off
		return `"…`
	case first == '=':
		return "=(…)"
	case first == '/':
		return "/…"
	case named.MatchString(part) && unicode.IsLetter(first) && strings.ContainsAny(part, ":= "):
		return named.FindString(part) + " …"
	case strings.ContainsRune("\"`'“‘«„", first):
		_, last := utf8.DecodeLastRuneInString(part)
		inside := "…"
		if strings.Contains(part, "://") {
			inside = Pattern(part[size : len(part)-last])
		}
		return part[:size] + inside + part[len(part)-last:]
	case strings.Contains(part, "://"):
		return replaceURL(part)
	case strings.Contains(part, " ") && unicode.IsLetter(first):
		return part // the status of a response
	case number.MatchString(part):
		return "N"
	case numbered.MatchString(part):
		return numbered.ReplaceAllString(part, "${1}N")
	}
	return "…"
}

// replaceURL returns the scheme and the host of a URL, and … for the rest.
func replaceURL(url string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	host, more := rest, ""
	if at := strings.IndexAny(rest, "/?#"); at >= 0 {
		if host = rest[:at]; len(rest) > at+1 {
			more = "/…"
		}
	}
	return scheme + "://" + host[strings.LastIndexByte(host, '@')+1:] + more
}

// idOf returns the id of a failure: the flow, "-", and the beginning of a hash of what its runs have in common.
func idOf(flow int64, step, code, pattern string) string {
	sum := sha256.Sum256([]byte(step + "\x00" + code + "\x00" + pattern))
	return strconv.FormatInt(flow, 10) + "-" + hex.EncodeToString(sum[:8])
}

// IDOf returns the id of the failure that a run that failed or timed out is one of. Record adds it to the same one.
func IDOf(r Run) string { return idOf(r.Flow, r.Step, r.Code, Pattern(r.Message)) }

// FlowOf returns the flow of a failure; false: the text is the id of none.
func FlowOf(id string) (int64, bool) {
	flow, hash, _ := strings.Cut(id, "-")
	n, err := strconv.ParseInt(flow, 10, 64)
	if _, bad := hex.DecodeString(hash); err != nil || bad != nil || len(hash) != 16 {
		return 0, false
	}
	return n, true
}
