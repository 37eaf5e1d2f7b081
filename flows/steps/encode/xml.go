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
		return decodeFormat(func(charger *budget.Charger, text string) (any, error) {
			return payload.ParseXML(charger, []byte(text), "utf-8")
		}), nil
	}
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
			w.element(name, root, 1)
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

func (w *xmlWriter) element(name string, v any, depth int) {
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
		for _, one := range list {
			if isList(one) {
				w.fail("%s is a list in a list, which XML has not", name)
				return
			}
			w.element(name, one, depth)
		}
		return
	}
	w.WriteString("<" + name)
	object, ok := v.(map[string]any)
	if !ok {
		w.close(name, v)
		return
	}
	names := memberNames([]any{object})
	children := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return strings.HasPrefix(n, "@") || n == "#text" })
	w.attributes(object, names)
	if len(children) == 0 {
		w.close(name, object["#text"])
		return
	}
	w.WriteString(">")
	w.text(object["#text"])
	for _, child := range children {
		w.element(child, object[child], depth+1)
	}
	w.WriteString("</" + name + ">")
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
