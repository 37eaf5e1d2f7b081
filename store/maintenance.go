package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// maintain maintains the store: it restores one that went back, looks for records that cannot be opened, and changes
// the master key when the fleet agrees.
func (s *Store) maintain(ctx context.Context) error {
	defer s.logReadiness()
	if err := s.examineAll(ctx); err != nil {
		return err
	}
	if err := s.restore(ctx); err != nil {
		return err
	}
	if err := s.switchIfAgreed(ctx); err != nil {
		return err
	}
	return s.resealIfStale(ctx)
}

// logReadiness logs when this process becomes ready, and when it no longer is.
func (s *Store) logReadiness() {
	reason := ""
	err := s.Ready()
	if err != nil {
		reason = err.Error()
	}
	switch {
	case reason == s.lastLogged:
	case err != nil:
		s.config.Log.Error("this process takes no work", "error", err)
	default:
		s.config.Log.Info("this process takes work again")
	}
	s.lastLogged = reason
}

// examineAll opens every sealed record when it is due: after unknown changes, and while there are records that cannot
// be opened.
func (s *Store) examineAll(ctx context.Context) error {
	if !s.examineDue.Swap(false) && s.unopened.count() == 0 {
		return nil
	}
	err := s.examineRecords(ctx)
	if err == nil {
		err = s.initMaster(ctx)
	}
	if err != nil {
		s.examineDue.Store(true)
	}
	return err
}

// noteSetback records that the revision seen by this process is not in the store's past: Redis was emptied, an older
// copy was restored, or a failover lost changes.
func (s *Store) noteSetback(old *snapshot, c *changes) {
	s.setbacks.Add(1)
	s.restoreDue.Store(true)
	s.config.Log.Error("the store has gone back to an earlier state: what was changed meanwhile is lost; what the settings make exist is made again",
		"seen_revision", old.rev, "revision", c.rev, "another_store", c.epoch != old.epoch)
}

// Setbacks returns the number of times the store was found to have gone back to an earlier state.
func (s *Store) Setbacks() int64 { return s.setbacks.Load() }

// RestoreLater makes the store call Restore; the process is not ready until then. It must be called before Run.
func (s *Store) RestoreLater() { s.restoreDue.Store(true) }

// restore recreates what the settings define.
func (s *Store) restore(ctx context.Context) error {
	if !s.restoreDue.Load() || s.ableToServe() != nil {
		return nil
	}
	// An emptied store has neither a schema nor announcements.
	if err := errors.Join(s.claimSchema(ctx), s.announceSelf(ctx)); err != nil {
		return err
	}
	if s.config.Restore != nil {
		if err := s.config.Restore(ctx); err != nil {
			return fmt.Errorf("restore what the settings make exist: %w", err)
		}
	}
	s.restoreDue.Store(false)
	s.config.Log.Info("the store is restored to what the settings make exist")
	return nil
}

// Ready returns the reason for which this process must not take work; nil when it may. It does not access Redis.
func (s *Store) Ready() error {
	if err := s.ableToServe(); err != nil {
		return err
	}
	if s.restoreDue.Load() {
		return errors.New("what the settings make exist is not there yet: the store is being restored")
	}
	return nil
}

func (s *Store) ableToServe() error {
	v := s.snapshot.Load()
	if err := schemaError(v.least); err != nil {
		return err
	}
	if err := s.incompatible(); err != nil {
		return err
	}
	if v.master != "" && !s.config.Sealer.Has(v.master) {
		return masterError(v.master)
	}
	return s.unopened.readiness()
}

// compileUnchecked compiles the flows that were deployed with another catalogue, so that flows that no longer compile
// are known before they are called. It uses at most a fifth of a core.
func (s *Store) compileUnchecked(ctx context.Context) {
	for _, h := range s.snapshot.Load().sorted() {
		d := s.snapshot.Load().version(h.Number, h.Version)
		if d == nil || d.Checked == s.fingerprint {
			continue
		}
		start := time.Now()
		_, _ = s.compiled(d) // an error is logged, and kept for List
		rest := time.NewTimer(4 * time.Since(start))
		select {
		case <-rest.C:
		case <-ctx.Done():
			rest.Stop()
			return
		}
	}
}
