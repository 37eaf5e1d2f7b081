package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/redisconn"
)

// TriageState is what people have made of a run that failed or timed out, beside its state.
type TriageState string

const (
	Open     TriageState = "open"     // nothing yet; the default
	Resolved TriageState = "resolved" // by hand, or another run is in its place
	Ignored  TriageState = "ignored"
)

// TriageStates lists all states.
func TriageStates() []TriageState { return []TriageState{Open, Resolved, Ignored} }

// Triage is the triage state of a run.
type Triage struct {
	State TriageState `json:"state"`
	By    string      `json:"by,omitempty"`   // principal that set it; empty: it was not set by hand
	At    time.Time   `json:"at,omitzero"`    // when
	Note  string      `json:"note,omitempty"` // why
	Run   string      `json:"run,omitempty"`  // the run in its place, which continues or replays it; State is Resolved
}

// MaxNote is the maximum length of Triage.Note in bytes.
const MaxNote = 500

// Validate returns an error that says what cannot be as it is: the state, or the note.
func (t *Triage) Validate() error {
	if !slices.Contains(TriageStates(), t.State) {
		return errors.New("triage: expected open, resolved or ignored")
	}
	if len(t.Note) > MaxNote || !utf8.ValidString(t.Note) || strings.ContainsFunc(t.Note, unicode.IsControl) {
		return fmt.Errorf("note: expected a text of at most %d bytes, without line breaks", MaxNote)
	}
	return nil
}

// ErrNotTriaged reports a run without a triage state: it has not failed.
var ErrNotTriaged = errors.New("queue: the run has not failed or timed out")

// SetTriage stores the triage state of a run that failed or timed out. Errors: ErrNotFound, ErrNotTriaged,
// ErrUnavailable.
func (c *Client) SetTriage(ctx context.Context, run string, t Triage) error {
	text, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode triage state: %w", err)
	}
	state, err := c.annotate(ctx, run, true, "triage", text)
	switch {
	case err != nil:
		return err
	case state == "":
		return ErrNotFound
	case state != Failed && state != TimedOut:
		return ErrNotTriaged
	}
	return nil
}

// annotate calls annotate.lua and returns the state of the run; "" when there is no such run.
func (c *Client) annotate(ctx context.Context, run string, failed bool, name string, value []byte) (state State, err error) {
	err = c.withRecall(ctx, run, func() error {
		if state, err = c.annotateStored(ctx, run, failed, name, value); err == nil && state == "" {
			return ErrNotFound
		}
		return err
	})
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return state, err
}

func (c *Client) annotateStored(ctx context.Context, run string, failed bool, name string, value []byte) (State, error) {
	queues, err := c.queuesOf(ctx, run)
	if err != nil {
		return "", err
	}
	for _, queue := range queues {
		state, err := annotateScript.Run(ctx, c.redis, keysOf(queue).slot(), run, flag(failed), name, value).Text()
		if err != nil {
			return "", redisError("annotate run", err)
		}
		if state != "" {
			return State(state), nil
		}
	}
	return "", nil
}

// linkReplay stores in the record of a run that another one replays it. Only a fault leaves the link out.
func (c *Client) linkReplay(ctx context.Context, s *Spec) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), submitWait)
	defer cancel()
	err := redisconn.RetryUntilDone(ctx, func() error {
		_, err := c.annotate(ctx, s.ReplayOf, false, "replayed_by", []byte(s.ID))
		return err
	})
	if err != nil {
		c.cfg.Log.Warn("link replay", "run_id", s.ReplayOf, "error", err)
	}
}

// TriageState returns the triage state of a run; empty: it has not failed or timed out.
func (r *Record) TriageState() TriageState {
	if r.Triage == nil {
		return ""
	}
	return r.Triage.State
}

// decodeTriage sets the triage state of a record as it is stored.
func (r *Record) decodeTriage(text string) error {
	if r.State != Failed && r.State != TimedOut {
		return nil
	}
	r.Triage = &Triage{State: Open}
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), r.Triage); err != nil {
		return fmt.Errorf("decode triage state: %w", err)
	}
	return nil
}

const (
	maxSuccessors = 50 // runs that are looked through for one that succeeded in the place of another
	successorRead = 500
)

// resolve marks the open runs as resolved in whose place another run is: one that continues or replays them, or one that
// continues or replays such a run. The one that succeeded is named, else the last one. A cancelled run is in no place, because
// nobody is to look at it. A run that was opened again by hand is resolved only by a run that was accepted after that.
func (c *Client) resolve(ctx context.Context, records []*Record) error {
	var searches []*successorSearch
	for _, r := range records {
		if r.Triage != nil && r.Triage.State == Open && r.ResumedBy+r.ReplayedBy != "" {
			s := &successorSearch{record: r}
			s.add(r.ResumedBy, r.ReplayedBy)
			searches = append(searches, s)
		}
	}
	found := slices.Clone(searches)
	for len(searches) > 0 {
		for some := range slices.Chunk(searches, successorRead) {
			if err := c.lookAtSuccessors(ctx, some); err != nil {
				return err
			}
		}
		searches = slices.DeleteFunc(searches, func(s *successorSearch) bool { return len(s.next) == 0 || len(s.seen) > maxSuccessors })
	}
	for _, s := range found {
		if s.inPlace != "" {
			*s.record.Triage = Triage{State: Resolved, Run: s.inPlace}
		}
	}
	return nil
}

// successorSearch looks through the runs that continue or replay a run, and those that continue or replay them.
type successorSearch struct {
	record     *Record
	next, seen []string
	inPlace    string // the run in the place of record as far as was looked; empty: none
	succeeded  bool   // that run has succeeded
}

func (s *successorSearch) add(ids ...string) {
	for _, id := range ids {
		if id != "" && !slices.Contains(s.seen, id) {
			s.next, s.seen = append(s.next, id), append(s.seen, id)
		}
	}
}

// lookAtSuccessors reads the next runs of searches in one round trip, and in one to the history.
func (c *Client) lookAtSuccessors(ctx context.Context, searches []*successorSearch) error {
	type look struct {
		search *successorSearch
		id     string
		fields *redis.SliceCmd
	}
	var looks []look
	pipe := c.redis.Pipeline()
	for _, s := range searches {
		for _, id := range s.next {
			queues, err := c.queuesOf(ctx, id)
			if err != nil {
				return err
			}
			for _, queue := range queues {
				looks = append(looks, look{s, id, pipe.HMGet(ctx, keysOf(queue).runPrefix()+id, "state", "resumed_by", "replayed_by")})
			}
		}
		s.next = nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return redisError("read runs", err)
	}
	var gone []string
	for _, l := range looks {
		if l.fields.Val()[0] == nil {
			gone = append(gone, l.id)
		}
	}
	archived := c.allFromHistory(ctx, gone)
	for _, l := range looks {
		var f [3]string
		for i, v := range l.fields.Val() {
			f[i], _ = v.(string)
		}
		if r := archived[l.id]; r != nil && f[0] == "" {
			f = [3]string{string(r.State), r.ResumedBy, r.ReplayedBy}
		}
		l.search.see(l.id, State(f[0]), f[1], f[2])
	}
	return nil
}

// see takes a run into account: its state, empty if it is not stored any more, and those that continue and replay it.
func (s *successorSearch) see(id string, state State, resumedBy, replayedBy string) {
	if s.succeeded {
		return
	}
	if at, _ := createdAt(id); state != "" && state != Cancelled && at.After(s.record.Triage.At) {
		s.inPlace = id
	}
	if s.succeeded = state == Succeeded && s.inPlace == id; s.succeeded {
		s.next = nil
		return
	}
	s.add(resumedBy, replayedBy)
}
