package openapi

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// Extension is what a document has besides the server's own operations. All texts are JSON.
type Extension struct {
	Note       string // added to the description of the document
	Tags       [][]byte
	Paths      []Member
	Components map[string][]Member // by section: schemas, parameters…
}

// Member is a member of a JSON object.
type Member struct {
	Name string
	JSON []byte
}

// With returns the server's own document with an extension.
func (d *Description) With(x Extension) ([]byte, error) {
	root := object{}
	for _, m := range d.root {
		switch m.Key {
		case "info":
			m.Value = withNote(m.Value, x.Note)
		case "tags":
			tags := append([]any{}, list(d.root, "tags")...)
			for _, t := range x.Tags {
				tags = append(tags, json.RawMessage(t))
			}
			m.Value = tags
		case "paths":
			m.Value = withMembers(m.Value, x.Paths)
		case "components":
			sections := object{}
			for _, section := range members(d.root, "components") {
				section.Value = withMembers(section.Value, x.Components[fmt.Sprint(section.Key)])
				sections = append(sections, section)
			}
			m.Value = sections
		}
		root = append(root, m)
	}
	return encode(root)
}

func withNote(info any, note string) any {
	out := object{}
	for _, m := range members(info) {
		if m.Key == "description" && note != "" {
			m.Value = strings.TrimSpace(text(info, "description")) + "\n\n" + note
		}
		out = append(out, m)
	}
	return out
}

func withMembers(v any, added []Member) any {
	o := append(object{}, members(v)...)
	for _, m := range added {
		o = append(o, yaml.MapItem{Key: m.Name, Value: json.RawMessage(m.JSON)})
	}
	return o
}

// Component returns a component of the server's own document as JSON; nil: there is none.
func (d *Description) Component(section, name string) []byte {
	v := at(d.root, "components", section, name)
	if v == nil {
		return nil
	}
	text, err := encode(v)
	if err != nil {
		return nil // it is a part of Document, which was encoded
	}
	return text
}
