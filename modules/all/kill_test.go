package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// asProgram makes the test binary the program itself.
const asProgram = "MODULES_IS_THE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

const messages = 1000

// Workers are killed while they consume 1,000 messages: each has its effect, and none has it twice.
func TestWorkersAreKilled(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T) server{
		"kafka": kafkaServer,
		"amqp":  amqpServer,
		"imap":  imapServer,
		"mqtt":  mqttServer,
		"nats":  natsServer,
		"sqs":   sqsServer,
	} {
		for _, acknowledge := range []string{"accepted", "ended"} {
			t.Run(name+" "+acknowledge, func(t *testing.T) {
				t.Parallel() // most of the time goes by until servers give up lost workers
				testKills(t, start(t), acknowledge)
			})
		}
	}
}

// sink records the effects of runs. A request with a known idempotency key is the same effect.
type sink struct {
	mu      sync.Mutex
	effects map[string]map[string]bool // guarded by mu; body → keys
	arrived chan struct{}
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := s.effects[string(body)]
	if keys == nil {
		keys = map[string]bool{}
		s.effects[string(body)] = keys
		s.arrived <- struct{}{}
	}
	keys[r.Header.Get("Idempotency-Key")] = true
	w.WriteHeader(http.StatusNoContent)
}

func testKills(t *testing.T, s server, acknowledge string) {
	out := &sink{effects: map[string]map[string]bool{}, arrived: make(chan struct{}, 2*messages)}
	web := httptest.NewServer(out)
	t.Cleanup(web.Close)
	redis := testenv.Redis(t, "--appendonly", "yes")
	dir := t.TempDir()
	flow := fmt.Sprintf("flow: 7\ntrigger:\n  %s, acknowledge: %s, in_flight: 50}\nsteps:\n  - http: {put: %q, json: \"${ .body }\", headers: {Idempotency-Key: \"${ $run.id }\"}}\n", s.trigger, acknowledge, web.URL)
	if err := os.WriteFile(filepath.Join(dir, "orders.yaml"), []byte(flow), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{
		asProgram + "=1", "PENSTOCK_REDIS_URL=" + redis.URL(), "PENSTOCK_MASTER_KEY=" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "PENSTOCK_ALLOW_PRIVATE_NETWORKS=true",
		"PENSTOCK_ADMIN_USER=ann", "PENSTOCK_ADMIN_PASSWORD=correct horse battery staple", "HOME=" + dir,
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ready := filepath.Join(dir, "ready")
	testenv.Start(t, "api", self, env, "api", "--listen", "127.0.0.1:0", "--ready-file", ready, "--flows", dir)
	url := awaitFile(t, ready)
	put(t, url+"/v1/connections/bus", s.connection)
	worker := func() *testenv.Child { return testenv.Start(t, "worker", self, env, "worker", "--concurrency", "16") }
	a, b := worker(), worker()
	s.settled(2)
	half := make(chan struct{}) // closed when the second half is to be sent
	var sending sync.WaitGroup
	sending.Go(func() {
		s.send(0, messages/2)
		<-half
		s.send(messages/2, messages)
	})
	await(t, out, messages/4)
	a.Kill()
	a = worker()
	s.settled(2)
	close(half)
	await(t, out, messages/2)
	b.Kill()
	a.Kill()
	worker()
	await(t, out, messages-messages/4-messages/2)
	sending.Wait()
	out.mu.Lock()
	defer out.mu.Unlock()
	twice := 0
	for _, keys := range out.effects {
		if len(keys) > 1 {
			twice++
		}
	}
	if len(out.effects) != messages || twice > 0 {
		t.Errorf("%d of %d messages had an effect, %d in more than one run", len(out.effects), messages, twice)
	}
}

func await(t *testing.T, s *sink, n int) {
	t.Helper()
	limit := time.After(3 * time.Minute)
	for i := range n {
		select {
		case <-s.arrived:
		case <-limit:
			t.Fatalf("%d of %d messages came", i, n)
		}
	}
}

func awaitFile(t *testing.T, name string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		if text, err := os.ReadFile(name); err == nil {
			return strings.TrimSpace(string(text))
		}
		time.Sleep(20 * time.Millisecond) // another process writes it
	}
	t.Fatal("the server does not get ready")
	return ""
}

func put(t *testing.T, url, body string) {
	t.Helper()
	if !json.Valid([]byte(body)) {
		t.Fatal(body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("ann", "correct horse battery staple")
	r.Header.Set("Content-Type", "application/json")
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if said, _ := io.ReadAll(w.Body); w.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", w.StatusCode, said)
	}
}
