package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows"
)

// Resume is how a new run continues one that has ended: it takes over the journal, so
// that effects with a result are not repeated, and counts the attempts on. Record.Resume
// makes one.
type Resume struct {
	plan       *flows.Resumption
	run, shard string
	fence      int
}

// PlanResume plans how a run of flow continues the run, which was one of the version
// earlier. It fills in what is known of the run, which must be Resumable. The error may be
// a *flows.ResumeError.
func (r *Record) PlanResume(flow, earlier *flows.Flow, journal []flows.JournalEntry, o flows.ResumeOptions) (*flows.Resumption, error) {
	if o.Run = r.ID; r.Error != nil {
		o.Failed = r.Error.Step
	}
	return flow.Resume(earlier, journal, o)
}

// Resume fills in a submission with which the run is continued by a plan: the principal,
// the event and what came with it, and the ids of the runs before it.
func (r *Record) Resume(s *Submission, plan *flows.Resumption) {
	s.Principal, s.Depth = r.Principal, r.Depth
	s.Event, s.Params, s.Headers = r.Event, r.Params, r.Headers
	s.ResumedFrom, s.Origin = r.ID, r.FilesOf()
	s.HandlesFailureOf(&r.Spec)
	s.Resume = &Resume{plan: plan, run: r.ID, shard: r.shard, fence: r.fence}
}

// Resumable returns nil for a run that another one may continue. Errors: ErrMoved for one
// that has not ended or has succeeded, and a ResumedError.
func (r *Record) Resumable() error {
	if r.ResumedBy != "" {
		return &ResumedError{By: r.ResumedBy}
	}
	if !r.State.Terminal() || r.State == Succeeded {
		return ErrMoved
	}
	return nil
}

// FilesOf returns the id under which the files of the run are stored: the first of the
// runs that continue each other.
func (s *Spec) FilesOf() string {
	if s.Origin != "" {
		return s.Origin
	}
	return s.ID
}

// encode encodes the argument of submit.lua.
func (r *Resume) encode(s *Spec) (string, error) {
	set := make(map[string]string, len(r.plan.Set))
	for key, result := range r.plan.Set {
		set[key] = string(result)
	}
	b, err := json.Marshal(struct {
		Run    string            `json:"run"`
		Fence  int               `json:"fence"`
		Origin string            `json:"origin"`
		Remove []string          `json:"remove"`
		Set    map[string]string `json:"set"`
	}{r.run, r.fence, s.Origin, append([]string{}, r.plan.Remove...), set}) // Lua has no nil list
	if err != nil {
		return "", fmt.Errorf("encode resumption: %w", err)
	}
	return string(b), nil
}

// firstAttempt returns the number of the first attempt of the run.
func (s *Submission) firstAttempt() int {
	if s.Resume == nil {
		return 1
	}
	return s.Resume.fence + 1
}

// Journal returns the entries in the journal of a run, sorted by key. Of long results it
// returns an empty list of items. Errors: ErrUnavailable.
func (c *Client) Journal(ctx context.Context, r *Record) ([]flows.JournalEntry, error) {
	const perRead = 100 // entries in one command
	name := keysOf(r.shard).journalPrefix() + r.ID
	fields, err := c.redis.HKeys(ctx, name).Result()
	if err != nil {
		return nil, redisError("read journal", err)
	}
	fields = slices.DeleteFunc(fields, isPiece)
	slices.Sort(fields)
	var entries []flows.JournalEntry
	for some := range slices.Chunk(fields, perRead) {
		values, err := c.redis.HMGet(ctx, name, some...).Result()
		if err != nil {
			return nil, redisError("read journal", err)
		}
		for i, v := range values {
			text, _ := v.(string)
			e := flows.JournalEntry{Key: some[i]}
			if result, finished := strings.CutPrefix(text, "r"); isReference(result) {
				e.Result = []byte(`{"items":[]}`)
			} else if finished {
				e.Result = []byte(result)
			}
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// KeepsFiles reports whether the files of a run are still used: the run is stored, or one
// that continues it. Errors: ErrUnavailable.
func (c *Client) KeepsFiles(ctx context.Context, run string) (bool, error) {
	queues, err := c.queuesOf(ctx, run)
	if err != nil {
		return false, err
	}
	for _, queue := range queues {
		k := keysOf(queue)
		n, err := c.redis.Exists(ctx, k.runPrefix()+run, k.originPrefix()+run).Result()
		if err != nil {
			return false, redisError("look for run", err)
		}
		if n > 0 {
			return true, nil
		}
	}
	return false, nil
}
