package flowdoc

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/penstock/penstock/api/openapi"
	"github.com/penstock/penstock/flows"
)

//go:embed components.yaml
var components []byte

// Builder puts documents together. Safe for concurrent use.
type Builder struct {
	own    *openapi.Description
	shared map[string]map[string]any // components.yaml
}

// NewBuilder returns a Builder on the description of the server itself.
func NewBuilder(own *openapi.Description) (*Builder, error) {
	b := &Builder{own: own}
	if err := yaml.Unmarshal(components, &b.shared); err != nil {
		return nil, fmt.Errorf("read components.yaml: %w", err)
	}
	return b, nil
}

// All returns the server's own document with operations of flows. note is added to its description.
func (b *Builder) All(parts []*Part, note string) ([]byte, error) {
	x := b.extension(parts, false)
	x.Note = note
	text, err := b.own.With(x)
	if err != nil {
		return nil, fmt.Errorf("describe flows: %w", err)
	}
	return text, nil
}

// One returns a document with the operations of a part alone.
func (b *Builder) One(p *Part) []byte {
	x := b.extension([]*Part{p}, true)
	info := flows.EncodeJSON(object{
		"title": p.Title, "version": p.Version[:min(12, len(p.Version))],
		"description": fmt.Sprintf("The API of flow %d. Every answer carries `X-Request-Id`, every answer about a run `Penstock-Run-Id`. Failures are problems (RFC 9457).", p.Flow),
	})
	var out strings.Builder
	fmt.Fprintf(&out, `{"openapi":"3.1.0","info":%s,"servers":[{"url":"/"}],"tags":[%s],"paths":`, info, p.Tag)
	writeMembers(&out, x.Paths)
	out.WriteString(`,"components":{`)
	for i, section := range sections(x) {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "%q:", section)
		writeMembers(&out, x.Components[section])
	}
	out.WriteString("}}")
	return []byte(out.String())
}

func sections(x openapi.Extension) []string {
	var all []string
	for section := range x.Components {
		all = append(all, section)
	}
	slices.Sort(all)
	return all
}

func writeMembers(out *strings.Builder, all []openapi.Member) {
	out.WriteByte('{')
	for i, m := range all {
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(flows.EncodeJSON(m.Name))
		out.WriteByte(':')
		out.Write(m.JSON)
	}
	out.WriteByte('}')
}

// extension collects operations by path, and the components that they refer to: all of them if whole, else those that
// the server's own document has not.
func (b *Builder) extension(parts []*Part, whole bool) openapi.Extension {
	x := openapi.Extension{Components: map[string][]openapi.Member{}}
	byPath, c := map[string][]openapi.Member{}, &collection{b: b, whole: whole, x: &x, seen: map[string]bool{}}
	var paths []string
	for _, p := range parts {
		x.Tags = append(x.Tags, p.Tag)
		for i := range p.Operations {
			o := &p.Operations[i]
			if byPath[o.Path] == nil {
				paths = append(paths, o.Path)
			}
			byPath[o.Path] = append(byPath[o.Path], openapi.Member{Name: o.Method, JSON: o.object})
			c.schemas = o.schemas
			c.follow(o.object)
			if whole {
				c.security(o)
			}
		}
	}
	slices.Sort(paths)
	for _, path := range paths {
		var item strings.Builder
		writeMembers(&item, byPath[path])
		x.Paths = append(x.Paths, openapi.Member{Name: path, JSON: []byte(item.String())})
	}
	return x
}

// collection is the components that operations refer to.
type collection struct {
	b       *Builder
	whole   bool
	x       *openapi.Extension
	seen    map[string]bool   // section/name
	schemas map[string][]byte // of the operation
}

// pointers are the references within a document, as EncodeJSON writes them.
var pointers = regexp.MustCompile(`"\$ref":"#/components/([A-Za-z]+)/([A-Za-z0-9_]+)"`)

// follow adds what a text refers to, and what that refers to.
func (c *collection) follow(text []byte) {
	for _, m := range pointers.FindAllSubmatch(text, -1) {
		c.add(string(m[1]), string(m[2]))
	}
}

func (c *collection) add(section, name string) {
	if c.seen[section+"/"+name] {
		return
	}
	c.seen[section+"/"+name] = true
	text := c.schemas[name]
	if shared, ok := c.b.shared[section][name]; ok {
		text = flows.EncodeJSON(shared)
	} else if section != "schemas" || text == nil {
		if text = c.b.own.Component(section, name); !c.whole || text == nil {
			return
		}
	}
	c.x.Components[section] = append(c.x.Components[section], openapi.Member{Name: name, JSON: text})
	c.follow(text)
}

// security adds the schemes that an operation names.
func (c *collection) security(o *Operation) {
	for _, way := range o.Ways {
		c.add("securitySchemes", way)
		if way == flows.AuthKey {
			c.add("securitySchemes", "signature")
		}
	}
}
