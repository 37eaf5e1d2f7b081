package console

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// maxFirst is the maximum size of a first page with all its assets, compressed, in bytes.
const maxFirst = 60_000

var loads = regexp.MustCompile(`(?:src|href)="(/console/assets/[^"]+)"`)

func TestTheFirstPageIsLight(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	for _, path := range []string{"/signin", "/", "/runs", "/runs/" + d.run, "/flows"} {
		r := httptest.NewRequest(http.MethodGet, Root+path, nil)
		r.Header.Set("Accept-Encoding", "gzip, br")
		b := b
		if path == "/signin" {
			b = d.browser()
		}
		w := b.do(r)
		sum := w.Body.Len()
		page := unzip(t, w)
		for _, m := range loads.FindAllStringSubmatch(page, -1) {
			r := httptest.NewRequest(http.MethodGet, strings.ReplaceAll(m[1], "&amp;", "&"), nil)
			r.Header.Set("Accept-Encoding", "gzip")
			asset := b.do(r)
			if asset.Code != http.StatusOK || asset.Header().Get("Content-Encoding") != "gzip" || !strings.Contains(asset.Header().Get("Cache-Control"), "immutable") {
				t.Errorf("%s: %d %v", m[1], asset.Code, asset.Header())
			}
			sum += asset.Body.Len()
		}
		if sum > maxFirst {
			t.Errorf("%s weighs %d bytes, %d are allowed", path, sum, maxFirst)
		}
		if sum < 10<<10 {
			t.Errorf("%s weighs only %d bytes: does it load its styles and scripts?", path, sum)
		}
	}
}

func unzip(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Header().Get("Content-Encoding") != "gzip" {
		return w.Body.String()
	}
	zipped, err := gzip.NewReader(bytes.NewReader(w.Body.Bytes()))
	must(t, err)
	plain, err := io.ReadAll(zipped)
	must(t, err)
	return string(plain)
}

func TestOnlyServedFilesAreServed(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.browser()
	for path, status := range map[string]int{
		"/assets/console.css": 200, "/assets/vendor/htmx.min.js": 200, "/assets/vendor/SHA256SUMS": 404, "/assets/": 404, "/assets/../routes.go": 307,
	} {
		if w := b.get(path); w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
	}
}
