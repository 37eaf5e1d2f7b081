package operation

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// Plan is what an operation would do.
type Plan struct {
	Action   Action         `json:"action"`
	AsOf     time.Time      `json:"as_of"`    // when the runs were chosen
	Total    int            `json:"total"`    // runs that the filter matches
	Examined int            `json:"examined"` // runs that were looked at; fewer than Total when they are too many for the time
	Applies  int            `json:"applies"`  // of those, the runs to which the action applies
	Skipped  map[string]int `json:"skipped"`  // of those, the others, by code; "uncertain" can be assumed
	Steps    []PlannedStep  `json:"steps"`    // that have effects, of actions that start runs
}

// PlannedStep is a step with effects. The figures are numbers of runs.
type PlannedStep struct {
	Flow      int64  `json:"flow"`
	Step      string `json:"step"`
	Kind      string `json:"kind,omitempty"`
	Effect    string `json:"effect,omitempty"`
	Done      int    `json:"done"`      // it has effects that happened: resume keeps them, replay repeats them
	Failed    int    `json:"failed"`    // it has effects that failed, which are executed again
	Uncertain int    `json:"uncertain"` // it has effects of which it is not known whether they happened
}

// MaxPlanTime is how long runs are looked at for a plan.
const MaxPlanTime = 10 * time.Second

// Plan returns what an operation would do with runs, and changes nothing.
func (e *Executor) Plan(ctx context.Context, about About, runs []string) (*Plan, error) {
	p := &planner{executor: e, about: &about, Plan: Plan{Action: about.Action, AsOf: about.Created, Total: len(runs), Skipped: map[string]int{}}, steps: map[stepKey]*PlannedStep{}, order: map[stepKey]int{}}
	until := time.Now().Add(MaxPlanTime)
	for some := range slices.Chunk(runs, 100) {
		if time.Now().After(until) {
			break
		}
		if err := p.examine(ctx, some); err != nil {
			return nil, err
		}
	}
	p.Steps = []PlannedStep{}
	for _, s := range p.steps {
		p.Steps = append(p.Steps, *s)
	}
	slices.SortFunc(p.Steps, func(a, b PlannedStep) int {
		return cmp.Or(cmp.Compare(a.Flow, b.Flow), cmp.Compare(p.order[stepKey{a.Flow, a.Step}], p.order[stepKey{b.Flow, b.Step}]), strings.Compare(a.Step, b.Step))
	})
	return &p.Plan, nil
}

type stepKey struct {
	flow int64
	step string
}

type planner struct {
	executor *Executor
	about    *About

	mu sync.Mutex // guards the rest
	Plan
	steps map[stepKey]*PlannedStep
	order map[stepKey]int // position of a step in its flow
	err   error
}

// examine looks at some runs at once.
func (p *planner) examine(ctx context.Context, runs []string) error {
	free := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for _, id := range runs {
		free <- struct{}{}
		group.Go(func() {
			defer func() { <-free }()
			steps, err := p.one(ctx, id)
			p.add(steps, err)
		})
	}
	group.Wait()
	return p.err
}

// examined are the steps of a run.
type examined struct {
	flow  int64
	steps []flows.ResumedStep
}

func (p *planner) one(ctx context.Context, id string) (examined, error) {
	e := p.executor
	record, err := e.config.Queue.Record(ctx, id)
	if err != nil {
		return examined{}, gone(err)
	}
	x := examined{flow: record.Flow}
	switch p.about.Action {
	case Resume:
		_, plan, err := e.plan(ctx, p.about, &record)
		if err != nil {
			return x, resumeSkip(err)
		}
		if x.steps = plan.Steps; len(plan.Uncertain()) > 0 {
			err = &skip{string(flows.CodeUncertain), ""}
		}
		return x, err
	case Replay:
		if record.Dropped {
			return x, gone(queue.ErrDropped)
		}
		if err := e.replaced(ctx, "", &record); err != nil {
			return x, err
		}
		if _, err := e.version(ctx, &record, p.about.Version); err != nil {
			return x, err
		}
		pinned, err := e.version(ctx, &record, "pinned")
		if err != nil {
			return x, nil // what it has done is not known
		}
		journal, err := e.config.Queue.Journal(ctx, &record)
		if err == nil {
			x.steps, err = pinned.Done(journal)
		}
		return x, err
	case Cancel:
		if record.State.Terminal() {
			return x, &skip{"has_ended", ""}
		}
	default:
		switch {
		case record.Triage == nil:
			return x, &skip{"not_triaged", ""}
		case record.Dropped:
			return x, gone(queue.ErrDropped)
		}
	}
	return x, nil
}

func (p *planner) add(x examined, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Examined++
	switch refused := new(skip); {
	case errors.As(err, &refused):
		p.Skipped[refused.code]++
	case err != nil:
		p.err = err
		return
	default:
		p.Applies++
	}
	for i, s := range x.steps {
		key := stepKey{x.flow, s.Step}
		if p.steps[key] == nil {
			p.steps[key], p.order[key] = &PlannedStep{Flow: x.flow, Step: s.Step, Kind: s.Kind, Effect: s.Effect}, i
		}
		step := p.steps[key]
		for _, figure := range []struct {
			n  int
			to *int
		}{{s.Kept, &step.Done}, {s.Repeated, &step.Failed}, {len(s.Uncertain), &step.Uncertain}} {
			if figure.n > 0 {
				*figure.to++
			}
		}
	}
}

var _ Queue = (*queue.Client)(nil)
