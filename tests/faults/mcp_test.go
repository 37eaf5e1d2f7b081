//go:build faults

package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/penstock/penstock/internal/testenv"
)

// toolCall calls the tool at an api, as a client of its own, and returns its output and its run.
func toolCall(ctx context.Context, api, key string, told func(string)) (output, run string, err error) {
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) { told(r.Params.Message) },
	})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: api + "/mcp", HTTPClient: &http.Client{Transport: admin{transport}}, MaxRetries: -1, DisableStandaloneSSE: true,
	}, nil)
	if err != nil {
		return "", "", err
	}
	defer session.Close()
	params := &mcp.CallToolParams{Name: "order", Arguments: map[string]any{"number": 7}, Meta: mcp.Meta{"penstock/idempotencyKey": key}}
	params.SetProgressToken("progress")
	r, err := session.CallTool(ctx, params)
	if err != nil {
		return "", "", err
	}
	structured, err := json.Marshal(r.StructuredContent)
	if err != nil || r.IsError {
		return "", "", fmt.Errorf("%s, %v", structured, err)
	}
	var of struct {
		RunID  string          `json:"run_id"`
		Output json.RawMessage `json:"output"`
	}
	err = json.Unmarshal(structured, &of)
	return string(of.Output), of.RunID, err
}

// admin adds the administrator's credentials.
type admin struct{ next http.RoundTripper }

func (a admin) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth(adminUser, adminPassword)
	return a.next.RoundTrip(r)
}

// A client calls a tool and is told of its first step; then the worker and the api are killed. The client asks another api with the same
// key, and again: it gets the answer of one run, which has done everything once.
func TestALostCallOfATool(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	asked, release := make(chan struct{}, 8), make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.URL.Path]++
		mu.Unlock()
		if r.URL.Path == "/slow" {
			asked <- struct{}{}
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
		fmt.Fprint(w, "{}")
	}))
	t.Cleanup(web.Close)
	dir := t.TempDir()
	flow := fmt.Sprintf(`flow: 80
slug: order
tool: Orders something.
steps:
  - {name: first, http: {post: "%[1]s/first", json: "${ . }"}, as: first}
  - {name: between, http: {get: "%[1]s/slow"}, as: between}
  - {name: second, http: {post: "%[1]s/second", json: "${ . }"}, as: second}
  - set: {number: "${ .number }"}
`, web.URL)
	if err := os.WriteFile(filepath.Join(dir, "order.yaml"), []byte(flow), 0o600); err != nil {
		t.Fatal(err)
	}
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	f := newFleetWith(t, server.URL(), dir, 2, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	told, lost := make(chan string, 100), make(chan error, 1)
	go func() {
		_, _, err := toolCall(ctx, f.api(0).url, "the-key", func(text string) { told <- text })
		lost <- err
	}()
	<-asked
	for text := range told {
		if text == "step first: 1 items in, 1 out" {
			break
		}
	}
	f.worker(0).Kill()
	f.api(0).Kill()
	if err := <-lost; err == nil {
		t.Fatal("the lost call has an answer")
	}
	close(release)
	f.replaceWorker(0)
	var runs [2]string
	for i := range runs {
		output, run, err := toolCall(ctx, f.api(1).url, "the-key", func(string) {})
		if err != nil || output != `[{"number":7}]` {
			t.Fatalf("again: %s, %v", output, err)
		}
		runs[i] = run
	}
	mu.Lock()
	defer mu.Unlock()
	if runs[0] != runs[1] || len(records(t, server.Client())) != 1 || seen["/first"] != 1 || seen["/second"] != 1 {
		t.Errorf("runs %v of %d, effects %v", runs, len(records(t, server.Client())), seen)
	}
}
