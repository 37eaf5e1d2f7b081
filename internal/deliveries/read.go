package deliveries

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/entrylog"
)

// ErrNotFound says that there is no such delivery, or that its content is not kept.
var ErrNotFound = errors.New("not found")

// Range is a part of the deliveries of a flow.
type Range struct {
	From, To time.Time // both inclusive, in milliseconds; zero: unbounded
	Most     int       // maximum number of deliveries

	After entrylog.Place // start behind this delivery, the newest first; zero: at the newest
}

// cut returns those of the deliveries that are in the range, and whether there are more than its maximum.
func (r *Range) cut(all []Delivery) (some []Delivery, more bool) {
	some = slices.DeleteFunc(slices.Clone(all), func(d Delivery) bool {
		return d.At.Before(r.From) || !r.To.IsZero() && d.At.After(r.To) || r.After != entrylog.Place{} && d.Place().Compare(r.After) >= 0
	})
	return some[:min(len(some), r.Most)], len(some) > r.Most
}

// Place is the position of the delivery among those of its flow.
func (d *Delivery) Place() entrylog.Place {
	return entrylog.Place{At: d.At.UnixMilli(), Seq: d.Number}
}

// List returns the newest deliveries of a range, the newest first. more: the range has others. Errors: entrylog.ErrHistory,
// with the deliveries that Redis has, when the history does not answer.
func (l *Log) List(ctx context.Context, flow int64, r Range) (all []Delivery, more bool, err error) {
	recent, whole, err := l.recent(ctx, flow)
	if err != nil {
		return nil, false, err
	}
	if l.config.History == nil {
		all, more = r.cut(recent)
		return all, more, nil
	}
	var within entrylog.Range
	if !r.From.IsZero() {
		within.From = r.From.UnixMilli()
	}
	if !r.To.IsZero() {
		within.To = r.To.UnixMilli()
	}
	within.After = r.After
	if whole > 0 && (r.After == entrylog.Place{} || recent[whole-1].Place().Compare(r.After) < 0) {
		within.After = recent[whole-1].Place()
	}
	older, err := l.config.History.Entries(ctx, logOf(flow), within, r.Most+1)
	if err != nil {
		all, more = r.cut(recent)
		return all, more, fmt.Errorf("read deliveries: %w: %w", entrylog.ErrHistory, err)
	}
	recent = recent[:whole]
	for _, e := range older {
		if d, ok := decode(flow, e.Text); ok {
			recent = append(recent, d)
		}
	}
	all, more = r.cut(recent)
	return all, more, nil
}

// Recent returns the deliveries of a flow that Redis has, the newest first.
func (l *Log) Recent(ctx context.Context, flow int64) ([]Delivery, error) {
	all, _, err := l.recent(ctx, flow)
	return all, err
}

// recent is Recent. Between the first whole deliveries none is missing: the lists keep a number of those with a verdict.
func (l *Log) recent(ctx context.Context, flow int64) (all []Delivery, whole int, err error) {
	keys := flowKeys(flow)
	var accepted, rejected, recorded *redis.StringSliceCmd
	_, err = l.config.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		accepted, rejected, recorded = p.LRange(ctx, keys[1], 0, -1), p.LRange(ctx, keys[2], 0, -1), p.HKeys(ctx, keys[3])
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read deliveries: %w", err)
	}
	all = make([]Delivery, 0, 2*maxKept)
	from := int64(0) // number from which on none is missing
	for _, list := range [][]string{accepted.Val(), rejected.Val()} {
		for i, text := range list {
			d, ok := decode(flow, []byte(text))
			if !ok {
				continue
			}
			if i == maxKept-1 {
				from = max(from, d.Number)
			}
			d.Recorded = slices.Contains(recorded.Val(), strconv.FormatInt(d.Number, 10))
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b Delivery) int { return cmp.Compare(b.Number, a.Number) })
	for whole < len(all) && all[whole].Number >= from {
		whole++
	}
	return all, whole, nil
}

// decode reads a delivery as it is stored; false: it is possibly of a newer version.
func decode(flow int64, text []byte) (Delivery, bool) {
	var s stored
	if json.Unmarshal(text, &s) != nil {
		return Delivery{}, false
	}
	d := s.Delivery
	d.Flow, d.Number, d.At = flow, s.Number, time.UnixMilli(s.At).UTC()
	return d, true
}

// Last returns the number of the newest delivery of a flow; 0: there is none.
func (l *Log) Last(ctx context.Context, flow int64) (int64, error) {
	n, err := l.config.Redis.Get(ctx, flowKeys(flow)[0]).Int64()
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, fmt.Errorf("read deliveries: %w", err)
	}
	return n, nil
}

// Find returns a delivery and its content; nil when that is not kept. The error for an unknown delivery wraps ErrNotFound.
// Errors of the history wrap entrylog.ErrHistory.
func (l *Log) Find(ctx context.Context, flow, number int64) (*Delivery, *Content, error) {
	all, err := l.Recent(ctx, flow)
	if err != nil {
		return nil, nil, err
	}
	at := slices.IndexFunc(all, func(d Delivery) bool { return d.Number == number })
	if at < 0 {
		d, err := l.findArchived(ctx, flow, number)
		return d, nil, err
	}
	text, err := l.config.Redis.HGet(ctx, flowKeys(flow)[3], strconv.FormatInt(number, 10)).Bytes()
	if errors.Is(err, redis.Nil) {
		all[at].Recorded = false
		return &all[at], nil, nil
	}
	content := &Content{}
	if err == nil {
		err = json.Unmarshal(text, content)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read delivery: %w", err)
	}
	return &all[at], content, nil
}

// findArchived returns a delivery that Redis does not have.
func (l *Log) findArchived(ctx context.Context, flow, number int64) (*Delivery, error) {
	if l.config.History == nil {
		return nil, fmt.Errorf("read delivery: %w", ErrNotFound)
	}
	e, found, err := l.config.History.Entry(ctx, logOf(flow), number)
	if err != nil {
		return nil, fmt.Errorf("read delivery: %w: %w", entrylog.ErrHistory, err)
	}
	d, ok := decode(flow, e.Text)
	if !found || !ok {
		return nil, fmt.Errorf("read delivery: %w", ErrNotFound)
	}
	return &d, nil
}
