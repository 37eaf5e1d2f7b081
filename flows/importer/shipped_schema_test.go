package importer_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// route finds the operation of a document for a request, and the values of the parameters of its path; nil when there is none.
func (s specified) route(doc *openapi3.T, r *http.Request) (*routers.Route, map[string]string) {
	target := *r.URL
	target.RawQuery = ""
	path := strings.TrimPrefix(target.String(), s.base)
	if s.path != nil {
		path = s.path(r.Method, path)
	}
	segments := strings.Split(path, "/")
	var best *routers.Route
	var values map[string]string
	for template, item := range doc.Paths.Map() {
		operation := item.GetOperation(r.Method)
		found, ok := pathMatch(strings.Split(template, "/"), segments)
		if operation == nil || !ok || best != nil && len(found) >= len(values) {
			continue
		}
		operation.Security = &openapi3.SecurityRequirements{}
		best, values = &routers.Route{Spec: doc, Path: template, PathItem: item, Method: r.Method, Operation: operation}, found
	}
	return best, values
}

// pathMatch returns the values of a template's parameters.
func pathMatch(template, segments []string) (map[string]string, bool) {
	if len(template) != len(segments) {
		return nil, false
	}
	values := map[string]string{}
	for i, part := range template {
		name, parameter := strings.CutPrefix(part, "{")
		if !parameter {
			if part != segments[i] {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(segments[i])
		if err != nil {
			return nil, false
		}
		values[strings.TrimSuffix(name, "}")] = value
	}
	return values, true
}

func (s specified) checkRequest(t *testing.T, route *routers.Route, values map[string]string, r *http.Request) error {
	t.Helper()
	for name := range r.URL.Query() {
		name, _, _ = strings.Cut(name, "[")
		if route.Operation.Parameters.GetByInAndName("query", name) == nil && route.PathItem.Parameters.GetByInAndName("query", name) == nil && !slices.Contains(s.newer, name) {
			return errors.New("the document has no query parameter " + name)
		}
	}
	err := openapi3filter.ValidateRequest(t.Context(), &openapi3filter.RequestValidationInput{
		Request: r, PathParams: values, Route: route, Options: &openapi3filter.Options{SkipSettingDefaults: true},
	})
	if err != nil && unchecked.MatchString(err.Error()) {
		return errSkipped
	}
	return err
}

// checkResponse compares an answer with the schema of its status.
func (s specified) checkResponse(route *routers.Route, c call) (wrong []string) {
	if c.answer == nil {
		return nil
	}
	described := route.Operation.Responses.Status(c.status)
	if described == nil {
		described = route.Operation.Responses.Default()
	}
	if described == nil || described.Value == nil {
		if c.status >= 400 {
			return nil // documents seldom list all failures
		}
		return []string{"the document has no such status"}
	}
	media := described.Value.Content.Get("application/json")
	if media == nil || media.Schema == nil {
		return nil
	}
	if err := media.Schema.Value.VisitJSON(c.answer, openapi3.VisitAsResponse()); err != nil {
		wrong = append(wrong, err.Error())
	}
	return append(wrong, s.unknown(media.Schema.Value, c.answer, "")...)
}

// unknown returns the members of a value that a schema does not have.
func (s specified) unknown(schema *openapi3.Schema, v any, at string) (all []string) {
	switch v := v.(type) {
	case []any:
		for _, part := range parts(schema) {
			if part.Items != nil {
				for _, element := range v {
					all = append(all, s.unknown(part.Items.Value, element, at+"[]")...)
				}
			}
		}
	case map[string]any:
		for name, member := range v {
			found, open, described := property(schema, name)
			switch {
			case found != nil:
				all = append(all, s.unknown(found, member, at+"."+name)...)
			case described && !open && !slices.Contains(s.newer, name):
				all = append(all, "the document has no member "+at+"."+name)
			}
		}
	}
	return all
}

// property finds the schema of a member; open: other members are allowed by name, described: some members are.
func property(schema *openapi3.Schema, name string) (found *openapi3.Schema, open, described bool) {
	for _, part := range parts(schema) {
		if p := part.Properties[name]; p != nil && found == nil {
			found = p.Value
		}
		described = described || len(part.Properties) > 0
		if part.AdditionalProperties.Schema != nil || part.AdditionalProperties.Has != nil && *part.AdditionalProperties.Has {
			open = true
		}
	}
	return found, open, described
}

// parts returns a schema with those that it is put together of.
func parts(schema *openapi3.Schema) []*openapi3.Schema {
	all := []*openapi3.Schema{schema}
	for _, refs := range []openapi3.SchemaRefs{schema.AllOf, schema.AnyOf, schema.OneOf} {
		for _, ref := range refs {
			if ref.Value != nil && ref.Value != schema {
				all = append(all, parts(ref.Value)...)
			}
		}
	}
	return all
}
