package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/blob/blobtest"
	"github.com/penstock/penstock/internal/testenv"
)

// fileForm is a form with a field and a file. It returns the Content-Type, too.
func fileForm(t *testing.T, content []byte) (body *bytes.Buffer, contentType string) {
	t.Helper()
	body = new(bytes.Buffer)
	w := multipart.NewWriter(body)
	apitest.Fatal(t, w.WriteField("name", "Ann"))
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="doc"; filename="../../etc/a.bin"`}, "Content-Type": {"application/x-thing"},
	})
	apitest.Fatal(t, err)
	_, err = part.Write(content)
	apitest.Fatal(t, err)
	apitest.Fatal(t, w.Close())
	return body, w.FormDataContentType()
}

// post sends a body of any length to a path as user ulf.
func post(t *testing.T, p *apitest.Product, path, contentType string, body io.Reader, header ...string) apitest.Reply {
	t.Helper()
	r, err := tryPost(t, p, path, contentType, body, header...)
	apitest.Fatal(t, err)
	return r
}

// tryPost is post for a body that the server may not read to its end: then the connection may be reset before the answer is
// read.
func tryPost(t *testing.T, p *apitest.Product, path, contentType string, body io.Reader, header ...string) (apitest.Reply, error) {
	t.Helper()
	r := p.Request("POST", path, "ulf", "")
	r.Body, r.ContentLength = io.NopCloser(body), -1
	if sized, ok := body.(interface{ Len() int }); ok {
		r.ContentLength = int64(sized.Len())
	}
	r.Header.Set("Content-Type", contentType)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := p.HTTP.Do(r)
	if err != nil {
		return apitest.Reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return apitest.Reply{Response: resp, Text: string(text)}, err
}

// unless describes a condition that does not hold yet.
func unless(ok bool) string {
	if ok {
		return ""
	}
	return "the condition does not hold"
}

// stored returns the owners of all blobs.
func stored(t *testing.T, p *apitest.Product) []string {
	t.Helper()
	var all []string
	apitest.Fatal(t, p.Blobs.Owners(t.Context(), func(owner string, _ time.Time) error {
		all = append(all, owner)
		return nil
	}))
	return all
}

const webhookFiles = "trigger: {webhook: {max_body: 6MB}}\n"

// outputOf returns the only item that a run has put out, and the id of the run.
func outputOf(t *testing.T, p *apitest.Product, r apitest.Reply) (item map[string]any, run string) {
	t.Helper()
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", r.StatusCode, r.Text)
	}
	var all struct {
		RunID  string           `json:"run_id"`
		Output []map[string]any `json:"output"`
	}
	apitest.Fatal(t, json.Unmarshal([]byte(r.Text), &all))
	return all.Output[0], all.RunID
}

// A file of a form is stored, and the event has its description. Those who may read the run can download it.
func TestFilesOfAForm(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, webhookFiles+"steps: [{transform: '.'}]")
	content := blobtest.Content(3 << 20)
	body, contentType := fileForm(t, content)
	item, run := outputOf(t, p, post(t, p, "/v1/flows/1/runs", contentType, body))
	sum := sha256.Sum256(content)
	doc, _ := item["doc"].(map[string]any)
	ref, _ := doc["file"].(string)
	if item["name"] != "Ann" || doc["name"] != "a.bin" || doc["content_type"] != "application/x-thing" || doc["size"] != float64(len(content)) ||
		doc["sha256"] != hex.EncodeToString(sum[:]) || !strings.HasPrefix(ref, "blob:") {
		t.Errorf("item %v", item)
	}
	record, err := p.Queue.Record(t.Context(), run)
	if err != nil || len(record.Event) > 1000 {
		t.Errorf("the event has %d bytes, %v", len(record.Event), err)
	}
	for _, name := range []string{ref, strings.TrimPrefix(ref, "blob:")} {
		r := p.Do("GET", "/v1/runs/"+run+"/files/"+name, "ulf", "")
		if r.StatusCode != 200 || r.Text != string(content) || r.Header.Get("Content-Disposition") != "attachment" ||
			r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("%d, %d bytes, %v", r.StatusCode, len(r.Text), r.Header)
		}
	}
	for _, c := range [][2]string{{"key-one", "/v1/runs/" + run + "/files/" + ref}, {"ulf", "/v1/runs/" + run + "/files/blob:" + strings.Repeat("0", 32)}, {"ulf", "/v1/runs/" + run + "/files/..%2f" + run}} {
		if r := p.Do("GET", c[1], c[0], ""); r.StatusCode != 404 || r.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s of %s: %d %s", c[1], c[0], r.StatusCode, r.Text)
		}
	}
}

// A download can be resumed, and asked for its size.
func TestRangesOfAFile(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, webhookFiles+"steps: [{transform: '.'}]")
	content := blobtest.Content(3*blob.Chunk + 7)
	body, contentType := fileForm(t, content)
	item, run := outputOf(t, p, post(t, p, "/v1/flows/1/runs", contentType, body))
	doc, _ := item["doc"].(map[string]any)
	ref, _ := doc["file"].(string)
	get := func(method string, header ...string) apitest.Reply {
		t.Helper()
		r := p.Request(method, "/v1/runs/"+run+"/files/"+ref, "ulf", "")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		resp, err := p.HTTP.Do(r)
		apitest.Fatal(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		apitest.Fatal(t, err)
		return apitest.Reply{Response: resp, Text: string(text)}
	}
	size := strconv.Itoa(len(content))
	if r := get("HEAD"); r.StatusCode != 200 || r.Text != "" || r.Header.Get("Content-Length") != size || r.Header.Get("Accept-Ranges") != "bytes" || r.Header.Get("Etag") != `"`+strings.TrimPrefix(ref, "blob:")+`"` {
		t.Errorf("HEAD: %d %v", r.StatusCode, r.Header)
	}
	etag := get("HEAD").Header.Get("Etag")
	from := blob.Chunk - 1
	for ask, want := range map[string]string{
		fmt.Sprintf("bytes=%d-%d", from, from+1): string(content[from : from+2]), fmt.Sprintf("bytes=%d-", from): string(content[from:]), "bytes=-7": string(content[len(content)-7:]),
	} {
		for _, condition := range []string{etag, `"another"`} {
			r := get("GET", "Range", ask, "If-Range", condition, "Accept-Encoding", "gzip")
			if condition == etag && (r.StatusCode != 206 || r.Text != want || !strings.HasSuffix(r.Header.Get("Content-Range"), "/"+size)) || condition != etag && (r.StatusCode != 200 || r.Text != string(content)) {
				t.Errorf("%s if %s: %d, %d bytes, %v", ask, condition, r.StatusCode, len(r.Text), r.Header)
			}
		}
	}
	if r := get("GET", "Range", "bytes="+size+"-"); r.StatusCode != 416 || r.Header.Get("Content-Range") != "bytes */"+size {
		t.Errorf("beyond the end: %d %v", r.StatusCode, r.Header)
	}
	if r := get("GET", "If-None-Match", etag); r.StatusCode != 304 {
		t.Errorf("a copy: %d", r.StatusCode)
	}
}

// A reference opens a file of its own run only, also when a caller has written it into an event.
func TestAForgedReferenceOpensNothing(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "trigger: {webhook: {max_body: 1MB, errors: detailed}}\nsteps: [{read_file: {file: '${ .doc }', parse: text}}]")
	body, contentType := fileForm(t, []byte("secret"))
	r := post(t, p, "/v1/flows/1/runs", contentType, body)
	if r.StatusCode != 200 || !strings.Contains(r.Text, `"output":["secret"]`) {
		t.Fatalf("%d %s", r.StatusCode, r.Text)
	}
	run := r.Header.Get("Penstock-Run-Id")
	record, err := p.Queue.Record(t.Context(), run)
	apitest.Fatal(t, err)
	var event struct{ Doc map[string]any }
	apitest.Fatal(t, json.Unmarshal(record.Event, &event))
	forged, err := json.Marshal(map[string]any{"doc": event.Doc})
	apitest.Fatal(t, err)
	for _, sent := range []string{string(forged), `{"doc":"` + event.Doc["file"].(string) + `"}`, `{"doc":{"file":"blob:../` + run + `/x"}}`} {
		if r := p.Do("POST", "/v1/flows/1/runs", "ulf", sent); r.StatusCode != 422 || strings.Contains(r.Text, "secret") || !strings.Contains(r.Text, "no such file") {
			t.Errorf("%s: %d %s", sent, r.StatusCode, r.Text)
		}
	}
}

// A body above the limit of events is a file, a smaller one an event.
func TestLargeBodiesAreFiles(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t, func(c *api.Config) { c.MaxBody = 1000 })
	p.Deploy(1, webhookFiles+"steps: [{transform: '{event: ., file: .file?}'}]")
	p.Deploy(2, "trigger: {http: {post: /files, max_body: 6MB, body: file, response: one}}\nsteps: [{transform: '.body'}]")
	large := []byte(`["` + strings.Repeat("a", 2<<20) + `"]`)
	for name, body := range map[string]io.Reader{"announced": bytes.NewReader(large), "chunked": iotest.OneByteReader(bytes.NewReader(large[:3000])), "of one piece": io.MultiReader(bytes.NewReader(large)), "of one byte more": io.MultiReader(strings.NewReader(`["` + strings.Repeat("a", 997) + `"]`))} {
		item, _ := outputOf(t, p, post(t, p, "/v1/flows/1/runs", "application/json", body))
		if ref, _ := item["file"].(string); !strings.HasPrefix(ref, "blob:") {
			t.Errorf("%s: %v", name, item)
		}
	}
	item, _ := outputOf(t, p, post(t, p, "/v1/flows/1/runs", "application/json", io.MultiReader(strings.NewReader(`{"a":1}`))))
	if fmt.Sprint(item["event"]) != "map[a:1]" {
		t.Errorf("a small body: %v", item)
	}
	if r := post(t, p, "/v1/flows/1/runs", "json", bytes.NewReader(large)); r.StatusCode != 415 || !strings.Contains(r.Text, "no media type") {
		t.Errorf("a large body of no media type: %d %s", r.StatusCode, r.Text)
	}
	r := post(t, p, "/files", "text/plain", strings.NewReader("hi"))
	if r.StatusCode != 200 || !strings.Contains(r.Text, `"file":"blob:`) || !strings.Contains(r.Text, `"size":2`) {
		t.Errorf("body: file: %d %s", r.StatusCode, r.Text)
	}
}

// Nothing is left of a request that became no run of its own.
func TestNothingIsLeftOfRefusedRequests(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t, func(c *api.Config) { c.MaxBody = 1000 })
	p.Deploy(1, "trigger: {webhook: {max_body: 3MB, idempotency_key: '${ .name | ltrimstr(\"x\") }'}}\nsteps: [{transform: '.'}]")
	big := blobtest.Content(2 << 20)
	form := func(content []byte) (string, string) {
		body, contentType := fileForm(t, content)
		return body.String(), contentType
	}
	good, contentType := form(big)
	large, largeType := form(blobtest.Content(4 << 20))
	for name, c := range map[string]struct {
		body, contentType string
		status            int
	}{
		"too large":             {large, largeType, 413},
		"cut off":               {good[:len(good)-100], contentType, 400},
		"without its boundary":  {good, "multipart/form-data", 400},
		"a nameless part":       {strings.Replace(good, `name="doc"; `, "", 1), contentType, 400},
		"a long field":          {strings.Replace(good, "Ann", strings.Repeat("a", 2000), 1), contentType, 400},
		"a bad field after all": {strings.Replace(good, "--\r\n", "\r\nContent-Disposition: form-data\r\n\r\nx\r\n", 1), contentType, 400},
	} {
		for _, body := range []io.Reader{strings.NewReader(c.body), io.MultiReader(strings.NewReader(c.body))} {
			r, err := tryPost(t, p, "/v1/flows/1/runs", c.contentType, body)
			if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
				continue // refused before all of it was read
			}
			apitest.Fatal(t, err)
			if r.StatusCode != c.status {
				t.Errorf("%s: %d %s", name, r.StatusCode, r.Text)
			}
		}
	}
	if all := stored(t, p); len(all) != 0 {
		t.Errorf("%v are left", all)
	}
	runs := map[string]bool{}
	for range 3 { // the flow's key makes them one run
		runs[post(t, p, "/v1/flows/1/runs", contentType, strings.NewReader(good)).Header.Get("Penstock-Run-Id")] = true
	}
	if all := stored(t, p); len(all) != 1 || !runs[all[0]] || len(runs) != 1 {
		t.Errorf("%v are left of the runs %v", all, runs)
	}
	for range 2 {
		r := post(t, p, "/v1/flows/1/runs", contentType, strings.NewReader(good), "Idempotency-Key", "k")
		if r.StatusCode != 200 {
			t.Errorf("an equal request: %d %s", r.StatusCode, r.Text)
		}
	}
	if r := post(t, p, "/v1/flows/1/runs", contentType, strings.NewReader(strings.Replace(good, "Ann", "Eve", 1)), "Idempotency-Key", "k"); r.StatusCode != 422 {
		t.Errorf("another request with the key: %d %s", r.StatusCode, r.Text)
	}
	if all := stored(t, p); len(all) != 2 {
		t.Errorf("%v are left", all)
	}
}

// A caller who goes away while it sends leaves nothing.
func TestNothingIsLeftOfAnAbandonedUpload(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, webhookFiles+"steps: [{transform: '.'}]")
	form, contentType := fileForm(t, blobtest.Content(3<<20))
	second := strings.Replace(form.String(), `name="doc"`, `name="second"`, 1)
	body := strings.TrimSuffix(form.String(), "--\r\n") + "\r\n" + strings.SplitN(second, "\r\n", 2)[1]
	ctx, cancel := context.WithCancel(t.Context())
	r := p.Request("POST", "/v1/flows/1/runs", "ulf", "").WithContext(ctx)
	sent, w := io.Pipe()
	r.Body, r.ContentLength = sent, -1
	r.Header.Set("Content-Type", contentType)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if resp, err := p.HTTP.Do(r); err == nil {
			resp.Body.Close()
			t.Errorf("status %d", resp.StatusCode)
		}
	}()
	_, err := io.WriteString(w, body[:4<<20])
	apitest.Fatal(t, err)
	testenv.Eventually(t, func() string { return unless(len(stored(t, p)) == 1) }) // the first file
	cancel()
	_ = w.CloseWithError(context.Canceled) // net/http waits for a Read of the body
	<-ended
	testenv.Eventually(t, func() string { return unless(len(stored(t, p)) == 0) })
}

// awayBackend fails as a store that is full or away.
type awayBackend struct {
	blob.Memory
	err error
}

func (a *awayBackend) Put(context.Context, string, string, io.Reader) error { return a.err }

func TestAStoreThatTakesNothing(t *testing.T) {
	t.Parallel()
	for err, status := range map[error]int{blob.ErrFull: 507, io.ErrClosedPipe: 503} {
		store, failed := blob.New(blob.Config{Backend: &awayBackend{err: err}, MaxSize: 1 << 20})
		apitest.Fatal(t, failed)
		p := apitest.NewProduct(t, func(c *api.Config) { c.Files = store })
		p.Deploy(1, webhookFiles+"steps: [{transform: '.'}]")
		body, contentType := fileForm(t, []byte("x"))
		if r := post(t, p, "/v1/flows/1/runs", contentType, body); r.StatusCode != status || r.Header.Get("Retry-After") == "" || strings.Contains(r.Text, "closed pipe") {
			t.Errorf("%v: %d %s", err, r.StatusCode, r.Text)
		}
	}
}

// A replay has copies of the files, so that it does not depend on the first run.
func TestAReplayHasItsOwnFiles(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, webhookFiles+"steps: [{read_file: {file: '${ .doc }', parse: text}}]")
	body, contentType := fileForm(t, []byte("content"))
	first := post(t, p, "/v1/flows/1/runs", contentType, body).Header.Get("Penstock-Run-Id")
	apitest.Fatal(t, p.Blobs.DeleteOwner(t.Context(), "none"))
	again := p.Do("POST", "/v1/runs/"+first+"/replay", "ulf", "")
	if again.StatusCode != 200 || !strings.Contains(again.Text, `["content"]`) {
		t.Errorf("%d %s", again.StatusCode, again.Text)
	}
	if all := stored(t, p); len(all) != 2 {
		t.Errorf("owners %v", all)
	}
}

// respond streams a file to the caller, as bytes of its type and length.
func TestRespondWithAFile(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, webhookFiles+"steps: [{respond: {status: 201, headers: {x-a: b}, file: '${ .doc }'}}]")
	p.Deploy(2, "trigger: {http: {post: /echo, max_body: 6MB, body: file, response: body}}\nsteps: [{respond: {file: '${ .body }'}}]")
	content := blobtest.Content(2 << 20)
	body, contentType := fileForm(t, content)
	r := post(t, p, "/v1/flows/1/runs", contentType, body)
	if r.StatusCode != 201 || r.Text != string(content) || r.Header.Get("Content-Type") != "application/x-thing" || r.Header.Get("X-A") != "b" ||
		r.ContentLength != int64(len(content)) || r.Header.Get("Content-Security-Policy") != "sandbox" {
		t.Errorf("%d, %d bytes, %v", r.StatusCode, len(r.Text), r.Header)
	}
	body, contentType = fileForm(t, content)
	r = post(t, p, "/v1/flows/1/runs", contentType, body, "Accept-Encoding", "gzip")
	if r.Text != string(content) || r.ContentLength != int64(len(content)) || r.Header.Get("Content-Encoding") != "" || r.Header.Get("No-Gzip-Compression") != "" {
		t.Errorf("for a caller of gzip: %d, %d bytes, %v", r.StatusCode, len(r.Text), r.Header)
	}
	if r := post(t, p, "/echo", "text/css", bytes.NewReader(content)); r.StatusCode != 200 || r.Text != string(content) || r.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d, %d bytes, %v", r.StatusCode, len(r.Text), r.Header)
	}
}

// More uploads at once than there are places are refused, and a place is free when an upload ends.
func TestUploadsAtOnceAreLimited(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t, func(c *api.Config) { c.MaxUploads = 1 })
	p.Deploy(1, webhookFiles+"steps: [{transform: '.'}]")
	form, contentType := fileForm(t, blobtest.Content(100))
	text := form.String()
	sent, w := io.Pipe()
	first := make(chan apitest.Reply, 1) // buffered: the test may have failed
	go func() { first <- post(t, p, "/v1/flows/1/runs", contentType, sent, "Expect", "100-continue") }()
	_, err := io.WriteString(w, text[:50]) // when the server reads the body, which has its place by then
	apitest.Fatal(t, err)
	testenv.Eventually(t, func() string {
		r := post(t, p, "/v1/flows/1/runs", contentType, strings.NewReader(text))
		return unless(r.StatusCode == 503 && r.Header.Get("Retry-After") != "")
	})
	_, err = io.WriteString(w, text[50:])
	apitest.Fatal(t, err)
	_ = w.Close() // of a pipe: never fails
	if r := <-first; r.StatusCode != 200 {
		t.Errorf("%d %s", r.StatusCode, r.Text)
	}
	if r := post(t, p, "/v1/flows/1/runs", contentType, strings.NewReader(text)); r.StatusCode != 200 {
		t.Errorf("afterwards: %d %s", r.StatusCode, r.Text)
	}
}

// A sender that proves itself with a token may send large files; without the token nothing is stored.
func TestFilesOfAWebhook(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	apitest.Fatal(t, p.Store.Secrets().Put(t.Context(), "tok", "a-long-token-of-the-sender"))
	p.Deploy(1, "trigger: {webhook: {max_body: 6MB, verify: {scheme: token, header: X-Token, secret: tok}}}\nsteps: [{transform: '.'}]")
	form, contentType := fileForm(t, blobtest.Content(3<<20))
	send := func(token string) apitest.Reply {
		return post(t, p, "/hooks/1", contentType, strings.NewReader(form.String()), "X-Token", token, "Authorization", "")
	}
	if r := send("wrong"); r.StatusCode != 401 {
		t.Errorf("%d %s", r.StatusCode, r.Text)
	}
	if all := stored(t, p); len(all) != 0 {
		t.Errorf("%v were stored", all)
	}
	if item, _ := outputOf(t, p, send("a-long-token-of-the-sender")); !strings.HasPrefix(fmt.Sprint(item["doc"]), "map[") {
		t.Errorf("%v", item)
	}
}
