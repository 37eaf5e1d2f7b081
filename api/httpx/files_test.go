package httpx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/payload"
)

const (
	owner = "run-1"
	other = "run-2"
)

// fileFrame returns a frame with files of at most maxFile bytes, in a backend of at most maxTotal; zero: no limit.
func fileFrame(t *testing.T, maxFile, maxTotal int64) *Frame {
	t.Helper()
	files, err := blob.New(blob.Config{Backend: &blob.Memory{MaxTotal: maxTotal}, MaxSize: maxFile})
	if err != nil {
		t.Fatal(err)
	}
	return &Frame{Files: files, Uploads: NewUploads(4), MaxBody: 4 << 10}
}

func put(t *testing.T, f *Frame, content string) string {
	t.Helper()
	info, err := f.Files.Put(t.Context(), owner, 0, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return info.ID
}

// failOn answers with the error of a handler.
func failOn(handle func(c *gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := handle(c); err != nil {
			Fail(c, err)
		}
	}
}

// A file is sent whole, uncompressed and uncached, to whoever may read its run; another run's file does not exist.
func TestFilesAreOfOneRun(t *testing.T) {
	t.Parallel()
	f := fileFrame(t, 1<<20, 0)
	id := put(t, f, "0123456789")
	for name, tc := range map[string]struct {
		frame  *Frame
		method string
		run    string
		id     string
		status int
		body   string
	}{
		"its run":        {f, "GET", owner, id, 201, "0123456789"},
		"without a body": {f, "HEAD", owner, id, 201, ""},
		"another run":    {f, "GET", other, id, 404, ""},
		"no file":        {f, "GET", owner, strings.Repeat("0", 32), 404, ""},
		"no name":        {f, "GET", owner, "../" + id, 404, ""},
		"no store":       {&Frame{}, "GET", owner, id, 404, ""},
	} {
		w := serve(tc.frame, httptest.NewRequest(tc.method, "/", nil), failOn(func(c *gin.Context) error { return WriteFile(c, 201, tc.run, tc.id) }))
		h := w.Header()
		if w.Code != tc.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		} else if tc.status == 404 {
			if p := problemOf(t, w); p.Code != "not_found" || p.RunID != tc.run {
				t.Errorf("%s: %+v", name, p)
			}
		} else if w.Body.String() != tc.body || h.Get("Content-Length") != "10" || h.Get("Content-Type") != "application/octet-stream" ||
			h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %q %v", name, w.Body, h)
		}
	}
}

func TestRangesOfFiles(t *testing.T) {
	t.Parallel()
	f := fileFrame(t, 1<<20, 0)
	id := put(t, f, "0123456789")
	for asked, want := range map[string]struct {
		status int
		body   string
	}{"": {200, "0123456789"}, "bytes=2-4": {206, "234"}, "bytes=-3": {206, "789"}, "bytes=10-": {416, ""}} {
		r := httptest.NewRequest("GET", "/", nil)
		if asked != "" {
			r.Header.Set("Range", asked)
		}
		w := serve(f, r, failOn(func(c *gin.Context) error { return ServeFile(c, owner, id) }))
		if w.Code != want.status || want.body != "" && w.Body.String() != want.body || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%q: %d %q %v", asked, w.Code, w.Body, w.Header())
		}
	}
	if w := serve(f, httptest.NewRequest("GET", "/", nil), failOn(func(c *gin.Context) error { return ServeFile(c, other, id) })); w.Code != 404 {
		t.Errorf("another run's file: %d", w.Code)
	}
}

// coded is a writer that may compress.
type coded struct {
	gin.ResponseWriter
	asIs bool
}

func (c *coded) SendAsIs() { c.asIs = true }

// unwrapped hides a coded writer behind one that has it inside.
type unwrapped struct {
	gin.ResponseWriter
	inner http.ResponseWriter
}

func (u unwrapped) Unwrap() http.ResponseWriter { return u.inner }

// The end of a compressed response does not show whether it is whole, so that files are never compressed.
func TestFilesAreNotCompressed(t *testing.T) {
	t.Parallel()
	f := fileFrame(t, 1<<20, 0)
	id := put(t, f, "text")
	var coder *coded
	serve(f, httptest.NewRequest("GET", "/", nil), failOn(func(c *gin.Context) error {
		coder = &coded{ResponseWriter: c.Writer}
		c.Writer = unwrapped{c.Writer, coder}
		return WriteFile(c, 200, owner, id)
	}))
	if !coder.asIs {
		t.Error("a file may be compressed")
	}
}

// form returns the request of a form with these files, and its length.
func form(t *testing.T, files map[string]string) *http.Request {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for name, content := range files {
		part, err := m.CreateFormFile(name, name+".txt")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(part, content)
	}
	_ = m.WriteField("name", "Ada")
	_ = m.Close()
	r := httptest.NewRequest("POST", "/", &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	return r
}

// decodeOf decodes the files of a request, as the flow's rule has it, and keeps them if asked to.
func decodeOf(f *Frame, r *http.Request, rule BodyRule, keep bool) (w *httptest.ResponseRecorder, event []byte) {
	rule.Owner = owner
	w = serve(f, r, failOn(func(c *gin.Context) (err error) {
		event, err = DecodeFiles(c, rule)
		if keep {
			StateOf(c).KeepFiles()
		}
		return err
	}))
	return w, event
}

// The files of a request are those of its run; without a run nothing of them is left.
func TestFilesOfARequest(t *testing.T) {
	t.Parallel()
	f := fileFrame(t, 1<<20, 0)
	for _, keep := range []bool{true, false} {
		w, event := decodeOf(f, form(t, map[string]string{"cv": "I was born"}), BodyRule{MaxBody: 1 << 20}, keep)
		var e struct {
			Name string         `json:"name"`
			CV   map[string]any `json:"cv"`
		}
		if err := json.Unmarshal(event, &e); err != nil || w.Code != 200 || e.Name != "Ada" {
			t.Fatalf("%d %s, event %s: %v", w.Code, w.Body, event, err)
		}
		file, ok := flows.FileOf(e.CV)
		if !ok || file.Name != "cv.txt" || file.ContentType != "application/octet-stream" {
			t.Fatalf("%s: %+v", event, file)
		}
		content, err := f.Files.Open(t.Context(), owner, file.ID)
		if keep != (err == nil) || err != nil && !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("kept %t: %v", keep, err)
		}
		if err == nil {
			text, _ := io.ReadAll(content)
			if _ = content.Close(); string(text) != "I was born" {
				t.Errorf("the file is %q", text)
			}
		}
	}
}

// What cannot be received or stored is refused with its reason, and leaves no file behind.
func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	rule := BodyRule{MaxBody: 1 << 10}
	large := strings.Repeat("x", 2<<10)
	chunked := func(r *http.Request) *http.Request { r.ContentLength = -1; return r }
	cut := func(r *http.Request) *http.Request {
		whole, _ := io.ReadAll(r.Body)
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(bytes.NewReader(whole[:len(whole)-20]), broken{})), -1
		return r
	}
	full := fileFrame(t, 1<<20, 4)
	crowded := fileFrame(t, 1<<20, 0)
	crowded.Uploads = NewUploads(0)
	withType := func(contentType string) *http.Request {
		r := httptest.NewRequest("POST", "/", strings.NewReader("--x\r\n"))
		r.Header.Set("Content-Type", contentType)
		return r
	}
	password := form(t, map[string]string{"cv": "short"})
	password.Header.Set("Authorization", "Basic eDp5")
	password.Header.Set("Sec-Fetch-Site", "cross-site")
	for name, tc := range map[string]struct {
		frame  *Frame
		r      *http.Request
		status int
		code   string
	}{
		"an announced body that is too large": {fileFrame(t, 1<<20, 0), form(t, map[string]string{"cv": large}), 413, "too_large"},
		"a body that turns out too large":     {fileFrame(t, 1<<20, 0), chunked(form(t, map[string]string{"cv": large})), 413, "too_large"},
		"a file that is too large":            {fileFrame(t, 4, 0), form(t, map[string]string{"cv": "12345"}), 413, "too_large"},
		"a full store":                        {full, form(t, map[string]string{"cv": "12345"}), 507, "no_room"},
		"too many at once":                    {crowded, form(t, map[string]string{"cv": "1"}), 503, "overloaded"},
		"a form without a boundary":           {fileFrame(t, 1<<20, 0), withType("multipart/form-data"), 400, "bad_form"},
		"a form that ends early":              {fileFrame(t, 1<<20, 0), withType("multipart/form-data; boundary=x"), 400, "bad_form"},
		"a body that is cut off":              {fileFrame(t, 1<<20, 0), cut(form(t, map[string]string{"cv": "1"})), 400, "cut_short"},
		"a page of another origin":            {fileFrame(t, 1<<20, 0), password, 403, "cross_origin"},
	} {
		w, event := decodeOf(tc.frame, tc.r, rule, false)
		if p := problemOf(t, w); w.Code != tc.status || p.Code != tc.code || event != nil {
			t.Errorf("%s: %d %s %s, want %d %s", name, w.Code, w.Body, event, tc.status, tc.code)
		}
		if w.Code == 413 && w.Header().Get("Connection") != "close" {
			t.Errorf("%s: the rest of the body is read", name)
		}
		if left := ownersOf(t, tc.frame); left != 0 {
			t.Errorf("%s: %d runs have files", name, left)
		}
		if tc.frame != crowded && (tc.frame.Uploads.all != 0 || len(tc.frame.Uploads.byNetwork) != 0) {
			t.Errorf("%s: a place stays taken", name)
		}
	}
}

// broken is the rest of a body whose sender is gone.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// ownersOf counts the runs that have files, by sweeping all of them.
func ownersOf(t *testing.T, f *Frame) (n int) {
	t.Helper()
	_, err := f.Files.Sweep(t.Context(), time.Now().Add(48*time.Hour), func(context.Context, string) (bool, error) { n++; return true, nil })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A large body that is no form is one file; a small one is an event, as without files.
func TestWholeBodiesAsFiles(t *testing.T) {
	t.Parallel()
	f := fileFrame(t, 1<<20, 0)
	f.MaxBody = 64
	for _, tc := range []struct {
		size  int
		known bool
		form  payload.Form
		file  bool
	}{{10, true, "", false}, {10, false, "", false}, {100, true, "", true}, {100, false, "", true}, {10, true, payload.File, true}} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("t", tc.size)))
		r.Header.Set("Content-Type", "text/plain")
		if !tc.known {
			r.ContentLength = -1
		}
		w, event := decodeOf(f, r, BodyRule{Form: tc.form, MaxBody: 1 << 20}, true)
		var value any
		if err := json.Unmarshal(event, &value); err != nil || w.Code != 200 {
			t.Fatalf("%+v: %d %s %s", tc, w.Code, w.Body, event)
		}
		file, is := flows.FileOf(value)
		if is != tc.file {
			t.Errorf("%+v: %s", tc, event)
		}
		if is {
			if content, err := f.Files.Open(t.Context(), owner, file.ID); err != nil || content.Size() != int64(tc.size) {
				t.Errorf("%+v: the file has not %d bytes: %v", tc, tc.size, err)
			}
		}
	}
}

// Equal requests have equal events but for the ids of their files.
func TestEventsWithoutFileIDs(t *testing.T) {
	t.Parallel()
	f := fileFrame(t, 1<<20, 0)
	var events []string
	for range 2 {
		serve(f, form(t, map[string]string{"cv": "same"}), failOn(func(c *gin.Context) error {
			event, err := DecodeFiles(c, BodyRule{MaxBody: 1 << 20, Owner: owner})
			events = append(events, string(event), string(StateOf(c).WithoutFileIDs(event)))
			return err
		}))
	}
	if events[0] == events[2] || events[1] != events[3] || !strings.Contains(events[1], "sha256") {
		t.Errorf("%q", events)
	}
}

// A copy is the copying run's own: it stays when the first run's file goes, and goes with a request that fails.
func TestCopiedFiles(t *testing.T) {
	t.Parallel()
	f := fileFrame(t, 1<<20, 0)
	event := []byte(fmt.Sprintf(`{"a": "blob:%s", "b": "blob:%032x"}`, put(t, f, "content"), 0))
	for _, keep := range []bool{false, true} {
		var copied []byte
		serve(f, httptest.NewRequest("POST", "/", nil), failOn(func(c *gin.Context) (err error) {
			copied, err = StateOf(c).CopyFiles(c.Request.Context(), event, owner, other)
			if keep {
				StateOf(c).KeepFiles()
			}
			return err
		}))
		var values map[string]string
		if err := json.Unmarshal(copied, &values); err != nil || values["b"] != fmt.Sprintf("blob:%032x", 0) {
			t.Fatalf("%s: %v", copied, err)
		}
		file, _ := flows.FileOf(values["a"])
		if _, err := f.Files.Open(t.Context(), other, file.ID); keep != (err == nil) {
			t.Errorf("kept %t: %v", keep, err)
		}
		if _, err := f.Files.Open(t.Context(), owner, file.ID); err == nil {
			t.Error("the copy is the first run's")
		}
	}
}

// Every way in which a store can fail has a status that says whether to try again, and no detail of the store.
func TestStoreFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err    error
		status int
		retry  bool
	}{
		{&blob.TooLargeError{Limit: 10_000_000}, 413, false},
		{fmt.Errorf("put: %w", blob.ErrFull), 507, true},
		{errStoreSlow, 503, true},
		{errors.New("PUT https://bucket.internal/secret: 500"), 503, true},
	} {
		f := faultOf(t, storeFault(tc.err))
		if f.Status != tc.status || f.Retry > 0 != tc.retry || !f.Close || strings.Contains(f.Message, "internal") {
			t.Errorf("%v: %+v", tc.err, f)
		}
	}
	if err := storeFault(context.Canceled); !errors.Is(err, context.Canceled) || errors.As(err, new(*Fault)) {
		t.Errorf("a caller that has left: %v", err)
	}
}
