package operation

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/redisconn"
)

// Each script documents its KEYS, ARGV and reply in its file.
var (
	//go:embed lua/take.lua
	takeLua string
	//go:embed lua/record.lua
	recordLua string
	//go:embed lua/stop.lua
	stopLua string

	takeScript   = redis.NewScript(takeLua)
	recordScript = redis.NewScript(recordLua)
	stopScript   = redis.NewScript(stopLua)
)

// Store has the operations in Redis. Safe for concurrent use.
type Store struct{ redis redis.UniversalClient }

// NewStore returns a Store on a connection that its owner closes.
func NewStore(r redis.UniversalClient) *Store { return &Store{r} }

// Create stores an operation, which a worker begins to execute within a second or two. runs are the ids of its runs, at
// most MaxRuns. about is complete.
func (s *Store) Create(ctx context.Context, about About, runs []string) (*Operation, error) {
	if len(runs) > MaxRuns {
		return nil, invalid("the filter matches more than %d runs; narrow it, for instance by created_at", MaxRuns)
	}
	id := uuid.Must(uuid.NewV7()).String()
	about.Total = len(runs)
	text, err := json.Marshal(about)
	if err != nil {
		return nil, fmt.Errorf("encode operation: %w", err)
	}
	const perCall = 5000
	for some := range slices.Chunk(runs, perCall) {
		pipe := s.redis.Pipeline()
		pipe.RPush(ctx, prefixRuns+id, anySlice(some)...)
		pipe.PExpire(ctx, prefixRuns+id, retention)
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, fmt.Errorf("store operation: %w", err)
		}
	}
	pipe := s.redis.TxPipeline()
	fields := []any{"about", text, "state", string(Running), "next", 0}
	if len(runs) == 0 {
		fields = append(fields, "finished", about.Created.UnixMilli())
		fields[3] = string(Done)
	} else {
		pipe.ZAdd(ctx, keyActive, redis.Z{Score: 0, Member: id})
	}
	pipe.HSet(ctx, prefixOperation+id, fields...)
	pipe.ZAdd(ctx, keyIndex, redis.Z{Score: float64(about.Created.UnixMilli()), Member: id})
	pipe.ZRemRangeByScore(ctx, keyIndex, "-inf", strconv.FormatInt(about.Created.Add(-retention).UnixMilli(), 10))
	pipe.ZRemRangeByRank(ctx, keyIndex, 0, -maxListed-1)
	for _, key := range []string{prefixOperation + id, keyActive, keyIndex} {
		pipe.PExpire(ctx, key, retention)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("store operation: %w", err)
	}
	return s.Read(ctx, id)
}

func anySlice(texts []string) []any {
	all := make([]any, len(texts))
	for i, t := range texts {
		all[i] = t
	}
	return all
}

// Read reads an operation. Errors: ErrNotFound.
func (s *Store) Read(ctx context.Context, id string) (*Operation, error) {
	fields, err := s.redis.HGetAll(ctx, prefixOperation+id).Result()
	if err != nil {
		return nil, fmt.Errorf("read operation: %w", err)
	}
	return decode(id, fields)
}

func decode(id string, f map[string]string) (*Operation, error) {
	if f["about"] == "" {
		return nil, ErrNotFound
	}
	o := &Operation{ID: id, State: State(f["state"])}
	if err := json.Unmarshal([]byte(f["about"]), &o.About); err != nil {
		return nil, fmt.Errorf("decode operation: %w", err)
	}
	number := func(name string) int { n, _ := strconv.Atoi(f[name]); return n }
	o.Done, o.Failed, o.Skipped = number("done"), number("failed"), number("skipped")
	o.Stopping = o.State == Running && f["stop"] != ""
	for name, to := range map[string]*time.Time{"started": &o.Started, "finished": &o.Finished} {
		*to = redisconn.Time(f[name])
	}
	return o, nil
}

// List returns the operations, the newest first, at most 1000.
func (s *Store) List(ctx context.Context) ([]Operation, error) {
	ids, err := s.redis.ZRevRange(ctx, keyIndex, 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("list operations: %w", err)
	}
	pipe := s.redis.Pipeline()
	answers := make([]*redis.MapStringStringCmd, len(ids))
	for i, id := range ids {
		answers[i] = pipe.HGetAll(ctx, prefixOperation+id)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("list operations: %w", err)
	}
	var all []Operation
	for i, answer := range answers {
		o, err := decode(ids[i], answer.Val())
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, *o)
	}
	return all, nil
}

// Results returns the results from number from on, in the order of the runs, at most n.
func (s *Store) Results(ctx context.Context, id string, from, n int) ([]Result, error) {
	texts, err := s.redis.LRange(ctx, prefixResults+id, int64(from), int64(from+n)-1).Result()
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	all := make([]Result, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &all[i]); err != nil {
			return nil, fmt.Errorf("decode result: %w", err)
		}
	}
	return all, nil
}

// Stop asks for the end of an operation, which comes within a second or two. It has no effect on one that has ended.
// Errors: ErrNotFound.
func (s *Store) Stop(ctx context.Context, id string) error {
	state, err := stopScript.Run(ctx, s.redis, []string{prefixOperation + id}).Text()
	if err != nil {
		return fmt.Errorf("stop operation: %w", err)
	}
	if state == "" {
		return ErrNotFound
	}
	return nil
}

// lease is how long a process keeps an operation after its last record.
const lease = 10 * time.Second

// taken is an operation that this process executes.
type taken struct {
	*Operation
	fence int64
	next  int // number of the next run, from 0
}

// take returns an operation to execute; nil: there is none.
func (s *Store) take(ctx context.Context) (*taken, error) {
	answer, err := takeScript.Run(ctx, s.redis, []string{keyActive}, prefixOperation, lease.Milliseconds()).Slice()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil || len(answer) != 2 {
		return nil, fmt.Errorf("take operation: %w", err)
	}
	id, _ := answer[0].(string)
	fence, _ := answer[1].(int64)
	fields, err := s.redis.HGetAll(ctx, prefixOperation+id).Result()
	if err != nil {
		return nil, fmt.Errorf("read operation: %w", err)
	}
	o, err := decode(id, fields)
	if err != nil {
		return nil, err
	}
	next, err := strconv.Atoi(fields["next"])
	return &taken{o, fence, next}, err
}

// runs returns the ids of the next runs of an operation, at most n.
func (s *Store) runs(ctx context.Context, t *taken, n int) (ids []string, err error) {
	err = redisconn.RetryUntilDone(ctx, func() (err error) {
		ids, err = s.redis.LRange(ctx, prefixRuns+t.ID, int64(t.next), int64(t.next+n)-1).Result()
		return err
	})
	return ids, err
}

// record stores the results of the next runs and renews the lease. False: the operation has ended, or another process
// executes it.
func (s *Store) record(ctx context.Context, t *taken, results []Result) (goesOn bool, err error) {
	args := []any{t.ID, t.fence, lease.Milliseconds(), t.next, retention.Milliseconds()}
	for _, r := range results {
		text, err := json.Marshal(r)
		if err != nil {
			return false, fmt.Errorf("encode result: %w", err)
		}
		args = append(args, string(r.Outcome), text)
	}
	keys := []string{keyActive, prefixOperation + t.ID, prefixResults + t.ID, prefixRuns + t.ID}
	err = redisconn.RetryUntilDone(ctx, func() error {
		n, err := recordScript.Run(ctx, s.redis, keys, args...).Int64()
		goesOn = n == 1
		return err
	})
	t.next += len(results)
	return goesOn, err
}
