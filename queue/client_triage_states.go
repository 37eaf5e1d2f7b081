package queue

import (
	"context"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"
)

// triageFields are what tells the triage state of a run.
var triageFields = []string{"state", "triage", "resumed_by", "replayed_by"}

// TriageOf returns the triage states of runs by their ids; empty: the run has not failed or timed out. Runs that are not
// stored any more are missing, as are those that only a History has while it does not answer.
// Errors: ErrUnavailable.
func (c *Client) TriageOf(ctx context.Context, ids []string) (map[string]TriageState, error) {
	states := make(map[string]TriageState, len(ids))
	for some := range slices.Chunk(ids, listBatch) {
		records, err := c.readTriage(ctx, some)
		if err != nil {
			return nil, err
		}
		if err := c.resolve(ctx, records); err != nil {
			return nil, err
		}
		for _, r := range records {
			states[r.ID] = r.TriageState()
		}
	}
	return states, nil
}

// readTriage reads what tells the triage states of runs in one round trip, and in one to the history. The records have nothing else.
func (c *Client) readTriage(ctx context.Context, ids []string) (records []*Record, err error) {
	replies := make(map[string][]*redis.SliceCmd, len(ids))
	pipe := c.redis.Pipeline()
	for _, id := range ids {
		queues, err := c.queuesOf(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, queue := range queues {
			replies[id] = append(replies[id], pipe.HMGet(ctx, keysOf(queue).runPrefix()+id, triageFields...))
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, redisError("read runs", err)
	}
	var gone []string
	for id, some := range replies {
		if r := c.triaged(id, some); r != nil {
			records = append(records, r)
		} else {
			gone = append(gone, id)
		}
	}
	return slices.AppendSeq(records, maps.Values(c.allFromHistory(ctx, gone))), nil
}

// triaged returns the record of a run from its fields in the queues in which it may be; nil: it is in none.
func (c *Client) triaged(id string, replies []*redis.SliceCmd) *Record {
	for _, reply := range replies {
		var f [4]string
		for i, v := range reply.Val() {
			f[i], _ = v.(string)
		}
		if f[0] == "" {
			continue
		}
		r := &Record{Spec: Spec{ID: id}, Result: Result{State: State(f[0])}, ResumedBy: f[2], ReplayedBy: f[3]}
		if err := r.decodeTriage(f[1]); err != nil {
			c.cfg.Log.Warn("read triage state", "run_id", id, "error", err)
		}
		return r
	}
	return nil
}
