package audit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/entrylog"
)

func isHistory(err error) bool { return errors.Is(err, entrylog.ErrHistory) }

// scanStored passes the entries that Redis has to each, the oldest first.
func (l *Log) scanStored(ctx context.Context, each func(*Entry) bool) error {
	err := l.stored(ctx, entrylog.Range{Oldest: true}, func(e entrylog.Entry) (bool, error) { return each(entryOf(e)), nil })
	if err != nil {
		return fmt.Errorf("read audit log: %w", err)
	}
	return nil
}

func (l *Log) headText(ctx context.Context) (string, error) {
	text, err := l.config.Redis.Get(ctx, keyHead).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("read audit log: %w", err)
	}
	return text, nil
}

// Head is the end of the chain. The zero Head is that of an empty one.
type Head struct {
	Seq  int64     `json:"seq"`
	At   time.Time `json:"at,omitzero"`
	Hash string    `json:"hash,omitempty"`
}

// Head returns the end of the chain.
func (l *Log) Head(ctx context.Context) (Head, error) {
	text, err := l.headText(ctx)
	if err != nil {
		return Head{}, err
	}
	h, err := parseHead(text)
	if err != nil || h.seq == 0 {
		return Head{}, err
	}
	return Head{h.seq, time.UnixMilli(h.at).UTC(), h.hash}, nil
}

// The sinks of exports.
const (
	SinkFile   = "file"
	SinkSyslog = "syslog"
	SinkHTTP   = "http"
)

// Sinks are all that there are. Read only.
var Sinks = []string{SinkFile, SinkSyslog, SinkHTTP}

// Export is how far entries were exported to a sink.
type Export struct {
	Sink   string    `json:"sink"`
	Target string    `json:"target"` // where to, without secrets
	Seq    int64     `json:"seq"`    // number of the last entry that was exported
	Hash   string    `json:"hash"`   // of that one
	At     time.Time `json:"at"`     // time of that one
	Lost   int64     `json:"lost"`   // entries that were removed before they were exported
	Behind int64     `json:"behind"` // entries that wait

	Error string    `json:"error,omitempty"`        // why it does not go on; empty: it does
	Since time.Time `json:"failing_since,omitzero"` // since when
	Seen  time.Time `json:"seen_at"`                // when an exporter was last at work
	place entrylog.Place
}

// Exports returns how far the exporters are that have been at work, in the order of Sinks.
func (l *Log) Exports(ctx context.Context) ([]Export, error) {
	h, err := l.Head(ctx)
	if err != nil {
		return nil, err
	}
	var all []Export
	for _, sink := range Sinks {
		x, found, err := l.export(ctx, sink)
		if err != nil {
			return nil, err
		}
		if found {
			x.Behind = max(0, h.Seq-x.Seq)
			all = append(all, x)
		}
	}
	return all, nil
}

// export reads how far a sink is; false: no exporter has been at work.
func (l *Log) export(ctx context.Context, sink string) (x Export, found bool, err error) {
	m, err := l.config.Redis.HGetAll(ctx, keyExport(sink)).Result()
	if err != nil {
		return x, false, fmt.Errorf("read exports of audit log: %w", err)
	}
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(m[name], 10, 64) // absent: 0
		return n
	}
	moment := func(name string) time.Time {
		if ms := number(name); ms != 0 {
			return time.UnixMilli(ms).UTC()
		}
		return time.Time{}
	}
	x = Export{
		Sink: sink, Target: m["target"], Seq: number("seq"), Hash: m["hash"], At: moment("ms"), Lost: number("lost"), Error: m["error"],
		Since: moment("failing_since"), Seen: moment("at"),
	}
	if place, err := entrylog.ParsePlace(m["place"]); err == nil {
		x.place = place
	}
	return x, len(m) > 0, nil
}
