package sender

import (
	"encoding/json"
	"strings"
)

// document is a JSON body whose members a description names. Its first level is parsed once, when the first member is
// asked for; deeper levels are parsed along a path only.
type document struct {
	parsed bool
	root   map[string]json.RawMessage
}

// maxElements is the maximum number of elements of a list that a * reads.
const maxElements = 1000

// text returns a member by its path; empty when there is none. Numbers are returned as they are written.
func (d *document) text(body []byte, path string) string {
	text, _ := d.find(body, path)
	return text
}

func (d *document) find(body []byte, path string) (string, bool) {
	all := d.all(body, path)
	if len(all) != 1 {
		return "", false
	}
	return all[0], true
}

// all returns the texts at a path, in which * is each element of a list. It is empty if one of them is missing, or is
// neither a text nor a number.
func (d *document) all(body []byte, path string) []string {
	if !d.parsed {
		d.parsed = true
		if json.Unmarshal(body, &d.root) != nil {
			d.root = nil
		}
	}
	first, rest, deeper := strings.Cut(path, ".")
	raw, ok := d.root[first]
	if !ok {
		return nil
	}
	var names []string
	if deeper {
		names = strings.Split(rest, ".")
	}
	found, ok := walk(raw, names, nil)
	if !ok {
		return nil
	}
	return found
}

func walk(raw json.RawMessage, path []string, found []string) ([]string, bool) {
	if len(path) == 0 {
		text, ok := scalar(raw)
		return append(found, text), ok
	}
	if path[0] != "*" {
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil || object[path[0]] == nil {
			return nil, false
		}
		return walk(object[path[0]], path[1:], found)
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 || len(list) > maxElements {
		return nil, false
	}
	ok := true
	for _, element := range list {
		if found, ok = walk(element, path[1:], found); !ok {
			return nil, false
		}
	}
	return found, true
}

// scalar returns a text, or a number as it is written.
func scalar(raw json.RawMessage) (string, bool) {
	var text string
	if len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		return string(raw), true
	}
	ok := len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &text) == nil
	return text, ok
}
