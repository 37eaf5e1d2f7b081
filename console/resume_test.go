package console

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/queue"
)

const payFlow = `flow: 8
slug: pay
steps:
  - name: charge
    http: {post: "https://pay.example.org/charge", json: {}}
  - name: notify
    http: {put: "https://pay.example.org/notify", json: {}}
`

// failedPayment returns a run that has ended, with one begun payment in its journal.
func (d *testConsole) failedPayment() string {
	d.t.Helper()
	ctx := d.t.Context()
	flow, err := flows.Parse("pay.yaml", []byte(payFlow), steps.Catalogue())
	must(d.t, err)
	_, err = d.config.Store.Flows().Deploy(ctx, flow)
	must(d.t, err)
	s := queue.SubmissionOf(flow)
	s.Principal, s.Accepted, s.Event = "key:shop", time.Now(), []byte(`{"n":1}`)
	ticket, err := d.config.Queue.Submit(ctx, s)
	must(d.t, err)
	ticket.Close()
	must(d.t, d.redis.HSet(ctx, "penstock:{default}:journal:"+ticket.RunID(), "charge.0", "sBEGUN").Err())
	_, err = d.config.Queue.Cancel(ctx, ticket.RunID(), []byte(`{"code":"cancelled"}`))
	must(d.t, err)
	return ticket.RunID()
}

// The page of a run that failed shows what a new run would do, and asks about effects whose outcome is unknown.
func TestResumeARun(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	run, b := d.failedPayment(), d.signedIn("olga")
	path := "/runs/" + run + "/resume"
	if page := b.page("/runs/" + run); !strings.Contains(page, path) {
		t.Error("the page of the run does not lead to the plan")
	}
	page := b.page(path)
	for _, part := range []string{"Did <code>charge</code> happen?", "1 uncertain", `name="assume.charge"`, "executed: nothing is known of it"} {
		if !strings.Contains(page, part) {
			t.Errorf("the plan does not say %q", part)
		}
	}
	if page := b.page(path + "?from=nowhere"); !strings.Contains(page, "There is no plan: the flow has no step") {
		t.Error("an unknown step has a plan")
	}
	if page := b.page(path + "?from=charge"); !strings.Contains(page, "1 done again") || strings.Contains(page, "Did <code>") {
		t.Error("a plan from the first step asks about it")
	}
	if w := b.post(path); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "Did <code>charge</code> happen?") {
		t.Errorf("without an assumption: %d", w.Code)
	}
	w := b.post(path, "assume.charge", "not_done")
	id := strings.TrimPrefix(w.Header().Get("Location"), Root+"/runs/")
	next, err := d.config.Queue.Record(t.Context(), id)
	must(t, err)
	if next.ResumedFrom != run || next.Principal != "key:shop" || string(next.Event) != `{"n":1}` || next.State != queue.Queued {
		t.Errorf("the new run: %+v", next)
	}
	if n := d.redis.HLen(t.Context(), "penstock:{default}:journal:"+id).Val(); n != 0 {
		t.Errorf("its journal has %d entries", n)
	}
	if page := b.page("/runs/" + id); !strings.Contains(page, "Continues") || !strings.Contains(page, "/runs/"+run) {
		t.Error("the page of the new run does not name the first")
	}
	if w := b.get(path); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "Another run continues this one") {
		t.Errorf("a second time: %d", w.Code)
	}
}

// The page of a run that waits for its next try lists those that failed.
func TestARunThatRetries(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	run, b := d.failedPayment(), d.signedIn("olga")
	must(t, d.redis.HSet(t.Context(), "penstock:{default}:run:"+run, "retry",
		`{"attempts":5,"tries":[{"attempt":1,"failed_at":"2026-11-29T12:03:00Z","error":{"code":"step_failed","message":"status 503","step":"notify"},"retry_at":"2026-11-29T12:03:10Z"}]}`).Err())
	page := b.page("/runs/" + run)
	for _, part := range []string{"Tries that failed", "2 of 5", "at 12:03:10 UTC after step_failed", "status 503"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page does not say %q", part)
		}
	}
}

// The page for a replay shows the event, keeps a wrong one, and asks before it repeats what was done.
func TestReplayWithAnotherEvent(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	run, b := d.failedPayment(), d.signedIn("olga")
	path := "/runs/" + run + "/replay"
	must(t, d.redis.HSet(t.Context(), "penstock:{default}:journal:"+run, "charge.0", `r{"items":[1]}`).Err())
	if page := b.page("/runs/" + run); !strings.Contains(page, path) {
		t.Error("the page of the run does not lead to the replay")
	}
	if page := b.page(path); !strings.Contains(page, "&#34;n&#34;: 1") || !strings.Contains(page, "<b>charge (1)</b>") {
		t.Error("the page has neither the event nor what was done")
	}
	if w := b.post(path, "event", "{"); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), ">{</textarea>") {
		t.Errorf("an event that is not JSON: %d", w.Code)
	}
	if w := b.post(path, "event", `{"n":2}`); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "Do it again") {
		t.Errorf("without a yes: %d", w.Code)
	}
	w := b.post(path, "event", `{"n":2}`, "repeat", "yes")
	next, err := d.config.Queue.Record(t.Context(), strings.TrimPrefix(w.Header().Get("Location"), Root+"/runs/"))
	must(t, err)
	if next.ReplayOf != run || string(next.Event) != `{"n":2}` {
		t.Errorf("the new run: %+v", next)
	}
	if page := b.page("/runs/" + run); !strings.Contains(page, "Replayed by") || !strings.Contains(page, "/runs/"+next.ID) {
		t.Error("the page of the first run does not name the second")
	}
}

func TestTriageARun(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	run, b := d.failedPayment(), d.signedIn("olga")
	path := "/runs/" + run
	if w := b.post(path+"/triage", "state", "ignored"); w.Code != http.StatusConflict { // it was cancelled
		t.Errorf("of a cancelled run: %d", w.Code)
	}
	must(t, d.redis.HSet(t.Context(), "penstock:{default}:run:"+run, "state", "failed").Err())
	if page := b.page(path); !strings.Contains(page, `value="resolved"`) || strings.Contains(page, `value="open"`) {
		t.Error("an open run is not to be resolved")
	}
	if w := b.post(path+"/triage", "state", "ignored", "note", "known"); w.Code != http.StatusSeeOther {
		t.Errorf("ignore: %d", w.Code)
	}
	if page := b.page(path); !strings.Contains(page, "The run is ignored.") || !strings.Contains(page, "user:olga") || !strings.Contains(page, ": known") || !strings.Contains(page, `value="open"`) {
		t.Error("the page does not say who has ignored it")
	}
	if page := b.page("/runs?filter=triage+eq+%22ignored%22"); !strings.Contains(page, run) {
		t.Error("the list does not have it")
	}
	if w := b.post(path+"/triage", "state", "done"); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("an unknown state: %d", w.Code)
	}
}

// All runs of a filter are acted on after a look at the plan; the page of the operation shows its progress.
func TestBulk(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	run, b := d.failedPayment(), d.signedIn("olga")
	must(t, d.redis.HSet(t.Context(), "penstock:{default}:run:"+run, "state", "failed").Err())
	const filter = "state+eq+%22failed%22"
	if page := b.page("/runs?filter=" + filter); !strings.Contains(page, "/runs/bulk?action=resume&amp;filter=state%3Afailed") {
		t.Error("the list does not lead to the plan")
	}
	page := b.page("/runs/bulk?action=replay&filter=" + filter)
	for _, part := range []string{"Replay 1 run<", "<b>1</b> to replay", "<code>charge</code>", ">1 run</td>"} {
		if !strings.Contains(page, part) {
			t.Errorf("the plan does not say %q", part)
		}
	}
	if page := b.page("/runs/bulk?action=resume&filter=" + filter); !strings.Contains(page, "<b>0</b> to resume") || !strings.Contains(page, "1 skipped: <code>uncertain</code>") {
		t.Error("the plan does not say that the run is uncertain")
	}
	if w := b.post("/runs/bulk", "action", "resume", "filter", "sate"); w.Code != http.StatusBadRequest {
		t.Errorf("a wrong filter: %d", w.Code)
	}
	if w := b.post("/runs/bulk", "action", "resume", "filter", `state eq "failed"`, "rate", "x"); w.Code != http.StatusBadRequest {
		t.Errorf("a wrong rate: %d", w.Code)
	}
	asOf := regexp.MustCompile(`name="as_of" value="([^"]+)"`).FindStringSubmatch(page)
	if asOf == nil {
		t.Fatal("the plan has no time")
	}
	before := d.clock.now().Add(-time.Hour).Format(time.RFC3339)
	w := b.post("/runs/bulk", "action", "ignore", "filter", `state eq "failed"`, "as_of", before)
	if o, err := d.config.Operations.Read(t.Context(), strings.TrimPrefix(w.Header().Get("Location"), Root+"/operations/")); err != nil || o.Total != 0 {
		t.Errorf("an operation as of a time before the run has %+v, %v", o, err)
	}
	if w := b.post("/runs/bulk", "action", "ignore", "filter", `state eq "failed"`, "as_of", "yesterday"); w.Code != http.StatusBadRequest {
		t.Errorf("a wrong time of the plan: %d", w.Code)
	}
	w = b.post("/runs/bulk", "action", "ignore", "filter", `state eq "failed"`, "rate", "100")
	path, _ := strings.CutPrefix(w.Header().Get("Location"), Root)
	if page := b.page(path); !strings.Contains(page, "Ignore 1 run<") || !strings.Contains(page, "0 of 1") || !strings.Contains(page, path+"/stop") || !strings.Contains(page, "data-poll") {
		t.Error("the page does not show the operation")
	}
	if page := b.page("/operations"); !strings.Contains(page, path) {
		t.Error("the list does not have the operation")
	}
	if w := b.post(path + "/stop"); w.Code != http.StatusSeeOther {
		t.Errorf("stop: %d", w.Code)
	}
	if page := b.page(path); !strings.Contains(page, "stopping") || strings.Contains(page, path+"/stop") {
		t.Error("the operation is not to stop")
	}
}
