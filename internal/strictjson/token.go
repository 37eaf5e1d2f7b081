package strictjson

import (
	"encoding/binary"
	"encoding/hex"
	"unicode/utf16"
	"unicode/utf8"
)

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (c *checker) number() *Error {
	if c.peek() == '-' {
		c.at++
	}
	if c.peek() == '0' {
		c.at++
	} else if !c.digits() {
		return c.fail("a digit is expected")
	}
	if c.peek() == '.' {
		c.at++
		if !c.digits() {
			return c.fail("a digit is expected after the decimal point")
		}
	}
	if b := c.peek(); b == 'e' || b == 'E' {
		c.at++
		if b := c.peek(); b == '+' || b == '-' {
			c.at++
		}
		if !c.digits() {
			return c.fail("a digit is expected in the exponent")
		}
	}
	return nil
}

func (c *checker) digits() bool {
	start := c.at
	for '0' <= c.peek() && c.peek() <= '9' {
		c.at++
	}
	return c.at > start
}

// str reads a string and returns it decoded; without escapes it is a part of the text.
func (c *checker) str() ([]byte, *Error) {
	c.at++
	start := c.at
	for c.at < len(c.text) {
		switch b := c.text[c.at]; {
		case b == '"':
			c.at++
			return c.text[start : c.at-1], nil
		case b == '\\':
			return c.escaped(start)
		case b < ' ':
			return nil, c.fail("a control character in a string must be escaped")
		default:
			c.at++
		}
	}
	return nil, c.fail("")
}

// escaped continues a string at its first escape.
func (c *checker) escaped(start int) ([]byte, *Error) {
	decoded := append([]byte(nil), c.text[start:c.at]...)
	for c.at < len(c.text) {
		switch b := c.text[c.at]; {
		case b == '"':
			c.at++
			return decoded, nil
		case b == '\\':
			r, err := c.escape()
			if err != nil {
				return nil, err
			}
			decoded = utf8.AppendRune(decoded, r)
		case b < ' ':
			return nil, c.fail("a control character in a string must be escaped")
		default:
			decoded = append(decoded, b)
			c.at++
		}
	}
	return nil, c.fail("")
}

// escape reads one escape, or a surrogate pair.
func (c *checker) escape() (rune, *Error) {
	c.at++
	b := c.peek()
	if b == 'u' {
		return c.unicodeEscape()
	}
	for _, known := range [...][2]byte{
		{'"', '"'}, {'\\', '\\'}, {'/', '/'}, {'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'b', '\b'}, {'f', '\f'},
	} {
		if b == known[0] {
			c.at++
			return rune(known[1]), nil
		}
	}
	return 0, c.fail("unknown escape in a string")
}

func (c *checker) unicodeEscape() (rune, *Error) {
	start := c.at - 1
	r, ok := c.hex4()
	if !ok {
		return 0, c.fail(`four hexadecimal digits are expected after "\u"`)
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if c.peek() == '\\' {
		c.at++
		if low, ok := c.hex4(); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, nil
			}
		}
	}
	return 0, &Error{"half of a surrogate pair in a string", start}
}

// hex4 reads "uXXXX".
func (c *checker) hex4() (rune, bool) {
	if len(c.text)-c.at < 5 || c.text[c.at] != 'u' {
		return 0, false
	}
	var unit [2]byte
	if _, err := hex.Decode(unit[:], c.text[c.at+1:c.at+5]); err != nil {
		return 0, false
	}
	c.at += 5
	return rune(binary.BigEndian.Uint16(unit[:])), true
}
