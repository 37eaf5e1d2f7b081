// Package rejectlog keeps a log of recently rejected requests, without their contents, for people who ask for the
// reason.
package rejectlog

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
	// maxKept is the approximate maximum number of entries.
	maxKept = 1000
	// retention is how long the log is kept after its last entry.
	retention = 7 * 24 * time.Hour
	// bufferSize is the maximum number of entries that wait to be written; further ones are dropped.
	bufferSize = 64
	// writeInterval is the pause between two writes, so that a flood of rejections does not become a flood of writes.
	writeInterval = 200 * time.Millisecond
	// explainLimit is the maximum duration of one Explain.
	explainLimit = time.Second

	maxText = 300 // bytes of a message or finding
)

// key is a stream of rejections (JSON), about maxKept of them. TTL: retention.
const key = "penstock:refused"

const field = "refusal"

// Rejection is a rejected request. It contains neither a body nor a credential.
type Rejection struct {
	ID        string    `json:"-"`
	At        time.Time `json:"-"` // time of writing
	Method    string    `json:"method"`
	Route     string    `json:"route"`
	Status    int       `json:"status"`
	Code      string    `json:"code"`
	Message   string    `json:"message"`
	Flow      string    `json:"flow,omitempty"` // as named in the request
	Key       string    `json:"key,omitempty"`  // as named in the request
	IP        string    `json:"ip"`
	RequestID string    `json:"request_id"`
	Findings  []string  `json:"findings,omitempty"` // why a proof was rejected

	// Explain finds out later why a proof was rejected; optional.
	Explain func(context.Context) []string `json:"-"`
}

// Config configures a Log. Both fields are required.
type Config struct {
	Redis redis.UniversalClient
	Log   *slog.Logger
}

// Log stores rejections. Safe for concurrent use.
type Log struct {
	config  Config
	waiting chan Rejection // buffered, so that Add never blocks
}

// New returns a Log. It writes only while Run runs.
func New(config Config) (*Log, error) {
	if config.Redis == nil || config.Log == nil {
		return nil, errors.New("new reject log: Redis and Log are required")
	}
	return &Log{config, make(chan Rejection, bufferSize)}, nil
}

// Add records a rejection, or drops it when too many are waiting. It never blocks.
func (l *Log) Add(r Rejection) {
	select {
	case l.waiting <- r:
	default:
	}
}

// Run writes the added entries until ctx ends.
func (l *Log) Run(ctx context.Context) error {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-l.waiting:
			err := l.write(ctx, append([]Rejection{r}, l.drain()...))
			if err != nil && !failing && ctx.Err() == nil { // logged once
				l.config.Log.Warn("rejections are not stored", "error", err)
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

// drain returns the entries that are waiting now.
func (l *Log) drain() []Rejection {
	var all []Rejection
	for {
		select {
		case r := <-l.waiting:
			all = append(all, r)
		default:
			return all
		}
	}
}

func (l *Log) write(ctx context.Context, batch []Rejection) error {
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
		return fmt.Errorf("write rejections: %w", err)
	}
	return nil
}

// finish explains a rejection and shortens its texts.
func finish(ctx context.Context, r *Rejection) *Rejection {
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

// List returns the newest rejections, at most the given number.
func (l *Log) List(ctx context.Context, most int) ([]Rejection, error) {
	messages, err := l.config.Redis.XRevRangeN(ctx, key, "+", "-", int64(most)).Result()
	if err != nil {
		return nil, fmt.Errorf("read rejections: %w", err)
	}
	all := make([]Rejection, 0, len(messages))
	for _, m := range messages {
		var r Rejection
		text, _ := m.Values[field].(string)
		if json.Unmarshal([]byte(text), &r) != nil {
			continue // possibly of a newer version
		}
		ms, _, _ := strings.Cut(m.ID, "-")
		n, _ := strconv.ParseInt(ms, 10, 64)
		r.ID, r.At = m.ID, time.UnixMilli(n).UTC()
		all = append(all, r)
	}
	return all, nil
}
