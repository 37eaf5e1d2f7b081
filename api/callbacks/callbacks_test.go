package callbacks_test

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/callback"
	"github.com/penstock/penstock/queue"
)

// calls records the calls of Config.Call.
type calls struct {
	signer *callback.Signer
	made   []string // run, key, result
	err    error    // of the next ones
}

func newCalls(t *testing.T, files ...*blob.Store) (*calls, *apitest.FakeAPI) {
	t.Helper()
	signer, err := callback.New("http://door", [][]byte{bytes.Repeat([]byte{7}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	c := &calls{signer: signer}
	return c, apitest.NewFakeAPI(t, func(config *api.Config) {
		config.Callbacks = signer
		for _, store := range files {
			config.Files = store
		}
		config.Call = func(_ context.Context, run, key string, result []byte) error {
			c.made = append(c.made, run+" "+key+" "+string(result))
			return c.err
		}
	})
}

func (c *calls) path(after time.Duration) string {
	return callback.Path + c.signer.Token(callback.Call{Run: apitest.RunID(3), Key: "wait_for.0", Expires: apitest.Epoch.Add(after)})
}

func called(d *apitest.FakeAPI, method, path, kind, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return d.Do(r)
}

const form = "application/x-www-form-urlencoded"

func TestACallBecomesTheItem(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ kind, body, item string }{
		{"application/json", `{"approved": true, "id": 9007199254740993}`, `{"approved": true, "id": 9007199254740993}`},
		{"", "", "null"},
		{form, "approved=yes&by=A+%26+B&tag=1&tag=2", `{"approved":"yes","by":"A & B","tag":["1","2"]}`},
		{form + "; charset=utf-8", "", "{}"},
		{"text/plain", "yes", `"yes"`},
		{"application/xml", "<a>1</a>", `{"a":"1"}`},
	} {
		c, d := newCalls(t)
		w := called(d, "POST", c.path(time.Hour), test.kind, test.body)
		want := apitest.RunID(3) + ` wait_for.0 {"items":[` + test.item + `]}`
		if w.Code != 200 || len(c.made) != 1 || c.made[0] != want {
			t.Errorf("%d %s, called %s, want %s", w.Code, w.Body, c.made, want)
		}
	}
}

// With max_body the files of a call belong to the waiting run, unless the call has no effect.
func TestFilesOfACall(t *testing.T) {
	t.Parallel()
	const multipart, body = "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"doc\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n--b--\r\n"
	for _, test := range []struct {
		maxBody      int64
		err          error
		status, left int
	}{
		{1000, nil, 200, 1}, {1000, queue.ErrCalled, 409, 0}, {1000, queue.ErrOver, 410, 0}, {1000, queue.ErrUnavailable, 503, 1}, {10, nil, 413, 0}, {0, nil, 200, 0},
	} {
		backend := new(blob.Memory)
		files, err := blob.New(blob.Config{Backend: backend, MaxSize: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		c, d := newCalls(t, files)
		c.err = test.err
		run := apitest.RunID(3)
		path := callback.Path + c.signer.Token(callback.Call{Run: run, Key: "k", Expires: apitest.Epoch.Add(time.Hour), MaxBody: test.maxBody})
		if w := called(d, "POST", path, multipart, body); w.Code != test.status {
			t.Errorf("%+v: %d %s", test, w.Code, w.Body)
		}
		left := 0
		if err := backend.Owners(t.Context(), func(owner string, _ time.Time) error {
			if left++; owner != run {
				t.Errorf("%+v: a file of %s", test, owner)
			}
			return nil
		}); err != nil || left != test.left {
			t.Errorf("%+v: files of %d runs are left, %v", test, left, err)
		}
		if test.status == 200 && strings.Contains(c.made[0], `"file":"blob:`) != (test.maxBody > 0) {
			t.Errorf("%+v: called %v", test, c.made)
		}
	}
	files, err := blob.New(blob.Config{Backend: new(blob.Memory), MaxSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	c, d := newCalls(t, files)
	path := callback.Path + c.signer.Token(callback.Call{Run: apitest.RunID(3), Key: "k", Expires: apitest.Epoch.Add(time.Hour), MaxBody: 5 << 20})
	if w := called(d, "POST", path, "application/pdf", strings.Repeat("x", 1<<20+100_000)); w.Code != 413 { // of the store
		t.Errorf("larger than the store takes: %d", w.Code)
	}
}

func TestCallsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind, body string
		change     func(path string) string
		err        error
		status     int
		code       string
	}{
		{kind: "application/json", body: "{", status: 400, code: "bad_json"},
		{kind: "text/plain; charset=klingon", body: "yes", status: 415, code: "unsupported_media_type"},
		{change: func(p string) string { return p[:len(p)-1] }, status: 404, code: "not_found"},
		{change: func(string) string { return callback.Path + "a.b" }, status: 404, code: "not_found"},
		{err: queue.ErrCalled, status: 409, code: "already_called"},
		{err: queue.ErrOver, status: 410, code: "over"},
		{err: queue.ErrNotFound, status: 410, code: "over"},
		{err: queue.ErrUnavailable, status: 503, code: "unavailable"},
	} {
		c, d := newCalls(t)
		c.err = test.err
		path := c.path(time.Hour)
		if test.change != nil {
			path = test.change(path)
		}
		d.WantProblem(called(d, "POST", path, test.kind, test.body), test.status, test.code, "")
		if (test.err != nil) != (len(c.made) == 1) {
			t.Errorf("%s: called %v", test.code, c.made)
		}
	}
	c, d := newCalls(t)
	d.WantProblem(called(d, "POST", c.path(0), "", ""), 410, "expired", "has expired")
}

// A link shows a page with the answer, and has no effect before it is confirmed.
func TestALinkAsksFirst(t *testing.T) {
	t.Parallel()
	c, d := newCalls(t)
	w := called(d, "GET", c.path(time.Hour)+"?approved=true&note=%3Cb%3E%22", "", "")
	page := w.Body.String()
	for _, part := range []string{
		`<form method="post" action="?">`, `<input type="hidden" name="approved" value="true">`,
		`name="note" value="&lt;b&gt;&#34;"`, "<button>Confirm</button>",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %s:\n%s", part, page)
		}
	}
	if w.Code != 200 || len(c.made) != 0 || strings.Contains(page, "<b>") {
		t.Errorf("%d, called %v\n%s", w.Code, c.made, page)
	}
	if h := w.Header(); h.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("headers %v", h)
	}
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		c.path(0):                        {410, "this address has expired"},
		callback.Path + "none":           {404, "nothing is at this address"},
		c.path(time.Hour) + "?a=%zz":     {400, "the link cannot be read"},
		c.path(time.Hour) + "?" + many(): {400, "the link cannot be read"},
	} {
		if w := called(d, "GET", path, "", ""); w.Code != want.status || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	c.err = queue.ErrCalled
	if w := called(d, "POST", c.path(time.Hour), form, "a=b"); w.Code != 409 || !strings.Contains(w.Body.String(), "has been answered already") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := called(d, "POST", c.path(time.Hour), form+"; charset=klingon", "a=b"); w.Code != 415 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func many() string {
	var b strings.Builder
	for i := range 101 {
		b.WriteString("&" + strings.Repeat("n", i+1) + "=1")
	}
	return b.String()[1:]
}

// The response to the caller of a parked run says that the run continues.
func TestACallerOfAParkedRun(t *testing.T) {
	t.Parallel()
	_, d := newCalls(t)
	d.Queue.Hold = true
	d.Flows[0].Limit = 50 * time.Millisecond
	d.Queue.Records[apitest.RunID(0)] = queue.Record{Result: queue.Result{State: queue.Waiting}}
	d.WantProblem(d.Post("/v1/flows/69/runs", "1"), 504, "waiting", "goes on by itself")
	d.Queue.Records[apitest.RunID(1)] = queue.Record{Result: queue.Result{State: queue.Running}}
	d.WantProblem(d.Post("/v1/flows/69/runs", "2"), 504, "timeout", "execution limit")
	d.Queue.Records[apitest.RunID(2)] = queue.Record{Result: queue.Result{State: queue.Waiting}}
	if w := d.Call(apitest.Call{}); w.Code != 400 || !strings.Contains(w.Body.String(), "goes on by itself") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
