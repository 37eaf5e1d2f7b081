// Package api is the front door: the HTTP interface that accepts requests, submits runs to the queue, and writes
// their results to the waiting callers.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/admin"
	"github.com/penstock/penstock/api/callbacks"
	"github.com/penstock/penstock/api/changes"
	"github.com/penstock/penstock/api/events"
	"github.com/penstock/penstock/api/failures"
	"github.com/penstock/penstock/api/history"
	"github.com/penstock/penstock/api/hooks"
	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/oauth"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/api/runs"
	"github.com/penstock/penstock/api/smartsync"
	"github.com/penstock/penstock/api/stats"
	"github.com/penstock/penstock/api/webhooks"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/callback"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/lastuse"
	"github.com/penstock/penstock/operation"
	"github.com/penstock/penstock/queue/rehearsal"
	"github.com/penstock/penstock/store"
)

// Config of an API. Submit, Records, Flows, Keys and Log are required.
type Config struct {
	// Others reads records that are not the store's, for the audit log, see changes.Reader; optional.
	Others func(ctx context.Context, kind, id string) (map[string]any, error)

	Submit  runner.Submit
	Records runner.Records
	Flows   runner.Flows
	Keys    auth.Keys
	Log     *slog.Logger

	// MarkDelivered records that the result of a run was written to the caller that submitted it; optional. It must
	// not block.
	MarkDelivered func(run string)

	// Runs lists, awaits, watches and cancels runs; nil: runs can only be read.
	Runs runs.Runs

	// Operations has the operations on many runs; nil: there are none. They need Runs.
	Operations *operation.Executor

	// Fleet reads, pauses and drains queues and workers; nil: there are no endpoints for them.
	Fleet Fleet

	// Schemes authenticate callers of the native API. They are tried in order, after the signatures of API keys;
	// optional.
	Schemes []auth.Authenticator

	// Version is that of the product, for clients that ask; empty: unknown.
	Version string

	// Authority authenticates users and clients and issues tokens, and Store has the records that it administers;
	// both or neither. nil: the native API accepts API keys only.
	Authority *auth.Authority
	Store     *store.Store

	// Callbacks verifies the tokens of waiting steps, and Call resumes the steps; nil: there are no callback URLs.
	Callbacks *callback.Signer
	Call      callbacks.Call

	// State has the snapshots of changes steps; nil: there are no endpoints for them.
	State flows.State

	// Publish publishes events; nil: there is no endpoint for that.
	Publish events.Publish

	// Rehearser rehearses versions of flows on recorded runs; nil: there is no endpoint for that. It needs a Store.
	Rehearser *rehearsal.Rehearser

	// Webhooks has the webhooks that flows send; nil: there are no endpoints for them. It needs a Store.
	Webhooks webhooks.Webhooks

	// Failures has the groups of failed runs; nil: there are no endpoints for them.
	Failures failures.Failures

	// Stats has the statistics of runs; nil: there is no history, and the endpoints say so.
	Stats stats.Stats

	// History exports, holds and erases runs; without one the endpoints say so.
	History history.Config

	// HookKeys gets the public keys of webhook senders; nil: senders whose keys are published are rejected.
	HookKeys hooks.Keys

	// Deliveries keeps what arrives at webhooks; nil: deliveries are not kept.
	Deliveries *deliveries.Log

	// Guard slows down callers that guess the secrets of API keys; optional.
	Guard *auth.BruteForceGuard

	// Limiter limits requests per address and per principal; nil: no limit.
	Limiter httpx.Limiter

	// Usage counts which of two secrets signs the calls of an API key; optional.
	Usage auth.UsageCounter

	// Connections tests connections; nil: not offered.
	Connections admin.ConnectionTester
	// KeyUsage reads what Usage counted; nil: responses do not have it.
	KeyUsage admin.KeyUsage

	// CountCall counts a call of an API client by its status; optional. It must not block.
	CountCall func(client string, status int)
	// Used is called for each use of a credential by a caller, and of the secret of a webhook; optional. It must not block.
	Used func(kind lastuse.Kind, name string)

	// RejectLog stores rejected requests for administrators; optional.
	RejectLog RejectLog

	// Label is called for each response, with the context of the request: byFlow says that a flow chose the status,
	// and refusal is the code of a rejected request to run a flow, empty for all others; optional.
	Label func(ctx context.Context, byFlow bool, refusal string)

	// Console serves all paths below /console; nil: there is no console.
	Console http.Handler

	// Ready returns an error while new runs cannot be accepted; nil: always ready.
	Ready func(ctx context.Context) error

	// Memory is the memory budget of the process, from which bodies are reserved for the duration of their
	// requests; nil: no limit.
	Memory *budget.Process

	// MaxBody is the maximum size of a body in bytes. Zero means 1 MiB.
	MaxBody int64

	// Files has the files of runs. nil: there are none, and files in a body are part of its event.
	Files *blob.Store

	// MaxUploads is the maximum number of bodies with files that are being received, a quarter of them from one network. Zero means 32.
	MaxUploads int

	// TrustedProxies are the addresses or networks whose header X-Forwarded-For is trusted. Empty: none.
	TrustedProxies []string

	// Origins are the origins whose pages may call the API with CORS. Empty: none.
	Origins []string

	// Now is the clock; default time.Now.
	Now func() time.Time
}

// API is the handler of every route. Safe for concurrent use.
type API struct {
	config   Config
	schemes  []scheme
	frame    httpx.Frame
	runner   *runner.Runner
	engine   *gin.Engine
	handler  http.Handler // engine, which compresses
	draining atomic.Bool
	changes  changes.Reader
}

// New returns an API. It needs no closing.
func New(config Config) (*API, error) {
	if config.Submit == nil || config.Records == nil || config.Flows == nil || config.Keys == nil || config.Log == nil {
		return nil, errors.New("new api: Submit, Records, Flows, Keys and Log are required")
	}
	if config.MaxBody < 0 {
		return nil, errors.New("new api: MaxBody is negative")
	}
	if err := CheckOrigins(config.Origins); err != nil {
		return nil, fmt.Errorf("new api: %w", err)
	}
	if config.MaxBody == 0 {
		config.MaxBody = 1 << 20
	}
	if config.MaxUploads <= 0 {
		config.MaxUploads = 32
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Ready == nil {
		config.Ready = func(context.Context) error { return nil }
	}
	if (config.Authority == nil) != (config.Store == nil) {
		return nil, errors.New("new api: Authority and Store go together")
	}
	a := &API{config: config, changes: changes.Reader{Store: config.Store, Others: config.Others}}
	a.frame = httpx.Frame{
		Now: config.Now, Memory: config.Memory, MaxBody: config.MaxBody, Limiter: config.Limiter,
		Files: config.Files, Uploads: httpx.NewUploads(config.MaxUploads),
		Envelopes: []httpx.Envelope{
			{Serves: smartsync.Serves, Write: smartsync.WriteFault},
			{Serves: oauth.Serves, Write: oauth.WriteFault, BasicOnly: true},
		},
	}
	forRunner := runner.Config{Submit: config.Submit, Records: config.Records, Version: a.version, Paused: a.paused, Memory: config.Memory}
	if config.Runs != nil {
		forRunner.Cancel = config.Runs.CancelUnwaited
	}
	if config.Store != nil {
		forRunner.Canary = config.Store.Flows().CanaryFor
	}
	a.runner = runner.New(forRunner)
	signatures := auth.SignatureScheme{Keys: config.Keys, Guard: config.Guard, Usage: config.Usage}
	if config.Store != nil {
		signatures.Replays, signatures.Folders = config.Store.Tokens(), config.Store.Folders()
	}
	a.schemes = append(a.schemes, scheme{flows.AuthKey, signatures})
	for _, s := range config.Schemes {
		a.schemes = append(a.schemes, scheme{"", s})
	}
	if config.Authority != nil {
		a.schemes = append(a.schemes, scheme{flows.AuthBearer, config.Authority.Bearer()}, scheme{flows.AuthBasic, config.Authority.Basic()})
	}
	var err error
	if a.engine, err = a.router(); err != nil {
		return nil, fmt.Errorf("new api: %w", err)
	}
	if a.handler, err = compressed(a.engine); err != nil {
		return nil, fmt.Errorf("new api: %w", err)
	}
	return a, nil
}

// Routes lists the operations of the server itself, as in "GET /v1/runs/:run".
func (a *API) Routes() (all []string) {
	for _, r := range a.engine.Routes() {
		all = append(all, r.Method+" "+r.Path)
	}
	return all
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, trimSlash(r)) }

// Drain makes /readyz fail. Requests are still served, with the header Connection: close.
func (a *API) Drain() { a.draining.Store(true) }

// version returns a stored version of a flow; nil for one that is not kept.
func (a *API) version(ctx context.Context, flow int64, version string) (*flows.Flow, error) {
	if a.config.Store == nil {
		return nil, nil
	}
	f, err := a.config.Store.Flows().Version(ctx, flow, version)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return f, err
}

// paused reports whether a flow is paused: its runs wait until it is resumed.
func (a *API) paused(flow int64) bool {
	return a.config.Store != nil && !a.config.Store.Flows().Paused(flow).IsZero()
}
