// Package console is the web console: pages for people, rendered here and
// made quick by a little script.
package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/keyusage"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/password"
	"github.com/penstock/penstock/internal/rejectlog"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// Root is the path that the console is mounted at. It takes everything below.
const Root = "/console"

// RejectLog tells what the doors refused lately. *rejectlog.Log does.
type RejectLog interface {
	List(ctx context.Context, most int) ([]rejectlog.Rejection, error)
}

// KeyUsage tells which secret the calls of a key are signed with that has
// two. *keyusage.Counter does.
type KeyUsage interface {
	Use(ctx context.Context, k *store.Key) (keyusage.Use, error)
}

// Config is what a Console needs. What comes before Connections is required.
type Config struct {
	Store     *store.Store
	Queue     *queue.Client
	Redis     redis.UniversalClient // of the sessions and of asynq's own records; not closed
	Catalogue *flows.Catalogue      // the kinds of step that a flow may use
	Hasher    *password.Hasher
	Authority *auth.Authority // proves who signs in, makes assertions and tokens of clients, and explains requests
	RejectLog RejectLog
	KeyUsage  KeyUsage
	Log       *slog.Logger

	// Connections and HTTP reach what connections are for, when somebody tests
	// one; nil: nobody can.
	Connections flows.Connections
	HTTP        http.RoundTripper

	// Redeem lets people authorise connections at authorization servers; nil:
	// nobody can.
	Redeem Redeem

	// Issuer is the external base URL: what requests to copy are made for, and
	// whether cookies need https. Empty: what the browser asked for.
	Issuer string

	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Console serves every page below Root. Safe for concurrent use.
type Console struct {
	config   Config
	sessions *sessions
	asynq    *asynq.Inspector
	pulse    *pulse
	queues   queuesUI
	assets   *assets
	secure   bool // the issuer is https
	origin   *http.CrossOriginProtection
	mux      *http.ServeMux
}

// New makes a Console.
func New(config Config) (*Console, error) {
	switch {
	case config.Store == nil || config.Queue == nil || config.Redis == nil || config.Catalogue == nil:
		return nil, errors.New("new console: Store, Queue, Redis and Catalogue are required")
	case config.Hasher == nil || config.Authority == nil || config.RejectLog == nil || config.KeyUsage == nil || config.Log == nil:
		return nil, errors.New("new console: Hasher, Authority, RejectLog, KeyUsage and Log are required")
	case (config.Connections == nil) != (config.HTTP == nil):
		return nil, errors.New("new console: Connections and HTTP go together")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	issuer, err := url.Parse(config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("new console: %w", err)
	}
	config.Issuer = strings.TrimSuffix(config.Issuer, "/")
	files, err := loadAssets()
	if err != nil {
		return nil, fmt.Errorf("new console: %w", err)
	}
	c := &Console{
		config:   config,
		sessions: &sessions{config.Redis, config.Now},
		asynq:    asynq.NewInspectorFromRedisClient(config.Redis),
		assets:   files,
		secure:   issuer.Scheme == "https",
		origin:   http.NewCrossOriginProtection(),
	}
	c.pulse = newPulse(config.Queue, c.asynq, config.Now)
	c.queues = newQueuesUI(config.Redis)
	c.mux = c.router()
	return c, nil
}

// ServeHTTP implements http.Handler. The request's RemoteAddr is taken for
// the address of the browser.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

// base is the URL under which callers reach the front door.
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
