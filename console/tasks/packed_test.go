package tasks

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// A script is compressed once, and is the same unpacked; what is no file is not kept.
func TestStaticFilesAreCompressedOnce(t *testing.T) {
	t.Parallel()
	ui := served(t)
	ask := func(path string) Answer {
		return ui.Serve(httptest.NewRequest(http.MethodGet, path, nil), false)
	}
	for _, script := range ui.Scripts() {
		first, second := ask(script), ask(script)
		if !second.Static || !slices.Equal(first.Body, second.Body) || len(first.Body) == 0 {
			t.Fatalf("%s: %d bytes, then %d", script, len(first.Body), len(second.Body))
		}
		if len(first.Body) < minPacked {
			continue
		}
		if &first.Packed[0] != &second.Packed[0] {
			t.Errorf("%s is compressed twice", script)
		}
		plain, err := gzip.NewReader(bytes.NewReader(second.Packed))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(plain); err != nil || !slices.Equal(text, second.Body) {
			t.Errorf("%s: %d bytes unpacked, %v", script, len(text), err)
		}
	}
	ask("/console/queues/static/js/none.js")
	ask("/console/queues/static/js/../js/" + "none.js")
	kept := 0
	ui.packed.byPath.Range(func(any, any) bool { kept++; return true })
	if kept != len(ui.Scripts()) {
		t.Errorf("%d files are kept, want %d", kept, len(ui.Scripts()))
	}
}
