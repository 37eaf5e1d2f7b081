package steps

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/flows"
)

const maxRate = 10_000 // of a limit, because as many times are stored for each key

// limit limits the rate of items.
func limit() flows.Kind {
	return flows.Kind{
		Name:    "limit",
		Summary: "Lets so many items pass within any stretch of time, over all runs, and makes the others wait or fail.",
		Doc: "An item that must wait has its place in the line: places are given in order and kept while the run is parked. " +
			"With `steps` the item goes through them when its time has come; what follows the limit is the same without.",
		Params: []flows.Param{
			{Name: "key", Type: flows.TypeTemplate, Required: true, Summary: "What is limited, such as the name of an API."},
			{Name: "rate", Type: flows.TypeInt, Required: true, Summary: "How many items, 1 to 10,000."},
			{Name: "per", Type: flows.TypeDuration, Default: "1s", Summary: "Within how long, at most 24h."},
			{Name: "when_full", Type: flows.TypeEnum, Enum: []string{"wait", "fail"}, Default: "wait", Summary: "Whether an item beyond the rate waits or fails, with status 429."},
			{Name: "wait", Type: flows.TypeDuration, Default: "1m", Summary: "How long an item may have to wait; one that had to wait longer fails at once."},
			{Name: "steps", Type: flows.TypeSteps, Summary: "What the item goes through then."},
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
	rate     flows.Rate
	patience time.Duration
	steps    *flows.Block // nil: the item passes
}

func newLimit(args *flows.Args) (flows.Runner, error) {
	l := &limitStep{
		keyedState: newKeyedState("limit", "key", args), steps: args.Steps("steps"), patience: time.Minute,
		rate: flows.Rate{Count: args.Int("rate"), Per: time.Second},
	}
	if args.Has("per") {
		l.rate.Per = args.Duration("per")
	}
	if args.Has("wait") {
		l.patience = args.Duration("wait")
	}
	switch {
	case l.rate.Count < 1 || l.rate.Count > maxRate:
		return nil, args.Errorf("rate", "rate: expected 1 to %d", maxRate)
	case l.rate.Per < time.Millisecond || l.rate.Per > 24*time.Hour:
		return nil, args.Errorf("per", "per: expected 1ms to 24h")
	case args.String("when_full") == "fail" && args.Has("wait"):
		return nil, args.Errorf("wait", "wait has no meaning with when_full: fail")
	case args.String("when_full") == "fail":
		l.patience = 0
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
		return flows.Items{}, stepError("nothing can be limited here")
	}
	v, err := in.Remember(ctx, "turn", func() (any, error) {
		wait, ok, err := pace.Take(ctx, key, l.rate, l.patience)
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
