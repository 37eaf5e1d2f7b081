package worker

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/queue"
)

// flaky is a service that does what is asked of it, except for the first requests to some of its paths.
type flaky struct {
	*httptest.Server

	mu       sync.Mutex
	failures map[string]int // guarded by mu; left, by path
	asked    []string       // guarded by mu; path and Idempotency-Key of each request
}

func startFlaky(t *testing.T, failures map[string]int) *flaky {
	t.Helper()
	f := &flaky{failures: failures}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _ = io.Copy(io.Discard, r.Body)
	f.asked = append(f.asked, r.URL.Path+" "+r.Header.Get("Idempotency-Key"))
	if f.failures[r.URL.Path] > 0 {
		f.failures[r.URL.Path]--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, "%q", r.URL.Path)
}

func (f *flaky) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.asked...)
}

// charge is a flow that charges a card and then sends a notice.
const charge = `flow: 1
slug: charge
run: {retry: %s}
steps:
  - name: charge
    http: {post: SERVER/charge, json: {}}
  - name: notify
    http: {post: SERVER/notify, json: {}}
  - transform: .body
`

// A run whose notice fails twice continues by itself: nothing is charged twice, the notice has its key, and the record
// tells of the tries.
func TestAFailedRunRetries(t *testing.T) {
	t.Parallel()
	service := startFlaky(t, map[string]int{"/notify": 2})
	d := startDurable(t, strings.ReplaceAll(fmt.Sprintf(charge, "{attempts: 4, backoff: 10ms}"), "SERVER", service.URL))
	ticket := d.submit("charge", "{}")
	d.wait(ticket, `["/notify"]`)
	id := ticket.RunID()
	want := []string{"/charge " + id + ".charge.0", "/notify " + id + ".notify.0", "/notify " + id + ".notify.0", "/notify " + id + ".notify.0"}
	if diff := cmp.Diff(want, service.requests()); diff != "" {
		t.Error(diff)
	}
	record, err := d.client.Record(t.Context(), id)
	if err != nil || record.Retry == nil || record.Attempt != 3 || record.State != queue.Succeeded {
		t.Fatalf("%+v, %v", record, err)
	}
	if r := record.Retry; r.Attempts != 4 || len(r.Tries) != 2 || r.Tries[1].Attempt != 2 || r.Tries[1].Error.Step != "notify" || r.Tries[1].Next.Before(r.Tries[1].Failed) {
		t.Errorf("%+v", r)
	}
}

// The steps of an on_error that fail are executed again after the effect that they handle: what had succeeded gets another
// key at each try, because it is to happen again.
func TestARetryOfAnErrorHandler(t *testing.T) {
	t.Parallel()
	service := startFlaky(t, map[string]int{"/ask": 9, "/notify": 2})
	d := startDurable(t, strings.ReplaceAll(`flow: 1
slug: ask
run: {retry: {attempts: 4, backoff: 10ms}}
steps:
  - name: ask
    http: {post: SERVER/ask, json: {}}
    on_error:
      steps:
        - {name: alert, http: {post: SERVER/alert, json: {}}}
        - {name: notify, http: {post: SERVER/notify, json: {}}}
        - transform: .body
`, "SERVER", service.URL))
	ticket := d.submit("ask", "{}")
	d.wait(ticket, `["/notify"]`)
	id := ticket.RunID()
	var want []string
	for _, again := range []string{"", "." + id + ".1", "." + id + ".2"} {
		want = append(want, "/ask "+id+".ask.0", "/alert "+id+".ask.on_error.alert.0.0"+again, "/notify "+id+".ask.on_error.notify.0.0")
	}
	if diff := cmp.Diff(want, service.requests()); diff != "" {
		t.Error(diff)
	}
}

// A run that is tried as often as it may fails with its last error.
func TestARunRetriesNotForever(t *testing.T) {
	t.Parallel()
	service := startFlaky(t, map[string]int{"/notify": 9})
	d := startDurable(t, strings.ReplaceAll(fmt.Sprintf(charge, "{attempts: 3, backoff: 10ms}"), "SERVER", service.URL))
	ticket := d.submit("charge", "{}")
	if result := d.wait(ticket, ""); result.State != queue.Failed || result.Error.Step != "notify" {
		t.Errorf("%+v", result)
	}
	if got := service.requests(); len(got) != 4 {
		t.Errorf("%q", got)
	}
}

// A caller gets the failure at once when the pause is longer than its time. A run that no caller waits for is parked.
func TestARetryKeepsNoCallerWaiting(t *testing.T) {
	t.Parallel()
	service := startFlaky(t, map[string]int{"/notify": 9})
	d := startDurable(t, strings.ReplaceAll(fmt.Sprintf(charge, "{attempts: 3, backoff: 1h, max: 1h}"), "SERVER", service.URL))
	begun := time.Now()
	if result := d.wait(d.submit("charge", "{}"), ""); result.State != queue.Failed || time.Since(begun) > 20*time.Second {
		t.Errorf("%+v", result)
	}
	submission := queue.SubmissionOf(d.all["charge"])
	submission.Event = []byte("{}")
	ticket, err := d.client.Submit(t.Context(), submission)
	if err != nil {
		t.Fatal(err)
	}
	ticket.Close()
	record := d.reaches(ticket.RunID(), queue.Waiting)
	if record.Retry == nil || len(record.Retry.Tries) != 1 || time.Until(record.Retry.Tries[0].Next) < 25*time.Minute || record.Error != nil {
		t.Errorf("%+v", record)
	}
}

// What may have happened is not tried again.
func TestARetryRepeatsNothingUncertain(t *testing.T) {
	t.Parallel()
	service := startFlaky(t, nil)
	service.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		service.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler) // the connection breaks without an answer
	})
	d := startDurable(t, strings.ReplaceAll(fmt.Sprintf(charge, "{attempts: 3, backoff: 10ms, on: [network, step_failed]}"), "SERVER", service.URL))
	if result := d.wait(d.submit("charge", "{}"), ""); result.State != queue.Failed || result.Error.Step != "charge" {
		t.Errorf("%+v", result)
	}
	if got := service.requests(); len(got) != 1 {
		t.Errorf("%q", got)
	}
}
