package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// plantedFlows use each connection twice, against a working and a failing server, and try to read its secrets.
const plantedFlows = `
flow: %d
slug: %s-%s
trigger: webhook
steps:
  - http: {post: "%s/%s", connection: %s, json: {n: 1}}
    on_error: continue
  - http:
      post: "%[4]s/%[5]s"
      query: {q: '${ secret("call") }'}
      headers: {x-key: '${ secret("call") | @base64 }'}
      json: {s: '${ secret("call") }'}
    on_error: continue
    as: called
  - set: {answer: "${ . }", everything: "${ [$run, $vars, $event, $params, $headers] }"}
`

// Secrets of every kind are used by runs that succeed and fail. No secret may appear in the logs of any process, in
// plain text in Redis, in spans, in run records or in responses.
func TestAttackPlantedSecrets(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex // guards used
	used := map[string]bool{}
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		used[r.Header.Get("Authorization")+r.Header.Get("X-Key")+r.URL.RawQuery] = true
		mu.Unlock()
		if r.URL.Path == "/fails" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		sent, _ := httputil.DumpRequest(r, true) // a server may send back what it was sent
		w.Header().Set("X-Echo", r.Header.Get("Authorization")+r.Header.Get("X-Key"))
		json.NewEncoder(w).Encode(map[string]any{"fine": true, "echo": string(sent)})
	}))
	defer remote.Close()
	traces := &spanCollector{traces: map[string][]string{}}
	sink := httptest.NewServer(traces)
	defer sink.Close()
	dir, kept := t.TempDir(), t.TempDir()
	rules := keepElsewhere(t, kept)
	connections := map[string]map[string]any{
		"basic":  {"type": "basic", "settings": map[string]string{"username": "u", "password": "planted-password"}},
		"bearer": {"type": "bearer", "from": map[string]string{"token": "exec://manager/bearer#token"}},
		"header": {"type": "api_key", "settings": map[string]string{"in": "header", "name": "X-Key"}, "from": map[string]string{"value": "file://" + kept + "/header"}},
		"query":  {"type": "api_key", "settings": map[string]string{"in": "query", "name": "api_key", "value": "planted-query"}},
	}
	number := 100
	var slugs []string
	for name := range connections {
		for _, way := range []string{"works", "fails"} {
			number++
			slugs = append(slugs, name+"-"+way)
			text := fmt.Sprintf(plantedFlows, number, name, way, remote.URL, way, name)
			if err := os.WriteFile(filepath.Join(dir, name+way+".yaml"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	refused := "flow: 99\nslug: refused\ntrigger: webhook\nsteps: [{http: {get: 'http://127.0.0.1:1/', connection: query}}]\n"
	if err := os.WriteFile(filepath.Join(dir, "refused.yaml"), []byte(refused), 0o600); err != nil {
		t.Fatal(err)
	}
	server := testenv.Redis(t)
	settings := map[string]string{
		"PENSTOCK_REDIS_URL": server.URL(), "PENSTOCK_MASTER_KEY": base64.StdEncoding.EncodeToString(store.NewMasterKey()),
		"PENSTOCK_API_KEY": "k", "PENSTOCK_API_SECRET": "planted-api-secret", "PENSTOCK_ADMIN_USER": "ann", "PENSTOCK_ADMIN_PASSWORD": "planted-admin-password",
		"PENSTOCK_FLOWS": dir, "PENSTOCK_LISTEN": "127.0.0.1:0", "PENSTOCK_ALLOW_PRIVATE_NETWORKS": "true", "PENSTOCK_LOG_LEVEL": "debug",
		"PENSTOCK_SECRET_STORES": rules, "PENSTOCK_SECRET_CALL": "planted-call",
		"OTEL_EXPORTER_OTLP_ENDPOINT": sink.URL, "OTEL_BSP_SCHEDULE_DELAY": "50",
	}
	ready := filepath.Join(t.TempDir(), "ready")
	door, worker := startChild(t, "api", settings, "--ready-file", ready), startChild(t, "worker", settings)
	door.ready(t, ready)
	ann, err := client.New(client.Config{URL: door.url, User: "ann", Password: "planted-admin-password"})
	if err != nil {
		t.Fatal(err)
	}
	var answers strings.Builder
	for name, c := range connections {
		c["hosts"] = []string{remote.URL, "http://127.0.0.1:1"}
		text, err := ann.Raw(t.Context(), http.MethodPut, "/v1/connections/"+name, c)
		if err != nil {
			t.Fatal(err)
		}
		answers.Write(text)
	}
	if _, err := ann.Raw(t.Context(), http.MethodPut, "/v1/secrets/hook", map[string]string{"value": "planted-hook-secret"}); err != nil {
		t.Fatal(err)
	}
	if _, err := ann.Raw(t.Context(), http.MethodPut, "/v1/secrets/call", map[string]string{"from": "env://PENSTOCK_SECRET_CALL"}); err != nil {
		t.Fatal(err)
	}
	if _, err := ann.Raw(t.Context(), http.MethodPut, "/v1/secrets/master", map[string]string{"from": "env://PENSTOCK_MASTER_KEY"}); err == nil {
		t.Error("a reference to the master key is stored")
	}
	for _, test := range []string{"/v1/secrets/call/test", "/v1/secrets/hook/test"} {
		text, err := ann.Raw(t.Context(), http.MethodPost, test, nil)
		if err != nil || !strings.Contains(string(text), `"works":true`) {
			t.Errorf("%s: %s, %v", test, text, err)
		}
		answers.Write(text)
	}
	for _, slug := range append(slugs, "refused") {
		run, err := ann.Start(t.Context(), client.Request{Flow: slug, Event: []byte(`{"n":1}`)})
		if err != nil && slug != "refused" {
			t.Fatalf("%s: %v", slug, err)
		}
		fmt.Fprintln(&answers, err)
		if err == nil {
			record, err := ann.Raw(t.Context(), http.MethodGet, "/v1/runs/"+run.ID, nil)
			if err != nil {
				t.Fatal(err)
			}
			answers.Write(run.Output)
			answers.Write(record)
		}
	}
	if status, _ := call(t, door.url, "k", "planted-api-secret", 101, `{}`); status != http.StatusOK {
		t.Errorf("the SmartSYNC door: %d", status)
	}
	call(t, door.url, "k", "planted-wrong-secret", 101, `{}`)
	runs, err := ann.Raw(t.Context(), http.MethodGet, "/v1/runs", nil)
	if err != nil {
		t.Fatal(err)
	}
	answers.Write(runs)
	for _, path := range []string{"/v1/connections", "/v1/secrets", "/v1/audit", "/v1/keys", "/v1/flows"} {
		text, err := ann.Raw(t.Context(), http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if path != "/v1/keys" { // whose secrets an administrator may read
			answers.Write(text)
		}
	}
	testenv.Until(t, "the last trace", func() bool { return traces.hasTrace("run flow 99", "http") })
	worker.end(t)
	door.end(t)
	everything := map[string]string{
		"the answers": answers.String(), "the door's log": door.log.String(), "the worker's log": worker.log.String(),
		"the spans": traces.text.String(), "Redis": redisContent(t, server.Client()),
	}
	for where, mark := range map[string]string{"the answers": "fine", "the door's log": "run_id", "the worker's log": "run_id", "the spans": "run flow", "Redis": "basic-works"} {
		if !strings.Contains(everything[where], mark) {
			t.Errorf("the search does not see %s", where)
		}
	}
	for where, text := range everything {
		if at := strings.Index(text, "planted-"); at >= 0 {
			t.Errorf("%s: …%.200s", where, text[max(0, at-100):])
		}
		for _, pair := range []string{"u:planted-password", "planted-call"} {
			if strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(pair))) {
				t.Errorf("%s: %s in base64", where, pair)
			}
		}
	}
	for _, proof := range []string{"Basic " + base64.StdEncoding.EncodeToString([]byte("u:planted-password")), "Bearer planted-bearer", "planted-header", "api_key=planted-query", "cGxhbnRlZC1jYWxsq=planted-call"} {
		if !used[proof] {
			t.Errorf("nobody used %s: %v", proof, used)
		}
	}
}

// keepElsewhere keeps some of the secrets in a file and behind a command, which also complains, and returns the file with the rules.
func keepElsewhere(t *testing.T, dir string) (rules string) {
	t.Helper()
	rules = filepath.Join(t.TempDir(), "stores.yaml")
	for path, text := range map[string]string{
		dir + "/header":  "planted-header\n",
		dir + "/manager": "#!/bin/sh\necho 'password: planted-in-a-warning' >&2\nprintf '{\"token\":\"planted-%s\"}' \"$1\"\n",
		rules:            "env: {prefix: PENSTOCK_SECRET_}\nfile: {directories: [" + dir + "]}\nexec: {manager: {command: [" + dir + "/manager], arguments: [bearer]}}\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return rules
}

// redisContent returns all keys and values of a Redis.
func redisContent(t *testing.T, client *redis.Client) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	keys, err := client.Keys(ctx, "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, key := range keys {
		var value any
		switch kind := client.Type(ctx, key).Val(); kind {
		case "string":
			value = client.Get(ctx, key).Val()
		case "hash":
			value = client.HGetAll(ctx, key).Val()
		case "list":
			value = client.LRange(ctx, key, 0, -1).Val()
		case "set":
			value = client.SMembers(ctx, key).Val()
		case "zset":
			value = client.ZRange(ctx, key, 0, -1).Val()
		case "stream":
			value = client.XRange(ctx, key, "-", "+").Val()
		default:
			t.Fatalf("%s is a %s, which is not looked into", key, kind)
		}
		fmt.Fprintln(&all, key, value)
	}
	return all.String()
}
