package deliveries

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/entrylog"
)

// logOf returns the name of the deliveries of a flow in the history.
func logOf(flow int64) string { return "deliveries " + strconv.FormatInt(flow, 10) }

// ReadEntries implements history.LogSource.
func (l *Log) ReadEntries(ctx context.Context, most int) (entries []entrylog.Entry, mark string, err error) {
	messages, err := l.config.Redis.XRangeN(ctx, keyOutbox, "-", "+", int64(most)).Result()
	if err != nil {
		return nil, "", fmt.Errorf("read deliveries: %w", err)
	}
	for _, m := range messages {
		mark = m.ID
		text, _ := m.Values["delivery"].(string)
		number, _ := m.Values["flow"].(string)
		flow, err := strconv.ParseInt(number, 10, 64)
		d, ok := decode(flow, []byte(text))
		if err != nil || !ok {
			continue // it is of a newer version, whose processes have gone
		}
		entries = append(entries, entrylog.Entry{
			Log: logOf(flow), Place: entrylog.Place{At: d.At.UnixMilli(), Seq: d.Number}, Run: d.Run, Text: []byte(text),
		})
	}
	return entries, mark, nil
}

// MarkEntries implements history.LogSource.
func (l *Log) MarkEntries(ctx context.Context, mark string, _ bool) error {
	last, err := entrylog.ParsePlace(mark)
	if err != nil {
		return err
	}
	last.Seq++
	if err := l.config.Redis.XTrimMinID(ctx, keyOutbox, last.String()).Err(); err != nil {
		return fmt.Errorf("mark deliveries: %w", err)
	}
	return nil
}

// Forget removes from Redis what is kept of the deliveries that became runs: their headers and bodies, and that they arrived.
// The runs are by flow.
func (l *Log) Forget(ctx context.Context, runs map[int64][]string) error {
	for flow, ids := range runs {
		keys := flowKeys(flow)
		texts, err := l.config.Redis.LRange(ctx, keys[1], 0, -1).Result()
		if err != nil {
			return fmt.Errorf("forget deliveries: %w", err)
		}
		_, err = l.config.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, text := range texts {
				var s stored
				if json.Unmarshal([]byte(text), &s) == nil && slices.Contains(ids, s.Run) {
					p.HDel(ctx, keys[3], strconv.FormatInt(s.Number, 10))
					p.LRem(ctx, keys[1], 1, text)
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("forget deliveries: %w", err)
		}
	}
	return nil
}
