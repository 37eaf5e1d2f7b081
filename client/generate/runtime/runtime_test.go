package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// server answers requests in memory, so that time passes only while a client waits.
type server struct {
	mu       sync.Mutex
	requests []*http.Request                             // guarded by mu
	answer   func(n int, r *http.Request) *http.Response // n counts from 0; nil: no answer
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, err := io.ReadAll(r.Body)
	_ = r.Body.Close() // as a transport does
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(sent))
	s.mu.Lock()
	n := len(s.requests)
	s.requests = append(s.requests, r)
	s.mu.Unlock()
	w := s.answer(n, r)
	if w == nil {
		return nil, errors.New("connection refused")
	}
	return w, nil
}

func respond(status int, body string, header ...string) *http.Response {
	w := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
	for i := 0; i < len(header); i += 2 {
		w.Header.Set(header[i], header[i+1])
	}
	return w
}

func connect(t *testing.T, s *server, config Config) *Client {
	t.Helper()
	config.URL, config.HTTP = "https://penstock.example.org/base/", &http.Client{Transport: s}
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func post(keyed bool) *request {
	return &request{method: http.MethodPost, path: "/x", body: map[string]int{"a": 1}, keyed: keyed}
}

// Attempts of one call share their key and body; each is signed anew; Retry-After is waited for, and a little more.
func TestRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(n int, _ *http.Request) *http.Response {
			return []*http.Response{
				respond(429, `{}`, "Retry-After", "7"), nil,
				respond(503, `{}`, "Retry-After", time.Now().Add(20*time.Second).UTC().Format(http.TimeFormat)), respond(200, `{"b":2}`),
			}[n]
		}}
		c := connect(t, s, Config{Key: "k", Secret: "s"})
		begin := time.Now()
		out, err := call[map[string]int](t.Context(), c, post(true), nil)
		if err != nil || out["b"] != 2 || len(s.requests) != 4 {
			t.Fatalf("%v, %v after %d requests", out, err, len(s.requests))
		}
		if took := time.Since(begin); took < 26*time.Second || took > 29*time.Second {
			t.Errorf("it took %s", took)
		}
		seen := map[string]bool{}
		for _, r := range s.requests {
			text, err := io.ReadAll(r.Body)
			if r.Header.Get("Idempotency-Key") != s.requests[0].Header.Get("Idempotency-Key") || string(text) != `{"a":1}` || err != nil || r.URL.Path != "/base/x" {
				t.Errorf("header %v, body %q", r.Header, text)
			}
			seen[r.Header.Get("Penstock-Signature")] = true
		}
		if len(seen) != 4 || s.requests[0].Header.Get("Idempotency-Key") == "" {
			t.Errorf("signatures %v", seen)
		}
	})
}

func TestNotRetried(t *testing.T) {
	t.Parallel()
	busy := func(header ...string) *http.Response { return respond(503, `{"detail":"full"}`, header...) }
	for name, tc := range map[string]struct {
		q       *request
		options []Option
		answer  *http.Response
		want    int // requests
	}{
		"a POST without a key":          {post(false), nil, busy("Retry-After", "1"), 1},
		"a POST with a key":             {post(false), []Option{IdempotencyKey("k")}, busy("Retry-After", "1"), 4},
		"a GET":                         {&request{method: "GET", path: "/x"}, nil, busy(), 4},
		"a longer time":                 {post(true), nil, busy("Retry-After", "31"), 1},
		"a run that failed":             {post(true), nil, busy("Penstock-Run-Id", "r1"), 1},
		"a run, replayed":               {post(true), nil, busy("Retry-After", "1", "Idempotent-Replayed", "true"), 1},
		"a run that the server left":    {post(true), nil, busy("Retry-After", "1", "Penstock-Run-Id", "r1"), 4},
		"another error":                 {post(true), nil, respond(500, ``), 1},
		"a redirect":                    {post(true), nil, respond(307, ``, "Location", "https://other.example.org/"), 1},
		"a run that goes on":            {post(true), nil, respond(202, `{"run_id":"r1"}`), 1},
		"an answer that cannot be read": {post(true), nil, respond(200, `{`), 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			text, _ := io.ReadAll(tc.answer.Body)
			s := &server{answer: func(int, *http.Request) *http.Response {
				w := *tc.answer
				w.Body = io.NopCloser(strings.NewReader(string(text)))
				return &w
			}}
			_, err := call[any](t.Context(), connect(t, s, Config{Token: "t"}), tc.q, tc.options)
			if err == nil || len(s.requests) != tc.want {
				t.Errorf("%s: %d requests, want %d: %v", name, len(s.requests), tc.want, err)
			}
		})
	}
}

// A call ends with its context: at once when that ends, and without a pause that would outlast it.
func TestContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(int, *http.Request) *http.Response { return respond(429, ``, "Retry-After", "20") }}
		c := connect(t, s, Config{Token: "t"})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begin := time.Now()
		var refused *Error
		if _, err := call[any](ctx, c, post(true), nil); !errors.As(err, &refused) || time.Since(begin) > 0 {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, stop)
		if _, err := call[any](ctx, c, post(true), nil); !errors.Is(err, context.Canceled) || !errors.As(err, &refused) || time.Since(begin) != 5*time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}

// A token is fetched once for many calls, again when it has nearly ended, and once more when the server does not know it.
func TestClientCredentials(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issued, refuse := 0, ""
		var s *server
		s = &server{answer: func(_ int, r *http.Request) *http.Response {
			s.mu.Lock()
			defer s.mu.Unlock()
			if r.URL.Path == "/base/oauth2/token" {
				issued++
				body, _ := io.ReadAll(r.Body)
				if id, secret, _ := r.BasicAuth(); id != "i%2B" || secret != "s" || string(body) != "grant_type=client_credentials&scope=a%3Ab+c%3Ad" {
					t.Errorf("%s %s %s", id, secret, body)
				}
				return respond(200, fmt.Sprintf(`{"access_token":"t%d","expires_in":300}`, issued))
			}
			switch r.Header.Get("Authorization") {
			case refuse:
				return respond(403, ``, "WWW-Authenticate", `Bearer error="invalid_token"`)
			case fmt.Sprintf("Bearer t%d", issued):
				return respond(200, `{}`)
			}
			return respond(401, ``)
		}}
		c := connect(t, s, Config{ClientID: "i+", ClientSecret: "s", Scopes: []string{"a:b", "c:d"}})
		get := func(want int, status int) {
			t.Helper()
			_, err := call[any](t.Context(), c, &request{method: "GET", path: "/x"}, nil)
			var refused *Error
			if errors.As(err, &refused); (status == 0) != (err == nil) || status != 0 && refused.Status != status {
				t.Errorf("error %v", err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if issued != want {
				t.Errorf("%d tokens, want %d", issued, want)
			}
		}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { get(1, 0) })
		}
		all.Wait()
		time.Sleep(289 * time.Second)
		get(1, 0)
		time.Sleep(2 * time.Second)
		get(2, 0)
		refuse = "Bearer t2"
		get(3, 0)
		refuse = "Bearer t4"
		c.token.drop("t3")
		get(4+1, 0) // t4 is refused, t5 is not
		if c.token.drop("t4"); c.token.token != "t5" {
			t.Error("a newer token was dropped")
		}
		issued = 50 // the server knows none of those that it issues
		s.answer = func(_ int, r *http.Request) *http.Response {
			if r.URL.Path == "/base/oauth2/token" {
				issued++
				return respond(200, `{"access_token":"x","expires_in":300}`)
			}
			return respond(401, ``)
		}
		get(51, 401)
	})
}

func TestTimeoutOfAnAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(_ int, r *http.Request) *http.Response {
			<-r.Context().Done()
			return nil
		}}
		begin := time.Now()
		_, err := call[any](t.Context(), connect(t, s, Config{Token: "t", Timeout: time.Second, Retries: -1}), &request{method: "GET", path: "/x", query: map[string][]string{"q": {"secret"}}}, nil)
		var away *unreachable
		if !errors.As(err, &away) || time.Since(begin) != time.Second || strings.Contains(err.Error(), "secret") || len(s.requests) != 1 {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}

// A link leads to another query, never to another server or path.
func TestPages(t *testing.T) {
	t.Parallel()
	s := &server{answer: func(n int, r *http.Request) *http.Response {
		if r.URL.Host != "penstock.example.org" || r.URL.Path != "/base/x" {
			t.Errorf("request to %s", r.URL)
		}
		links := []string{
			`<https://evil.example.org/y?page=1>; rel="first", <https://evil.example.org/y?a=1%2C%20%3C2&page=2>; rel="next"`,
			`<?page=3>; rel="next"`, `<?page=3>; rel="next"`,
		}
		return respond(200, fmt.Sprintf(`["%s"]`, r.URL.Query().Get("page")), "Link", links[n])
	}}
	c := connect(t, s, Config{Token: "t"})
	var got []string
	for item, err := range pages(t.Context(), c, &request{method: "GET", path: "/x"}, func(p []string) []string { return p }, nil) {
		if err != nil {
			item = err.Error()
		}
		got = append(got, item)
	}
	if strings.Join(got, "|") != "|2|3|read listing: the link to the next page leads nowhere" || s.requests[1].URL.Query().Get("a") != "1, <2" {
		t.Errorf("items %q", got)
	}
}

func TestParams(t *testing.T) {
	t.Parallel()
	for value, want := range map[any]string{"a/b c": "a%2Fb%20c", int64(-7): "-7", 1e21: "1e+21", 0.5: "0.5", true: "true", "..": "", ".": "", "": ""} {
		q := &request{}
		if q.addPath("p", value); q.path != want && want != "" || (q.err == nil) != (want != "") {
			t.Errorf("%v: %s, %v", value, q.path, q.err)
		}
	}
	for want, value := range map[string]any{"a,b": []string{"a", "b"}, "1,2": []int64{1, 2}, "1.5": []float64{1.5}, "true,false": []bool{true, false}} {
		if got := paramText(value); got != want {
			t.Errorf("%v: %s", value, got)
		}
	}
}

// Parameters are sent where they belong, encoded.
func TestParamsAreSent(t *testing.T) {
	t.Parallel()
	s := &server{answer: func(int, *http.Request) *http.Response { return respond(204, ``) }}
	q := &request{method: "GET", path: "/x"}
	q.addQuery("a&b", "c=d")
	addEach(q, "e", []string{"x,y", "z"})
	addEach(q, "f", []int64{1, 2})
	q.addHeader("X-Source", int64(7))
	answer, err := connect(t, s, Config{User: "ü", Password: "p"}).send(t.Context(), q, []Option{Header("X-Other", "o")})
	if err != nil || answer.Status != 204 {
		t.Fatal(answer, err)
	}
	r := s.requests[0]
	if user, password, _ := r.BasicAuth(); r.URL.RawQuery != "a%26b=c%3Dd&e=x%2Cy&e=z&f=1&f=2" || r.Header.Get("X-Source") != "7" || r.Header.Get("X-Other") != "o" || user != "ü" || password != "p" || Ptr(1) == nil {
		t.Errorf("%s, header %v", r.URL, r.Header)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "localhost:8080", "ftp://h", "http://", "http://h?a=1", "http://u:p@h"} {
		if _, err := New(Config{URL: url}); err == nil || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// pipe reads a text once.
func pipe(text string) io.Reader { return io.MultiReader(strings.NewReader(text)) }

// A file is sent from where it was, at each attempt; one that can be read only once is sent once.
func TestFiles(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		content  func() io.Reader
		config   Config
		requests int
	}{
		"a seeker":         {func() io.Reader { r := strings.NewReader("..content"); _, _ = r.Seek(2, io.SeekStart); return r }, Config{Token: "t"}, 2},
		"a signed seeker":  {func() io.Reader { return strings.NewReader("content") }, Config{Key: "k", Secret: "s"}, 2},
		"a pipe":           {func() io.Reader { return pipe("content") }, Config{Token: "t"}, 1},
		"a signed pipe":    {func() io.Reader { return pipe("content") }, Config{Key: "k", Secret: "s"}, 2}, // it was read into memory
		"an ended token":   {func() io.Reader { return strings.NewReader("content") }, Config{ClientID: "i", ClientSecret: "s"}, 4},
		"a token, a pipe":  {func() io.Reader { return pipe("content") }, Config{ClientID: "i", ClientSecret: "s"}, 2},
		"no file, no body": {func() io.Reader { return nil }, Config{Token: "t"}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{answer: func(n int, r *http.Request) *http.Response {
				switch {
				case r.URL.Path == "/base/oauth2/token":
					return respond(200, `{"access_token":"t","expires_in":300}`)
				case n < 2 && tc.config.ClientID != "":
					return respond(401, ``)
				case n == 0:
					return respond(503, ``)
				}
				return respond(200, `{"a":1}`)
			}}
			q := &request{method: "PUT", path: "/x", body: File{Content: tc.content()}, media: "text/csv"}
			_, err := call[any](t.Context(), connect(t, s, tc.config), q, nil)
			if len(s.requests) != tc.requests || (err == nil) != (tc.requests == 2 && tc.config.ClientID == "" || tc.requests == 4) {
				t.Errorf("%s: %d requests, want %d: %v", name, len(s.requests), tc.requests, err)
			}
			for _, r := range s.requests {
				text, _ := io.ReadAll(r.Body)
				if r.URL.Path == "/base/x" && (string(text) != "content" || r.Header.Get("Content-Type") != "text/csv") {
					t.Errorf("%s: sent %q as %q", name, text, r.Header.Get("Content-Type"))
				}
				if known := tc.config.Key != "" || !strings.Contains(name, "pipe"); r.URL.Path == "/base/x" && (r.ContentLength == 7) != known {
					t.Errorf("%s: length %d", name, r.ContentLength)
				}
			}
		})
	}
}

// A form has files, texts, and other values as JSON.
func TestForms(t *testing.T) {
	t.Parallel()
	s := &server{answer: func(int, *http.Request) *http.Response { return respond(200, `1`) }}
	q := &request{method: "POST", path: "/x"}
	q.addForm()
	q.addParts(Form{"a\"b": "text", "n": 7, "f": File{Content: pipe("one"), Name: "x\"\r\ny", ContentType: "text/csv"}, "g": []File{{Content: pipe("two")}, {Content: strings.NewReader("three")}}})
	if _, err := call[any](t.Context(), connect(t, s, Config{Token: "t"}), q, nil); err != nil {
		t.Fatal(err)
	}
	var got []string
	form, err := s.requests[0].MultipartReader()
	for err == nil {
		var p *multipart.Part
		if p, err = form.NextPart(); err == nil {
			text, _ := io.ReadAll(p)
			got = append(got, strings.Join([]string{p.FormName(), p.FileName(), p.Header.Get("Content-Type"), string(text)}, "|"))
		}
	}
	if want := []string{`a"b|||text`, `f|x"%0D%0Ay|text/csv|one`, `g|file|application/octet-stream|two`, `g|file|application/octet-stream|three`, `n||application/json|7`}; !slices.Equal(got, want) || !errors.Is(err, io.EOF) {
		t.Errorf("parts %q, %v", got, err)
	}
	q.addPart("none", File{})
	if _, err := call[any](t.Context(), connect(t, s, Config{Token: "t"}), q, nil); err == nil || !strings.Contains(err.Error(), "the file none has no Content") {
		t.Errorf("a file without content: %v", err)
	}
	if _, err := call[any](t.Context(), connect(t, s, Config{Token: "t"}), &request{method: "POST", path: "/x", body: url.Values{"a": {"b c"}}}, nil); err != nil {
		t.Error(err)
	}
	if text, _ := io.ReadAll(s.requests[1].Body); string(text) != "a=b+c" || s.requests[1].Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("sent %q", text)
	}
}

// A download is read while it arrives, for longer than an attempt may take; one that fails is an error.
func TestDownload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		s := &server{answer: func(n int, _ *http.Request) *http.Response {
			if n == 0 {
				return respond(404, `{"code":"no_item"}`)
			}
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/csv"}}, Body: r}
		}}
		c := connect(t, s, Config{Token: "t", Timeout: time.Second})
		var failed *Error
		if _, err := c.fetch(t.Context(), &request{method: "GET", path: "/x"}, nil); !errors.As(err, &failed) || failed.Code != "no_item" {
			t.Fatal(err)
		}
		file, err := c.fetch(t.Context(), &request{method: "GET", path: "/x"}, nil)
		if err != nil || file.Status != 200 || file.Header.Get("Content-Type") != "text/csv" || s.requests[1].Header.Get("Accept") != "*/*" {
			t.Fatal(file, err)
		}
		time.Sleep(time.Minute)
		go func() {
			_, _ = io.WriteString(w, "content")
			_ = w.Close() // of a pipe: never fails
		}()
		if text, err := io.ReadAll(file.Body); string(text) != "content" || err != nil || s.requests[1].Context().Err() != nil {
			t.Errorf("%q, %v", text, err)
		}
		if err := file.Body.Close(); err != nil || s.requests[1].Context().Err() == nil {
			t.Errorf("%v: the request goes on", err)
		}
	})
}

// slow takes a minute for each of its bytes.
type slow struct{ left int }

func (s *slow) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(time.Minute)
	s.left--
	return 1, nil
}

// An attempt does not end while it sends.
func TestASlowUpload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(int, *http.Request) *http.Response { return respond(200, `1`) }}
		_, err := call[any](t.Context(), connect(t, s, Config{Token: "t"}), &request{method: "PUT", path: "/x", body: File{Content: &slow{5}}}, nil)
		if err != nil || len(s.requests) != 1 {
			t.Errorf("%d requests, %v", len(s.requests), err)
		}
	})
}
