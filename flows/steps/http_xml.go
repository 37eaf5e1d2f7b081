package steps

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

// maxXMLDepth bounds the nesting of elements.
const maxXMLDepth = 256

// parseXML makes one member, named after the root element, of a document:
//
//   - an element without attributes or children is its text, null when empty;
//   - any other is an object: attributes as "@name", children by name, a list
//     where a name comes more than once, text beside them as "#text";
//   - namespace prefixes and declarations are dropped, comments ignored;
//   - white space around text is dropped; entities of a DTD are refused.
//
// declared is the charset of the content type, which wins over the document's.
func parseXML(tab *budget.Tab, content []byte, declared string) (any, error) {
	read := xmlReader{tab: tab, tokens: tab.Part()}
	defer read.tokens.Drop()
	d := xml.NewDecoder(read.from(trimBOM(content)))
	d.CharsetReader = charsetReader
	if declared != "" {
		text, err := decodeText(content, declared)
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

// xmlReader charges for a document while it is read.
type xmlReader struct {
	tab    *budget.Tab // what is made of it
	tokens *budget.Tab // what the decoder needs meanwhile
	text   *bytes.Reader
}

func (x *xmlReader) from(text []byte) io.Reader {
	x.text = bytes.NewReader(text)
	return x
}

// Read implements io.Reader. An element comes as a whole, however many
// attributes it has: what they need is charged here, and here the end of the
// run is seen.
func (x *xmlReader) Read(p []byte) (int, error) {
	const attribute = 256 // bytes, with its texts and the lists that it outgrew
	n, err := x.text.Read(p)
	charge := x.tokens.Charge(attribute * int64(bytes.Count(p[:n], []byte("="))))
	if charge == nil {
		charge = x.tab.Err()
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
	if depth > maxXMLDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxXMLDepth)
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
			addMember(object, t.Name.Local, child)
			if err := x.tab.Charge(budget.Cell + x.member(len(object))); err != nil {
				return nil, err
			}
		case xml.CharData:
			text.Write(t)
			if err := x.tab.Charge(int64(len(t))); err != nil {
				return nil, err
			}
		case xml.EndElement:
			return xmlValue(object, strings.TrimSpace(text.String())), nil
		}
	}
}

// member is what the last of n members costs; the first brings the object.
func (x *xmlReader) member(n int) int64 {
	if n == 1 {
		return budget.Object + budget.MemberOf(n)
	}
	return budget.MemberOf(n)
}

// attributes is nil when there are none.
func (x *xmlReader) attributes(start xml.StartElement) (map[string]any, error) {
	var object map[string]any
	for _, a := range start.Attr {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			if object == nil {
				object = map[string]any{}
			}
			object["@"+a.Name.Local] = a.Value
			if err := x.tab.Charge(x.member(len(object)) + int64(len(a.Name.Local)+len(a.Value))); err != nil {
				return nil, err
			}
		}
	}
	return object, nil
}

// addMember turns the second value of a name into a list.
func addMember(object map[string]any, name string, v any) {
	earlier, ok := object[name]
	if !ok {
		object[name] = v
		return
	}
	list, ok := earlier.([]any) // an element itself is never a list
	if !ok {
		list = []any{earlier}
	}
	object[name] = append(bulk.Room(list), v)
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
