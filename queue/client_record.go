package queue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Record is everything that is stored of a run.
type Record struct {
	Spec
	Result
	Attempt int             `json:"attempt"` // number of the latest attempt; 0: none has begun
	Crashes int             `json:"crashes"` // attempts that were lost with their workers
	Worker  string          `json:"worker,omitempty"`
	Steps   json.RawMessage `json:"steps,omitempty"` // what each step did, as the worker reports it

	Collects *Collects `json:"collects,omitempty"` // nil: the run waits for no further events

	ResumedBy  string  `json:"resumed_by,omitempty"`  // the run that continues this one, or that took its place
	ReplayedBy string  `json:"replayed_by,omitempty"` // the last run that replays this one
	Triage     *Triage `json:"triage,omitempty"`      // nil: the run has not failed or timed out

	Retry *Retry `json:"retry,omitempty"` // nil: no try of the run was followed by another one

	FailureRun string `json:"failure_run,omitempty"` // the run that handles the failure of this one

	Dropped bool `json:"dropped,omitempty"` // what it received and recorded was deleted: it can only be looked at

	Labels map[string]string `json:"labels,omitempty"` // as its flow computes them; of runs that the history has

	shard string // the queue that it is on
	fence int

	archived bool // the history has it, and Redis may have removed it

	// ListedAt is the time, in unix milliseconds, by which List orders the record;
	// zero: the record was not read by List.
	ListedAt int64 `json:"-"`
}

// Collects describes a run that waits for further events, see Submission.Collect.
type Collects struct {
	Until  time.Time `json:"until"`            // when it begins at the latest, without further events
	Events int       `json:"events,omitempty"` // of its batch; 0: a later event takes its place
}

// Duration returns the time from the acceptance of the run to its end; 0: it has not ended.
func (r *Record) Duration() time.Duration {
	if r.Times.Finished.IsZero() {
		return 0
	}
	return r.Times.Finished.Sub(r.AcceptedAt())
}

// AcceptedAt returns when the run was accepted: by the clock of Redis, like its other times, if that is known.
func (r *Record) AcceptedAt() time.Time { return cmp.Or(r.Times.Accepted, r.Spec.Accepted) }

// Replay makes a submission replay the run: with its event, parameters and headers, and in its role for the failure of
// another run.
func (r *Record) Replay(s *Submission) {
	s.Event, s.Params, s.Headers, s.ReplayOf = r.Event, r.Params, r.Headers, r.ID
	s.HandlesFailureOf(&r.Spec)
}

// Place returns the position of a record that List read.
func (r *Record) Place() Place { return Place{r.ListedAt, r.ID} }

// Record reads a run. Errors: ErrNotFound, also after its retention;
// ErrUnavailable, and those of the history.
func (c *Client) Record(ctx context.Context, id string) (Record, error) {
	queues, err := c.queuesOf(ctx, id)
	if err != nil {
		return Record{}, err
	}
	for _, queue := range queues {
		fields, err := c.readFields(ctx, keysOf(queue), id)
		if err != nil {
			return Record{}, redisError("read run", err)
		}
		if len(fields) == 0 {
			continue
		}
		if err := c.readLong(ctx, keysOf(queue).journalPrefix()+id, fields); err != nil {
			return Record{}, err
		}
		record, err := decodeRecord(id, queue, fields)
		if err == nil {
			err = c.resolve(ctx, []*Record{&record})
		}
		return record, err
	}
	record, err := c.fromHistory(ctx, id)
	if err == nil {
		err = c.resolve(ctx, []*Record{&record})
	}
	return record, err
}

// readFields reads the fields of a stored run. The event of a run that collects events is what it has so far.
func (c *Client) readFields(ctx context.Context, k keys, id string) (map[string]string, error) {
	fields, err := c.redis.HGetAll(ctx, k.runPrefix()+id).Result()
	if err != nil || fields["events"] == "" || fields["window"] == "" {
		return fields, err
	}
	batch, err := c.redis.Get(ctx, k.batchPrefix()+id).Result()
	if errors.Is(err, redis.Nil) { // meanwhile the batch became the event of the run
		return c.redis.HGetAll(ctx, k.runPrefix()+id).Result()
	}
	fields["event"] = batchEvent(batch)
	return fields, err
}

// batchEvent returns the event of a run with these collected events; lua/lib/window.lua makes the same one.
func batchEvent(entries string) string { return `{"events":[` + entries + `]}` }

// readLong replaces references in the fields of a record by their values.
func (c *Client) readLong(ctx context.Context, journal string, fields map[string]string) error {
	for _, name := range []string{"output", "early"} {
		if !isReference(fields[name]) {
			continue
		}
		value, err := readPieces(ctx, c.redis, journal, fields[name])
		if err != nil {
			return redisError("read "+name+" of run", err)
		}
		fields[name] = value
	}
	return nil
}

// queuesOf lists the queues that a run may be on: one, unless the checksums of
// queue names collide.
func (c *Client) queuesOf(ctx context.Context, id string) ([]string, error) {
	var out []string
	c.queues.Range(func(name, _ any) bool {
		if onQueue(id, name.(string)) {
			out = append(out, name.(string))
		}
		return true
	})
	if len(out) > 0 {
		return out, nil
	}
	all, err := c.redis.SMembers(ctx, asynqQueues).Result()
	if err != nil {
		return nil, redisError("list queues", err)
	}
	for _, name := range all {
		if onQueue(id, name) {
			out = append(out, name)
		}
	}
	return out, nil
}

func decodeRecord(id, queue string, f map[string]string) (Record, error) {
	var r Record
	if err := decodeSpec(f["spec"], &r.Spec); err != nil {
		return Record{}, err
	}
	r.ID, r.Queue, r.shard = id, wholeQueue(queue), queue
	if f["event"] != "" {
		r.Event = json.RawMessage(f["event"])
	}
	r.Result = makeResult(State(f["state"]), f["output"], f["error"], f["at"], f["started"], f["finished"])
	r.Times.Delivered = micros(f["replied"])
	var err error
	if r.Early, err = decodeAnswer(f["early"]); err != nil {
		return Record{}, err
	}
	r.fence, _ = strconv.Atoi(f["fence"])
	r.Attempt = r.fence
	switch {
	case f["stopped"] != "": // stop.lua advanced the fence without an attempt
		r.Attempt, _ = strconv.Atoi(f["stopped"])
	case r.State == Queued: // the fence is the number of the next attempt
		r.Attempt = max(0, r.Attempt-1)
	}
	r.Crashes, _ = strconv.Atoi(f["crashes"])
	r.Worker, r.ResumedBy, r.ReplayedBy, r.FailureRun = f["worker"], f["resumed_by"], f["replayed_by"], f["failure_run"]
	if ms, err := strconv.ParseInt(f["until"], 10, 64); err == nil {
		r.Collects = &Collects{Until: time.UnixMilli(ms)}
		r.Collects.Events, _ = strconv.Atoi(f["events"])
	}
	if err := r.decodeTriage(f["triage"]); err != nil {
		return Record{}, err
	}
	if r.Retry, err = decodeRetry(f["retry"]); err != nil {
		return Record{}, err
	}
	if f["labels"] != "" {
		if err := json.Unmarshal([]byte(f["labels"]), &r.Labels); err != nil {
			return Record{}, fmt.Errorf("decode labels of run: %w", err)
		}
	}
	if f["steps"] != "" {
		r.Steps = json.RawMessage(f["steps"])
	}
	return r, nil
}

// Cancel ends a run that has not ended and returns its previous state. A worker
// that executes it is informed within about a second; its fence is stale from now
// on. why is the error of the run (JSON). Errors: ErrNotFound, ErrUnavailable.
func (c *Client) Cancel(ctx context.Context, id string, why []byte) (had State, err error) {
	err = c.withRecall(ctx, id, func() error {
		had, err = c.cancelStored(ctx, id, why, "")
		return err
	})
	return had, err
}

// CancelUnwaited cancels a run that no caller waits for but the one that asks, who still has its ticket. With another caller, also
// one that has waited in another process, nothing changes. Otherwise it is Cancel.
func (c *Client) CancelUnwaited(ctx context.Context, id string, why []byte) (State, error) {
	if c.waiters.count(id) > 1 {
		return "", nil
	}
	return c.cancelStored(ctx, id, why, c.process)
}

// cancelStored cancels a run that Redis has. process: the only API process whose callers may wait for it; empty: any.
func (c *Client) cancelStored(ctx context.Context, id string, why []byte, process string) (State, error) {
	queues, err := c.queuesOf(ctx, id)
	if err != nil {
		return "", err
	}
	for _, queue := range queues {
		state, err := stopRun(ctx, c.redis, keysOf(queue), stopping{id: id, state: Cancelled, failure: why, publish: publishCommand(c.cfg.Redis.Cluster()), process: process})
		if err != nil || state != "" {
			return state, err
		}
	}
	return "", ErrNotFound
}

// stopping are the arguments of stop.lua, which ends a run from outside.
type stopping struct {
	id      string
	fence   string // required fence; empty: any
	state   State
	failure []byte
	publish string
	process string // the only API process whose callers may wait; empty: any
}

// stopRun calls stop.lua and returns the previous state; "" when there is no such run.
func stopRun(ctx context.Context, r redis.Scripter, k keys, s stopping) (State, error) {
	had, err := stopScript.Run(ctx, r, k.slot(), s.id, s.fence, string(s.state), s.failure, s.publish, s.process).Text()
	if err != nil {
		return "", redisError("stop run", err)
	}
	return State(had), nil
}

// Errors of Call, besides ErrNotFound and those of the connection.
var (
	ErrOver   = errors.New("queue: the run has ended")
	ErrCalled = errors.New("queue: the step has a result already")
)

// Call stores the result of a step that waits for a callback, JSON as a
// flows.Journal records it, and wakes the run, or the one that continues it. Only the first call of a step is
// stored. Errors: ErrNotFound, ErrOver, ErrCalled, ErrUnavailable, ErrFull.
func (c *Client) Call(ctx context.Context, run, key string, result []byte) error {
	return c.withRecall(ctx, run, func() error { return c.callStored(ctx, run, key, result) })
}

func (c *Client) callStored(ctx context.Context, run, key string, result []byte) error {
	queues, err := c.queuesOf(ctx, run)
	if err != nil {
		return err
	}
	for _, queue := range queues {
		err := c.call(ctx, queue, run, key, result)
		for n := 0; errors.Is(err, ErrOver) && n < maxContinued; n++ {
			next, failed := c.redis.HGet(ctx, keysOf(queue).runPrefix()+run, "resumed_by").Result()
			if failed != nil { // also when no run continues it
				break
			}
			run = next
			err = c.call(ctx, queue, run, key, result)
		}
		if !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return ErrNotFound
}

// maxContinued is the number of runs that continue each other and are looked through.
const maxContinued = 100

func (c *Client) call(ctx context.Context, queue, run, key string, result []byte) error {
	k := keysOf(queue)
	answer, err := callbackScript.Run(ctx, c.redis, k.slot(), run, key, "r"+string(result)).Text()
	if err != nil {
		return redisError("call run", err)
	}
	switch answer {
	case "":
		return nil
	case "none":
		return ErrNotFound
	case "over":
		return ErrOver
	case "again":
		return ErrCalled
	}
	fence, err := strconv.Atoi(answer)
	if err != nil {
		return redisError("call run", err)
	}
	// If this fails, the reconciler requeues the run within a second.
	if _, err := requeueRun(ctx, c.redis, c.asynq, queue, requeue{id: run, fence: fence, from: Waiting}, 0); err != nil {
		c.cfg.Log.Warn("wake run", "run_id", run, "error", err)
	}
	return nil
}
