package importer

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// maxReferences is the number of $ref that may follow each other.
const maxReferences = 50

// document is one file of a specification.
type document struct {
	set  *documents
	name string
	root any
}

// documents are the files of a specification that were read so far.
type documents struct {
	source   *source
	byName   map[string]*document
	failed   map[string]error
	problems []finding       // references that lead nowhere
	known    map[string]bool // their places
	targets  map[string]node // of references, by file and text
	crossing int             // pointers that are being followed through references
}

// finding is a place of the specification with something wrong.
type finding struct{ at, why string }

func newDocuments(s *source) *documents {
	return &documents{source: s, byName: map[string]*document{}, failed: map[string]error{}, known: map[string]bool{}, targets: map[string]node{}}
}

// open reads and parses a file once.
func (d *documents) open(name string) (*document, error) {
	if doc := d.byName[name]; doc != nil {
		return doc, nil
	}
	if err := d.failed[name]; err != nil {
		return nil, err
	}
	text, err := d.source.file(name)
	if err == nil {
		delete(d.source.files, name)
		var root any
		doc := &document{set: d, name: name}
		if root, err = decodeDocument(text, doc.twice); err == nil {
			doc.root = root
			d.byName[name] = doc
			return doc, nil
		}
	}
	d.failed[name] = err
	return nil, err
}

// twice reports a member that an object has twice.
func (d *document) twice(pointer string, line int) {
	d.set.report(node{doc: d, at: pointer}.place(), "is given twice, here in line %d: only the last one is read", line)
}

// notes are the problems as notes.
func (d *documents) notes() []Note {
	var all []Note
	for _, p := range d.problems {
		all = append(all, Note{Place: p.at, Reason: p.why})
	}
	return all
}

func (d *documents) report(at, format string, args ...any) {
	if !d.known[at] && len(d.problems) < 10_000 {
		d.known[at] = true
		d.problems = append(d.problems, finding{at, fmt.Sprintf(format, args...)})
	}
}

// node is a value of a specification with its place. The zero node is no value: its members are none either.
type node struct {
	doc *document
	at  string // JSON pointer within the file, without #
	v   any
}

func (d *document) node() node { return node{doc: d, v: d.root} }

// place names the node for a person: file#/pointer, without the file for the main one.
func (n node) place() string {
	if n.doc == nil {
		return ""
	}
	if n.doc.name == n.doc.set.source.entry {
		return "#" + n.at
	}
	return n.doc.name + "#" + n.at
}

func (n node) exists() bool { return n.doc != nil }

// get returns a member of a member … and follows references on the way to it, and at it.
func (n node) get(names ...string) node {
	n = n.resolve()
	for _, name := range names {
		n = n.member(name).resolve()
	}
	return n
}

// member returns a member as it is written.
func (n node) member(name string) node {
	m, _ := n.v.(map[string]any)
	v, ok := m[name]
	if !ok || v == nil {
		return node{}
	}
	return node{n.doc, n.at + "/" + escapePointer(name), v}
}

func (n node) str(names ...string) string {
	switch v := n.get(names...).v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (n node) flag(names ...string) bool {
	v, _ := n.get(names...).v.(bool)
	return v
}

// names are the names of the members, sorted.
func (n node) names() []string {
	m, _ := n.v.(map[string]any)
	all := make([]string, 0, len(m))
	for name := range m {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// maxList is the number of elements that are read of one list.
const maxList = 10_000

// list returns the elements of a member that is a list.
func (n node) list(names ...string) []node {
	n = n.get(names...)
	elements, _ := n.v.([]any)
	elements = elements[:min(len(elements), maxList)]
	all := make([]node, 0, len(elements))
	for i, v := range elements {
		all = append(all, node{n.doc, n.at + "/" + strconv.Itoa(i), v})
	}
	return all
}

// strings returns the texts of a member that is a list.
func (n node) strings(names ...string) []string {
	var all []string
	for _, element := range n.list(names...) {
		if s, ok := element.v.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

// reference returns the text of a $ref.
func (n node) reference() (string, bool) {
	m, _ := n.v.(map[string]any)
	ref, ok := m["$ref"].(string)
	return ref, ok
}

// resolve follows references. One that leads nowhere is a problem of the specification and gives no node.
func (n node) resolve() node {
	from := n
	for range maxReferences {
		ref, ok := n.reference()
		if !ok {
			return n
		}
		key := n.doc.name + "\x00" + ref
		next, found := n.doc.set.targets[key]
		var err error
		if !found {
			if next, err = n.follow(ref); err == nil {
				n.doc.set.targets[key] = next
			}
		}
		if err != nil {
			n.doc.set.report(n.place(), "$ref %q: %v", shorten(ref, 100), err)
			return node{}
		}
		n = next
	}
	n.doc.set.report(from.place(), "the $ref leads back to itself, or through more than %d others", maxReferences)
	return node{}
}

func (n node) follow(ref string) (node, error) {
	file, pointer, _ := strings.Cut(ref, "#")
	doc := n.doc
	if file != "" {
		if strings.Contains(file, "://") {
			return node{}, fmt.Errorf("documents of other servers are not fetched")
		}
		if plain, err := url.PathUnescape(file); err == nil {
			file = plain
		}
		var err error
		if doc, err = doc.set.open(path.Join(path.Dir(doc.name), file)); err != nil {
			return node{}, fmt.Errorf("the file cannot be read: %w", err)
		}
	}
	if plain, err := url.PathUnescape(pointer); err == nil {
		pointer = plain
	}
	if pointer != "" && pointer[0] != '/' {
		return node{}, fmt.Errorf("anchors are not read")
	}
	return doc.at(pointer)
}

// at finds a value by its JSON pointer (RFC 6901).
func (d *document) at(pointer string) (node, error) {
	n := d.node()
	if pointer == "" || pointer == "/" {
		return n, nil
	}
	for _, part := range strings.Split(pointer[1:], "/") {
		name := pointerUnescapes.Replace(part)
		if _, isRef := n.reference(); isRef && d.set.crossing < maxReferences {
			d.set.crossing++
			n = n.resolve()
			d.set.crossing--
			if !n.exists() {
				return n, fmt.Errorf("nothing is there")
			}
		}
		next := n.member(name)
		if list, ok := n.v.([]any); ok {
			if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(list) {
				next = node{n.doc, n.at + "/" + name, list[i]}
			}
		}
		if !next.exists() {
			return node{}, fmt.Errorf("nothing is there")
		}
		n = next
	}
	return n, nil
}

// Escapes of JSON pointers (RFC 6901, section 3).
var (
	pointerEscapes   = strings.NewReplacer("~", "~0", "/", "~1")
	pointerUnescapes = strings.NewReplacer("~1", "/", "~0", "~")
)

func escapePointer(name string) string { return pointerEscapes.Replace(name) }

// shorten cuts a text to n characters.
func shorten(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return strings.TrimRight(string(runes[:n-1]), " ,.;:") + "…"
}
