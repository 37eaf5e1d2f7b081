package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

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
	if r.Dropped {
		return ErrDropped
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
	remove, set := encodeAmendment(r.plan)
	b, err := json.Marshal(struct {
		Run    string            `json:"run"`
		Fence  int               `json:"fence"`
		Origin string            `json:"origin"`
		Remove []string          `json:"remove"`
		Set    map[string]string `json:"set"`
	}{r.run, r.fence, s.Origin, remove, set})
	if err != nil {
		return "", fmt.Errorf("encode resumption: %w", err)
	}
	return string(b), nil
}

// encodeAmendment returns what a plan changes in a journal, see amend in lua/lib/resume.lua.
func encodeAmendment(plan *flows.Resumption) (remove []string, set map[string]string) {
	set = make(map[string]string, len(plan.Set))
	for key, result := range plan.Set {
		set[key] = string(result)
	}
	return append([]string{}, plan.Remove...), set // Lua has no nil list
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
	if err := c.recallArchived(ctx, r); err != nil {
		return nil, err
	}
	entries, err := readEntries(ctx, c.redis, keysOf(r.shard).journalPrefix()+r.ID)
	if err != nil {
		return nil, redisError("read journal", err)
	}
	return entries, nil
}

// ErrTooLarge reports that the results of a run are larger than the caller takes.
var ErrTooLarge = errors.New("queue: the results of the run are too large")

// Results returns the results in the journal of a run by their keys, long ones included. Errors: ErrTooLarge when they are
// longer than most bytes together, ErrUnavailable.
func (c *Client) Results(ctx context.Context, r *Record, most int) (map[string][]byte, error) {
	if err := c.recallArchived(ctx, r); err != nil {
		return nil, err
	}
	results := map[string][]byte{}
	name := keysOf(r.shard).journalPrefix() + r.ID
	err := readJournal(ctx, c.redis, name, func(key, text string) error {
		result, finished := strings.CutPrefix(text, "r")
		if !finished {
			return nil
		}
		if isReference(result) {
			if piecesOf(result) > most/perCall+1 {
				return ErrTooLarge
			}
			whole, err := readPieces(ctx, c.redis, name, result)
			if err != nil {
				return err
			}
			result = whole
		}
		if most -= len(result); most < 0 {
			return ErrTooLarge
		}
		results[key] = []byte(result)
		return nil
	})
	if err != nil && !errors.Is(err, ErrTooLarge) {
		err = redisError("read journal", err)
	}
	return results, err
}

// recallArchived recalls a run whose record came from the history, for its journal.
func (c *Client) recallArchived(ctx context.Context, r *Record) error {
	if !r.archived {
		return nil
	}
	return c.recall(ctx, r.ID)
}

// readEntries reads a journal as Client.Journal returns it.
func readEntries(ctx context.Context, r redis.Cmdable, name string) ([]flows.JournalEntry, error) {
	var entries []flows.JournalEntry
	err := readJournal(ctx, r, name, func(key, text string) error {
		e := flows.JournalEntry{Key: key}
		if result, finished := strings.CutPrefix(text, "r"); isReference(result) {
			e.Result = []byte(`{"items":[]}`)
		} else if finished {
			e.Result = []byte(result)
		}
		entries = append(entries, e)
		return nil
	})
	return entries, err
}

// readJournal calls each for the entries of a journal, sorted by key. Of long results it gives the references. Errors are
// those of Redis and of each.
func readJournal(ctx context.Context, r redis.Cmdable, name string, each func(key, text string) error) error {
	const perRead = 100 // entries in one command
	fields, err := r.HKeys(ctx, name).Result()
	if err != nil {
		return err
	}
	fields = slices.DeleteFunc(fields, isPiece)
	slices.Sort(fields)
	for some := range slices.Chunk(fields, perRead) {
		values, err := r.HMGet(ctx, name, some...).Result()
		if err != nil {
			return err
		}
		for i, v := range values {
			text, _ := v.(string)
			if err := each(some[i], text); err != nil {
				return err
			}
		}
	}
	return nil
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
