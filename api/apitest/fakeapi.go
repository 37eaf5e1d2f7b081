package apitest

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// The API key of a FakeAPI.
const (
	KeyID     = "sdfjh435hh345454"
	KeySecret = "dfhfdjsghs"
)

// Epoch is the fixed time of a FakeAPI.
var Epoch = time.Unix(1795280000, 0)

// FakeAPI is an API on fakes. At the end of its test it checks that the log contains no secrets and no data of
// requests.
type FakeAPI struct {
	T     *testing.T
	API   *api.API
	Queue *FakeQueue
	Flows FlowList
	Keys  KeyList
	Log   *LogBuffer

	mu   sync.Mutex
	Sent []string // texts that must not be in the log
}

// NewFakeAPI returns a FakeAPI. Each change is applied to its configuration first.
func NewFakeAPI(t *testing.T, change ...func(*api.Config)) *FakeAPI {
	t.Helper()
	d := &FakeAPI{T: t, Queue: NewFakeQueue(), Log: &LogBuffer{}}
	d.Flows = FlowList{
		{Number: 69, Slug: "upsert", Version: "v69", Queue: "default", Limit: time.Minute,
			Webhook: &flows.Webhook{Params: []string{"debug"}, Headers: []string{"x-event-id"}}},
		{Number: 70, Slug: "nightly", Version: "v70", Queue: "slow", Limit: 10 * time.Second},
		{Number: 71, Slug: "other", Version: "v71", Queue: "default", Limit: time.Minute, Webhook: &flows.Webhook{}},
	}
	d.Keys = KeyList{KeyID: {Key: KeyID, Name: "crm", Secret: KeySecret, APIAccess: true, Flows: []int64{69, 70}}}
	d.Sent = []string{KeyID, KeySecret}
	config := api.Config{
		Submit:  d.Queue.Submit,
		Records: d.Queue,
		Runs:    d.Queue,
		Flows:   d.Flows,
		Keys:    d.Keys,
		Log:     slog.New(slog.NewJSONHandler(d.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:     func() time.Time { return Epoch },
	}
	for _, f := range change {
		f(&config)
	}
	api, err := api.New(config)
	if err != nil {
		t.Fatal(err)
	}
	d.API = api
	t.Cleanup(d.checkLog)
	return d
}

func (d *FakeAPI) checkLog() {
	log := d.Log.String()
	for _, text := range d.Sent {
		if len(text) >= 8 && strings.Contains(log, text) { // shorter texts occur by chance
			d.T.Errorf("the log holds %.60q, which was sent or secret:\n%s", text, log)
		}
	}
}

// Hide adds texts that must not be in the log.
func (d *FakeAPI) Hide(texts ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Sent = append(d.Sent, texts...)
}

// Do sends a request, and adds its secrets to the texts that must not be in the log.
func (d *FakeAPI) Do(r *http.Request) *httptest.ResponseRecorder {
	d.mu.Lock()
	d.Sent = append(d.Sent, r.URL.Query().Get("check"), r.Header.Get("Authorization"))
	if _, signature, ok := strings.Cut(r.Header.Get("Penstock-Signature"), "v1="); ok {
		d.Sent = append(d.Sent, signature)
	}
	d.mu.Unlock()
	w := httptest.NewRecorder()
	d.API.ServeHTTP(w, r)
	return w
}

// Call is a SmartSYNC request before it is signed.
type Call struct {
	Method  string // default GET, POST with a body
	Path    string
	Params  map[string]string // added to flow=69, key and ts
	Without string            // parameter to omit
	Body    string
	Header  http.Header
	Check   string // default: the right check value
	Secret  string
}

// Request signs the call. It implements the rule of the source document again, independently of package auth.
func (k Call) Request() *http.Request {
	params := map[string]string{"flow": "69", "key": KeyID, "ts": "1795280000"}
	maps.Copy(params, k.Params)
	delete(params, k.Without)
	if k.Method == "" {
		k.Method = http.MethodGet
		if k.Body != "" {
			k.Method = http.MethodPost
		}
	}
	if k.Check == "" {
		k.Check = SignCheck(params, k.Body, k.Method, k.Secret)
	}
	values := url.Values{"check": {k.Check}}
	for name, value := range params {
		values.Set(name, value)
	}
	if k.Path == "" {
		k.Path = "/apis/execute.php"
	}
	var body io.Reader
	if k.Body != "" {
		body = strings.NewReader(k.Body)
	}
	r := httptest.NewRequest(k.Method, k.Path+"?"+values.Encode(), body)
	if k.Body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range k.Header {
		if value == nil {
			r.Header.Del(name)
		} else {
			r.Header[name] = value
		}
	}
	return r
}

// SignCheck returns the check value of SmartSYNC for parameters and a body.
func SignCheck(params map[string]string, body, method, with string) string {
	if with == "" {
		with = KeySecret
	}
	var values []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		values = append(values, params[name])
	}
	if body = strings.Trim(body, " \t\n\r\x00\x0b"); method == http.MethodPost && body != "" {
		values = append(values, strings.NewReplacer("\r", "", "\n", "").Replace(body))
	}
	sum := md5.Sum([]byte(strings.Join(append(values, with), "|")))
	return hex.EncodeToString(sum[:])
}

// Call signs and sends a call.
func (d *FakeAPI) Call(k Call) *httptest.ResponseRecorder { return d.Do(k.Request()) }

// WantFailure checks the whole envelope of a failure, and that no run was submitted.
func (d *FakeAPI) WantFailure(w *httptest.ResponseRecorder, status int, message string) {
	d.T.Helper()
	d.WantEnvelope(w, status, message)
	if n := len(d.Queue.Submitted()); n != 0 {
		d.T.Errorf("%d runs were submitted", n)
	}
}

// WantEnvelope checks the whole envelope of a failure.
func (d *FakeAPI) WantEnvelope(w *httptest.ResponseRecorder, status int, message string) Failure {
	d.T.Helper()
	if w.Code != status {
		d.T.Errorf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	var got Failure
	dec := json.NewDecoder(w.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil {
		d.T.Fatalf("envelope: %v", err)
	}
	if got.Success || got.Error.Code != status || !strings.Contains(got.Error.Msg, message) {
		d.T.Errorf("envelope %+v, want code %d and %q", got, status, message)
	}
	if w.Header().Get("Content-Type") != "application/json" || w.Header().Get("X-Request-Id") == "" {
		d.T.Errorf("header %v", w.Header())
	}
	return got
}

// WantOne returns the only submission.
func (d *FakeAPI) WantOne() queue.Submission {
	d.T.Helper()
	all := d.Queue.Submitted()
	if len(all) != 1 {
		d.T.Fatalf("%d runs were submitted, want 1", len(all))
	}
	return all[0]
}

// FlowList serves flows by number and slug.
type FlowList []*flows.Flow

// Find implements runner.Flows.
func (l FlowList) Find(ref string) (*flows.Flow, bool) {
	for _, f := range l {
		if ref == fmt.Sprint(f.Number) || ref == f.Slug {
			return f, true
		}
	}
	return nil, false
}

// KeyList serves keys.
type KeyList map[string]*store.Key

// Key implements auth.Keys.
func (l KeyList) Key(_ context.Context, key string) (*store.Key, error) {
	if k, ok := l[key]; ok {
		return k, nil
	}
	return nil, fmt.Errorf("find key: %w", store.ErrNotFound)
}

// LogBuffer stores a log. Safe for concurrent use.
type LogBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (s *LogBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// String returns everything that was written.
func (s *LogBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// NoKeys is an auth.Keys that fails.
type NoKeys struct{}

// Key implements auth.Keys.
func (NoKeys) Key(context.Context, string) (*store.Key, error) {
	return nil, fmt.Errorf("find key: dial 10.0.0.1")
}

// Failure is the envelope of a failure of the SmartSYNC API.
type Failure struct {
	Success bool `json:"success"`
	Error   struct {
		Code  int    `json:"code"`
		Msg   string `json:"msg"`
		RunID string `json:"run_id"`
	} `json:"error"`
}

// Post signs and sends a request to the native API. header has pairs of name and value.
func (d *FakeAPI) Post(path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	d.Sign(r, body)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return d.Do(r)
}

// Get signs and sends a request without a body.
func (d *FakeAPI) Get(path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	d.Sign(r, "")
	return d.Do(r)
}

// Sign adds the signature of the API key.
func (d *FakeAPI) Sign(r *http.Request, body string) {
	r.Header.Set(auth.HeaderKey, KeyID)
	r.Header.Set(auth.HeaderSignature, auth.Sign("1795280000", []byte(body), KeySecret))
}

// WantProblem checks a whole problem document and returns it.
func (d *FakeAPI) WantProblem(w *httptest.ResponseRecorder, status int, code, detail string) httpx.Problem {
	d.T.Helper()
	var got httpx.Problem
	dec := json.NewDecoder(w.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil {
		d.T.Fatalf("problem: %v", err)
	}
	if w.Code != status || got.Status != status || got.Code != code || !strings.Contains(got.Detail, detail) {
		d.T.Errorf("%d %+v, want %d %s %q", w.Code, got, status, code, detail)
	}
	if got.Type != "/docs#problem-"+code || got.Title != http.StatusText(status) || got.RequestID != w.Header().Get("X-Request-Id") || got.RequestID == "" {
		d.T.Errorf("problem %+v", got)
	}
	if w.Header().Get("Content-Type") != "application/problem+json" {
		d.T.Errorf("Content-Type %q", w.Header().Get("Content-Type"))
	}
	if challenge := w.Header().Values("WWW-Authenticate"); (status == 401) != (len(challenge) == 2) {
		d.T.Errorf("WWW-Authenticate %q", challenge)
	}
	return got
}

// Line returns the last line of the log.
func (d *FakeAPI) Line() map[string]any {
	d.T.Helper()
	lines := strings.Split(strings.TrimSpace(d.Log.String()), "\n")
	var line map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil {
		d.T.Fatal(err)
	}
	return line
}
