package fileserver

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// A server may have names that are not UTF-8: version 3 of SFTP does not say the charset. A flow has them as text in which the character
// U+F700 + n stands for the byte n, and the server gets that byte back.
const byteBase = 0xf700

// nameText returns the text of a path of the server.
func nameText(path string) string {
	if utf8.ValidString(path) && !strings.ContainsFunc(path, standsForByte) {
		return path
	}
	var b strings.Builder
	for len(path) > 0 {
		r, size := utf8.DecodeRuneInString(path)
		if r != utf8.RuneError && !standsForByte(r) || r == utf8.RuneError && size > 1 {
			b.WriteString(path[:size])
		} else {
			for i := range size {
				b.WriteRune(byteBase + rune(path[i]))
			}
		}
		path = path[size:]
	}
	return b.String()
}

// serverPath returns the path of the server that has a text.
func serverPath(text string) string {
	if !strings.ContainsFunc(text, standsForByte) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if standsForByte(r) {
			b.WriteByte(byte(r - byteBase))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// standsForByte reports whether a character stands for a byte from 0x80: others are characters of UTF-8, so that no text can stand for / or ".".
func standsForByte(r rune) bool { return r >= byteBase+0x80 && r <= byteBase+0xff }

// maxTemporary is the maximum number of bytes of the file's name in a temporary name: servers allow 255 for the whole.
const maxTemporary = 200

// temporaryName returns the name of a file while it is written. unique has 16 hexadecimal digits.
func temporaryName(name, unique string) string {
	return "." + name[:min(len(name), maxTemporary)] + "." + unique + ".part"
}

var temporaryNames = regexp.MustCompile(`(?s)^\..*\.[0-9a-f]{16}\.part$`)
