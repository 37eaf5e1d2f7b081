package httpx

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/queue"
)

// serve handles one request by handler, behind the middleware of the front door.
func serve(f *Frame, r *http.Request, handler gin.HandlerFunc) *httptest.ResponseRecorder {
	gin.SetMode(gin.ReleaseMode)
	if f.Now == nil {
		f.Now = time.Now
	}
	if f.MaxBody == 0 {
		f.MaxBody = 16
	}
	e := gin.New()
	e.Use(func(c *gin.Context) { f.Begin(c) }, RequestID, LimitBody)
	e.Handle(r.Method, "/*path", handler)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func problemOf(t *testing.T, w *httptest.ResponseRecorder) (p Problem) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return p
}

func TestReadEvent(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, body, contentType, encoding string
		chunked                           bool
		status                            int
		code                              string
	}{
		{name: "JSON", body: `{"a":1}`, contentType: "application/json", status: 200},
		{name: "JSON in chunks", body: `{"a":1}`, contentType: "application/json", chunked: true, status: 200},
		{name: "a media type of JSON", body: `{"a":1}`, contentType: "application/ld+json; charset=UTF-8", status: 200},
		{name: "no body", status: 200},
		{name: "of the largest size", body: `"2345678901234 "`, contentType: "application/json", status: 200},
		{name: "too large", body: `"23456789012345 "`, contentType: "application/json", status: 413, code: "too_large"},
		{name: "too large in chunks", body: `"23456789012345 "`, contentType: "application/json", chunked: true, status: 413, code: "too_large"},
		{name: "invalid JSON", body: `{"a":1`, contentType: "application/json", status: 400, code: "bad_json"},
		{name: "a member twice", body: `{"a":1,"a":2}`, contentType: "application/json", status: 400, code: "bad_json"},
		{name: "no type", body: `{}`, status: 415, code: "unsupported_media_type"},
		{name: "text", body: `{}`, contentType: "text/plain", status: 415, code: "unsupported_media_type"},
		{name: "another charset", body: `{}`, contentType: "application/json; charset=latin1", status: 415, code: "unsupported_media_type"},
		{name: "compressed", body: `{}`, contentType: "application/json", encoding: "identity, gzip", status: 415, code: "unsupported_media_type"},
		{name: "not compressed", body: `{}`, contentType: "application/json", encoding: "identity", status: 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("POST", "/", strings.NewReader(tc.body))
			if tc.contentType != "" {
				r.Header.Set("Content-Type", tc.contentType)
			}
			if tc.encoding != "" {
				r.Header.Set("Content-Encoding", tc.encoding)
			}
			if tc.chunked {
				r.ContentLength = -1
			}
			w := serve(&Frame{}, r, func(c *gin.Context) {
				event, err := ReadEvent(c)
				if err != nil {
					Fail(c, err)
					return
				}
				if string(event) != tc.body || string(StateOf(c).Body()) != tc.body {
					t.Errorf("event %q, body %q", event, StateOf(c).Body())
				}
				NoContent(c)
			})
			if tc.status == 200 {
				if w.Code != 204 {
					t.Errorf("status %d: %s", w.Code, w.Body)
				}
				return
			}
			if p := problemOf(t, w); w.Code != tc.status || p.Code != tc.code || p.Status != tc.status {
				t.Errorf("%d %+v, want %d %s", w.Code, p, tc.status, tc.code)
			}
			if closes := w.Header().Get("Connection") == "close"; closes != (tc.status == 413) {
				t.Errorf("Connection: %q", w.Header().Get("Connection"))
			}
		})
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	for id, kept := range map[string]bool{
		"abc-1_2.3:4/5+6=": true, strings.Repeat("a", 128): true, strings.Repeat("a", 129): false, "": false, "a b": false, "a\x7f": false, "ä": false, `"`: false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set(HeaderRequestID, id)
		w := serve(&Frame{}, r, NoContent)
		got := w.Header().Get(HeaderRequestID)
		if (got == id) != kept || got == "" {
			t.Errorf("id %q became %q", id, got)
		}
	}
}

func TestFailHeaders(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err       error
		status    int
		challenge string // all of WWW-Authenticate
		retry     string
	}{
		{&auth.Error{Code: auth.CodeUnauthorized, Message: "m"}, 401, bearerChallenge + "; " + basicChallenge, ""},
		{&auth.Error{Code: auth.CodeUnauthorized, Message: "m", Bearer: auth.CodeInvalidToken}, 401, bearerChallenge + `, error="invalid_token"; ` + basicChallenge, ""},
		{auth.MissingScope(auth.ScopeRun, ""), 403, bearerChallenge + `, error="insufficient_scope", scope="flows:run"`, ""},
		{&auth.Error{Code: auth.CodeForbidden, Message: "m"}, 403, "", ""},
		{&auth.Error{Code: auth.CodeSlowDown, Message: "m", Retry: 1500 * time.Millisecond}, 429, "", "2"},
		{queue.ErrFull, 503, "", "2"},
		{&Fault{Status: 400, Code: "c", Message: "m", Retry: time.Nanosecond}, 400, "", "1"},
	} {
		w := serve(&Frame{}, httptest.NewRequest("GET", "/", nil), func(c *gin.Context) { Fail(c, tc.err) })
		if got := strings.Join(w.Header().Values("WWW-Authenticate"), "; "); w.Code != tc.status || got != tc.challenge || w.Header().Get("Retry-After") != tc.retry {
			t.Errorf("%v: %d, challenge %q, Retry-After %q", tc.err, w.Code, got, w.Header().Get("Retry-After"))
		}
	}
}

// No response is written to a caller that has disconnected, and none after the first one.
func TestFailWithoutResponse(t *testing.T) {
	t.Parallel()
	w := serve(&Frame{}, httptest.NewRequest("GET", "/", nil), func(c *gin.Context) { Fail(c, context.Canceled) })
	if w.Body.Len() != 0 {
		t.Errorf("body %q", w.Body)
	}
	w = serve(&Frame{}, httptest.NewRequest("GET", "/", nil), func(c *gin.Context) {
		WriteJSON(c, 200, map[string]int{"a": 1})
		Fail(c, errors.New("too late"))
	})
	if w.Body.String() != `{"a":1}` {
		t.Errorf("body %q", w.Body)
	}
}

func TestEnvelopes(t *testing.T) {
	t.Parallel()
	f := &Frame{Envelopes: []Envelope{{
		Serves: func(path string) bool { return path == "/own" }, BasicOnly: true,
		Write: func(c *gin.Context, f *Fault) { c.String(f.Status, "own: "+f.Code) },
	}}}
	fail := func(c *gin.Context) { Fail(c, &auth.Error{Code: auth.CodeUnauthorized, Message: "m"}) }
	w := serve(f, httptest.NewRequest("GET", "/own", nil), fail)
	if w.Body.String() != "own: unauthorized" || w.Header().Get("WWW-Authenticate") != basicChallenge {
		t.Errorf("%q, %v", w.Body, w.Header())
	}
	if p := problemOf(t, serve(f, httptest.NewRequest("GET", "/other", nil), fail)); p.Code != "unauthorized" || p.Type != "/docs#problem-unauthorized" {
		t.Errorf("%+v", p)
	}
}

// fakeLimiter returns a fixed quota and stores the last use.
type fakeLimiter struct {
	quota limits.Quota
	err   error
	use   limits.Use
}

func (l *fakeLimiter) Take(_ context.Context, u limits.Use) (limits.Quota, error) {
	l.use = u
	return l.quota, l.err
}

func TestTake(t *testing.T) {
	t.Parallel()
	take := func(l *fakeLimiter, p *auth.Principal) *httptest.ResponseRecorder {
		return serve(&Frame{Limiter: l}, httptest.NewRequest("GET", "/", nil), func(c *gin.Context) {
			StateOf(c).Principal = p
			if err := Take(c, "runs"); err != nil {
				Fail(c, err)
				return
			}
			NoContent(c)
		})
	}
	key := &auth.Principal{Kind: auth.KindKey, ID: "k", Rate: "5/s"}
	l := &fakeLimiter{quota: limits.Quota{Rate: limits.Rate{Limit: 10, Window: time.Minute}, Remaining: 9, Reset: 1500 * time.Millisecond}}
	w := take(l, key)
	if w.Code != 204 || w.Header().Get("RateLimit") != `"credential";r=9;t=2` || w.Header().Get("RateLimit-Policy") != `"credential";q=10;w=60` {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if want := (limits.Use{Endpoint: "runs", Caller: "key:k", Rate: "5/s", Method: "GET", Path: "/*path"}); l.use != want {
		t.Errorf("use %+v", l.use)
	}
	take(l, &auth.Principal{Kind: auth.KindUser, ID: "ann", Actor: "k"})
	if l.use.Caller != "key:k" {
		t.Errorf("a key that acts as a user is counted as %q", l.use.Caller)
	}
	l.quota.Wait = 3 * time.Second
	if w := take(l, key); w.Code != 429 || w.Header().Get("Retry-After") != "3" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := take(&fakeLimiter{err: errors.New("dial 10.0.0.1")}, key); w.Code != 503 || strings.Contains(w.Body.String(), "10.0.0.1") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := take(&fakeLimiter{}, key); w.Code != 204 || w.Header().Get("RateLimit") != "" {
		t.Errorf("without a limit: %d %v", w.Code, w.Header())
	}
}

func TestOptional(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{`{}`: "before", `{"name":null}`: "", `{"name":""}`: "", `{"name":"after"}`: "after"} {
		var in struct {
			Name Optional[string] `json:"name"`
		}
		if err := json.Unmarshal([]byte(text), &in); err != nil {
			t.Fatal(err)
		}
		name := "before"
		in.Name.Into(&name)
		if name != want {
			t.Errorf("%s: %q, want %q", text, name, want)
		}
	}
}
