package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/internal/webhook"
	"github.com/penstock/penstock/queue"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwTGh6kI0HgPs="

// named are stored secrets.
type named map[string]string

func (n named) Secret(_ context.Context, name string) (string, error) {
	if s := n[name]; s != "" {
		return s, nil
	}
	return "", fmt.Errorf("the secret %q is not stored", name)
}

// receiver is an endpoint of a customer. It answers with the statuses in turn, of which the last repeats.
type receiver struct {
	*httptest.Server
	got chan *http.Request
	n   atomic.Int32
}

func newReceiver(t *testing.T, statuses ...int) *receiver {
	t.Helper()
	r := &receiver{got: make(chan *http.Request, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		req.Body = io.NopCloser(strings.NewReader(string(body)))
		w.WriteHeader(statuses[min(int(r.n.Add(1)), len(statuses))-1])
		r.got <- req
	}))
	t.Cleanup(r.Close)
	return r
}

// verified returns the body of a request that the library of Standard Webhooks accepts.
func verified(t *testing.T, req *http.Request, secret string) string {
	t.Helper()
	library, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(req.Body)
	if err := library.Verify(body, req.Header); err != nil {
		t.Errorf("the library refuses it: %v", err)
	}
	return string(body)
}

// sending makes a worker send webhooks, by a clock that the test moves.
type sending struct {
	store *webhook.Store
	ahead atomic.Int64
}

func (s *sending) configure(t *testing.T, secrets named) func(*Config) {
	return func(c *Config) {
		client := c.Redis.Client()
		t.Cleanup(func() { _ = client.Close() })
		var err error
		now := func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }
		if s.store, err = webhook.New(webhook.Config{Redis: client, AllowHTTP: true, Now: now}); err != nil {
			t.Fatal(err)
		}
		c.Webhooks, c.Env.Secrets = s.store, secrets
		c.Sender, err = webhook.NewSender(webhook.SenderConfig{Store: s.store, HTTP: http.DefaultTransport, Secrets: secrets, Log: slog.New(slog.DiscardHandler), Slots: 4})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A webhook is sent by a task of asynq, also after its run has ended, and again after a failure.
func TestWebhooksAreSent(t *testing.T) {
	t.Parallel()
	var s sending
	r := newReceiver(t, 500, 204)
	w := startWorker(t, map[string]string{
		"send": "steps:\n  - webhook: {url: '" + r.URL + "/in?token=hunter2', secret: hook, type: order.paid, data: {n: '${ .n }'}}",
	}, s.configure(t, named{"hook": hookSecret}))
	result := w.run("send", `{"n": 1.50}`, 10*time.Second)
	if result.State != queue.Succeeded || !strings.Contains(string(result.Output), `"state":"pending"`) {
		t.Fatalf("%+v", result)
	}
	first := testenv.Receive(t, r.got, "the first try")
	body := verified(t, first, hookSecret)
	if !strings.HasPrefix(body, `{"type":"order.paid","timestamp":"`) || !strings.HasSuffix(body, `,"data":{"n":1.50}}`) {
		t.Errorf("body %s", body)
	}
	id := first.Header.Get("webhook-id")
	inspector := asynq.NewInspectorFromRedisClient(w.conn.Client())
	var retries []*asynq.TaskInfo
	testenv.Eventually(t, func() string {
		retries, _ = inspector.ListRetryTasks(webhook.Queue)
		if len(retries) != 1 {
			return "no task waits"
		}
		return ""
	})
	if task := retries[0]; task.LastErr != "status 500" || strings.Contains(string(task.Payload), "hunter2") || time.Until(task.NextProcessAt) > 6*time.Second {
		t.Errorf("asynq shows %+v", task)
	}
	s.ahead.Store(int64(10 * time.Second))
	if err := inspector.RunTask(webhook.Queue, retries[0].ID); err != nil {
		t.Fatal(err)
	}
	second := testenv.Receive(t, r.got, "the second try")
	if again := verified(t, second, hookSecret); again != body || second.Header.Get("webhook-id") != id || second.Header.Get("webhook-timestamp") == first.Header.Get("webhook-timestamp") {
		t.Errorf("%v %s differs from %v %s", second.Header, again, first.Header, body)
	}
	testenv.Eventually(t, func() string {
		d, err := s.store.Delivery(t.Context(), 1, id)
		if err != nil || d.State != webhook.Delivered || len(d.Tries) != 2 || d.URL != r.URL+"/in" {
			return fmt.Sprintf("%+v, %v", d, err)
		}
		return ""
	})
	if strings.Contains(w.log.String(), "hunter2") || strings.Contains(w.log.String(), hookSecret) {
		t.Error("the log has a secret")
	}
}

// The step encode computes the secret of a receiver, which the library then verifies with.
func TestAReceiverHasASecretOfItsOwn(t *testing.T) {
	t.Parallel()
	var s sending
	r := newReceiver(t, 200)
	w := startWorker(t, map[string]string{
		"send": "steps:\n  - {name: own, encode: {hmac: '${ .customer }', secret: hook, output: base64, as: key}}\n" +
			"  - webhook: {url: '" + r.URL + "', secret: hook, receiver: '${ .customer }', type: order.paid}\n" +
			"  - set: {secret: 'whsec_${ $steps.own.key }'}",
	}, s.configure(t, named{"hook": hookSecret}))
	result := w.run("send", `{"customer": "acme"}`, 10*time.Second)
	var output []struct{ Secret string }
	if err := json.Unmarshal(result.Output, &output); err != nil || len(output) != 1 || output[0].Secret == hookSecret {
		t.Fatalf("%s, %+v", result.Output, result.Error)
	}
	verified(t, testenv.Receive(t, r.got, "the webhook"), output[0].Secret)
}

// What cannot be sent fails the step, and the error says why.
func TestWebhooksThatAreRefused(t *testing.T) {
	t.Parallel()
	var s sending
	w := startWorker(t, map[string]string{
		"unknown": "steps:\n  - webhook: {url: 'https://example.org', secret: none, type: a}",
		"weak":    "steps:\n  - webhook: {url: 'https://example.org', secret: weak, type: a}",
		"url":     "steps:\n  - webhook: {url: 'ftp://example.org/?t=hunter2', secret: hook, type: a}",
		"empty":   "steps:\n  - webhook: {url: 'https://example.org', secret: hook, receiver: '${ .none }', type: a}",
	}, s.configure(t, named{"hook": hookSecret, "weak": "whsec_aHVudGVyMg=="}))
	for version, want := range map[string]string{
		"unknown": `the secret "none" is not stored`, "weak": `the secret "weak" is not whsec_ and the base64 of 24 to 64 bytes`,
		"url": "the URL is not one such as https://example.org/hook", "empty": "receiver is empty",
	} {
		if r := w.run(version, `{}`, 10*time.Second); r.State != queue.Failed || r.Error.Message != want || r.Error.Code != flows.CodeStepFailed {
			t.Errorf("%s: %s %+v", version, r.State, r.Error)
		}
	}
}

// The wait for the next try is in Redis, and outlives a kill of it.
func TestTheNextTryOutlivesRedis(t *testing.T) {
	t.Parallel()
	var s sending
	r := newReceiver(t, 500, 200)
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	w := startWorkerOn(t, server, map[string]string{"send": "steps:\n  - webhook: {url: '" + r.URL + "', secret: hook, type: a}"}, s.configure(t, named{"hook": hookSecret}))
	w.run("send", `1`, 10*time.Second)
	first := testenv.Receive(t, r.got, "the first try")
	inspector := asynq.NewInspectorFromRedisClient(w.conn.Client())
	testenv.Eventually(t, func() string {
		if retries, err := inspector.ListRetryTasks(webhook.Queue); err != nil || len(retries) != 1 {
			return fmt.Sprint("no task waits: ", err)
		}
		return ""
	})
	server.Kill()
	server.Restart()
	s.ahead.Store(int64(10 * time.Second))
	testenv.Eventually(t, func() string {
		_, err := inspector.RunAllRetryTasks(webhook.Queue)
		return strings.TrimPrefix(fmt.Sprint(err), "<nil>")
	})
	second := testenv.Receive(t, r.got, "the second try")
	if verified(t, first, hookSecret) != verified(t, second, hookSecret) || first.Header.Get("webhook-id") != second.Header.Get("webhook-id") {
		t.Error("another webhook")
	}
}

// Two workers send each webhook once.
func TestWorkersShareWebhooks(t *testing.T) {
	t.Parallel()
	const n = 200
	var s sending
	r := newReceiver(t, 200)
	r.got = make(chan *http.Request, 2*n)
	w := startWorker(t, map[string]string{
		"send": fmt.Sprintf("steps:\n  - split: range(%d)\n  - webhook: {url: '%s/${ . }', secret: hook, type: a}", n, r.URL),
	}, s.configure(t, named{"hook": hookSecret}), func(c *Config) { // one that only sends
		other := *c
		other.Queues, other.Webhooks = map[string]int{"other": 1}, nil
		second, err := New(other)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- second.Run(ctx) }()
		t.Cleanup(func() { stop(); <-ended; _ = second.Close() })
	})
	if result := w.run("send", `1`, 20*time.Second); result.State != queue.Succeeded {
		t.Fatalf("%+v", result)
	}
	paths := map[string]bool{}
	for range n {
		req := testenv.Receive(t, r.got, "a webhook")
		if paths[req.URL.Path] {
			t.Errorf("%s was sent twice", req.URL.Path)
		}
		paths[req.URL.Path] = true
	}
	testenv.Eventually(t, func() string {
		all, err := s.store.List(t.Context(), 1)
		for _, d := range all {
			if d.State != webhook.Delivered || len(d.Tries) != 1 {
				return fmt.Sprintf("%+v", d)
			}
		}
		if err != nil || len(all) != n {
			return fmt.Sprint(len(all), err)
		}
		return ""
	})
	if len(r.got) > 0 {
		t.Errorf("%d were sent again", len(r.got))
	}
}

// No run can be on the queue of webhooks.
func TestTheQueueOfWebhooksIsTheirs(t *testing.T) {
	t.Parallel()
	if flows.WebhookQueue != webhook.Queue {
		t.Errorf("%s is the queue of webhooks, and %s is refused", webhook.Queue, flows.WebhookQueue)
	}
	if err := flows.CheckQueue(webhook.Queue); err == nil {
		t.Error("runs can be on the queue of webhooks")
	}
}
