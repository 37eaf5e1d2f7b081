package audit

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/entrylog"
)

var (
	//go:embed lua/cut.lua
	cutLua    string
	cutScript = redis.NewScript(cutLua)

	//go:embed lua/replace.lua
	replaceLua    string
	replaceScript = redis.NewScript(replaceLua)
)

const (
	cutStart = "start" // name of the cut at the beginning of the log
	// maxGaps is the maximum number of cuts elsewhere that are kept.
	maxGaps = 100
)

// Cut is a signed note of entries that were removed because of their age or number. Behind it the chain goes on.
type Cut struct {
	From int64     `json:"from"` // number of the first removed entry; 1 for the cut at the beginning of the log
	Seq  int64     `json:"seq"`  // number of the last one
	Hash string    `json:"hash"` // of the last one
	At   time.Time `json:"at"`   // time of the last one
	Key  string    `json:"key"`
	MAC  string    `json:"mac"`
}

func (c *Cut) signed() string {
	return strconv.FormatInt(c.From, 10) + " " + strconv.FormatInt(c.Seq, 10) + " " + c.Hash
}

func (k Keys) cut(from int64, last *Entry) Cut {
	c := Cut{From: from, Seq: last.Seq, Hash: last.Hash, At: last.At, Key: k[0].ID}
	c.MAC = k[0].sign(signsCut, c.signed())
	return c
}

// Cuts returns the notes of what was removed.
func (l *Log) Cuts(ctx context.Context) ([]Cut, error) {
	all, err := l.cuts(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Cut, 0, len(all))
	for _, c := range all {
		list = append(list, c)
	}
	return list, nil
}

func (l *Log) cuts(ctx context.Context) (map[string]Cut, error) {
	stored, err := l.config.Redis.HGetAll(ctx, keyCuts).Result()
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	all := make(map[string]Cut, len(stored))
	for name, text := range stored {
		var c Cut
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			continue // it explains nothing: the chain has a gap
		}
		all[name] = c
	}
	return all, nil
}

// trim removes the oldest entries from Redis while it has more than a number and a chunk of them. The cost of each step is constant.
func (l *Log) trim(ctx context.Context, most int) error {
	for {
		n, err := l.config.Redis.XLen(ctx, keyStream).Result()
		if err != nil || int(n) < most+chunk {
			return err
		}
		first, err := l.read(ctx, "-", "+", true, chunk+1)
		if err != nil || len(first) <= chunk {
			return err
		}
		if err := l.remove(ctx, first); err != nil {
			return err
		}
	}
}

// remove removes all entries but the last one of some, the oldest ones in Redis.
func (l *Log) remove(ctx context.Context, some []entrylog.Entry) error {
	stays := some[len(some)-1].Place.String()
	some = some[:len(some)-1]
	name, note, replaced, err := l.noted(ctx, some)
	if err != nil {
		return err
	}
	return cutScript.Run(ctx, l.config.Redis, []string{keyStream, keyCuts}, some[0].Place.String(), stays, name, note, replaced).Err()
}

// noted returns the cut for some entries, its name, and the name of the cut that it replaces; no name: none is needed, because the
// history has the entries or they belong to no chain.
func (l *Log) noted(ctx context.Context, some []entrylog.Entry) (name, note, replaced string, err error) {
	last := entryOf(some[len(some)-1])
	if last.Seq == 0 {
		return "", "", "", nil
	}
	var cut Cut
	if l.config.History == nil {
		name, cut = cutStart, l.config.Keys.cut(1, last)
	} else {
		done, err := l.archived(ctx)
		if err != nil || done.Compare(last.Place()) >= 0 {
			return "", "", "", err
		}
		if name, replaced, cut, err = l.gap(ctx, some, done, last); err != nil {
			return "", "", "", err
		}
		l.config.Log.Error("entries of the audit log are removed before the history has them", "to", last.Seq)
	}
	text, err := json.Marshal(cut)
	return name, string(text), replaced, err
}

// gap returns the cut for entries that the history does not have. It goes on where the one before ended, if it can.
func (l *Log) gap(ctx context.Context, some []entrylog.Entry, done entrylog.Place, last *Entry) (name, replaced string, cut Cut, err error) {
	all, err := l.cuts(ctx)
	if err != nil {
		return "", "", Cut{}, err
	}
	from := last.Seq
	for _, e := range some {
		if entry := entryOf(e); entry.Seq != 0 && done.Compare(e.Place) < 0 {
			from = min(from, entry.Seq)
		}
	}
	if len(all) > maxGaps { // the oldest one gives way: the gap that it explained shows as one
		oldest := ""
		for n, c := range all {
			if n != cutStart && (oldest == "" || c.Seq < all[oldest].Seq) {
				oldest = n
			}
		}
		replaced = oldest
	}
	for n, c := range all {
		if n != cutStart && c.Seq+1 == from {
			from, replaced = c.From, n
		}
	}
	return strconv.FormatInt(last.Seq, 10), replaced, l.config.Keys.cut(from, last), nil
}

// BeforeExpiry implements history.Chained: it notes that the history is about to delete its entries up to one, and removes those from Redis that are
// still there.
func (l *Log) BeforeExpiry(ctx context.Context, last entrylog.Entry) error {
	e, note := entryOf(last), []byte(nil)
	if e.Seq != 0 {
		var err error
		if note, err = json.Marshal(l.config.Keys.cut(1, e)); err != nil {
			return fmt.Errorf("encode cut: %w", err)
		}
	}
	_, err := l.config.Redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		if note != nil {
			p.HSet(ctx, keyCuts, cutStart, note)
		}
		p.XTrimMinID(ctx, keyStream, entrylog.Place{At: last.At, Seq: last.Seq + 1}.String())
		return nil
	})
	if err != nil {
		return fmt.Errorf("note expiry of audit log: %w", err)
	}
	return nil
}

// SignCuts signs the notes of removals with the key that signs now, if they are signed with another one that is known. It is called when a
// process begins, so that the older master key can be taken away later.
func (l *Log) SignCuts(ctx context.Context) error {
	all, err := l.cuts(ctx)
	if err != nil {
		return err
	}
	keys := l.config.Keys
	for name, c := range all {
		if c.Key == keys[0].ID || keys.check(c.Key, c.MAC, signsCut, c.signed()) != genuine {
			continue
		}
		old, err := json.Marshal(c)
		if err != nil {
			return err
		}
		c.Key, c.MAC = keys[0].ID, keys[0].sign(signsCut, c.signed())
		text, err := json.Marshal(c)
		if err != nil {
			return err
		}
		if err := replaceScript.Run(ctx, l.config.Redis, []string{keyCuts}, name, old, text).Err(); err != nil {
			return fmt.Errorf("sign cuts of audit log: %w", err)
		}
	}
	return nil
}
