// Package app is the program as a library: its settings, and the wiring of
// everything that a process needs for its role. Its commands are in app/cli.
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

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/keyusage"
	"github.com/penstock/penstock/console"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/callback"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/password"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/rejectlog"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
	"github.com/penstock/penstock/telemetry"
)

// Program is one process of the product, in one role or all of them. New
// opens, Run works until its context ends, Close releases.
type Program struct {
	settings Settings
	role     Role
	kinds    *flows.Catalogue // of step that flows may use
	log      *slog.Logger
	out      io.Writer // what people read; logs go elsewhere

	listener  net.Listener
	url       string // of the front door, as it listens
	dataDir   string // dev: where data is kept; empty: memory only
	redis     *redisconn.Conn
	shared    redis.UniversalClient // of the parts that ask Redis now and then
	store     *store.Store
	flowFiles *loadReport // says what was found in the flow files
	client    *queue.Client
	authority *auth.Authority
	hasher    *password.Hasher
	console   *console.Console
	refusals  *rejectlog.Log
	meter     *keyusage.Counter
	limiter   *limits.Limiter
	guesses   *auth.BruteForceGuard
	guessKey  []byte // under which names and networks of guesses are hashed
	callbacks *callback.Signer
	memory    *budget.Process    // nil: the limit of the process is not known
	metrics   *telemetry.Metrics // nil: nobody scrapes
	tracing   *telemetry.Tracing // nil: nobody traces
	crm       string             // base URL of the demo CRM; empty: there is none
	examples  map[string]bool    // dev: the versions of the example flows
	block     time.Duration      // how long an idle worker waits in one call; zero: as usual

	metricsURL string // empty: none

	parts  []part         // in the order of starting
	closes []func() error // in the order of opening
}

// New opens everything that a role needs. On error nothing is left open.
func New(ctx context.Context, settings Settings, r Role, kinds *flows.Catalogue, log *slog.Logger, out io.Writer) (_ *Program, err error) {
	p := &Program{settings: settings, role: r, kinds: kinds, log: log, out: out}
	defer func() {
		if err != nil {
			_ = p.Close() // what failed first says more
		}
	}()
	open := []func(context.Context) error{p.openMemory, p.openTelemetry, p.openRedis, p.openStore, p.openQueue}
	if r.Door {
		// The address first: it is what fails most often, and the first line of the log.
		open = append([]func(context.Context) error{p.openListener}, append(open, p.loadFlows)...)
	}
	if r.Worker {
		open = append(open, p.openWorker)
	}
	if r.Door {
		open = append(open, p.openMeter, p.openAuthority, p.openReminder, p.openRefusals, p.openConsole, p.openDoor)
	}
	for _, step := range open {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if r.Door {
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

// Run works until ctx ends, then stops in order: the door answers who waits,
// workers finish or hand back, and the store goes last.
func (p *Program) Run(ctx context.Context) error { return runParts(ctx, p.log, p.parts) }

// Close releases everything, in the reverse order of opening.
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
	p.client, err = queue.NewClient(queue.Config{
		Redis: p.redis, Log: p.log, MaxAge: p.settings.MaxQueueAge, Shards: queue.Shards(p.settings.Shards),
	})
	if err != nil {
		return err
	}
	p.onClose(p.client.Close)
	p.watchQueue()
	p.add("queue", p.client.Run)
	return nil
}

// writeReadyFile tells whoever waits for the file. It appears whole.
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
