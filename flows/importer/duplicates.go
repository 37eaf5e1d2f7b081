package importer

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// told is called with the JSON pointer and the line, from 1, of each member that an object has twice; nil: it is not called.
type told func(pointer string, line int)

// jsonDuplicates finds the members that an object of valid JSON has twice; encoding/json reads the last one.
type jsonDuplicates struct {
	text []byte
	at   int
	path []string
	tell told

	counted int // up to where lines are counted
	lines   int
}

// opened is an object or list that is being read.
type opened struct {
	names map[string]bool // of an object; nil: a list
	next  int             // element of a list
	key   bool            // of an object: the next text is a name
}

func (d *jsonDuplicates) find() {
	var stack []opened
	for d.at < len(d.text) {
		c := d.text[d.at]
		d.at++
		switch c {
		case '{':
			stack, d.path = append(stack, opened{names: map[string]bool{}, key: true}), append(d.path, "")
		case '[':
			stack, d.path = append(stack, opened{}), append(d.path, "0")
		case '}', ']':
			stack, d.path = stack[:len(stack)-1], d.path[:len(d.path)-1]
		case ',':
			if top := &stack[len(stack)-1]; top.names != nil {
				top.key = true
			} else {
				top.next++
				d.path[len(d.path)-1] = strconv.Itoa(top.next)
			}
		case '"':
			start := d.at - 1
			d.skipText()
			if len(stack) == 0 {
				continue
			}
			if top := &stack[len(stack)-1]; top.key {
				top.key = false
				d.name(top.names, start)
			}
		}
	}
}

// skipText moves behind the end of a text.
func (d *jsonDuplicates) skipText() {
	for ; d.text[d.at] != '"'; d.at++ {
		if d.text[d.at] == '\\' {
			d.at++
		}
	}
	d.at++
}

// name notes a name that begins at start.
func (d *jsonDuplicates) name(names map[string]bool, start int) {
	written := d.text[start:d.at]
	name := string(written[1 : len(written)-1])
	if bytes.IndexByte(written, '\\') >= 0 && json.Unmarshal(written, &name) != nil {
		return
	}
	d.path[len(d.path)-1] = name
	if names[name] {
		d.lines += bytes.Count(d.text[d.counted:start], []byte("\n"))
		d.counted = start
		d.tell(pointerOf(d.path), 1+d.lines)
	}
	names[name] = true
}

// pointerOf is the JSON pointer of a path (RFC 6901).
func pointerOf(path []string) string {
	var b strings.Builder
	for _, name := range path {
		b.WriteString("/" + escapePointer(name))
	}
	return b.String()
}
