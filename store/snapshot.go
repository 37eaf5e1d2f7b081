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
	"github.com/penstock/penstock/internal/pathtree"
)

// snapshot is the content of the store at one revision, as every process holds it. It is immutable. API keys, connections
// and secrets are not part of it; they are read at their first use.
type snapshot struct {
	rev    int64
	epoch  string // of the store: an emptied store gets another one
	tag    string // of the change that created rev; empty: none
	master string // id of the master key that seals; empty: not decided
	least  int    // minimum schema of a process that works on the store; 0: not decided

	users   map[string]*User
	clients map[string]*Client
	signing map[string]*SigningKey
	vars    map[string]*Var
	folders map[string]*Folder // by name
	flows   map[int64]*deployedFlow
	slugs   map[string]*deployedFlow

	sorted    func() []Deployment              // the heads by number, computed at the first call
	routes    func() *routes                   // of the heads, computed at the first call
	varValues func() map[string]any            // see Vars.Values; computed at the first call
	grants    func() map[string][]FolderRights // of folders, see grantsByWhom; computed at the first call
}

// deployedFlow is a head with the source of its version; a nil source is not stored.
type deployedFlow struct {
	Deployment
	source []byte
	paths  []pathtree.Template // of Head.Endpoints, set by put
}

func newSnapshot() *snapshot {
	return &snapshot{
		users: map[string]*User{}, clients: map[string]*Client{}, signing: map[string]*SigningKey{}, vars: map[string]*Var{}, folders: map[string]*Folder{},
		flows: map[int64]*deployedFlow{}, slugs: map[string]*deployedFlow{},
	}
}

// revText returns the revision as stored in Redis; empty: nothing was ever stored.
func (v *snapshot) revText() string {
	if v.rev == 0 {
		return ""
	}
	return strconv.FormatInt(v.rev, 10)
}

// find returns a flow by number or slug; nil when there is none. A number has one spelling: 069 and +69 are not flow
// 69.
func (v *snapshot) find(ref string) *deployedFlow {
	if number, err := strconv.ParseInt(ref, 10, 64); err == nil {
		if strconv.FormatInt(number, 10) != ref {
			return nil
		}
		return v.flows[number]
	}
	return v.slugs[ref]
}

// add adds a flow, or replaces the one with its number.
func (v *snapshot) add(d *deployedFlow) {
	v.remove(d.Number)
	v.flows[d.Number] = d
	d.paths = make([]pathtree.Template, len(d.Endpoints))
	for i, e := range d.Endpoints {
		d.paths[i], _ = pathtree.Parse(e.Path) // it was parsed when it was deployed; one that is not matches nothing
	}
	if d.Slug != "" {
		v.slugs[d.Slug] = d
	}
}

func (v *snapshot) remove(number int64) {
	if old := v.flows[number]; old != nil && v.slugs[old.Slug] == old {
		delete(v.slugs, old.Slug)
	}
	delete(v.flows, number)
}

// complete completes the view; put must not be called after it.
func (v *snapshot) complete() *snapshot {
	if v.routes == nil {
		v.routes = sync.OnceValue(func() *routes { return v.route() })
	}
	if v.grants == nil {
		folders := v.folders // so that a later snapshot with the same folders does not keep this one
		v.grants = sync.OnceValue(func() map[string][]FolderRights { return grantsByWhom(folders) })
	}
	v.sorted = sync.OnceValue(func() []Deployment {
		all := make([]Deployment, 0, len(v.flows))
		for _, d := range v.flows {
			all = append(all, d.Deployment)
		}
		slices.SortFunc(all, func(a, b Deployment) int { return cmp.Compare(a.Number, b.Number) })
		return all
	})
	return v
}

// clone returns a copy whose flows may be modified.
func (v *snapshot) clone() *snapshot {
	next := *v
	next.flows, next.slugs = maps.Clone(v.flows), maps.Clone(v.slugs)
	return &next
}

// byVersion returns the heads compiled with this catalogue by version. A version is the hash of the source, which
// contains the flow's number.
func (v *snapshot) byVersion(fingerprint string) map[string]Deployment {
	all := make(map[string]Deployment, len(v.flows))
	for _, d := range v.flows {
		if d.source != nil && d.Checked == fingerprint {
			all[d.Version] = d.Deployment
		}
	}
	return all
}

// withChanges returns the view with the changed records applied. Unchanged maps are shared.
func (s *Store) withChanges(ctx context.Context, old *snapshot, c *changes) (*snapshot, error) {
	next := *old
	next.rev, next.tag, next.master, next.least = c.rev, c.tag, c.master, c.least
	touched := c.byKind()
	if names := touched[kindFlow]; names != nil {
		next.flows, next.slugs, next.routes = maps.Clone(old.flows), maps.Clone(old.slugs), nil
		if err := s.applyFlows(ctx, &next, old, names); err != nil {
			return nil, err
		}
	}
	if names := touched[kindUser]; names != nil {
		next.users = maps.Clone(old.users)
		applyRecords(next.users, names, s.users().load(existing(names)))
	}
	if names := touched[kindClient]; names != nil {
		next.clients = maps.Clone(old.clients)
		applyRecords(next.clients, names, s.clients().load(existing(names)))
	}
	if names := touched[kindSigning]; names != nil {
		next.signing = maps.Clone(old.signing)
		applyRecords(next.signing, names, s.loadSigning(existing(names)))
	}
	if names := touched[kindVar]; names != nil {
		next.vars = maps.Clone(old.vars)
		applyRecords(next.vars, names, s.loadVars(existing(names)))
		s.setVarValues(&next)
	}
	if names := touched[kindFolder]; names != nil {
		next.folders, next.grants = maps.Clone(old.folders), nil
		for field := range names {
			delete(next.folders, strings.TrimPrefix(field, TopFolder))
		}
		maps.Copy(next.folders, s.loadFolders(existing(names)))
	}
	return next.complete(), nil
}

// applyRecords applies changes: names without a record are deleted.
func applyRecords[T any](all map[string]*T, names map[string]*string, records map[string]*T) {
	for name := range names {
		delete(all, name)
	}
	maps.Copy(all, records)
}

// existing returns the records that were not deleted.
func existing(names map[string]*string) map[string]string {
	records := make(map[string]string, len(names))
	for name, data := range names {
		if data != nil {
			records[name] = *data
		}
	}
	return records
}

// applyFlows applies changed flows. It removes all of them before it adds any, because two flows may have exchanged
// their slugs.
func (s *Store) applyFlows(ctx context.Context, next, old *snapshot, names map[string]*string) error {
	for field := range names {
		if number, err := strconv.ParseInt(field, 10, 64); err == nil {
			next.remove(number)
		}
	}
	return s.loadFlows(ctx, next, old, existing(names))
}

// loadFlows adds flows with their sources to a view. It does not read sources that old has.
func (s *Store) loadFlows(ctx context.Context, v, old *snapshot, records map[string]string) error {
	heads, err := parseDeployments(records)
	if err != nil { // of some of them: the others run
		s.config.Log.Error("a flow cannot be read", "error", err)
	}
	var missing []*deployedFlow
	for number, head := range heads {
		d := &deployedFlow{Deployment: head}
		if before := old.version(number, head.Version); before != nil {
			d.source = before.source
		} else {
			missing = append(missing, d)
		}
		v.add(d)
	}
	return s.readSources(ctx, missing)
}

// version returns the flow if this version of it is deployed.
func (v *snapshot) version(number int64, version string) *deployedFlow {
	if v == nil || v.flows[number] == nil || v.flows[number].Version != version {
		return nil
	}
	return v.flows[number]
}

// compiled returns the compiled flow of a head. An error gives the reason for which this binary cannot run it.
func (s *Store) compiled(d *deployedFlow) (*flows.Flow, error) {
	id := versionID{d.Number, d.Version}
	return s.versions.find(context.Background(), id, func(context.Context) (*flows.Flow, error) {
		return s.parse(id, d.source)
	})
}

// problemText returns the text of a compilation error; empty for nil.
func problemText(err error) string {
	if err == nil {
		return ""
	}
	return strings.TrimSpace(err.Error())
}
