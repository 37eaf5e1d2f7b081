package deliveries

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/entrylog"
	"github.com/penstock/penstock/internal/redisconn"
)

const (
	// bufferSize is the maximum number of accepted deliveries that wait to be written, and of rejected ones; further
	// ones are dropped.
	bufferSize = 64
	// writeInterval is the pause between two writes, so that a flood of deliveries does not become a flood of writes.
	writeInterval = 250 * time.Millisecond
	// refreshInterval is how often the flows that are recorded are read.
	refreshInterval = time.Second
	// maxContents is the maximum number of deliveries of one write whose content is kept, because secrets are looked for in
	// it; the others are kept without it.
	maxContents = 16
	maxText     = 500 // bytes of a text of a delivery
	// limitedInterval is the pause between two deliveries beyond a limit (429) of one flow that a process writes.
	limitedInterval = time.Minute
)

//go:embed lua/add.lua
var addLua string

var addScript = redis.NewScript(addLua)

// Config configures a Log. Redis and Log are required.
type Config struct {
	Redis redis.UniversalClient
	Log   *slog.Logger

	History entrylog.History // has the older deliveries; nil: there are none
}

// Log keeps deliveries. Safe for concurrent use.
type Log struct {
	config             Config
	accepted, rejected chan Delivery                       // buffered, so that Add never blocks
	recording          atomic.Pointer[map[int64]time.Time] // ends of the flows that are recorded, as last read
	limited            map[int64]time.Time                 // for Run only: when a delivery beyond a limit was last written, by flow
}

// New returns a Log. It writes only while Run runs.
func New(config Config) (*Log, error) {
	if config.Redis == nil || config.Log == nil {
		return nil, errors.New("new log of deliveries: Redis and Log are required")
	}
	l := &Log{config: config, accepted: make(chan Delivery, bufferSize), rejected: make(chan Delivery, bufferSize), limited: map[int64]time.Time{}}
	l.recording.Store(&map[int64]time.Time{})
	return l, nil
}

// Add keeps a delivery, or drops it when too many are waiting. It never blocks.
func (l *Log) Add(d Delivery) {
	select {
	case l.waiting(d.Verdict) <- d:
	default:
	}
}

// Busy reports whether Add would drop a delivery with a verdict.
func (l *Log) Busy(v Verdict) bool { return len(l.waiting(v)) == bufferSize }

// waiting returns where deliveries with a verdict wait: a flood of rejected ones does not displace the others.
func (l *Log) waiting(v Verdict) chan Delivery {
	if v == Rejected {
		return l.rejected
	}
	return l.accepted
}

// Run writes the added deliveries until ctx ends.
func (l *Log) Run(ctx context.Context) error {
	write, refresh := time.NewTicker(writeInterval), time.NewTicker(refreshInterval)
	defer write.Stop()
	defer refresh.Stop()
	failing := false
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-write.C:
			err = l.write(ctx, append(drain(l.accepted), drain(l.rejected)...))
		case <-refresh.C:
			err = l.refresh(ctx)
		}
		if err != nil && !failing && ctx.Err() == nil { // logged once
			l.config.Log.Warn("deliveries are not recorded", "error", err)
		}
		failing = err != nil
	}
}

// drain returns the deliveries that are waiting.
func drain(waiting chan Delivery) (all []Delivery) {
	for {
		select {
		case d := <-waiting:
			all = append(all, d)
		default:
			return all
		}
	}
}

// withoutFlood removes deliveries beyond a limit when one of the flow was written within limitedInterval: they all say
// the same, and would displace the reasons of others.
func (l *Log) withoutFlood(batch []Delivery, now time.Time) []Delivery {
	maps.DeleteFunc(l.limited, func(_ int64, at time.Time) bool { return now.Sub(at) >= limitedInterval })
	return slices.DeleteFunc(batch, func(d Delivery) bool {
		if d.Status != http.StatusTooManyRequests {
			return false
		}
		if _, written := l.limited[d.Flow]; written {
			return true
		}
		l.limited[d.Flow] = now
		return false
	})
}

func (l *Log) write(ctx context.Context, batch []Delivery) error {
	batch = l.withoutFlood(batch, time.Now())
	if len(batch) == 0 {
		return nil
	}
	all, contents := make([][2][]byte, len(batch)), 0
	for i := range batch {
		if batch[i].Content != nil {
			if contents++; contents > maxContents {
				batch[i].Content = nil
			}
		}
		var err error
		if all[i], err = encode(ctx, &batch[i]); err != nil {
			return err
		}
	}
	pipeline := func() error {
		_, err := l.config.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range batch {
				list := 2
				if batch[i].Verdict == Rejected {
					list = 3
				}
				addScript.EvalSha(ctx, p, flowKeys(batch[i].Flow), batch[i].Flow, list, all[i][0], all[i][1], maxKept, retention.Milliseconds(), countRetention.Milliseconds(), l.outbox())
			}
			return nil
		})
		return err
	}
	err := pipeline()
	if redis.HasErrorPrefix(err, "NOSCRIPT") { // none of them was executed
		if err = addScript.Load(ctx, l.config.Redis).Err(); err == nil {
			err = pipeline()
		}
	}
	if err != nil {
		return fmt.Errorf("write deliveries: %w", err)
	}
	return nil
}

// outbox is the maximum length of the outbox; 0: there is no history.
func (l *Log) outbox() int {
	if l.config.History == nil {
		return 0
	}
	return maxOutbox
}

// stored is a Delivery in Redis. add.lua sets number and time; Recorded follows from the content.
type stored struct {
	Delivery
	Number   int64 `json:"delivery,omitempty"`
	At       int64 `json:"at_ms,omitempty"`
	Recorded *bool `json:"recorded,omitempty"`
	Hidden   *bool `json:"at,omitempty"` // in place of Delivery.At
}

// encode returns a delivery and its content as they are stored, with shortened texts.
func encode(ctx context.Context, d *Delivery) (texts [2][]byte, err error) {
	for _, text := range []*string{&d.Method, &d.Code, &d.Why, &d.RequestID, &d.ContentType} {
		*text = shorten(*text, maxText)
	}
	if texts[0], err = json.Marshal(stored{Delivery: *d}); err != nil || d.Content == nil {
		return texts, err
	}
	content, err := d.Content(ctx)
	if err != nil {
		return texts, nil // it is not known what in it is a secret: the delivery is kept without it
	}
	texts[1], err = content.encode()
	return texts, err
}

// Recording reports whether the content of a flow's deliveries is kept, as far as this process knows.
func (l *Log) Recording(flow int64) bool {
	all := *l.recording.Load()
	return len(all) > 0 && time.Now().Before(all[flow])
}

func (l *Log) refresh(ctx context.Context) error {
	var all, rest *redis.MapStringStringCmd
	_, err := l.config.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		all, rest = p.HGetAll(ctx, keyRecording), p.HGetAll(ctx, keyRest)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read recordings: %w", err)
	}
	ends := make(map[int64]time.Time, len(all.Val()))
	for flow, end := range all.Val() {
		if rest.Val()[flow] == "0" {
			continue
		}
		n, _ := strconv.ParseInt(flow, 10, 64)
		ends[n] = redisconn.Time(end)
	}
	l.recording.Store(&ends)
	return nil
}

// Record keeps the content of a flow's deliveries for a time from now on, at most MaxRecording, and returns its end. most is the
// number of requests that are recorded, at most MaxRecorded; 0: as many as come. All content of the flow is deleted at the end.
// Other processes know of it within about a second.
func (l *Log) Record(ctx context.Context, flow int64, length time.Duration, most int) (time.Time, error) {
	until := time.Now().Add(min(length, MaxRecording)).Truncate(time.Millisecond).UTC()
	_, err := l.config.Redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, keyRecording, flow, until.UnixMilli())
		p.Expire(ctx, keyRecording, MaxRecording) // no recording ends later
		p.HDel(ctx, keyRest, strconv.FormatInt(flow, 10))
		if most > 0 {
			p.HSet(ctx, keyRest, flow, min(most, MaxRecorded))
			p.Expire(ctx, keyRest, MaxRecording)
		}
		p.PExpireAt(ctx, flowKeys(flow)[3], until)
		return nil
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("record deliveries: %w", err)
	}
	return until, l.refresh(ctx)
}

// Stop ends the recording of a flow, and deletes all content of it.
func (l *Log) Stop(ctx context.Context, flow int64) error {
	_, err := l.config.Redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HDel(ctx, keyRecording, strconv.FormatInt(flow, 10))
		p.HDel(ctx, keyRest, strconv.FormatInt(flow, 10))
		p.Del(ctx, flowKeys(flow)[3])
		return nil
	})
	if err != nil {
		return fmt.Errorf("stop recording: %w", err)
	}
	return l.refresh(ctx)
}

// Until returns the end of a flow's recording; zero: it is not recorded.
func (l *Log) Until(ctx context.Context, flow int64) (time.Time, error) {
	r, err := l.Recorded(ctx, flow)
	return r.Until, err
}

// Recorded returns the recording of a flow.
func (l *Log) Recorded(ctx context.Context, flow int64) (Recording, error) {
	number := strconv.FormatInt(flow, 10)
	var end, rest *redis.StringCmd
	_, err := l.config.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		end, rest = p.HGet(ctx, keyRecording, number), p.HGet(ctx, keyRest, number)
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return Recording{}, fmt.Errorf("read recording: %w", err)
	}
	r := Recording{Until: redisconn.Time(end.Val()), Rest: -1}
	if !r.Until.After(time.Now()) {
		return Recording{}, nil
	}
	if n, err := rest.Int(); err == nil {
		r.Rest = n
	}
	return r, nil
}
