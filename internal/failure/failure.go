// Package failure groups the runs that failed: a failure is what the runs have in common that failed at one step of a flow,
// with one code and one message, apart from the numbers, ids and texts in it that differ.
package failure

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/redisconn"
)

const (
	// retention is how long a failure is kept after its last run.
	retention = 30 * 24 * time.Hour
	// MaxMute is the longest time for which a failure may be muted.
	MaxMute = retention
	// handledFor is how long a run is known to be recorded: longer than it may take until a batch of runs is handled again.
	handledFor = 10 * time.Minute
	// MaxWindow is the longest time for which Since counts.
	MaxWindow = 6 * time.Hour
	// MaxKnown is how many runs of a failure are known by their ids, and are looked at for those that are open: the newest.
	MaxKnown = 500

	maxPerFlow = 500    // failures of a flow; the one that was seen least recently makes room
	maxRuns    = 10     // runs of a failure that are listed, the newest
	maxHandled = 50_000 // runs of a flow that are known to be recorded
	maxFlows   = 1000   // flows with failures that are listed
)

// ErrNotFound says that there is no such failure, or no more.
var ErrNotFound = errors.New("failure: not found")

// State is the state of a failure.
type State string

const (
	Open     State = "open"
	Resolved State = "resolved" // by hand until a run that ends later fails alike, or because none of its runs is open
	Muted    State = "muted"    // until a time, from which on it is open
)

// States lists all states.
func States() []State { return []State{Open, Resolved, Muted} }

// Run is a run that failed.
type Run struct {
	ID      string
	Flow    int64
	Step    string // path of the step; empty: none
	Code    string
	Message string // for the caller; it contains no secret
	Ended   time.Time
}

// Group is what failed runs of a flow have in common: a failure.
type Group struct {
	ID       string    `json:"id"`
	Flow     int64     `json:"flow"`
	Step     string    `json:"step,omitempty"`
	Code     string    `json:"code"`
	Message  string    `json:"message"` // with … and N for what differs
	State    State     `json:"state"`
	Until    time.Time `json:"muted_until,omitzero"`
	CameBack time.Time `json:"came_back_at,omitzero"` // when a resolved failure was opened again by a run; zero: it was not
	Count    int64     `json:"count"`
	LastHour int64     `json:"last_hour"` // runs in this hour and the one before
	LastDay  int64     `json:"last_day"`  // runs in the last 24 hours
	First    time.Time `json:"first_at"`
	Last     time.Time `json:"last_at"`
	Runs     []string  `json:"runs"` // the newest ones, newest first

	// OpenRuns is how many of the newest 500 runs are open, which are all if Count is not more; nil: that was not looked up.
	OpenRuns *int64 `json:"open_runs,omitempty"`
	// ByRuns: it is resolved because each of its runs is resolved or ignored. A run that is opened, or fails alike, opens it.
	ByRuns bool `json:"resolved_by_runs,omitempty"`
}

// Event is what a run was to its failure.
type Event struct {
	Run     Run
	Failure string // id
	Kind    Kind
	State   State // of the failure before the run
}

// Kind is the kind of an event.
type Kind string

const (
	KindNew   Kind = "new"   // the run made the failure
	KindAgain Kind = "again" // the failure was resolved, and the run has opened it again
	KindKnown Kind = "known"
)

// Each script documents its KEYS, ARGV and reply in its file.
var (
	//go:embed lua/record.lua
	recordLua string
	//go:embed lua/set.lua
	setLua string

	recordScript = redis.NewScript(recordLua)
	setScript    = redis.NewScript(setLua)
)

// Store has the failures of all flows. Safe for concurrent use.
type Store struct {
	redis redis.UniversalClient
	now   func() time.Time
	runs  OpenRuns // nil: what is open is not looked up
}

// New returns a Store on a Redis, which stays the caller's. now is the clock; nil: time.Now.
func New(c redis.UniversalClient, now func() time.Time) *Store {
	if now == nil {
		now = time.Now
	}
	return &Store{redis: c, now: now}
}

// Record adds runs to their failures and returns an event for each. Recording a run again within ten minutes has no effect,
// and returns the same kind.
func (s *Store) Record(ctx context.Context, runs []Run) ([]Event, error) {
	byFlow := map[int64][]Run{}
	for _, r := range runs {
		byFlow[r.Flow] = append(byFlow[r.Flow], r)
	}
	var events []Event
	for flow, runs := range byFlow {
		some, err := s.record(ctx, flow, runs)
		if err != nil {
			return nil, fmt.Errorf("record failures: %w", err)
		}
		events = append(events, some...)
	}
	return events, nil
}

func (s *Store) record(ctx context.Context, flow int64, runs []Run) ([]Event, error) {
	now, k := s.now(), keysOf(flow)
	args := []any{
		k.failurePrefix(), now.UnixMilli(), retention.Milliseconds(), maxPerFlow, maxRuns, handledFor.Milliseconds(), maxHandled,
		int(MaxWindow / time.Minute), k.runsPrefix(), MaxKnown,
	}
	events := make([]Event, len(runs))
	for i, r := range runs {
		pattern := Pattern(r.Message)
		events[i] = Event{Run: r, Failure: idOf(flow, r.Step, r.Code, pattern)}
		args = append(args, r.ID, events[i].Failure, r.Step, r.Code, pattern, r.Ended.UnixMilli())
	}
	if err := s.addFlow(ctx, flow, now); err != nil {
		return nil, err
	}
	reply, err := recordScript.Run(ctx, s.redis, []string{k.index(), k.handled(), k.minutes()}, args...).StringSlice()
	if err != nil {
		return nil, err
	}
	if len(reply) != 2*len(runs) {
		return nil, errors.New("the script replied something else")
	}
	for i := range events {
		events[i].Kind, events[i].State = Kind(reply[2*i]), State(reply[2*i+1])
	}
	return events, nil
}

// addFlow notes that a flow has failures, before it has them.
func (s *Store) addFlow(ctx context.Context, flow int64, now time.Time) error {
	_, err := s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAdd(ctx, keyFlows, redis.Z{Score: float64(now.UnixMilli()), Member: flow})
		p.ZRemRangeByScore(ctx, keyFlows, "-inf", strconv.FormatInt(now.Add(-retention).UnixMilli(), 10))
		p.PExpire(ctx, keyFlows, retention)
		return nil
	})
	return err
}

// List returns the failures of the flows that visible accepts, last seen first.
func (s *Store) List(ctx context.Context, visible func(flow int64) bool) ([]Group, error) {
	flows, err := s.redis.ZRevRange(ctx, keyFlows, 0, maxFlows-1).Result()
	if err != nil {
		return nil, fmt.Errorf("list failures: %w", err)
	}
	all := []Group{}
	for _, text := range flows {
		flow, err := strconv.ParseInt(text, 10, 64)
		if err != nil || !visible(flow) {
			continue
		}
		some, err := s.ofFlow(ctx, flow)
		if err != nil {
			return nil, fmt.Errorf("list failures: %w", err)
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, lastFirst)
	if err := s.countOpen(ctx, all); err != nil {
		return nil, fmt.Errorf("list failures: %w", err)
	}
	return all, nil
}

func lastFirst(a, b Group) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.ID, b.ID)) }

func (s *Store) ofFlow(ctx context.Context, flow int64) (all []Group, err error) {
	k := keysOf(flow)
	ids, err := s.redis.ZRevRange(ctx, k.index(), 0, maxPerFlow-1).Result()
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	replies := make([]*redis.MapStringStringCmd, len(ids))
	_, err = s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			replies[i] = p.HGetAll(ctx, k.failurePrefix()+id)
		}
		return nil
	})
	for i, reply := range replies {
		if f := reply.Val(); f["new"] != "" {
			all = append(all, decode(ids[i], flow, f, s.now()))
		}
	}
	return all, err
}

// Failure returns a failure; ErrNotFound.
func (s *Store) Failure(ctx context.Context, id string) (Group, error) {
	flow, ok := FlowOf(id)
	if !ok {
		return Group{}, ErrNotFound
	}
	f, err := s.redis.HGetAll(ctx, keysOf(flow).failurePrefix()+id).Result()
	if err != nil {
		return Group{}, fmt.Errorf("read failure: %w", err)
	}
	if f["new"] == "" {
		return Group{}, ErrNotFound
	}
	all := []Group{decode(id, flow, f, s.now())}
	if err := s.countOpen(ctx, all); err != nil {
		return Group{}, fmt.Errorf("read failure: %w", err)
	}
	return all[0], nil
}

// Set changes the state of a failure. until is the end of Muted. One of whose runs none is open stays resolved when it is opened.
// Errors: ErrNotFound.
func (s *Store) Set(ctx context.Context, id string, state State, until time.Time) error {
	flow, ok := FlowOf(id)
	if !ok {
		return ErrNotFound
	}
	end := ""
	if state == Muted {
		end = strconv.FormatInt(until.UnixMilli(), 10)
	}
	found, err := setScript.Run(ctx, s.redis, []string{keysOf(flow).failurePrefix() + id, keysOf(flow).index()}, string(state), s.now().UnixMilli(), end, id).Int()
	if err != nil {
		return fmt.Errorf("change failure: %w", err)
	}
	if found == 0 {
		return ErrNotFound
	}
	return nil
}

// Flows returns the flows of which a run has failed within a time.
func (s *Store) Flows(ctx context.Context, within time.Duration) (all []int64, err error) {
	from := strconv.FormatInt(s.now().Add(-within).UnixMilli(), 10)
	texts, err := s.redis.ZRevRangeByScore(ctx, keyFlows, &redis.ZRangeBy{Min: from, Max: "+inf"}).Result()
	if err != nil {
		return nil, fmt.Errorf("list flows with failures: %w", err)
	}
	for _, text := range texts {
		if flow, err := strconv.ParseInt(text, 10, 64); err == nil {
			all = append(all, flow)
		}
	}
	return all, nil
}

// Since returns the number of runs of a flow that failed within a time, to the minute, and at most MaxWindow.
func (s *Store) Since(ctx context.Context, flow int64, within time.Duration) (int64, error) {
	minutes, err := s.redis.HVals(ctx, keysOf(flow).minutes()).Result()
	if err != nil {
		return 0, fmt.Errorf("count failed runs: %w", err)
	}
	from := s.now().Add(-within).Unix() / 60
	return sum(minutes, from+1), nil
}

// sum adds the counts of the periods from one on.
func sum(periods []string, from int64) (n int64) {
	for _, text := range periods {
		at, count, _ := strings.Cut(text, ":")
		if period, err := strconv.ParseInt(at, 10, 64); err == nil && period >= from {
			more, _ := strconv.ParseInt(count, 10, 64)
			n += more
		}
	}
	return n
}

func decode(id string, flow int64, f map[string]string, now time.Time) Group {
	d := Group{
		ID: id, Flow: flow, Step: f["step"], Code: f["code"], Message: f["message"], State: State(f["state"]),
		First: redisconn.Time(f["first"]), Last: redisconn.Time(f["last"]), CameBack: redisconn.Time(f["came_back"]), Runs: strings.Split(f["runs"], ","),
	}
	d.Count, _ = strconv.ParseInt(f["count"], 10, 64)
	if d.State == Muted {
		if d.Until = redisconn.Time(f["until"]); !d.Until.After(now) {
			d.State, d.Until = Open, time.Time{}
		}
	}
	var hours []string
	for name, value := range f {
		if strings.HasPrefix(name, "h") {
			hours = append(hours, value)
		}
	}
	hour := now.Unix() / 3600
	d.LastHour, d.LastDay = sum(hours, hour-1), sum(hours, hour-23)
	return d
}
