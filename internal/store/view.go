package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"penstock/flows"
)

// view is the store as it was at one revision. It never changes.
type view struct {
	rev     int64
	keys    map[string]keyEntry
	users   map[string]*User
	clients map[string]*Client
	signing map[string]*SigningKey
	flows   map[int64]*deployed
	slugs   map[string]*deployed
}

// deployed is a head with its compiled flow; nil: it does not compile.
type deployed struct {
	Head
	flow *flows.Flow
}

// find returns a flow by number or slug, nil when there is none.
func (v *view) find(ref string) *deployed {
	if number, err := strconv.ParseInt(ref, 10, 64); err == nil {
		return v.flows[number]
	}
	return v.slugs[ref]
}

// load reads everything, as of one moment, and compiles what old had not.
func (s *Store) load(ctx context.Context, old *view) (*view, error) {
	pipe := s.config.Redis.TxPipeline()
	rev, heads, keys := pipe.Get(ctx, keyRevision), pipe.HGetAll(ctx, keyFlows), pipe.HGetAll(ctx, keyAPIKeys)
	users, clients, signing := pipe.HGetAll(ctx, keyUsers), pipe.HGetAll(ctx, keyClients), pipe.HGetAll(ctx, keySigning)
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("read records: %w", err)
	}
	v := &view{
		keys: map[string]keyEntry{}, flows: map[int64]*deployed{}, slugs: map[string]*deployed{}, signing: map[string]*SigningKey{},
		users: s.users().load(users.Val()), clients: s.clients().load(clients.Val()),
	}
	v.rev, _ = rev.Int64() // absent: nothing was ever stored
	s.loadKeys(v, keys.Val())
	s.loadSigning(v, signing.Val())
	if err := s.loadFlows(ctx, v, old, heads.Val()); err != nil {
		return nil, err
	}
	return v, nil
}

func (s *Store) loadKeys(v *view, records map[string]string) {
	for name, data := range records {
		key, _, err := s.openKey(name, data)
		v.keys[name] = keyEntry{key, err}
		if err != nil {
			s.config.Log.Error("an API key cannot be used", "key", name, "error", err)
		}
	}
}

func (s *Store) loadFlows(ctx context.Context, v, old *view, records map[string]string) error {
	heads, err := parseHeads(records)
	if err != nil { // of some of them: the others run
		s.config.Log.Error("a flow cannot be read", "error", err)
	}
	for number, head := range heads {
		d := &deployed{Head: head}
		if before := old.version(number, head.Version); before != nil {
			d.flow, d.Problem = before.flow, before.Problem
		} else if err := s.compileHead(ctx, d); err != nil {
			return err
		}
		v.flows[number] = d
		if head.Slug != "" {
			v.slugs[head.Slug] = d
		}
	}
	return nil
}

// version returns the flow if it is deployed in this version.
func (v *view) version(number int64, version string) *deployed {
	if v == nil || v.flows[number] == nil || v.flows[number].Version != version {
		return nil
	}
	return v.flows[number]
}

// compileHead compiles the current version. That it does not compile is no
// error here: the other flows run.
func (s *Store) compileHead(ctx context.Context, d *deployed) error {
	flow, err := s.versions.find(ctx, versionID{d.Number, d.Version})
	var problem *compileError
	switch {
	case errors.As(err, &problem) || errors.Is(err, ErrNotFound):
		d.Problem = strings.TrimSpace(err.Error())
		s.config.Log.Error("a deployed flow cannot run in this binary", "flow", d.Number, "version", d.Version, "error", err)
	case err != nil:
		return err
	}
	d.flow = flow
	return nil
}
