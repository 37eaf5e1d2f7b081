package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// DefaultSettle is the default of Config.Settle.
const DefaultSettle = 30 * time.Second

// complete encrypts the secret of a record with the fleet's master key. A change decided with another master key fails.
func (s *Store) seal(v *snapshot, record, secret string) (string, error) {
	id := v.master
	if id == "" {
		id = s.oldestKey()
	}
	if !s.config.Sealer.Has(id) {
		return "", masterError(id)
	}
	return s.config.Sealer.sealUnder(id, record, secret), nil
}

// Seal encrypts a secret for the other processes of the fleet, with the fleet's master key. It is bound to record, the name of what it
// belongs to: Unseal needs the same.
func (s *Store) Seal(record, secret string) (string, error) {
	return s.seal(s.snapshot.Load(), record, secret)
}

// Unseal decrypts what Seal of any process of the fleet returned. Errors: *MissingKeyError, *DamagedError.
func (s *Store) Unseal(record, sealed string) (string, error) {
	return s.config.Sealer.Open(record, sealed)
}

func masterError(id string) error {
	return fmt.Errorf("the fleet seals under master key %s, which this process does not have: give it that key, too", id)
}

// oldestKey returns the last one of the setting, with which a store of an earlier version was sealed.
func (s *Store) oldestKey() string { return s.config.Sealer.ids[len(s.config.Sealer.ids)-1] }

// Master returns the id of the fleet's master key; empty when it is not decided.
func (s *Store) Master() string { return s.snapshot.Load().master }

// FirstKey returns the id of the first master key of this process.
func (s *Store) FirstKey() string { return s.config.Sealer.ids[0] }

// MasterKey returns the index, in the setting, of the fleet's master key; 0 when this process does not have it.
func (s *Store) MasterKey() int {
	return max(0, slices.Index(s.config.Sealer.ids, s.snapshot.Load().master))
}

// initMaster sets the master key of a new store. A process that cannot open the existing records does nothing.
func (s *Store) initMaster(ctx context.Context) error {
	if s.snapshot.Load().master != "" || s.unopened.readiness() != nil {
		return nil
	}
	if err := s.config.Redis.SetNX(ctx, keyMaster, s.oldestKey(), 0).Err(); err != nil {
		return fmt.Errorf("choose master key: %w", err)
	}
	return s.refresh(ctx, time.Now())
}

// setMaster sets the fleet's master key for sealing.
func (s *Store) setMaster(ctx context.Context, id string) error {
	err := s.update(ctx, func(_ *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		if v.master == id {
			return nil, nil
		}
		return func(w *transactionWrites) { w.Set(ctx, keyMaster, id, 0) }, nil
	})
	if err != nil {
		return fmt.Errorf("change master key: %w", err)
	}
	s.config.Log.Info("the fleet seals under another master key", "master_key", id)
	return nil
}

// agreement tracks how long the fleet has agreed on a master key.
type agreement struct {
	processes string // master key and ids of the agreeing processes
	since     time.Time
}

// reached reports whether first has been the first master key of all processes for the time settle. A process that
// starts or ends meanwhile restarts the time, because it may only be restarting.
func (a *agreement) reached(first string, all []Process, now time.Time, settle time.Duration) bool {
	var ids []string
	for _, p := range all {
		if len(p.Keys) == 0 || p.Keys[0] != first {
			a.processes = ""
			return false
		}
		ids = append(ids, p.ID)
	}
	slices.Sort(ids)
	if who := first + " " + strings.Join(ids, " "); who != a.processes {
		a.processes, a.since = who, now
	}
	return len(ids) > 0 && now.Sub(a.since) >= settle
}

// switchIfAgreed changes the master key once the fleet agrees on another one.
func (s *Store) switchIfAgreed(ctx context.Context) error {
	all := s.fleet.Load()
	first := s.FirstKey()
	if all == nil || s.snapshot.Load().master == first || s.Ready() != nil {
		return nil
	}
	if !s.agreement.reached(first, *all, time.Now(), s.config.Settle) {
		return nil
	}
	// The announcements may be a beat old: read them again.
	now, err := s.Processes(ctx)
	if err != nil || !s.agreement.reached(first, now, time.Now(), s.config.Settle) {
		return err
	}
	return s.setMaster(ctx, first)
}

// SwitchMaster sets the first master key of this process as the fleet's at once. It fails with the name of the
// process when one does not have that key.
func (s *Store) SwitchMaster(ctx context.Context) error {
	first := s.FirstKey()
	all, err := s.Processes(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		if !slices.Contains(p.Keys, first) {
			return fmt.Errorf("change master key: %s does not have master key %s", p, first)
		}
	}
	return s.setMaster(ctx, first)
}
