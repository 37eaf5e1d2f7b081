package apitest

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/personal"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/state"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/outbound"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/internal/webhook"
	"github.com/penstock/penstock/operation"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/queue/rehearsal"
	"github.com/penstock/penstock/store"
	"github.com/penstock/penstock/topic"
	"github.com/penstock/penstock/worker"
	"github.com/penstock/penstock/worker/alert"
	"github.com/penstock/penstock/worker/schedule"
)

// Product is a complete installation in one process: an API, a store, a queue and a worker on a Redis of its own,
// with one user of each role and two API keys. It has two additional step kinds: gate waits for a value in Gate,
// and answer responds to the caller with its item.
type Product struct {
	T          testing.TB
	URL        string
	HTTP       *http.Client
	Server     *httptest.Server
	API        *api.API
	Store      *store.Store
	Queue      *queue.Client
	Redis      redis.UniversalClient
	Files      *blob.Store
	Deliveries *deliveries.Log
	Webhooks   *webhook.Store
	Failures   *failure.Store
	Blobs      blob.Memory   // of Files
	Gate       chan struct{} // each value lets one item pass a step of kind gate
	At         chan struct{} // receives a value when an item arrives at such a step
}

// Constants of a Product.
const (
	Password = "correct horse battery staple" // of all users
	Issuer   = "https://penstock.example.org"
)

// NewProduct starts a product that stops at the end of the test. Each change is applied to the configuration of the
// API first.
func NewProduct(t testing.TB, change ...func(*api.Config)) *Product {
	t.Helper()
	return NewProductQueue(t, queue.Config{}, change...)
}

// NewProductQueue is NewProduct with settings of the queue.
func NewProductQueue(t testing.TB, settings queue.Config, change ...func(*api.Config)) *Product {
	t.Helper()
	return newProduct(t, settings, func(*store.Config) {}, change...)
}

// NewProductStore is NewProduct with settings of the store.
func NewProductStore(t testing.TB, set func(*store.Config)) *Product {
	t.Helper()
	return newProduct(t, queue.Config{}, set)
}

func newProduct(t testing.TB, settings queue.Config, set func(*store.Config), change ...func(*api.Config)) *Product {
	t.Helper()
	plain := http.DefaultTransport.(*http.Transport).Clone()
	plain.DisableCompression = true // answers are as they are for callers who do not ask for a coding
	plain.ExpectContinueTimeout = time.Minute
	t.Cleanup(plain.CloseIdleConnections)
	p := &Product{T: t, HTTP: &http.Client{Transport: plain}, Gate: make(chan struct{}), At: make(chan struct{}, 16)}
	conn, err := redisconn.Parse(testenv.Redis(t).URL())
	Fatal(t, err)
	client := conn.Client()
	p.Redis = client
	t.Cleanup(func() { _ = client.Close() })
	sealer, err := store.NewSealer(store.NewMasterKey())
	Fatal(t, err)
	log := slog.New(slog.DiscardHandler)
	catalogue := steps.Catalogue().With(p.gateKind(), answerKind())
	kept := store.Config{Redis: client, Sealer: sealer, Catalogue: catalogue, Log: log}
	set(&kept)
	p.Store, err = store.Open(t.Context(), kept)
	Fatal(t, err)
	settings.Redis, settings.Log = conn, log
	p.Queue, err = queue.NewClient(settings)
	Fatal(t, err)
	Running(t, p.Queue.Run, p.Queue.Close)
	p.Files, err = blob.New(blob.Config{Backend: &p.Blobs, MaxSize: 8 << 20})
	Fatal(t, err)
	p.Failures = failure.New(client, nil).Counting(alert.OpenRuns(p.Queue))
	failed, err := alert.New(alert.Config{Redis: client, Log: log, ID: "test", Runs: p.Queue, Flows: p.Store.Flows(), Failures: p.Failures})
	Fatal(t, err)
	topics := topic.New(topic.Config{Redis: client, Subscribers: p.Store.Flows(), Runs: p.Queue})
	w, err := worker.New(worker.Config{
		Env:     flows.Env{HTTP: http.DefaultTransport, Files: p.Files, State: state.New(client), Flows: p.Store.Flows()},
		Starter: p.Queue, Topics: topics,
		Redis: conn, Log: log, Versions: p.Store.Flows(), Paused: p.Store.Flows().Paused, Queues: map[string]int{"default": 1}, Slots: 8, Block: 100 * time.Millisecond,
		Failed: failed.Handle,
		Found:  func(ctx context.Context, flow int64) error { return schedule.RecordFind(ctx, client, flow, time.Now()) },
	})
	Fatal(t, err)
	Running(t, w.Run, w.Close)
	attempts, err := limits.NewAttempts(limits.AttemptsConfig{Redis: client, Key: []byte("a test's")})
	Fatal(t, err)
	authority, err := auth.NewAuthority(auth.AuthorityConfig{Store: p.Store, Hasher: Hasher(t), Guard: auth.NewBruteForceGuard(attempts), Issuer: Issuer, Personal: personal.New(client), Authorize: Issuer + "/console/authorize"})
	Fatal(t, err)
	p.people()
	p.Deliveries, err = deliveries.New(deliveries.Config{Redis: client, Log: log})
	Fatal(t, err)
	Running(t, p.Deliveries.Run, func() error { return nil })
	p.Webhooks, err = webhook.New(webhook.Config{Redis: client})
	Fatal(t, err)
	operations := operation.NewExecutor(operation.Config{Store: operation.NewStore(client), Queue: p.Queue, Flows: p.Store.Flows(), Log: log,
		Allowed: func(ctx context.Context, by string, _ bool) (bool, error) {
			return auth.StaffMay(ctx, p.Store, by, auth.ScopeWriteRuns)
		}})
	Running(t, operations.Run, func() error { return nil })
	rehearser, err := rehearsal.New(rehearsal.Config{Runs: p.Queue, Flows: p.Store.Flows(), Connection: p.connectionType})
	Fatal(t, err)
	handler := api.Queue{Client: p.Queue}
	transport, err := outbound.New(outbound.Config{AllowLoopback: true})
	Fatal(t, err)
	t.Cleanup(transport.CloseIdleConnections)
	connections, err := connect.New(connect.Config{Store: p.Store, HTTP: transport, Log: log})
	Fatal(t, err)
	t.Cleanup(func() { Fatal(t, connections.Close()) })
	config := api.Config{
		Submit: handler.Submit, Records: handler, Runs: handler, Flows: p.Store.Flows(), Keys: p.Store.Keys(), Log: log,
		Authority: authority, Store: p.Store, Fleet: p.Queue, Ready: p.Queue.Ping, Files: p.Files, Deliveries: p.Deliveries, Webhooks: p.Webhooks,
		Operations: operations, Rehearser: rehearser,
		Failures: p.Failures, State: state.New(client),
		Publish: func(ctx context.Context, principal string, event flows.Publication) (flows.Published, error) {
			return topics.PublishOnce(ctx, worker.Emitter{Starter: p.Queue, Flows: p.Store.Flows(), Principal: principal, Depth: -1}, event)
		},
		Connections: connections,
	}
	for _, c := range change {
		c(&config)
	}
	p.API, err = api.New(config)
	Fatal(t, err)
	web := httptest.NewServer(p.API)
	p.Server = web
	t.Cleanup(web.Close)
	t.Cleanup(web.CloseClientConnections)
	p.URL = web.URL
	return p
}

func (p *Product) connectionType(ctx context.Context, name string) (string, error) {
	c, err := p.Store.Connections().Connection(ctx, name)
	if err != nil {
		return "", err
	}
	return c.Type, nil
}

// Fatal ends the test if there is an error.
func Fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// people are ann, who may do everything, and vera, otto and ulf, who view,
// operate and use.
func (p *Product) people() {
	hash := Hash(p.T, Password)
	for name, role := range map[string]store.Role{"ann": store.RoleAdmin, "otto": store.RoleOperator, "vera": store.RoleViewer, "ulf": store.RoleAPIUser} {
		roles := []store.Role{store.RoleAPIUser}
		if role != store.RoleAPIUser {
			roles = append(roles, role)
		}
		_, err := p.Store.Users().Create(p.T.Context(), store.User{Name: name, Hash: hash, Roles: roles})
		Fatal(p.T, err)
	}
	for _, key := range []string{"key-one", "key-two"} {
		_, err := p.Store.Keys().Put(p.T.Context(), store.Key{Key: key, Secret: "secret-of-" + key, APIAccess: true})
		Fatal(p.T, err)
	}
}

// User makes a user with Password.
func (p *Product) User(u store.User) error {
	u.Hash = Hash(p.T, Password)
	_, err := p.Store.Users().Create(p.T.Context(), u)
	return err
}

func (p *Product) gateKind() flows.Kind {
	return flows.Kind{Name: "gate", Summary: "Waits.", Effect: flows.Read, New: func(*flows.Args) (flows.Runner, error) {
		return flows.RunFunc(func(ctx context.Context, in *flows.Input) ([]any, error) {
			p.At <- struct{}{}
			select {
			case <-p.Gate:
				return []any{in.Value()}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}), nil
	}}
}

// answerKind returns a step kind that responds with a status, a header and a body from its item.
func answerKind() flows.Kind {
	return flows.Kind{Name: "answer", Summary: "Answers.", Responds: true, Effect: flows.Read, New: func(*flows.Args) (flows.Runner, error) {
		return flows.RunFunc(func(ctx context.Context, in *flows.Input) ([]any, error) {
			var a flows.Response
			text, err := json.Marshal(in.Value())
			if err != nil {
				return nil, err
			}
			if err := json.Unmarshal(text, &a); err != nil {
				return nil, err
			}
			return []any{in.Value()}, in.Env().Respond(ctx, a)
		}), nil
	}}
}

// Deploy deploys a flow. text is the flow file without its number.
func (p *Product) Deploy(number int, text string) {
	p.T.Helper()
	flow, err := p.Store.Flows().Parse("test", fmt.Appendf(nil, "flow: %d\n%s\n", number, text))
	Fatal(p.T, err)
	_, err = p.Store.Flows().Deploy(p.T.Context(), flow)
	Fatal(p.T, err)
}

// Reply is a response with its body.
type Reply struct {
	*http.Response
	Text string // its body
}

// Request returns a request of a user or, if who begins with "key-", of an API key; an empty who sends no
// credentials. header has pairs of name and value.
func (p *Product) Request(method, path, who, body string, header ...string) *http.Request {
	p.T.Helper()
	r, err := http.NewRequestWithContext(p.T.Context(), method, p.URL+path, strings.NewReader(body))
	Fatal(p.T, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	switch {
	case strings.HasPrefix(who, "key-"):
		r.Header.Set(auth.HeaderKey, who)
		r.Header.Set(auth.HeaderSignature, auth.SignV2(method, path, who, strconv.FormatInt(time.Now().Unix(), 10), rand.Text(), []byte(body), "secret-of-"+who))
	case who != "":
		r.SetBasicAuth(who, Password)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// Do sends a Request and reads the response.
func (p *Product) Do(method, path, who, body string, header ...string) Reply {
	p.T.Helper()
	return p.Send(p.Request(method, path, who, body, header...))
}

// Send sends a request and reads the response.
func (p *Product) Send(r *http.Request) Reply {
	p.T.Helper()
	w, err := p.HTTP.Do(r)
	Fatal(p.T, err)
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	Fatal(p.T, err)
	return Reply{w, string(text)}
}

// Want fails the test unless the status is right. It returns the members of a JSON body.
func (p *Product) Want(r Reply, status int) map[string]any {
	p.T.Helper()
	if r.StatusCode != status {
		p.T.Fatalf("%s %s: status %d, want %d: %s", r.Request.Method, r.Request.URL.Path, r.StatusCode, status, r.Text)
	}
	var members map[string]any
	if r.Text != "" && strings.Contains(r.Header.Get("Content-Type"), "json") {
		Fatal(p.T, json.Unmarshal([]byte(r.Text), &members))
	}
	return members
}

// Start starts a run without waiting for it.
func (p *Product) Start(who string, flow int, body string) string {
	p.T.Helper()
	run := p.Want(p.Do("POST", fmt.Sprintf("/v1/flows/%d/runs", flow), who, body, "Prefer", "respond-async"), 202)
	return run["run_id"].(string)
}

// Run runs a flow to its end.
func (p *Product) Run(who string, flow int, body string) string {
	p.T.Helper()
	return p.Want(p.Do("POST", fmt.Sprintf("/v1/flows/%d/runs", flow), who, body), 200)["run_id"].(string)
}

// Until waits until a run is in a state.
func (p *Product) Until(id, state string) {
	p.T.Helper()
	testenv.Eventually(p.T, func() string {
		run := p.Want(p.Do("GET", "/v1/runs/"+id, "vera", ""), 200)
		if run["state"] == state {
			return ""
		}
		return fmt.Sprintf("run %s is %v, want %s", id, run["state"], state)
	})
}

// Secret stores a secret.
func (p *Product) Secret(name, value string) {
	p.T.Helper()
	Fatal(p.T, p.Store.Secrets().Put(p.T.Context(), name, value))
}

// GitHub sends a delivery as GitHub does.
func (p *Product) GitHub(path, body, id string, header ...string) Reply {
	p.T.Helper()
	return p.Do("POST", path, "", body, append([]string{"X-Hub-Signature-256", "sha256=" + HexMAC("s3", body), "X-GitHub-Delivery", id}, header...)...)
}

// Webhook accepts a webhook of a flow, which nothing sends, and returns its id.
func (p *Product) Webhook(flow int64, key, url string) string {
	p.T.Helper()
	id := webhook.IDOf(key)
	_, err := p.Webhooks.Accept(p.T.Context(), webhook.Message{ID: id, Flow: flow, Run: "r", URL: url, Secrets: []string{"s"}, Type: "order.paid", Data: []byte(`{"n":1}`)})
	Fatal(p.T, err)
	return id
}

// Signed returns a SmartSYNC request of an API key.
func (p *Product) Signed(method, path, flow, body string) *http.Request {
	params := map[string]string{"flow": flow, "key": "key-one", "ts": strconv.FormatInt(time.Now().Unix()-int64(len(path)), 10)} // so that the paths have different times
	query := url.Values{"check": {client.Check(params, []byte(body), "secret-of-key-one")}}
	for name, value := range params {
		query.Set(name, value)
	}
	return p.Request(method, path+"?"+query.Encode(), "", body)
}

// HookFlow returns a flow that returns its event to a sender that signs.
func HookFlow(verify, rest string) string {
	return "slug: hooked\ntrigger: {webhook: {" + rest + " verify: {secret: hook, " + verify + "}}}\nsteps: [{transform: '{event: ., run: $run.principal}'}]"
}

// Flows for Deploy.
const (
	FlowPasses = "trigger: webhook\nsteps: [{set: {n: '${ .n }'}}]"
	FlowWaits  = "trigger: webhook\nsteps: [{name: before, set: {n: '${ .n }'}}, {name: gate, gate: {}}, {name: after, set: {m: 1}}]"
	FlowFails  = "trigger: webhook\nsteps: [{fail: {message: no such person, status: 410}}]"
)

// Running calls run in a goroutine until the end of the test, and then closing.
func Running(t testing.TB, run func(context.Context) error, closing func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { _ = run(ctx) })
	t.Cleanup(func() {
		cancel()
		all.Wait()
		_ = closing()
	})
}

// HexMAC returns the HMAC-SHA256 of a text, in hex.
func HexMAC(secret, text string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}
