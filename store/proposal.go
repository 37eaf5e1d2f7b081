package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
)

// ProposalKind is what a proposal changes.
type ProposalKind string

// The kinds of proposals.
const (
	ProposeDeploy  ProposalKind = "deploy"         // a flow file becomes the current version
	ProposeVersion ProposalKind = "rollback"       // a version of the history does
	ProposeCanary  ProposalKind = "canary"         // a version becomes the canary
	ProposePromote ProposalKind = "promote_canary" // the canary becomes the current version
	ProposeEnable  ProposalKind = "enable"         // the flow's own triggers fire
)

// Proposal is a change of a flow that takes effect when somebody else than its author approves it.
type Proposal struct {
	ID      string       `json:"id"` // hash of the rest: what was seen under it cannot change
	Flow    int64        `json:"flow"`
	Kind    ProposalKind `json:"kind"`
	Version string       `json:"version"`          // what becomes current, or the canary; of enable the current version
	Base    string       `json:"base"`             // the version that was current, or NoVersion
	Canary  *Canary      `json:"canary,omitempty"` // of canary and promote_canary
	By      string       `json:"by"`               // principal
	Message string       `json:"message,omitempty"`
	At      time.Time    `json:"at"`
}

// Bounds of proposals.
const (
	proposalLife = 30 * 24 * time.Hour
	maxProposals = 1000
)

// Expires returns when the proposal is forgotten.
func (p *Proposal) Expires() time.Time { return p.At.Add(proposalLife) }

// Errors of proposals.
var (
	ErrProposed    = errors.New("somebody else has proposed a change of the flow, which waits for approval: approve or reject that first")
	ErrNotProposed = errors.New("there is no such proposal: it was approved, rejected, replaced or is older than 30 days")
	ErrOwnProposal = errors.New("a change is approved by somebody else than the one who proposed it")
)

// SecondApproval reports whether changes become proposals.
func (f *Flows) SecondApproval() bool { return f.store.config.SecondApproval }

// Request makes a change of a flow, or, with Config.SecondApproval, proposes it; then it returns the proposal. flow is the version that becomes
// current, or the canary; nil for ProposeEnable. c.Base is as in DeployChange. A change without an effect is no proposal. Every change that a
// principal asks for is made by it: errors are those of the changes, and ErrProposed.
func (f *Flows) Request(ctx context.Context, kind ProposalKind, number int64, flow *flows.Flow, canary *Canary, c Change) (*Proposal, error) {
	p := &Proposal{Flow: number, Kind: kind, Canary: canary, By: c.By, Message: c.Message}
	current, _ := f.store.snapshot.Load().deployment(number)
	p.Version, p.Base = current.Version, cmp.Or(c.Base, cmp.Or(current.Version, NoVersion))
	if flow != nil {
		p.Version = flow.Version
	}
	if !f.store.config.SecondApproval {
		return nil, f.apply(ctx, p, flow, c)
	}
	switch {
	case kind == ProposeEnable && current.Enabled:
		return nil, nil
	case (kind == ProposeDeploy || kind == ProposeVersion) && p.Version == current.Version:
		c.Base = cmp.Or(c.Base, current.Version) // it may not be current any more
		return nil, f.apply(ctx, p, flow, c)
	}
	c, err := f.store.fromFormer(ctx, number, c)
	if err == nil {
		err = c.check()
	}
	if err == nil {
		err = c.checkBase(&current)
	}
	if err == nil && current.Version == "" && kind != ProposeDeploy {
		err = ErrNotFound
	}
	if err == nil && canary != nil && kind == ProposeCanary {
		err = canary.check()
	}
	if err == nil && flow != nil {
		err = c.checkFolders(&current, flow.Folder)
	}
	if err == nil && flow != nil {
		err = checkFree(f.store.snapshot.Load(), flow)
	}
	if err == nil {
		err = f.propose(ctx, p, flow)
	}
	if err != nil {
		return nil, fmt.Errorf("propose change of flow %d: %w", number, err)
	}
	return p, nil
}

// apply makes a change at once.
func (f *Flows) apply(ctx context.Context, p *Proposal, flow *flows.Flow, c Change) error {
	switch p.Kind {
	case ProposeDeploy:
		_, err := f.DeployChange(ctx, flow, c)
		return err
	case ProposeVersion:
		return f.RollbackChange(ctx, p.Flow, p.Version, c)
	case ProposeCanary:
		return f.StartCanary(ctx, flow, *p.Canary)
	case ProposePromote:
		return f.PromoteCanary(ctx, p.Flow, p.Canary)
	case ProposeEnable:
		return f.Enable(ctx, p.Flow, true)
	}
	return fmt.Errorf("there is no change of the kind %q", p.Kind)
}

// propose stores a proposal, in place of an earlier one of the same author.
func (f *Flows) propose(ctx context.Context, p *Proposal, flow *flows.Flow) error {
	p.At = time.Now().UTC().Truncate(time.Millisecond)
	content, err := json.Marshal(p)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	p.ID = hex.EncodeToString(sum[:16])
	if content, err = json.Marshal(p); err != nil {
		return err
	}
	field := strconv.FormatInt(p.Flow, 10)
	return f.onProposals(ctx, func(tx *redis.Tx) error {
		all, err := f.proposals(ctx, tx)
		if err != nil {
			return err
		}
		switch i := slices.IndexFunc(all, func(other Proposal) bool { return other.Flow == p.Flow }); {
		case i >= 0 && all[i].By != p.By:
			return ErrProposed
		case i < 0 && len(all) >= maxProposals:
			return &InvalidError{"proposals", fmt.Sprintf("are %d already: approve or reject some", maxProposals)}
		}
		_, err = tx.TxPipelined(ctx, func(w redis.Pipeliner) error {
			w.HSet(ctx, keyProposals, field, content)
			w.Expire(ctx, keyProposals, proposalLife)
			if flow != nil {
				w.Set(ctx, keyProposalSource(p.ID), flow.Source, proposalLife)
			}
			return nil
		})
		return err
	})
}

// onProposals executes a transaction on the proposals.
func (f *Flows) onProposals(ctx context.Context, do func(*redis.Tx) error) (err error) {
	for range changeAttempts {
		if err = f.store.config.Redis.Watch(ctx, do, keyProposals); !errors.Is(err, redis.TxFailedErr) {
			return err
		}
	}
	return err
}

// proposals reads the proposals that are not too old, ordered by time. A nil client is that of the store.
func (f *Flows) proposals(ctx context.Context, client interface {
	HGetAll(ctx context.Context, key string) *redis.MapStringStringCmd
}) ([]Proposal, error) {
	found, err := client.HGetAll(ctx, keyProposals).Result()
	if err != nil {
		return nil, fmt.Errorf("read proposals: %w", err)
	}
	all := []Proposal{}
	for field, text := range found {
		var p Proposal
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			f.store.config.Log.Error("a proposal cannot be read", "flow", field, "error", err)
			continue
		}
		if time.Now().Before(p.Expires()) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b Proposal) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Flow, b.Flow)) })
	return all, nil
}

// Proposals returns what waits for approval, the oldest first.
func (f *Flows) Proposals(ctx context.Context) ([]Proposal, error) {
	return f.proposals(ctx, f.store.config.Redis)
}

// Proposal returns the proposal of a flow; nil: there is none.
func (f *Flows) Proposal(ctx context.Context, number int64) (*Proposal, error) {
	all, err := f.Proposals(ctx)
	for i := range all {
		if all[i].Flow == number {
			return &all[i], nil
		}
	}
	return nil, err
}

// ProposalSource returns the flow file of a proposal.
func (f *Flows) ProposalSource(ctx context.Context, p *Proposal) ([]byte, error) {
	if p.Kind != ProposeDeploy && p.Kind != ProposeCanary {
		return f.Source(ctx, p.Flow, p.Version)
	}
	source, err := f.store.config.Redis.Get(ctx, keyProposalSource(p.ID)).Bytes()
	if errors.Is(err, redis.Nil) {
		err = ErrNotProposed
	}
	return source, err
}

// ProposedFlow returns the version of a proposal, compiled by this binary.
func (f *Flows) ProposedFlow(ctx context.Context, p *Proposal) (*flows.Flow, error) {
	source, err := f.ProposalSource(ctx, p)
	if err != nil {
		return nil, err
	}
	return f.Parse("flow", source)
}

// Approve makes the change of a proposal, as it was seen under its id, for another principal than its author. flow is ProposedFlow. Errors:
// ErrNotProposed, ErrOwnProposal, a *StaleError when another version has become the current one, and those of the change. may is
// Change.May of who approves.
func (f *Flows) Approve(ctx context.Context, p *Proposal, flow *flows.Flow, by string, may func(exists bool, from, to string) error) error {
	if by == p.By {
		return ErrOwnProposal
	}
	if err := f.store.refresh(ctx, time.Now()); err != nil { // its base is compared with what is current now
		return fmt.Errorf("approve change of flow %d: %w", p.Flow, err)
	}
	now, err := f.Proposal(ctx, p.Flow)
	if err == nil && (now == nil || now.ID != p.ID) {
		err = ErrNotProposed
	}
	c := Change{By: p.By, Message: approvedMessage(p.Message, by), Base: p.Base, May: may}
	current, _ := f.store.snapshot.Load().deployment(p.Flow)
	if err == nil {
		err = c.checkBase(&current)
	}
	if err == nil {
		err = c.checkFolders(&current, flow.Folder) // not every change asks again
	}
	if err == nil && flow.Version != p.Version {
		err = ErrNotProposed // another release of the program reads the file otherwise
	}
	if err == nil {
		if p.Canary != nil {
			approved := *p.Canary
			approved.By, approved.Message = c.By, c.Message
			p.Canary = &approved
		}
		err = f.apply(ctx, p, flow, c)
	}
	if err == nil {
		err = f.forget(ctx, p)
	}
	if err != nil {
		return fmt.Errorf("approve change of flow %d: %w", p.Flow, err)
	}
	return nil
}

// approvedMessage adds to a message who approved the change. A long message is cut.
func approvedMessage(message, by string) string {
	added := "approved by " + by
	if message == "" {
		return added
	}
	added = " (" + added + ")"
	if text := []rune(message); len(text) > MaxMessage-len([]rune(added)) {
		message = string(text[:max(0, MaxMessage-len([]rune(added))-1)]) + "…"
	}
	return message + added
}

// Reject removes a proposal. ErrNotProposed: it is there no more.
func (f *Flows) Reject(ctx context.Context, p *Proposal) error {
	now, err := f.Proposal(ctx, p.Flow)
	if err == nil && (now == nil || now.ID != p.ID) {
		err = ErrNotProposed
	}
	if err == nil {
		err = f.forget(ctx, p)
	}
	if err != nil {
		return fmt.Errorf("reject change of flow %d: %w", p.Flow, err)
	}
	return nil
}

// forget removes a proposal, unless another one has taken its place.
func (f *Flows) forget(ctx context.Context, p *Proposal) error {
	return f.onProposals(ctx, func(tx *redis.Tx) error {
		all, err := f.proposals(ctx, tx)
		if err != nil || !slices.ContainsFunc(all, func(other Proposal) bool { return other.ID == p.ID }) {
			return err
		}
		_, err = tx.TxPipelined(ctx, func(w redis.Pipeliner) error {
			w.HDel(ctx, keyProposals, strconv.FormatInt(p.Flow, 10))
			w.Del(ctx, keyProposalSource(p.ID))
			return nil
		})
		return err
	})
}

// Stale reports whether another version has become current since the proposal, so that it cannot be approved.
func (f *Flows) Stale(p *Proposal) bool {
	return cmp.Or(f.VersionNow(p.Flow), NoVersion) != p.Base
}
