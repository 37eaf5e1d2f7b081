package httpstep

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
)

// parseHTTP compiles a flow of the given steps, as YAML list elements or as
// one step.
func parseHTTP(steps, api string) (*flows.Flow, error) {
	steps = strings.TrimSpace(steps)
	if !strings.HasPrefix(steps, "- ") {
		steps = "- " + strings.ReplaceAll(steps, "\n", "\n  ")
	}
	source := fmt.Sprintf("flow: 1\nname: test\ntrigger: manual\nvars: {api: %q}\nsteps:\n%s\n", api, steps)
	return flows.Parse("test.yaml", []byte(source), flows.NewCatalogue(Kind(), spread()))
}

// spread makes many items of one, independent of the other kinds.
func spread() flows.Kind {
	return flows.Kind{
		Name: "spread", Params: []flows.Param{{Name: "program", Type: flows.TypeExpr, Required: true, Inline: true}},
		New: func(args *flows.Args) (flows.Runner, error) {
			program := args.Expr("program")
			return flows.RunFunc(func(ctx context.Context, in *flows.Input) ([]any, error) { return program.All(ctx, in) }), nil
		},
	}
}

func execute(ctx context.Context, steps, api string, event any, env flows.Env) ([]any, error) {
	flow, err := parseHTTP(steps, api)
	if err != nil {
		return nil, err
	}
	return flow.Execute(ctx, flows.Run{ID: "run-1", Attempt: 1, Event: event}, env)
}

// runHTTP executes the steps against a test server.
func runHTTP(t testing.TB, steps, api string, event any) ([]any, error) {
	t.Helper()
	return execute(t.Context(), steps, api, event, flows.Env{HTTP: way(t)})
}

func TestHTTPAnswer(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		w.Header()["Link"] = []string{"<a>; rel=a", "<b>; rel=b"}
		status, _ := strconv.Atoi(r.URL.Query().Get("status"))
		if status != http.StatusNoContent {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "10")
		}
		w.WriteHeader(status)
		io.WriteString(w, `{"id":1.0}`)
	})
	jsonHeaders := object{"link": "<a>; rel=a, <b>; rel=b", "content-type": "application/json", "content-length": "10"}
	tests := []struct{ name, step, want, message string }{
		{name: "body", step: "{get: '${ $vars.api }?status=200'}", want: `{"status":200,"headers":%s,"body":{"id":1.0}}`},
		{name: "head", step: "{head: '${ $vars.api }?status=200'}", want: `{"status":200,"headers":%s,"body":null}`},
		{name: "expected", step: "{get: '${ $vars.api }?status=404', expect: [200, 404]}", want: `{"status":404,"headers":%s,"body":{"id":1.0}}`},
		{name: "expected class", step: "{get: '${ $vars.api }?status=418', expect: 4xx, parse: text}", want: `{"status":418,"headers":%s,"body":"{\"id\":1.0}"}`},
		{name: "no longer expected", step: "{get: '${ $vars.api }?status=200', expect: [404]}", message: `step http: GET %s: status 200: {"id":1.0}`},
		{name: "not expected", step: "{get: '${ $vars.api }?status=500'}", message: `step http: GET %s: status 500: {"id":1.0}`},
		{name: "too large", step: "{get: '${ $vars.api }?status=200', max_response: 9B}", message: "step http: GET %s: the response body is larger than 9 bytes; raise max_response or ask for less"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			items, err := runHTTP(t, "http: "+test.step, server.URL, nil)
			if test.message != "" {
				if want := fmt.Sprintf(test.message, server.URL); err == nil || err.Error() != want {
					t.Errorf("%v, %v, want %s", items, err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want, err := flows.DecodeJSON(fmt.Appendf(nil, test.want, flows.EncodeJSON(jsonHeaders)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := flows.DecodeJSON(flows.EncodeJSON(items[0]))
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
	}
}

func TestHTTPMistakes(t *testing.T) {
	t.Parallel()
	tests := []struct{ step, want string }{
		{"{get: http://h, json: 1, form: {a: b}}", "the body is already said by json"},
		{"{get: http://h, method: POST}", "get: already says the method"},
		{"{get: http://h, post: http://h}", "exclude each other"},
		{"{query: {a: b}}", "one of its fields is missing"},
		{"{get: http://h, headers: {'a b': c}}", `"a b" is not a header name`},
		{"{get: http://h, headers: {accept: a, Accept: b}}", "the header Accept comes twice"},
		{"{get: http://h, headers: {Proxy-Authorization: x}}", "the header Proxy-Authorization is set by Penstock"},
		{"{url: http://h, method: 'A B'}", `"A B" is not a method such as GET or PROPFIND`},
		{"{url: http://h, method: propfind}", "methods are in upper case: PROPFIND"},
		{"{url: http://h, method: CONNECT}", "CONNECT asks for a tunnel"},
		{"{get: http://h, headers: {transfer-encoding: chunked}}", "the header transfer-encoding is set by Penstock"},
		{"{post: http://h, raw: x, content_type: text/css, headers: {content-type: text/html}}", "content_type already says"},
		{"{get: http://h, content_type: text/css}", "content_type needs a body"},
		{"{post: http://h, content_type: a/b, multipart: [{name: a, value: b}]}", "a multipart body says its own content type"},
		{"{post: http://h, headers: {content-type: a/b}, multipart: [{name: a, value: b}]}", "a multipart body says its own content type"},
		{"{post: http://h, multipart: [{name: a, value: b, base64: YQ==}]}", "exclude each other"},
		{"{get: http://h, max_response: 1GB}", "max_response is a size from 1B to 100 MB"},
		{"{get: http://h, follow_redirects: 21}", "follow_redirects is from 0 (none) to 20"},
		{"{get: http://h, expect: [99]}", `"99" is no HTTP status`},
		{"{get: http://h, parse: yaml}", "is not among its values"},
		{"{get: http://h, parse: json, csv: {delimiter: ';'}}", "csv has no meaning with parse: json"},
		{"{get: http://h, csv: {quote: ab}}", "quote: expected one ASCII character"},
		{"{get: http://h, csv: {columns: [a]}}", "columns name those of a file without a header"},
		{"{get: http://h, connection: [a, b, a]}", `the connection "a" comes twice`},
		{"{get: http://h, connection: {choose: a}}", "choose and of belong together"},
		{"{get: http://h, connection: {names: a, choose: a}}", "exclude each other"},
		{"{get: http://h, connection: {of: [a]}}", "one of its fields is missing"},
		{"{get: http://h, tls: {ca: nonsense}}", "ca holds no PEM certificate"},
		{"{get: http://h, paginate: {items: .body}}", "one of its fields is missing"},
		{"{get: http://h, paginate: {cursor: {from: .a}}}", "one of its fields is missing"},
		{"{get: http://h, paginate: {cursor: {from: .a, body: .b}}}", "the request has none: give json"},
		{"{post: http://h, json: {}, paginate: {cursor: {from: .a, body: '.b[0]'}}}", "expected names from the body on, such as .variables.after"},
		{"{get: http://h, paginate: {cursor: {from: .a, header: Host}}}", `"Host" cannot be set`},
		{"{get: http://h, paginate: {next: link, max_pages: 0}}", "max_pages is from 1 to 10000"},
		{"{get: http://h, paginate: {page: {start: 0}}}", "counting pages needs items"},
		{"{get: http://h, paginate: {offset: {limit: 2}, items: \".body[] | select(.a)\"}}", "filter them in a later step, not with select"},
		{"{get: http://h, paginate: {page: {last: short}, items: \".body[]\"}}", "a short page is one with fewer items than size"},
		{"{get: http://h, paginate: {offset: {limit: 0}, items: .body}}", "limit is how many items a page has"},
		{"{get: http://h, paginate: {page: {size_param: n}, items: .body}}", "size_param needs size"},
	}
	for _, test := range tests {
		t.Run(test.step, func(t *testing.T) {
			t.Parallel()
			_, err := parseHTTP("http: "+test.step, "")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want a mistake with %q", err, test.want)
			}
		})
	}
}

func TestHTTPEffect(t *testing.T) {
	t.Parallel()
	want := map[string]flows.Effect{
		"GET": flows.Read, "HEAD": flows.Read, "OPTIONS": flows.Read,
		"PUT": flows.Idempotent, "DELETE": flows.Idempotent, "POST": flows.Once, "PATCH": flows.Once,
	}
	for method, effect := range want {
		if got := (&step{method: method}).Effect(); got != effect {
			t.Errorf("%s: %d, want %d", method, got, effect)
		}
	}
}

func BenchmarkHTTPGet(b *testing.B) {
	server := serve(b, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"value":[{"id":"280","email":{"address":"a@b.org"}}]}`)
	})
	target, err := url.Parse(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("step", func(b *testing.B) {
		flow, err := parseHTTP("http: {get: '${ $vars.api }/?q=${ .email }'}", server.URL)
		if err != nil {
			b.Fatal(err)
		}
		env := flows.Env{HTTP: way(b)}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := flow.Execute(b.Context(), flows.Run{ID: "r", Attempt: 1, Event: object{"email": "a@b.org"}}, env); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("net/http", func(b *testing.B) { // the lower bound
		client := &http.Client{Transport: way(b)}
		b.ReportAllocs()
		for b.Loop() {
			resp, err := client.Get(target.String())
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadAll(resp.Body); err != nil {
				b.Fatal(err)
			}
			resp.Body.Close()
		}
	})
}
