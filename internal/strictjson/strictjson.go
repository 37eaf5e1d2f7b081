// Package strictjson checks that bytes are one JSON value that all parsers read alike, so that they can be passed on
// unchanged.
package strictjson

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Limits of JSON values that enter or leave a flow.
const (
	MaxDepth  = 512  // nesting; callers may ask for less
	MaxDigits = 1000 // characters of one number
)

// Error describes the error in the text and its position. It may quote a member name of the text, so that it may be
// sent to the sender but not logged.
type Error struct {
	Reason string
	Offset int // in bytes
}

func (e *Error) Error() string { return fmt.Sprintf("%s at byte %d", e.Reason, e.Offset) }

// Check accepts exactly one JSON value (RFC 8259) in UTF-8 with at most depth nested arrays and objects, without
// duplicate member names in an object and without unpaired surrogates in strings. Numbers are not interpreted. It
// reads the text once without building values. The error is an *Error.
func Check(text []byte, depth int) error {
	if !utf8.Valid(text) {
		return &Error{"invalid UTF-8", validPrefix(text)}
	}
	c := checker{text: text, depth: depth, names: make([][]byte, 0, 16)}
	if err := c.document(); err != nil {
		return err
	}
	return nil // not err: a nil *Error would be a non-nil error
}

func validPrefix(text []byte) int {
	at := 0
	for at < len(text) {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return at
}

// checker is one pass over one text.
type checker struct {
	text  []byte
	at    int
	depth int // remaining levels of nesting

	names [][]byte // decoded member names of the open objects, outermost object first
}

func (c *checker) document() *Error {
	c.space()
	if err := c.value(); err != nil {
		return err
	}
	c.space()
	if c.at < len(c.text) {
		return c.fail("data after the JSON value")
	}
	return nil
}

func (c *checker) fail(reason string) *Error {
	if c.at >= len(c.text) {
		reason = "the JSON ends too early"
	}
	return &Error{reason, min(c.at, len(c.text))}
}

func (c *checker) space() {
	for c.at < len(c.text) {
		switch c.text[c.at] {
		case ' ', '\t', '\n', '\r':
			c.at++
		default:
			return
		}
	}
}

// peek returns the next byte; 0 at the end, because no token starts with it.
func (c *checker) peek() byte {
	if c.at < len(c.text) {
		return c.text[c.at]
	}
	return 0
}

func (c *checker) value() *Error {
	switch b := c.peek(); {
	case b == '{':
		return c.nested(false)
	case b == '[':
		return c.nested(true)
	case b == '"':
		_, err := c.str()
		return err
	case b == '-' || '0' <= b && b <= '9':
		return c.number()
	case b == 't':
		return c.literal("true")
	case b == 'f':
		return c.literal("false")
	case b == 'n':
		return c.literal("null")
	}
	return c.fail("a JSON value is expected")
}

func (c *checker) literal(word string) *Error {
	if !bytes.HasPrefix(c.text[c.at:], []byte(word)) {
		return c.fail("a JSON value is expected")
	}
	c.at += len(word)
	return nil
}

// nested reads an array or object from its opening bracket.
func (c *checker) nested(array bool) (err *Error) {
	if c.depth == 0 {
		return c.fail("nested too deep")
	}
	c.depth--
	c.at++
	if array {
		err = c.array()
	} else {
		err = c.object()
	}
	c.depth++
	return err
}

func (c *checker) array() *Error {
	c.space()
	if c.peek() == ']' {
		c.at++
		return nil
	}
	for {
		c.space()
		if err := c.value(); err != nil {
			return err
		}
		if more, err := c.next(']'); !more {
			return err
		}
	}
}

func (c *checker) object() *Error {
	outer, start := len(c.names), c.at
	c.space()
	if c.peek() == '}' {
		c.at++
		return nil
	}
	for {
		if err := c.member(); err != nil {
			return err
		}
		more, err := c.next('}')
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	if name, twice := duplicate(c.names[outer:]); twice {
		return &Error{fmt.Sprintf("duplicate member %q in the object", string(name)), start - 1}
	}
	c.names = c.names[:outer]
	return nil
}

func (c *checker) member() *Error {
	c.space()
	if c.peek() != '"' {
		return c.fail("a member name in quotes is expected")
	}
	name, err := c.str()
	if err != nil {
		return err
	}
	c.names = append(c.names, name)
	c.space()
	if c.peek() != ':' {
		return c.fail(`":" is expected`)
	}
	c.at++
	c.space()
	return c.value()
}

// next consumes a comma (more follows) or the closing bracket.
func (c *checker) next(closing byte) (more bool, err *Error) {
	c.space()
	switch c.peek() {
	case ',':
		c.at++
		return true, nil
	case closing:
		c.at++
		return false, nil
	}
	return false, c.fail(fmt.Sprintf(`"," or "%c" is expected`, closing))
}

// duplicate returns a name that occurs twice. It may reorder names.
func duplicate(names [][]byte) ([]byte, bool) {
	if len(names) <= 12 { // pairwise comparison is faster than sorting
		for i, name := range names {
			for _, earlier := range names[:i] {
				if bytes.Equal(name, earlier) {
					return name, true
				}
			}
		}
		return nil, false
	}
	slices.SortFunc(names, bytes.Compare)
	for i := 1; i < len(names); i++ {
		if bytes.Equal(names[i], names[i-1]) {
			return names[i], true
		}
	}
	return nil, false
}
