package api_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/password"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
	"github.com/penstock/penstock/worker"
)

// product is everything behind one door but the program: a real store, queue
// and worker on a Redis of its own, a user of each role and two API keys. It
// has two kinds of step of its own: gate waits until it is opened, and answer
// answers the caller with its item.
type product struct {
	t     *testing.T
	url   string
	http  *http.Client
	api   *api.API
	store *store.Store
	queue *queue.Client
	gate  chan struct{} // lets one item through the gate for each value
	at    chan struct{} // an item has come to the gate
}

const (
	word   = "correct horse battery staple" // everybody's password
	issuer = "https://penstock.example.org"
)

func newProduct(t *testing.T, change ...func(*api.Config)) *product {
	t.Helper()
	return newProductQueue(t, queue.Config{}, change...)
}

// newProductQueue is newProduct with settings of the queue.
func newProductQueue(t *testing.T, settings queue.Config, change ...func(*api.Config)) *product {
	t.Helper()
	p := &product{t: t, http: http.DefaultClient, gate: make(chan struct{}), at: make(chan struct{}, 16)}
	conn, err := redisconn.Parse(testenv.Redis(t).URL())
	fatal(t, err)
	client := conn.Client()
	t.Cleanup(func() { _ = client.Close() })
	sealer, err := store.NewSealer(store.NewMasterKey())
	fatal(t, err)
	log := slog.New(slog.DiscardHandler)
	catalogue := steps.Catalogue().With(p.gateKind(), answerKind())
	p.store, err = store.Open(t.Context(), store.Config{Redis: client, Sealer: sealer, Catalogue: catalogue, Log: log})
	fatal(t, err)
	settings.Redis, settings.Log = conn, log
	p.queue, err = queue.NewClient(settings)
	fatal(t, err)
	running(t, p.queue.Run, p.queue.Close)
	w, err := worker.New(worker.Config{
		Redis: conn, Log: log, Versions: p.store.Flows(), Paused: p.store.Flows().Paused, Queues: map[string]int{"default": 1}, Slots: 8, Block: 100 * time.Millisecond,
	})
	fatal(t, err)
	running(t, w.Run, w.Close)
	hasher, err := password.NewHasher(2)
	fatal(t, err)
	attempts, err := limits.NewAttempts(limits.AttemptsConfig{Redis: client, Key: []byte("a test's")})
	fatal(t, err)
	authority, err := auth.NewAuthority(auth.AuthorityConfig{Store: p.store, Hasher: hasher, Guesses: auth.NewGuesses(attempts), Issuer: issuer})
	fatal(t, err)
	p.people(hasher)
	door := api.Queue{Client: p.queue}
	config := api.Config{
		Submit: door.Submit, Records: door, Runs: door, Flows: p.store.Flows(), Keys: p.store.Keys(), Log: log,
		Authority: authority, Store: p.store, Fleet: p.queue, Ready: p.queue.Ping,
	}
	for _, c := range change {
		c(&config)
	}
	p.api, err = api.New(config)
	fatal(t, err)
	web := httptest.NewServer(p.api)
	t.Cleanup(web.Close)
	t.Cleanup(web.CloseClientConnections)
	p.url = web.URL
	return p
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// people are ann, who may do everything, and vera, otto and ulf, who view,
// operate and use.
func (p *product) people(hasher *password.Hasher) {
	hash, err := hasher.Hash(p.t.Context(), word)
	fatal(p.t, err)
	for name, role := range map[string]store.Role{"ann": store.RoleAdmin, "otto": store.RoleOperator, "vera": store.RoleViewer, "ulf": store.RoleAPIUser} {
		roles := []store.Role{store.RoleAPIUser}
		if role != store.RoleAPIUser {
			roles = append(roles, role)
		}
		_, err := p.store.Users().Create(p.t.Context(), store.User{Name: name, Hash: hash, Roles: roles})
		fatal(p.t, err)
	}
	for _, key := range []string{"key-one", "key-two"} {
		_, err := p.store.Keys().Put(p.t.Context(), store.Key{Key: key, Secret: "secret-of-" + key, APIAccess: true})
		fatal(p.t, err)
	}
}

func (p *product) gateKind() flows.Kind {
	return flows.Kind{Name: "gate", Summary: "Waits.", Effect: flows.Read, New: func(*flows.Args) (flows.Runner, error) {
		return flows.RunFunc(func(ctx context.Context, in *flows.Input) ([]any, error) {
			p.at <- struct{}{}
			select {
			case <-p.gate:
				return []any{in.Value()}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}), nil
	}}
}

// answerKind answers the caller with a status, a header and a body out of its item.
func answerKind() flows.Kind {
	return flows.Kind{Name: "answer", Summary: "Answers.", Answers: true, Effect: flows.Read, New: func(*flows.Args) (flows.Runner, error) {
		return flows.RunFunc(func(ctx context.Context, in *flows.Input) ([]any, error) {
			var a flows.Answer
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

// deploy makes a flow of steps.
func (p *product) deploy(number int, text string) {
	p.t.Helper()
	flow, err := p.store.Flows().Parse("test", fmt.Appendf(nil, "flow: %d\n%s\n", number, text))
	fatal(p.t, err)
	_, err = p.store.Flows().Deploy(p.t.Context(), flow)
	fatal(p.t, err)
}

// reply is an answer that was read to its end.
type reply struct {
	*http.Response
	body string
}

// request makes a request as a user, or with the signature of an API key; as
// nobody when who is empty.
func (p *product) request(method, path, who, body string, header ...string) *http.Request {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	fatal(p.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	switch {
	case strings.HasPrefix(who, "key-"):
		r.Header.Set(auth.HeaderKey, who)
		r.Header.Set(auth.HeaderSignature, auth.SignV2(method, path, who, strconv.FormatInt(time.Now().Unix(), 10), rand.Text(), []byte(body), "secret-of-"+who))
	case who != "":
		r.SetBasicAuth(who, word)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func (p *product) do(method, path, who, body string, header ...string) reply {
	p.t.Helper()
	return p.send(p.request(method, path, who, body, header...))
}

func (p *product) send(r *http.Request) reply {
	p.t.Helper()
	w, err := p.http.Do(r)
	fatal(p.t, err)
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	fatal(p.t, err)
	return reply{w, string(text)}
}

// want fails the test unless the status is right; it returns the members of
// the answer.
func (p *product) want(r reply, status int) map[string]any {
	p.t.Helper()
	if r.StatusCode != status {
		p.t.Fatalf("%s %s: status %d, want %d: %s", r.Request.Method, r.Request.URL.Path, r.StatusCode, status, r.body)
	}
	var members map[string]any
	if r.body != "" && strings.Contains(r.Header.Get("Content-Type"), "json") {
		fatal(p.t, json.Unmarshal([]byte(r.body), &members))
	}
	return members
}

// start starts a run without waiting for it.
func (p *product) start(who string, flow int, body string) string {
	p.t.Helper()
	run := p.want(p.do("POST", fmt.Sprintf("/v1/flows/%d/runs", flow), who, body, "Prefer", "respond-async"), 202)
	return run["run_id"].(string)
}

// run runs a flow to its end.
func (p *product) run(who string, flow int, body string) string {
	p.t.Helper()
	return p.want(p.do("POST", fmt.Sprintf("/v1/flows/%d/runs", flow), who, body), 200)["run_id"].(string)
}
