package audit

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// refusalBurst and refusalEvery bound the entries about refusals: so many at once, and then one more in each such time.
	refusalBurst = 60
	refusalEvery = time.Minute
	// refusalWindow is how long equal refusals are counted before the count is written.
	refusalWindow = 10 * time.Minute
	// maxRefusals is the maximum number of different refusals that are counted apart.
	maxRefusals = 1000
)

// Refusals writes entries about what was refused, so that an attacker cannot push other entries out of the log or fill Redis: the first of equal
// refusals is written at once, and the others are one entry with their number. There is a bound for all of them together: what is
// beyond it is counted in one entry. Equal are refusals of one act, for one actor, object and address. Safe for concurrent use.
type Refusals struct {
	log *Log

	mu    sync.Mutex
	kinds [2]*refusals // guarded by mu: of callers with a valid credential, and of others
}

// refusals are those of one kind of caller. None pushes out those of the other kind.
type refusals struct {
	tokens float64
	filled time.Time
	equal  map[refusalKey]*refusal
	others refusal // beyond the bounds
}

type refusalKey struct {
	actor, act, object, ip string
	status                 int
}

// refusal is what is counted since an entry was written.
type refusal struct {
	entry Entry
	count int64
	since time.Time
	begun time.Time // of the window
}

// NewRefusals returns a Refusals of a log. Run writes what it counts.
func NewRefusals(log *Log) *Refusals {
	r := &Refusals{log: log}
	for i := range r.kinds {
		r.kinds[i] = &refusals{tokens: refusalBurst, filled: time.Now(), equal: map[refusalKey]*refusal{}}
	}
	return r
}

// Note writes or counts a refusal. Errors are those of writing the entry.
func (r *Refusals) Note(ctx context.Context, e Entry) error {
	if e.Outcome == "" {
		e.Outcome = Refused
	}
	if r.counted(&e) {
		return nil
	}
	return r.log.Add(ctx, e)
}

// counted counts a refusal, unless it is to be written.
func (r *Refusals) counted(e *Entry) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	k := r.kinds[0]
	if e.Actor == Anonymous {
		k = r.kinds[1]
	}
	key := refusalKey{e.Actor, e.Act, e.Object, e.IP, e.Status}
	if one := k.equal[key]; one != nil {
		one.add(now, e)
		return true
	}
	if len(k.equal) < maxRefusals && k.take(now) {
		k.equal[key] = &refusal{begun: now}
		return false
	}
	k.others.add(now, e)
	return true
}

func (f *refusal) add(now time.Time, e *Entry) {
	if f.count == 0 {
		f.since = now
	}
	f.entry = *e
	f.count++
}

// take reports whether an entry may be written now.
func (k *refusals) take(now time.Time) bool {
	k.tokens = min(refusalBurst, k.tokens+float64(now.Sub(k.filled))/float64(refusalEvery))
	k.filled = now
	if k.tokens < 1 {
		return false
	}
	k.tokens--
	return true
}

// Run writes the counts at the end of each window, and the last ones when ctx ends.
func (r *Refusals) Run(ctx context.Context) error {
	tick := time.NewTicker(refusalEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendLimit)
			defer cancel()
			r.write(ctx, true)
			return nil
		case <-tick.C:
			r.write(ctx, false)
		}
	}
}

// write writes the counts of windows that have ended. all: of all windows.
func (r *Refusals) write(ctx context.Context, all bool) {
	for _, e := range r.due(time.Now(), all) {
		e.LogMissing(ctx, r.log.config.Log, r.log.Add(ctx, e))
	}
}

// due returns the entries of windows that have ended.
func (r *Refusals) due(now time.Time, all bool) (entries []Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.kinds {
		for key, one := range k.equal {
			switch {
			case !all && now.Sub(one.begun) < refusalWindow:
			case one.count == 0:
				delete(k.equal, key)
			case all || k.take(now):
				entries = append(entries, one.summed())
				delete(k.equal, key)
			default: // the bound is reached: only their number is kept
				k.others.count += one.count
				if k.others.since.IsZero() || one.since.Before(k.others.since) {
					k.others.since = one.since
				}
				k.others.entry = one.entry
				delete(k.equal, key)
			}
		}
		if k.others.count > 0 && (all || now.Sub(k.others.begun) >= refusalWindow) {
			e := k.others.summed()
			e.Act, e.Operation, e.Object, e.Kind, e.RequestID = "refusals", "", "", "", ""
			e.Message = fmt.Sprintf("%d more refusals of different callers or acts, too many to be written one by one; the last was %s from %s", e.Count, Bounded(k.others.entry.Act, 128), k.others.entry.IP)
			e.IP, e.Summary = "", "Refused many requests"
			if e.Actor != Anonymous {
				e.Actor, e.Name = "several", ""
			}
			entries = append(entries, e)
			k.others = refusal{begun: now}
		}
	}
	return entries
}

func (f *refusal) summed() Entry {
	e := f.entry
	e.Count, e.Since = f.count, f.since
	return e
}
