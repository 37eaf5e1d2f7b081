package s3blob_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/blob/blobtest"
	"github.com/penstock/penstock/internal/blob/s3blob"
)

// newFake starts an S3 with an empty bucket "files". wrap may be nil.
func newFake(t *testing.T, wrap func(http.Handler) http.Handler) s3blob.Config {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("files"); err != nil {
		t.Fatal(err)
	}
	handler := gofakes3.New(backend).Server()
	if wrap != nil {
		handler = wrap(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return s3blob.Config{
		Endpoint: strings.TrimPrefix(server.URL, "http://"), Insecure: true, Region: "us-east-1", Bucket: "files", AccessKey: "key", SecretKey: "secret",
	}
}

func open(t *testing.T, config s3blob.Config) *s3blob.Backend {
	t.Helper()
	b, err := s3blob.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBackend(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", "penstock/files"} {
		t.Run(prefix, func(t *testing.T) {
			t.Parallel()
			blobtest.Run(t, func(t *testing.T) blob.Backend {
				config := newFake(t, nil)
				config.Prefix = prefix
				return open(t, config)
			})
		})
	}
}

// A store that answers 503 for a moment fails no Put.
func TestPutIsRepeated(t *testing.T) {
	t.Parallel()
	var failures atomic.Int64
	config := newFake(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && failures.Add(1) <= 2 {
				_, _ = io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	store, err := blob.New(blob.Config{Backend: open(t, config), MaxSize: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	want := blobtest.Content(6 << 20)
	info, err := store.Put(t.Context(), "run", 0, bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	r, err := store.Open(t.Context(), "run", info.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) || failures.Load() < 3 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := s3blob.Parse("s3://bucket/a/b/?endpoint=minio:9000&region=r&insecure=1")
	want := s3blob.Config{Endpoint: "minio:9000", Insecure: true, Region: "r", Bucket: "bucket", Prefix: "a/b"}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, raw := range []string{"s3://", "s3://key:secret@bucket", "http://bucket", "s3://bucket?secret=x"} {
		if _, err := s3blob.Parse(raw); err == nil || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}
