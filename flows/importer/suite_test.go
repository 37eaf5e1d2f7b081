package importer_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/importer"
	"github.com/penstock/penstock/flows/steps"
)

const (
	specifications = "../../../shared/data/openapi"
	table          = "../../docs/connectors-specifications.md"
	sampleSize     = 40 // operations of a document whose requests are checked
)

var update = flag.Bool("update", false, "write the table of specifications")

// row is a document in the table.
type row struct {
	file, title, format      string
	operations, came, paged  int
	requests, valid, skipped int
	left, invalid            []string
}

// Every document is imported, its connector is read back, and requests made of the examples are valid by the document.
// The table in the documentation says how many.
func TestSpecifications(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it reads 40 MB of documents twice")
	}
	files := documents(t, specifications+"/*.gz")
	if len(files) != 33 {
		t.Fatalf("%d documents, want 32 and one of many files", len(files))
	}
	var rows []row
	for _, file := range files {
		rows = append(rows, check(t, file))
	}
	want := tableOf(rows)
	if *update {
		if err := os.WriteFile(table, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(table)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the test writes (%v): go test ./flows/importer -update", table, err)
	}
}

// invalid are the operations of the small documents whose example gives no valid request, or that have none.
var invalid = map[string][]string{
	"discriminators.json": { // a discriminator has values that only its mapping says
		"mapping_of_schema_names_update", "mapping_with_duplicate_schemas_update", "one_of_with_top_level_discriminator_and_mapping", "potentially_undefined_form_data_create",
	},
	"polymorphism.json":            {"one_of_complex_create"},                                                              // likewise
	"schema-enums.json":            {"boolean_enum_support"},                                                               // it requires a member that it does not describe
	"schema-types.json":            {"quirks_entirely_incompatible_all_of", "quirks_partially_usable_incompatible_all_of"}, // nothing is valid
	"schema-validation.json":       {"anything_oas_formats_list"},                                                          // its example has a text for an integer
	"schema-validation-local.json": {"anything_oas_formats_list"},
}

// The small documents have one feature each: all operations come over, and their requests are valid.
func TestFeatures(t *testing.T) {
	t.Parallel()
	files := append(documents(t, specifications+"/examples/*/*.json"), documents(t, specifications+"/examples/*/*/*.json")...)
	if len(files) != 64 {
		t.Fatalf("%d documents, want 64", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimPrefix(file, specifications+"/examples/"), func(t *testing.T) {
			t.Parallel()
			r := check(t, file)
			if diff := cmp.Diff(invalid[r.file], r.invalid); diff != "" {
				t.Errorf("operations without a valid request (-want +got)\n%s", diff)
			}
		})
	}
}

func documents(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("the documents are not here")
		}
		t.Skip("the documents are not here")
	}
	return files
}

// check imports a document and sends the requests of some operations.
func check(t *testing.T, file string) row {
	t.Helper()
	result, err := importer.Import(file, nil, importer.Config{})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	r := row{file: filepath.Base(file), title: result.Title, format: result.Format, came: len(result.Operations)}
	reasons := map[string]int{}
	for _, n := range result.Left {
		if n.Place == "" || n.Reason == "" {
			t.Errorf("%s: a note without place or reason: %+v", file, n)
		}
		reasons[reasonOf(n)]++
		if n.Whole {
			r.operations++
		}
	}
	r.operations += r.came
	for reason, n := range reasons {
		r.left = append(r.left, fmt.Sprintf("%s: %d", reason, n))
	}
	slices.Sort(r.left)
	if r.came == 0 {
		return r
	}
	connector, err := flows.ParseConnector(file, result.YAML(), steps.Catalogue())
	if err != nil {
		t.Fatalf("%s: the connector has mistakes: %v", file, err)
	}
	if len(connector.Operations) != r.came || len(connector.Warnings()) > 0 {
		t.Errorf("%s: %d operations are written of %d, with warnings %v", file, len(connector.Operations), r.came, connector.Warnings())
	}
	doc, err := load(t, file, nil)
	if err != nil {
		t.Logf("%s: kin-openapi does not read it: %v", file, err)
	}
	credentials := credentialsOf(result.Left)
	step := max(1, len(result.Operations)/sampleSize)
	for i, op := range result.Operations {
		if op.Paging != "" {
			r.paged++
		}
		if i%step != 0 || doc == nil {
			continue
		}
		switch err := try(t, doc, connector, op, credentials); {
		case err == nil:
			r.requests++
			r.valid++
		case errors.Is(err, errSkipped):
			r.skipped++
		default:
			r.requests++
			r.invalid = append(r.invalid, op.Name)
			t.Logf("%s: %s: %s", r.file, op.Name, strings.ReplaceAll(err.Error(), "\n", " ")[:min(len(err.Error()), 200)])
		}
	}
	return r
}

// reasonOf groups notes for the table.
func reasonOf(n importer.Note) string {
	for _, kind := range []struct{ part, said string }{
		{"a webhook:", "webhooks, which the API calls"}, {"without an example", "operations without an example"}, {"$ref", "references that lead nowhere"},
		{"another server", "operations that are sent to another server"}, {"has no TLS", "servers without TLS"}, {"first alternative", "alternatives of scopes"}, {"which scopes", "security schemes whose scopes no operation names"},
		{"is no https", "addresses that are no https URL"}, {"is sent", "bodies of which one media type is sent"}, {"no parameter describes", "parameters that the document does not describe"}, {"security scheme", "security schemes that are not described"}, {"is a credential", "credentials, which the connection sends"},
		{"is not checked", "schemas that are checked in part"}, {"values are not checked", "schemas that are checked in part"}, {"servers only", "further servers"}, {"is 0 or 1", "operations whose pages are not read"},
		{"counts from 1", "operations whose pages are not read"}, {"pages are not read", "operations whose pages are not read"}, {"the path has no", "parameters that the path does not have"}, {"is given twice", "members that are given twice"},
		{"optional body", "optional bodies of a GET"}, {"is a text: its", "bodies whose schema is not checked"},
	} {
		if strings.Contains(n.Reason, kind.part) {
			return kind.said
		}
	}
	return n.Reason
}

// errSkipped is the error of a request that cannot be checked: it has a file, or kin-openapi does not check its kind.
var errSkipped = errors.New("not checked")

// unchecked are messages of kin-openapi about what it does not read.
var unchecked = regexp.MustCompile(`unsupported schema of request body|invalid serialization method|invalid or unsupported Perl syntax|unsupported content type|more than one oneOf`)

// try executes an operation with its example, against its responses, and validates the request by the document.
func try(t *testing.T, doc *openapi3.T, connector *flows.Connector, op importer.Operation, credentials map[string]bool) error {
	t.Helper()
	made, _ := connector.Operation(op.Name)
	example, _ := made.Example.(map[string]any)
	params, ok := example["params"].(map[string]any)
	if !ok {
		return errors.New("there is no example")
	}
	request, err := sent(t, connector, op.Name, params)
	if err != nil {
		if strings.Contains(err.Error(), `member "file"`) || strings.Contains(err.Error(), "member file") {
			return errSkipped
		}
		return err
	}
	if _, _, err := connector.Call(t.Context(), op.Name, params, example["response"]); err != nil && op.Method != http.MethodHead {
		t.Errorf("%s.%s: the example fails: %v", connector.Name, op.Name, err)
	}
	item := doc.Paths.Value(op.Path)
	operation := item.GetOperation(op.Method)
	operation.Security = &openapi3.SecurityRequirements{}
	request.Header.Set("Authorization", "Bearer token") // a connection sends it
	withoutCredentials(operation, credentials)
	values, err := pathValues(op.Path, request.URL)
	if err != nil {
		return err
	}
	err = openapi3filter.ValidateRequest(t.Context(), &openapi3filter.RequestValidationInput{
		Request: request, PathParams: values,
		Route:   &routers.Route{Spec: doc, Path: op.Path, PathItem: item, Method: op.Method, Operation: operation},
		Options: &openapi3filter.Options{SkipSettingDefaults: true},
	})
	if err != nil && unchecked.MatchString(err.Error()) {
		return errSkipped
	}
	return err
}

var credentialNote = regexp.MustCompile(`^the (?:parameter|member) "(.*)" is a credential`)

// credentialsOf are the names of the parameters and members that are told to be left to the connection.
func credentialsOf(left []importer.Note) map[string]bool {
	names := map[string]bool{}
	for _, n := range left {
		if m := credentialNote.FindStringSubmatch(n.Reason); m != nil {
			names[m[1]] = true
		}
	}
	return names
}

// withoutCredentials takes out of an operation what the connection sends.
func withoutCredentials(operation *openapi3.Operation, credentials map[string]bool) {
	for _, p := range operation.Parameters {
		p.Value.Required = p.Value.Required && !credentials[p.Value.Name]
	}
	if operation.RequestBody == nil {
		return
	}
	for _, media := range []string{"application/x-www-form-urlencoded", "multipart/form-data"} {
		if content := operation.RequestBody.Value.Content[media]; content != nil && content.Schema != nil {
			content.Schema.Value.Required = slices.DeleteFunc(content.Schema.Value.Required, func(name string) bool { return credentials[name] })
		}
	}
}

// recorder keeps a request and sends nothing.
type recorder struct {
	request *http.Request
	body    []byte
}

var errRecorded = errors.New("recorded")

func (s *recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	s.request = r
	if r.Body != nil {
		var err error
		if s.body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	return nil, errRecorded
}

// sent executes an operation as a flow does, and returns the request.
func sent(t *testing.T, connector *flows.Connector, operation string, params map[string]any) (*http.Request, error) {
	t.Helper()
	source := "flow: 1\nsteps:\n- uses: " + connector.Name + "." + operation + "\n  with: ${ . }\n"
	if len(connector.Connection.Types) > 0 {
		source += "  connection: any\n"
	}
	flow, err := flows.Parse("flow.yaml", []byte(source), steps.Catalogue().WithConnectors(only{connector}))
	if err != nil {
		return nil, err
	}
	var s recorder
	if _, err = flow.Execute(t.Context(), flows.Run{ID: "run-1", Attempt: 1, Event: params}, flows.Env{HTTP: &s, Connections: anyConnection{}}); s.request == nil {
		return nil, fmt.Errorf("nothing was sent: %w", err)
	}
	s.request.Body = io.NopCloser(bytes.NewReader(s.body))
	return s.request.WithContext(t.Context()), nil
}

// only implements flows.Connectors.
type only struct{ connector *flows.Connector }

func (o only) Connector(string) (file string, source []byte, err error) {
	return o.connector.File, o.connector.Source, nil
}

func (o only) Names() ([]string, error) { return []string{o.connector.Name}, nil }

// anyConnection is a connection without a credential, for all hosts.
type anyConnection struct{ flows.Connections }

func (c anyConnection) HTTP(context.Context, string) (flows.HTTPConnection, error) { return c, nil }
func (anyConnection) Allows(*url.URL) bool                                         { return true }
func (anyConnection) Transport(base http.RoundTripper) http.RoundTripper           { return base }

var templated = regexp.MustCompile(`\\\{([^{}]*)\\\}`)

// pathValues finds the values of a path's parameters.
func pathValues(template string, target *url.URL) (map[string]string, error) {
	template, _, _ = strings.Cut(template, "#")
	template, _, _ = strings.Cut(template, "?")
	quoted := regexp.QuoteMeta(template)
	m := regexp.MustCompile(templated.ReplaceAllString(quoted, "([^/]*?)") + "$").FindStringSubmatch(target.EscapedPath())
	if m == nil {
		return nil, fmt.Errorf("the path %s is not one of %s", target.EscapedPath(), template)
	}
	values := map[string]string{}
	for i, name := range templated.FindAllStringSubmatch(quoted, -1) {
		var err error
		if values[strings.ReplaceAll(name[1], `\`, "")], err = url.PathUnescape(m[i+1]); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// load reads a document with kin-openapi, which is another reading than that of the importer. edit, if not nil, changes what was read.
func load(t *testing.T, file string, edit func(root map[string]any)) (*openapi3.T, error) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(file, ".gz") {
		unzipped, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		if text, err = io.ReadAll(unzipped); err != nil {
			return nil, err
		}
	}
	loader := openapi3.NewLoader()
	if strings.HasSuffix(file, ".tar.gz") {
		loader.IsExternalRefsAllowed = true
		return loader.LoadFromFile(unpack(t, text))
	}
	var root map[string]any
	if text[0] == '{' {
		err = json.Unmarshal(text, &root)
	} else {
		err = yaml.Unmarshal(text, &root)
	}
	if err != nil {
		return nil, err
	}
	if edit != nil {
		edit(root)
	}
	if root["swagger"] == nil && edit == nil {
		return loader.LoadFromData(text)
	}
	if root["swagger"] == nil {
		if text, err = json.Marshal(root); err != nil {
			return nil, err
		}
		return loader.LoadFromData(text)
	}
	mend(root)
	if definitions, ok := root["definitions"].(map[string]any); ok && strings.Contains(file, "docusign") {
		definitions["offlineAttributes"] = map[string]any{} // the document refers to it and does not have it
	}
	if text, err = json.Marshal(root); err != nil {
		return nil, err
	}
	var two openapi2.T
	if err := json.Unmarshal(text, &two); err != nil {
		return nil, err
	}
	return openapi2conv.ToV3(&two)
}

// mend takes the first schema of lists of items, which Slack's document has and kin-openapi does not read.
func mend(v any) {
	switch v := v.(type) {
	case map[string]any:
		if items, ok := v["items"].([]any); ok && len(items) > 0 {
			v["items"] = items[0]
		}
		for _, member := range v {
			mend(member)
		}
	case []any:
		for _, element := range v {
			mend(element)
		}
	}
}

// unpack writes the files of an archive and returns the path of the main one.
func unpack(t *testing.T, text []byte) string {
	t.Helper()
	dir, entry := t.TempDir(), ""
	for archive := tar.NewReader(bytes.NewReader(text)); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return entry
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(header.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(header.Name, "DigitalOcean-public") {
			entry = path
		}
	}
}

// tableOf writes the page of the documentation.
func tableOf(rows []row) []byte {
	var b bytes.Buffer
	b.WriteString(`# What comes over from real specifications

<!-- Written by go test ./flows/importer -update. -->

These are the documents with which [the import of connectors](connectors-import.md) is tested. *Operations* are those of the document, webhooks included; *paged* are those whose pages are
read by the step. *Requests* are made of the examples of up to ` + fmt.Sprint(sampleSize*2) + ` operations and validated by the document with another library, kin-openapi; not counted are those with files, and those of a kind
that it does not check.

| document | format | operations | came over | paged | valid requests | what did not come over |
|---|---|---|---|---|---|---|
`)
	var all row
	for _, r := range rows {
		left := strings.Join(r.left, "; ")
		if left == "" {
			left = "–"
		}
		requests := fmt.Sprintf("%d of %d", r.valid, r.requests)
		if r.requests == 0 {
			requests = "–"
		}
		fmt.Fprintf(&b, "| %s: %s | %s | %d | %d | %d | %s | %s |\n", strings.TrimSuffix(r.file, ".gz"), r.title, r.format, r.operations, r.came, r.paged, requests, left)
		all.operations, all.came, all.paged = all.operations+r.operations, all.came+r.came, all.paged+r.paged
		all.requests, all.valid = all.requests+r.requests, all.valid+r.valid
	}
	fmt.Fprintf(&b, "| **together** | | %d | %d | %d | %d of %d | |\n", all.operations, all.came, all.paged, all.valid, all.requests)
	return b.Bytes()
}
