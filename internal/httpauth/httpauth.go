// Package httpauth reads the values of Authorization headers.
package httpauth

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// Credentials returns what follows the scheme in the value of an Authorization header. If the value names another
// scheme, it returns "", false. Schemes are compared without regard to case (RFC 9110 section 11.1); any number of spaces and
// tabs may surround scheme and credentials.
func Credentials(value, scheme string) (credentials string, uses bool) {
	const blank = " \t"
	value = strings.Trim(value, blank)
	name, rest := value, ""
	if end := strings.IndexAny(value, blank); end >= 0 {
		name, rest = value[:end], strings.TrimLeft(value[end:], blank)
	}
	if !strings.EqualFold(name, scheme) {
		return "", false
	}
	return rest, true
}

// ParseBasic decodes the credentials of Basic: base64 of name:secret in UTF-8 (RFC 7617). The padding of the base64
// may be absent (RFC 4648 section 3.2), because several products document credentials without it.
func ParseBasic(credentials string) (name, secret string, ok bool) {
	encoding := base64.StdEncoding
	if len(credentials)%4 != 0 { // padded base64 is a multiple of 4 characters long
		encoding = base64.RawStdEncoding
	}
	text, err := encoding.DecodeString(credentials)
	if err != nil || !utf8.Valid(text) {
		return "", "", false
	}
	return strings.Cut(string(text), ":")
}
