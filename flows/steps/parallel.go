package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

const maxBranches = 16

// parallel sends each item through several branches at once.
func parallel() flows.Kind {
	return flows.Kind{
		Name:    "parallel",
		Summary: "Sends each item through all branches at once.",
		Doc: "`join` says how many branches must succeed: `all`, `any`, or a number. With `all` every branch runs to its end, and " +
			"the step fails with the failure of the first branch that has one. With fewer, the other branches are stopped as soon " +
			"as enough have succeeded, and the step fails only when too few can still succeed. The effect in progress in a stopped " +
			"branch may or may not have happened.\n\n" +
			"The output is the items of the branches that succeeded, in the order of the branches. With `results: object` it is one " +
			"item: an object with the items of each branch, a list, under the branch's name.",
		Params: []flows.Param{
			{Name: "branches", Type: flows.TypeList, Required: true, Inline: true, Summary: "The branches, at most 16.", Fields: []flows.Param{
				{Name: "branch", Type: flows.TypeString, Summary: "Name of the branch in the object of results."},
				{Name: "steps", Type: flows.TypeSteps, Required: true, Summary: "The steps of the branch."},
			}},
			{Name: "join", Type: flows.TypeString, Default: "all", Summary: "How many branches must succeed: all, any, or a number."},
			{Name: "results", Type: flows.TypeEnum, Enum: []string{"items", "object"}, Default: "items", Summary: "The output: the items of all branches, or one object."},
		},
		Example: "parallel:\n  - branch: crm\n    steps:\n      - http: {get: \"https://crm.example.org/people/${ .id }\"}\n" +
			"  - branch: gifts\n    steps:\n      - http: {get: \"https://gifts.example.org/of/${ .id }\"}\nresults: object",
		Effect:       flows.Durable,
		InternalOnly: true,
		New:          newParallel,
	}
}

type parallelStep struct {
	names    []string
	branches []*flows.Block
	need     int // number of branches that must succeed
	object   bool
}

func newParallel(args *flows.Args) (flows.Runner, error) {
	p := &parallelStep{object: args.String("results") == "object"}
	list := args.List("branches")
	if len(list) < 2 || len(list) > maxBranches {
		return nil, args.Refuse(problem.OutOfRange, "branches", "expected 2 to %d branches", maxBranches)
	}
	answering := 0
	for _, b := range list {
		name := b.String("branch")
		switch {
		case p.object && name == "":
			return nil, b.Refuse(problem.RequiredKey, "branch", "branch is missing: results: object puts the items of the branch under its name")
		case name != "" && slices.Contains(p.names, name):
			return nil, b.Refuse(problem.DuplicateName, "branch", "another branch is called %q", name)
		}
		if b.Steps("steps").Responds() {
			if answering++; answering > 1 {
				return nil, b.Refuse(problem.SecondResponse, "steps", "another branch responds to the caller, too: a caller gets one response")
			}
		}
		p.names, p.branches = append(p.names, name), append(p.branches, b.Steps("steps"))
	}
	return flows.NestFunc(p.nest), p.setJoin(args)
}

func (p *parallelStep) setJoin(args *flows.Args) error {
	switch word := args.String("join"); word {
	case "", "all":
		p.need = len(p.branches)
	case "any":
		p.need = 1
	default:
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > len(p.branches) {
			return args.Errorf("join", "join: expected all, any, or a number from 1 to %d", len(p.branches))
		}
		p.need = n
	}
	return nil
}

// nest sends the item through the branches. It remembers which branches count, so that a resumed run has the same
// items.
func (p *parallelStep) nest(ctx context.Context, in *flows.Input) (flows.Items, error) {
	all := make([]int, len(p.branches))
	for i := range all {
		all[i] = i
	}
	if p.need == len(p.branches) {
		results, _, err := p.race(ctx, in, all)
		return p.joinItems(in, results, all, err)
	}
	var results map[int]flows.Items
	v, err := in.Remember(ctx, "joined", func() (any, error) {
		var winners []int
		var err error
		results, winners, err = p.race(ctx, in, all)
		list := make([]any, len(winners))
		for i, w := range winners {
			list[i] = w
		}
		return list, err
	})
	if err != nil {
		return flows.Items{}, err
	}
	winners, err := branchNumbers(v, len(p.branches))
	if err == nil && results == nil {
		results, _, err = p.race(ctx, in, winners)
	}
	return p.joinItems(in, results, winners, err)
}

// branchNumbers decodes the remembered branches.
func branchNumbers(v any, most int) ([]int, error) {
	list, _ := v.([]any)
	numbers := make([]int, len(list))
	for i, element := range list {
		switch n := element.(type) {
		case int:
			numbers[i] = n
		case json.Number:
			numbers[i], _ = strconv.Atoi(n.String())
		}
		if numbers[i] < 0 || numbers[i] >= most {
			return nil, fmt.Errorf("the recorded branch %v is not there", element)
		}
	}
	return numbers, nil
}

// branchResult is the result of one branch.
type branchResult struct {
	branch int
	items  flows.Items
	err    error
}

// race executes some branches and cancels the remaining ones when enough have succeeded. It returns the items of the
// branches that count.
func (p *parallelStep) race(ctx context.Context, in *flows.Input, which []int) (map[int]flows.Items, []int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	arrivals := make(chan branchResult, len(which))
	for _, branch := range which {
		go func() {
			items, err := p.branches[branch].RunItem(ctx, in)
			arrivals <- branchResult{branch, items, err}
		}()
	}
	need := min(p.need, len(which))
	results := map[int]flows.Items{}
	failures := map[int]error{}
	var winners []int
	for range which { // all branches end before the step does
		a := <-arrivals
		switch {
		case len(winners) == need:
			in.Discard(a.items)
		case a.err != nil:
			failures[a.branch] = a.err
		default:
			results[a.branch], winners = a.items, append(winners, a.branch)
			if len(winners) == need && need < len(which) {
				cancel()
			}
		}
	}
	if len(winners) < need {
		return nil, nil, joinError(which, failures, len(winners), need)
	}
	slices.Sort(winners)
	return results, winners, nil
}

// joinError returns the reason for too few successful branches: a *Parked when they wait, else the first failure in
// the order of the branches.
func joinError(which []int, failures map[int]error, succeeded, need int) error {
	var first error
	var waits *flows.Parked
	for _, branch := range which {
		var parked *flows.Parked
		switch err := failures[branch]; {
		case errors.As(err, &parked):
			succeeded++
			if waits == nil || parked.Wake.Before(waits.Wake) {
				waits = parked
			}
		case err != nil && first == nil:
			first = err
		}
	}
	if waits != nil && succeeded >= need {
		return waits
	}
	return first
}

// joinItems combines the items of the branches into the output.
func (p *parallelStep) joinItems(in *flows.Input, results map[int]flows.Items, winners []int, err error) (flows.Items, error) {
	if err != nil {
		return flows.Items{}, err
	}
	var items flows.Items
	if !p.object {
		for _, branch := range winners {
			items = items.Append(results[branch])
		}
		return items, nil
	}
	object := make(map[string]any, len(winners))
	for _, branch := range winners {
		object[p.names[branch]] = results[branch].Values()
		in.Discard(results[branch])
	}
	return in.NewItems(object)
}
