package audit

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/entrylog"
)

var (
	//go:embed lua/append.lua
	appendLua    string
	appendScript = redis.NewScript(appendLua)
)

const (
	// maxBatch is the maximum number of entries that one step writes.
	maxBatch = 64
	// appendAttempts is the maximum number of tries while other processes write first. In each round one process succeeds.
	appendAttempts = 200
	// appendLimit is the maximum duration of writing.
	appendLimit = 10 * time.Second
)

// pending is an entry on its way to the log.
type pending struct {
	entry *Entry
	err   error
}

// Add writes an entry at the end of the chain; the log sets its id, number, time, hashes and signature. It returns when the entry is
// written. The end of ctx does not undo it.
func (l *Log) Add(ctx context.Context, e Entry) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("write audit log: %w", err)
	}
	e.Changes = slices.Clone(e.Changes)
	e.normalise()
	p := &pending{entry: &e}
	l.batch.Do(p)
	if p.err != nil {
		return fmt.Errorf("write audit log: %w", p.err)
	}
	return nil
}

// flush writes entries that came while others were written.
func (l *Log) flush(batch []*pending) {
	ctx, cancel := context.WithTimeout(context.Background(), appendLimit)
	defer cancel()
	n, err := l.append(ctx, batch)
	for _, p := range batch {
		p.err = err
	}
	if most := l.most(); err == nil && n >= most+chunk {
		if err := l.trim(ctx, most); err != nil {
			l.config.Log.Warn("shorten audit log", "error", err)
		}
	}
}

// most returns the maximum number of entries in Redis.
func (l *Log) most() int {
	if l.config.History != nil {
		return l.config.Waiting
	}
	return l.config.Length
}

// append writes entries and returns the number of those in Redis. The chain's end is read first, and written with the entries only
// if it is still the same: of processes that write at once one does, and the others try again behind it.
func (l *Log) append(ctx context.Context, batch []*pending) (int, error) {
	if len(l.config.Keys) == 0 {
		return 0, errors.New("there is no key to sign with")
	}
	args := []any{""}
	for attempt := range appendAttempts {
		if attempt > 2 { // so that two processes do not go on in step
			select {
			case <-ctx.Done():
				return 0, ctx.Err()
			case <-time.After(rand.N(5 * time.Millisecond)):
			}
		}
		reply, err := appendScript.Run(ctx, l.config.Redis, []string{keyStream, keyHead}, args...).Slice()
		if err != nil {
			return 0, err
		}
		if wrote, _ := reply[0].(int64); wrote == 1 {
			n, _ := reply[1].(int64)
			return int(n), nil
		}
		if args, err = l.sealed(batch, reply); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("other processes wrote %d times meanwhile", appendAttempts)
}

// sealed returns the arguments of the script that appends the entries to the state that it returned.
func (l *Log) sealed(batch []*pending, state []any) ([]any, error) {
	text, _ := state[1].(string)
	last, _ := state[2].(string)
	now, _ := state[3].(int64)
	h, err := parseHead(text)
	if err != nil {
		return nil, err
	}
	at := max(now, h.at)
	if last != "" { // ids of the stream only grow
		place, err := entrylog.ParsePlace(last)
		if err != nil {
			return nil, err
		}
		if at < place.At || at == place.At && place.Seq > h.seq {
			at = place.At + 1
		}
	}
	args := []any{text, ""}
	for _, p := range batch {
		e := p.entry
		h.seq, h.at = h.seq+1, at
		e.Seq, e.At, e.Prev = h.seq, time.UnixMilli(at).UTC(), h.hash
		entry, err := e.seal(l.config.Keys[0])
		if err != nil {
			return nil, err
		}
		h.hash = e.Hash
		args = append(args, e.ID, entry)
	}
	args[1] = h.String()
	return args, nil
}

// place returns the place that an entry of the chain has.
func (e *Entry) place() entrylog.Place { return entrylog.Place{At: e.At.UnixMilli(), Seq: e.Seq} }

// head is the end of a chain. The zero head is that of an empty one.
type head struct {
	seq, at int64 // at in unix ms
	hash    string
}

func (h head) String() string {
	return strconv.FormatInt(h.seq, 10) + " " + strconv.FormatInt(h.at, 10) + " " + h.hash
}

func parseHead(text string) (h head, err error) {
	if text == "" {
		return h, nil
	}
	parts := strings.Split(text, " ")
	if len(parts) == 3 {
		h.hash = parts[2]
		if h.seq, err = strconv.ParseInt(parts[0], 10, 64); err == nil {
			h.at, err = strconv.ParseInt(parts[1], 10, 64)
		}
	}
	if len(parts) != 3 || err != nil || h.seq < 1 || len(h.hash) != 64 {
		return h, errors.New("the end of the chain cannot be read: see docs/audit.md")
	}
	return h, nil
}
