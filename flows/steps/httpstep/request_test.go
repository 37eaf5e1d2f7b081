package httpstep

import (
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mirror responds with the request that it received.
func mirror(w http.ResponseWriter, r *http.Request) {
	content, _ := io.ReadAll(r.Body)
	seen := object{"request": r.Method + " " + r.URL.RequestURI(), "body": string(content)}
	for _, name := range []string{"Content-Type", "User-Agent", "Idempotency-Key", "Accept", "X-List", "X-Number"} {
		if values := r.Header.Values(name); values != nil {
			seen[strings.ToLower(name)] = strings.Join(values, "|")
		}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(seen)
}

func TestHTTPRequests(t *testing.T) {
	t.Parallel()
	server := serve(t, mirror)
	tests := []struct {
		name, step string
		event      any
		want       object
	}{
		{"path", "http: {get: '${ $vars.api }/a'}", nil, object{"request": "GET /a"}},
		{
			"query", "http: {get: '${ $vars.api }/a?x=1', query: {id: '${ .id }', 'tag[]': [a, 'b c'], none: null, yes: true, d: 1.10}}",
			object{"id": json.Number("9007199254740993123")},
			object{"request": "GET /a?x=1&id=9007199254740993123&tag%5B%5D=a&tag%5B%5D=b+c&yes=true&d=1.10"},
		},
		{
			"text inside the URL", "http: {get: '${ $vars.api }/p/${ .name | @uri }?q=${ .name }'}",
			object{"name": "a/b ?&"}, object{"request": "GET /p/a%2Fb%20%3F%26?q=a/b%20?&"},
		},
		{
			"headers", "http: {get: '${ $vars.api }', headers: {accept: text/csv, x-list: [a, b], X-Number: 1.10, x-none: null, user-agent: mine}}", nil,
			object{"request": "GET /", "accept": "text/csv", "x-list": "a|b", "x-number": "1.10", "user-agent": "mine"},
		},
		{
			"query and headers by expressions", "http: {get: '${ $vars.api }/?a=1', query: '${ .q }', headers: '${ .h }'}",
			object{"q": object{"z": []any{1, nil, "b c"}, "a": "${ .x }", "none": nil}, "h": object{"x-list": []any{"a", "b"}, "Accept": "text/csv"}},
			object{"request": "GET /?a=1&a=%24%7B+.x+%7D&z=1&z=b+c", "accept": "text/csv", "x-list": "a|b"},
		},
		{
			"no query, no headers, and a form by an expression", "http: {put: '${ $vars.api }', query: '${ .q }', headers: '${ .h }', form: '${ .f }', content_type: a/b}",
			object{"f": object{"b": 2, "a": "1&2"}}, object{"request": "PUT /", "body": "a=1%262&b=2", "content-type": "a/b", "idempotency-key": "run-1.http.0"},
		},
		{
			"json", "http: {post: '${ $vars.api }', json: {id: '${ .id }', text: '<&>${ .none }', list: [1.10]}}",
			object{"id": json.Number("9007199254740993123")},
			object{
				"request": "POST /", "content-type": "application/json", "idempotency-key": "run-1.http.0",
				"body": `{"id":9007199254740993123,"list":[1.10],"text":"<&>"}`,
			},
		},
		{
			"json null", "http: {put: '${ $vars.api }', json: null}", nil,
			object{"request": "PUT /", "content-type": "application/json", "idempotency-key": "run-1.http.0", "body": "null"},
		},
		{
			"json of another type", "http: {patch: '${ $vars.api }', json: '${ . }', content_type: application/merge-patch+json}", object{},
			object{"request": "PATCH /", "content-type": "application/merge-patch+json", "idempotency-key": "run-1.http.0", "body": "{}"},
		},
		{
			"form", "http: {post: '${ $vars.api }', form: {b: 'x y&z', a: [1, 2], none: null}}", nil,
			object{"request": "POST /", "content-type": "application/x-www-form-urlencoded", "idempotency-key": "run-1.http.0", "body": "b=x+y%26z&a=1&a=2"},
		},
		{
			"raw", "http: {post: '${ $vars.api }', raw: '<a>${ .x }</a>', content_type: application/xml, headers: {Idempotency-Key: mine}}", object{"x": "ü"},
			object{"request": "POST /", "content-type": "application/xml", "idempotency-key": "mine", "body": "<a>ü</a>"},
		},
		{
			"raw as it is", "http: {method: DELETE, url: '${ $vars.api }', raw: '${ . }'}", []any{true},
			object{"request": "DELETE /", "content-type": "text/plain; charset=utf-8", "idempotency-key": "run-1.http.0", "body": "[true]"},
		},
		{
			"another header for the idempotency key", "http: {post: '${ $vars.api }', idempotency_header: X-List, headers: {x-list: '${ .x }'}}", object{},
			object{"request": "POST /", "x-list": "run-1.http.0"},
		},
		{
			"base64", "http: {post: '${ $vars.api }', base64: '${ .b }'}", object{"b": "AWIC"},
			object{"request": "POST /", "content-type": "application/octet-stream", "idempotency-key": "run-1.http.0", "body": "\x01b\x02"},
		},
		{
			"no body", "http: {post: '${ $vars.api }'}", nil,
			object{"request": "POST /", "idempotency-key": "run-1.http.0", "body": ""},
		},
		{"options", "http: {options: '${ $vars.api }'}", nil, object{"request": "OPTIONS /"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			items, err := runHTTP(t, test.step, server.URL, test.event)
			if err != nil {
				t.Fatal(err)
			}
			got := items[0].(object)["body"].(object)
			if _, ok := test.want["user-agent"]; !ok {
				test.want["user-agent"] = userAgent()
			}
			if _, ok := test.want["body"]; !ok {
				test.want["body"] = ""
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestHTTPMultipart(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil {
			t.Error(err)
		}
		var parts []any
		for form := multipart.NewReader(r.Body, params["boundary"]); ; {
			part, err := form.NextRawPart()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Error(err)
				return
			}
			content, _ := io.ReadAll(part)
			parts = append(parts, []any{part.Header.Get("Content-Disposition"), part.Header.Get("Content-Type"), string(content)})
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(parts)
	})
	const fixed = `
http:
  post: ${ $vars.api }
  multipart:
    - {name: title, value: "${ .title }"}
    - {name: 'quo"te', value: {a: 1.10}}
    - {name: report, filename: "r\"\r\n.csv", value: "a,b", content_type: text/csv}
    - {name: picture, filename: "${ .title }.png", base64: iVBORw==}
    - {name: empty, value: ""}`
	const computed = `http: {post: "${ $vars.api }", multipart: "${ .parts }"}`
	event := object{"title": "Zoë", "parts": []any{
		object{"name": "title", "value": "Zoë"}, object{"name": `quo"te`, "value": object{"a": json.Number("1.10")}},
		object{"name": "report", "filename": "r\"\r\n.csv", "value": "a,b", "content_type": "text/csv"},
		object{"name": "picture", "filename": "Zoë.png", "base64": "iVBORw=="}, object{"name": "empty", "value": ""},
	}}
	want := []any{
		[]any{`form-data; name="title"`, "", "Zoë"},
		[]any{`form-data; name="quo%22te"`, "application/json", `{"a":1.10}`},
		[]any{`form-data; name="report"; filename="r%22%0D%0A.csv"`, "text/csv", "a,b"},
		[]any{`form-data; name="picture"; filename="Zoë.png"`, "application/octet-stream", "\x89PNG"},
		[]any{`form-data; name="empty"`, "", ""},
	}
	// JSON in between has replaced the invalid byte by U+FFFD.
	want[3].([]any)[2] = "\uFFFDPNG"
	for _, step := range []string{fixed, computed} {
		items, err := runHTTP(t, step, server.URL, event)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(any(want), items[0].(object)["body"]); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// Redirects of a POST are followed when the flow says so: 307 sends the body again, 303 requests another page (RFC
// 9110, section 15.4).
func TestHTTPRedirectedPost(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			mirror(w, r)
			return
		}
		status, _ := strconv.Atoi(r.URL.Path[1:])
		http.Redirect(w, r, "/end", status)
	})
	for status, want := range map[string]object{
		"307": {"request": "POST /end", "body": `{"a":1}`, "content-type": "application/json", "idempotency-key": "run-1.http.0", "user-agent": userAgent()},
		"303": {"request": "GET /end", "body": "", "idempotency-key": "run-1.http.0", "user-agent": userAgent()},
	} {
		items, err := runHTTP(t, "http: {post: '${ $vars.api }/"+status+"', json: {a: 1}, follow_redirects: 1}", server.URL, nil)
		if err != nil {
			t.Errorf("%s: %v", status, err)
			continue
		}
		if diff := cmp.Diff(any(want), items[0].(object)["body"]); diff != "" {
			t.Errorf("%s (-want +got)\n%s", status, diff)
		}
	}
}

// The result of a program cannot leave its place in the request.
func TestHTTPRefusesValues(t *testing.T) {
	t.Parallel()
	server := serve(t, mirror)
	tests := []struct {
		name, step string
		event      any
		want       string
	}{
		{"line break in a header", `http: {get: "${ $vars.api }", headers: {x-a: "${ .v }"}}`, object{"v": "a\r\nX-B: hunter2"}, "header X-A has a line break in its value"},
		{"control character in a header", `http: {get: "${ $vars.api }", headers: {x-a: "${ .v }"}}`, object{"v": "a\x00"}, "header X-A has a control character in its value"},
		{"object as header", `http: {get: "${ $vars.api }", headers: {x-a: "${ . }"}}`, object{"v": 1}, "header X-A holds an object"},
		{"list in a query list", `http: {get: "${ $vars.api }", query: {q: [[1]]}}`, nil, `query "q" holds a list`},
		{"object in a form", `http: {post: "${ $vars.api }", form: {f: {a: 1}}}`, nil, `form field "f" holds an object`},
		{"line break in the URL", `http: {get: "${ $vars.api }/${ .v }"}`, object{"v": "a\r\nX-B: 1"}, "is not a URL"},
		{"number as URL", `http: {get: "${ 1 }"}`, nil, "the URL is a number, not text"},
		{"file", `http: {get: "file:///etc/passwd"}`, nil, `"file:///etc/passwd" is not an http:// or https:// URL`},
		{"not base64", `http: {post: "${ $vars.api }", base64: "%%"}`, nil, "base64 does not hold base64"},
		{"base64 of a number", `http: {post: "${ $vars.api }", base64: 17}`, nil, "base64 is a number, not text"},
		{"content type of a part", `http: {post: "${ $vars.api }", multipart: [{name: a, value: b, content_type: "${ .v }"}]}`, object{"v": "a\r\nb"}, "content_type of a part"},
		{"reserved header by an expression", `http: {get: "${ $vars.api }", headers: "${ . }"}`, object{"Te": "hunter2"}, "headers: the header Te is set by Penstock"},
		{"header by an expression twice", `http: {get: "${ $vars.api }", headers: "${ . }"}`, object{"Accept": "a", "accept": "hunter2"}, "headers: the header accept comes twice"},
		{"content type of a form by an expression", `http: {post: "${ $vars.api }", headers: "${ . }", multipart: [{name: a, value: b}]}`, object{"content-type": "a/b"}, "headers: the header content-type comes twice"},
		{"list as query", `http: {get: "${ $vars.api }", query: "${ . }"}`, []any{1}, "query: expected an object of at most 1000 members"},
		{"text as parts", `http: {post: "${ $vars.api }", multipart: "${ . }"}`, "a", "multipart: expected a list of at most 1000 objects"},
		{"connection without any", `http: {get: "${ $vars.api }", connection: crm}`, nil, `there is no connection "crm"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			items, err := runHTTP(t, test.step, server.URL, test.event)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v, %v, want an error with %q", items, err, test.want)
			}
		})
	}
}
