package payload_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/penstock/penstock/internal/payload"
)

var packers = map[string]func(w io.Writer) (io.WriteCloser, error){
	"gzip":    func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
	"deflate": func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil },
	"raw":     func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 6) },
	"br":      func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriter(w), nil },
	"zstd":    func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
}

func pack(t testing.TB, coding string, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := packers[coding](&b)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unpack returns a body without its codings.
func unpack(header string, body []byte, limit int64) ([]byte, error) {
	codings, err := payload.Codings(http.Header{"Content-Encoding": {header}})
	if err != nil {
		return nil, err
	}
	r, closeAll, err := payload.Unpack(codings, body, limit)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	return io.ReadAll(r)
}

func TestUnpack(t *testing.T) {
	t.Parallel()
	const text = "hello, hello"
	for coding := range packers {
		name := strings.Replace(coding, "raw", "deflate", 1)
		body := pack(t, coding, []byte(text))
		for _, limit := range []int64{int64(len(text)), 1 << 20} {
			if got, err := unpack(name, body, limit); string(got) != text || err != nil {
				t.Errorf("%s: %q %v", coding, got, err)
			}
		}
		if _, err := unpack(name, body, int64(len(text))-1); !errors.Is(err, payload.ErrTooLarge) {
			t.Errorf("%s beyond the limit: %v", coding, err)
		}
		if _, err := unpack(name, body[:len(body)-3], 1<<20); !errors.Is(err, payload.ErrCoding) {
			t.Errorf("%s cut: %v", coding, err)
		}
		if coding != "raw" {
			twice := pack(t, "gzip", body)
			if got, err := unpack(name+" , X-GZIP", twice, 1<<20); string(got) != text || err != nil {
				t.Errorf("%s in gzip: %q %v", coding, got, err)
			}
		}
		bomb := pack(t, coding, make([]byte, 64<<20))
		if got, err := unpack(name, bomb, 1<<20); !errors.Is(err, payload.ErrTooLarge) || len(got) > 1<<20 {
			t.Errorf("%s bomb of %d bytes: %d %v", coding, len(bomb), len(got), err)
		}
	}
	// The inner layer gives much to the outer one, which gives nothing.
	empty := pack(t, "gzip", nil)
	if got, err := unpack("gzip, gzip", pack(t, "gzip", bytes.Repeat(empty, 1<<16)), 1<<20); !errors.Is(err, payload.ErrTooLarge) {
		t.Errorf("a bomb of empty members: %d %v", len(got), err)
	}
}

func TestCodings(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]int{"": 0, "identity": 0, " identity , ": 0, "gzip": 1, "GZIP, br": 2, "br, identity": 1, "compress": -1, "gzip, gzip, gzip": -1, "exi": -1} {
		got, err := payload.Codings(http.Header{"Content-Encoding": {header}})
		if want < 0 != (err != nil) || want >= 0 && len(got) != want {
			t.Errorf("%q: %q %v", header, got, err)
		}
	}
}

// A stream whose window is larger than HTTP allows is refused before the window is allocated.
func TestZstdWindow(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithWindowSize(32<<20))
	if err != nil {
		t.Fatal(err)
	}
	for range 40 {
		_, _ = w.Write(make([]byte, 1<<20))
	}
	_ = w.Close()
	if _, err := unpack("zstd", b.Bytes(), 1<<30); !errors.Is(err, payload.ErrCoding) || !strings.Contains(err.Error(), "larger than 8 MiB") {
		t.Errorf("%v", err)
	}
}
