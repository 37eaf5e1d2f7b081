package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/calldiff"
)

// Canary is a second version of a flow, which executes a share of the runs that callers start.
type Canary struct {
	Version      string        `json:"version"`
	Percent      int           `json:"percent"`                 // of the calls, 0 to 99; 0: those of Principals alone
	Principals   []string      `json:"principals,omitempty"`    // all calls of these, as in "key:k1"
	StartedAt    time.Time     `json:"started_at"`              // set by StartCanary
	By           string        `json:"by"`                      // the principal that started it
	Message      string        `json:"message,omitempty"`       // what that one said about it, for the version that it becomes
	RollbackAt   int           `json:"rollback_at,omitempty"`   // failed runs in percent at which it is stopped; 0: no rule
	PromoteAfter time.Duration `json:"promote_after,omitempty"` // age at which it is promoted; 0: no rule
}

// maxPrincipals is the maximum number of principals of a canary: each call is compared with them.
const maxPrincipals = 100

// leastRuled is the minimum share of a canary with a rule, in percent. A rule needs 50 runs of the canary among the newest
// 2,000 of the flow.
const leastRuled = 3

// principalForm is the form of a principal that makes calls.
var principalForm = regexp.MustCompile(`^(?:user|key|client):[^\x00-\x1f\x7f]+$|^hook:[1-9]\d*$`)

// Takes reports whether the canary executes a call of a principal. Calls with equal keys of the same principal have the same
// answer, and one that the canary takes is still taken when Percent is raised. Calls without a key are assigned at random.
func (c *Canary) Takes(principal, key string) bool {
	if slices.Contains(c.Principals, principal) {
		return true
	}
	if key == "" {
		return rand.IntN(100) < c.Percent
	}
	sum := sha256.Sum256([]byte(c.Version + key))
	return binary.BigEndian.Uint64(sum[:])%100 < uint64(c.Percent)
}

// same reports whether both are the same canary, started at the same time.
func (c *Canary) same(o *Canary) bool {
	return o != nil && c.Version == o.Version && c.StartedAt.Equal(o.StartedAt)
}

// check returns an *InvalidError for values that are out of range.
func (c *Canary) check() error {
	switch {
	case c.Percent < 0 || c.Percent > 99:
		return &InvalidError{"percent", "must be a number from 1 to 99"}
	case c.Percent == 0 && len(c.Principals) == 0:
		return &InvalidError{"percent", "or principals must say which calls the canary takes"}
	case len(c.Principals) > maxPrincipals:
		return &InvalidError{"principals", fmt.Sprintf("must be %d at most", maxPrincipals)}
	case slices.ContainsFunc(c.Principals, func(p string) bool { return !principalForm.MatchString(p) }):
		return &InvalidError{"principals", "must be written as user:NAME, key:KEY, client:ID or hook:NUMBER"}
	case c.RollbackAt < 0 || c.RollbackAt > 100:
		return &InvalidError{"rollback_at", "must be a number from 1 to 100"}
	case c.PromoteAfter < 0:
		return &InvalidError{"promote_after", "must not be negative"}
	case (c.RollbackAt > 0 || c.PromoteAfter > 0) && c.Percent < leastRuled && len(c.Principals) == 0:
		return &InvalidError{"percent", "must be at least 3 with rollback_at or promote_after: fewer runs than these need are among those that are looked at"}
	}
	return (&Change{Message: c.Message}).check()
}

// CanaryError reports that a version cannot be a canary beside the current version.
type CanaryError struct{ Reason string }

func (e *CanaryError) Error() string { return e.Reason }

// CanaryFor returns the version of a flow's canary if it executes a call; nil: the current version does. key is the call's
// idempotency key, which includes the principal; empty: it has none. A canary that this binary cannot run takes no calls.
func (f *Flows) CanaryFor(ctx context.Context, number int64, principal, key string) *flows.Flow {
	d := f.store.snapshot.Load().flows[number]
	if d == nil || d.Canary == nil || !d.Canary.Takes(principal, key) {
		return nil
	}
	flow, err := f.Version(ctx, number, d.Canary.Version)
	if err != nil {
		return nil
	}
	return flow
}

// StartCanary makes a version the canary of its flow, in place of another one. Errors: ErrNotFound when the flow is not
// deployed, an *InvalidError, a *CanaryError when it is called otherwise or in another folder than the current one, and those of Deploy.
func (f *Flows) StartCanary(ctx context.Context, flow *flows.Flow, c Canary) error {
	c.Version, c.StartedAt = flow.Version, time.Now().UTC().Truncate(time.Millisecond)
	if err := c.check(); err != nil {
		return err
	}
	current, ok := f.Find(fmt.Sprint(flow.Number))
	if !ok {
		return fmt.Errorf("start canary of flow %d: %w", flow.Number, ErrNotFound)
	}
	differs := calldiff.Between(current, flow)
	if flow.Folder != current.Folder { // rights in both would count for the same runs
		differs = append(differs, "the folder")
	}
	err := f.updateDeployment(ctx, flow.Number, func(v *snapshot) (*Deployment, error) {
		head, exists := v.deployment(flow.Number)
		switch {
		case !exists:
			return nil, ErrNotFound
		case head.Version == flow.Version:
			return nil, &CanaryError{"this version is the current one"}
		case head.Version != current.Version:
			return nil, &CanaryError{"another version has become the current one: try again"}
		case len(differs) > 0:
			return nil, &CanaryError{"a canary is called as the current version is, and these differ: " + strings.Join(differs, ", ")}
		}
		if err := checkFree(v, flow); err != nil {
			return nil, err
		}
		head.Canary = &c
		return &head, nil
	}, flow)
	if err != nil {
		return fmt.Errorf("start canary of flow %d: %w", flow.Number, err)
	}
	return nil
}

// PromoteCanary makes the canary the current version. ErrNotFound: the flow has this canary no more.
func (f *Flows) PromoteCanary(ctx context.Context, number int64, c *Canary) error {
	flow, err := f.Version(ctx, number, c.Version)
	if err == nil {
		err = f.updateDeployment(ctx, number, func(v *snapshot) (*Deployment, error) {
			head, exists := v.deployment(number)
			if !exists || !c.same(head.Canary) {
				return nil, ErrNotFound
			}
			if err := checkFree(v, flow); err != nil {
				return nil, err
			}
			next := head.with(flow, Change{By: c.By, Message: c.Message}, time.Now())
			next.Checked = f.store.fingerprint
			return &next, nil
		}, flow)
	}
	if err != nil {
		return fmt.Errorf("promote canary of flow %d: %w", number, err)
	}
	return nil
}

// StopCanary ends a canary; the current version executes all calls again. Accepted runs keep their version. ErrNotFound: the
// flow has this canary no more.
func (f *Flows) StopCanary(ctx context.Context, number int64, c *Canary) error {
	err := f.updateDeployment(ctx, number, func(v *snapshot) (*Deployment, error) {
		head, exists := v.deployment(number)
		if !exists || !c.same(head.Canary) {
			return nil, ErrNotFound
		}
		head.Canary = nil
		return &head, nil
	}, nil)
	if err != nil {
		return fmt.Errorf("stop canary of flow %d: %w", number, err)
	}
	return nil
}
