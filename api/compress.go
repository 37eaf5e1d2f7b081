package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzhttp"

	"github.com/penstock/penstock/flows"
)

// minCompressed is the smallest body, in bytes, that is compressed.
const minCompressed = 1 << 10

// compressible reports whether the answers at a path are compressed for callers who ask for it: outputs, runs, listings and
// descriptions. The length of a compressed body reveals its content to an attacker who can choose a part of it and see the
// length (BREACH). So answers with tokens, secrets or credentials are sent as they are, as are the pages of the console,
// which hold their CSRF token, and streams of events. The SmartSYNC API answers as its callers know it. Where answers are
// compressed, credentials are in headers, never in cookies: a page of another site cannot make requests there.
func compressible(path string) bool {
	rest, v1 := strings.CutPrefix(path, pathV1+"/")
	switch {
	case v1:
		kind, _, _ := strings.Cut(rest, "/")
		return slices.Contains([]string{"audit", "flows", "queues", "runs", "scopes", "workers"}, kind) && !strings.HasSuffix(path, "/events")
	case path == "/openapi.json", path == "/openapi.yaml", strings.HasPrefix(path, "/llms"), strings.HasPrefix(path, "/docs"), strings.HasPrefix(path, pathHooks):
		return true
	}
	return !slices.ContainsFunc(flows.ReservedPaths, func(reserved string) bool {
		own, below := strings.CutSuffix(reserved, "/*")
		return path == own || below && strings.HasPrefix(path, own+"/")
	})
}

// compressed returns a handler that compresses the answers of another one with gzip.
func compressed(next http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(minCompressed), gzhttp.EnableZstd(false), gzhttp.SetContentType(false))
	if err != nil {
		return nil, fmt.Errorf("make compression: %w", err)
	}
	coded := wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&codedWriter{ResponseWriter: w, asked: true}, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/" || !compressible(r.URL.Path):
			next.ServeHTTP(w, r)
		case strings.Contains(strings.ToLower(strings.Join(r.Header.Values("Accept-Encoding"), ",")), "gzip"):
			coded.ServeHTTP(w, r)
		default:
			next.ServeHTTP(&codedWriter{ResponseWriter: w}, r)
		}
	}), nil
}

// codedWriter completes the header of an answer that may be compressed: Vary, and a weak ETag for callers of gzip, since
// one tag stands for the bytes with and without it (RFC 9110, section 8.8.1). That of a 304 is the same as that of the 200.
type codedWriter struct {
	http.ResponseWriter
	asked bool // for gzip
	begun bool
}

// SendAsIs implements httpx.Coder.
func (w *codedWriter) SendAsIs() {
	if w.asked {
		w.asked = false
		w.Header()[gzhttp.HeaderNoCompression] = []string{"true"} // gzhttp removes it
	}
}

func (w *codedWriter) WriteHeader(status int) {
	if h := w.Header(); !w.begun && status >= http.StatusOK {
		w.begun = true
		if !slices.ContainsFunc(h.Values("Vary"), func(line string) bool { return strings.Contains(line, "Accept-Encoding") }) {
			h["Vary"] = append(slices.Clone(h["Vary"]), "Accept-Encoding") // handlers share their slices
		}
		if tag := h.Get("Etag"); w.asked && strings.HasPrefix(tag, `"`) {
			h["Etag"] = []string{"W/" + tag}
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *codedWriter) Write(text []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(text)
}

// Flush sends what is written; gin expects the method.
func (w *codedWriter) Flush() {
	_ = http.NewResponseController(w.ResponseWriter).Flush() // a writer that cannot is one that does not buffer
}

// Unwrap is for http.ResponseController.
func (w *codedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
