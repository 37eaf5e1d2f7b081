package store

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/changes.lua
var changesLua string

// changesScript returns the changes since a revision.
var changesScript = redis.NewScript(changesLua)

// Results of changes.lua for the time since a revision.
const (
	changedNothing    = "same"
	changedRecords    = "these" // the reply contains the records
	changedAll        = "all"   // unknown: everything must be read
	changedRolledBack = "back"  // the revision is not in the store's past
)

// changes are the changes since a revision.
type changes struct {
	epoch, tag, master string
	rev                int64
	least              int
	verdict            string
	records            []changedRecord
}

// changedRecord is the current content of a changed record; nil: deleted.
type changedRecord struct {
	kind   kind
	name   string
	record *string
}

// byKind returns the records by kind and name.
func (c *changes) byKind() map[kind]map[string]*string {
	all := map[kind]map[string]*string{}
	for _, r := range c.records {
		if all[r.kind] == nil {
			all[r.kind] = map[string]*string{}
		}
		all[r.kind][r.name] = r.record
	}
	return all
}

// changesSince reads the changes since a view in one call.
func (s *Store) changesSince(ctx context.Context, v *snapshot) (*changes, error) {
	ctx, cancel := context.WithTimeout(ctx, revisionLimit)
	defer cancel()
	keys := []string{keyRevision, keyEpoch, keyLog, keyMaster, keySchema}
	args := []any{v.rev, v.epoch, v.tag, maxNames}
	for _, k := range kinds {
		keys, args = append(keys, k.hash), append(args, string(k.kind))
	}
	answer, err := changesScript.Run(ctx, s.config.Redis, keys, args...).Slice()
	if err != nil {
		return nil, fmt.Errorf("read changes: %w", err)
	}
	return parseChanges(answer)
}

func parseChanges(answer []any) (*changes, error) {
	const head = 6
	if len(answer) < head || (len(answer)-head)%3 != 0 {
		return nil, fmt.Errorf("read changes: the script answered %d values", len(answer))
	}
	text := func(i int) string { t, _ := answer[i].(string); return t }
	c := &changes{epoch: text(0), tag: text(2), master: text(3), verdict: text(5)}
	c.rev, _ = strconv.ParseInt(text(1), 10, 64)
	c.least, _ = strconv.Atoi(text(4))
	for i := head; i < len(answer); i += 3 {
		r := changedRecord{kind: kind(text(i)), name: text(i + 1)}
		if data, ok := answer[i+2].(string); ok {
			r.record = &data
		}
		c.records = append(c.records, r)
	}
	return c, nil
}

// load reads the content of a view at one moment. It does not read sources that old has. The first process of an
// installation gives the store its epoch.
func (s *Store) load(ctx context.Context, old *snapshot) (*snapshot, error) {
	if !s.config.ReadOnly {
		if err := s.config.Redis.SetNX(ctx, keyEpoch, rand.Text(), 0).Err(); err != nil {
			return nil, fmt.Errorf("name store: %w", err)
		}
	}
	pipe := s.config.Redis.TxPipeline()
	rev, epoch, master := pipe.Get(ctx, keyRevision), pipe.Get(ctx, keyEpoch), pipe.Get(ctx, keyMaster)
	least, last := pipe.HGet(ctx, keySchema, "least"), pipe.XRevRangeN(ctx, keyLog, "+", "-", 1)
	users, clients, signing := pipe.HGetAll(ctx, keyUsers), pipe.HGetAll(ctx, keyClients), pipe.HGetAll(ctx, keySigning)
	vars, heads := pipe.HGetAll(ctx, keyVars), pipe.HGetAll(ctx, keyFlows)
	folders := pipe.HGetAll(ctx, keyFolders)
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("read records: %w", err)
	}
	v := newSnapshot()
	v.rev, _ = rev.Int64() // absent: nothing was ever stored
	v.least, _ = least.Int()
	v.epoch, v.master = epoch.Val(), master.Val()
	for _, m := range last.Val() {
		if tag, ok := m.Values["tag"].(string); ok && m.ID == strconv.FormatInt(v.rev, 10)+"-0" {
			v.tag = tag
		}
	}
	v.users, v.clients, v.signing = s.users().load(users.Val()), s.clients().load(clients.Val()), s.loadSigning(signing.Val())
	v.vars = s.loadVars(vars.Val())
	s.setVarValues(v)
	v.folders = s.loadFolders(folders.Val())
	if err := s.loadFlows(ctx, v, old, heads.Val()); err != nil {
		return nil, err
	}
	return v.complete(), nil
}

// sourceBatch is the number of sources read in one call.
const sourceBatch = 200

// readSources sets the sources of flows. A source that is not stored stays nil.
func (s *Store) readSources(ctx context.Context, all []*deployedFlow) error {
	for len(all) > 0 {
		n := min(len(all), sourceBatch)
		keys := make([]string, n)
		for i, d := range all[:n] {
			keys[i] = keySource(d.Number, d.Version)
		}
		found, err := s.config.Redis.MGet(ctx, keys...).Result()
		if err != nil {
			return fmt.Errorf("read sources of flows: %w", err)
		}
		for i, d := range all[:n] {
			if text, ok := found[i].(string); ok {
				d.source = []byte(text)
			}
		}
		all = all[n:]
	}
	return nil
}
