package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

const (
	// unopenedKept bounds the names in memory of records that cannot be opened.
	unopenedKept = 1000
	// unopenedTold is how many of them are named in a sentence.
	unopenedTold = 3
	// scanBatch is how many records are read in one call.
	scanBatch = 1000
)

// sealedKinds are those whose records hold something sealed.
var sealedKinds = []kind{kindKey, kindConnection, kindSecret, kindSigning} // read only

// unopened are the records that this process cannot open. Safe for concurrent
// use.
type unopened struct {
	log *slog.Logger

	mu       sync.Mutex // guards what follows
	known    map[string]error
	scanning map[string]error // those that were found while a scan goes on; nil: none does
	stale    bool             // there may be records that another master key sealed
}

// add notes why a record cannot be opened, when that is why.
func (u *unopened) add(record string, err error) {
	var missing *MissingKeyError
	var damaged *DamagedError
	if !errors.As(err, &missing) && !errors.As(err, &damaged) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.scanning != nil {
		u.scanning[record] = err
	}
	if u.known[record] == nil && len(u.known) < unopenedKept {
		u.known[record] = err
		u.log.Error("a record cannot be opened", "record", record, "error", err)
	}
}

// remove forgets a record that can be opened, or is gone.
func (u *unopened) remove(record string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.known, record)
	delete(u.scanning, record)
}

// scanned takes over what a whole scan found.
func (u *unopened) scanned(found map[string]error, stale bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.Copy(found, u.scanning)
	for record, err := range found {
		if u.known[record] == nil {
			u.log.Error("a record cannot be opened", "record", record, "error", err)
		}
	}
	u.known, u.scanning, u.stale = found, nil, stale
}

func (u *unopened) beginScan() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.scanning = map[string]error{}
}

// noteStale notes that some record is sealed under another master key.
func (u *unopened) noteStale() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stale = true
}

func (u *unopened) isStale() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.stale
}

func (u *unopened) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.known)
}

// readiness says which records are sealed under a master key that this process
// lacks; nil: none. A record that nobody can open, because it was damaged,
// takes no process away.
func (u *unopened) readiness() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	var names []string
	for _, record := range slices.Sorted(maps.Keys(u.known)) {
		var missing *MissingKeyError
		if errors.As(u.known[record], &missing) {
			names = append(names, fmt.Sprintf("%s (master key %s)", record, missing.ID))
		}
	}
	if len(names) == 0 {
		return nil
	}
	n := len(names)
	return fmt.Errorf("%d records are sealed under a master key that this process does not have: %s%s", n,
		strings.Join(names[:min(n, unopenedTold)], ", "), map[bool]string{true: " and others"}[n > unopenedTold])
}

// Unopened counts the records that this process cannot open; it names at most
// a thousand.
func (s *Store) Unopened() int { return s.unopened.count() }

// vet opens every sealed record once. It keeps none of them.
func (s *Store) vet(ctx context.Context) error {
	s.unopened.beginScan()
	master := s.view.Load().master
	found, stale := map[string]error{}, false
	for _, k := range sealedKinds {
		err := s.scan(ctx, k, func(name, data string) {
			under, err := s.examine(k, name, data)
			if err != nil && len(found) < unopenedKept {
				found[k.of(name)] = err
			}
			stale = stale || err == nil && slices.ContainsFunc(under, func(id string) bool { return id != master })
		})
		if err != nil {
			return err
		}
	}
	s.unopened.scanned(found, stale)
	return nil
}

// examine opens what is sealed in a record. It returns the ids of the master
// keys that sealed it, and why it cannot be opened.
func (s *Store) examine(k kind, name, data string) (under []string, err error) {
	parts, err := sealedParts(k, data)
	for _, part := range parts {
		under = append(under, sealedUnder(part))
		if _, failure := s.config.Sealer.Open(k.of(name), part); failure != nil {
			err = failure
		}
	}
	return under, err
}

// sealedParts are the sealed texts in a record.
func sealedParts(k kind, data string) ([]string, error) {
	if k == kindConnection || k == kindSecret {
		return []string{data}, nil
	}
	var r struct{ Secret, Previous, Seed string }
	if json.Unmarshal([]byte(data), &r) != nil { // its error may quote what it read
		return nil, &DamagedError{"it is not JSON"}
	}
	return slices.DeleteFunc([]string{r.Secret, r.Previous, r.Seed}, func(s string) bool { return s == "" }), nil
}

// examineChanged looks at records that somebody wrote or deleted.
func (s *Store) examineChanged(k kind, names map[string]*string, master string) {
	for name, data := range names {
		if data == nil {
			s.unopened.remove(k.of(name))
			continue
		}
		under, err := s.examine(k, name, *data)
		if err != nil {
			s.unopened.add(k.of(name), err)
			continue
		}
		s.unopened.remove(k.of(name))
		if slices.ContainsFunc(under, func(id string) bool { return id != master }) {
			s.unopened.noteStale()
		}
	}
}

// scan hands all records of a kind on, a batch at a time. One that changes
// meanwhile may come twice.
func (s *Store) scan(ctx context.Context, k kind, each func(name, data string)) error {
	var cursor uint64
	for {
		found, next, err := s.config.Redis.HScan(ctx, k.hash(), cursor, "", scanBatch).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return fmt.Errorf("read %ss: %w", k, err)
		}
		for i := 0; i+1 < len(found); i += 2 {
			each(found[i], found[i+1])
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}
