package jsonpart

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// Hit is a value, or the name of a member, that contains what was searched for.
type Hit struct {
	Pointer string
	Value   Value
	Name    string // of the member; empty: it is none
}

// Found is the result of a Search.
type Found struct {
	Hits    []Hit // the first ones
	Total   int   // of all hits
	AtLeast bool  // Total is a lower bound: the search was ended before the end of the text
}

// maxTotal is the number of hits after which a search ends.
const maxTotal = 10_000

// Search returns the first members and plain values that contain words, in any case of ASCII letters. Of texts it looks at what they
// say, not at how they are escaped. It takes time in proportion to the text.
func Search(text []byte, words string, most int) Found {
	s := search{words: lower([]byte(words)), most: most, work: 20*len(text) + 1<<20}
	if len(s.words) > 0 {
		s.visit(Whole(text), "", "", 0)
	}
	return s.Found
}

// maxDepth is the depth to which a search goes.
const maxDepth = 1000

type search struct {
	Found
	words []byte
	most  int
	work  int // bytes that may still be looked at: each level of nesting looks at a branch again
}

func (s *search) visit(v Value, pointer, name string, depth int) {
	// A branch is looked at as a whole first, because most have no hit. Escapes may hide one.
	if !bytes.ContainsRune(v.Text, '\\') && !contains(v.Text, s.words) && !contains([]byte(name), s.words) {
		return
	}
	if contains([]byte(name), s.words) || !v.IsContainer() && contains(plain(v), s.words) {
		if s.Total++; len(s.Hits) < s.most {
			s.Hits = append(s.Hits, Hit{pointer, v, name})
		}
	}
	if s.work -= len(v.Text); depth == maxDepth || s.work < 0 {
		s.AtLeast = true
		return
	}
	each(v, func(c Child) bool {
		if s.Total >= maxTotal || s.work < 0 {
			s.AtLeast = true
			return false
		}
		s.visit(c.Value, Pointer(pointer, v.Kind(), c), c.Name, depth+1)
		return true
	})
}

// plain returns what a plain value says.
func plain(v Value) []byte {
	if v.Kind() != '"' || bytes.IndexByte(v.Text, '\\') < 0 {
		return bytes.Trim(v.Text, `"`)
	}
	var text string
	if json.Unmarshal(v.Text, &text) != nil {
		return v.Text
	}
	return []byte(text)
}

func contains(text, words []byte) bool { return index(text, words) >= 0 }

// index returns the first place of words, which are in lower case, in a text; negative: it has none, or words are empty.
func index(text, words []byte) int {
	if len(words) == 0 {
		return -1
	}
	first := words[0]
	for at := 0; at+len(words) <= len(text); at++ {
		if lowerByte(text[at]) != first {
			continue
		}
		n := 1
		for n < len(words) && lowerByte(text[at+n]) == words[n] {
			n++
		}
		if n == len(words) {
			return at
		}
	}
	return -1
}

func lower(text []byte) []byte {
	out := make([]byte, len(text))
	for i, c := range text {
		out[i] = lowerByte(c)
	}
	return out
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Excerpt returns about size bytes of a text around the first place of words, with … where something is missing.
func Excerpt(text []byte, words string, size int) string {
	from := max(0, index(text, lower([]byte(words)))-size/3)
	to := min(len(text), from+size)
	for from > 0 && !utf8.RuneStart(text[from]) {
		from--
	}
	for to < len(text) && !utf8.RuneStart(text[to]) {
		to++
	}
	out := string(text[from:to])
	if from > 0 {
		out = "…" + out
	}
	if to < len(text) {
		out += "…"
	}
	return out
}
