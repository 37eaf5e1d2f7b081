// Package importer writes connectors and http steps from what describes an API elsewhere: OpenAPI 3.0 and 3.1,
// Swagger 2.0, collections of Postman and lines of curl. It reads the plain document, so that time and memory have a
// bound and a fault in one place costs no more than the operation there.
package importer

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Config says what is imported. The zero value imports everything.
type Config struct {
	Name string   // of the connector; "": of the title of the document
	Only []string // operations by name, operationId, tag or "METHOD /path"; none: all
	Base string   // URL in place of that of the document
}

// Result is an imported connector.
type Result struct {
	Name       string
	Title      string
	Format     string
	Operations []Operation
	Left       []Note // what did not come over

	head mapping
	ops  []imported
}

// Operation is one operation of a connector, or one that the document offers.
type Operation struct {
	Name    string   `json:"name"`
	Method  string   `json:"method"`
	Path    string   `json:"path"`
	Summary string   `json:"summary"`
	Tags    []string `json:"tags"`
	Params  int      `json:"params"`
	Paging  string   `json:"paging,omitempty"`
}

// Note says what did not come over, or not as the document says it.
type Note struct {
	Operation string `json:"operation,omitempty"`
	Place     string `json:"place"` // file#/JSON/pointer
	Reason    string `json:"reason"`
	Whole     bool   `json:"whole"` // the operation is missing; else a part of it is
}

// imported is an operation as it is written.
type imported struct {
	Operation
	body  mapping
	place string // in the document
	needs []any  // its credentials
}

// Import reads a specification from a file or directory, or from content if that is not nil.
func Import(name string, content io.Reader, c Config) (*Result, error) {
	source, err := open(name, content)
	if err != nil {
		return nil, fmt.Errorf("read specification: %w", err)
	}
	defer source.Close()
	docs := newDocuments(source)
	doc, err := docs.open(source.entry)
	if err != nil {
		return nil, fmt.Errorf("read specification: %s: %w", source.entry, err)
	}
	if isPostman(doc.node()) {
		r, err := importPostman(doc.node(), c)
		if r != nil {
			r.Left = append(r.Left, docs.notes()...)
		}
		return r, err
	}
	s, err := newSpec(doc)
	if err != nil {
		return nil, fmt.Errorf("read specification: %s: %w", source.entry, err)
	}
	return s.imports(c)
}

func newSpec(doc *document) (*spec, error) {
	root := doc.node()
	if _, ok := root.v.(map[string]any); !ok {
		return nil, errors.New("the document is no object")
	}
	s := &spec{root: root, docs: doc.set}
	switch version := root.str("openapi"); {
	case strings.HasPrefix(version, "3."):
		s.format = "openapi " + version
	case strings.HasPrefix(root.str("swagger"), "2."):
		s.swagger, s.format = true, "swagger "+root.str("swagger")
	case version != "":
		return nil, fmt.Errorf("#/openapi: version %s is not read: 3.0 and 3.1 are", shorten(version, 20))
	default:
		return nil, errors.New("the document has neither `openapi: 3…` nor `swagger: 2.0` at its top")
	}
	return s, nil
}

func (s *spec) imports(c Config) (*Result, error) {
	r := &Result{Title: strings.ReplaceAll(oneLine(s.root.str("info", "title"), 100), "${", "{"), Format: s.format}
	r.Name = c.Name
	if r.Name == "" {
		r.Name = connectorName(r.Title, s.docs.source.entry)
	}
	if !plainName.MatchString(r.Name) {
		return nil, fmt.Errorf("the name of a connector has letters, digits and _, and begins with a letter: %q", r.Name)
	}
	all := s.operations(func(op, at, why string) {
		r.Left = append(r.Left, Note{Operation: op, Place: at, Reason: why, Whole: true})
	})
	nameOperations(all)
	b := s.newBuilder(c)
	for _, op := range all {
		if !op.selected(c.Only) {
			continue
		}
		made, err := b.build(op)
		if err != nil {
			r.Left = append(r.Left, Note{Operation: op.name, Place: op.node.place(), Reason: err.Error(), Whole: true})
			continue
		}
		r.ops = append(r.ops, made)
	}
	if len(c.Only) > 0 {
		for _, want := range c.Only {
			if !slices.ContainsFunc(all, func(op *operation) bool { return op.selected([]string{want}) }) {
				return nil, fmt.Errorf("the document has no operation or tag %q", want)
			}
		}
		r.Left = nil
	}
	r.head = b.head(r)
	r.Left = append(r.Left, b.counted()...)
	r.Left = append(r.Left, s.docs.notes()...)
	slices.SortFunc(r.ops, func(a, b imported) int { return strings.Compare(a.Name, b.Name) })
	for _, op := range r.ops {
		r.Operations = append(r.Operations, op.Operation)
	}
	return r, nil
}

// connectorName makes a name of a title, or of a file's name.
func connectorName(title, file string) string {
	words := strings.Split(snake(strings.ToLower(title)), "_")
	for len(words) > 1 && strings.Trim(words[0], "0123456789") == "" {
		words = words[1:]
	}
	words = slices.DeleteFunc(words, func(w string) bool {
		return slices.Contains([]string{"", "api", "apis", "rest", "v1", "v2", "v3", "the", "public", "openapi", "swagger", "spec", "specification"}, w)
	})
	if len(words) == 0 {
		words = strings.Split(snake(strings.TrimSuffix(path.Base(file), path.Ext(file))), "_")
	}
	name := identifier(strings.Join(words[:min(len(words), 4)], "_"))
	if name == "n" {
		return "api"
	}
	return name
}

// YAML returns the connector as a file.
func (r *Result) YAML() []byte {
	operations := mapping{}
	for _, op := range r.ops {
		operations = append(operations, entry{op.Name, op.body})
	}
	return encode(append(slices.Clone(r.head), entry{"operations", operations}))
}
