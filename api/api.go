// Package api is the front door: it lets requests in, hands runs to the
// queue, and writes their results to who waits for them.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/admin"
	"github.com/penstock/penstock/api/callbacks"
	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/oauth"
	"github.com/penstock/penstock/api/openapi"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/api/runs"
	"github.com/penstock/penstock/api/smartsync"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/callback"
	"github.com/penstock/penstock/store"
)

// Config of an API. Submit, Records, Flows, Keys and Log are required.
type Config struct {
	Submit  runner.Submit
	Records runner.Records
	Flows   runner.Flows
	Keys    auth.Keys
	Log     *slog.Logger

	// MarkDelivered is told of runs whose result has been written to who waited for
	// it; it must not block. nil: nobody wants to know.
	MarkDelivered func(run string)

	// Runs lists, awaits, watches and cancels runs; nil: they can only be read.
	Runs runs.Runs

	// Fleet looks at queues and workers and holds them; nil: nobody can.
	Fleet Fleet

	// Schemes prove who calls the native door, tried in order after the
	// signatures of API keys.
	Schemes []auth.Authenticator

	// Authority proves users and clients and issues tokens; nil: only API keys
	// open the native door. Store is what it administers. One needs the other.
	Authority *auth.Authority
	Store     *store.Store

	// Callbacks reads the tokens of steps that wait, and Call gives them what
	// they wait for; nil: nobody can call.
	Callbacks *callback.Signer
	Call      callbacks.Call

	// Guard slows down who guesses the secrets of API keys; nil: nobody is.
	Guard *auth.BruteForceGuard

	// Limiter counts requests per address and per principal; nil: no limit.
	Limiter httpx.Limiter

	// Meter counts which secret the calls of API keys are signed with that have
	// two; nil: nothing is counted.
	Usage auth.UsageCounter

	// KeyUsage tells what Meter counted; nil: nobody can read it here.
	KeyUsage admin.KeyUsage

	// RejectLog keeps what was refused, for people to look at; nil: nobody does.
	RejectLog RejectLog

	// Label is told of each answer, under the request's context: whether a flow
	// chose its status, and why a request that was to run a flow was refused,
	// empty when it was not; nil: nobody wants to know.
	Label func(ctx context.Context, byFlow bool, refusal string)

	// Console serves everything below /console; nil: there is none.
	Console http.Handler

	// Ready says whether new runs can be accepted; nil: always.
	Ready func(ctx context.Context) error

	// Memory is the budget of the process, from which bodies are taken while
	// their requests last; nil: there is always room.
	Memory *budget.Process

	// MaxBody is the largest body in bytes; default 1 MiB.
	MaxBody int64

	// TrustedProxies are the addresses or networks whose X-Forwarded-For is
	// believed; none by default.
	TrustedProxies []string

	// Origins are those whose pages may call the API; none by default.
	Origins []string

	// Now is the clock; default time.Now.
	Now func() time.Time
}

// API is the handler of every route. Safe for concurrent use.
type API struct {
	config   Config
	schemes  []auth.Authenticator
	frame    httpx.Frame
	runner   *runner.Runner
	engine   *gin.Engine
	draining atomic.Bool

	description func() (*openapi.Description, error) // made once, when somebody asks
}

// New makes an API; it serves until its Server, or any other, stops calling.
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
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Ready == nil {
		config.Ready = func(context.Context) error { return nil }
	}
	if (config.Authority == nil) != (config.Store == nil) {
		return nil, errors.New("new api: Authority and Store go together")
	}
	a := &API{
		config:      config,
		description: sync.OnceValues(openapi.Describe),
	}
	a.frame = httpx.Frame{
		Now: config.Now, Memory: config.Memory, MaxBody: config.MaxBody, Limiter: config.Limiter,
		Envelopes: []httpx.Envelope{
			{Serves: smartsync.Serves, Write: smartsync.WriteFault},
			{Serves: oauth.Serves, Write: oauth.WriteFault, BasicOnly: true},
		},
	}
	a.runner = runner.New(runner.Config{Submit: config.Submit, Records: config.Records, Paused: a.paused, Memory: config.Memory})
	signatures := auth.SignatureScheme{Keys: config.Keys, Guard: config.Guard, Usage: config.Usage}
	if config.Store != nil {
		signatures.Replays = config.Store.Tokens()
	}
	a.schemes = append([]auth.Authenticator{signatures}, config.Schemes...)
	if config.Authority != nil {
		a.schemes = append(a.schemes, config.Authority.Schemes()...)
	}
	var err error
	if a.engine, err = a.router(); err != nil {
		return nil, fmt.Errorf("new api: %w", err)
	}
	return a, nil
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.engine.ServeHTTP(w, r) }

// Drain makes /readyz fail. Requests are served as before, and told to close
// their connections.
func (a *API) Drain() { a.draining.Store(true) }

// paused reports whether a flow is paused: its runs wait until it is resumed.
func (a *API) paused(flow int64) bool {
	return a.config.Store != nil && !a.config.Store.Flows().Paused(flow).IsZero()
}
