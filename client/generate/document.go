package generate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// operation is an operation of a flow, with one of the media types of its body.
type operation struct {
	id, method, path     string
	summary, description string
	deprecated           bool
	public               bool // takes no credentials
	keyed                bool // takes an Idempotency-Key
	params               []param
	media                string // of the body; empty: takes none
	body                 *schema
	bodyRequired         bool
	download             bool    // the answer is a file
	answer               *schema // nil: its form is not described
	mayBeEmpty           bool    // may answer 204
	listing              bool    // has pages, which Link leads through
}

// param is a parameter of an operation.
type param struct {
	name, in, description string
	required              bool
	explode               bool // each element of a list is a parameter of its own
	schema                *schema
}

// The parts of an OpenAPI document (3.1) that clients are made from.
type openAPI struct {
	Version    string                                `json:"openapi"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components struct {
		Schemas    map[string]*schema      `json:"schemas"`
		Parameters map[string]apiParameter `json:"parameters"`
	} `json:"components"`
}

type apiOperation struct {
	ID          string              `json:"operationId"`
	Summary     string              `json:"summary"`
	Description string              `json:"description"`
	Deprecated  bool                `json:"deprecated"`
	Flow        json.RawMessage     `json:"x-penstock-flow"`
	Security    []json.RawMessage   `json:"security"`
	Parameters  []apiParameter      `json:"parameters"`
	Body        *apiBody            `json:"requestBody"`
	Responses   map[string]*apiBody `json:"responses"`
}

type apiParameter struct {
	Ref         string  `json:"$ref"`
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description"`
	Required    bool    `json:"required"`
	Explode     bool    `json:"explode"`
	Schema      *schema `json:"schema"`
}

type apiBody struct {
	Required bool                       `json:"required"`
	Headers  map[string]json.RawMessage `json:"headers"`
	Content  map[string]struct {
		Schema *schema `json:"schema"`
	} `json:"content"`
}

// read returns the operations of flows in the order of their ids, and the schemas that they refer to.
func read(text []byte) ([]operation, map[string]*schema, error) {
	var doc openAPI
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, nil, fmt.Errorf("read OpenAPI document: %w", err)
	}
	if !strings.HasPrefix(doc.Version, "3.1") {
		return nil, nil, fmt.Errorf("read OpenAPI document: its version is %q, want 3.1: is it /openapi.json of a Penstock server?", doc.Version)
	}
	var all []operation
	for path, item := range doc.Paths {
		for method, part := range item {
			if !slices.Contains([]string{"get", "head", "post", "put", "patch", "delete"}, method) {
				continue
			}
			var o apiOperation
			if err := json.Unmarshal(part, &o); err != nil {
				return nil, nil, fmt.Errorf("read %s %s: %w", method, path, err)
			}
			if o.Flow == nil {
				continue // the server's own
			}
			made := doc.operation(method, path, &o)
			if err := made.checkPath(); err != nil {
				return nil, nil, err
			}
			all = append(all, made.ofBodies(o.Body)...)
		}
	}
	if len(all) == 0 {
		return nil, nil, ErrNoOperations
	}
	slices.SortFunc(all, func(a, b operation) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.path, b.path), cmp.Compare(a.method, b.method))
	})
	return all, doc.used(all), nil
}

func (doc *openAPI) operation(method, path string, o *apiOperation) operation {
	out := operation{
		id: cmp.Or(o.ID, method+" "+path), method: strings.ToUpper(method), path: path,
		summary: o.Summary, description: o.Description, deprecated: o.Deprecated, public: o.Security != nil && len(o.Security) == 0,
	}
	for _, p := range o.Parameters {
		if p.Ref != "" {
			p = doc.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
		}
		switch {
		case p.In == "header" && strings.EqualFold(p.Name, "Idempotency-Key"):
			out.keyed = true
		case p.Name != "" && slices.Contains([]string{"path", "query", "header"}, p.In):
			out.params = append(out.params, param{p.Name, p.In, p.Description, p.Required || p.In == "path", p.Explode && p.In == "query", p.Schema})
		}
	}
	_, out.mayBeEmpty = o.Responses["204"]
	if ok := o.Responses["200"]; ok != nil {
		for _, media := range ok.Content {
			out.download = out.download || media.Schema.isFile()
		}
		if !out.download {
			out.answer = jsonOf(ok)
		}
		_, linked := ok.Headers["Link"]
		out.listing = linked && method == "get"
	}
	return out
}

// Media types that clients encode. Bodies of others are sent as they are.
const (
	mediaJSON   = "application/json"
	mediaForm   = "multipart/form-data"
	mediaFields = "application/x-www-form-urlencoded"
)

// ofBodies returns the operation for each media type of its body. Those besides JSON, or besides the first, have a word more
// in their ids.
func (o *operation) ofBodies(b *apiBody) []operation {
	if b == nil || len(b.Content) == 0 {
		return []operation{*o}
	}
	var all []operation
	_, hasJSON := b.Content[mediaJSON]
	for i, media := range sorted(b.Content) { // application/json is before multipart/form-data
		made := *o
		made.media, made.body, made.bodyRequired = media, b.Content[media].Schema, b.Required
		if media != mediaJSON && (hasJSON || i > 0) {
			made.id += map[string]string{mediaForm: "_form", mediaFields: "_fields"}[media]
			if media != mediaForm && media != mediaFields {
				made.id += "_file"
			}
		}
		all = append(all, made)
	}
	return all
}

// template is the form of paths: characters that need no encoding (RFC 3986, section 3.3), and parameters.
var template = regexp.MustCompile(`^/[A-Za-z0-9._~!$&'()*+,;=:@%/{}-]*$`)

func (o *operation) checkPath() error {
	if !template.MatchString(o.path) {
		return fmt.Errorf("read path %q: it has a character that a path has to encode", o.path)
	}
	for i, name := range pathParts(o.path) {
		if i%2 == 1 && !slices.ContainsFunc(o.params, func(p param) bool { return p.in == "path" && p.name == name }) {
			return fmt.Errorf("read path %q: parameter %q is not described", o.path, name)
		}
	}
	return nil
}

// jsonOf is the schema of a JSON body; nil: it may be anything else.
func jsonOf(b *apiBody) *schema {
	media, ok := b.Content[mediaJSON]
	if !ok {
		return nil
	}
	if media.Schema == nil {
		return &schema{}
	}
	return media.Schema
}

// used are the components that the operations lead to.
func (doc *openAPI) used(all []operation) map[string]*schema {
	used := map[string]*schema{}
	var visit func(s *schema)
	visit = func(s *schema) {
		if name := s.component(); name != "" && used[name] == nil && doc.Components.Schemas[name] != nil {
			used[name] = doc.Components.Schemas[name]
			visit(used[name])
		}
		for _, part := range s.parts() {
			visit(part)
		}
	}
	for i := range all {
		for _, p := range all[i].params {
			visit(p.schema)
		}
		visit(all[i].body)
		visit(all[i].answer)
	}
	return used
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
