package steps

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
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
func parseXML(content []byte, declared string) (any, error) {
	d := xml.NewDecoder(bytes.NewReader(withoutMark(content)))
	d.CharsetReader = charsetReader
	if declared != "" {
		text, err := decodeText(content, declared)
		if err != nil {
			return nil, err
		}
		d = xml.NewDecoder(bytes.NewReader(text))
		d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	}
	v, err := xmlDocument(d)
	if err != nil {
		return nil, fmt.Errorf("the XML cannot be read: %w", err)
	}
	return v, nil
}

func xmlDocument(d *xml.Decoder) (any, error) {
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
			v, err := xmlElement(d, start, 1)
			if err != nil {
				return nil, err
			}
			document = map[string]any{start.Name.Local: v}
		}
	}
}

func xmlElement(d *xml.Decoder, start xml.StartElement, depth int) (any, error) {
	if depth > maxXMLDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxXMLDepth)
	}
	object := xmlAttributes(start)
	var text strings.Builder
	for {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			child, err := xmlElement(d, t, depth+1)
			if err != nil {
				return nil, err
			}
			addMember(object, t.Name.Local, child)
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			return xmlValue(object, strings.TrimSpace(text.String())), nil
		}
	}
}

func xmlAttributes(start xml.StartElement) map[string]any {
	object := map[string]any{}
	for _, a := range start.Attr {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			object["@"+a.Name.Local] = a.Value
		}
	}
	return object
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
	object[name] = append(list, v)
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
