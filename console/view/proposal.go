package view

import (
	"context"
	"strconv"
	"time"

	"github.com/penstock/penstock/console/language"
)

// Proposal is a change of a flow that waits for approval.
type Proposal struct {
	ID      string
	Flow    int64
	Name    string // of the flow
	Kind    string // deploy, rollback, canary, promote_canary, enable
	Version string
	Percent int // of a canary
	By      string
	Message string
	At      time.Time
	Stale   bool // another version has become current
	Own     bool // the reader has proposed it
	Changes []DiffLine
}

func (b *Proposal) path() string {
	return Root + "/flows/" + strconv.FormatInt(b.Flow, 10) + "/proposal"
}

// what says what the change does.
func (b *Proposal) what(ctx context.Context) string {
	switch b.Kind {
	case "rollback":
		return language.T(ctx, "roll back")
	case "canary":
		return language.T(ctx, "canary for %d%% of the calls", b.Percent)
	case "promote_canary":
		return language.T(ctx, "promote the canary")
	case "enable":
		return language.T(ctx, "enable the schedule or poll")
	}
	return language.T(ctx, "new version")
}
