package console

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// called is a request to the API that the portal has made.
type called struct {
	*http.Request
	body string
	who  *auth.Principal
}

// newTryPortal returns a portal, and the calls that it makes. answer is the body of each answer.
func newTryPortal(t *testing.T, answer string) (*portalTest, *[]called) {
	t.Helper()
	var calls []called
	p := newPortal(t, func(c *Config) {
		c.Call = func(w http.ResponseWriter, r *http.Request, who *auth.Principal) {
			body, _ := io.ReadAll(r.Body)
			calls = append(calls, called{r, string(body), who})
			w.Header().Set("X-Answer", hostile)
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, answer)
		}
	})
	return p, &calls
}

func TestTryItCallsAsTheDeveloper(t *testing.T) {
	t.Parallel()
	p, calls := newTryPortal(t, `{"text":"`+`<script>`+`"}`)
	dora := p.developer("dora")
	w := dora.send("/apis/shop/shop_list", "param.path.kind", hostile+"/../x", "param.query.undeclared", "y", "body", "ignored")
	if w.Code != http.StatusOK || len(*calls) != 1 {
		t.Fatalf("%d, %d calls", w.Code, len(*calls))
	}
	c := (*calls)[0]
	if c.Method != "GET" || c.URL.EscapedPath() != "/shop/orders/"+url.PathEscape(hostile+"/../x") || c.URL.RawQuery != "" || c.body != "" {
		t.Errorf("called %s %s %q", c.Method, c.URL, c.body)
	}
	if c.Header.Get("Cookie") != "" || c.Header.Get("Authorization") != "" || c.RemoteAddr != "192.0.2.1:0" {
		t.Errorf("sent from %s with %v", c.RemoteAddr, c.Header)
	}
	if c.who.String() != "user:dora" || c.who.Staff || auth.JoinScopes(c.who.Scopes, " ") != "orders:read flows:run:12" {
		t.Errorf("called as %+v", c.who)
	}
	page := w.Body.String()
	if strings.Contains(page, "<script>alert") || strings.Contains(page, `"<script>"`) || !strings.Contains(page, "418") || !strings.Contains(page, "X-Answer") {
		t.Error("the answer is not shown, or not as a text")
	}
}

func TestTryItSendsTheBody(t *testing.T) {
	t.Parallel()
	p, calls := newTryPortal(t, strings.Repeat("é", 200_000))
	dora := p.developer("dora")
	w := dora.send("/apis/greet/greet_run", "param.header.Idempotency-Key", "once", "body", "{\r\n\"name\":\"x\"}")
	if w.Code != http.StatusOK || len(*calls) != 1 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	c := (*calls)[0]
	if c.Method != "POST" || c.URL.Path != "/v1/flows/12/runs" || c.body != "{\n\"name\":\"x\"}" || c.Header.Get("Idempotency-Key") != "once" || c.Header.Get("Content-Type") != "application/json" {
		t.Errorf("called %s %s %q %v", c.Method, c.URL, c.body, c.Header)
	}
	if page := w.Body.String(); len(page) > 200_000 || !strings.Contains(page, "400,000 bytes") || !strings.Contains(page, "The rest of the body is not shown") {
		t.Errorf("the page has %d bytes", len(page))
	}
	if w := dora.send("/apis/greet/greet_run", "param.header.Idempotency-Key", "a\r\nAuthorization: x"); w.Code != http.StatusBadRequest {
		t.Errorf("two lines in a header: %d", w.Code)
	}
	if w := dora.send("/apis/shop/shop_list"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "Not called") {
		t.Errorf("without a part of the path: %d", w.Code)
	}
	for _, path := range []string{"/apis/shop/shop_purge", "/apis/payroll/payroll_get", "/apis/hello/hello_run", "/apis/signed-only/signedOnly_get"} {
		if w := dora.send(path, "param.path.kind", "x"); w.Code != http.StatusNotFound {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
	if len(*calls) != 1 {
		t.Errorf("%d calls, want 1", len(*calls))
	}
}

// Samples have what the form says, and no secret.
func TestSamplesOfOperations(t *testing.T) {
	t.Parallel()
	p, _ := newTryPortal(t, "{}")
	page := p.developer("dora").shows("/apis/shop/shop_list")
	for _, id := range []string{"curl", "php", "node", "python", "csharp", "java", "apex"} {
		if !strings.Contains(page, `id="in-`+id+`"`) {
			t.Errorf("no sample in %s", id)
		}
	}
	if !strings.Contains(page, "http://example.com/shop/orders/"+url.PathEscape(hostile)) || !strings.Contains(page, "$ACCESS_TOKEN") {
		t.Error("the samples are not of the operation")
	}
}

// A body may be a file, or a form with files.
func TestTryItSendsFiles(t *testing.T) {
	t.Parallel()
	p, calls := newTryPortal(t, "{}")
	flow, err := flows.Parse("documents.yaml", []byte(`
flow: 31
slug: documents
trigger:
  http:
    - {put: /documents, name: whole, body: file, max_body: 1MB, scopes: {"orders:read": Read}}
    - {post: /documents, name: form, max_body: 1MB, scopes: {"orders:read": Read}, schema: {type: object, required: [doc], properties: {title: {type: string}, pages: {type: integer}, doc: {type: object, properties: {file: {type: string}}}}}}
    - {post: /notes, name: any, max_body: 1MB, scopes: {"orders:read": Read}}
steps: [{set: {a: 1}}]
`), steps.Catalogue())
	must(t, err)
	_, err = p.config.Store.Flows().Deploy(t.Context(), flow)
	must(t, err)
	dora := p.developer("dora")
	send := func(path string, values ...string) (called, string) {
		t.Helper()
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		must(t, form.WriteField("csrf", dora.token(dora.shows("/"))))
		for i := 0; i < len(values); i += 2 {
			if !strings.HasPrefix(values[i], "file.") {
				must(t, form.WriteField(values[i], values[i+1]))
				continue
			}
			w, err := form.CreateFormFile(values[i], "ä \"b\".txt")
			must(t, err)
			_, err = io.WriteString(w, values[i+1])
			must(t, err)
		}
		must(t, form.Close())
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, Developers+path, &body)
		r.Header.Set("Content-Type", form.FormDataContentType())
		*calls = nil
		w := dora.do(r)
		if w.Code != http.StatusOK || len(*calls) != 1 {
			return called{}, w.Body.String()
		}
		return (*calls)[0], w.Body.String()
	}
	if c, _ := send("/apis/documents/documents_whole", "file.", "\x00bytes"); c.body != "\x00bytes" || c.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("a file: %q %v", c.body, c.Header)
	}
	if c, _ := send("/apis/documents/documents_whole"); c.Request == nil || c.body != "" || c.Header.Get("Content-Type") != "" {
		t.Errorf("no file: %q %v", c.body, c.Request)
	}
	c, page := send("/apis/documents/documents_form", "body", `{"title": "A", "pages": 2}`, "file.doc", "content")
	_, params, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	must(t, err)
	sent, err := multipart.NewReader(strings.NewReader(c.body), params["boundary"]).ReadForm(1 << 20)
	must(t, err)
	if sent.Value["title"][0] != "A" || sent.Value["pages"][0] != "2" || !strings.Contains(c.body, "application/json") || sent.File["doc"][0].Filename != `ä "b".txt` || sent.File["doc"][0].Size != 7 {
		t.Errorf("a form: %+v %s", sent, c.body)
	}
	if !strings.Contains(page, `enctype="multipart/form-data"`) || !strings.Contains(page, `name="file.doc"`) || !strings.Contains(page, "doc=@doc.bin") {
		t.Error("the page has no input for the file, or no sample with it")
	}
	if _, page := send("/apis/documents/documents_form", "body", `[1]`); len(*calls) != 0 || !strings.Contains(page, "JSON object with the fields") {
		t.Errorf("a form that is a list was sent, or not explained")
	}
	for media, want := range map[string]string{"application/json": "{}", "application/octet-stream": "content", "a lie": "{}"} {
		if c, _ := send("/apis/documents/documents_any", "media", media, "body", "{}", "file.", "content"); c.Request == nil || c.body != want {
			t.Errorf("%s: %q", media, c.body)
		}
	}
	if c, _ := send("/apis/documents/documents_any", "media", "multipart/form-data", "file.file", "content"); !strings.Contains(c.body, `name="file"; filename="ä`) {
		t.Errorf("a form of which nothing is known: %q", c.body)
	}
}
