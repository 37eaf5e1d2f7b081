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
	// maxUnopened is the maximum number of names kept of records that cannot be opened.
	maxUnopened = 1000
	// maxUnopenedListed is the maximum number of them in an error message.
	maxUnopenedListed = 3
	// scanBatch is the number of records read in one call.
	scanBatch = 1000
)

// sealedKinds are the kinds of records with sealed parts.
var sealedKinds = []kind{kindKey, kindConnection, kindSecret, kindSigning, kindUser} // read only

// unopened tracks the records that this process cannot open. Safe for concurrent use.
type unopened struct {
	log *slog.Logger

	mu       sync.Mutex // guards the fields below
	known    map[string]error
	scanning map[string]error // found while a scan is running; nil: no scan
	stale    bool             // some records may be sealed with another master key
}

// add records why a record cannot be opened; other errors are ignored.
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
	if u.known[record] == nil && len(u.known) < maxUnopened {
		u.known[record] = err
		u.log.Error("a record cannot be opened", "record", record, "error", err)
	}
}

// remove drops a record that can be opened, or was deleted.
func (u *unopened) remove(record string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.known, record)
	delete(u.scanning, record)
}

// scanned replaces the known records by the result of a complete scan.
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

// noteStale records that some record is sealed with another master key.
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

// readiness returns an error that names the records sealed with a master key that this process lacks; nil when there
// are none. A damaged record, which no process can open, does not affect readiness.
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
		strings.Join(names[:min(n, maxUnopenedListed)], ", "), map[bool]string{true: " and others"}[n > maxUnopenedListed])
}

// Unopened returns the number of records that this process cannot open, at most a thousand.
func (s *Store) Unopened() int { return s.unopened.count() }

// examineRecords opens every sealed record once, without caching any.
func (s *Store) examineRecords(ctx context.Context) error {
	s.unopened.beginScan()
	master := s.snapshot.Load().master
	found, stale := map[string]error{}, false
	for _, k := range sealedKinds {
		err := s.scan(ctx, k, func(name, data string) {
			under, err := s.examine(k, name, data)
			if err != nil && len(found) < maxUnopened {
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

// examine opens the sealed parts of a record. It returns the ids of their master keys, and the error of a part that
// cannot be opened.
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

// sealedParts returns the sealed texts in a record.
func sealedParts(k kind, data string) ([]string, error) {
	if k == kindConnection || k == kindSecret {
		return []string{data}, nil
	}
	var r struct {
		Secret, Previous, Seed string
		TOTPSecret             string `json:"totp_secret"`
	}
	if json.Unmarshal([]byte(data), &r) != nil { // its error may quote what it read
		return nil, &DamagedError{"it is not JSON"}
	}
	return slices.DeleteFunc([]string{r.Secret, r.Previous, r.Seed, r.TOTPSecret}, func(s string) bool { return s == "" }), nil
}

// examineChanged examines written and deleted records.
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

// scan passes all records of a kind to each, in batches. A record that changes meanwhile may occur twice.
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
