package importer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/importer"
	"github.com/penstock/penstock/flows/steps"
)

// The connector of each document in testdata, and what did not come over, is in the file beside it.
func TestImport(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"people.yaml", "stock.json", "crm.postman.json"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := importer.Import(filepath.Join("testdata", name), nil, importer.Config{})
			if err != nil {
				t.Fatal(err)
			}
			got := r.YAML()
			if c, err := flows.ParseConnector(name, got, steps.Catalogue()); err != nil || len(c.Warnings()) > 0 {
				t.Errorf("the connector has mistakes: %v", err)
			}
			for _, n := range r.Left {
				got = fmt.Appendf(got, "# %v %s %s: %s\n", n.Whole, n.Operation, n.Place, n.Reason)
			}
			if bytes.Contains(got, []byte("hunter2")) {
				t.Error("the connector has a secret")
			}
			golden := filepath.Join("testdata", strings.TrimSuffix(strings.TrimSuffix(name, ".yaml"), ".json")+".connector.yaml")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

const head = "openapi: 3.0.3\ninfo: {title: T, version: '1'}\nservers: [{url: https://api.example.org}]\n"

// A document that cannot be read gives an error that names the place, and so does a part of one that can.
func TestFaults(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, document, want string }{
		{"empty", " \n", "spec: the file is empty"},
		{"broken JSON", "{\n  \"openapi\": \"3.0.0\",\n  \"info\": }", "spec: line 3, column 12: invalid character '}'"},
		{"more JSON", `{"openapi": "3.0.0"} {}`, "spec: line 1, column 23: there is more after the value"},
		{"broken YAML", "openapi: 3.0.0\ninfo: [", "line 2"},
		{"a list", "[1]", "the document is no object"},
		{"another format", "asyncapi: 2.0.0", "neither `openapi: 3…` nor `swagger: 2.0`"},
		{"another version", "openapi: 4.0.0", "#/openapi: version 4.0.0 is not read"},
		{"alias of itself", "openapi: 3.0.0\npaths: &a {x: *a}", "contains itself"},
		{"nesting", "openapi: 3.0.0\npaths: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "nested more than 500 deep"},
		{"path that is no object", head + "paths: {/a: 7}", "#/paths/~1a: is no object with operations"},
		{"path without slash", head + "paths: {a: {get: {}}}", "#/paths/a/get: the path does not begin with /"},
		{"reference to nothing", head + "paths: {/a: {get: {parameters: [{$ref: '#/x/y'}]}}}", `#/paths/~1a/get/parameters/0: $ref "#/x/y": nothing is there`},
		{"reference to itself", head + "paths: {/a: {get: {parameters: [{$ref: '#/a'}]}}}\na: {$ref: '#/b'}\nb: {$ref: '#/a'}", "leads back to itself"},
		{"reference through itself", head + "paths: {/a: {get: {parameters: [{$ref: '#/a/b'}]}}}\na: {$ref: '#/a/b'}", "#/paths/~1a/get/parameters/0"},
		{"reference to a server", head + "paths: {/a: {$ref: 'http://127.0.0.1/a.yaml'}}", "documents of other servers are not fetched"},
		{"reference out of the directory", head + "paths: {/a: {$ref: '../../etc/passwd'}}", "the file cannot be read"},
		{"path with an expression", head + "paths: {'/${x}': {get: {}}}", "the path has ${ in it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, err := importer.Import("spec", strings.NewReader(test.document), importer.Config{})
			said := fmt.Sprint(err)
			if err == nil {
				for _, n := range r.Left {
					said += "\n" + n.Place + ": " + n.Reason
				}
			}
			if !strings.Contains(said, test.want) {
				t.Errorf("%s\nwant %s", said, test.want)
			}
		})
	}
}

// Documents that grow when they are expanded end within the bounds.
func TestBombs(t *testing.T) {
	t.Parallel()
	var aliases, composed, wide strings.Builder
	aliases.WriteString(head + "a0: &a0 {type: object, properties: {x: {type: string}}}\n")
	composed.WriteString(head + "components:\n  schemas:\n")
	for i := range 40 {
		fmt.Fprintf(&aliases, "a%d: &a%d {allOf: [*a%d, *a%d, *a%d], properties: {p: *a%d}}\n", i+1, i+1, i, i, i, i)
		fmt.Fprintf(&composed, "    s%d: {allOf: [{$ref: '#/components/schemas/s%d'}, {$ref: '#/components/schemas/s%d'}], anyOf: [{$ref: '#/components/schemas/s%d'}], properties: {p%d: {$ref: '#/components/schemas/s%d'}}}\n", i, i+1, i+1, i+1, i, i+1)
	}
	const operation = "paths: {/a: {post: {requestBody: {content: {application/json: {schema: %s}}}, responses: {'200': {description: ok, content: {application/json: {schema: %[1]s}}}}}}}\n"
	fmt.Fprintf(&aliases, operation, "*a40")
	fmt.Fprintf(&composed, operation, "{$ref: '#/components/schemas/s0'}")
	wide.WriteString(head + "components:\n  schemas:\n    s: {type: object, properties: {")
	for i := range 3000 {
		fmt.Fprintf(&wide, "p%d: {$ref: '#/components/schemas/s'}, ", i)
	}
	wide.WriteString("}}\n")
	fmt.Fprintf(&wide, operation, "{$ref: '#/components/schemas/s'}")
	for name, document := range map[string]string{"aliases": aliases.String(), "composed": composed.String(), "wide": wide.String()} {
		r, err := importer.Import("spec", strings.NewReader(document), importer.Config{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n := len(r.YAML()); n > 1<<20 {
			t.Errorf("%s: the connector has %d bytes", name, n)
		}
	}
}

func FuzzImport(f *testing.F) {
	for _, name := range []string{"people.yaml", "stock.json", "crm.postman.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(head + "paths: {/a/{b}: {get: {parameters: [{in: path, name: b}], responses: {default: {}}}}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := importer.Import("spec", bytes.NewReader(text), importer.Config{})
		if err != nil || len(r.Operations) == 0 {
			return
		}
		if _, err := flows.ParseConnector("connector.yaml", r.YAML(), steps.Catalogue()); err != nil {
			t.Errorf("the connector has mistakes: %v\n%s", err, r.YAML())
		}
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	for operation, want := range map[string]string{
		"get /v1/customers GetCustomers":                                 "customers_list",
		"get /v1/customers/{customer} GetCustomersCustomer":              "customers_get",
		"post /v1/charges/{charge}/capture PostChargesChargeCapture":     "charges_capture",
		"get /repos/{owner}/issues issues/list-for-repo":                 "issues_list_for_repo",
		"post /chat.postMessage chat_postMessage":                        "chat_post_message",
		"get /accounts/{id} Accounts_GetAccount":                         "get_account",
		"get /users/{id} getUserUsingGET_1":                              "get_user",
		"get /users UsersController_findAll":                             "users_find_all",
		"get /items/{item_id} read_item_items__item_id__get":             "read_item",
		"patch /crm/v3/contacts/{id} patch-/crm/v3/contacts/{id}_update": "crm_contacts_update",
		"delete /files/{file_id}/watermark delete_files_id_watermark":    "files_watermark_delete",
		"post /crm/v3/contacts/batch/archive -":                          "crm_contacts_batch_archive",
		"get /account -":                                                 "account_get",
		"put /account/settings -":                                        "account_settings_replace",
		"get /people/{id}.json listCoreV1NamespacedPod":                  "list_core_v1_namespaced_pod",
	} {
		part := strings.Fields(operation)
		id := ""
		if part[2] != "-" {
			id = "operationId: '" + part[2] + "', "
		}
		document := head + "paths: {'" + part[1] + "': {" + part[0] + ": {" + id + "responses: {}}}}"
		r, err := importer.Import("spec", strings.NewReader(document), importer.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Operations[0].Name; got != want {
			t.Errorf("%s is %s, want %s", operation, got, want)
		}
	}
}

// Operations of one name get that of their tag, or of their path; the order of the document has no effect.
func TestNamesAreUnique(t *testing.T) {
	t.Parallel()
	r, err := importer.Import("spec", strings.NewReader(head+`
paths:
  /a: {get: {operationId: find, tags: [Left]}}
  /b: {get: {operationId: find, tags: [Right]}}
  /v1/c: {get: {operationId: read}}
  /v2/c: {get: {operationId: read}}
`), importer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range r.Operations {
		got = append(got, o.Name+" "+o.Path)
	}
	if diff := cmp.Diff([]string{"left_find /a", "right_find /b", "v1_c_get /v1/c", "v2_c_get /v2/c"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Only the operations that are asked for come over.
func TestOnly(t *testing.T) {
	t.Parallel()
	for only, want := range map[string]int{"people_list": 1, "getPeople": 1, "people": 1, "GET /people": 1, "get /log": 1} {
		r, err := importer.Import(filepath.Join("testdata", "people.yaml"), nil, importer.Config{Only: []string{only}})
		if err != nil || len(r.Operations) != want {
			t.Errorf("%s: %v, %v", only, r, err)
		}
	}
	if _, err := importer.Import(filepath.Join("testdata", "people.yaml"), nil, importer.Config{Only: []string{"people_lost"}}); err == nil || !strings.Contains(err.Error(), `"people_lost"`) {
		t.Errorf("%v, want an error that names the operation", err)
	}
}

func TestCurl(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, line, want string }{
		{"get", `curl https://api.example.org/people?page=2`, `http: {get: "https://api.example.org/people", query: {page: "2"}}`},
		{"json", `curl -X PUT https://api.example.org/people/7 \` + "\n" + `  -H 'Content-Type: application/json' --data-raw '{"name":"Ada","tags":["a"],"n":1.10}'`,
			`http: {put: "https://api.example.org/people/7", json: {n: 1.10, name: Ada, tags: [a]}}`},
		{"form", `curl https://api.example.org/a -d a=1 -d 'b=x%20y' --data-urlencode "c=a&b"`, `http: {post: "https://api.example.org/a", form: {a: "1", b: x y, c: "a&b"}}`},
		{"get with data", `curl -sSLG "https://api.example.org/a" -d q=1`, `http: {get: "https://api.example.org/a", query: {q: "1"}}`},
		{"parts", `curl -F 'file=@/tmp/a.pdf' -F note=hello https://api.example.org/a`, `http: {post: "https://api.example.org/a", multipart: [{name: file, file: "${ .file }"}, {name: note, value: hello}]}`},
		{"basic", `curl -u joe:hunter2 https://api.example.org/a`, `http: {get: "https://api.example.org/a", connection: example}`},
		{"bearer in one word", `curl -H'Authorization: Bearer hunter2hunter2' -XDELETE https://api.example.org/a`, `http: {delete: "https://api.example.org/a", connection: example}`},
		{"user in the URL", `curl https://joe:hunter2@api.example.org/a`, `http: {get: "https://api.example.org/a", connection: example}`},
		{"key in the query", `curl 'https://api.example.org/a?api_key=hunter2&x=1'`, `http: {get: "https://api.example.org/a", query: {x: "1"}, connection: example}`},
		{"key in a header", `curl -H "X-Api-Key: hunter2" https://api.example.org/a`, `http: {get: "https://api.example.org/a", connection: example}`},
		{"cookie", `curl -b 'session=hunter2' https://api.example.org/a`, `http: {get: "https://api.example.org/a", connection: example}`},
		{"secret in the body", `curl https://api.example.org/a --json '{"user":"joe","password":"hunter2","deep":{"token":"hunter2"},"pin":7}'`,
			`http: {post: "https://api.example.org/a", json: {deep: {token: '${ secret("token") }'}, password: '${ secret("password") }', pin: '${ secret("pin") }', user: joe}}`},
		{"secret of a form", `curl https://api.example.org/a -d client_secret=hunter2 -d grant=x`, `http: {post: "https://api.example.org/a", form: {client_secret: '${ secret("client_secret") }', grant: x}}`},
		{"secret in the path", `curl https://hooks.example.org/services/T0/B0/hunter2abcdefghijklmnop1234`, `http: {get: "https://hooks.example.org/services/T0/B0/${ $vars.secret }"}`},
		{"secret that looks like one", `curl https://api.example.org/a -H 'X-Team: sk_live_hunter2hunter2'`, `http: {get: "https://api.example.org/a", connection: example}`},
		{"text that is no program", `curl https://api.example.org/a -d 'a=${x}'`, `http: {post: "https://api.example.org/a", form: {a: "$${x}"}}`},
		{"ANSI quotes", `curl https://api.example.org/a -H 'Content-Type: text/plain' -d $'a\nb\'c'`, "http: {post: \"https://api.example.org/a\", raw: \"a\\nb'c\", content_type: text/plain}"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			step, notes, err := importer.CurlStep(test.line)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(yamlOf(t, test.want), yamlOf(t, string(step))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			r, err := importer.Curl(test.line, importer.Config{})
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{string(step), string(r.YAML()), fmt.Sprint(notes, r.Left)} {
				if strings.Contains(text, "hunter2") {
					t.Errorf("the secret is in\n%s", text)
				}
			}
		})
	}
	for line, want := range map[string]string{
		"wget https://a": "does not begin with curl", "curl 'https://a": "a quote ' is not closed", "curl": "0 URLs", "curl https://a https://b": "2 URLs", "curl file:///etc/passwd": "is not a URL",
	} {
		if _, _, err := importer.CurlStep(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

func yamlOf(t *testing.T, text string) (v any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestDrift(t *testing.T) {
	t.Parallel()
	const old = head + `
paths:
  /people/{id}:
    get: {operationId: person, parameters: [{in: path, name: id, required: true, schema: {type: integer}}], responses: {'200': {content: {application/vnd.one+json: {schema: {type: object, properties: {id: {type: integer}}}}}}}}
  /people:
    get:
      operationId: people
      parameters:
        - {in: query, name: sort, schema: {type: string, enum: [name, age]}}
        - {in: query, name: since, schema: {type: string}}
        - {in: query, name: top, schema: {type: integer}}
        - {in: query, name: tags, schema: {type: array, items: {type: string}}}
        - {in: query, name: cursor, schema: {type: string}}
      responses: {'200': {content: {application/vnd.many+json: {schema: {properties: {records: {type: array, items: {type: object, properties: {age: {type: integer}, city: {type: integer}}}}, next_cursor: {type: string}}}}}}}
    post: {operationId: add, requestBody: {content: {application/json: {schema: {type: object, required: [name], properties: {name: {type: string, maxLength: 100}, home: {type: object, properties: {city: {type: string}}}}}}}}}
`
	tests := []struct {
		name  string
		edits []string // old, new, …
		want  []string
	}{
		{"nothing", nil, nil},
		{"names and order", []string{"operationId: people\n", "operationId: everybody\n", "name: id,", "name: id, description: The number,"}, nil},
		{"operation gone", []string{"/people/{id}:", "/persons/{id}:"}, []string{"! person: is gone: GET /people/{}"}},
		{"method gone", []string{"    post: {operationId: add", "    put: {operationId: add"}, []string{"! add: is gone: POST /people"}},
		{"base", []string{"https://api.example.org", "https://api2.example.org"}, []string{"! : the base is https://api2.example.org, no longer https://api.example.org"}},
		{"param gone", []string{"name: since,", "name: after_day,"}, []string{"! people: the param since is gone", "  people: there is a new param after_day"}},
		{"param required", []string{"name: since,", "name: since, required: true,"}, []string{"! people: the param since is required"}},
		{"new required param", []string{"        - {in: query, name: top", "        - {in: query, name: tenant, required: true, schema: {type: string}}\n        - {in: query, name: top"}, []string{"! people: there is a new param tenant, which is required"}},
		{"type", []string{"name: top, schema: {type: integer}", "name: top, schema: {type: string}"}, []string{"! people: the param top is string, no longer integer"}},
		{"wider type", []string{"name: top, schema: {type: integer}", "name: top, schema: {type: number}"}, []string{"  people: the param top is number, no longer integer"}},
		{"enum", []string{"[name, age]", "[name, city]"}, []string{"! people: the param sort is no longer one of age"}},
		{"member", []string{"city: {type: string}", "town: {type: string}"}, []string{"! add: the member home.city is gone"}},
		{"deprecated", []string{"operationId: add,", "operationId: add, deprecated: true,"}, []string{"  add: is deprecated"}},
		{"moved", []string{"{in: query, name: since", "{in: header, name: since"}, []string{"! people: the param since is sent as headers since ${ . }, no longer as query since ${ . }"}},
		{"explode", []string{"name: tags,", "name: tags, explode: false,"}, []string{"! people: the param tags is sent as query tags ${ . | if type == \"array\" then map(tostring) | join(\",\") else . end }, no longer as query tags ${ . }"}},
		{"items", []string{"items: {type: string}}}", "items: {type: integer}}}"}, []string{"! people: the param tags[] is integer, no longer string"}},
		{"bound", []string{"maxLength: 100", "maxLength: 10"}, []string{"! add: the param name has the maxLength 10"}},
		{"wider bound", []string{"maxLength: 100", "maxLength: 200"}, nil},
		{"new bound", []string{"name: top, schema: {type: integer}", "name: top, schema: {type: integer, minimum: 1}"}, []string{"! people: the param top has the minimum 1"}},
		{"format", []string{"name: since, schema: {type: string}", "name: since, schema: {type: string, format: date}"}, []string{"! people: the param since has the format date"}},
		{"nested required", []string{"home: {type: object,", "home: {type: object, required: [city],"}, []string{"! add: the member home.city is required"}},
		{"elements once", []string{"type: array, items: {type: string}", "type: array, uniqueItems: true, items: {type: string}"}, []string{"! people: the param tags has each element once"}},
		{"closed", []string{"home: {type: object,", "home: {type: object, additionalProperties: false,"}, []string{"! add: the param home has no further members"}},
		{"list of records", []string{"records:", "data:"}, []string{"! people: the pages are read otherwise: items is .body.data[], no longer .body.records[]"}},
		{"cursor of the response", []string{"next_cursor:", "nextPageToken:"}, []string{"! people: the pages are read otherwise: cursor is " + `{"from":".body.nextPageToken // \"\" | select(. != \"\")","param":"cursor"}` + ", no longer " + `{"from":".body.next_cursor // \"\" | select(. != \"\")","param":"cursor"}`}},
		{"cursor parameter", []string{"name: cursor", "name: after"}, []string{"! people: the pages are read otherwise: cursor is " + `{"from":".body.next_cursor // \"\" | select(. != \"\")","param":"after"}` + ", no longer " + `{"from":".body.next_cursor // \"\" | select(. != \"\")","param":"cursor"}`}},
		{"no pages", []string{"next_cursor:", "token_of_more:"}, []string{"  people: there is a new param cursor", "! people: the pages are no longer read", "! people: the result has no member age", "! people: the result has no member city"}},
		{"record", []string{"city: {type: integer}", "town: {type: integer}"}, []string{"! people: the result has no member city"}},
		{"response", []string{"application/vnd.one+json", "application/pdf"}, []string{"! person: the response is read as file, no longer as the default", "! person: the result has no member body"}},
		{"form", []string{"application/json", "application/x-www-form-urlencoded"}, []string{"! add: the body is sent otherwise: json"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := driftOf(t, old, strings.NewReplacer(test.edits...).Replace(old))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// driftOf returns the changes from one document to another as lines, with ! where a call of the connector is affected.
func driftOf(t *testing.T, old, fresh string) []string {
	t.Helper()
	before, err := importer.Import("spec", strings.NewReader(old), importer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	after, err := importer.Import("spec", strings.NewReader(fresh), importer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := importer.Drift(before.YAML(), after)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range changes {
		mark := " "
		if c.Affects {
			mark = "!"
		}
		lines = append(lines, mark+" "+c.Operation+": "+c.What)
	}
	return lines
}

// Names and texts of the document cannot leave their place in the connector.
func TestOddNames(t *testing.T) {
	t.Parallel()
	for _, odd := range []string{`${ 1 }`, `a"b`, `a'b`, `\(env)`, "a: b", "a #b", "a\nb", "é", "- a", "null", "1.10", "yes", "{a}", "[a]", "&a", "*a", "!a", "%a", "@a", "`a", "a\\", "if", " a ", "a\u2028b", "..."} {
		name, err := json.Marshal(odd)
		if err != nil {
			t.Fatal(err)
		}
		document := strings.ReplaceAll(`{"openapi": "3.0.0", "info": {"title": ODD, "description": ODD, "version": ODD}, "servers": [{"url": "https://api.example.org/{v}", "variables": {"v": {"default": "v1", "description": ODD}}}],
			"components": {"securitySchemes": {ODD: {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://a.example.org/t", "scopes": {ODD: ODD}}}}, "k": {"type": "apiKey", "in": "query", "name": ODD}}}, "security": [{ODD: [ODD], "k": []}, {"unknown": [ODD]}],
			"paths": {"/a/{p}": {"post": {"operationId": ODD, "summary": ODD, "description": ODD, "tags": [ODD], "parameters": [
				{"in": "path", "name": "p", "schema": {"type": "string"}, "example": ODD}, {"in": "query", "name": ODD, "description": ODD, "schema": {"type": "string", "enum": [ODD], "pattern": ODD}},
				{"in": "query", "name": "deep", "style": "deepObject", "schema": {"type": "object"}}, {"in": "header", "name": ODD, "schema": {"type": "string", "default": ODD}}, {"in": "cookie", "name": ODD, "schema": {"type": "string"}}],
			"requestBody": {"content": {"application/json": {"schema": {"type": "object", "required": [ODD], "properties": {ODD: {"type": "string", "default": ODD}, "x": {"type": "object", "properties": {ODD: {"type": "string"}}}}}}}},
			"responses": {"200": {"description": ODD, "content": {"application/json": {"schema": {"type": "object", "properties": {ODD: {"type": "array", "items": {"type": "string"}}, "next_url": {"type": "string"}}}, "example": {ODD: [ODD]}}}}, "400": {"description": ODD}}}}}}`,
			"ODD", string(name))
		r, err := importer.Import("spec", strings.NewReader(document), importer.Config{Name: "odd"})
		if err != nil || len(r.Operations) != 1 {
			t.Errorf("%q: %v, %v", odd, r, err)
			continue
		}
		c, err := flows.ParseConnector("connector.yaml", r.YAML(), steps.Catalogue())
		if err != nil {
			t.Errorf("%q: the connector has mistakes: %v\n%s", odd, err, r.YAML())
			continue
		}
		example, _ := c.Operations[0].Example.(map[string]any)
		if _, _, err := c.Call(t.Context(), r.Operations[0].Name, example["params"], example["response"]); err != nil && example["params"] != nil {
			t.Errorf("%q: the example fails: %v\n%s", odd, err, r.YAML())
		}
	}
}
