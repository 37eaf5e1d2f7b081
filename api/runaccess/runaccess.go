// Package runaccess decides which runs a principal may see, and what of them: who may watch runs sees their states, steps and times, and
// nothing that people or systems have sent or got.
package runaccess

import (
	"context"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
)

// May reports whether a principal may apply a scope to a run. Its own runs of a flow are accessible with the scope to run the flow; the
// runs of others only to staff with the scope.
func May(p *auth.Principal, scope auth.Scope, r *queue.Record) bool {
	if r.Principal == p.String() && (p.May(scope, r.Flow) || p.May(auth.ScopeRun, r.Flow)) {
		return true
	}
	return p.MayForOthers(scope, r.Flow)
}

// Reads reports whether a principal may see what a run contains.
func Reads(p *auth.Principal, r *queue.Record) bool { return May(p, auth.ScopeReadRuns, r) }

// Watches reports whether a principal may see a run, perhaps without what it contains.
func Watches(p *auth.Principal, r *queue.Record) bool { return May(p, auth.ScopeWatchRuns, r) }

// Seen returns a run as a principal may see it, who Watches it or has changed it.
func Seen(p *auth.Principal, r *queue.Record) queue.Record {
	if Reads(p, r) {
		return *r
	}
	return withoutContent(*r)
}

// Lister reads runs. *queue.Client implements it.
type Lister interface {
	List(ctx context.Context, l queue.List, each func(*queue.Record)) (next queue.Place, more bool, err error)
	Unarchived(ctx context.Context) (open, ended int64, err error)
}

// Runs lists runs as a principal may see them, so that no filter tells what the principal may not see. Words are searched only in
// runs that it may read.
type Runs struct {
	Lister
	Principal *auth.Principal
}

// List reads runs as queue.Client does, those that the principal may not see included, as if it could watch them.
func (rs Runs) List(ctx context.Context, l queue.List, each func(*queue.Record)) (queue.Place, bool, error) {
	return rs.Lister.List(ctx, l, func(r *queue.Record) {
		if Reads(rs.Principal, r) {
			each(r)
			return
		}
		if l.Search == "" {
			cut := withoutContent(*r)
			each(&cut)
		}
	})
}
