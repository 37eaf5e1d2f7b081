package steps_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/blob/blobtest"
)

// newS3World returns a world with the connection "exports" to a store with the buckets exports and other, and a file of its run.
// wrap may be nil.
func newS3World(t *testing.T, content []byte, wrap func(http.Handler) http.Handler) (*world, map[string]any) {
	t.Helper()
	backend := s3mem.New()
	for _, bucket := range []string{"exports", "other"} {
		if err := backend.CreateBucket(bucket); err != nil {
			t.Fatal(err)
		}
	}
	handler := gofakes3.New(backend).Server()
	if wrap != nil {
		handler = wrap(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	w := newWorld(t)
	w.connect("exports", "s3", map[string]string{
		"endpoint": server.URL, "region": "us-east-1", "access_key_id": "key", "secret_access_key": "s3cret-key", "bucket": "exports",
	})
	files, file := newFiles(t, content)
	w.env.Files = files
	return w, file
}

func TestS3(t *testing.T) {
	t.Parallel()
	content := blobtest.Content(6<<20 + 3) // two parts
	w, file := newS3World(t, content, nil)
	step := func(text string) string { return w.must("s3: {connection: exports, "+text+"}", file) }
	if got := step(`list: ""`); got != `[]` {
		t.Errorf("an empty bucket: %s", got)
	}
	if got := step(`put: in/a.bin, file: "${ . }"`); got != fmt.Sprintf(`[{"path":"in/a.bin","size":%d}]`, len(content)) {
		t.Errorf("put: %s", got)
	}
	step(`put: in/deep/b.csv, content: "id\n1\n"`)
	step(`put: in/c.json, content: {a: 1}, content_type: application/vnd.a+json`)
	if got := step(`get: in/a.bin`); !strings.Contains(got, file["sha256"].(string)) || !strings.Contains(got, `"name":"a.bin"`) || !strings.Contains(got, "application/x-thing") {
		t.Errorf("get: %s", got)
	}
	if got := step(`get: in/c.json`); !strings.Contains(got, "application/vnd.a+json") {
		t.Errorf("content type: %s", got)
	}
	names := func(text string) (names string) {
		v, _ := flows.DecodeJSON([]byte(step(text)))
		for _, item := range v.([]any) {
			object := item.(map[string]any)
			if object["etag"] == nil || object["modified"] == nil {
				t.Errorf("an incomplete item: %v", object)
			}
			names += object["path"].(string) + " "
		}
		return names
	}
	if got := names(`list: in/`); got != "in/a.bin in/c.json " {
		t.Errorf("list: %s", got)
	}
	if got := names(`list: in/, recursive: true, match: "*.csv"`); got != "in/deep/b.csv " {
		t.Errorf("list of all: %s", got)
	}
	step(`copy: in/deep/b.csv, to: done/`)
	step(`copy: in/deep/b.csv, from_bucket: exports, bucket: other, to: b.csv`)
	if got := names(`list: "", bucket: other`); got != "b.csv " {
		t.Errorf("the other bucket: %s", got)
	}
	step(`delete: in/deep/b.csv`)
	step(`delete: in/deep/b.csv`)
	if got := names(`list: "", recursive: true`); got != "done/b.csv in/a.bin in/c.json " {
		t.Errorf("in the end: %s", got)
	}
}

// A presigned URL needs no credential.
func TestS3Presigns(t *testing.T) {
	t.Parallel()
	w, _ := newS3World(t, nil, nil)
	w.must(`s3: {connection: exports, put: a.txt, content: hello}`, nil)
	v, err := w.run(t.Context(), `s3: {connection: exports, presign: a.txt, expires: 1h}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	url := v[0].(map[string]any)["url"].(string)
	if !strings.Contains(url, "X-Amz-Expires=3600") || strings.Contains(url, "s3cret") {
		t.Errorf("%s", url)
	}
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestS3Failures(t *testing.T) {
	t.Parallel()
	w, _ := newS3World(t, blobtest.Content(blob.Chunk), func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			refuse := func(status int, code string) {
				_, _ = io.Copy(io.Discard, r.Body)
				rw.WriteHeader(status)
				fmt.Fprintf(rw, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
			}
			switch {
			case strings.Contains(r.URL.Path, "/denied"):
				refuse(403, "AccessDenied")
			case strings.Contains(r.URL.Path, "/key"):
				refuse(403, "SignatureDoesNotMatch")
			case strings.Contains(r.URL.Path, "/busy"):
				refuse(503, "SlowDown")
			case strings.Contains(r.URL.RawQuery, "prefix=portal"):
				_, _ = io.WriteString(rw, "<html><body>Log in</body></html>")
			case strings.Contains(r.URL.RawQuery, "prefix=error"):
				_, _ = io.WriteString(rw, "<Error><Code>InternalError</Code></Error>")
			case strings.Contains(r.URL.RawQuery, "prefix=nothing"):
			case strings.Contains(r.URL.RawQuery, "prefix=endless"):
				_, _ = io.WriteString(rw, "<ListBucketResult>"+strings.Repeat("<Contents><Key>"+strings.Repeat("k", 1000)+"</Key></Contents>", 10_000))
			default:
				next.ServeHTTP(rw, r)
			}
		})
	})
	for text, want := range map[string]struct {
		message string
		status  int
	}{
		`get: none`:                        {`"none": there is no such object`, 404},
		`copy: none, to: a`:                {`"none": there is no such object`, 404},
		`put: denied, content: x`:          {`"denied": the store does not permit it`, 403},
		`put: key, content: x`:             {`the store refuses the credential: SignatureDoesNotMatch`, 403},
		`put: busy, content: x`:            {`"busy": the store answers 503 SlowDown: no`, 503},
		`list: "", bucket: nowhere`:        {`there is no such bucket`, 404},
		`put: a, content: "${ .nothing }"`: {`content is null: there is nothing to put`, 0},
		`list: portal`:                     {`no list of S3`, 0},
		`list: error`:                      {`no list of S3`, 0},
		`list: nothing`:                    {`no list of S3`, 0},
		`list: "", bucket: "a b"`:          {`"a b" cannot be the name of a bucket: contains invalid characters`, 0},
		`list: endless`:                    {`no list of S3, or larger than 8 MB`, 0},
		`put: a/../b, content: x`:          {`put has .. in it`, 0},
		`copy: a, to: a`:                   {`copy and to are the same key`, 0},
		`get: "${ \"none\" + \"/\" }"`:     {`get names a directory`, 0},
		`get: in, bucket: "${ \"no\" }"`:   {``, 0},
	} {
		_, err := w.run(t.Context(), "s3: {connection: exports, "+text+"}", nil)
		var failure *flows.Error
		if !errors.As(err, &failure) || !strings.Contains(failure.Message, want.message) || want.message != "" && failure.Upstream != want.status || strings.Contains(failure.Message, "s3cret") {
			t.Errorf("%s: %#v, want %v", text, err, want)
		}
	}
	if bytes.Contains([]byte(w.must(`s3: {connection: exports, list: ""}`, nil)), []byte("busy")) {
		t.Error("what was refused is there")
	}
}
