package store

import "github.com/penstock/penstock/audit"

// Audit returns the log of administrative actions.
func (s *Store) Audit() *audit.Log { return s.audit }
