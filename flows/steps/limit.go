package steps

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

const maxRate = 10_000 // of a limit, because as many times are stored for each key

// limit limits the rate of items.
func limit() flows.Kind {
	return flows.Kind{
		Name:    "limit",
		Summary: "Lets at most `rate` items pass within any period of length `per`, over all runs; the others wait or fail.",
		Doc: "A waiting item has a reserved time: times are given in order and kept while the run is parked. With `steps` the item " +
			"goes through them at its time; without, it continues with the next step of the flow.",
		Params: []flows.Param{
			{Name: "key", Type: flows.TypeTemplate, Required: true, Summary: "The name of the limit, such as that of an API."},
			{Name: "rate", Type: flows.TypeInt, Required: true, Summary: "Maximum of items, 1 to 10,000."},
			{Name: "per", Type: flows.TypeDuration, Default: "1s", Summary: "The period, at most 24h."},
			{Name: "when_full", Type: flows.TypeEnum, Enum: []string{"wait", "fail"}, Default: "wait", Summary: "Whether an item beyond the rate waits or fails, with status 429."},
			{Name: "wait", Type: flows.TypeDuration, Default: "1m", Summary: "Longest wait of an item; one that would wait longer fails at once."},
			{Name: "steps", Type: flows.TypeSteps, Summary: "The steps that the item goes through at its time."},
			scopeParam(),
		},
		Example:      "limit: {key: crm-api, rate: 10, per: 1s, scope: shared}",
		Effect:       flows.Durable,
		InternalOnly: true,
		New:          newLimit,
	}
}

type limitStep struct {
	keyedState
	rate    flows.Rate
	maxWait time.Duration
	steps   *flows.Block // nil: the item passes
}

func newLimit(args *flows.Args) (flows.Runner, error) {
	l := &limitStep{
		keyedState: newKeyedState("limit", "key", args), steps: args.Steps("steps"), maxWait: time.Minute,
		rate: flows.Rate{Count: args.Int("rate"), Per: time.Second},
	}
	if args.Has("per") {
		l.rate.Per = args.Duration("per")
	}
	if args.Has("wait") {
		l.maxWait = args.Duration("wait")
	}
	switch {
	case l.rate.Count < 1 || l.rate.Count > maxRate:
		return nil, args.Refuse(problem.OutOfRange, "rate", "rate: expected 1 to %d", maxRate)
	case l.rate.Per < time.Millisecond || l.rate.Per > 24*time.Hour:
		return nil, args.Refuse(problem.OutOfRange, "per", "per: expected 1ms to 24h")
	case args.String("when_full") == "fail" && args.Has("wait"):
		return nil, args.Refuse(problem.MeaninglessKey, "wait", "wait has no meaning with when_full: fail")
	case args.String("when_full") == "fail":
		l.maxWait = 0
	}
	return flows.NestFunc(l.nest), nil
}

func (l *limitStep) nest(ctx context.Context, in *flows.Input) (flows.Items, error) {
	key, err := l.key(ctx, in)
	if err != nil {
		return flows.Items{}, err
	}
	pace := in.Env().Pace
	if pace == nil {
		return flows.Items{}, failure.Errorf("nothing can be limited here")
	}
	v, err := in.Remember(ctx, "turn", func() (any, error) {
		wait, ok, err := pace.Take(ctx, key, l.rate, l.maxWait)
		switch {
		case err != nil:
			return nil, stateError(ctx, err)
		case !ok:
			return nil, &flows.Error{Status: 429, RetryAfter: wait, Message: fmt.Sprintf("more than %d items within %v", l.rate.Count, l.rate.Per)}
		}
		return time.Now().Add(wait).UTC().Format(time.RFC3339Nano), nil
	})
	if err != nil {
		return flows.Items{}, err
	}
	said, _ := v.(string)
	turn, err := time.Parse(time.RFC3339Nano, said)
	if err != nil {
		return flows.Items{}, err
	}
	if err := in.WaitUntil(ctx, turn); err != nil {
		return flows.Items{}, err
	}
	if l.steps == nil {
		return in.Passthrough(), nil
	}
	return l.steps.RunItem(ctx, in)
}
