package runlist

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/queue"
)

// MaxChosen is the maximum number of runs that are chosen one by one.
const MaxChosen = 1000

// Choice says which runs an action is for: those that a filter and words match, or those that were chosen one by one.
type Choice struct {
	Filter string
	Search string   // words, see ParamSearch; empty: none
	Runs   []string // ids; not nil: Filter and Search are empty

	// AsOf is the time of the plan that a person has seen, of Filter and Search: runs that were accepted or have ended since are
	// left out. Zero: the runs as they are now.
	AsOf time.Time
}

// Chooser reads the runs of a choice. *queue.Client implements it.
type Chooser interface {
	Lister
	Record(ctx context.Context, id string) (queue.Record, error)
}

// Choose returns the ids of the runs of a choice that may accepts, the oldest first, at most a number of them. may is asked once for
// each version of a flow. Runs that were chosen and are not kept any more are left out. Errors: those of Collect, and *listing.Error
// for the choice.
func Choose(ctx context.Context, runs Chooser, c Choice, most int, may func(*queue.Record) bool) ([]string, error) {
	known := map[string]bool{} // by version, which is of one flow
	visible := func(r *queue.Record) bool {
		if !c.AsOf.IsZero() && c.Runs == nil && (r.AcceptedAt().After(c.AsOf) || r.Times.Finished.After(c.AsOf)) {
			return false
		}
		accepted, asked := known[r.Version]
		if !asked {
			accepted = may(r)
			known[r.Version] = accepted
		}
		return accepted
	}
	if c.Runs != nil {
		return oneByOne(ctx, runs, c, visible)
	}
	params := url.Values{listing.ParamFilter: {c.Filter}}
	if strings.TrimSpace(c.Filter) == "" {
		params.Del(listing.ParamFilter)
	}
	if c.Search != "" {
		params.Set(ParamSearch, c.Search)
	}
	q, err := listing.ParseParams(params, Schema())
	if err != nil {
		return nil, err
	}
	return Collect(ctx, runs, q, most, visible)
}

func oneByOne(ctx context.Context, runs Chooser, c Choice, visible func(*queue.Record) bool) ([]string, error) {
	switch {
	case c.Filter != "" || c.Search != "":
		return nil, &listing.Error{Param: "runs", Message: "are chosen one by one, or by filter and search, not by both"}
	case len(c.Runs) > MaxChosen:
		return nil, &listing.Error{Param: "runs", Message: fmt.Sprintf("are more than %d: choose them by a filter", MaxChosen)}
	}
	ids := []string{}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(c.Runs))) { // ids sort by time
		r, err := runs.Record(ctx, id)
		if errors.Is(err, queue.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if visible(&r) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
