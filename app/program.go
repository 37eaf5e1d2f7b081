// Package app is the program as a library: the settings, and the wiring of a process for its role. The commands are in
// app/cli.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/clientusage"
	"github.com/penstock/penstock/auth/keyusage"
	"github.com/penstock/penstock/connect/probe"
	"github.com/penstock/penstock/console"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/callback"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/internal/lastuse"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/password"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/rejectlog"
	"github.com/penstock/penstock/internal/webhook"
	"github.com/penstock/penstock/operation"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/queue/rehearsal"
	"github.com/penstock/penstock/store"
	"github.com/penstock/penstock/telemetry"
)

// Program is one process of the product in one or all roles. New opens it, Run runs it until ctx ends, and Close
// releases its resources.
type Program struct {
	settings Settings
	role     Role
	kinds    *flows.Catalogue // step kinds that flows may use
	log      *slog.Logger
	out      io.Writer // output for people; logs are written elsewhere

	listener        net.Listener
	url             string // of the front door's listener
	dataDir         string // data directory; empty: memory only
	redis           *redisconn.Conn
	shared          redis.UniversalClient // for parts with few commands
	store           *store.Store
	flowFileReport  *flowFileReport
	client          *queue.Client
	authority       *auth.Authority
	hasher          *password.Hasher
	console         *console.Console
	connections     *probe.Client // for the console and the API, which let workers contact servers
	handler         *api.API      // serves the console, which calls it
	rejectLog       *rejectlog.Log
	deliveries      *deliveries.Log
	keyUsage        *keyusage.Counter
	clientUsage     *clientusage.Counter
	lastUse         *lastuse.Recorder
	limiter         *limits.Limiter
	bruteForceGuard *auth.BruteForceGuard
	bruteForceKey   []byte // key of the hashes of guessed names and networks
	callbacks       *callback.Signer
	files           *blob.Store    // of runs
	webhooks        *webhook.Store // that flows send
	operations      *operation.Executor
	rehearser       *rehearsal.Rehearser
	failures        *failure.Store
	history         *history.DB        // nil: there is none
	memory          *budget.Process    // nil: the limit of the process is unknown
	metrics         *telemetry.Metrics // nil: off
	tracing         *telemetry.Tracing // nil: off
	crm             string             // URL of the demo CRM; empty: off
	examples        map[string]bool    // dev: versions of the example flows
	block           time.Duration      // duration of one blocking call of an idle worker; zero: the default

	metricsURL string // empty: off

	parts  []part         // in starting order
	closes []func() error // in opening order
}

// New opens everything that a role needs. If it returns an error, it has released everything.
func New(ctx context.Context, settings Settings, r Role, kinds *flows.Catalogue, log *slog.Logger, out io.Writer) (_ *Program, err error) {
	p := &Program{settings: settings, role: r, kinds: kinds, log: log, out: out}
	defer func() {
		if err != nil {
			_ = p.Close() // the first error is more useful
		}
	}()
	open := []func(context.Context) error{p.openMemory, p.openTelemetry, p.openRedis, p.openFiles, p.openHistory, p.openStore, p.openDeliveries, p.openQueue, p.openWebhooks, p.openFailures, p.openLastUse}
	if r.API {
		// The listener comes first, because it fails most often.
		open = append([]func(context.Context) error{p.openListener}, append(open, p.loadFlows)...)
	}
	if r.Worker {
		open = append(open, p.openWorker)
	}
	if r.API {
		open = append(open, p.openKeyUsage, p.openClientUsage, p.openAuthority, p.openReminder, p.openRejectLog, p.openRehearser, p.openAudit, p.openConsole, p.openAPI)
	}
	for _, step := range open {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if r.API {
		p.add("announcement", func(ctx context.Context) error {
			if err := p.announce(ctx); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		})
	}
	return p, nil
}

// Run runs until ctx ends. Then the front door responds to waiting callers, workers finish their runs or hand them
// back, and the store is closed last.
func (p *Program) Run(ctx context.Context) error { return runParts(ctx, p.log, p.parts) }

// Close releases everything in the reverse order of opening.
func (p *Program) Close() error {
	var errs []error
	for _, release := range slices.Backward(p.closes) {
		errs = append(errs, release())
	}
	p.closes = nil
	return errors.Join(errs...)
}

func (p *Program) add(name string, run func(context.Context) error) {
	p.parts = append(p.parts, part{name, run})
}

func (p *Program) onClose(release func() error) { p.closes = append(p.closes, release) }

func (p *Program) openQueue(context.Context) (err error) {
	config := queue.Config{Redis: p.redis, Log: p.log, MaxAge: p.settings.MaxQueueAge, Shards: queue.Shards(p.settings.Shards)}
	if p.history != nil {
		config.History = p.history
	}
	p.client, err = queue.NewClient(config)
	if err != nil {
		return err
	}
	p.onClose(p.client.Close)
	p.exportQueueMetrics()
	p.add("queue", p.client.Run)
	p.operations = operation.NewExecutor(operation.Config{
		Store: operation.NewStore(p.shared), Queue: p.client, Flows: p.store.Flows(), Log: p.log,
		CopyFiles: func(ctx context.Context, event []byte, from, to string) ([]byte, []string, error) {
			return flows.CopyFiles(ctx, p.files, event, from, to)
		},
		Allowed: p.mayOperate,
	})
	return nil
}

// mayOperate reports whether the principal that began an operation may still act on the runs of others.
func (p *Program) mayOperate(ctx context.Context, by string, starts bool) (bool, error) {
	scopes := []auth.Scope{auth.ScopeWriteRuns}
	if starts {
		scopes = append(scopes, auth.ScopeRun)
	}
	return auth.StaffMay(ctx, p.store, by, scopes...)
}

// writeReadyFile writes the URL to the ready file. The file appears complete.
func (p *Program) writeReadyFile() error {
	name := p.settings.ReadyFile
	if name == "" {
		return nil
	}
	part := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".part")
	err := os.WriteFile(part, []byte(p.url+"\n"), 0o644)
	if err == nil {
		err = os.Rename(part, name)
	}
	if err != nil {
		return fmt.Errorf("write ready file: %w", err)
	}
	return nil
}
