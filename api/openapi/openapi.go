// Package openapi has the description of the API, as an OpenAPI document and as an HTML page.
package openapi

import (
	_ "embed"
	"fmt"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed openapi.yaml
var source []byte

// Style is the style sheet of the page, served at StylePath.
//
//go:embed style.css
var Style []byte

// StylePath is the path of the style sheet.
const StylePath = "/docs/style.css"

// Description is the API reference.
type Description struct {
	Document []byte // OpenAPI 3.1 (JSON)
	Page     []byte // HTML for people; it loads only Style

	root object // of Document, not modified
}

// Describe returns the description that is built into the program, read at the first call. All callers share it, and nobody
// changes it.
var Describe = sync.OnceValues(func() (*Description, error) {
	var root object
	if err := yaml.UnmarshalWithOptions(source, &root, yaml.UseOrderedMap()); err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	document, err := encode(root)
	if err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	return &Description{Document: document, Page: render(root), root: root}, nil
})

// object is a mapping in the order of the file.
type object = yaml.MapSlice

// at returns the value at a path of names; nil: there is none.
func at(v any, names ...string) any {
	for _, name := range names {
		o, _ := v.(object)
		v = nil
		for _, m := range o {
			if m.Key == name {
				v = m.Value
			}
		}
	}
	return v
}

func text(v any, names ...string) string {
	s, _ := at(v, names...).(string)
	return s
}

func list(v any, names ...string) []any {
	l, _ := at(v, names...).([]any)
	return l
}

func members(v any, names ...string) object {
	o, _ := at(v, names...).(object)
	return o
}
