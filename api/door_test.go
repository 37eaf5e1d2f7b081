package api

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

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

const (
	keyID  = "sdfjh435hh345454"
	secret = "dfhfdjsghs"
)

var epoch = time.Unix(1795280000, 0)

// door is an API on fakes. When its test ends, it looks through the log for
// anything that was secret or sent.
type door struct {
	t     *testing.T
	api   *API
	queue *fakeQueue
	flows flowList
	keys  keyList
	log   *safeBuffer

	mu   sync.Mutex
	sent []string // what must not be in the log
}

func newDoor(t *testing.T, change ...func(*Config)) *door {
	t.Helper()
	d := &door{t: t, queue: newFakeQueue(), log: &safeBuffer{}}
	d.flows = flowList{
		{Number: 69, Slug: "upsert", Version: "v69", Queue: "default", Limit: time.Minute,
			Webhook: &flows.Webhook{Params: []string{"debug"}, Headers: []string{"x-event-id"}}},
		{Number: 70, Slug: "nightly", Version: "v70", Queue: "slow", Limit: 10 * time.Second},
		{Number: 71, Slug: "other", Version: "v71", Queue: "default", Limit: time.Minute, Webhook: &flows.Webhook{}},
	}
	d.keys = keyList{keyID: {Key: keyID, Name: "crm", Secret: secret, APIAccess: true, Flows: []int64{69, 70}}}
	d.sent = []string{keyID, secret}
	config := Config{
		Submit:  d.queue.Submit,
		Records: d.queue,
		Runs:    d.queue,
		Flows:   d.flows,
		Keys:    d.keys,
		Log:     slog.New(slog.NewJSONHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:     func() time.Time { return epoch },
	}
	for _, f := range change {
		f(&config)
	}
	api, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	d.api = api
	t.Cleanup(d.checkLog)
	return d
}

func (d *door) checkLog() {
	log := d.log.String()
	for _, text := range d.sent {
		if len(text) >= 8 && strings.Contains(log, text) { // shorter ones are anywhere
			d.t.Errorf("the log holds %.60q, which was sent or secret:\n%s", text, log)
		}
	}
}

// do sends a request and notes what of it must stay out of the log.
func (d *door) do(r *http.Request) *httptest.ResponseRecorder {
	d.mu.Lock()
	d.sent = append(d.sent, r.URL.Query().Get("check"), r.Header.Get("Authorization"))
	if _, signature, ok := strings.Cut(r.Header.Get("Penstock-Signature"), "v1="); ok {
		d.sent = append(d.sent, signature)
	}
	d.mu.Unlock()
	w := httptest.NewRecorder()
	d.api.ServeHTTP(w, r)
	return w
}

// call is a SmartSYNC request before it is signed.
type call struct {
	method  string // default GET, POST with a body
	path    string
	params  map[string]string // over flow=69, key and ts
	without string            // a parameter to leave out
	body    string
	header  http.Header
	check   string // default: the right one
	secret  string
}

// request signs the call by the rule of the source document, written out here
// once more on purpose.
func (k call) request() *http.Request {
	params := map[string]string{"flow": "69", "key": keyID, "ts": "1795280000"}
	maps.Copy(params, k.params)
	delete(params, k.without)
	if k.method == "" {
		k.method = http.MethodGet
		if k.body != "" {
			k.method = http.MethodPost
		}
	}
	if k.check == "" {
		k.check = sign(params, k.body, k.method, k.secret)
	}
	values := url.Values{"check": {k.check}}
	for name, value := range params {
		values.Set(name, value)
	}
	if k.path == "" {
		k.path = "/apis/execute.php"
	}
	var body io.Reader
	if k.body != "" {
		body = strings.NewReader(k.body)
	}
	r := httptest.NewRequest(k.method, k.path+"?"+values.Encode(), body)
	if k.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range k.header {
		if value == nil {
			r.Header.Del(name)
		} else {
			r.Header[name] = value
		}
	}
	return r
}

func sign(params map[string]string, body, method, with string) string {
	if with == "" {
		with = secret
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

func (d *door) call(k call) *httptest.ResponseRecorder { return d.do(k.request()) }

// wantFailure checks the whole envelope of a failure and that nothing ran.
func (d *door) wantFailure(w *httptest.ResponseRecorder, status int, message string) {
	d.t.Helper()
	d.wantEnvelope(w, status, message)
	if n := len(d.queue.submitted()); n != 0 {
		d.t.Errorf("%d runs were submitted", n)
	}
}

func (d *door) wantEnvelope(w *httptest.ResponseRecorder, status int, message string) failure {
	d.t.Helper()
	if w.Code != status {
		d.t.Errorf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	var got failure
	dec := json.NewDecoder(w.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil {
		d.t.Fatalf("envelope: %v", err)
	}
	if got.Success || got.Error.Code != status || !strings.Contains(got.Error.Msg, message) {
		d.t.Errorf("envelope %+v, want code %d and %q", got, status, message)
	}
	if w.Header().Get("Content-Type") != "application/json" || w.Header().Get("X-Request-Id") == "" {
		d.t.Errorf("header %v", w.Header())
	}
	return got
}

// wantOne returns the one submission that was made.
func (d *door) wantOne() queue.Submission {
	d.t.Helper()
	all := d.queue.submitted()
	if len(all) != 1 {
		d.t.Fatalf("%d runs were submitted, want 1", len(all))
	}
	return all[0]
}

// flowList serves flows by number and slug.
type flowList []*flows.Flow

func (l flowList) Find(ref string) (*flows.Flow, bool) {
	for _, f := range l {
		if ref == fmt.Sprint(f.Number) || ref == f.Slug {
			return f, true
		}
	}
	return nil, false
}

// keyList serves keys.
type keyList map[string]*store.Key

func (l keyList) Key(_ context.Context, key string) (*store.Key, error) {
	if k, ok := l[key]; ok {
		return k, nil
	}
	return nil, fmt.Errorf("find key: %w", store.ErrNotFound)
}

// safeBuffer is a log that many goroutines write.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// noKeys cannot look anything up.
type noKeys struct{}

func (noKeys) Key(context.Context, string) (*store.Key, error) {
	return nil, fmt.Errorf("find key: dial 10.0.0.1")
}

// failure is the envelope of a failure at the SmartSYNC door, as its callers
// read it.
type failure struct {
	Success bool `json:"success"`
	Error   struct {
		Code  int    `json:"code"`
		Msg   string `json:"msg"`
		RunID string `json:"run_id"`
	} `json:"error"`
}
