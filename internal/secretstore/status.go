package secretstore

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// maxTroubles is the maximum number of references that Troubles returns.
const maxTroubles = 20

// Trouble is a reference that cannot be read now.
type Trouble struct {
	Reference string    `json:"reference"` // without a member
	Reason    string    `json:"reason"`
	Since     time.Time `json:"since"`
	// Until is when the value that is still used ends; zero: there is none, and what needs it fails.
	Until time.Time `json:"until,omitzero"`
}

// Troubles returns the references that are in use and cannot be read, those that have failed longest first, at most 20.
func (s *Stores) Troubles() []Trouble {
	var all []Trouble
	for _, e := range s.all() {
		if t, ok := e.trouble(time.Now()); ok {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b Trouble) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Reference, b.Reference))
	})
	return all[:min(len(all), maxTroubles)]
}

func (e *entry) trouble(now time.Time) (Trouble, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed == nil {
		return Trouble{}, false
	}
	t := Trouble{Reference: e.ref.String(), Reason: e.failed.Reason, Since: e.failing.UTC().Truncate(time.Second)}
	if e.usable(now) {
		switch {
		case !e.last.ends.IsZero():
			t.Until = e.last.ends
		case e.failed.Temporary():
			t.Until = e.last.at.Add(e.ttl + e.stores.rules.Stale)
		default:
			t.Until = e.last.at.Add(e.ttl)
		}
		t.Until = t.Until.UTC().Truncate(time.Second)
	}
	return t, true
}

// Stats are the figures of one store.
type Stats struct {
	References int              // in use
	Failing    int              // of those, that cannot be read now
	Age        time.Duration    // of the oldest value in use; zero: there is none
	Failures   map[Kind]float64 // since the process started
}

// Stats returns the figures by the name of the store.
func (s *Stores) Stats() map[string]Stats {
	all := map[string]Stats{}
	for _, name := range []string{StoreVault, StoreEnv, StoreFile, StoreExec} {
		all[name] = Stats{Failures: s.failuresOf(name)}
	}
	for _, e := range s.all() {
		e.mu.Lock()
		of := all[e.ref.Store]
		of.References++
		if e.failed != nil {
			of.Failing++
		}
		if e.last.document != nil {
			of.Age = max(of.Age, time.Since(e.last.at))
		}
		all[e.ref.Store] = of
		e.mu.Unlock()
	}
	return all
}

func (s *Stores) all() []*entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.entries))
}

func (s *Stores) countFailure(store string, kind Kind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures[store] == nil {
		s.failures[store] = map[Kind]float64{}
	}
	s.failures[store][kind]++
}

func (s *Stores) failuresOf(store string) map[Kind]float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.failures[store])
}
