package steps

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

const (
	defaultRounds = 100            // default of max
	maxRounds     = 1000           // maximum of max
	maxEvery      = 24 * time.Hour // maximum of every
)

// repeat sends an item through its steps until a condition is true.
func repeat() flows.Kind {
	return flows.Kind{
		Name:    "repeat",
		Summary: "Sends an item through its steps, round after round, until a condition is true.",
		Doc: "`until` is a condition over what the steps put out: a round is the last one when it is true for each of its items, of which " +
			"there is at least one. These items are the output. `$round` is the number of the round, from 1.\n\n" +
			"Each round begins with the item itself, or with `input: previous` with the item that the round before put out, which has to be " +
			"one.\n\n" +
			"A wait of more than five seconds parks the run: it occupies no worker, and the time does not count towards the run's limit. A " +
			"run that resumes does not repeat the rounds that have ended. After `max` rounds, or when a further round would begin later than " +
			"`within`, the step fails, which `on_error` may handle; a person who resumes the failed run gives it as many rounds, and as much " +
			"time, again. Tests do not wait; a mock with `each` has an answer for each round.",
		Params: []flows.Param{
			{Name: "steps", Type: flows.TypeSteps, Required: true, Summary: "The steps of a round."},
			{Name: "until", Type: flows.TypeExpr, Condition: true, Required: true, Summary: "Condition over an item that a round put out; it reads `$steps.NAME` of the steps above it, too."},
			{Name: "max", Type: flows.TypeInt, Default: "100", Summary: "Maximum of rounds, 1 to 1,000."},
			{Name: "every", Type: flows.TypeDuration, Default: "0s", Summary: "Pause between two rounds, at most 24h."},
			{Name: "within", Type: flows.TypeDuration, Summary: "How long after the start of the first round another one may begin. Without it only `max` ends the rounds."},
			{Name: "input", Type: flows.TypeEnum, Enum: []string{"item", "previous"}, Default: "item", Summary: "What a round begins with: the item that came to the step, or what the round before put out."},
		},
		Example: "name: export\nrepeat:\n  steps:\n    - http: {get: \"https://api.example.org/exports/${ .id }\", connection: crm}\n" +
			"  until: .body.status == \"ready\"\n  every: 30s\n  within: 1h",
		Effect:       flows.Durable,
		InternalOnly: true,
		Repeats:      true,
		New:          newRepeat,
	}
}

type repeatStep struct {
	steps    *flows.Block
	until    *flows.Expr
	max      int
	every    time.Duration
	within   time.Duration // 0: no limit
	previous bool          // a round begins with what the round before put out
}

func newRepeat(args *flows.Args) (flows.Runner, error) {
	r := &repeatStep{
		steps: args.Steps("steps"), until: args.Expr("until"), max: defaultRounds,
		every: args.Duration("every"), within: args.Duration("within"), previous: args.String("input") == "previous",
	}
	if args.Has("max") {
		r.max = args.Int("max")
	}
	switch {
	case r.max < 1 || r.max > maxRounds:
		return nil, args.Refuse(problem.OutOfRange, "max", "max: expected 1 to %d", maxRounds)
	case r.every > maxEvery:
		return nil, args.Refuse(problem.OutOfRange, "every", "every: expected at most 24h")
	case args.Has("within") && r.within <= r.every:
		return nil, args.Errorf("within", "within: no second round can begin within %v: every is %v", r.within, r.every)
	}
	return flows.NestFunc(r.nest), nil
}

// roundEnd is what is recorded of a round after which another one follows.
type roundEnd struct {
	run   string    // the run that executed it: another one than this, if this one continues that
	since time.Time // when that run began its first round
	next  time.Time // when the next round begins
	value any       // what the next round begins with
	over  string    // why that run makes no further round: "rounds" or "time"; empty: it does
}

// errLastRound ends the recording of a round that is the last one.
var errLastRound = errors.New("the last round")

func (r *repeatStep) nest(ctx context.Context, in *flows.Input) (flows.Items, error) {
	last := roundEnd{run: in.Run().ID, since: time.Now(), value: in.Value()}
	rounds := 0 // of this run
	for round := 1; ; round++ {
		var items flows.Items
		v, err := in.Remember(ctx, "round-"+strconv.Itoa(round), func() (any, error) {
			next, all, err := r.round(ctx, in, last, round, rounds+1)
			items = all
			return next, err
		})
		switch {
		case errors.Is(err, errLastRound):
			return items, nil
		case err != nil:
			return flows.Items{}, err
		}
		end, err := readRound(v)
		if err != nil {
			return flows.Items{}, err
		}
		if end.run == in.Run().ID {
			rounds++
			last.since = end.since
		}
		if last.value = in.Value(); r.previous {
			last.value = end.value
		}
		if end.run == in.Run().ID && end.over != "" {
			return flows.Items{}, r.notTrue(rounds, end.over)
		}
		if err := in.WaitUntil(ctx, end.next); err != nil {
			return flows.Items{}, err
		}
	}
}

// round executes one round. The error is errLastRound, with the items, when no other follows.
func (r *repeatStep) round(ctx context.Context, in *flows.Input, last roundEnd, round, ofRun int) (any, flows.Items, error) {
	items, err := r.steps.RunRound(ctx, in, last.value, round)
	if err != nil {
		return nil, items, err
	}
	done, err := items.All(ctx, in, r.until)
	if err != nil {
		in.Discard(items)
		return nil, items, err
	}
	if done {
		return nil, items, errLastRound
	}
	values := items.Values()
	in.Discard(items)
	elapsed := max(time.Since(last.since), time.Duration(ofRun-1)*r.every) // a test does not wait
	if r.previous && len(values) != 1 {
		return nil, items, &flows.Error{Message: fmt.Sprintf("round %d put out %d items: with input: previous the next one begins with exactly one", round, len(values))}
	}
	over := ""
	switch {
	case ofRun >= r.max:
		over = "rounds"
	case r.within > 0 && elapsed+r.every > r.within:
		over = "time"
	}
	end := map[string]any{
		"over": over,
		"run":  last.run, "since": last.since.UTC().Format(time.RFC3339Nano), "next": time.Now().Add(r.every).UTC().Format(time.RFC3339Nano),
	}
	if r.previous {
		end["value"] = values[0]
	}
	return end, items, nil
}

// notTrue is the failure of a run that makes no further round. The last one is recorded before it, so that a run that
// continues this one begins with the next.
func (r *repeatStep) notTrue(rounds int, over string) error {
	if over == "time" {
		return &flows.Error{Class: flows.ClassTimeout, Message: fmt.Sprintf("until is not true after %d rounds within %v", rounds, r.within)}
	}
	return &flows.Error{Message: fmt.Sprintf("until is not true after %d rounds", rounds)}
}

func readRound(v any) (end roundEnd, err error) {
	object, _ := v.(map[string]any)
	end.run, _ = object["run"].(string)
	end.value = object["value"]
	end.over, _ = object["over"].(string)
	since, _ := object["since"].(string)
	next, _ := object["next"].(string)
	if end.since, err = time.Parse(time.RFC3339Nano, since); err == nil {
		end.next, err = time.Parse(time.RFC3339Nano, next)
	}
	if err != nil {
		return end, fmt.Errorf("read the end of a round: %w", err)
	}
	return end, nil
}
