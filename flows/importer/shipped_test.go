package importer_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/connectors"
	"github.com/penstock/penstock/flows/steps"
)

// specified says which document describes the API of a connector that ships, and where the two differ.
type specified struct {
	connector, file, base string
	path                  func(method, path string) string // of a request, as the document has it; nil: as it is
	edit                  func(map[string]any)             // mends the document
	newer                 []string                         // members and parameters that the API has and the document has not
	elsewhere             []string                         // operations that the document has not
}

var shipped = []specified{
	{
		connector: "stripe", file: "stripe.yaml.gz", base: "https://api.stripe.com",
	},
	{
		// The document is of 2018: since then lists go by next_page_token, and numbers of meetings are numbers.
		connector: "zoom", file: "zoom.json.gz", base: "https://api.zoom.us/v2",
		edit: func(root map[string]any) {
			rewrite(root, func(object map[string]any) {
				properties, _ := object["properties"].(map[string]any)
				id, _ := properties["id"].(map[string]any)
				said, _ := id["description"].(string)
				if properties["topic"] != nil || properties["registrant_id"] != nil || strings.HasSuffix(said, " number") {
					properties["id"] = map[string]any{"type": "integer"}
				}
			})
		},
		newer: []string{"next_page_token"},
	},
	{
		connector: "hubspot", file: "hubspot-contacts.json.gz", base: "https://api.hubapi.com",
		path: func(_, path string) string {
			for _, object := range []string{"contacts", "companies", "deals"} { // objects of all types have the same endpoints
				if rest, ok := strings.CutPrefix(path, "/crm/v3/objects/"+object); ok {
					return "/crm/objects/2026-03/contacts" + rest
				}
			}
			return strings.Replace(path, "/crm/v4/objects/", "/crm/objects/2026-03/", 1)
		},
		edit: func(root map[string]any) { // the document requires members that the examples of HubSpot's guides leave out
			rewrite(root, func(object map[string]any) {
				if required, ok := object["required"].([]any); ok {
					object["required"] = slices.DeleteFunc(required, func(name any) bool {
						return slices.Contains([]any{"after", "sorts", "associations"}, name)
					})
				}
			})
		},
		newer:     []string{"status", "errorType", "policyName"}, // of failures
		elsewhere: []string{"associations_list"},
	},
	{
		// The document is that of the connector for Power Automate, which turns some bodies into those of the API.
		connector: "blackbaud_sky", file: "blackbaud-renxt.json.gz", base: "https://api.sky.blackbaud.com",
		path: func(method, path string) string {
			if method == http.MethodPost && path == "/constituent/v1/constituents" {
				return "/constituent/v1/virtual/individuals"
			}
			return path
		},
		edit: func(root map[string]any) {
			rewrite(root, func(object map[string]any) {
				if object["x-ms-dynamic-schema"] != nil { // by the category
					delete(object, "type")
				}
				properties, _ := object["properties"].(map[string]any)
				if properties["gift_splits"] != nil && properties["origin"] != nil && object["required"] != nil {
					properties["payments"] = map[string]any{"type": "array", "items": properties["payments"]}
					object["required"] = slices.DeleteFunc(object["required"].([]any), func(name any) bool { return name == "origin" })
				}
			})
		},
		newer: []string{"next_link"},
	},
}

// rewrite calls f for every object of a document.
func rewrite(v any, f func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		f(v)
		for _, member := range v {
			rewrite(member, f)
		}
	case []any:
		for _, element := range v {
			rewrite(element, f)
		}
	}
}

// The requests of the tests of connectors that ship are valid by the vendors' documents, and their responses, which are
// excerpts, have the members and types of them.
func TestShippedFitTheirSpecifications(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it reads 5 MB of documents twice")
	}
	documents(t, specifications+"/*.gz")
	for _, s := range shipped {
		t.Run(s.connector, func(t *testing.T) {
			t.Parallel()
			s.check(t)
		})
	}
}

// shippedTest is a test of a connector, as its file has it.
type shippedTest struct {
	Name      string
	Operation string
	Params    map[string]any
	Response  any
}

type shippedFile struct {
	Operations map[string]struct {
		Example struct {
			Params   map[string]any
			Response any
		}
	}
	Tests []shippedTest
}

func (s specified) check(t *testing.T) {
	name, source, err := connectors.Shipped().Connector(s.connector)
	if err != nil {
		t.Fatal(err)
	}
	connector, err := flows.ParseConnector(name, source, steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	var file shippedFile
	if err := yaml.Unmarshal(source, &file); err != nil {
		t.Fatal(err)
	}
	strict := s.load(t, s.edit)
	lenient := s.load(t, func(root map[string]any) { // excerpts lack members
		if s.edit != nil {
			s.edit(root)
		}
		rewrite(root, func(object map[string]any) {
			if _, ok := object["required"].([]any); ok {
				delete(object, "required")
			}
		})
	})
	var elsewhere []string
	requests, nested := 0, 0
	for _, test := range file.Tests {
		example := file.Operations[test.Operation].Example
		if test.Params == nil {
			test.Params = example.Params
		}
		if test.Response == nil {
			test.Response = example.Response
		}
		for _, call := range calls(t, connector, test) {
			route, values := s.route(strict, call.request)
			if route == nil {
				elsewhere = append(elsewhere, test.Operation)
				continue
			}
			requests++
			call.request.Body = io.NopCloser(bytes.NewReader(call.body))
			err := s.checkRequest(t, route, values, call.request)
			if errors.Is(err, errSkipped) {
				nested++
				err = checkNested(route, call)
			}
			if err != nil {
				t.Errorf("%s: %s %s: %v", test.Name, call.request.Method, call.request.URL, err)
			}
			route, _ = s.route(lenient, call.request)
			for _, wrong := range s.checkResponse(route, call) {
				t.Errorf("%s: response: %s", test.Name, wrong)
			}
		}
	}
	t.Logf("%d requests of %d operations; %d with nested forms or queries", requests, len(file.Operations), nested)
	slices.Sort(elsewhere)
	if diff := cmp.Diff(s.elsewhere, slices.Compact(elsewhere)); diff != "" {
		t.Errorf("operations that the document has not (-want +got)\n%s", diff)
	}
}

func (s specified) load(t *testing.T, edit func(map[string]any)) *openapi3.T {
	t.Helper()
	doc, err := load(t, specifications+"/"+s.file, func(root map[string]any) {
		if edit != nil {
			edit(root)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// call is a request that an operation has sent, and the response that it got.
type call struct {
	request *http.Request
	body    []byte
	status  int
	answer  any // JSON; nil: none
}

// player answers requests with the responses of a test.
type player struct {
	responses []any
	calls     []call
}

func (p *player) RoundTrip(r *http.Request) (*http.Response, error) {
	c := call{request: r, status: http.StatusOK}
	if r.Body != nil {
		var err error
		if c.body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	if len(p.calls) == len(p.responses) {
		return nil, errRecorded
	}
	response, _ := p.responses[len(p.calls)].(map[string]any)
	if status, ok := response["status"].(int); ok {
		c.status = status
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if headers, ok := response["headers"].(map[string]any); ok && headers["Retry-After"] != nil {
		header.Set("Retry-After", "0")
	}
	var text []byte
	if response["json"] != nil {
		var err error
		if text, err = json.Marshal(response["json"]); err != nil {
			return nil, err
		}
		if err = json.Unmarshal(text, &c.answer); err != nil {
			return nil, err
		}
	}
	p.calls = append(p.calls, c)
	return &http.Response{StatusCode: c.status, Header: header, Body: io.NopCloser(bytes.NewReader(text)), ContentLength: int64(len(text)), Request: r}, nil
}

// calls executes the operation of a test.
func calls(t *testing.T, connector *flows.Connector, test shippedTest) []call {
	t.Helper()
	source := "flow: 1\nsteps:\n- uses: " + connector.Name + "." + test.Operation + "\n  with: ${ . }\n  retry: {attempts: 4, backoff: 1ms, on: [429]}\n  connection: any\n"
	flow, err := flows.Parse("flow.yaml", []byte(source), steps.Catalogue().WithConnectors(only{connector}))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(test.Params)
	if err != nil {
		t.Fatal(err)
	}
	event, err := flows.DecodeJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	responses, ok := test.Response.([]any)
	if !ok {
		responses = []any{test.Response}
	}
	p := &player{responses: responses}
	_, err = flow.Execute(t.Context(), flows.Run{ID: "run-1", Attempt: 1, Event: event}, flows.Env{HTTP: p, Connections: anyConnection{}})
	if errors.Is(err, errRecorded) {
		t.Errorf("%s: more requests than responses", test.Name)
	}
	return p.calls
}

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

// checkNested checks a query and a form with members such as a[b][0], which kin-openapi does not read.
func checkNested(route *routers.Route, c call) error {
	query := nest(c.request.URL.Query())
	for name, v := range query {
		p := route.Operation.Parameters.GetByInAndName("query", name)
		if err := p.Schema.Value.VisitJSON(typed(p.Schema.Value, v)); err != nil {
			return fmt.Errorf("query parameter %s: %w", name, err)
		}
	}
	if len(c.body) == 0 {
		return nil
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return err
	}
	media := route.Operation.RequestBody.Value.Content.Get("application/x-www-form-urlencoded")
	body := typed(media.Schema.Value, nest(form))
	if wrong := (specified{}).unknown(media.Schema.Value, body, ""); len(wrong) > 0 {
		return errors.New(strings.Join(wrong, ", "))
	}
	return media.Schema.Value.VisitJSON(body, openapi3.VisitAsRequest())
}

// nest reads members such as a[b][0] as objects; the members of lists are their numbers.
func nest(values url.Values) map[string]any {
	root := map[string]any{}
	for name, v := range values {
		at, path := root, strings.Split(strings.ReplaceAll(name, "]", ""), "[")
		for _, part := range path[:len(path)-1] {
			if at[part] == nil {
				at[part] = map[string]any{}
			}
			at, _ = at[part].(map[string]any)
		}
		at[path[len(path)-1]] = v[0]
	}
	return root
}

// typed gives the texts of a form the types of a schema, and makes lists of objects whose members are numbers.
func typed(schema *openapi3.Schema, v any) any {
	switch v := v.(type) {
	case string:
		var value any
		if json.Unmarshal([]byte(v), &value) != nil {
			return v
		}
		for _, part := range parts(schema) {
			if _, number := value.(float64); number && (part.Type.Is("integer") || part.Type.Is("number")) {
				return value
			}
			if _, truth := value.(bool); truth && part.Type.Is("boolean") {
				return value
			}
		}
	case map[string]any:
		for _, part := range parts(schema) {
			if part.Items != nil && v["0"] != nil {
				list := make([]any, len(v))
				for i := range list {
					list[i] = typed(part.Items.Value, v[strconv.Itoa(i)])
				}
				return list
			}
		}
		for name, member := range v {
			if found, _, _ := property(schema, name); found != nil {
				v[name] = typed(found, member)
			}
		}
	}
	return v
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
