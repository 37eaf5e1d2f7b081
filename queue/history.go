package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
)

// History keeps ended runs after Redis has removed them. Package history implements it. A Client reads both as one, and
// brings a run back to Redis when something is to be done with it.
type History interface {
	// Read returns a run. Errors: ErrNotFound, and those of the database.
	Read(ctx context.Context, id string) (*Archived, error)

	// ReadAll returns those of up to 500 runs that it has, in any order and without their values. Errors: those of the database.
	ReadAll(ctx context.Context, ids []string) ([]Archived, error)

	// List returns runs that a List selects, in its order and without their values, at most l.Most. reached is the
	// position up to which it has looked; nil: there are no others.
	List(ctx context.Context, l List) (runs []Archived, reached *Place, err error)
}

// Condition is what a run must satisfy to be wanted: one of the values must hold, or a number must be within bounds. It is one
// of those that a History knows how to look up; what lists runs checks them again.
type Condition struct {
	Field       string   // as in the filter of a listing
	Values      []string // of message: parts of it
	Least, Most *int64   // of a number, inclusive; nil: unbounded
}

// OfFlow is the condition for the runs of a flow.
func OfFlow(flow int64) []Condition {
	return []Condition{{Field: "flow", Values: []string{strconv.FormatInt(flow, 10)}}}
}

// Archived is the record of an ended run as the history keeps it: the fields of its hash in Redis.
type Archived struct {
	ID      string
	Queue   string            // with its shard
	Record  map[string]string // the fields of the record, and its labels, without what people have sent and got
	Values  map[string]string // the fields that have it: they replace those of Record. Nil: they were dropped
	Journal map[string]string // with the pieces of long values

	Unreadable error // of ReadEnded: the record is none that this version can read; nil: it is, or it is missing
}

// archivedValues are the fields of a record that hold what people have sent and got.
var archivedValues = []string{"event", "output", "steps", "early"}

// separate moves what people have sent and got from Record to Values.
func (a *Archived) separate() error {
	a.Values = map[string]string{}
	for _, name := range archivedValues {
		if value, ok := a.Record[name]; ok {
			a.Values[name] = value
			delete(a.Record, name)
		}
	}
	var s Spec
	if err := decodeSpec(a.Record["spec"], &s); err != nil {
		return err
	}
	if len(s.Params)+len(s.Headers)+len(s.Failure) == 0 {
		return nil
	}
	s.Params, s.Headers, s.Failure = nil, nil, nil
	text, err := encodeSpec(&s)
	if err != nil {
		return err
	}
	a.Values["spec"], a.Record["spec"] = a.Record["spec"], string(text)
	return nil
}

// Erase removes what people have sent and got, also from the message of the error and the note of the triage. There is nothing
// left to repair: a run that is open becomes ignored.
func (a *Archived) Erase() error {
	a.Values, a.Journal = nil, nil
	delete(a.Record, "labels")
	record, err := a.Decode()
	if err != nil {
		return err
	}
	if t := record.Triage; t != nil {
		if t.Note = ""; t.State == Open {
			t.State = Ignored
		}
		text, err := json.Marshal(t)
		if err != nil {
			return fmt.Errorf("encode triage state: %w", err)
		}
		a.Record["triage"] = string(text)
	}
	e := record.Error
	if e == nil {
		return nil
	}
	text, err := json.Marshal(flows.Error{Code: e.Code, Step: e.Step, Message: "erased"})
	if err != nil {
		return fmt.Errorf("encode error of run: %w", err)
	}
	a.Record["error"] = string(text)
	return nil
}

// Decode returns the record, without its values when they are not there.
func (a *Archived) Decode() (Record, error) {
	fields := maps.Clone(a.Record)
	for name, value := range a.Values {
		if isReference(value) {
			var err error
			if value, err = joinPieces(a.Journal, value); err != nil {
				return Record{}, err
			}
		}
		fields[name] = value
	}
	r, err := decodeRecord(a.ID, a.Queue, fields)
	if err == nil {
		r.ListedAt = r.Times.Accepted.UnixMilli()
		r.archived = true
	}
	return r, err
}

// joinPieces returns the value of a reference to pieces in a journal.
func joinPieces(journal map[string]string, reference string) (string, error) {
	_, key, _ := strings.Cut(reference[1:], ":")
	var value strings.Builder
	for i := range piecesOf(reference) {
		piece := journal[pieceKey(key, i)]
		if piece == "" {
			return "", fmt.Errorf("read pieces: %s is missing", pieceKey(key, i))
		}
		value.WriteString(piece[1:])
	}
	return value.String(), nil
}

// maxArchiveBytes is the size of the values that ReadEnded reads at once, about.
const maxArchiveBytes = 8 << 20

// ReadEnded returns the first ended runs of a queue that the history does not have, at most a number of them, and fewer when
// they are large. rest is the number of those behind them. Runs that Redis has lost are returned without a Record.
// Errors: ErrUnavailable.
func (c *Client) ReadEnded(ctx context.Context, queue string, most int) (runs []Archived, rest int, err error) {
	k := keysOf(queue)
	pipe := c.redis.Pipeline()
	ids, length := pipe.LRange(ctx, k.ended(), 0, int64(most)-1), pipe.LLen(ctx, k.ended())
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, 0, redisError("read ended runs", err)
	}
	size := 0
	for batch := range slices.Chunk(ids.Val(), listBatch) {
		if size > maxArchiveBytes {
			break
		}
		pipe := c.redis.Pipeline()
		records := make([]*redis.MapStringStringCmd, len(batch))
		for i, id := range batch {
			records[i] = pipe.HGetAll(ctx, k.runPrefix()+id)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, 0, redisError("read ended runs", err)
		}
		for i, id := range batch {
			a := Archived{ID: id, Queue: queue, Record: records[i].Val()}
			if len(a.Record) > 0 {
				a.Unreadable = a.separate()
			}
			for _, value := range a.Values {
				size += len(value)
			}
			runs = append(runs, a)
		}
	}
	return runs, int(length.Val()) - len(runs), c.readJournals(ctx, k, runs)
}

// Unarchived returns how many runs of all queues have not ended, and how many have ended and are not in the history yet.
// Errors: ErrUnavailable.
func (c *Client) Unarchived(ctx context.Context) (open, ended int64, err error) {
	queues, err := c.Queues(ctx)
	if err != nil || len(queues) == 0 {
		return 0, 0, err
	}
	pipe := c.redis.Pipeline()
	var counts [2][]*redis.IntCmd
	for _, queue := range queues {
		k := keysOf(queue)
		counts[0], counts[1] = append(counts[0], pipe.ZCard(ctx, k.due())), append(counts[1], pipe.LLen(ctx, k.ended()))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return 0, 0, redisError("count runs that are not archived", err)
	}
	for i := range queues {
		open, ended = open+counts[0][i].Val(), ended+counts[1][i].Val()
	}
	return open, ended, nil
}

// readJournals fills in the journals of runs that another run may continue, and of those with values in pieces.
func (c *Client) readJournals(ctx context.Context, k keys, runs []Archived) error {
	pipe := c.redis.Pipeline()
	journals := map[int]*redis.MapStringStringCmd{}
	for i := range runs {
		a := &runs[i]
		if len(a.Record) > 0 && (State(a.Record["state"]) != Succeeded || isReference(a.Values["output"]) || isReference(a.Values["early"])) {
			journals[i] = pipe.HGetAll(ctx, k.journalPrefix()+a.ID)
		}
	}
	if len(journals) == 0 {
		return nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return redisError("read journals of ended runs", err)
	}
	for i, journal := range journals {
		runs[i].Journal = journal.Val()
	}
	return nil
}

// MarkArchived notes that the history has the runs of a queue, as ReadEnded returned them. Errors: ErrUnavailable.
func (c *Client) MarkArchived(ctx context.Context, queue string, runs []Archived) error {
	args := make([]any, 0, 2*len(runs))
	for i := range runs {
		args = append(args, runs[i].ID, runs[i].Record["changed"])
	}
	if err := archivedScript.Run(ctx, c.redis, keysOf(queue).slot(), args...).Err(); err != nil {
		return redisError("mark archived runs", err)
	}
	return nil
}

// ErrDropped reports that what a run has received and recorded was deleted, by its retention or by an erasure: it can only be
// looked at.
var ErrDropped = errors.New("queue: what the run received was deleted")

// recallTTL is how long the journal of a recalled run is kept should the process end before it has stored the record.
const recallTTL = time.Hour

// recall stores a run in Redis again as the history has it, unless it is there. Errors: ErrNotFound when the history does not
// have it; ErrDropped; ErrUnavailable; those of the history.
func (c *Client) recall(ctx context.Context, id string) error {
	if c.cfg.History == nil {
		return ErrNotFound
	}
	queues, err := c.queuesOf(ctx, id)
	if err != nil {
		return err
	}
	for _, queue := range queues {
		n, err := c.redis.Exists(ctx, keysOf(queue).runPrefix()+id).Result()
		if err != nil {
			return redisError("recall run", err)
		}
		if n > 0 {
			return nil
		}
	}
	a, err := c.cfg.History.Read(ctx, id)
	if err != nil {
		return err
	}
	if a.Values == nil {
		return ErrDropped
	}
	k := keysOf(a.Queue)
	if err := c.writeJournal(ctx, k.journalPrefix()+id, a.Journal); err != nil {
		return redisError("recall run", err)
	}
	args := []any{id}
	for _, fields := range []map[string]string{a.Record, a.Values} {
		for name, value := range fields {
			args = append(args, name, value)
		}
	}
	if err := c.redis.SAdd(ctx, asynqQueues, a.Queue).Err(); err != nil {
		return redisError("recall run", err)
	}
	if err := recallScript.Run(ctx, c.redis, k.slot(), args...).Err(); err != nil {
		return redisError("recall run", err)
	}
	return nil
}

// recallAll recalls a run and those that continue it, so that its idempotency key leads to the last of them.
func (c *Client) recallAll(ctx context.Context, id string) error {
	for range maxContinued {
		if err := c.recall(ctx, id); err != nil {
			return err
		}
		record, err := c.Record(ctx, id)
		if err != nil || record.ResumedBy == "" {
			return err
		}
		id = record.ResumedBy
	}
	return nil
}

// writeJournal writes a journal with a TTL, in commands of limited size.
func (c *Client) writeJournal(ctx context.Context, name string, journal map[string]string) error {
	if len(journal) == 0 {
		return nil
	}
	pipe := c.redis.Pipeline()
	size := 0
	for key, value := range journal {
		pipe.HSet(ctx, name, key, value)
		if size += len(value); size > piecesPerRead*perCall {
			pipe.Expire(ctx, name, recallTTL)
			if _, err := pipe.Exec(ctx); err != nil {
				return err
			}
			pipe, size = c.redis.Pipeline(), 0
		}
	}
	pipe.Expire(ctx, name, recallTTL)
	_, err := pipe.Exec(ctx)
	return err
}

// fromHistory returns the record of a run that Redis does not have. Errors: ErrNotFound, those of the history.
func (c *Client) fromHistory(ctx context.Context, id string) (Record, error) {
	if c.cfg.History == nil {
		return Record{}, ErrNotFound
	}
	a, err := c.cfg.History.Read(ctx, id)
	if err != nil {
		return Record{}, err
	}
	r, err := a.Decode()
	r.Dropped = a.Values == nil
	return r, err
}

// allFromHistory returns the records, without values, of those runs by their ids that the history has; none while it does not
// answer. A record that cannot be read is left out, and logged.
func (c *Client) allFromHistory(ctx context.Context, ids []string) map[string]*Record {
	records := map[string]*Record{}
	if c.cfg.History == nil {
		return records
	}
	for some := range slices.Chunk(ids, listBatch) {
		found, err := c.cfg.History.ReadAll(ctx, some)
		if err != nil {
			c.cfg.Log.Warn("read runs of the history", "error", err)
			break
		}
		for _, a := range found {
			r, err := a.Decode()
			if err != nil {
				c.cfg.Log.Warn("read run of the history", "run_id", a.ID, "error", err)
				continue
			}
			records[r.ID] = &r
		}
	}
	return records
}

// withRecall calls do, and once more after the run was recalled when Redis did not have it.
func (c *Client) withRecall(ctx context.Context, id string, do func() error) error {
	err := do()
	if !errors.Is(err, ErrNotFound) || c.cfg.History == nil {
		return err
	}
	if err := c.recall(ctx, id); err != nil {
		return err
	}
	return do()
}

// KeptByHistory reports whether the history still has the values of a run that was accepted not longer ago than a time.
// Errors: those of the history.
func (c *Client) KeptByHistory(ctx context.Context, run string, ago time.Duration) (bool, error) {
	if made, ok := createdAt(run); c.cfg.History == nil || !ok || time.Since(made) > ago {
		return false, nil
	}
	a, err := c.cfg.History.Read(ctx, run)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && a.Values != nil, err
}

// Forget removes ended runs from Redis that were erased in the history. Errors: ErrUnavailable.
func (c *Client) Forget(ctx context.Context, ids []string) error {
	for _, id := range ids {
		queues, err := c.queuesOf(ctx, id)
		if err != nil {
			return err
		}
		for _, queue := range queues {
			if err := forgetScript.Run(ctx, c.redis, keysOf(queue).slot(), id).Err(); err != nil {
				return redisError("forget run", err)
			}
		}
	}
	return nil
}

// Archive returns the record of an ended run as Redis would store it, for what makes records: generators and tests. The id is
// made for the time of acceptance when it is empty.
func Archive(r Record) Archived {
	if r.ID == "" {
		r.ID = idAt(r.Queue, r.Times.Accepted)
	}
	spec, err := encodeSpec(&r.Spec)
	if err != nil {
		panic(err) // a programming error: a control character in an id
	}
	fields := map[string]string{
		"spec": string(spec), "state": string(r.State), "fence": strconv.Itoa(r.Attempt), "crashes": strconv.Itoa(r.Crashes), "worker": r.Worker,
		"event": string(r.Event), "output": string(r.Output), "steps": string(r.Steps),
		"at": unixMicros(r.Times.Accepted), "started": unixMicros(r.Times.Started), "finished": unixMicros(r.Times.Finished),
		"resumed_by": r.ResumedBy, "replayed_by": r.ReplayedBy, "failure_run": r.FailureRun,
	}
	if r.Error != nil {
		text, err := json.Marshal(r.Error)
		if err != nil {
			panic(err) // an error has nothing that cannot be encoded
		}
		fields["error"] = string(text)
	}
	maps.DeleteFunc(fields, func(_, value string) bool { return value == "" })
	a := Archived{ID: r.ID, Queue: r.Queue, Record: fields}
	if err := a.separate(); err != nil {
		panic(err) // it was encoded above
	}
	return a
}

func unixMicros(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMicro(), 10)
}
