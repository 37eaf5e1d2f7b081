package worker

import (
	"slices"

	"github.com/penstock/penstock/flows"
)

const (
	maxExchanges     = 20       // recorded exchanges of a run, of all its attempts: the first and the last ones
	maxSuccesses     = 10       // of them that have succeeded
	maxExchangeBytes = 80 << 10 // of all recorded exchanges of a run, about
)

// exchanges collects HTTP exchanges of an attempt. It holds the first ones, and the last one unread: a step may fail for a
// hundred thousand items, and reading takes as long as masking all that was sent.
type exchanges struct {
	first     []flows.Exchange
	successes int
	last      func() flows.Exchange // after first; nil: there is none
	skipped   int                   // between first and last
}

// add adds an exchange. It reports whether the exchange is to be read now, and given to keep.
func (x *exchanges) add(failed bool, read func() flows.Exchange) (now bool) {
	if !failed && x.successes == maxSuccesses {
		x.skipped++
		return false
	}
	if len(x.first) == maxExchanges-1 {
		if x.last != nil {
			x.skipped++
		}
		x.last = read
		return false
	}
	if !failed {
		x.successes++
	}
	return true
}

// all returns the exchanges after those of earlier attempts, within the bounds, and how many of them were left out.
func (x *exchanges) all(earlier []flows.Exchange) (found []flows.Exchange, leftOut int) {
	found = slices.Concat(earlier, x.first)
	if x.last != nil {
		found = append(found, x.last())
	}
	slices.SortStableFunc(found, func(a, b flows.Exchange) int { return a.At.Compare(b.At) })
	size := 0
	for i := range found {
		size += found[i].Size()
	}
	leftOut = x.skipped
	for len(found) > maxExchanges || size > maxExchangeBytes {
		middle := len(found) / 2
		size -= found[middle].Size()
		found, leftOut = slices.Delete(found, middle, middle+1), leftOut+1
	}
	return found, leftOut
}

// TakesSuccesses implements flows.ExchangeTracer.
func (r *record) TakesSuccesses() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.recordItems && r.exchanges.successes < maxSuccesses
}

// Exchange implements flows.ExchangeTracer.
func (r *record) Exchange(failed bool, read func() flows.Exchange) {
	numbered := func() flows.Exchange {
		e := read()
		e.Attempt = r.attempt.Number
		return e
	}
	r.mu.Lock()
	now := r.exchanges.add(failed, numbered)
	r.mu.Unlock()
	if !now {
		return
	}
	e := numbered() // other steps do not wait for that
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exchanges.first = append(r.exchanges.first, e)
}
