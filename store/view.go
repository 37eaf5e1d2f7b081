package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/penstock/penstock/flows"
)

// view is what every process holds of the store, as of one revision. It never
// changes. API keys, connections and secrets are not in it: they are read when
// they are asked for.
type view struct {
	rev    int64
	epoch  string // of the store: a store that was emptied gets another one
	tag    string // of the change that made rev; empty: it had none
	master string // id of the master key that seals; empty: not decided
	least  int    // schema that a process must have to work on the store; 0: not decided

	users   map[string]*User
	clients map[string]*Client
	signing map[string]*SigningKey
	flows   map[int64]*deployedFlow
	slugs   map[string]*deployedFlow

	sorted func() []Head // the heads by number, made when first asked for
}

// deployedFlow is a head with the source of its version; nil: it is not stored.
type deployedFlow struct {
	Head
	source []byte
}

func newView() *view {
	return &view{
		users: map[string]*User{}, clients: map[string]*Client{}, signing: map[string]*SigningKey{},
		flows: map[int64]*deployedFlow{}, slugs: map[string]*deployedFlow{},
	}
}

// revText is how Redis has the revision; empty: nothing was ever stored.
func (v *view) revText() string {
	if v.rev == 0 {
		return ""
	}
	return strconv.FormatInt(v.rev, 10)
}

// find returns a flow by number or slug, nil when there is none. A number has
// one spelling: 069 and +69 are not flow 69.
func (v *view) find(ref string) *deployedFlow {
	if number, err := strconv.ParseInt(ref, 10, 64); err == nil {
		if strconv.FormatInt(number, 10) != ref {
			return nil
		}
		return v.flows[number]
	}
	return v.slugs[ref]
}

// put adds a flow, in the place of the one with its number.
func (v *view) put(d *deployedFlow) {
	v.remove(d.Number)
	v.flows[d.Number] = d
	if d.Slug != "" {
		v.slugs[d.Slug] = d
	}
}

func (v *view) remove(number int64) {
	if old := v.flows[number]; old != nil && v.slugs[old.Slug] == old {
		delete(v.slugs, old.Slug)
	}
	delete(v.flows, number)
}

// seal makes the view complete: nothing is put after it.
func (v *view) seal() *view {
	v.sorted = sync.OnceValue(func() []Head {
		all := make([]Head, 0, len(v.flows))
		for _, d := range v.flows {
			all = append(all, d.Head)
		}
		slices.SortFunc(all, func(a, b Head) int { return cmp.Compare(a.Number, b.Number) })
		return all
	})
	return v
}

// scratch is a copy whose flows may be changed.
func (v *view) scratch() *view {
	next := *v
	next.flows, next.slugs = maps.Clone(v.flows), maps.Clone(v.slugs)
	return &next
}

// byVersion returns the heads that were compiled with this catalogue, by their
// versions, which are hashes of the sources; the number of a flow is in its
// source.
func (v *view) byVersion(fingerprint string) map[string]Head {
	all := make(map[string]Head, len(v.flows))
	for _, d := range v.flows {
		if d.source != nil && d.Checked == fingerprint {
			all[d.Version] = d.Head
		}
	}
	return all
}

// with returns the view with the records that changed. A map that nothing
// changed in is shared.
func (s *Store) with(ctx context.Context, old *view, c *changes) (*view, error) {
	next := *old
	next.rev, next.tag, next.master, next.least = c.rev, c.tag, c.master, c.least
	touched := c.byKind()
	if names := touched[kindFlow]; names != nil {
		next.flows, next.slugs = maps.Clone(old.flows), maps.Clone(old.slugs)
		if err := s.applyFlows(ctx, &next, old, names); err != nil {
			return nil, err
		}
	}
	if names := touched[kindUser]; names != nil {
		next.users = maps.Clone(old.users)
		merge(next.users, names, s.users().load(present(names)))
	}
	if names := touched[kindClient]; names != nil {
		next.clients = maps.Clone(old.clients)
		merge(next.clients, names, s.clients().load(present(names)))
	}
	if names := touched[kindSigning]; names != nil {
		next.signing = maps.Clone(old.signing)
		merge(next.signing, names, s.loadSigning(present(names)))
	}
	return next.seal(), nil
}

// merge takes over what changed: names that are not among records are gone.
func merge[T any](all map[string]*T, names map[string]*string, records map[string]*T) {
	for name := range names {
		delete(all, name)
	}
	maps.Copy(all, records)
}

// present are the records that were not deleted.
func present(names map[string]*string) map[string]string {
	records := make(map[string]string, len(names))
	for name, data := range names {
		if data != nil {
			records[name] = *data
		}
	}
	return records
}

// applyFlows takes over the flows that changed. What became of them all is
// decided before any is put: two of them may have exchanged their slugs.
func (s *Store) applyFlows(ctx context.Context, next, old *view, names map[string]*string) error {
	for field := range names {
		if number, err := strconv.ParseInt(field, 10, 64); err == nil {
			next.remove(number)
		}
	}
	return s.loadFlows(ctx, next, old, present(names))
}

// loadFlows puts flows into a view, with their sources: those that old has
// are not read again.
func (s *Store) loadFlows(ctx context.Context, v, old *view, records map[string]string) error {
	heads, err := parseHeads(records)
	if err != nil { // of some of them: the others run
		s.config.Log.Error("a flow cannot be read", "error", err)
	}
	var missing []*deployedFlow
	for number, head := range heads {
		d := &deployedFlow{Head: head}
		if before := old.version(number, head.Version); before != nil {
			d.source = before.source
		} else {
			missing = append(missing, d)
		}
		v.put(d)
	}
	return s.readSources(ctx, missing)
}

// version returns the flow if it is deployed in this version.
func (v *view) version(number int64, version string) *deployedFlow {
	if v == nil || v.flows[number] == nil || v.flows[number].Version != version {
		return nil
	}
	return v.flows[number]
}

// compiled returns the flow of a head, compiled. An error says why this binary
// cannot run it.
func (s *Store) compiled(d *deployedFlow) (*flows.Flow, error) {
	id := versionID{d.Number, d.Version}
	return s.versions.find(context.Background(), id, func(context.Context) (*flows.Flow, error) {
		return s.parse(id, d.source)
	})
}

// problem is why this binary cannot run a flow; empty: it can.
func problem(err error) string {
	if err == nil {
		return ""
	}
	return strings.TrimSpace(err.Error())
}
