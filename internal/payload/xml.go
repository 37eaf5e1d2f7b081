package payload

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/bulk"
)

// MaxXMLDepth limits the nesting of elements.
const MaxXMLDepth = 256

// ParseXML decodes a document to an object with one member, named after the root element:
//
//   - an element without attributes or children is its text, null when empty;
//   - any other element is an object: attributes as "@name", children by name, a list
//     for a repeated name, its own text as "#text";
//   - prefixes and declarations of namespaces are dropped, comments are ignored. Of children with one name in two
//     namespaces, and of such attributes, those with a prefix keep it: "p:name";
//   - white space around text is dropped; entities of a DTD are errors.
//
// declared is the charset of the content type. It takes precedence over that of the document.
func ParseXML(charger *budget.Charger, content []byte, declared string) (any, error) {
	return parseXML(charger, content, declared, false)
}

// ParsePrefixedXML decodes a document as ParseXML does, but all names keep their prefixes, and declarations of
// namespaces are attributes.
func ParsePrefixedXML(charger *budget.Charger, content []byte, declared string) (any, error) {
	return parseXML(charger, content, declared, true)
}

func parseXML(charger *budget.Charger, content []byte, declared string, prefixed bool) (any, error) {
	read := xmlReader{charger: charger, tokens: charger.Part(), prefixed: prefixed, spaces: map[string][]string{"": {""}, "xml": {xmlSpace}}}
	defer read.tokens.Drop()
	read.decoder = xml.NewDecoder(read.from(TrimBOM(content)))
	read.decoder.CharsetReader = charsetReader
	if _, size := mark(content); declared != "" || size == 2 { // two bytes: UTF-16
		text, err := DecodeText(charger, content, declared)
		if err != nil {
			return nil, err
		}
		read.decoder = xml.NewDecoder(read.from(text))
		read.decoder.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	}
	v, err := read.document()
	if err != nil {
		return nil, fmt.Errorf("the XML cannot be read: %w", err)
	}
	return v, nil
}

// xmlReader charges for a document while it is decoded.
type xmlReader struct {
	charger *budget.Charger // for the values
	tokens  *budget.Charger // for the decoder, until the end of the document
	text    *bytes.Reader
	decoder *xml.Decoder

	prefixed   bool                // names keep their prefixes
	namespaced bool                // a namespace was declared
	spaces     map[string][]string // namespaces by prefix, the innermost last
}

// xmlSpace is the namespace of the prefix xml, which is always declared.
const xmlSpace = "http://www.w3.org/XML/1998/namespace"

func (x *xmlReader) from(text []byte) io.Reader {
	x.text = bytes.NewReader(text)
	return x
}

// Read implements io.Reader. The decoder returns an element with all its attributes at once; Read therefore charges
// for attributes and checks for the end of the run.
func (x *xmlReader) Read(p []byte) (int, error) {
	const attribute = 384 // bytes, with its texts, its name in a map and the lists that it has outgrown
	n, err := x.text.Read(p)
	charge := x.tokens.Charge(attribute * int64(bytes.Count(p[:n], []byte("="))))
	if charge == nil {
		charge = x.charger.Err()
	}
	if charge != nil {
		return 0, charge
	}
	return n, err
}

func (x *xmlReader) document() (any, error) {
	var document map[string]any
	for {
		token, err := x.decoder.RawToken() // without the prefixes, which Token replaces
		if err == io.EOF && document != nil {
			return document, nil
		}
		if err == io.EOF {
			return nil, errors.New("there is no element")
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if document != nil {
				return nil, errors.New("there is a second root element")
			}
			v, _, err := x.element(t, 1)
			if err != nil {
				return nil, err
			}
			document = map[string]any{x.named(t.Name): v}
		case xml.EndElement:
			return nil, fmt.Errorf("</%.100s> ends no element", written(t.Name))
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, errors.New("there is text outside of the root element")
			}
		}
	}
}

// written returns a name as it is in the document.
func written(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// named returns the name of an element that no other has.
func (x *xmlReader) named(n xml.Name) string {
	if x.prefixed {
		return written(n)
	}
	return n.Local
}

// spaceOf returns the namespace of a prefix.
func (x *xmlReader) spaceOf(prefix string) (string, error) {
	all := x.spaces[prefix]
	if len(all) == 0 {
		return "", fmt.Errorf("the prefix %.100s is not declared", prefix)
	}
	return all[len(all)-1], nil
}

// prefixOf returns the prefix that an attribute declares.
func prefixOf(a xml.Attr) (prefix string, ok bool) {
	switch {
	case a.Name.Space == "xmlns":
		return a.Name.Local, true
	case a.Name.Space == "" && a.Name.Local == "xmlns":
		return "", true
	}
	return "", false
}

// element reads an element whose start was read. It returns its value and its namespace.
func (x *xmlReader) element(start xml.StartElement, depth int) (v any, space string, err error) {
	if depth > MaxXMLDepth {
		return nil, "", fmt.Errorf("nested deeper than %d", MaxXMLDepth)
	}
	for _, a := range start.Attr {
		prefix, ok := prefixOf(a)
		if !ok {
			continue
		}
		if a.Value == "" && prefix != "" {
			return nil, "", fmt.Errorf("the prefix %.100s has no namespace", prefix)
		}
		x.namespaced = true
		x.spaces[prefix] = append(x.spaces[prefix], a.Value)
		defer func() { x.spaces[prefix] = x.spaces[prefix][:len(x.spaces[prefix])-1] }()
	}
	if space, err = x.spaceOf(start.Name.Space); err != nil {
		return nil, "", err
	}
	e := xmlElement{reader: x}
	if err := x.attributes(&e, start); err != nil {
		return nil, "", err
	}
	var text strings.Builder
	for {
		token, err := x.decoder.RawToken()
		if err == io.EOF {
			err = fmt.Errorf("the element <%.100s> is not closed", written(start.Name))
		}
		if err != nil {
			return nil, "", err
		}
		switch t := token.(type) {
		case xml.StartElement:
			child, space, err := x.element(t, depth+1)
			if err != nil {
				return nil, "", err
			}
			e.add(t.Name, space, child)
			cost := budget.Cell + x.member(len(e.object))
			if len(e.firsts) > 0 {
				cost += x.member(len(e.firsts))
			}
			if err := x.charger.Charge(cost); err != nil {
				return nil, "", err
			}
		case xml.CharData:
			text.Write(t)
			if err := x.charger.Charge(int64(len(t))); err != nil {
				return nil, "", err
			}
		case xml.EndElement:
			if t.Name != start.Name {
				return nil, "", fmt.Errorf("element <%.100s> closed by </%.100s>", written(start.Name), written(t.Name))
			}
			return xmlValue(e.object, strings.TrimSpace(text.String())), space, nil
		}
	}
}

// xmlElement collects the members of an element.
type xmlElement struct {
	reader *xmlReader
	object map[string]any        // nil: there are none
	firsts map[string]xmlSibling // first child by local name; without those that are in no namespace
}

// xmlSibling is the first child with a local name.
type xmlSibling struct {
	space, prefix string
	mixed         bool // others are of another namespace, so that those with a prefix keep it
}

// add adds a child.
func (e *xmlElement) add(name xml.Name, space string, v any) {
	if e.object == nil {
		e.object = map[string]any{}
	}
	member := e.reader.named(name)
	if e.reader.namespaced && !e.reader.prefixed {
		first, known := e.firsts[name.Local]
		_, there := e.object[name.Local]
		switch {
		case !known && !there:
			e.note(name.Local, xmlSibling{space: space, prefix: name.Space})
		case first.mixed:
			member = written(name)
		case first.space != space:
			if first.prefix != "" {
				e.object[first.prefix+":"+name.Local] = e.object[name.Local]
				delete(e.object, name.Local)
			}
			first.mixed = true
			e.note(name.Local, first)
			member = written(name)
		}
	}
	AddMember(e.object, member, v)
}

func (e *xmlElement) note(local string, first xmlSibling) {
	if e.firsts == nil {
		e.firsts = map[string]xmlSibling{}
	}
	e.firsts[local] = first
}

// member returns the cost of the last of n members; the first includes the object.
func (x *xmlReader) member(n int) int64 {
	if n == 1 {
		return budget.Object + budget.MemberOf(n)
	}
	return budget.MemberOf(n)
}

// attributes adds the attributes of an element.
func (x *xmlReader) attributes(e *xmlElement, start xml.StartElement) error {
	var seen map[xml.Name]bool // with their namespaces
	var locals map[string]int  // how many there are of a local name
	if len(start.Attr) > 1 {
		seen, locals = make(map[xml.Name]bool, len(start.Attr)), make(map[string]int, len(start.Attr))
	}
	for _, a := range start.Attr {
		expanded := a.Name
		_, declares := prefixOf(a)
		if !declares && a.Name.Space != "" {
			var err error
			if expanded.Space, err = x.spaceOf(a.Name.Space); err != nil {
				return err
			}
		}
		if seen[expanded] {
			return fmt.Errorf("the element %.100s has the attribute %.100s twice", start.Name.Local, a.Name.Local)
		}
		if seen == nil {
			continue
		}
		if seen[expanded] = true; !declares {
			locals[a.Name.Local]++
		}
	}
	for _, a := range start.Attr {
		if _, declares := prefixOf(a); declares && !x.prefixed {
			continue
		}
		name := a.Name.Local
		if x.prefixed || locals[name] > 1 {
			name = written(a.Name)
		}
		if e.object == nil {
			e.object = map[string]any{}
		}
		e.object["@"+name] = a.Value
		if err := x.charger.Charge(x.member(len(e.object)) + int64(len(name)+len(a.Value))); err != nil {
			return err
		}
	}
	return nil
}

// AddMember adds a member; the second value of a name turns it into a list.
func AddMember(object map[string]any, name string, v any) {
	earlier, ok := object[name]
	if !ok {
		object[name] = v
		return
	}
	list, ok := earlier.([]any) // an element itself is never a list
	if !ok {
		list = []any{earlier}
	}
	object[name] = append(bulk.Grow(list), v)
}

func xmlValue(object map[string]any, text string) any {
	switch {
	case len(object) == 0 && text == "":
		return nil
	case len(object) == 0:
		return text
	case text != "":
		object["#text"] = text
	}
	return object
}
