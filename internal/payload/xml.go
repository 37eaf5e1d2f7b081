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
//     for a repeated name (of attributes: in several namespaces), its own text as "#text";
//   - namespace prefixes and declarations are dropped, comments are ignored;
//   - white space around text is dropped; entities of a DTD are errors.
//
// declared is the charset of the content type. It takes precedence over that of the document.
func ParseXML(charger *budget.Charger, content []byte, declared string) (any, error) {
	read := xmlReader{charger: charger, tokens: charger.Part()}
	defer read.tokens.Drop()
	d := xml.NewDecoder(read.from(TrimBOM(content)))
	d.CharsetReader = charsetReader
	if _, size := mark(content); declared != "" || size == 2 { // two bytes: UTF-16
		text, err := DecodeText(charger, content, declared)
		if err != nil {
			return nil, err
		}
		d = xml.NewDecoder(read.from(text))
		d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	}
	v, err := read.document(d)
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
}

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

func (x *xmlReader) document(d *xml.Decoder) (any, error) {
	var document map[string]any
	for {
		token, err := d.Token()
		if err == io.EOF && document != nil {
			return document, nil
		}
		if err == io.EOF {
			return nil, errors.New("there is no element")
		}
		if err != nil {
			return nil, err
		}
		if start, ok := token.(xml.StartElement); ok {
			if document != nil {
				return nil, errors.New("there is a second root element")
			}
			v, err := x.element(d, start, 1)
			if err != nil {
				return nil, err
			}
			document = map[string]any{start.Name.Local: v}
		}
	}
}

func (x *xmlReader) element(d *xml.Decoder, start xml.StartElement, depth int) (any, error) {
	if depth > MaxXMLDepth {
		return nil, fmt.Errorf("nested deeper than %d", MaxXMLDepth)
	}
	object, err := x.attributes(start)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			child, err := x.element(d, t, depth+1)
			if err != nil {
				return nil, err
			}
			if object == nil {
				object = map[string]any{}
			}
			AddMember(object, t.Name.Local, child)
			if err := x.charger.Charge(budget.Cell + x.member(len(object))); err != nil {
				return nil, err
			}
		case xml.CharData:
			text.Write(t)
			if err := x.charger.Charge(int64(len(t))); err != nil {
				return nil, err
			}
		case xml.EndElement:
			return xmlValue(object, strings.TrimSpace(text.String())), nil
		}
	}
}

// member returns the cost of the last of n members; the first includes the object.
func (x *xmlReader) member(n int) int64 {
	if n == 1 {
		return budget.Object + budget.MemberOf(n)
	}
	return budget.MemberOf(n)
}

// attributes returns nil when the element has none.
func (x *xmlReader) attributes(start xml.StartElement) (map[string]any, error) {
	var object map[string]any
	var seen map[xml.Name]bool
	if len(start.Attr) > 1 {
		seen = make(map[xml.Name]bool, len(start.Attr))
	}
	for _, a := range start.Attr {
		if seen[a.Name] {
			return nil, fmt.Errorf("the element %.100s has the attribute %.100s twice", start.Name.Local, a.Name.Local)
		}
		if seen != nil {
			seen[a.Name] = true
		}
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			if object == nil {
				object = map[string]any{}
			}
			AddMember(object, "@"+a.Name.Local, a.Value)
			if err := x.charger.Charge(x.member(len(object)) + int64(len(a.Name.Local)+len(a.Value))); err != nil {
				return nil, err
			}
		}
	}
	return object, nil
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
