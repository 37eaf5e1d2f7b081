package mask

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// maxEscapes is how many times a text may have been escaped, one way over the other, for its secrets to be found.
	maxEscapes = 3
	// window is how many bytes of a text are searched at once, or more when a secret is longer: it bounds the memory.
	window = 64 << 10
	// maxEscaped is the maximum length in bytes of an escaped byte: \u0026.
	maxEscaped = 6
)

// form is a folded text by which a secret is found. before and after are the characters around it that hold bits of the secret
// and bits of its neighbours.
type form struct {
	text          string
	before, after int
}

// formsOf returns the forms of a secret: the secret, and for each position in a group of three bytes the characters of base64 that
// depend on the secret alone (RFC 4648, sections 4 and 5).
func formsOf(secret string) []form {
	forms := []form{{text: fold(secret)}}
	for at := range 3 {
		bits := 8 * (at + len(secret))
		f := form{before: min(at, 1), after: min(bits%6, 1)}
		padded := []byte("\x00\x00"[:at] + secret)
		for _, coding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			f.text = fold(coding.EncodeToString(padded)[(8*at+5)/6 : bits/6])
			if !slices.Contains(forms, f) {
				forms = append(forms, f)
			}
		}
	}
	return forms
}

// fold returns a text with ASCII letters in lower case, and with blanks for plus signs, which stand for them in a query.
func fold(text string) string {
	folded := []byte(text)
	for i, c := range folded {
		switch {
		case 'A' <= c && c <= 'Z':
			folded[i] = c + 'a' - 'A'
		case c == '+':
			folded[i] = ' '
		}
	}
	return string(folded)
}

// finder finds forms in texts.
type finder struct {
	forms []form
	reach int // maximum length in bytes of a secret in a text
}

func newFinder(forms []form) finder {
	longest := 0
	for _, f := range forms {
		longest = max(longest, len(f.text)+2)
	}
	return finder{forms, maxEscaped * longest}
}

// text returns a text with the secrets masked.
func (f finder) text(text string) string {
	size := max(window, 2*f.reach)
	if len(f.forms) == 0 || len(text) <= size {
		return masked(text, f.find(text, maxEscapes))
	}
	var b strings.Builder
	for done := 0; done < len(text); {
		end := min(done+size, len(text))
		part, n := f.begin(text[done:end], end == len(text))
		b.WriteString(part)
		done += n
	}
	return b.String()
}

// begin masks the beginning of a text, of which more follows unless it is the last part. done is its length: in the bytes
// after that, a secret may begin that is not whole yet.
func (f finder) begin(text string, last bool) (begin string, done int) {
	spans := f.find(text, maxEscapes)
	if done = len(text); !last {
		done = max(0, done-f.reach)
	}
	for i, s := range spans {
		if s.start >= done {
			spans = spans[:i]
			break
		}
		done = max(done, s.end)
	}
	return masked(text[:done], spans), done
}

// find returns where secrets are in a text: in the text as it is, and as it is without up to escapes layers of escaping.
func (f finder) find(text string, escapes int) []span {
	if len(f.forms) == 0 || len(text) < MinSecret {
		return nil
	}
	var spans []span
	folded := fold(text)
	for _, form := range f.forms {
		for from := 0; ; {
			at := strings.Index(folded[from:], form.text)
			if at < 0 {
				break
			}
			start := from + at
			from = start + len(form.text)
			spans = append(spans, span{max(0, start-form.before), min(len(text), from+form.after)})
		}
	}
	if escapes > 0 && strings.ContainsAny(text, `%\&`) {
		if plain, from := unescape(text); len(plain) < len(text) {
			for _, s := range f.find(plain, escapes-1) {
				spans = append(spans, span{int(from[s.start]), int(from[s.end])})
			}
		}
	}
	return merged(spans)
}

// unescape returns a text without one layer of escaping for URLs (RFC 3986, section 2.1), JSON (RFC 8259, section 7) and HTML, and
// for each of its bytes, and its end, the offset in the text from which it is.
func unescape(text string) (plain string, from []int32) {
	made := make([]byte, 0, len(text))
	from = make([]int32, 0, len(text)+1)
	for i := 0; i < len(text); {
		var n int
		if made, n = appendUnescaped(made, text[i:]); n == 0 {
			made, n = append(made, text[i]), 1
		}
		for len(from) < len(made) {
			from = append(from, int32(i))
		}
		i += n
	}
	return string(made), append(from, int32(len(text)))
}

// jsonEscapes are the characters after a backslash in JSON, each before what it stands for.
const jsonEscapes = "\"\"\\\\//''b\bf\fn\nr\rt\t"

// htmlNames are the character references by name that escaping makes. Read only.
var htmlNames = map[string]rune{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\''}

// appendUnescaped appends what the escape at the beginning of a text stands for, and returns the length of the escape; 0: there is
// none.
func appendUnescaped(made []byte, text string) ([]byte, int) {
	switch text[0] {
	case '%':
		if c, ok := hexadecimal(text, 1, 3); ok {
			return append(made, byte(c)), 3
		}
	case '\\':
		if len(text) < 2 {
			return made, 0
		}
		if text[1] != 'u' {
			if at := strings.IndexByte(jsonEscapes, text[1]); at >= 0 && at%2 == 0 {
				return append(made, jsonEscapes[at+1]), 2
			}
			return made, 0
		}
		if first, ok := hexadecimal(text, 2, 6); ok {
			if second, ok := hexadecimal(text, 8, 12); ok && utf16.IsSurrogate(first) && text[6:8] == `\u` {
				return utf8.AppendRune(made, utf16.DecodeRune(first, second)), 12
			}
			return utf8.AppendRune(made, first), 6
		}
	case '&':
		name, _, ok := strings.Cut(text[1:min(len(text), 10)], ";")
		if r := htmlNames[name]; ok && r != 0 {
			return utf8.AppendRune(made, r), len(name) + 2
		}
		if digits, found := strings.CutPrefix(strings.ToLower(name), "#"); ok && found {
			base := 10
			if hex, found := strings.CutPrefix(digits, "x"); found {
				digits, base = hex, 16
			}
			if r, err := strconv.ParseUint(digits, base, 21); err == nil {
				return utf8.AppendRune(made, rune(r)), len(name) + 2
			}
		}
	}
	return made, 0
}

// hexadecimal returns the number that the text has from start to end.
func hexadecimal(text string, start, end int) (rune, bool) {
	if len(text) < end {
		return 0, false
	}
	n, err := strconv.ParseUint(text[start:end], 16, 16)
	return rune(n), err == nil
}
