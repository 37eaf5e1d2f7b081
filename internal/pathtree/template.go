// Package pathtree finds what is served at a path: templates such as
// /people/{id}, how two of them relate, and a tree that looks a path up at a
// cost that does not depend on how many templates it has.
package pathtree

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Bounds of a template. A tree is at most maxSegments deep.
const (
	maxTemplate = 512 // bytes
	maxSegments = 20
	maxName     = 64 // bytes of a parameter's name
)

// Template is a path whose segments are texts or parameters. The zero Template matches nothing.
type Template struct {
	text     string
	segments []segment
}

// segment is a text, or a parameter when it has a name.
type segment struct{ text, name string }

// Parse reads a template: it begins with a slash, does not end with one, and each segment is a text or {name}. Texts
// are of the characters that a path has without encoding (RFC 3986, section 3.3).
func Parse(text string) (Template, error) {
	switch {
	case !strings.HasPrefix(text, "/") || text == "/":
		return Template{}, errors.New("a path begins with / and names something, as in /people/{id}")
	case len(text) > maxTemplate:
		return Template{}, fmt.Errorf("a path has at most %d bytes", maxTemplate)
	case strings.HasSuffix(text, "/"):
		return Template{}, errors.New("a path does not end with /: one at the end of a request means nothing")
	}
	t := Template{text: text}
	for part := range strings.SplitSeq(text[1:], "/") {
		s, err := parseSegment(part)
		if err != nil {
			return Template{}, err
		}
		if s.name != "" && slices.ContainsFunc(t.segments, func(o segment) bool { return o.name == s.name }) {
			return Template{}, fmt.Errorf("{%s} comes twice", s.name)
		}
		t.segments = append(t.segments, s)
	}
	if len(t.segments) > maxSegments {
		return Template{}, fmt.Errorf("a path has at most %d segments", maxSegments)
	}
	return t, nil
}

func parseSegment(part string) (segment, error) {
	if inner, ok := strings.CutPrefix(part, "{"); ok && strings.HasSuffix(inner, "}") {
		name := inner[:len(inner)-1]
		if name == "" || len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return !isWord(r) }) {
			return segment{}, fmt.Errorf("%s is no parameter: its name has 1 to %d letters, digits, - and _", part, maxName)
		}
		return segment{name: name}, nil
	}
	switch {
	case part == "":
		return segment{}, errors.New("a path has no empty segments")
	case part == "." || part == "..":
		return segment{}, errors.New("a path has no dot segments")
	case strings.ContainsAny(part, "{}"):
		return segment{}, fmt.Errorf("%s is neither a text nor a parameter: a parameter is a whole segment, as in /{id}/", part)
	case strings.ContainsFunc(part, func(r rune) bool { return !isWord(r) && !strings.ContainsRune(".~!$&'()*+,;=:@", r) }):
		return segment{}, fmt.Errorf("%q has a character that a path has to encode", part)
	}
	return segment{text: part}, nil
}

func isWord(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

// String is the template as it was written.
func (t Template) String() string { return t.text }

// Params are the names of its parameters, in order.
func (t Template) Params() []string {
	var names []string
	for _, s := range t.segments {
		if s.name != "" {
			names = append(names, s.name)
		}
	}
	return names
}

// Fixed reports whether the first segment is a text.
func (t Template) Fixed() bool { return len(t.segments) > 0 && t.segments[0].name == "" }

// Under reports whether the template may match the path itself or, with below, a path under it.
func (t Template) Under(path string, below bool) bool {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(t.segments) < len(parts) || !below && len(t.segments) > len(parts) {
		return false
	}
	for i, part := range parts {
		if s := t.segments[i]; s.name == "" && s.text != part {
			return false
		}
	}
	return true
}

// Relation is how two templates relate.
type Relation int

// The relations.
const (
	Apart     Relation = iota // no path matches both
	Narrower                  // of a path that matches both, one of the two says more: it is served by that
	Renamed                   // they match the same paths, and their parameters have other names
	Same                      // they match the same paths, with the same names
	Ambiguous                 // some path matches both, and neither says more
)

// Relate compares two templates.
func Relate(a, b Template) Relation {
	if len(a.segments) != len(b.segments) {
		return Apart
	}
	moreA, moreB, renamed := false, false, false
	for i, s := range a.segments {
		o := b.segments[i]
		switch {
		case s.name == "" && o.name == "":
			if s.text != o.text {
				return Apart
			}
		case s.name == "":
			moreA = true
		case o.name == "":
			moreB = true
		default:
			renamed = renamed || s.name != o.name
		}
	}
	switch {
	case moreA && moreB:
		return Ambiguous
	case moreA || moreB:
		return Narrower
	case renamed:
		return Renamed
	}
	return Same
}
