package importer_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
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
		// The document's router takes no path with slashes for a file.
		connector: "github", file: "github.json.gz", base: "https://api.github.com", elsewhere: []string{"file_get", "file_put"},
	},
	{
		// The token is that of the connection. The document has schemas for answers without a refusal only, and numbers for texts.
		connector: "slack", file: "slack.json.gz", base: "https://slack.com/api",
		edit: func(root map[string]any) {
			rewrite(root, func(object map[string]any) {
				if object["name"] == "token" {
					object["required"] = false
				}
				if object["name"] == "ts" {
					object["type"] = "string"
				}
				if object["name"] == "post_at" {
					object["type"] = "integer"
				}
				if enum, ok := object["enum"].([]any); ok && len(enum) == 1 && enum[0] == true {
					delete(object, "enum")
				}
				if object["additionalProperties"] == false {
					delete(object, "additionalProperties")
				}
			})
		},
		newer: []string{"error"},
	},
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
			for _, object := range []string{"companies", "deals"} { // objects of all types have the same endpoints
				if rest, ok := strings.CutPrefix(path, "/crm/objects/2026-03/"+object); ok {
					return "/crm/objects/2026-03/contacts" + rest
				}
			}
			return path
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
