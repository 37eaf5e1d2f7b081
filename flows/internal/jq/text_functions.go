package jq

import (
	"context"
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // some APIs ask for it
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/text/unicode/norm"

	"github.com/penstock/penstock/third_party/gojq"
)

func textFunctions() []function {
	return []function{
		define("slug", "The text as a part of a URL, small ASCII letters, digits and `-`: `\"Crème brûlée!\" | slug` is `\"creme-brulee\"`.", slug),
		define("html_text", "The text of HTML as a reader sees it: without elements, with a line for each block, and without the contents of scripts and styles.", htmlText),
		define("hash(algorithm)", "The hash of a text in UTF-8, as hexadecimal digits: `md5`, `sha1`, `sha256`, `sha384` or `sha512`.", digest),
		define("hash(algorithm; encoding)", "Likewise in another encoding: `hex`, `base64` or `base64url`.", digest),
		define("hmac(algorithm; key)", "The HMAC of a text with a key that is a text, as hexadecimal digits. A key that is a secret belongs in [encode](steps.md#encode), which names it.", keyedDigest),
		define("hmac(algorithm; key; encoding)", "Likewise in another encoding.", keyedDigest),
		define("uuid", "A new UUID. It is derived from the run, the step, the item and the number of UUIDs before it (version 5 of RFC 9562), so that a run that resumes, or a step that is tried again, has the same. It can be guessed, and is no secret.", newUUID),
	}
}

// uuidKey is the key of the context's value for WithUUIDs.
type uuidKey struct{}

// WithUUIDs returns a context in which the function uuid calls next.
func WithUUIDs(ctx context.Context, next func() string) context.Context {
	return context.WithValue(ctx, uuidKey{}, next)
}

func newUUID(_ any, args []any) (any, error) {
	if m, ok := args[:1][0].(*meter); ok {
		if next, ok := m.Value(uuidKey{}).(func() string); ok {
			return next(), nil
		}
	}
	return nil, errors.New("there is none outside of a step")
}

// letters are Latin letters that do not decompose into ASCII ones with marks.
var letters = strings.NewReplacer("ß", "ss", "æ", "ae", "Æ", "ae", "œ", "oe", "Œ", "oe", "ø", "o", "Ø", "o", "ł", "l", "Ł", "l", "đ", "d", "Đ", "d", "ð", "d", "Ð", "d", "þ", "th", "Þ", "th", "ı", "i")

func slug(in any, _ []any) (any, error) {
	text, err := textOf(in, "what becomes a slug")
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	gap := false
	for _, c := range norm.NFKD.String(letters.Replace(text)) {
		c = unicode.ToLower(c)
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(c)
			gap = false
		case unicode.Is(unicode.Mn, c), c == '\'', c == '’':
		default:
			gap = true
		}
	}
	return b.String(), nil
}

// htmlText reads HTML as a stream of tokens: nothing grows with how deep it is nested.
func htmlText(in any, _ []any) (any, error) {
	source, err := textOf(in, "HTML")
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(source))
	hidden := atom.Atom(0)   // the element whose content is not shown
	space, lines := false, 0 // what comes before the next text
	write := func(text string) {
		for i, word := range strings.FieldsFunc(text, unicode.IsSpace) {
			switch {
			case b.Len() == 0:
			case lines > 0:
				b.WriteString(strings.Repeat("\n", lines))
			case space || i > 0 || strings.TrimLeftFunc(text, unicode.IsSpace) != text:
				b.WriteByte(' ')
			}
			b.WriteString(word)
			space, lines = false, 0
		}
		space = space || text != "" && strings.TrimRightFunc(text, unicode.IsSpace) != text
	}
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return b.String(), nil
		}
		if kind == html.TextToken {
			if hidden == 0 {
				write(string(z.Text()))
			}
			continue
		}
		raw, _ := z.TagName()
		name := atom.Lookup(raw)
		switch {
		case kind != html.StartTagToken && kind != html.EndTagToken && kind != html.SelfClosingTagToken:
		case hidden != 0:
			if kind == html.EndTagToken && name == hidden {
				hidden = 0
			}
		case hiddenElement(name):
			if kind == html.StartTagToken {
				hidden = name
			}
		case name == atom.Br:
			lines = min(lines+1, 2)
		case name == atom.Td || name == atom.Th:
			space = true
		case name == atom.P || name == atom.H1 || name == atom.H2 || name == atom.H3 || name == atom.H4 || name == atom.H5 || name == atom.H6:
			lines = 2
		case blockElement(name):
			lines = max(lines, 1)
			if name == atom.Li && kind == html.StartTagToken {
				write("-")
				space = true
			}
		}
	}
}

func hiddenElement(name atom.Atom) bool {
	switch name {
	case atom.Script, atom.Style, atom.Template, atom.Title:
		return true
	}
	return false
}

func blockElement(name atom.Atom) bool {
	switch name {
	case atom.Address, atom.Article, atom.Aside, atom.Blockquote, atom.Body, atom.Center, atom.Dd, atom.Div, atom.Dl, atom.Dt, atom.Fieldset,
		atom.Figure, atom.Figcaption, atom.Footer, atom.Form, atom.Header, atom.Hr, atom.Li, atom.Main, atom.Nav, atom.Ol, atom.Pre,
		atom.Section, atom.Table, atom.Tr, atom.Ul:
		return true
	}
	return false
}

func digest(in any, args []any) (any, error) {
	make, err := algorithm(args[0])
	if err != nil {
		return nil, err
	}
	return sum(make(), in, args[1:])
}

func keyedDigest(in any, args []any) (any, error) {
	make, err := algorithm(args[0])
	if err != nil {
		return nil, err
	}
	key, err := textOf(args[1], "a key")
	if err != nil {
		return nil, err
	}
	return sum(hmac.New(make, []byte(key)), in, args[2:])
}

func algorithm(v any) (func() hash.Hash, error) {
	switch v {
	case "md5":
		return md5.New, nil
	case "sha1":
		return sha1.New, nil
	case "sha256":
		return sha256.New, nil
	case "sha384":
		return sha512.New384, nil
	case "sha512":
		return sha512.New, nil
	}
	return nil, fmt.Errorf("%s is no algorithm: expected md5, sha1, sha256, sha384 or sha512", gojq.Preview(v))
}

// sum returns the hash of a text in an encoding, hex without one.
func sum(h hash.Hash, in any, encoding []any) (any, error) {
	text, err := textOf(in, "what is hashed")
	if err != nil {
		return nil, err
	}
	h.Write([]byte(text))
	name := any("hex")
	if len(encoding) > 0 {
		name = encoding[0]
	}
	switch name {
	case "hex":
		return hex.EncodeToString(h.Sum(nil)), nil
	case "base64":
		return base64.StdEncoding.EncodeToString(h.Sum(nil)), nil
	case "base64url":
		return base64.RawURLEncoding.EncodeToString(h.Sum(nil)), nil
	}
	return nil, fmt.Errorf("%s is no encoding: expected hex, base64 or base64url", gojq.Preview(name))
}
