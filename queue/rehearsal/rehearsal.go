// Package rehearsal executes another version of a flow on its recorded runs, and says what would differ from the current one.
// Nothing is done or written: effects have the results that the journals of the runs have.
package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/queue"
)

// Bounds of a rehearsal.
const (
	MaxRuns     = 1000 // runs
	DefaultRuns = 200

	maxScanned = 20_000           // runs of all flows among which those of the flow are looked for
	perList    = 1000             // runs of a List
	maxTime    = 30 * time.Second // of a rehearsal; an API process has 45 s to respond
	maxResults = 4 << 20          // bytes of the results of one run
)

// ErrBusy reports that this process rehearses another flow.
var ErrBusy = errors.New("rehearsal: another rehearsal is in progress")

// Runs reads recorded runs. *queue.Client implements it.
type Runs interface {
	List(ctx context.Context, l queue.List, each func(*queue.Record)) (next queue.Place, more bool, err error)
	Record(ctx context.Context, id string) (queue.Record, error)
	Results(ctx context.Context, r *queue.Record, most int) (map[string][]byte, error)
}

// Config of a Rehearser. Runs, Flows and Connection are required.
type Config struct {
	Runs    Runs
	Flows   flows.Flows
	Scripts flows.Scripts         // nil: scripts are evaluated in this process
	Memory  *budget.Process       // nil: no limit
	Vars    func() map[string]any // values of the environment for the vars of flows; nil: there are none
	// Connection returns the type of a connection. The error says that there is none.
	Connection func(ctx context.Context, name string) (string, error)
}

// Rehearser rehearses one flow at a time, so that the requests of others keep the processors. Safe for concurrent use.
type Rehearser struct {
	config Config
	slot   chan struct{} // semaphore
}

// New returns a Rehearser.
func New(config Config) (*Rehearser, error) {
	if config.Runs == nil || config.Flows == nil || config.Connection == nil {
		return nil, errors.New("new rehearser: Runs, Flows and Connection are required")
	}
	return &Rehearser{config: config, slot: make(chan struct{}, 1)}, nil
}

// Options select what is rehearsed.
type Options struct {
	Current *flows.Flow
	Version *flows.Flow // the version that is compared with Current
	Runs    int         // number of the latest ended runs; 0: DefaultRuns. At most MaxRuns
	Since   time.Time   // runs accepted before are left out; zero: none
}

// Rehearse rehearses the latest runs of a flow, the latest first. Errors: ErrBusy, that of ctx, and those of the queue.
func (r *Rehearser) Rehearse(ctx context.Context, o Options) (*Report, error) {
	select {
	case r.slot <- struct{}{}:
		defer func() { <-r.slot }()
	default:
		return nil, ErrBusy
	}
	if o.Runs == 0 {
		o.Runs = DefaultRuns
	}
	begun := time.Now()
	ids, err := r.latest(ctx, &o)
	if err != nil {
		return nil, err
	}
	report := newReport(&o)
	limited, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	for _, id := range ids {
		err := r.one(limited, &o, id, report)
		if limited.Err() != nil && ctx.Err() == nil {
			report.Complete = false
			break
		}
		if err != nil {
			return nil, err
		}
	}
	report.finish(time.Since(begun))
	return report, nil
}

// latest returns the ids of the latest ended runs.
func (r *Rehearser) latest(ctx context.Context, o *Options) ([]string, error) {
	var ids []string
	list := queue.List{From: o.Since, Most: perList, Where: queue.OfFlow(o.Current.Number)}
	for scanned := 0; scanned < maxScanned; scanned += perList {
		next, more, err := r.config.Runs.List(ctx, list, func(found *queue.Record) {
			if found.Flow == o.Current.Number && found.State.Terminal() && found.FailureOf == "" && len(ids) < o.Runs {
				ids = append(ids, found.ID)
			}
		})
		if err != nil {
			return nil, err
		}
		if !more || len(ids) == o.Runs {
			break
		}
		list.After = next
	}
	return ids, nil
}

// one rehearses one run with both versions and adds the differences to the report.
func (r *Rehearser) one(ctx context.Context, o *Options, id string, report *Report) error {
	recorded, reason, err := r.recorded(ctx, id)
	switch {
	case err != nil:
		return err
	case reason != "":
		report.skip(id, reason)
		return nil
	}
	begun := time.Now()
	before, err := r.rehearse(ctx, o.Current, recorded, nil)
	if err == nil {
		var after *flows.Rehearsal
		if after, err = r.rehearse(ctx, o.Version, recorded, before); err == nil {
			report.add(id, before, after, time.Since(begun))
			return nil
		}
	}
	if errors.Is(err, flows.ErrRehearsalTime) || errors.Is(err, flows.ErrRehearsalSize) {
		report.skip(id, err.Error())
		return nil
	}
	return fmt.Errorf("rehearse run %s: %w", id, err)
}

// rehearse rehearses a run with a version. It tries again when a program took too long: the machine may have been busy.
func (r *Rehearser) rehearse(ctx context.Context, flow *flows.Flow, recorded *flows.RecordedRun, earlier *flows.Rehearsal) (*flows.Rehearsal, error) {
	const tries = 3
	for n := 1; ; n++ {
		done, err := r.rehearseOnce(ctx, flow, recorded, earlier)
		if err != nil || !done.Late || n == tries {
			return done, err
		}
	}
}

func (r *Rehearser) rehearseOnce(ctx context.Context, flow *flows.Flow, recorded *flows.RecordedRun, earlier *flows.Rehearsal) (*flows.Rehearsal, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	account := r.config.Memory.Open(0, cancel)
	defer account.Close()
	var vars map[string]any
	if r.config.Vars != nil {
		vars = r.config.Vars()
	}
	done, err := flow.Rehearse(ctx, *recorded, flows.RehearsalEnv{
		Vars: vars, Flows: r.config.Flows, Scripts: r.config.Scripts, Memory: account, Connection: r.config.Connection,
	}, earlier)
	if evicted := account.Err(); evicted != nil {
		return nil, evicted
	}
	return done, err
}

// recorded reads a run. reason says why it cannot be rehearsed; empty: it can.
func (r *Rehearser) recorded(ctx context.Context, id string) (run *flows.RecordedRun, reason string, err error) {
	record, err := r.config.Runs.Record(ctx, id)
	switch {
	case errors.Is(err, queue.ErrNotFound):
		return nil, "the run is not kept any more", nil
	case err != nil:
		return nil, "", err
	case record.ResumedBy != "":
		return nil, "another run continues the run", nil
	}
	results, err := r.config.Runs.Results(ctx, &record, maxResults)
	if errors.Is(err, queue.ErrTooLarge) {
		return nil, fmt.Sprintf("the run has results of more than %d MiB", maxResults>>20), nil
	}
	if err != nil {
		return nil, "", err
	}
	run = &flows.RecordedRun{Results: results, At: record.Times.Accepted, Run: flows.Run{
		ID: record.ID, Origin: record.Origin, Attempt: record.Attempt, Principal: record.Principal, Params: record.Params, Headers: record.Headers,
		Deadline: record.Times.Accepted.Add(record.Limit),
	}}
	executed, err := r.config.Flows.Version(ctx, record.Flow, record.Version)
	run.Redacts = err != nil || executed.Redacts()
	if !record.Times.Started.IsZero() {
		run.At = record.Times.Started
	}
	if len(record.Event) > 0 {
		if run.Event, err = flows.DecodeJSON(record.Event); err != nil {
			return nil, "", fmt.Errorf("read the event of run %s: %w", id, err)
		}
	}
	if flows.HasFile(run.Event) {
		return nil, reasonFiles, nil
	}
	for _, result := range results {
		if v, err := flows.DecodeJSON(result); err == nil && flows.HasFile(v) {
			return nil, reasonFiles, nil
		}
	}
	return run, "", nil
}

const reasonFiles = "the run has files"
