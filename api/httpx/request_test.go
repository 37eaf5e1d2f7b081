package httpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/queue"
)

// faultOf returns the fault of an error that a handler returns.
func faultOf(t *testing.T, err error) *Fault {
	t.Helper()
	if err == nil {
		t.Error("there is no error")
		return &Fault{}
	}
	return FaultOf(err)
}

// A body is JSON only if it is declared as JSON in UTF-8: other readers could read another type differently.
func TestCheckType(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		types []string
		good  bool
	}{
		{[]string{"application/json"}, true},
		{[]string{"APPLICATION/JSON"}, true},
		{[]string{"application/json; charset=utf-8"}, true},
		{[]string{`application/json;charset="UTF-8"`}, true},
		{[]string{"application/merge-patch+json"}, true},
		{[]string{"application/json; profile=x"}, true},
		{nil, false},
		{[]string{""}, false},
		{[]string{"application/json", "application/json"}, false},
		{[]string{"application/json, text/plain"}, false},
		{[]string{"application/json; charset=utf-16"}, false},
		{[]string{"application/json; charset=latin1; charset=utf-8"}, false},
		{[]string{"application/jsonp"}, false},
		{[]string{"text/plain"}, false},
		{[]string{"application/x-www-form-urlencoded"}, false},
		{[]string{"multipart/form-data; boundary=application/json"}, false},
	} {
		err := CheckType(http.Header{"Content-Type": tc.types})
		if (err == nil) != tc.good {
			t.Errorf("%q: %v", tc.types, err)
		}
		if !tc.good && faultOf(t, err).Status != http.StatusUnsupportedMediaType {
			t.Errorf("%q: %v", tc.types, err)
		}
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		raw  string
		good bool
	}{
		{"", true},
		{"a=1&b=%C3%A9&a=2", true},
		{strings.Repeat("a&", maxQuery-1) + "a", true},
		{strings.Repeat("a&", maxQuery) + "a", false},
		{"a=1;b=2", false},
		{"a=%zz", false},
		{"%ff=1", false},
		{"a=%ff", false},
		{"a=%ed%a0%80", false},
	} {
		got, err := Query(&http.Request{URL: httptest.NewRequest("GET", "/?"+tc.raw, nil).URL})
		if (err == nil) != tc.good {
			t.Errorf("%.40q: %v, %v", tc.raw, got, err)
		}
		if !tc.good {
			if f := faultOf(t, err); f.Status != http.StatusBadRequest || f.Code != "bad_query" {
				t.Errorf("%.40q: %+v", tc.raw, f)
			}
		}
	}
}

// The query string of a sender is read as browsers read it, with the limits of any other.
func TestSenderQuery(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"a=1;b=2": "1;b=2", "a=%zz": "%zz", "a=100%": "100%", "a=%C3%A9": "é", "a=x+y": "x y", "a=%2B": "+", "a=%3B;": ";;",
	} {
		got, err := SenderQuery(&http.Request{URL: &url.URL{RawQuery: raw}})
		if err != nil || len(got) != 1 || got.Get("a") != want {
			t.Errorf("%s: %v, %v, want %q", raw, got, err, want)
		}
	}
	for _, raw := range []string{strings.Repeat("a&", maxQuery) + "a", "a=%ff", "%ff=1"} {
		_, err := SenderQuery(&http.Request{URL: &url.URL{RawQuery: raw}})
		if f := faultOf(t, err); f.Status != http.StatusBadRequest || f.Code != "bad_query" {
			t.Errorf("%.40q: %+v", raw, f)
		}
	}
}

// Whether there is a body is found out even when its length is not announced.
func TestHasBody(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		length int64
		body   io.Reader
		has    bool
		status int // of the fault; 0: none
	}{
		"announced":            {5, strings.NewReader("12345"), true, 0},
		"announced as empty":   {0, strings.NewReader(""), false, 0},
		"chunked":              {-1, strings.NewReader("1"), true, 0},
		"chunked and empty":    {-1, strings.NewReader(""), false, 0},
		"chunked and cut off":  {-1, iotest.ErrReader(io.ErrUnexpectedEOF), false, http.StatusBadRequest},
		"chunked and too slow": {-1, iotest.ErrReader(os.ErrDeadlineExceeded), false, http.StatusRequestTimeout},
	} {
		has, err := HasBody(&http.Request{ContentLength: tc.length, Body: io.NopCloser(tc.body)})
		if has != tc.has || (err != nil) != (tc.status != 0) || err != nil && faultOf(t, err).Status != tc.status {
			t.Errorf("%s: %t, %v", name, has, err)
		}
	}
	if has, err := HasBody(&http.Request{ContentLength: -1}); has || err != nil {
		t.Errorf("no body: %t, %v", has, err)
	}
}

func TestParseSeconds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "1": time.Second, "060": time.Minute, "65535": 65535 * time.Second,
		"": -1, "65536": -1, "-1": -1, "+1": -1, "1.5": -1, "1s": -1, " 1": -1, "1_0": -1, "0x1": -1, "٣": -1,
	} {
		if got, ok := ParseSeconds(text); ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: %v, %v", text, got, ok)
		}
	}
}

// A scope for one flow opens a list, which then holds that flow only; a similar scope opens nothing.
func TestRequires(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		held []auth.Scope
		good bool
	}{
		{[]auth.Scope{auth.ScopeReadRuns}, true},
		{[]auth.Scope{"runs:read:69"}, true},
		{[]auth.Scope{auth.ScopeWriteRuns}, true},
		{[]auth.Scope{auth.ScopeRun, auth.ScopeReadFlows}, false},
		{[]auth.Scope{"runs:readonly"}, false},
		{[]auth.Scope{"runs"}, false},
		{nil, false},
	} {
		reached := false
		w := serve(&Frame{}, httptest.NewRequest("GET", "/", nil), func(c *gin.Context) {
			StateOf(c).Principal = &auth.Principal{Scopes: tc.held}
			Requires(auth.ScopeReadRuns, auth.ScopeWriteRuns)(c)
			reached = !c.IsAborted()
		})
		if reached != tc.good || !tc.good && (w.Code != http.StatusForbidden || !strings.Contains(w.Header().Get("WWW-Authenticate"), `scope="runs:read"`)) {
			t.Errorf("%v: reached %v, %d %v", tc.held, reached, w.Code, w.Header())
		}
	}
}

// Mistakes of a caller are 4xx, other failures 500; a caller that has left gets no response.
func TestBodyError(t *testing.T) {
	t.Parallel()
	chunked := &http.Request{TransferEncoding: []string{"chunked"}}
	for _, tc := range []struct {
		name   string
		r      *http.Request
		err    error
		status int
		code   string
	}{
		{"cut short", &http.Request{}, io.ErrUnexpectedEOF, 400, "cut_short"},
		{"bad chunks", chunked, errors.New("malformed chunked encoding"), 400, "bad_chunks"},
		{"too large", chunked, &http.MaxBytesError{Limit: 1}, 413, "too_large"},
		{"too slow", chunked, os.ErrDeadlineExceeded, 408, "request_timeout"},
		{"anything else", &http.Request{}, errors.New("dial 10.0.0.1"), 500, "internal"},
	} {
		f := faultOf(t, bodyError(tc.r, tc.err))
		if f.Status != tc.status || f.Code != tc.code || strings.Contains(f.Message, "10.0.0.1") {
			t.Errorf("%s: %d %s %q, want %d %s", tc.name, f.Status, f.Code, f.Message, tc.status, tc.code)
		}
	}
	for _, gone := range []error{net.ErrClosed, &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}} {
		if err := bodyError(chunked, gone); !errors.Is(err, context.Canceled) {
			t.Errorf("%v: %v, want a caller that has left", gone, err)
		}
	}
}

// zeros is a body that takes no memory by itself.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// The memory of bodies is bounded: a body without room is refused while it arrives, and what it took is given back.
func TestBodiesAreReserved(t *testing.T) {
	t.Parallel()
	memory := budget.New(1<<18, slog.New(slog.DiscardHandler))
	read := func(size int) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/", io.LimitReader(zeros{}, int64(size)))
		return serve(&Frame{Memory: memory, MaxBody: 64 << 20}, r, func(c *gin.Context) {
			if _, err := ReadBody(c); err != nil {
				Fail(c, err)
				return
			}
			NoContent(c)
		})
	}
	for range 5 { // if a body kept its memory, a later one would not fit
		if w := read(4 << 10); w.Code != http.StatusNoContent {
			t.Fatalf("a small body: %d %s", w.Code, w.Body)
		}
		if w := read(1 << 20); w.Code != http.StatusServiceUnavailable {
			t.Fatalf("a body that does not fit: %d", w.Code)
		}
	}
}

// An error tells a caller what it may know: internal errors have one text, whatever they wrap.
func TestFaultsHideWhatIsInternal(t *testing.T) {
	t.Parallel()
	const secret = "redis://:s3cret@10.0.0.1"
	for _, tc := range []struct {
		err    error
		status int
		code   string
	}{
		{errors.New(secret), 500, "internal"},
		{fmt.Errorf("find key: %w: %s", auth.ErrUnavailable, secret), 503, "unavailable"},
		{fmt.Errorf("wrap: %w", &auth.Error{Code: auth.CodeForbidden, Message: "no"}), 403, "forbidden"},
		{fmt.Errorf("%s: %w", secret, queue.ErrNotFound), 404, "not_found"},
		{&auth.Error{Code: auth.CodeReplayed, Message: "m"}, 401, "replayed"},
		{&auth.Error{Code: auth.CodeInvalidClient, Message: "m"}, 401, "invalid_client"},
		{&auth.Error{Code: auth.CodeInvalidGrant, Message: "m"}, 400, "invalid_grant"},
	} {
		f := FaultOf(tc.err)
		if f.Status != tc.status || f.Code != tc.code {
			t.Errorf("%v: %d %s, want %d %s", tc.err, f.Status, f.Code, tc.status, tc.code)
		}
		w := serve(&Frame{}, httptest.NewRequest("GET", "/", nil), func(c *gin.Context) { Fail(c, tc.err) })
		if strings.Contains(w.Body.String(), "s3cret") || strings.Contains(fmt.Sprint(w.Header()), "s3cret") {
			t.Errorf("%v: the response is %s", tc.err, w.Body)
		}
	}
}

// A response is never cached or sniffed, and a page of a list has links to the pages around it only.
func TestResponses(t *testing.T) {
	t.Parallel()
	schema := listing.Schema[string]{Order: "name", Fields: []listing.Field[string]{listing.Text("name", func(s *string) string { return *s })}}
	for name, handler := range map[string]gin.HandlerFunc{
		"JSON":       func(c *gin.Context) { WriteJSON(c, 200, map[string]int{}) },
		"created":    func(c *gin.Context) { Created(c, "/v1/x", map[string]int{}) },
		"no content": NoContent,
		"empty":      func(c *gin.Context) { WriteEmpty(c, 200) },
		"an error":   func(c *gin.Context) { Fail(c, BadRequest("x", "x")) },
		"a list":     func(c *gin.Context) { List(c, schema, []string{"a", "b"}) },
	} {
		h := serve(&Frame{}, httptest.NewRequest("GET", "/", nil), handler).Header()
		if h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" && name != "no content" {
			t.Errorf("%s: %v", name, h)
		}
	}
	w := serve(&Frame{}, httptest.NewRequest("GET", "/list?page=1&page_size=1", nil), func(c *gin.Context) { List(c, schema, []string{"a", "b"}) })
	if link := w.Header().Get("Link"); w.Code != 200 || !strings.Contains(link, "</list?") || !strings.Contains(link, `rel="next"`) || strings.Contains(link, "//") {
		t.Errorf("%d, Link %q", w.Code, link)
	}
	bad := serve(&Frame{}, httptest.NewRequest("GET", "/list?filter=nothing+eq+1", nil), func(c *gin.Context) { List(c, schema, nil) })
	if p := problemOf(t, bad); bad.Code != 400 || p.Parameter != "filter" {
		t.Errorf("%d %+v", bad.Code, p)
	}
	if after := RetryAfter(0); after != "1" {
		t.Errorf("Retry-After %s, want at least a second", after)
	}
}

// The ways that an operation takes are those that its 401 offers.
func TestChallenges(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		ways []string
		want []string
	}{
		{nil, []string{bearerChallenge, basicChallenge}},
		{[]string{"bearer"}, []string{bearerChallenge}},
		{[]string{"basic"}, []string{basicChallenge}},
		{[]string{"bearer", "basic", "signature"}, []string{bearerChallenge, basicChallenge}},
		{[]string{"signature"}, []string{signatureChallenge}},
	} {
		w := serve(&Frame{}, httptest.NewRequest("GET", "/", nil), func(c *gin.Context) {
			StateOf(c).Ways = tc.ways
			Fail(c, &auth.Error{Code: auth.CodeUnauthorized, Message: "m"})
		})
		if got := w.Header().Values("WWW-Authenticate"); !slices.Equal(got, tc.want) {
			t.Errorf("%q: %q, want %q", tc.ways, got, tc.want)
		}
	}
}
