package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
)

// Bounds of the variables, which every process has in memory.
const (
	MaxVar  = 16 << 10 // bytes of the JSON of a value
	MaxVars = 1000
)

// Var is a variable of the environment: the value of the vars of its name in all flows that declare one. It is not secret.
type Var struct {
	Name      string          `json:"name"`
	Value     json.RawMessage `json:"value"`
	UpdatedAt time.Time       `json:"updated_at"`
}

// Vars gives access to the variables. Safe for concurrent use.
type Vars struct{ store *Store }

// Vars gives access to the variables.
func (s *Store) Vars() *Vars { return &Vars{s} }

// Values returns the values by name, with those of Config.Vars. They are at most a second old while Run runs, shared, and must
// not be modified.
func (vs *Vars) Values() map[string]any { return vs.store.snapshot.Load().varValues() }

// List returns the stored variables by name.
func (vs *Vars) List(ctx context.Context) ([]*Var, error) {
	v, err := vs.store.fresh(ctx)
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(v.vars), func(a, b *Var) int { return strings.Compare(a.Name, b.Name) }), nil
}

// Put creates or replaces a variable. The value is JSON and not null. Error: *InvalidError.
func (vs *Vars) Put(ctx context.Context, name string, value json.RawMessage) (*Var, error) {
	record := &Var{name, value, time.Now().UTC().Truncate(time.Millisecond)}
	decoded, err := flows.DecodeJSON(value)
	switch {
	case !ValidName(name):
		err = &InvalidError{"name", "must be " + NameRule}
	case err != nil || decoded == nil:
		err = &InvalidError{"value", "must be JSON and not null"}
	case len(value) > MaxVar:
		err = &InvalidError{"value", fmt.Sprintf("must have at most %d bytes", MaxVar)}
	}
	var data []byte
	if err == nil {
		data, err = json.Marshal(record)
	}
	if err == nil {
		err = vs.store.update(ctx, func(_ *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
			if v.vars[name] == nil && len(v.vars) >= MaxVars {
				return nil, &InvalidError{"name", fmt.Sprintf("would be one of more than %d", MaxVars)}
			}
			return func(w *transactionWrites) { w.set(ctx, kindVar, name, data) }, nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("put variable %.64q: %w", name, err)
	}
	return record, nil
}

// Delete removes a variable. Error: ErrNotFound.
func (vs *Vars) Delete(ctx context.Context, name string) error {
	err := vs.store.update(ctx, func(_ *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		if v.vars[name] == nil {
			return nil, ErrNotFound
		}
		return func(w *transactionWrites) { w.delete(ctx, kindVar, name) }, nil
	})
	if err != nil {
		return fmt.Errorf("delete variable %.64q: %w", name, err)
	}
	return nil
}

// loadVars decodes variables. Those that cannot be read are skipped.
func (s *Store) loadVars(records map[string]string) map[string]*Var {
	all := make(map[string]*Var, len(records))
	for name, data := range records {
		v := &Var{}
		if err := json.Unmarshal([]byte(data), v); err != nil {
			s.config.Log.Error("a variable cannot be used", "name", name, "error", err)
			continue
		}
		all[name] = v
	}
	return all
}

// setVarValues sets what Vars.Values returns.
func (s *Store) setVarValues(v *snapshot) {
	v.varValues = sync.OnceValue(func() map[string]any { return valuesOf(v.vars, s.config.Vars) })
}

// valuesOf returns the values of variables, replaced by those of the settings.
func valuesOf(vars map[string]*Var, settings map[string]any) map[string]any {
	values := make(map[string]any, len(vars)+len(settings))
	for name, v := range vars {
		values[name], _ = flows.DecodeJSON(v.Value) // Put has decoded it
	}
	maps.Copy(values, settings)
	return values
}
