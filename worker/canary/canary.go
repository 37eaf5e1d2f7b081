// Package canary promotes and stops canaries by their rules.
package canary

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

const (
	lookEvery = 10 * time.Second
	minRuns   = 50 // of a canary that have ended, before a rule applies
)

// Runs compares the runs of versions of a flow. *queue.Client implements it.
type Runs interface {
	CompareVersions(ctx context.Context, flow int64, queue string, since time.Time) (*queue.Comparison, error)
}

// Config of a Keeper. All fields are required.
type Config struct {
	Redis redis.UniversalClient // stays the caller's
	Log   *slog.Logger
	Store *store.Store
	Runs  Runs
}

// Keeper applies the rules of canaries while Run runs.
type Keeper struct{ config Config }

// New returns a Keeper.
func New(config Config) (*Keeper, error) {
	if config.Redis == nil || config.Log == nil || config.Store == nil || config.Runs == nil {
		return nil, errors.New("new keeper of canaries: Redis, Log, Store and Runs are required")
	}
	return &Keeper{config}, nil
}

// Run applies the rules every 10 s until ctx ends. All workers of a fleet do; one of them at a time looks.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := k.look(ctx); err != nil && ctx.Err() == nil {
			k.config.Log.Error("the rules of canaries cannot be applied", "error", err)
		}
	}
}

// look applies the rules if no other worker has done so lately. One flow's error stops no other.
func (k *Keeper) look(ctx context.Context) error {
	var all []store.Deployment
	for _, head := range k.config.Store.Flows().List() {
		if c := head.Canary; c != nil && (c.RollbackAt > 0 || c.PromoteAfter > 0) {
			all = append(all, head)
		}
	}
	if len(all) == 0 {
		return nil
	}
	turn, err := k.config.Redis.SetNX(ctx, keyTurn, "", lookEvery-time.Second).Result()
	if err != nil || !turn {
		return err
	}
	var failed []error
	for _, head := range all {
		failed = append(failed, k.apply(ctx, &head, time.Now()))
	}
	return errors.Join(failed...)
}

// apply applies the rule of one canary.
func (k *Keeper) apply(ctx context.Context, head *store.Deployment, now time.Time) error {
	flows, c := k.config.Store.Flows(), head.Canary
	flow, err := flows.Version(ctx, head.Number, c.Version)
	if err != nil {
		return err
	}
	all, err := k.config.Runs.CompareVersions(ctx, head.Number, flow.Queue, c.StartedAt)
	if err != nil {
		return err
	}
	runs := all.Versions[c.Version]
	verb, end := decide(c, runs, now), flows.StopCanary
	switch verb {
	case "":
		return nil
	case promote:
		end = flows.PromoteCanary
	}
	err = end(ctx, head.Number, c)
	if errors.Is(err, store.ErrNotFound) { // a person was faster
		return nil
	}
	if err != nil {
		return err
	}
	k.config.Log.Info("a canary has ended by its rule", "flow", head.Number, "version", c.Version, "rule", verb, "runs", runs.Runs, "failed", runs.Failed)
	return k.config.Store.Audit().Add(ctx, audit.Entry{
		Actor: "system", Name: "system", Via: audit.ViaSystem, Act: verb + " canary", Kind: audit.KindFlow, Subject: strconv.FormatInt(head.Number, 10), Status: 200,
		Object: fmt.Sprintf("flow:%d, %d of %d runs failed", head.Number, runs.Failed, runs.Runs),
	})
}

// What a rule does.
const (
	promote = "promote"
	stop    = "stop"
)

// decide returns what the rule of a canary does after these runs; empty: nothing.
func decide(c *store.Canary, runs queue.VersionRuns, now time.Time) string {
	switch {
	case runs.Runs < minRuns:
		return ""
	case c.RollbackAt > 0 && runs.FailedPercent() >= float64(c.RollbackAt):
		return stop
	case c.PromoteAfter > 0 && now.Sub(c.StartedAt) >= c.PromoteAfter:
		return promote
	}
	return ""
}
