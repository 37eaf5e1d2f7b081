package webhook

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/redisconn"
)

const (
	// Queue is the asynq queue of deliveries, and TaskType the type of their tasks. A task has only ids as its payload,
	// so that asynqmon shows no data.
	Queue    = "webhooks"
	TaskType = "webhook"

	// retention is how long a delivery is kept after the last write. It is longer than any pause between two tries.
	retention = 7 * 24 * time.Hour
	// endpointRetention is how long an endpoint that is not used is kept. A disabled one is enabled when it is over.
	endpointRetention = 30 * 24 * time.Hour

	maxListed    = 1000    // deliveries of a flow that are listed
	maxOpen      = 100_000 // pending deliveries of a flow
	maxEndpoints = 1000    // endpoints of a flow that are known

	// disableAfter is how long an endpoint may fail before it is disabled; leastFailures is how often it must have
	// failed then, so that the second delivery in a quiet week does not disable it.
	disableAfter  = 5 * 24 * time.Hour
	leastFailures = 8

	// taskRetries is the number of asynq's retries, which includes those of busy endpoints and lost workers: without
	// effect, because the record counts the tries and has an end.
	taskRetries = 1 << 30
	// taskTimeout is the time limit of a task: that of a try, and the calls of Redis around it.
	taskTimeout = time.Minute
)

// Errors of a Store.
var (
	ErrNotFound = errors.New("webhook: not found")
	ErrDisabled = errors.New("webhook: the endpoint is disabled")
	ErrFull     = errors.New("webhook: too many pending deliveries")
)

// errReply reports a reply of a script that its header does not have.
var errReply = errors.New("the script replied something else")

// InvalidError reports a message that cannot be sent.
type InvalidError struct{ reason error }

func (e *InvalidError) Error() string { return e.reason.Error() }

// Each script documents its KEYS, ARGV and reply in its file.
var (
	//go:embed lua/accept.lua
	acceptLua string
	//go:embed lua/record.lua
	recordLua string
	//go:embed lua/disable.lua
	disableLua string
	//go:embed lua/redeliver.lua
	redeliverLua string
	//go:embed lua/switch.lua
	switchLua string

	acceptScript    = redis.NewScript(acceptLua)
	recordScript    = redis.NewScript(recordLua)
	disableScript   = redis.NewScript(disableLua)
	redeliverScript = redis.NewScript(redeliverLua)
	switchScript    = redis.NewScript(switchLua)
)

// Config configures a Store. Redis is required.
type Config struct {
	Redis     redis.UniversalClient // stays the caller's; it may repeat commands whose reply was lost
	AllowHTTP bool                  // also accept http:// URLs
	Now       func() time.Time      // nil: time.Now
}

// Store has the deliveries and endpoints of all flows. Safe for concurrent use.
type Store struct {
	config Config
	tasks  *asynq.Client
}

// New returns a Store.
func New(config Config) (*Store, error) {
	if config.Redis == nil {
		return nil, errors.New("new webhook store: Redis is required")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Store{config, asynq.NewClientFromRedisClient(config.Redis)}, nil
}

// Accept stores a delivery and its task, and returns its state. Equal ids are one delivery, also when a call is
// repeated after a crash in between. While Redis is unavailable it waits, until ctx ends. Errors: an *InvalidError;
// ErrFull.
func (s *Store) Accept(ctx context.Context, m Message) (State, error) {
	target, err := m.check(s.config.AllowHTTP)
	if err != nil {
		return "", &InvalidError{err}
	}
	now := s.config.Now()
	body := bodyOf(m.Type, now, m.Data)
	if len(body) > MaxBody {
		return "", &InvalidError{fmt.Errorf("the body has %d bytes; %d can be sent", len(body), MaxBody)}
	}
	var state State
	err = redisconn.RetryUntilDone(ctx, func() (err error) {
		var round string
		if state, round, err = s.accept(ctx, &m, endpointOf(shown(target)), shown(target), target.String(), body, now); err == nil && state == Pending {
			err = s.enqueue(ctx, m.Flow, m.ID, round)
		}
		return err
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("accept webhook: %w", err)
	case state == full:
		return "", ErrFull
	}
	return state, nil
}

const full = "full" // reply of accept.lua

func (s *Store) accept(ctx context.Context, m *Message, endpoint, shown, target string, body []byte, now time.Time) (State, string, error) {
	k := keysOf(m.Flow)
	reply, err := acceptScript.Run(ctx, s.config.Redis,
		[]string{k.delivery(m.ID), k.index(), k.open(), k.endpoint(endpoint), k.endpoints()},
		m.ID, endpoint, shown, now.UnixMilli(), retention.Milliseconds(), endpointRetention.Milliseconds(), maxListed, maxOpen, maxEndpoints,
		"run", m.Run, "type", m.Type, "url", shown, "target", target, "endpoint", endpoint, "secrets", strings.Join(m.Secrets, "\n"), "receiver", m.Receiver,
		"body", body, "created", now.UnixMilli()).StringSlice()
	if err != nil || len(reply) != 2 {
		return "", "", cmp.Or(err, errReply)
	}
	return State(reply[0]), reply[1], nil
}

// enqueue stores the task of a round of a delivery. It has no effect when the task exists.
func (s *Store) enqueue(ctx context.Context, flow int64, id, round string) error {
	task := strconv.FormatInt(flow, 10) + "/" + id + "/" + round
	_, err := s.tasks.EnqueueContext(ctx, asynq.NewTask(TaskType, []byte(task)),
		asynq.TaskID(task), asynq.Queue(Queue), asynq.MaxRetry(taskRetries), asynq.Timeout(taskTimeout))
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil
	}
	return err
}

// bodyOf returns the body of a webhook.
func bodyOf(event string, at time.Time, data []byte) []byte {
	return fmt.Appendf(nil, `{"type":%q,"timestamp":%q,"data":%s}`, event, at.UTC().Format(time.RFC3339Nano), data)
}

// endpointOf returns the id of the endpoint with a URL, without user information and query: those may differ by event.
func endpointOf(url string) string { return "ep_" + digest(url) }

// Redeliver sends a delivery again, whatever its state, with a new round of tries. Errors: ErrNotFound, ErrDisabled.
func (s *Store) Redeliver(ctx context.Context, flow int64, id string) error {
	k := keysOf(flow)
	endpoint, err := s.config.Redis.HGet(ctx, k.delivery(id), "endpoint").Result()
	if errors.Is(err, redis.Nil) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("redeliver webhook: %w", err)
	}
	round, err := redeliverScript.Run(ctx, s.config.Redis, []string{k.delivery(id), k.open(), k.endpoint(endpoint)},
		id, s.config.Now().UnixMilli(), retention.Milliseconds()).Text()
	switch {
	case err != nil:
		return fmt.Errorf("redeliver webhook: %w", err)
	case round == "none":
		return ErrNotFound
	case round == "disabled":
		return ErrDisabled
	}
	if err := s.enqueue(ctx, flow, id, round); err != nil {
		return fmt.Errorf("redeliver webhook: %w", err)
	}
	return nil
}

// Delivery returns a delivery with its body; ErrNotFound.
func (s *Store) Delivery(ctx context.Context, flow int64, id string) (*Delivery, error) {
	fields, err := s.config.Redis.HGetAll(ctx, keysOf(flow).delivery(id)).Result()
	if err != nil {
		return nil, fmt.Errorf("read webhook: %w", err)
	}
	if fields["created"] == "" {
		return nil, ErrNotFound
	}
	d := decodeDelivery(flow, id, fields)
	return &d, nil
}

// listedFields are the fields of deliveries in a list.
var listedFields = []string{"run", "type", "url", "endpoint", "state", "created", "next", "tries"}

// List returns the newest deliveries of a flow, newest first, without their bodies.
func (s *Store) List(ctx context.Context, flow int64) ([]Delivery, error) {
	k := keysOf(flow)
	ids, err := s.config.Redis.ZRevRange(ctx, k.index(), 0, maxListed-1).Result()
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	all := make([]Delivery, 0, len(ids))
	err = s.each(ctx, ids, k.delivery, listedFields, func(id string, fields map[string]string) {
		if fields["created"] != "" {
			all = append(all, decodeDelivery(flow, id, fields))
		}
	})
	return all, err
}

// each reads fields of hashes in one round trip.
func (s *Store) each(ctx context.Context, ids []string, key func(string) string, names []string, each func(id string, fields map[string]string)) error {
	if len(ids) == 0 {
		return nil
	}
	replies := make([]*redis.SliceCmd, len(ids))
	_, err := s.config.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			replies[i] = p.HMGet(ctx, key(id), names...)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list webhooks: %w", err)
	}
	for i, reply := range replies {
		fields := map[string]string{}
		for j, v := range reply.Val() {
			fields[names[j]], _ = v.(string)
		}
		each(ids[i], fields)
	}
	return nil
}

func decodeDelivery(flow int64, id string, f map[string]string) Delivery {
	d := Delivery{
		ID: id, Flow: flow, Run: f["run"], Type: f["type"], URL: f["url"], Endpoint: f["endpoint"], State: State(f["state"]),
		Created: redisconn.Time(f["created"]), Tries: []Try{}, target: f["target"], secrets: strings.Split(f["secrets"], "\n"), receiver: f["receiver"],
	}
	if d.State == Pending {
		d.Next = redisconn.Time(f["next"])
	}
	if f["body"] != "" {
		d.Body = json.RawMessage(f["body"])
	}
	if f["tries"] != "" {
		_ = json.Unmarshal([]byte(f["tries"]), &d.Tries) // written by record
	}
	d.round, _ = strconv.Atoi(f["round"])
	d.count, _ = strconv.Atoi(f["count"])
	return d
}

// Endpoints returns the endpoints of a flow, the last used first.
func (s *Store) Endpoints(ctx context.Context, flow int64) ([]Endpoint, error) {
	k := keysOf(flow)
	used, err := s.config.Redis.ZRevRangeWithScores(ctx, k.endpoints(), 0, maxEndpoints-1).Result()
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	ids, at := make([]string, len(used)), map[string]time.Time{}
	for i, z := range used {
		ids[i], _ = z.Member.(string)
		at[ids[i]] = time.UnixMilli(int64(z.Score)).UTC()
	}
	all := make([]Endpoint, 0, len(ids))
	err = s.each(ctx, ids, k.endpoint, []string{"url", "succeeded", "failed", "failing", "failures", "disabled", "reason"}, func(id string, f map[string]string) {
		e := Endpoint{
			ID: id, URL: f["url"], Used: at[id], Success: redisconn.Time(f["succeeded"]), Failure: redisconn.Time(f["failed"]),
			Failing: redisconn.Time(f["failing"]), Disabled: redisconn.Time(f["disabled"]), Reason: f["reason"],
		}
		e.Failures, _ = strconv.Atoi(f["failures"])
		if e.URL != "" {
			all = append(all, e)
		}
	})
	return all, err
}

// Enable enables or disables an endpoint. Deliveries that were not sent while it was disabled are not sent by that;
// pending ones of a disabled endpoint end at their next try. Errors: ErrNotFound.
func (s *Store) Enable(ctx context.Context, flow int64, endpoint string, enabled bool) error {
	flag := ""
	if enabled {
		flag = "1"
	}
	found, err := switchScript.Run(ctx, s.config.Redis, []string{keysOf(flow).endpoint(endpoint)}, flag, s.config.Now().UnixMilli()).Int()
	if err != nil {
		return fmt.Errorf("switch endpoint: %w", err)
	}
	if found == 0 {
		return ErrNotFound
	}
	return nil
}

// health is what a try depends on besides its delivery.
type health struct {
	disabled bool  // the endpoint is
	failing  bool  // the endpoint has failed since its last success
	pending  int64 // pending deliveries of the flow
}

func (s *Store) health(ctx context.Context, d *Delivery) (health, error) {
	var endpoint *redis.SliceCmd
	var pending *redis.IntCmd
	k := keysOf(d.Flow)
	_, err := s.config.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		endpoint, pending = p.HMGet(ctx, k.endpoint(d.Endpoint), "disabled", "failing"), p.ZCard(ctx, k.open())
		return nil
	})
	if err != nil {
		return health{}, fmt.Errorf("read endpoint: %w", err)
	}
	v := endpoint.Val()
	return health{v[0] != nil, v[1] != nil, pending.Val()}, nil
}

// disable ends a pending delivery whose endpoint is disabled.
func (s *Store) disable(ctx context.Context, d *Delivery) error {
	k := keysOf(d.Flow)
	return disableScript.Run(ctx, s.config.Redis, []string{k.delivery(d.ID), k.index(), k.open(), k.endpoint(d.Endpoint)}, d.ID, d.round).Err()
}

const (
	maxTries = 20      // tries that the record has
	stale    = "stale" // reply of record.lua
)

// record stores a try of the delivery that leads to a state, with the time of the next try. It returns the state that
// the delivery has then, stale when nothing was stored, and the reason for which the try has disabled the endpoint;
// empty: it has not.
func (s *Store) record(ctx context.Context, d *Delivery, t Try, state State, next time.Time) (State, string, error) {
	tries := append(slices.Clone(d.Tries), t)
	text, err := json.Marshal(tries[max(0, len(tries)-maxTries):])
	if err != nil {
		return "", "", err
	}
	gone := ""
	if t.Status == statusGone {
		gone = "1"
	}
	k, mark := keysOf(d.Flow), rand.Text()
	var reply []string
	err = redisconn.RetryUntilDone(ctx, func() (err error) {
		reply, err = recordScript.Run(ctx, s.config.Redis, []string{k.delivery(d.ID), k.index(), k.open(), k.endpoint(d.Endpoint)},
			d.ID, d.round, d.count, s.config.Now().UnixMilli(), text, string(state), next.UnixMilli(), gone,
			disableAfter.Milliseconds(), leastFailures, retention.Milliseconds(), endpointRetention.Milliseconds(), mark).StringSlice()
		return err
	})
	if err != nil || len(reply) != 2 {
		return "", "", fmt.Errorf("record try: %w", cmp.Or(err, errReply))
	}
	return State(reply[0]), reply[1], nil
}
