// Package console serves the web console: server-rendered HTML pages with a small script.
package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/keyusage"
	"github.com/penstock/penstock/auth/oidc"
	"github.com/penstock/penstock/console/account"
	"github.com/penstock/penstock/console/assets"
	"github.com/penstock/penstock/console/build"
	"github.com/penstock/penstock/console/flowpage"
	"github.com/penstock/penstock/console/palette"
	"github.com/penstock/penstock/console/portal"
	"github.com/penstock/penstock/console/presets"
	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/console/tasks"
	"github.com/penstock/penstock/console/workbench"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/reference"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/internal/lastuse"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/password"
	"github.com/penstock/penstock/internal/rejectlog"
	"github.com/penstock/penstock/internal/webhook"
	"github.com/penstock/penstock/operation"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/queue/rehearsal"
	"github.com/penstock/penstock/store"
)

// Root is the path at which the console is mounted. The console handles all paths below it.
const Root = "/console"

// Developers is the path at which the developer portal is mounted. The console handles all paths below it, too.
const Developers = "/developers"

// RejectLog lists the latest requests rejected by the API. *rejectlog.Log implements it.
type RejectLog interface {
	List(ctx context.Context, most int) ([]rejectlog.Rejection, error)
}

// KeyUsage counts the calls signed with each of the two secrets of a key in rotation. *keyusage.Meter implements it.
type KeyUsage interface {
	Use(ctx context.Context, k *store.Key) (keyusage.Use, error)
}

// ConnectionTester contacts the server of a connection. The error says what is wrong and has no secret.
type ConnectionTester interface {
	// Test sends an HTTP connection to target, or to the URL of its own settings if that is empty.
	Test(ctx context.Context, name, target string) (said string, err error)
}

// Config configures a Console. The fields before Connections are required.
type Config struct {
	Store      *store.Store
	Queue      *queue.Client
	Operations *operation.Executor
	Redis      redis.UniversalClient // for sessions and asynq's records; not closed
	Catalogue  *flows.Catalogue      // step kinds that flows may use
	Hasher     *password.Hasher
	Authority  *auth.Authority // verifies passwords, issues assertions and tokens, explains requests
	RejectLog  RejectLog
	Deliveries *deliveries.Log // what arrives at webhooks
	KeyUsage   KeyUsage
	Webhooks   *webhook.Store
	Failures   *failure.Store
	Log        *slog.Logger

	// SignOn lets users sign in at an OpenID Connect provider; nil: with passwords only.
	SignOn *oidc.Provider

	// Connections tests connections; nil: not offered.
	Connections ConnectionTester

	// Rehearser rehearses versions of flows on recorded runs; nil: not offered.
	Rehearser *rehearsal.Rehearser

	// History says whether the history answers; nil: there is none.
	History Pinger

	// Stats has the statistics of runs; nil: there are no charts.
	Stats Stats

	// Redeem is used to authorize connections at authorization servers; nil: not offered.
	Redeem Redeem

	// Files has the files of runs; nil: runs have none.
	Files *blob.Store

	// Issuer is the external base URL, used in example requests; cookies are Secure if it is https. Empty: the URL of
	// the request is used.
	Issuer string

	// Call serves a request to the API for a signed-in developer; nil: the developer portal offers no calls.
	Call func(w http.ResponseWriter, r *http.Request, p *auth.Principal)

	// LastUse knows when credentials and connections were used last; nil: pages do not show it.
	LastUse *lastuse.Recorder

	// ClientUsage counts the calls of API clients, and RateIP and RateClient limit them per address and per client; the
	// developer portal shows them. Optional.
	ClientUsage portal.Usage
	RateIP      limits.Rates
	RateClient  limits.Rates

	// AdminUser is the user whose password the settings of the process have; empty: none.
	AdminUser string

	// Dev says that this process is for development: pages speak of its commands.
	Dev bool

	// MaxBody is the maximum size of an event or a flow that the API takes, in bytes; forms have room for it. Zero means 1 MiB.
	MaxBody int64

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Console is the http.Handler of all pages below Root and Developers. Safe for concurrent use.
type Console struct {
	config        Config
	sessions      *session.Store
	known         session.Known // for reading while Redis does not answer
	health        *health
	attention     *attention
	schedules     schedules
	asynq         *asynq.Inspector
	overviewCache *overviewCache
	tasks         *tasks.UI
	portal        *portal.Portal
	workbench     *workbench.Workbench
	flowPages     *flowpage.Pages
	accounts      *account.Accounts
	palette       *palette.Palette
	builder       *build.Builder
	assets        *assets.Assets
	presets       func() ([]presets.Preset, error) // of connections, read once
	flowSchema    func() ([]byte, error)           // JSON Schema of flow files, made once
	secure        bool                             // the issuer is https
	origin        *http.CrossOriginProtection
	mux           *http.ServeMux
}

// New returns a Console. It returns an error if a required field is missing or the Issuer is not a URL.
func New(config Config) (*Console, error) {
	switch {
	case config.Store == nil || config.Queue == nil || config.Operations == nil || config.Redis == nil || config.Catalogue == nil:
		return nil, errors.New("new console: Store, Queue, Operations, Redis and Catalogue are required")
	case config.Hasher == nil || config.Authority == nil || config.RejectLog == nil || config.Deliveries == nil || config.KeyUsage == nil || config.Webhooks == nil || config.Failures == nil || config.Log == nil:
		return nil, errors.New("new console: Hasher, Authority, RejectLog, Deliveries, KeyUsage, Webhooks, Failures and Log are required")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	config.MaxBody = cmp.Or(config.MaxBody, 1<<20)
	issuer, err := url.Parse(config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("new console: %w", err)
	}
	config.Issuer = strings.TrimSuffix(config.Issuer, "/")
	files, err := assets.Load(Root + "/assets/")
	if err != nil {
		return nil, fmt.Errorf("new console: %w", err)
	}
	c := &Console{
		config:     config,
		sessions:   session.New(config.Redis, config.Now),
		asynq:      asynq.NewInspectorFromRedisClient(config.Redis),
		assets:     files,
		secure:     issuer.Scheme == "https",
		origin:     http.NewCrossOriginProtection(),
		presets:    sync.OnceValues(func() ([]presets.Preset, error) { return presets.List(config.Catalogue) }),
		builder:    build.New(build.Config{Catalogue: config.Catalogue, Store: config.Store, Runs: config.Queue}),
		flowSchema: sync.OnceValues(func() ([]byte, error) { return reference.CompletionSchema(config.Catalogue) }),
	}
	c.attention = newAttention(&c.config)
	c.health = &health{history: config.History, loads: cached[[]queue.Load]{ttl: loadsTTL, load: config.Queue.Loads}}
	c.overviewCache = newOverviewCache(config.Queue, c.health, config.Now)
	c.tasks, err = tasks.New(Root+"/queues", config.Redis)
	if err != nil {
		return nil, fmt.Errorf("new console: %w", err)
	}
	c.flowPages = flowpage.New(flowpage.Config{Runs: config.Queue, History: config.Stats, Now: config.Now})
	c.portal, err = portal.New(portal.Config{Store: config.Store, Authority: config.Authority, Base: c.base, Now: config.Now, Call: config.Call,
		Usage: config.ClientUsage, RateIP: config.RateIP, RateClient: config.RateClient})
	if err != nil {
		return nil, fmt.Errorf("new console: %w", err)
	}
	c.workbench, err = workbench.New(workbench.Config{Store: config.Store, Queue: config.Queue, Deliveries: config.Deliveries, Catalogue: config.Catalogue, Base: c.base, Issuer: config.Issuer,
		Workers: c.health.workers, MaxBody: config.MaxBody, Now: config.Now})
	if err != nil {
		return nil, fmt.Errorf("new console: %w", err)
	}
	c.accounts, err = account.New(account.Config{Users: config.Store.Users(), Sessions: c.sessions, Authority: config.Authority, Hasher: config.Hasher, Sealer: config.Store, Now: config.Now, Fixed: config.AdminUser, Tokens: config.Authority.Personal(), Issuer: config.Authority})
	if err != nil {
		return nil, fmt.Errorf("new console: %w", err)
	}
	c.palette, err = palette.New(palette.Config{Store: config.Store, Queue: config.Queue})
	if err != nil {
		return nil, fmt.Errorf("new console: %w", err)
	}
	c.mux = c.router()
	return c, nil
}

// ServeHTTP implements http.Handler. It takes the request's RemoteAddr for the address of the browser.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

// base returns the base URL of the API for callers.
func (c *Console) base(r *http.Request) string {
	if c.config.Issuer != "" {
		return c.config.Issuer
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
