package httpx

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"log/slog"
	"mime/multipart"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/payload"
)

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// decoded answers a request with its event, as a text.
func decoded(t *testing.T, frame *Frame, as payload.Form, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return serve(frame, r, func(c *gin.Context) {
		event, err := DecodeEvent(c, as)
		if err != nil {
			Fail(c, err)
			return
		}
		if string(StateOf(c).Body()) != body {
			t.Errorf("the body as sent is %q", StateOf(c).Body())
		}
		Write(c, 200, TypeText, event)
	})
}

// The same event comes in eight forms.
func TestDecodeEventInEightForms(t *testing.T) {
	t.Parallel()
	const event = `{"name":"Zoë","note":"a;b % c","tags":["x","y"]}`
	var parts bytes.Buffer
	w := multipart.NewWriter(&parts)
	for _, f := range [][2]string{{"name", "Zoë"}, {"note", "a;b % c"}, {"tags", "x"}, {"tags", "y"}} {
		if err := w.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	_ = w.Close()
	utf16 := "\xff\xfe"
	for _, r := range event {
		utf16 += string([]byte{byte(r), byte(r >> 8)})
	}
	for name, c := range map[string][]string{
		"JSON":             {event, "Content-Type", "application/json"},
		"JSON as text":     {event, "Content-Type", "text/plain; charset=UTF-8"},
		"JSON in UTF-16":   {utf16, "Content-Type", "application/json"},
		"JSON in gzip":     {gzipped(t, event), "Content-Type", "application/json", "Content-Encoding", "gzip"},
		"JSON as a form":   {event, "Content-Type", "application/x-www-form-urlencoded"},
		"JSON in a form":   {"payload=" + url.QueryEscape(event), "Content-Type", "application/x-www-form-urlencoded"},
		"a form":           {"name=Zo%C3%AB&note=a;b+%+c&tags=x&tags=y", "Content-Type", "application/x-www-form-urlencoded;charset=utf8"},
		"multipart":        {parts.String(), "Content-Type", w.FormDataContentType()},
		"without a type":   {event},
		"an empty type":    {event, "Content-Type", " "},
		"odd parameters":   {event, "Content-Type", "application/json; charset; x=="},
		"JSON in Latin-15": {strings.ReplaceAll(event, "ë", "\xeb"), "Content-Type", "application/json; charset=latin9"},
	} {
		got := decoded(t, &Frame{MaxBody: 1 << 20}, "", c[0], c[1:]...)
		var v, want any
		if err := json.Unmarshal(got.Body.Bytes(), &v); err != nil {
			t.Errorf("%s: %d %s", name, got.Code, got.Body)
			continue
		}
		_ = json.Unmarshal([]byte(event), &want)
		if diff := cmp.Diff(want, v); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestDecodeEventRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		as     payload.Form
		call   []string
		status int
		code   string
	}{
		"two types":            {"", []string{`{}`, "Content-Type", "application/json", "Content-Type", "text/plain"}, 400, "bad_content_type"},
		"unknown charset":      {"", []string{`{}`, "Content-Type", "application/json; charset=x"}, 415, "unsupported_media_type"},
		"no media type":        {"", []string{`{}`, "Content-Type", "json"}, 415, "unsupported_media_type"},
		"a range of types":     {payload.Auto, []string{`{}`, "Content-Type", "*/*"}, 415, "unsupported_media_type"},
		"unknown coding":       {"", []string{`{}`, "Content-Encoding", "compress"}, 415, "unsupported_media_type"},
		"not in its coding":    {"", []string{`{}`, "Content-Encoding", "br"}, 400, "bad_coding"},
		"too large unpacked":   {"", []string{gzipped(t, `"`+strings.Repeat("x", 1<<10)+`"`), "Content-Encoding", "gzip", "Content-Type", "application/json"}, 413, "too_large"},
		"too large as base64":  {payload.Bytes, []string{strings.Repeat("x", 1000)}, 413, "too_large"},
		"too deep as an event": {"", []string{strings.Repeat("<a>", 70) + strings.Repeat("</a>", 70), "Content-Type", "text/xml"}, 400, "bad_body"},
		"another form":         {payload.JSON, []string{`a=1`, "Content-Type", "application/x-www-form-urlencoded"}, 400, "bad_json"},
		"another origin":       {"", []string{`{}`, "Content-Type", "text/plain", "Authorization", "Basic YTpi", "Sec-Fetch-Site", "cross-site"}, 403, "cross_origin"},
	} {
		w := decoded(t, &Frame{MaxBody: 1 << 10}, c.as, c.call[0], c.call[1:]...)
		if p := problemOf(t, w); w.Code != c.status || p.Code != c.code {
			t.Errorf("%s: %d %+v, want %d %s", name, w.Code, p, c.status, c.code)
		}
	}
	large := decoded(t, &Frame{MaxBody: 1 << 10}, "", gzipped(t, strings.Repeat("x", 2<<10)), "Content-Encoding", "gzip")
	broken := decoded(t, &Frame{MaxBody: 1 << 10}, "", "{}", "Content-Encoding", "gzip")
	for w, want := range map[*httptest.ResponseRecorder]string{
		large:  "the body is larger than 1024 bytes without its Content-Encoding",
		broken: "the body is not in its Content-Encoding gzip: ",
	} {
		if detail := problemOf(t, w).Detail; !strings.HasPrefix(detail, want) {
			t.Errorf("the detail is %q, want %q", detail, want)
		}
	}
	for name, header := range map[string][]string{
		"no browser": {"Authorization", "Basic YTpi"}, "a token": {"Authorization", "Bearer x", "Sec-Fetch-Site", "cross-site"},
		"JSON": {"Content-Type", "application/json", "Authorization", "Basic YTpi", "Sec-Fetch-Site", "cross-site"},
	} {
		if w := decoded(t, &Frame{MaxBody: 1 << 10}, "", `{}`, header...); w.Code != 200 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// Bodies are charged to the memory of the process while they are unpacked and read, and given back with the request.
func TestDecodeEventIsCharged(t *testing.T) {
	t.Parallel()
	memory := budget.New(8<<20, slog.New(slog.DiscardHandler)) // 1.2 MB for bodies, 2.8 MB for one that is read
	frame := &Frame{MaxBody: 8 << 20, Memory: memory}
	for name, call := range map[string][]string{
		"unpacked": {gzipped(t, `"`+strings.Repeat("x", 2<<20)+`"`), "Content-Encoding", "gzip", "Content-Type", "application/json"},
		"window":   {"\x0f", "Content-Encoding", "br"}, // a window of 16 MiB
	} {
		if w := decoded(t, frame, "", call[0], call[1:]...); w.Code != 503 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	elements := "<r>" + strings.Repeat("<a b='1'/>", 15000) + "</r>"
	if w := decoded(t, frame, "", elements, "Content-Type", "text/xml"); w.Code != 413 {
		t.Errorf("elements: %d %.200s", w.Code, w.Body)
	}
	if s := memory.Stats(); s.Charged != 0 {
		t.Errorf("%d bytes are still charged", s.Charged)
	}
}

func BenchmarkDecodeEvent(b *testing.B) {
	body := []byte(`{"id":12345,"action":"opened","issue":{"title":"It leaks","labels":["a","b"]},"text":"` + strings.Repeat("x", 900) + `"}`)
	for _, kind := range []string{"application/json", "application/json; charset=utf-8"} {
		for name, read := range map[string]func(*gin.Context) ([]byte, error){
			"strict": ReadEvent, "decode": func(c *gin.Context) ([]byte, error) { return DecodeEvent(c, "") },
		} {
			b.Run(kind+"/"+name, func(b *testing.B) {
				c, _ := gin.CreateTestContext(httptest.NewRecorder())
				c.Request = httptest.NewRequest("POST", "/", nil)
				c.Request.Header.Set("Content-Type", kind)
				x := (&Frame{Now: nil, MaxBody: 1 << 20}).benchState(c)
				x.body, x.bodyRead = body, true
				b.ReportAllocs()
				for b.Loop() {
					if event, err := read(c); err != nil || len(event) != len(body) {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// benchState attaches a state without a clock.
func (f *Frame) benchState(c *gin.Context) *State {
	x := &State{frame: f}
	c.Set(stateKey, x)
	return x
}
