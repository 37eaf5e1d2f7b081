package flowdoc

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows"
)

// Sheet is what a page says about an operation.
type Sheet struct {
	*Operation
	Summary     string
	Description string // with `code` and blank lines between paragraphs
	Deprecated  bool
	Params      []Param
	Bodies      []*Content // by media type, JSON first; empty: it takes none
	BodyNeeded  bool
	Responses   []Response // by status; "default" is the last
}

// Param is a parameter of the path, the query or a header.
type Param struct {
	Name, In, Type, Description string
	Required                    bool
	Explode                     bool // each element of the list is a parameter of its own
	Enum                        []string
	Default, Example            string // empty: none
}

// Response is one status.
type Response struct {
	Status, Description string
	Headers             []string
	Content             *Content // nil: no body
}

// ProblemType is the media type of failures (RFC 9457). All have the same schema, which sheets leave out.
const ProblemType = "application/problem+json"

// Content is a body.
type Content struct {
	MediaType string
	Binary    bool     // the body is bytes
	Files     []string // members of a form that are files
	Members   []Member // of its schema, flattened
	Schema    string   // JSON, indented; empty: none
	Skeleton  string   // JSON that has the form of the schema, indented; empty: the body is no JSON object
	Examples  []Example
}

// FileFields returns the names of the files of a form; a form of which nothing is known has the field "file".
func (c *Content) FileFields() []string {
	if len(c.Files) == 0 {
		return []string{"file"}
	}
	return c.Files
}

// Example is a body from a test of the flow.
type Example struct{ Name, Text string }

// Sheet returns the page of an operation.
func (b *Builder) Sheet(o *Operation) (*Sheet, error) {
	r := &resolver{b: b, schemas: o.schemas}
	op := r.decode(o.object)
	if op == nil {
		return nil, fmt.Errorf("read the description of %s", o.ID)
	}
	s := &Sheet{Operation: o, Summary: textOf(op["summary"]), Description: textOf(op["description"]), Deprecated: op["deprecated"] == true}
	for _, p := range listOf(op["parameters"]) {
		s.Params = append(s.Params, r.param(r.follow(p)))
	}
	if body := r.follow(op["requestBody"]); body != nil {
		s.Bodies, s.BodyNeeded = r.contents(body), body["required"] == true
	}
	responses := asObject(op["responses"])
	for _, status := range slices.Sorted(maps.Keys(responses)) { // "default" comes after the digits
		answer := r.follow(responses[status])
		response := Response{Status: status, Description: textOf(answer["description"]), Headers: slices.Sorted(maps.Keys(asObject(answer["headers"])))}
		if all := r.contents(answer); len(all) > 0 {
			response.Content = all[0]
		}
		s.Responses = append(s.Responses, response)
	}
	return s, nil
}

// Request returns an example of the operation's body, or one in the form of its schema; empty: there is neither.
func (s *Sheet) Request() string {
	switch {
	case len(s.Bodies) == 0:
		return ""
	case len(s.Bodies[0].Examples) > 0:
		return s.Bodies[0].Examples[0].Text
	}
	return s.Bodies[0].Skeleton
}

// resolver reads the parts of a description that references lead to.
type resolver struct {
	b       *Builder // nil: references lead to schemas alone
	schemas map[string][]byte

	read  map[string]object // by reference
	steps int               // references followed so far
}

// maxSteps bounds how many references are followed: schemas that refer to themselves several times would be written out
// for ever.
const maxSteps = 2000

func (r *resolver) decode(text []byte) object {
	var v object
	if json.Unmarshal(text, &v) != nil {
		return nil
	}
	return v
}

// follow returns an object, or the one that it refers to; nil: it is none.
func (r *resolver) follow(v any) object {
	o := asObject(v)
	for range 8 { // references to references
		name, is := o["$ref"].(string)
		if !is {
			return o
		}
		if r.steps++; r.steps > maxSteps {
			return nil
		}
		to, known := r.read[name]
		if !known {
			to = r.at(name)
			if r.read == nil {
				r.read = map[string]object{}
			}
			r.read[name] = to
		}
		o = to
	}
	return nil
}

func (r *resolver) at(ref string) object {
	section, name, ok := strings.Cut(strings.TrimPrefix(ref, "#/components/"), "/")
	if !ok {
		return nil
	}
	if text, own := r.schemas[name]; own && section == "schemas" {
		return r.decode(text)
	}
	if r.b == nil {
		return nil
	}
	if shared, ok := r.b.shared[section][name]; ok {
		return r.decode(flows.EncodeJSON(shared))
	}
	return r.decode(r.b.own.Component(section, name))
}

func (r *resolver) param(p object) Param {
	schema := r.follow(p["schema"])
	m := r.member("", schema, false)
	out := Param{
		Name: textOf(p["name"]), In: textOf(p["in"]), Required: p["required"] == true, Description: textOf(p["description"]),
		Type: m.Type, Enum: m.Enum, Default: plainText(schema["default"]), Example: plainText(p["example"]),
	}
	if out.Explode = p["explode"] == true; out.Explode {
		lines := make([]string, 0, len(listOf(p["example"])))
		for _, v := range listOf(p["example"]) {
			lines = append(lines, plainText(v))
		}
		out.Example = strings.Join(lines, "\n")
	}
	if out.Enum == nil && schema["items"] != nil {
		out.Enum = r.member("", r.follow(schema["items"]), false).Enum
	}
	if out.Description == "" {
		out.Description = textOf(schema["description"])
	}
	return out
}

// preferred returns the media types of a body in the order of their use: JSON, forms with files, others by name.
func preferred(content object) []string {
	return slices.SortedFunc(maps.Keys(content), func(a, b string) int {
		rank := func(media string) int { return slices.Index([]string{typeMultipart, "application/json"}, media) }
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(a, b))
	})
}

// contents returns the body of a request or response in each of its media types.
func (r *resolver) contents(of object) []*Content {
	content := asObject(of["content"])
	var all []*Content
	for _, media := range preferred(content) {
		all = append(all, r.content(media, asObject(content[media])))
	}
	return all
}

func (r *resolver) content(name string, body object) *Content {
	c := &Content{MediaType: name}
	schema := r.follow(body["schema"])
	c.Binary = isBinary(schema)
	for _, member := range slices.Sorted(maps.Keys(asObject(schema["properties"]))) {
		property := r.follow(asObject(schema["properties"])[member])
		if isBinary(property) || isBinary(r.follow(property["items"])) {
			c.Files = append(c.Files, member)
		}
	}
	if schema := asObject(body["schema"]); len(schema) > 0 && name != ProblemType {
		c.Members = r.members(schema)
		c.Schema = indented(r.inline(schema, 0))
		if value, ok := r.skeleton(schema, 0).(object); ok {
			c.Skeleton = indented(value)
		}
	}
	examples := asObject(body["examples"])
	for _, id := range slices.Sorted(maps.Keys(examples)) {
		e := r.follow(examples[id])
		c.Examples = append(c.Examples, Example{Name: textOf(e["summary"]), Text: indented(e["value"])})
	}
	return c
}

// formatted are texts of the formats of JSON Schema. Read only.
var formatted = map[string]string{
	"date": "2026-11-29", "date-time": "2026-11-29T08:00:00Z", "time": "08:00:00", "email": "name@example.org",
	"uri": "https://example.org/", "uuid": "00000000-0000-4000-8000-000000000000",
}

// maxSkeleton is the maximum nesting of a skeleton.
const maxSkeleton = 4

// skeleton returns a value in the form of a schema, as a beginning for who writes one; it need not fit. Files are left out.
func (r *resolver) skeleton(v any, level int) any {
	s := r.follow(v)
	for _, value := range append(listOf(s["examples"]), append(listOf(s["enum"]), s["const"], s["default"])...) {
		if value != nil {
			return value
		}
	}
	if some := append(listOf(s["anyOf"]), append(listOf(s["oneOf"]), listOf(s["allOf"])...)...); len(some) > 0 && s["properties"] == nil {
		return r.skeleton(some[0], level+1)
	}
	switch {
	case s == nil || level > maxSkeleton:
		return nil
	case hasType(s, "object") || s["properties"] != nil:
		all := object{}
		for name, property := range asObject(s["properties"]) {
			if p := r.follow(property); !isBinary(p) && !isBinary(r.follow(p["items"])) {
				all[name] = r.skeleton(property, level+1)
			}
		}
		return all
	case hasType(s, "array"):
		if item := r.skeleton(s["items"], level+1); item != nil {
			return []any{item}
		}
		return []any{}
	case hasType(s, "integer"), hasType(s, "number"):
		if least := s["minimum"]; least != nil {
			return least
		}
		return 0
	case hasType(s, "boolean"):
		return true
	case hasType(s, "string"):
		return cmp.Or(formatted[textOf(s["format"])], "text")
	}
	return nil
}

// isBinary reports whether a schema describes bytes.
func isBinary(s object) bool { return s["format"] == "binary" }

func indented(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return ""
	}
	return unescaped.Replace(string(text))
}

// unescaped writes what encoding/json escapes for HTML, which pages escape themselves.
var unescaped = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&") // read only

// plainText is a value as a person would type it; empty for nil.
func plainText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i, part := range v {
			parts[i] = plainText(part)
		}
		return strings.Join(parts, ",")
	}
	return string(flows.EncodeJSON(v))
}

func textOf(v any) string {
	s, _ := v.(string)
	return s
}

func listOf(v any) []any {
	list, _ := v.([]any)
	return list
}
