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
)

// ErrNotFound says that there is no such delivery, or that its content is not kept.
var ErrNotFound = errors.New("not found")

// List returns the deliveries of a flow, the newest first.
func (l *Log) List(ctx context.Context, flow int64) ([]Delivery, error) {
	keys := flowKeys(flow)
	var accepted, rejected, recorded *redis.StringSliceCmd
	_, err := l.config.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		accepted, rejected, recorded = p.LRange(ctx, keys[1], 0, -1), p.LRange(ctx, keys[2], 0, -1), p.HKeys(ctx, keys[3])
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	all := make([]Delivery, 0, 2*maxKept)
	for _, text := range slices.Concat(accepted.Val(), rejected.Val()) {
		var s stored
		if json.Unmarshal([]byte(text), &s) != nil {
			continue // possibly of a newer version
		}
		d := s.Delivery
		d.Flow, d.Number, d.At = flow, s.Number, time.UnixMilli(s.At).UTC()
		d.Recorded = slices.Contains(recorded.Val(), strconv.FormatInt(d.Number, 10))
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b Delivery) int { return cmp.Compare(b.Number, a.Number) })
	return all, nil
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
func (l *Log) Find(ctx context.Context, flow, number int64) (*Delivery, *Content, error) {
	all, err := l.List(ctx, flow)
	if err != nil {
		return nil, nil, err
	}
	at := slices.IndexFunc(all, func(d Delivery) bool { return d.Number == number })
	if at < 0 {
		return nil, nil, fmt.Errorf("read delivery: %w", ErrNotFound)
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
