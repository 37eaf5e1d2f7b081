package webhook

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/penstock/penstock/internal/outbound"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
)

const (
	secretOne = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwTGh6kI0HgPs="
	secretTwo = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDAAAAAAAAAAA="
)

type named map[string]string

func (n named) Secret(_ context.Context, name string) (string, error) {
	if s := n[name]; s != "" {
		return s, nil
	}
	return "", fmt.Errorf("the secret %q is not stored", name)
}

// meter counts the states after tries.
type meter struct {
	mu       sync.Mutex
	tried    []string
	disabled []string
}

func (m *meter) WebhookTried(state string, _ time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tried = append(m.tried, state)
}

func (m *meter) WebhookEndpointDisabled(reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.disabled = append(m.disabled, reason)
}

// bench has a store, a sender and an endpoint, with a clock that the test moves. It carries tasks itself, without asynq.
type bench struct {
	t        *testing.T
	now      time.Time
	redis    *redis.Client
	store    *Store
	sender   *Sender
	secrets  named
	meter    meter
	log      bytes.Buffer
	endpoint *httptest.Server
	answer   func(w http.ResponseWriter, r *http.Request) // of the endpoint
	got      []*http.Request
	bodies   []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, now: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC), redis: testenv.Redis(t).Client(), secrets: named{"one": secretOne, "two": secretTwo}}
	b.answer = func(http.ResponseWriter, *http.Request) {}
	b.endpoint = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		b.got, b.bodies = append(b.got, r), append(b.bodies, body.String())
		b.answer(w, r)
	}))
	t.Cleanup(b.endpoint.Close)
	b.store = b.newStore(Config{Redis: b.redis, AllowHTTP: true})
	transport, err := outbound.New(outbound.Config{AllowLoopback: true})
	b.fatal(err)
	t.Cleanup(transport.CloseIdleConnections)
	b.sender = b.newSender(SenderConfig{Store: b.store, HTTP: transport, Slots: 4})
	return b
}

func (b *bench) newStore(c Config) *Store {
	b.t.Helper()
	c.Now = func() time.Time { return b.now }
	s, err := New(c)
	b.fatal(err)
	return s
}

func (b *bench) newSender(c SenderConfig) *Sender {
	b.t.Helper()
	c.Secrets, c.Log, c.Meter = b.secrets, slog.New(slog.NewTextHandler(&b.log, nil)), &b.meter
	s, err := NewSender(c)
	b.fatal(err)
	return s
}

func (b *bench) fatal(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// accept accepts a delivery and returns its id.
func (b *bench) accept(key string, secrets ...string) string {
	b.t.Helper()
	id := IDOf(key)
	state, err := b.store.Accept(b.t.Context(), b.message(id, secrets...))
	b.fatal(err)
	if state != Pending {
		b.t.Fatalf("accepted as %s", state)
	}
	return id
}

func (b *bench) message(id string, secrets ...string) Message {
	if len(secrets) == 0 {
		secrets = []string{"one"}
	}
	return Message{ID: id, Flow: 7, Run: "run-1", URL: b.endpoint.URL + "/hook?token=hunter2", Secrets: secrets, Type: "order.paid", Data: []byte(`{"n":1.50}`)}
}

// try carries the task of the round of a delivery to the sender, and returns the pause before the next try; -1: the
// task is done.
func (b *bench) try(id string, round int) time.Duration {
	b.t.Helper()
	err := b.sender.ProcessTask(b.t.Context(), task(id, round))
	if err == nil {
		return -1
	}
	return b.sender.RetryDelay(0, err, nil)
}

func task(id string, round int) *asynq.Task {
	return asynq.NewTask(TaskType, fmt.Appendf(nil, "7/%s/%d", id, round))
}

func (b *bench) delivery(id string) *Delivery {
	b.t.Helper()
	d, err := b.store.Delivery(b.t.Context(), 7, id)
	b.fatal(err)
	return d
}

func (b *bench) onlyEndpoint() Endpoint {
	b.t.Helper()
	all, err := b.store.Endpoints(b.t.Context(), 7)
	b.fatal(err)
	if len(all) != 1 {
		b.t.Fatalf("endpoints %+v", all)
	}
	return all[0]
}

// Each of the signatures during a rotation is one that the library accepts, and the timestamp is that of the try.
func TestTheLibraryVerifies(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.now = time.Now()
	id := b.accept("k", "one", "two")
	b.answer = b.status(500)
	b.try(id, 1)
	b.now = b.now.Add(time.Minute)
	b.answer = b.status(200)
	b.try(id, 1)
	if len(b.got) != 2 {
		t.Fatalf("%d requests", len(b.got))
	}
	for i, r := range b.got {
		for _, secret := range []string{secretOne, secretTwo} {
			library, err := standardwebhooks.NewWebhook(secret)
			b.fatal(err)
			if err := library.Verify([]byte(b.bodies[i]), r.Header); err != nil {
				t.Errorf("try %d: %v", i+1, err)
			}
		}
		if r.Header.Get("webhook-id") != id || r.Header.Get("Content-Type") != "application/json" || r.Method != http.MethodPost || r.RequestURI != "/hook?token=hunter2" {
			t.Errorf("%s %s %v", r.Method, r.RequestURI, r.Header)
		}
	}
	if b.got[0].Header.Get("webhook-timestamp") == b.got[1].Header.Get("webhook-timestamp") || b.bodies[0] != b.bodies[1] {
		t.Error("the second try has the timestamp of the first, or another body")
	}
}

// A delivery is tried on the schedule, with longer pauses at random, and fails after the last try.
func TestSchedule(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.answer = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "try\tagain ", 503) }
	id := b.accept("k")
	for n := 1; n < len(pauses); n++ {
		pause := b.try(id, 1)
		if most := pauses[n] + pauses[n]/5; pause < pauses[n] || pause > most {
			t.Errorf("pause %v after try %d, want %v to %v", pause, n, pauses[n], most)
		}
		if d := b.delivery(id); d.State != Pending || (d.Next.Sub(b.now)-pause).Abs() > time.Millisecond {
			t.Errorf("after try %d: %s, next %v", n, d.State, d.Next)
		}
		b.now = b.now.Add(pause)
	}
	if pause := b.try(id, 1); pause != -1 {
		t.Errorf("tried again after %v", pause)
	}
	d := b.delivery(id)
	if d.State != Failed || len(d.Tries) != 8 || d.Tries[7] != (Try{At: b.now, Millis: d.Tries[7].Millis, Status: 503, Error: "status 503", Response: "try again"}) || !d.Next.IsZero() {
		t.Errorf("%+v", d)
	}
	if b.try(id, 1) != -1 || len(b.got) != 8 {
		t.Errorf("%d requests of a delivery that has failed", len(b.got))
	}
	if e := b.onlyEndpoint(); e.Failures != 8 || !e.Disabled.IsZero() || !e.Failing.Equal(d.Tries[0].At) {
		t.Errorf("%+v", e)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for asked, want := range map[string][2]time.Duration{
		"120":                           {2 * time.Minute, 2 * time.Minute},
		"1":                             {5 * time.Second, 6 * time.Second},
		"999999999":                     {24 * time.Hour, 24 * time.Hour},
		"Sun, 29 Nov 2026 12:10:00 GMT": {10 * time.Minute, 10 * time.Minute},
		"soon":                          {5 * time.Second, 6 * time.Second},
	} {
		b.answer = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", asked)
			w.WriteHeader(429)
		}
		if pause := b.try(b.accept(asked), 1); pause < want[0] || pause > want[1] {
			t.Errorf("%s: %v, want %v", asked, pause, want)
		}
	}
}

// Equal ids are one delivery and one task, whatever became of it, and a worker that died between its request and the
// record sends the same id again.
func TestRepetitions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.accept("k")
	b.accept("k")
	inspector := asynq.NewInspectorFromRedisClient(b.redis)
	if tasks, err := inspector.ListPendingTasks(Queue); err != nil || len(tasks) != 1 || string(tasks[0].Payload) != "7/"+id+"/1" {
		t.Errorf("tasks %v, %v", tasks, err)
	}
	ctx, die := context.WithCancel(t.Context())
	b.answer = func(w http.ResponseWriter, _ *http.Request) { die() }
	if err := b.sender.ProcessTask(ctx, task(id, 1)); err == nil && b.delivery(id).State != Delivered {
		t.Error("the task ends without a record")
	}
	b.redis.HSet(t.Context(), keysOf(7).delivery(id), "state", "pending", "count", 0, "tries", "") // as if it had not been recorded
	b.answer = b.status(204)
	b.try(id, 1)
	if len(b.got) != 2 || b.got[0].Header.Get("webhook-id") != b.got[1].Header.Get("webhook-id") {
		t.Errorf("%d requests", len(b.got))
	}
	if state, err := b.store.Accept(t.Context(), b.message(id)); state != Delivered || err != nil {
		t.Errorf("accepted again: %s, %v", state, err)
	}
}

// Of two workers with the same try one records it, and a task that comes again before its time waits.
func TestATryCountsOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.accept("k")
	before := b.delivery(id)
	for i, want := range []State{Pending, stale} {
		if state, _, err := b.store.record(t.Context(), before, Try{At: b.now, Error: "x"}, Pending, b.now.Add(time.Hour)); state != want || err != nil {
			t.Errorf("record %d: %s, %v", i+1, state, err)
		}
	}
	if d := b.delivery(id); len(d.Tries) != 1 {
		t.Errorf("%+v", d)
	}
	if pause := b.try(id, 1); pause != time.Hour || len(b.got) != 0 {
		t.Errorf("a task before its time: %v, %d requests", pause, len(b.got))
	}
}

func TestGoneDisablesTheEndpoint(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id, other := b.accept("k"), b.accept("l")
	b.answer = b.status(410)
	if b.try(id, 1) != -1 || b.delivery(id).State != Failed {
		t.Errorf("%+v", b.delivery(id))
	}
	if b.try(other, 1) != -1 || b.delivery(other).State != Disabled || len(b.got) != 1 {
		t.Errorf("a pending one: %+v, %d requests", b.delivery(other), len(b.got))
	}
	if e := b.onlyEndpoint(); e.Reason != "gone" || !e.Disabled.Equal(b.now) {
		t.Errorf("%+v", e)
	}
	if state, err := b.store.Accept(t.Context(), b.message(IDOf("m"))); state != Disabled || err != nil {
		t.Errorf("a new one is %s, %v", state, err)
	}
	if err := b.store.Redeliver(t.Context(), 7, id); !errors.Is(err, ErrDisabled) {
		t.Errorf("redeliver: %v", err)
	}
	b.fatal(b.store.Enable(t.Context(), 7, b.onlyEndpoint().ID, true))
	b.answer = b.status(200)
	b.fatal(b.store.Redeliver(t.Context(), 7, other))
	if b.try(other, 2) != -1 || b.delivery(other).State != Delivered {
		t.Errorf("%+v", b.delivery(other))
	}
	if !slices.Equal(b.meter.disabled, []string{"gone"}) || !slices.Equal(b.meter.tried, []string{"failed", "delivered"}) {
		t.Errorf("metered %v, %v", b.meter.disabled, b.meter.tried)
	}
}

// An endpoint is disabled when it has failed often and for days, and a success in between begins anew.
func TestFailingForDaysDisablesTheEndpoint(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	fail := func(times int) (last string) { // twice a day
		b.answer = b.status(500)
		for range times {
			last = b.accept(b.now.String())
			b.try(last, 1)
			b.now = b.now.Add(12 * time.Hour)
		}
		return last
	}
	fail(9)
	b.answer = b.status(200)
	b.try(b.accept("works"), 1)
	fail(10)
	if e := b.onlyEndpoint(); e.Failures != 10 || !e.Disabled.IsZero() {
		t.Fatalf("after 4.5 days: %+v", e)
	}
	last := fail(1)
	if d, e := b.delivery(last), b.onlyEndpoint(); e.Reason != "failing" || d.State != Disabled {
		t.Errorf("%+v %+v", e, d)
	}
	b.fatal(b.store.Enable(t.Context(), 7, b.onlyEndpoint().ID, true))
	if e := b.onlyEndpoint(); !e.Disabled.IsZero() || e.Reason != "" || e.Failures != 0 || !e.Failing.IsZero() {
		t.Errorf("enabled: %+v", e)
	}
	b.fatal(b.store.Enable(t.Context(), 7, b.onlyEndpoint().ID, false))
	if e := b.onlyEndpoint(); e.Disabled.IsZero() || e.Reason != "manual" {
		t.Errorf("disabled by hand: %+v", e)
	}
	if err := b.store.Enable(t.Context(), 7, "ep_none", true); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown one: %v", err)
	}
}

// The second failure in a quiet week does not disable an endpoint.
func TestFewFailuresDisableNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.answer = b.status(500)
	for i := range leastFailures {
		if e, err := b.store.Endpoints(t.Context(), 7); err != nil || len(e) > 0 && !e[0].Disabled.IsZero() {
			t.Fatalf("disabled after %d failures", i)
		}
		b.try(b.accept(fmt.Sprint(i)), 1)
		b.now = b.now.Add(6 * 24 * time.Hour)
	}
	if e := b.onlyEndpoint(); e.Reason != "failing" {
		t.Errorf("%+v", e)
	}
}

// A redelivery has a new round of tries, also while a try of the round before is under way, and the same id.
func TestRedeliver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.accept("k")
	b.try(id, 1)
	b.fatal(b.store.Redeliver(t.Context(), 7, id))
	if d := b.delivery(id); d.State != Pending || len(d.Tries) != 1 {
		t.Errorf("%+v", d)
	}
	b.answer = func(w http.ResponseWriter, _ *http.Request) {
		b.answer = b.status(500)
		b.fatal(b.store.Redeliver(context.Background(), 7, id))
	}
	if b.try(id, 2) != -1 || b.delivery(id).State != Pending {
		t.Errorf("the round before: %+v", b.delivery(id))
	}
	if b.try(id, 2) != -1 || len(b.got) != 2 {
		t.Errorf("a task of the round before sends")
	}
	if pause := b.try(id, 3); pause < pauses[1] || b.delivery(id).State != Pending || len(b.got) != 3 {
		t.Errorf("%v, %+v", pause, b.delivery(id))
	}
	if b.got[0].Header.Get("webhook-id") != b.got[2].Header.Get("webhook-id") {
		t.Error("another id")
	}
	if err := b.store.Redeliver(t.Context(), 7, "msg_none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown one: %v", err)
	}
}

// Only the newest deliveries are listed. An older one is removed when it has ended.
func TestTheListIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	first, second := b.accept("first"), b.accept("second")
	b.try(first, 1)
	for i := range maxListed {
		b.now = b.now.Add(time.Millisecond)
		b.accept(fmt.Sprint(i))
	}
	all, err := b.store.List(ctx, 7)
	b.fatal(err)
	if len(all) != maxListed || all[0].ID != IDOf(fmt.Sprint(maxListed-1)) || all[0].Body != nil {
		t.Errorf("%d deliveries, the first %+v", len(all), all[0])
	}
	if _, err := b.store.Delivery(ctx, 7, first); !errors.Is(err, ErrNotFound) {
		t.Errorf("one that has ended: %v", err)
	}
	if d := b.delivery(second); d.State != Pending {
		t.Errorf("a pending one: %+v", d)
	}
	b.try(second, 1)
	if _, err := b.store.Delivery(ctx, 7, second); !errors.Is(err, ErrNotFound) || len(b.got) != 2 {
		t.Errorf("after its end: %v, %d requests", err, len(b.got))
	}
	for _, key := range b.redis.Keys(ctx, "penstock:*").Val() {
		if ttl := b.redis.TTL(ctx, key).Val(); ttl <= 0 {
			t.Errorf("%s has no end", key)
		}
	}
	b.redis.ZAdd(ctx, keysOf(7).open(), members(maxOpen, b.now.Add(time.Hour))...)
	if _, err := b.store.Accept(ctx, b.message(IDOf("too many"))); !errors.Is(err, ErrFull) {
		t.Errorf("too many pending: %v", err)
	}
	b.now = b.now.Add(2 * time.Hour)
	b.accept("later")
}

func members(n int, at time.Time) []redis.Z {
	all := make([]redis.Z, n)
	for i := range all {
		all[i] = redis.Z{Score: float64(at.UnixMilli()), Member: i}
	}
	return all
}

// Secrets of URLs and signatures are in no record, log or list of tasks.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.answer = func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(500)
		fmt.Fprint(w, r.URL, " ", r.URL.Query(), r.Header.Get("Webhook-Signature"), " ", r.Header.Get("Authorization"))
	}
	m := b.message(IDOf("k"), "one", "two")
	m.URL = strings.Replace(m.URL, "http://", "http://user:swordfish@", 1) + "%2F&v=1"
	_, err := b.store.Accept(t.Context(), m)
	b.fatal(err)
	b.try(m.ID, 1)
	b.endpoint.Close()
	b.now = b.now.Add(time.Hour)
	b.try(m.ID, 1)
	b.secrets["one"] = "hunter2-is-no-secret"
	b.now = b.now.Add(time.Hour)
	b.try(m.ID, 1)
	d := b.delivery(m.ID)
	if want := "/hook?*** map[token:[***] v:[1]]*** *** Basic ***"; d.Tries[0].Response != want {
		t.Errorf("the response is %q, want %q", d.Tries[0].Response, want)
	}
	if len(d.Tries) != 3 || d.Tries[1].Error == "" || d.Tries[2].Error != `the secret "one" is not whsec_ and the base64 of 24 to 64 bytes` {
		t.Errorf("%+v", d.Tries)
	}
	inspector := asynq.NewInspectorFromRedisClient(b.redis)
	tasks, _ := inspector.ListPendingTasks(Queue)
	list, _ := b.store.List(t.Context(), 7)
	shown := fmt.Sprintf("%+v %s %+v", list, b.log.String(), b.onlyEndpoint())
	for _, t := range tasks {
		shown += string(t.Payload)
	}
	text, _ := json.Marshal(d)
	for _, secret := range []string{"hunter2", "swordfish", secretOne, secretTwo, "MfKQ9r8"} {
		d := strings.ReplaceAll(shown+string(text), "target:", "")
		if strings.Contains(d, secret) {
			t.Errorf("%s is in %s", secret, d)
		}
	}
}

func TestMessagesThatCannotBeSent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	strict := b.newStore(Config{Redis: b.redis})
	for name, change := range map[string]func(*Message){
		`"http://127.0.0.1`:         func(m *Message) {},
		"such as https":             func(m *Message) { m.URL = "file:///etc/passwd" },
		"such as https://":          func(m *Message) { m.URL = "https:///x" },
		"cannot be parsed":          func(m *Message) { m.URL = "https://hunter2%zz" },
		"or is longer than 2048":    func(m *Message) { m.URL = "https://example.org/" + strings.Repeat("x", 2048) },
		"is no type of an event":    func(m *Message) { m.URL, m.Type = "https://example.org", "a b\n" },
		`"" is no type`:             func(m *Message) { m.URL, m.Type = "https://example.org", "" },
		"0 secrets sign it":         func(m *Message) { m.URL, m.Secrets = "https://example.org", nil },
		"5 secrets sign it; 1 to 4": func(m *Message) { m.URL, m.Secrets = "https://example.org", make([]string, 5) },
		"bytes; 262144 can be sent": func(m *Message) { m.URL, m.Data = "https://example.org", make([]byte, MaxBody) },
	} {
		m := b.message(IDOf(name))
		change(&m)
		_, err := strict.Accept(t.Context(), m)
		var invalid *InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An address in a private network is not reached, and a redirect is a failure.
func TestHostileEndpoints(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.answer = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", 307) }
	id := b.accept("redirect")
	b.try(id, 1)
	if d := b.delivery(id); len(b.got) != 1 || d.Tries[0].Error != "status 307: redirects are not followed" {
		t.Errorf("%d requests, %+v", len(b.got), d.Tries)
	}
	transport, err := outbound.New(outbound.Config{})
	b.fatal(err)
	guarded := b.newSender(SenderConfig{Store: b.store, HTTP: transport, Slots: 1})
	id = b.accept("private")
	_ = guarded.ProcessTask(t.Context(), task(id, 1))
	if d := b.delivery(id); len(b.got) != 1 || len(d.Tries) != 1 || !strings.Contains(d.Tries[0].Error, "refused: 127.0.0.1 is a loopback address") {
		t.Errorf("%d requests, %+v", len(b.got), d.Tries)
	}
	b.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		for range 100 {
			_, _ = w.Write(bytes.Repeat([]byte("<b>\x00"), 1<<14))
		}
	}
	id = b.accept("long")
	b.try(id, 1)
	if d := b.delivery(id); len(d.Tries[0].Response) > maxExcerpt {
		t.Errorf("%d bytes are recorded", len(d.Tries[0].Response))
	}
}

// An endpoint that does not answer leaves slots to the others: most while it is new, all but a fourth once it fails.
func TestAnEndpointHasPartOfTheSlots(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, c := range []struct {
		failing bool
		most    int
	}{{false, 3}, {true, 1}} {
		for n := range c.most {
			if !b.sender.enter(t.Context(), "e", c.failing) {
				t.Errorf("failing %v: %d requests leave no place for another", c.failing, n)
			}
		}
		if b.sender.enter(t.Context(), "e", c.failing) || !b.sender.enter(t.Context(), "another", c.failing) {
			t.Errorf("failing %v: an endpoint has the slots of others", c.failing)
		}
		b.sender.leave("another")
		for range c.most {
			b.sender.leave("e")
		}
	}
	if len(b.sender.busy) != 0 {
		t.Errorf("left: %v", b.sender.busy)
	}
}

// A delivery waits for a place of its endpoint that is left in time, and is looked at again otherwise.
func TestABusyEndpoint(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.accept("k")
	host := hostOf(b.delivery(id))
	for range 3 {
		b.sender.enter(t.Context(), host, false)
	}
	if pause := b.try(id, 1); pause < busyPause || pause > busyPause*6/5 || len(b.got) != 0 {
		t.Errorf("%v, %d requests", pause, len(b.got))
	}
	b.redis.ZAdd(t.Context(), keysOf(7).open(), members(2000, b.now.Add(time.Hour))...)
	if pause := b.try(id, 1); pause < 20*time.Second || pause > 25*time.Second {
		t.Errorf("with 2,000 pending ones: %v", pause)
	}
}

// A place is waited for while the endpoint answers fast, not while it answers slowly or fails.
func TestPlacesAreWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Sender{config: SenderConfig{Slots: 1}, busy: map[string]*places{}}
		s.enter(t.Context(), "e", false)
		entered := make(chan bool)
		for _, c := range []struct {
			after         time.Duration // for which the endpoint has left no place
			failing, want bool
		}{{0, false, true}, {placeWait / 2, false, true}, {0, true, false}, {2 * placeWait, false, false}} {
			time.Sleep(c.after)
			began := time.Now()
			go func() { entered <- s.enter(t.Context(), "e", c.failing) }()
			synctest.Wait()
			if c.want {
				s.leave("e")
			}
			if got := <-entered; got != c.want || time.Since(began) != 0 {
				t.Errorf("%+v: entered %v after %v", c, got, time.Since(began))
			}
		}
	})
}

// Whatever is stored has an end, which each write moves.
func TestStoredKeysEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ends := func(least time.Duration) {
		t.Helper()
		keys := b.redis.Keys(t.Context(), "penstock:*").Val()
		for _, key := range keys {
			if ttl := b.redis.TTL(t.Context(), key).Val(); ttl < least && !strings.HasSuffix(key, "}:endpoints") && !strings.HasSuffix(key, "}:index") {
				t.Errorf("%s ends in %v", key, ttl)
			}
			b.redis.Expire(t.Context(), key, time.Hour)
		}
		if len(keys) != 5 {
			t.Errorf("keys %v", keys)
		}
	}
	id := b.accept("k")
	ends(retention - time.Minute)
	b.answer = b.status(500)
	b.try(id, 1)
	ends(retention - time.Minute)
	b.fatal(b.store.Redeliver(t.Context(), 7, id))
	b.redis.Expire(t.Context(), keysOf(7).endpoint(b.delivery(id).Endpoint), retention)
	ends(retention - time.Minute)
}

func TestSecretsThatCannotSign(t *testing.T) {
	t.Parallel()
	base := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for text, want := range map[string]bool{
		"whsec_" + base(24): true, "whsec_" + base(64): true, "whsec_" + base(23): false, "whsec_" + base(65): false,
		base(32): false, "whsk_" + base(32): false, "whsec_": false, "whsec_!" + base(32): false, "": false,
	} {
		if _, err := ParseSecret(text); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Tasks that are none of ours end, and asynq archives them.
func TestOtherTasks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, other := range []*asynq.Task{asynq.NewTask("mail", nil), asynq.NewTask(TaskType, []byte("7/x")), asynq.NewTask(TaskType, []byte("x/y/z"))} {
		if err := b.sender.ProcessTask(t.Context(), other); !errors.Is(err, asynq.SkipRetry) {
			t.Errorf("%s %s: %v", other.Type(), other.Payload(), err)
		}
	}
	if b.try("msg_gone", 1) != -1 {
		t.Error("the task of a delivery that is not kept is repeated")
	}
}

// A try is one request, also when the endpoint reads it and closes the connection without a response.
func TestClosedConnections(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, second := b.accept("k"), b.accept("l")
	b.try(first, 1)
	read := make(chan struct{}, 2) // more than are sent
	b.answer = func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
		read <- struct{}{}
	}
	b.try(second, 1)
	testenv.Receive(t, read, "the request")
	if d := b.delivery(second); d.State != Pending || len(d.Tries) != 1 || len(b.got) != 2 {
		t.Errorf("%d requests, %+v", len(b.got), d)
	}
}

// A call whose reply is lost is repeated, and stores what it stored: the delivery, its one task, the try.
func TestLostReplies(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	proxy := testenv.NewProxy(t, b.redis.Options().Addr)
	client := redis.NewClient(&redis.Options{Addr: proxy.Addr, MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	b.store = b.newStore(Config{Redis: client, AllowHTTP: true})
	b.sender.config.Store = b.store
	b.answer = b.status(500)
	for _, script := range []*redis.Script{acceptScript, recordScript} {
		b.fatal(script.Load(t.Context(), client).Err())
		proxy.LoseAnswer(script.Hash())
	}
	id := b.accept("k")
	if pause := b.try(id, 1); pause < pauses[1] || pause > 2*pauses[1] {
		t.Errorf("pause %v", pause)
	}
	if d := b.delivery(id); len(d.Tries) != 1 || d.State != Pending || d.count != 1 {
		t.Errorf("%+v", d)
	}
	if e := b.onlyEndpoint(); e.Failures != 1 || proxy.Lost() != 2 {
		t.Errorf("%+v, %d replies lost", e, proxy.Lost())
	}
}

// The keys of a flow are in one slot of a Cluster.
func TestOnACluster(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	conn, err := redisconn.Parse(testenv.Cluster(t).URL())
	b.fatal(err)
	client := conn.Client()
	t.Cleanup(func() { _ = client.Close() })
	b.store = b.newStore(Config{Redis: client, AllowHTTP: true})
	b.sender.config.Store = b.store
	b.answer = b.status(410)
	id, other := b.accept("k"), b.accept("l")
	b.try(id, 1)
	b.try(other, 1)
	b.fatal(b.store.Enable(t.Context(), 7, b.onlyEndpoint().ID, true))
	b.fatal(b.store.Redeliver(t.Context(), 7, other))
	if all, err := b.store.List(t.Context(), 7); err != nil || len(all) != 2 || b.delivery(id).State != Failed || b.delivery(other).State != Pending {
		t.Errorf("%+v, %v", all, err)
	}
}
