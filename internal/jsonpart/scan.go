package jsonpart

import "bytes"

func skipBlanks(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t') {
		at++
	}
	return at
}

// skipString returns the end of the string that begins at a place.
func skipString(text []byte, at int) int {
	if at >= len(text) || text[at] != '"' {
		return at
	}
	for at++; at < len(text); {
		quote := bytes.IndexByte(text[at:], '"')
		if quote < 0 {
			break
		}
		end := at + quote
		slashes := 0
		for slashes < end && text[end-1-slashes] == '\\' {
			slashes++
		}
		if at = end + 1; slashes%2 == 0 {
			return at
		}
	}
	return len(text)
}

// skipValue returns the end of the value that begins at a place, and the number of its children.
func skipValue(text []byte, at int) (end, count int) {
	if at >= len(text) {
		return len(text), 0
	}
	switch text[at] {
	case '"':
		return skipString(text, at), 0
	case '{', '[':
		return skipContainer(text, at)
	}
	for at < len(text) && bytes.IndexByte([]byte(",]} \n\r\t:"), text[at]) < 0 {
		at++
	}
	return at, 0
}

// skipContainer returns the end of the object or array that begins at a place, and the number of its children.
func skipContainer(text []byte, at int) (end, count int) {
	depth, empty := 0, true
	for at < len(text) {
		switch text[at] {
		case '"':
			empty = false
			at = skipString(text, at)
			continue
		case '{', '[':
			if depth > 0 {
				empty = false
			}
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				if !empty {
					count++
				}
				return at + 1, count
			}
		case ',':
			if depth == 1 {
				count++
			}
		case ' ', '\n', '\r', '\t', ':':
		default:
			empty = false
		}
		at++
	}
	if !empty { // of a text that is cut off
		count++
	}
	return len(text), count
}
