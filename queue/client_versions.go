package queue

import (
	"context"
	"slices"
	"time"
)

const (
	maxCompared = 2000   // runs of a flow that CompareVersions looks at
	maxSearched = 20_000 // runs of its queue among which it looks for them
)

// VersionRuns says how runs of one version of a flow ended. The zero value has no runs.
type VersionRuns struct {
	Runs     int           // that ended, without those that were cancelled
	Failed   int           // of them, those that failed or timed out
	P50, P95 time.Duration // from acceptance to the end

	took []time.Duration
}

// FailedPercent is the part of the runs that failed, in percent; 0 without runs.
func (v VersionRuns) FailedPercent() float64 {
	if v.Runs == 0 {
		return 0
	}
	return 100 * float64(v.Failed) / float64(v.Runs)
}

// Comparison says how the runs of versions of a flow ended.
type Comparison struct {
	From     time.Time // runs that were accepted since then count
	Versions map[string]VersionRuns
}

// CompareVersions looks at the runs of a flow on a queue that were accepted since a time: at most the newest 2,000 of the flow,
// among the newest 20,000 of the queue. Errors: ErrUnavailable.
func (c *Client) CompareVersions(ctx context.Context, flow int64, queue string, since time.Time) (*Comparison, error) {
	found, seen, full := &Comparison{Versions: map[string]VersionRuns{}}, 0, false
	list := List{Queues: []string{queue}, From: since, Most: maxCompared, Where: OfFlow(flow)}
	for searched := 0; searched < maxSearched && !full; searched += maxCompared {
		next, more, err := c.List(ctx, list, func(r *Record) {
			if full = full || seen == maxCompared; full {
				return
			}
			found.From = time.UnixMilli(r.ListedAt).UTC()
			if r.Flow == flow && !r.Times.Accepted.Before(since) {
				seen++
				found.add(r)
			}
		})
		if err != nil {
			return nil, err
		}
		if !more && !full {
			found.From = since
			break
		}
		list.After = next
	}
	found.rank()
	return found, nil
}

// add counts a run that has ended, unless it handles the failure of another.
func (c *Comparison) add(r *Record) {
	if !r.State.Terminal() || r.State == Cancelled || r.FailureOf != "" {
		return
	}
	v := c.Versions[r.Version]
	v.Runs++
	if r.State != Succeeded {
		v.Failed++
	}
	v.took = append(v.took, r.Times.Finished.Sub(r.Times.Accepted))
	c.Versions[r.Version] = v
}

// rank computes the percentiles, when all runs are counted.
func (c *Comparison) rank() {
	for version, v := range c.Versions {
		slices.Sort(v.took)
		v.P50, v.P95 = v.took[(len(v.took)-1)*50/100], v.took[(len(v.took)-1)*95/100]
		c.Versions[version] = v
	}
}
