// Package refusals keeps the requests that the doors refused lately, without
// what they carried, for the people who ask why.
package refusals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxKept is about how many refusals are kept.
	maxKept = 1000
	// retention is how long they are kept after the last.
	retention = 7 * 24 * time.Hour
	// bufferSize is how many may wait to be written; more at once are not kept.
	bufferSize = 64
	// writeInterval is between two writes: a flood of refusals must not become a flood
	// of writes.
	writeInterval = 200 * time.Millisecond
	// explainLimit bounds one explanation.
	explainLimit = time.Second

	maxText = 300 // bytes of a message or finding
)

// key is a stream of refusals (JSON), about kept of them. TTL: keptFor.
const key = "penstock:refused"

const field = "refusal"

// Refusal is a request that was refused. It holds neither a body nor what
// proves anything.
type Refusal struct {
	ID        string    `json:"-"`
	At        time.Time `json:"-"` // when it was written
	Method    string    `json:"method"`
	Route     string    `json:"route"`
	Status    int       `json:"status"`
	Code      string    `json:"code"`
	Message   string    `json:"message"`
	Flow      string    `json:"flow,omitempty"` // as the request named it
	Key       string    `json:"key,omitempty"`  // likewise
	IP        string    `json:"ip"`
	RequestID string    `json:"request_id"`
	Findings  []string  `json:"findings,omitempty"` // why a proof did not fit

	// Explain finds out why a proof did not fit, later; nil: there is nothing
	// to explain.
	Explain func(context.Context) []string `json:"-"`
}

// Config of a Log. Both are required.
type Config struct {
	Redis redis.UniversalClient
	Log   *slog.Logger
}

// Log keeps refusals. Safe for concurrent use.
type Log struct {
	config  Config
	waiting chan Refusal // buffered, so that a door never waits
}

// New makes a Log. Nothing is written unless Run runs.
func New(config Config) (*Log, error) {
	if config.Redis == nil || config.Log == nil {
		return nil, errors.New("new log of refusals: Redis and Log are required")
	}
	return &Log{config, make(chan Refusal, bufferSize)}, nil
}

// Add keeps a refusal, unless too many come at once. It never blocks.
func (l *Log) Add(r Refusal) {
	select {
	case l.waiting <- r:
	default:
	}
}

// Run writes what was added until ctx ends.
func (l *Log) Run(ctx context.Context) error {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-l.waiting:
			err := l.write(ctx, append([]Refusal{r}, l.drain()...))
			if err != nil && !failing && ctx.Err() == nil { // say it once
				l.config.Log.Warn("refusals are not kept", "error", err)
			}
			failing = err != nil
		}
		timer := time.NewTimer(writeInterval)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// drain takes what waits now.
func (l *Log) drain() []Refusal {
	var all []Refusal
	for {
		select {
		case r := <-l.waiting:
			all = append(all, r)
		default:
			return all
		}
	}
}

func (l *Log) write(ctx context.Context, batch []Refusal) error {
	_, err := l.config.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range batch {
			text, err := json.Marshal(finish(ctx, &batch[i]))
			if err != nil {
				return err
			}
			p.XAdd(ctx, &redis.XAddArgs{Stream: key, MaxLen: maxKept, Approx: true, Values: []any{field, text}})
		}
		p.Expire(ctx, key, retention)
		return nil
	})
	if err != nil {
		return fmt.Errorf("write refusals: %w", err)
	}
	return nil
}

// finish explains a refusal and shortens its texts.
func finish(ctx context.Context, r *Refusal) *Refusal {
	if r.Explain != nil {
		ctx, cancel := context.WithTimeout(ctx, explainLimit)
		defer cancel()
		r.Findings = r.Explain(ctx)
	}
	for _, text := range []*string{&r.Message, &r.Flow, &r.Key, &r.Code} {
		*text = shorten(*text)
	}
	for i := range r.Findings {
		r.Findings[i] = shorten(r.Findings[i])
	}
	return r
}

func shorten(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}

// List returns the newest refusals, at most that many.
func (l *Log) List(ctx context.Context, most int) ([]Refusal, error) {
	messages, err := l.config.Redis.XRevRangeN(ctx, key, "+", "-", int64(most)).Result()
	if err != nil {
		return nil, fmt.Errorf("read refusals: %w", err)
	}
	all := make([]Refusal, 0, len(messages))
	for _, m := range messages {
		var r Refusal
		text, _ := m.Values[field].(string)
		if json.Unmarshal([]byte(text), &r) != nil {
			continue // of a newer version, perhaps
		}
		ms, _, _ := strings.Cut(m.ID, "-")
		n, _ := strconv.ParseInt(ms, 10, 64)
		r.ID, r.At = m.ID, time.UnixMilli(n).UTC()
		all = append(all, r)
	}
	return all, nil
}
