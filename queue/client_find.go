package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	idForm   = "00000000-0000-0000-0000-000000000000"
	idTail   = 12 // characters of the last group of a run id
	minStart = 8  // characters of the beginning of a run id that are enough to look for it
)

// IsIDPart reports whether a text has the form of a part of a run id by which FindIDs finds it: the beginning, with at least
// eight digits, or the last group.
func IsIDPart(text string) bool { return isIDTail(text) || isIDStart(text) }

func isIDStart(text string) bool {
	if len(text) < minStart || len(text) > len(idForm) {
		return false
	}
	for i := range len(text) {
		if isHex(text[i]) != (idForm[i] == '0') || !isHex(text[i]) && text[i] != '-' {
			return false
		}
	}
	return true
}

func isIDTail(text string) bool {
	for i := range len(text) {
		if !isHex(text[i]) {
			return false
		}
	}
	return len(text) == idTail
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }

// FindIDs returns the ids of runs of which a text is a part, see IsIDPart; at most most, in their order. Redis looks at the
// newest 200,000 ended runs of a queue, and a History as far as it comes in its time. Errors: ErrUnavailable; ErrHistory when only
// the runs of Redis were looked at.
func (c *Client) FindIDs(ctx context.Context, part string, most int) (ids []string, err error) {
	if !IsIDPart(part) {
		return nil, nil
	}
	matches := func(id string) bool {
		return strings.HasPrefix(id, part) || isIDTail(part) && strings.HasSuffix(id, part)
	}
	queues, err := c.Queues(ctx)
	if err != nil {
		return nil, err
	}
	l := List{Search: part, Most: maxArchived}
	if isIDStart(part) {
		l.From, l.To = madeWithin(part)
	}
	for _, queue := range queues {
		if isIDTail(part) && !isIDStart(part) && !strings.HasSuffix(part, fmt.Sprintf("%04x", queueSum(queue))) {
			continue
		}
		some, err := c.findStored(ctx, keysOf(queue), &l, matches)
		if err != nil {
			return nil, err
		}
		ids = append(ids, some...)
	}
	if c.cfg.History != nil {
		archived, _, failure := c.cfg.History.List(ctx, l)
		if failure != nil {
			c.cfg.Log.Warn("find run in the history", "error", failure)
			err = fmt.Errorf("%w: %w", ErrHistory, failure)
		}
		for _, run := range archived {
			if matches(run.ID) {
				ids = append(ids, run.ID)
			}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return ids[:min(len(ids), most)], err
}

// madeWithin returns the bounds of the acceptance of runs whose ids begin with a text: an id begins with its time, by the
// clock of an API process, which may differ by a minute from that of Redis.
func madeWithin(start string) (from, to time.Time) {
	const digits = 12 // of the time, in ms
	first := strings.ReplaceAll(start, "-", "")
	first = first[:min(len(first), digits)]
	bound := func(fill string) int64 {
		ms, _ := strconv.ParseInt(first+strings.Repeat(fill, digits-len(first)), 16, 64) // hexadecimal digits always parse
		return ms
	}
	return time.UnixMilli(bound("0")).Add(-time.Minute), time.UnixMilli(bound("f")).Add(time.Minute)
}

// findStored returns the ids of a queue that match, of open runs and of ended ones within the bounds of a list.
func (c *Client) findStored(ctx context.Context, k keys, l *List, matches func(string) bool) (found []string, err error) {
	open, _, err := c.openIDs(ctx, k)
	if err != nil {
		return nil, err
	}
	add := func(ids []string) {
		for _, id := range ids {
			if matches(id) {
				found = append(found, id)
			}
		}
	}
	add(open)
	for at := int64(0); at < maxOpen; at += maxListed {
		ended, err := c.redis.ZRevRangeByScore(ctx, k.index(), &redis.ZRangeBy{Min: scoreOf(l.From, "-inf"), Max: scoreOf(l.To, "+inf"), Offset: at, Count: maxListed}).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, redisError("find run", err)
		}
		add(ended)
		if len(ended) < maxListed {
			break
		}
	}
	return found, nil
}
