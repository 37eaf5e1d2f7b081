package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/queue"
)

const (
	batch     = 1000
	queueName = "default"
	ours      = "penstock:{" + queueName + "}:"
	asynq     = "asynq:{" + queueName + "}:"
)

// addRuns adds ended runs of all deployed flows, the oldest first.
func (in *installation) addRuns(ctx context.Context, n int) error {
	deployed := in.store.Flows().List()
	if len(deployed) == 0 {
		return errors.New("there is no flow")
	}
	r, failures := rand.New(rand.NewPCG(1, 0)), failure.New(in.redis, nil)
	for times := range slices.Chunk(in.times(r, n), batch) {
		runs, records := make([]history.Run, len(times)), make([]queue.Record, len(times))
		for i, at := range times {
			head := deployed[r.IntN(len(deployed))]
			records[i] = madeUp(r, head.Number, head.Version, at)
			runs[i] = history.Run{Archived: queue.Archive(records[i]), Labels: records[i].Labels}
			records[i].ID = runs[i].ID
			runs[i].KeepFor(history.Keep{Runs: 90 * 24 * time.Hour}, records[i].Times.Finished)
		}
		if in.history != nil {
			if err := in.history.Write(ctx, runs); err != nil {
				return err
			}
		}
		if err := in.storeRuns(ctx, runs, records); err != nil {
			return err
		}
		if _, err := failures.Record(ctx, failedOf(records)); err != nil {
			return err
		}
	}
	return nil
}

// times are the times of acceptance of n runs.
func (in *installation) times(r *rand.Rand, n int) []time.Time {
	all, now, span := make([]time.Time, n), time.Now().Add(-time.Minute), 7*24*time.Hour
	if in.history == nil {
		span = 20 * time.Hour
	}
	for i := range all {
		if i%3 == 0 {
			all[i] = now.Add(-time.Duration(r.Int64N(int64(hot - 3*time.Minute))))
		} else {
			all[i] = now.Add(-time.Duration(r.Int64N(int64(span))))
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// causes are how runs fail; the number of the order is left out of what they have in common.
var causes = []struct{ step, code, message string }{ // read only
	{"read", "http", "the shop answered 503 for order %d"},
	{"read", "http", "the shop answered 404 for order %d: there is no such order"},
	{"total", "expression", "order %d: cannot multiply null by a number"},
	{"total", "validation", "order %d: total must be a number"},
	{"notify", "uncertain", "whether the mail for order %d was sent is not known"},
}

// madeUp is a run of a flow: four of five succeed, the others fail in several ways, take too long or are cancelled.
func madeUp(r *rand.Rand, flow int64, version string, at time.Time) queue.Record {
	order := r.IntN(1_000_000)
	took := time.Duration(float64(20*time.Millisecond) * (1 + r.ExpFloat64()*3))
	record := queue.Record{Attempt: 1, Worker: "worker-1", Labels: map[string]string{"shop": strconv.FormatInt(flow, 10), "customer": fmt.Sprintf("customer-%d", order%1000)}}
	record.State = queue.Succeeded
	record.Spec = queue.Spec{Flow: flow, Version: version, Queue: queueName, Principal: fmt.Sprintf("key:customer-%d", order%50), Accepted: at, Limit: time.Minute}
	record.Event = fmt.Appendf(nil, `{"order":%d,"total":%d,"customer":"customer-%d"}`, order, order%500, order%1000)
	record.Steps = json.RawMessage(`{"steps":[{"step":"read","kind":"set","in":1,"out":1,"us":12345},{"step":"total","kind":"set","in":1,"out":1,"us":9123}]}`)
	switch kind := r.IntN(100); {
	case kind < 12:
		cause := causes[r.IntN(len(causes))]
		record.State, record.Error = queue.Failed, &flows.Error{Code: flows.Code(cause.code), Step: cause.step, Message: fmt.Sprintf(cause.message, order)}
	case kind < 14:
		took = time.Minute
		record.State, record.Error = queue.TimedOut, &flows.Error{Code: flows.CodeTimeout, Message: "the run took longer than 1m"}
	case kind < 18:
		record.State, record.Error = queue.Cancelled, &flows.Error{Code: flows.CodeCancelled, Message: "cancelled by user:root"}
	default:
		record.Output = fmt.Appendf(nil, `{"order":%d,"total":%d}`, order, order%500*2)
	}
	record.Times = queue.Times{Accepted: at, Started: at.Add(took / 20), Finished: at.Add(took)}
	return record
}

// storeRuns stores runs in Redis, those that it still has, in the form in which workers and the archiver leave them.
func (in *installation) storeRuns(ctx context.Context, runs []history.Run, records []queue.Record) error {
	list := ours + "archived"
	if in.history == nil {
		list = ours + "ended"
	}
	pipe := in.redis.Pipeline()
	pipe.SAdd(ctx, "asynq:queues", queueName)
	for i := range runs {
		run, times := &runs[i], records[i].Times
		count := "processed:"
		if records[i].Error != nil {
			count = "failed:"
		}
		pipe.Incr(ctx, asynq+count+times.Finished.UTC().Format(time.DateOnly))
		if in.history != nil && time.Since(times.Finished) > hot {
			continue
		}
		fields := maps.Clone(run.Record)
		maps.Copy(fields, run.Values)
		delete(fields, "labels")
		pipe.HSet(ctx, ours+"run:"+run.ID, fields)
		pipe.ZAdd(ctx, ours+"index", redis.Z{Score: float64(times.Accepted.UnixMilli()), Member: run.ID})
		pipe.RPush(ctx, list, run.ID)
	}
	_, err := pipe.Exec(ctx)
	return err
}

func failedOf(records []queue.Record) (failed []failure.Run) {
	for i := range records {
		if r := &records[i]; r.State == queue.Failed || r.State == queue.TimedOut {
			failed = append(failed, failure.Run{ID: r.ID, Flow: r.Flow, Step: r.Error.Step, Code: string(r.Error.Code), Message: r.Error.Message, Ended: r.Times.Finished})
		}
	}
	return failed
}
