package steps

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/snapshot"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

const (
	changesLife = 400 * 24 * time.Hour // default of for
	defaultGone = 20                   // percent, of max_gone
	smallGone   = 10                   // keys that may be gone by default, whatever their part of the list
	hashMemory  = 128                  // bytes charged for a hash with its key
)

// changes finds what is new, changed or gone in a list since the last time.
func changes() flows.Kind {
	return flows.Kind{
		Name:    "changes",
		Summary: "Compares the list of all items with the list of the last time, and sends what is new, changed or gone through its nested steps.",
		Doc: "For sources that cannot tell what has changed. The items of the nested steps are `{kind, key, item}`: `kind` is `new`, `changed` or `gone`, and `item` the item " +
			"of the list, null for one that is gone. New and changed ones have the order of the list; those that are gone follow, by key. The step puts out what the " +
			"nested steps put out, and runs once, also when no item arrives; without a change the nested steps are not executed.\n\n" +
			"Between runs the step keeps a snapshot: the key and a hash (128 bits of SHA-256) of the contents of each item, not the items, so that it cannot tell what was before. The " +
			"snapshot has a name, which is the flow's own; `penstock state` shows it and removes it. It is kept for `for` after the last run. A version of the flow with another " +
			"`compare` finds every item changed once, because its hashes are others.\n\n" +
			"**The new list counts when the nested steps have succeeded** for all changes. When one of them fails, the snapshot stays as it was: the resumed run continues, and " +
			"a new run finds the same changes again, and later ones with them. So each change goes through the nested steps at least once; a step there that writes should be safe to repeat, for instance by " +
			"an upsert. Of two runs at once that began with the same snapshot, the one that ends first replaces it; the other one fails, and the next run finds again what differs. A `poll`, or " +
			"`run.concurrency: 1`, avoids that.\n\n" +
			"**A broken source**, whose list is empty or cut, must not make everything gone: the step fails, and changes nothing, when more keys are gone than `max_gone` allows, and when all are. " +
			"`max_gone: 100%` allows everything.\n\n" +
			"Keys are texts of at most 512 bytes, each once in the list, which has at most 100,000 items. In a test, the member `changes` gives the lists of the last time.",
		Params: []flows.Param{
			{Name: "name", Type: flows.TypeString, Names: flows.ResourceSnapshot, Required: true, Inline: true, Summary: "The name of the snapshot, of small letters, digits and -.", Hint: "a snapshot has one name for all runs"},
			{Name: "key", Type: flows.TypeTemplate, Required: true, Summary: "The key of an item."},
			{Name: "compare", Type: flows.TypeStrings, Default: "the whole item", Summary: "The members that count: an item has changed when one of them has."},
			{Name: "first", Type: flows.TypeEnum, Enum: []string{"new", "baseline"}, Default: "new", Summary: "What the items of the first list are: new, or a baseline, of which nothing is said; an empty list is none."},
			{Name: "max_gone", Type: flows.TypeString, Default: "20%, or 10 keys", Summary: "How many keys may be gone at once: a number, or a percentage of the list of the last time."},
			{Name: "for", Type: flows.TypeDuration, Default: "400d", Summary: "How long the snapshot is kept after the last run; later ones begin with a first list."},
			{Name: "steps", Type: flows.TypeSteps, Required: true, Summary: "The steps for each change."},
		},
		Example: "changes: pupils\nkey: ${ .id }\ncompare: [name, class, email]\nsteps:\n" +
			"  - switch:\n      - when: .kind == \"gone\"\n        steps: [{http: {delete: \"https://library.example.org/readers/${ .key }\"}}]\n" +
			"      - else: [{http: {put: \"https://library.example.org/readers/${ .key }\", json: \"${ .item }\"}}]",
		Effect:       flows.Durable,
		Aggregates:   true,
		InternalOnly: true,
		New:          newChanges,
	}
}

type changesStep struct {
	name     string
	key      *flows.Template
	compare  []string // nil: the whole item
	baseline bool     // nothing is said of the first list
	maxGone  func(had int) int
	life     time.Duration
	steps    *flows.Block
}

func newChanges(args *flows.Args) (flows.Runner, error) {
	c := &changesStep{
		name: args.String("name"), key: args.Template("key"), compare: args.Strings("compare"), baseline: args.String("first") == "baseline",
		life: changesLife, steps: args.Steps("steps"),
	}
	if !flows.SnapshotName(c.name) {
		return nil, args.Refuse(problem.BadName, "name", "the name of a snapshot is 1 to 100 small letters, digits, - and _")
	}
	if args.Has("for") {
		if c.life = args.Duration("for"); c.life < time.Minute {
			return nil, args.Errorf("for", "for: a snapshot is kept for at least 1m")
		}
	}
	var ok bool
	if c.maxGone, ok = parseMaxGone(args.String("max_gone")); !ok {
		return nil, args.Refuse(problem.OutOfRange, "max_gone", "max_gone: expected a number of keys, as in 50, or a percentage from 0%% to 100%%")
	}
	return flows.NestFunc(c.nest), nil
}

// parseMaxGone returns how many of a number of keys may be gone.
func parseMaxGone(text string) (func(had int) int, bool) {
	if text == "" {
		return func(had int) int { return min(had-1, max(smallGone, had*defaultGone/100)) }, true
	}
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	switch {
	case err != nil || n < 0 || percent && n > 100:
		return nil, false
	case !percent:
		return func(had int) int { return min(had-1, n) }, true
	case n == 100:
		return func(int) int { return math.MaxInt }, true
	}
	return func(had int) int { return min(had-1, had*n/100) }, true
}

// nest runs the nested steps, once in all attempts of the run.
func (c *changesStep) nest(ctx context.Context, in *flows.Input) (flows.Items, error) {
	values, err := stateOf(in)
	if err != nil {
		return flows.Items{}, err
	}
	store := snapshot.Store{State: values, Key: in.StateKey("changes", c.name, false)}
	if _, rehearsed := flows.FixedNow(ctx); rehearsed { // the snapshot of then is not known
		_, err := store.Head(ctx)
		return flows.Items{}, err
	}
	v, err := in.Remember(ctx, "done", func() (any, error) {
		items, err := c.run(ctx, in, store)
		in.Discard(items)
		return items.Values(), err
	})
	if err != nil {
		return flows.Items{}, err
	}
	all, _ := v.([]any)
	return in.NewItems(all...)
}

func (c *changesStep) run(ctx context.Context, in *flows.Input, store snapshot.Store) (flows.Items, error) {
	base, err := c.base(ctx, in, store)
	if err != nil {
		return flows.Items{}, err
	}
	before, err := c.before(ctx, in, store, base)
	if err != nil {
		return flows.Items{}, err
	}
	list, _ := in.Value().([]any)
	hashes, keys, err := c.hashes(ctx, in, list)
	if err != nil {
		return flows.Items{}, err
	}
	var found []any
	first := base.ID == ""
	if first && c.baseline && len(list) == 0 {
		return flows.Items{}, nil // the next list is the first one
	}
	if !first || !c.baseline {
		if found, err = c.compareLists(before, hashes, keys, list); err != nil {
			return flows.Items{}, err
		}
	}
	var out flows.Items
	if len(found) > 0 {
		if out, err = c.steps.RunItems(ctx, in, found); err != nil {
			return out, err
		}
	}
	next := snapshot.Head{ID: ownID(in), Run: in.Run().ID, At: time.Now().UTC().Truncate(time.Second)}
	return out, snapshotError(ctx, store.Replace(ctx, base, next, hashes, c.life))
}

// base returns the head of the snapshot with which the run began. It is an error when another run has replaced that one.
func (c *changesStep) base(ctx context.Context, in *flows.Input, store snapshot.Store) (snapshot.Head, error) {
	now, err := store.Head(ctx)
	if err != nil {
		return now, stateError(ctx, err)
	}
	v, err := in.Remember(ctx, "base", func() (any, error) { return string(now.Text()), nil })
	if err != nil {
		return now, err
	}
	text, _ := v.(string)
	if text == string(now.Text()) {
		return now, nil
	}
	if now.ID != ownID(in) {
		return now, snapshotError(ctx, snapshot.ErrMoved)
	}
	if text == "" { // the run has replaced none, and was lost before that was recorded
		return snapshot.Head{}, nil
	}
	return snapshot.Parse([]byte(text))
}

// ownID is the id of the snapshot that this run writes.
func ownID(in *flows.Input) string {
	sum := sha256.Sum256([]byte(in.RunKey()))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// before returns the hashes of the list of the last time, by key.
func (c *changesStep) before(ctx context.Context, in *flows.Input, store snapshot.Store, base snapshot.Head) (map[string]string, error) {
	if base.Items != nil { // of a test
		hashes, _, err := c.hashes(ctx, in, base.Items)
		return hashes, err
	}
	if err := in.Charger(ctx).Charge(int64(base.Keys) * hashMemory); err != nil {
		return nil, err
	}
	hashes, err := store.Hashes(ctx, base)
	return hashes, snapshotError(ctx, err)
}

// hashes returns the content hashes of the items by key, and the keys in the order of the items.
func (c *changesStep) hashes(ctx context.Context, in *flows.Input, list []any) (map[string]string, []string, error) {
	charger := in.Charger(ctx)
	hashes, keys := make(map[string]string, len(list)), make([]string, len(list))
	for i, item := range list {
		key, err := c.key.Text(ctx, in.With(item))
		switch {
		case err != nil:
			return nil, nil, err
		case key == "" || len(key) > maxStateKey:
			return nil, nil, failure.Errorf("item %d: the key has %d bytes, 1 to %d are allowed", i, len(key), maxStateKey)
		case hashes[key] != "":
			return nil, nil, failure.Errorf("the key %q is that of the items %d and %d: a key occurs once", failure.ShortLine(key), slices.Index(keys, key), i)
		}
		content, err := c.content(item)
		if err != nil {
			return nil, nil, failure.Errorf("item %d: %v", i, err)
		}
		if err := charger.Charge(int64(len(key)) + hashMemory); err != nil {
			return nil, nil, err
		}
		sum := sha256.Sum256(flows.EncodeJSON(content))
		keys[i], hashes[key] = key, base64.RawStdEncoding.EncodeToString(sum[:16])
	}
	return hashes, keys, nil
}

// content returns what counts of an item.
func (c *changesStep) content(item any) (any, error) {
	if c.compare == nil {
		return item, nil
	}
	object, ok := item.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("it is no object, so that it has none of the members in compare")
	}
	members := make([]any, len(c.compare))
	for i, name := range c.compare {
		members[i] = object[name]
	}
	return members, nil
}

// compareLists returns the items of the nested steps.
func (c *changesStep) compareLists(before, now map[string]string, keys []string, list []any) ([]any, error) {
	var found []any
	for i, key := range keys {
		kind := "changed"
		switch hash, had := before[key]; {
		case !had:
			kind = "new"
		case hash == now[key]:
			continue
		}
		found = append(found, map[string]any{"kind": kind, "key": key, "item": list[i]})
	}
	var gone []string
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if now[key] == "" {
			gone = append(gone, key)
		}
	}
	if allowed := c.maxGone(len(before)); len(gone) > 0 && len(gone) > allowed {
		return nil, failure.Errorf("%d of %d keys are gone, and max_gone allows %d: is the list complete? It has %d items", len(gone), len(before), allowed, len(list))
	}
	for _, key := range gone {
		found = append(found, map[string]any{"kind": "gone", "key": key, "item": nil})
	}
	return found, nil
}

// snapshotError is a failure of the store of snapshots; nil for nil.
func snapshotError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, snapshot.ErrMoved):
		return failure.Errorf("another run has replaced the snapshot, or it was removed, since this run began: start a new run, which finds again what differs")
	}
	return stateError(ctx, err)
}
