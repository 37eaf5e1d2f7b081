package encode

import (
	"bytes"
	"context"
	"encoding/xml"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/payload"
)

func xmlFormat(args *flows.Args) (form, error) {
	if args.Bool("decode") {
		parse := payload.ParseXML
		if args.Bool("prefixes") {
			parse = payload.ParsePrefixedXML
		}
		return decodeFormat(func(charger *budget.Charger, text string) (any, error) {
			return parse(charger, []byte(text), "utf-8")
		}), nil
	}
	if args.Has("prefixes") {
		return nil, args.Errorf("prefixes", "prefixes are for reading, with decode: true; what is written has the names that the value has")
	}
	order := args.Template("xml").Order()
	return func(ctx context.Context, in *flows.Input, v any) (any, error) {
		object, ok := v.(map[string]any)
		if !ok || len(object) != 1 {
			return nil, failure.Errorf("an XML document is an object with one member, its root element")
		}
		w := xmlWriter{charger: in.Charger(ctx)}
		w.WriteString(xml.Header)
		for name, root := range object {
			if isList(root) {
				return nil, failure.Errorf("an XML document has one root element, not a list of them")
			}
			w.element(name, root, order.Member(name), 1)
		}
		if w.err != nil {
			return nil, w.err
		}
		return w.String(), w.charger.Charge(int64(w.Len()))
	}, nil
}

// xmlWriter writes elements until the first error, which it keeps.
type xmlWriter struct {
	bytes.Buffer
	charger *budget.Charger
	charged int // bytes of the buffer that are charged
	err     error
}

// xmlName is an ASCII name with an optional prefix, the subset that all systems accept.
var xmlName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*(:[A-Za-z_][A-Za-z0-9_.-]*)?$`)

func (w *xmlWriter) fail(format string, args ...any) {
	if w.err == nil {
		w.err = failure.Errorf(format, args...)
	}
}

func (w *xmlWriter) element(name string, v any, order *flows.Order, depth int) {
	switch {
	case !xmlName.MatchString(name):
		w.fail("%q cannot be the name of an XML element", failure.ShortLine(name))
	case depth > payload.MaxXMLDepth:
		w.fail("the XML is nested deeper than %d", payload.MaxXMLDepth)
	}
	if w.err == nil { // the buffer grows by at least a half
		w.err = w.charger.Charge(2*int64(w.Len()-w.charged) + budget.Text)
		w.charged = w.Len()
	}
	if w.err != nil {
		return
	}
	if list, ok := v.([]any); ok {
		for i, one := range list {
			if isList(one) {
				w.fail("%s is a list in a list, which XML has not", name)
				return
			}
			w.element(name, one, order.Element(i), depth)
		}
		return
	}
	w.WriteString("<" + name)
	object, ok := v.(map[string]any)
	if !ok {
		w.close(name, v)
		return
	}
	names := ordered(object, order)
	w.attributes(object, names)
	inside := slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, "@") || n == "#text" })
	if len(inside) == 0 {
		w.close(name, object["#text"])
		return
	}
	w.WriteString(">")
	w.text(object["#text"])
	for _, n := range inside {
		w.content(n, object[n], order.Member(n), depth+1)
	}
	w.WriteString("</" + name + ">")
}

// ordered returns the names of an object's members: in the order of the flow file those that it has, then the others by
// name.
func ordered(object map[string]any, order *flows.Order) []string {
	sorted := memberNames([]any{object})
	if order == nil {
		return sorted
	}
	names := make([]string, 0, len(sorted))
	for _, n := range order.Names {
		if _, ok := object[n]; ok {
			names = append(names, n)
		}
	}
	for _, n := range sorted {
		if !order.Has(n) {
			names = append(names, n)
		}
	}
	return names
}

// content writes a member of an element's object that is no attribute.
func (w *xmlWriter) content(name string, v any, order *flows.Order, depth int) {
	switch name {
	case "#text":
		w.text(v)
	case "#cdata":
		w.cdata(v)
	case "#children":
		w.children(v, order, depth)
	default:
		w.element(name, v, order, depth)
	}
}

// children writes what an element contains in the order of a list, whose objects have one member each.
func (w *xmlWriter) children(v any, order *flows.Order, depth int) {
	list, ok := v.([]any)
	if !ok {
		w.fail("#children is %s, not a list of objects with one member each", content.TypeName(v))
		return
	}
	for i, one := range list {
		object, ok := one.(map[string]any)
		if !ok || len(object) != 1 {
			w.fail("element %d of #children is not an object with one member", i)
			return
		}
		for name, member := range object {
			w.content(name, member, order.Element(i).Member(name), depth)
		}
	}
}

// cdata writes a text as a CDATA section. Its end mark is divided over two of them.
func (w *xmlWriter) cdata(v any) {
	switch v.(type) {
	case nil:
	case []any, map[string]any:
		w.fail("%s stands where XML has text", content.TypeName(v))
	default:
		text := strings.Map(func(r rune) rune {
			if isXMLChar(r) {
				return r
			}
			return '\uFFFD'
		}, content.ScalarText(v))
		w.WriteString("<![CDATA[" + strings.ReplaceAll(text, "]]>", "]]]]><![CDATA[>") + "]]>")
	}
}

// isXMLChar reports whether a document may have a character (XML 1.0, 2.2).
func isXMLChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

func (w *xmlWriter) attributes(object map[string]any, names []string) {
	for _, n := range names {
		attribute, ok := strings.CutPrefix(n, "@")
		if !ok {
			continue
		}
		if !xmlName.MatchString(attribute) {
			w.fail("%q cannot be the name of an XML attribute", failure.ShortLine(attribute))
			return
		}
		w.WriteString(" " + attribute + `="`)
		w.text(object[n])
		w.WriteString(`"`)
	}
}

// close ends an element without children.
func (w *xmlWriter) close(name string, v any) {
	if v == nil || v == "" {
		w.WriteString("/>")
		return
	}
	w.WriteString(">")
	w.text(v)
	w.WriteString("</" + name + ">")
}

// text escapes a text. Characters that XML does not allow become the replacement character.
func (w *xmlWriter) text(v any) {
	switch v.(type) {
	case nil:
	case []any, map[string]any:
		w.fail("%s stands where XML has text", content.TypeName(v))
	default:
		_ = xml.EscapeText(&w.Buffer, []byte(content.ScalarText(v))) // writing into memory cannot fail
	}
}
