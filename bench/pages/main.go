// Command pages fills an installation whose flows are deployed with made-up records, so that the pages of its console can be measured:
//
//	PENSTOCK_MASTER_KEY=… go run ./bench/pages -redis redis://127.0.0.1:6379 -history sqlite:/tmp/h.db -runs 100000 -audit 100000
//
// It writes what workers and front doors would have written, and is for an installation that is thrown away afterwards.
package main

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/store"
)

// hot is how long Redis keeps a run that the history has; see --hot.
const hot = 15 * time.Minute

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "pages:", err)
		os.Exit(1)
	}
}

// installation is what is filled.
type installation struct {
	redis   *redis.Client
	history *history.DB // nil: there is none
	store   *store.Store
}

func run(ctx context.Context) error {
	url := flag.String("redis", "", "Redis of the installation")
	place := flag.String("history", "", "its history: sqlite:PATH or postgres://…; empty: it has none")
	runs := flag.Int("runs", 0, "ended runs to add: a third of the last minutes, the others of the last days; without a history of the last 20 hours")
	entries := flag.Int("audit", 0, "entries of the audit log to add")
	deliveries := flag.Int("deliveries", 0, "deliveries to the webhook of the first flow to add to the history, half of them rejected")
	flag.Parse()
	in, err := open(ctx, *url, *place)
	if err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		n    int
		fill func(context.Context, int) error
	}{{"runs", *runs, in.addRuns}, {"entries of the audit log", *entries, in.addEntries}, {"deliveries", *deliveries, in.addDeliveries}} {
		if part.n == 0 {
			continue
		}
		begun := time.Now()
		if err := part.fill(ctx, part.n); err != nil {
			return fmt.Errorf("add %s: %w", part.name, err)
		}
		fmt.Printf("%d %s added in %.0f s\n", part.n, part.name, time.Since(begun).Seconds())
	}
	return nil
}

func open(ctx context.Context, url, place string) (*installation, error) {
	conn, err := redisconn.Parse(url)
	if err != nil {
		return nil, err
	}
	client, is := conn.Client().(*redis.Client)
	if !is {
		return nil, fmt.Errorf("open %s: a single Redis is filled", url)
	}
	in := &installation{redis: client}
	config := store.Config{Redis: client, Catalogue: steps.Catalogue(), Log: slog.New(slog.DiscardHandler), ReadOnly: true}
	if place != "" {
		if in.history, err = history.Open(ctx, place, slog.Default()); err != nil {
			return nil, err
		}
		config.History = in.history
	}
	key, err := base64.StdEncoding.DecodeString(os.Getenv("PENSTOCK_MASTER_KEY"))
	if err != nil {
		return nil, fmt.Errorf("read PENSTOCK_MASTER_KEY: %w", err)
	}
	if config.Sealer, err = store.NewSealer(key); err != nil {
		return nil, err
	}
	in.store, err = store.Open(ctx, config)
	return in, err
}
