package steps_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/blob/blobtest"
)

// fileRun is the id of the runs of the tests.
const fileRun = "run-1"

// newFiles returns a store with a file of the run, and the file as a value.
func newFiles(t *testing.T, content []byte) (*blob.Store, map[string]any) {
	t.Helper()
	store, err := blob.New(blob.Config{Backend: new(blob.Memory), MaxSize: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	info, err := store.Put(t.Context(), fileRun, 0, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return store, flows.NewFile(info, "a.bin", "application/x-thing").Value()
}

func runWithFiles(t *testing.T, store *blob.Store, event any, text string) ([]any, error) {
	t.Helper()
	flow, err := flows.Parse("test", []byte("flow: 1\n"+text), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	return flow.Execute(t.Context(), flows.Run{ID: fileRun, Attempt: 1, Event: event}, flows.Env{Files: store, HTTP: http.DefaultTransport})
}

// A file is sent as the body, with its type and length, and sent again by a retry and after a redirect.
func TestHTTPSendsAFile(t *testing.T) {
	t.Parallel()
	content := blobtest.Content(3*blob.Chunk + 1)
	store, file := newFiles(t, content)
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(got, content) || r.ContentLength != int64(len(content)) || r.Header.Get("Content-Type") != "application/x-thing" {
			t.Errorf("%d bytes of %d as %s: %v", len(got), r.ContentLength, r.Header.Get("Content-Type"), err)
		}
		switch calls.Add(1) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
		}
	}))
	t.Cleanup(server.Close)
	_, err := runWithFiles(t, store, map[string]any{"doc": file}, fmt.Sprintf("steps: [{http: {put: %q, file: '${ .doc }', follow_redirects: 1}, retry: {attempts: 2, backoff: 1ms, on: [5xx]}}]", server.URL))
	if err != nil || calls.Load() != 3 {
		t.Errorf("%d calls, %v", calls.Load(), err)
	}
}

// Files go into a form between its other parts, under their own name and type or under others.
func TestHTTPSendsAFormWithFiles(t *testing.T) {
	t.Parallel()
	content := blobtest.Content(blob.Chunk + 1)
	store, file := newFiles(t, content)
	var parts []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 2*int64(len(content)) {
			t.Errorf("Content-Length %d", r.ContentLength)
		}
		form, err := r.MultipartReader()
		if err != nil {
			t.Error(err)
			return
		}
		for {
			p, err := form.NextPart()
			if err != nil {
				return
			}
			got, err := io.ReadAll(p)
			if err != nil {
				t.Error(err)
			}
			text := string(got)
			if bytes.Equal(got, content) {
				text = "content"
			}
			parts = append(parts, strings.Join([]string{p.FormName(), p.FileName(), p.Header.Get("Content-Type"), text}, "|"))
		}
	}))
	t.Cleanup(server.Close)
	_, err := runWithFiles(t, store, map[string]any{"doc": file}, fmt.Sprintf(`
steps:
  - http:
      post: %q
      multipart:
        - {name: a, value: x}
        - {name: b, file: "${ .doc }"}
        - {name: c, file: "${ .doc.file }", filename: c.txt, content_type: text/plain}
        - {name: d, value: y}
`, server.URL))
	want := []string{"a|||x", "b|a.bin|application/x-thing|content", "c|c.txt|text/plain|content", "d|||y"}
	if err != nil || !slices.Equal(parts, want) {
		t.Errorf("%q, %v", parts, err)
	}
}

// A response becomes a file of the run, whose bytes are not in the item.
func TestHTTPSavesAFile(t *testing.T) {
	t.Parallel()
	content := blobtest.Content(2*blob.Chunk + 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/named" {
			w.Header().Set("Content-Disposition", `attachment; filename="../b.pdf"`)
		}
		w.Header().Set("Content-Type", "application/pdf")
		_, _ = w.Write(content)
	}))
	t.Cleanup(server.Close)
	store, _ := newFiles(t, nil)
	for path, name := range map[string]string{"/x/a.pdf": "a.pdf", "/named": "b.pdf"} {
		out, err := runWithFiles(t, store, nil, fmt.Sprintf("steps: [{http: {get: %q, parse: file}}]", server.URL+path))
		if err != nil {
			t.Fatal(err)
		}
		file := out[0].(map[string]any)["body"].(map[string]any)
		if file["name"] != name || file["content_type"] != "application/pdf" || file["size"] != len(content) {
			t.Errorf("%v", file)
		}
		again, err := runWithFiles(t, store, map[string]any{"doc": file}, "steps: [{read_file: {file: '${ .doc }', parse: base64}}]")
		if err != nil || again[0] != base64.StdEncoding.EncodeToString(content) {
			t.Error(err)
		}
	}
	_, err := runWithFiles(t, store, nil, fmt.Sprintf("steps: [{http: {get: %q, parse: file, max_response: 1KB}}]", server.URL))
	if err == nil || !strings.Contains(err.Error(), "larger than 1 KB") {
		t.Errorf("above max_response: %v", err)
	}
}

// Without a store, and with what is no file, a step says so.
func TestFilesThatAreNone(t *testing.T) {
	t.Parallel()
	store, file := newFiles(t, []byte("x"))
	for _, c := range []struct {
		store *blob.Store
		event any
		want  string
	}{{nil, file, "no store of files"}, {store, map[string]any{}, "expected a file"}, {store, map[string]any{"file": "blob:../x"}, "no such file"}} {
		for _, step := range []string{"read_file: {file: '${ . }'}", "http: {post: 'http://127.0.0.1:1', file: '${ . }'}"} {
			if _, err := runWithFiles(t, c.store, c.event, "steps: [{"+step+"}]"); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s", step, err, c.want)
			}
		}
	}
}

// encode takes the bytes of a file, and hashes files that are larger than what becomes text.
func TestEncodeFiles(t *testing.T) {
	t.Parallel()
	content := blobtest.Content(blob.Chunk + 1)
	store, file := newFiles(t, content)
	sum := sha256.Sum256(content)
	for step, want := range map[string]string{
		"base64: '${ .doc }'":    base64.StdEncoding.EncodeToString(content),
		"hex: '${ .doc.file }'":  hex.EncodeToString(content),
		"hash: '${ .doc }'":      hex.EncodeToString(sum[:]),
		"base64: '${ .doc.x }'":  "expected a file",
		"hash: '${ .doc.name }'": "expected a file",
	} {
		items, err := runWithFiles(t, store, map[string]any{"doc": file}, "steps: [{encode: {"+step+", input: file}}]")
		if err != nil && !strings.Contains(err.Error(), want) || err == nil && items[0] != want {
			t.Errorf("%s: %.100v, %v", step, items, err)
		}
	}
	if _, err := flows.Parse("test", []byte("flow: 1\nsteps: [{encode: {csv: '${ . }', input: file}}]"), steps.Catalogue()); err == nil {
		t.Error("csv takes a file")
	}
}
