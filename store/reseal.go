package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// resealBatch is the number of records sealed again in one transaction.
	resealBatch = 500
	// resealLock is how long the lock of a resealing process lasts after its last batch. It only prevents others from
	// doing the same work.
	resealLock = 30 * time.Second
)

// Progress is the progress of resealing.
type Progress struct {
	Looked, All int // recordCache; those that change meanwhile may count twice
	Resealed    int
}

// Reseal seals again the records that were sealed with another master key than the fleet's. It can be repeated at any
// time. Records that cannot be opened stay unchanged. progress is called after each batch; optional.
func (s *Store) Reseal(ctx context.Context, progress func(Progress)) (Progress, error) {
	var p Progress
	for _, k := range sealedKinds {
		n, err := s.config.Redis.HLen(ctx, k.hash()).Result()
		if err != nil {
			return p, fmt.Errorf("reseal: %w", err)
		}
		p.All += int(n)
	}
	for _, k := range sealedKinds {
		if err := s.resealKind(ctx, k, &p, progress); err != nil {
			return p, fmt.Errorf("reseal %ss: %w", k, err)
		}
	}
	if err := s.resealGrants(ctx, &p); err != nil {
		return p, fmt.Errorf("reseal grants: %w", err)
	}
	return p, nil
}

// SealedUnder counts the records by the master key that sealed them.
func (s *Store) SealedUnder(ctx context.Context) (map[string]int, error) {
	all := map[string]int{}
	for _, k := range sealedKinds {
		err := s.scan(ctx, k, func(_, data string) {
			parts, _ := sealedParts(k, data)
			for _, part := range parts[:min(1, len(parts))] {
				all[sealedUnder(part)]++
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (s *Store) resealKind(ctx context.Context, k kind, p *Progress, progress func(Progress)) error {
	var names []string
	var failure error
	flush := func() {
		if failure == nil && len(names) > 0 {
			var n int
			n, failure = s.resealBatch(ctx, k, names)
			p.Resealed += n
		}
		names = names[:0]
		if progress != nil {
			progress(*p)
		}
	}
	err := s.scan(ctx, k, func(name, data string) {
		p.Looked++
		if s.isStale(s.snapshot.Load(), k, data) {
			names = append(names, name)
		}
		if len(names) == resealBatch {
			flush()
		}
	})
	flush()
	return errors.Join(err, failure)
}

// isStale reports whether a part of a record was sealed with another master key.
func (s *Store) isStale(v *snapshot, k kind, data string) bool {
	parts, _ := sealedParts(k, data)
	for _, part := range parts {
		if sealedUnder(part) != v.master {
			return true
		}
	}
	return false
}

// resealBatch seals the current content of records again in one transaction.
func (s *Store) resealBatch(ctx context.Context, k kind, names []string) (n int, err error) {
	err = s.update(ctx, func(tx *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		found, err := tx.HMGet(ctx, k.hash(), names...).Result()
		if err != nil {
			return nil, err
		}
		resealed := map[string]string{}
		for i, name := range names {
			data, there := found[i].(string)
			if !there || !s.isStale(v, k, data) {
				continue // deleted, or written meanwhile
			}
			again, err := s.resealed(v, k, name, data)
			var missing *MissingKeyError
			var damaged *DamagedError
			switch {
			case errors.As(err, &missing), errors.As(err, &damaged):
				s.unopened.add(k.of(name), err)
			case err != nil:
				return nil, err
			default:
				resealed[name] = again
			}
		}
		if n = len(resealed); n == 0 {
			return nil, nil
		}
		return func(w *transactionWrites) {
			for name, data := range resealed {
				w.set(ctx, k, name, data)
			}
		}, nil
	})
	return n, err
}

// resealed returns a record with all its parts sealed with the fleet's master key. Other members, including those of
// later versions, stay.
func (s *Store) resealed(v *snapshot, k kind, name, data string) (string, error) {
	again := func(sealed string) (string, error) {
		plain, err := s.config.Sealer.Open(k.of(name), sealed)
		if err != nil {
			return "", err
		}
		return s.seal(v, k.of(name), plain)
	}
	if k == kindConnection || k == kindSecret {
		return again(data)
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(data), &fields) != nil {
		return "", &DamagedError{"it is not JSON"}
	}
	for _, member := range []string{"secret", "previous", "seed", "totp_secret"} {
		var sealed string
		if json.Unmarshal(fields[member], &sealed) != nil || sealed == "" {
			continue
		}
		text, err := again(sealed)
		if err != nil {
			return "", err
		}
		fields[member], _ = json.Marshal(text) // a text: cannot fail
	}
	whole, err := json.Marshal(fields)
	return string(whole), err
}

// resealGrants seals the grants of connections again.
func (s *Store) resealGrants(ctx context.Context, p *Progress) error {
	connections, err := s.Connections().List(ctx)
	if err != nil {
		return err
	}
	for _, c := range connections {
		changed, err := s.resealGrant(ctx, c)
		if err != nil {
			return err
		}
		if changed {
			p.Resealed++
		}
	}
	return nil
}

// resealGrant skips a grant that another process writes meanwhile, because it is then sealed with the fleet's key.
func (s *Store) resealGrant(ctx context.Context, c *Connection) (changed bool, err error) {
	key, v := keyGrant(c.Name, c.Version), s.snapshot.Load()
	err = s.config.Redis.Watch(ctx, func(tx *redis.Tx) error {
		sealed, err := tx.Get(ctx, key).Result()
		if errors.Is(err, redis.Nil) || err == nil && sealedUnder(sealed) == v.master {
			return nil
		}
		if err != nil {
			return err
		}
		plain, err := s.config.Sealer.Open(grantRecordID(c), sealed)
		if err != nil {
			s.unopened.add(grantRecordID(c), err)
			return nil
		}
		again, err := s.seal(v, grantRecordID(c), plain)
		if err != nil {
			return err
		}
		_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			pipe.Set(ctx, key, again, redis.KeepTTL)
			return nil
		})
		changed = err == nil
		return err
	}, key)
	if errors.Is(err, redis.TxFailedErr) {
		return false, nil
	}
	return changed, err
}

// resealIfStale reseals if there is something to reseal and no other process does it.
func (s *Store) resealIfStale(ctx context.Context) error {
	if !s.unopened.isStale() || s.Ready() != nil {
		return nil
	}
	ours, err := s.config.Redis.SetNX(ctx, keyReseal, s.config.Process.ID, resealLock).Result()
	if err != nil || !ours {
		return err
	}
	defer s.config.Redis.Del(context.WithoutCancel(ctx), keyReseal)
	p, err := s.Reseal(ctx, func(Progress) { s.config.Redis.PExpire(ctx, keyReseal, resealLock) })
	if err != nil {
		return err
	}
	if p.Resealed > 0 {
		s.config.Log.Info("records were sealed again", "records", p.Resealed, "master_key", s.snapshot.Load().master)
	}
	return s.examineRecords(ctx)
}
