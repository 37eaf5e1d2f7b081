package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
)

const (
	// historyLength is the number of versions of a flow that can be rolled back to.
	historyLength = 100
	// sourceAfterlife is how long the source of a version is kept after it has left the history, for runs pinned to
	// it.
	sourceAfterlife = 30 * 24 * time.Hour
)

// Flows gives access to the deployed flows. Safe for concurrent use.
type Flows struct{ store *Store }

// Find returns the current version of a flow by its number or slug, from memory; while Redis is unavailable the view
// may be older than a second. The flow is compiled at first use. A flow that this binary cannot compile is not found.
func (f *Flows) Find(ref string) (*flows.Flow, bool) {
	d := f.store.snapshot.Load().find(ref)
	if d == nil {
		return nil, false
	}
	flow, err := f.store.compiled(d)
	return flow, err == nil
}

// TooNew reports whether a flow is deployed that Find does not find, because this binary cannot compile it.
func (f *Flows) TooNew(ref string) bool {
	head, err := f.Deployment(ref)
	return err == nil && head.Problem != ""
}

// Version returns one compiled version of a flow, for a run pinned to it; ErrNotFound when its source is not stored.
func (f *Flows) Version(ctx context.Context, number int64, version string) (*flows.Flow, error) {
	if d := f.store.snapshot.Load().version(number, version); d != nil && d.source != nil {
		return f.store.compiled(d)
	}
	return f.store.compile(ctx, versionID{number, version})
}

// Parse parses, checks and compiles a flow with the step kinds of this binary. The error is problem.List with the
// given file name.
func (f *Flows) Parse(name string, source []byte) (*flows.Flow, error) {
	return flows.Parse(name, source, f.store.config.Catalogue)
}

// Source returns the text of one version; ErrNotFound when it is not stored.
func (f *Flows) Source(ctx context.Context, number int64, version string) ([]byte, error) {
	return f.store.source(ctx, versionID{number, version})
}

// Deployment returns the head of a flow by number or slug; ErrNotFound. It compiles the flow to set Problem.
func (f *Flows) Deployment(ref string) (Deployment, error) {
	d := f.store.snapshot.Load().find(ref)
	if d == nil {
		return Deployment{}, ErrNotFound
	}
	head := d.Deployment
	_, err := f.store.compiled(d)
	head.Problem = problemText(err)
	return head, nil
}

// VersionNow returns the current version of a flow from memory; empty: there is no such flow.
func (f *Flows) VersionNow(number int64) string {
	head, _ := f.store.snapshot.Load().deployment(number)
	return head.Version
}

// List returns all flows by number. Problem is set as far as known: flows deployed with another catalogue are
// compiled in the background, which may take a while. The slice is shared and must not be modified.
func (f *Flows) List() []Deployment {
	all := f.store.snapshot.Load().sorted()
	failed := f.store.versions.failures()
	if len(failed) == 0 {
		return all
	}
	all = slices.Clone(all)
	for i, h := range all {
		all[i].Problem = problemText(failed[versionID{h.Number, h.Version}])
	}
	return all
}

// Subscribers returns the numbers of the enabled flows with this topic as their trigger, sorted, from memory.
func (f *Flows) Subscribers(topic string) []int64 {
	var all []int64
	for _, h := range f.store.snapshot.Load().sorted() {
		if h.Topic == topic && h.Enabled {
			all = append(all, h.Number)
		}
	}
	return all
}

// Publishers returns the numbers of the flows that publish events of this topic, sorted, from memory.
func (f *Flows) Publishers(topic string) []int64 {
	var all []int64
	for _, h := range f.store.snapshot.Load().sorted() {
		if slices.Contains(h.Publishes, topic) {
			all = append(all, h.Number)
		}
	}
	return all
}

// Uses returns the numbers of the flows whose current versions name a resource of a type, by the names. Flows that cannot be
// compiled are left out.
func (f *Flows) Uses(resource flows.Resource) map[string][]int64 {
	uses := map[string][]int64{}
	v := f.store.snapshot.Load()
	for _, head := range v.sorted() {
		flow, err := f.store.compiled(v.flows[head.Number])
		if err != nil {
			continue
		}
		for _, u := range flow.Uses() {
			if u.Resource == resource && !slices.Contains(uses[u.Name], head.Number) {
				uses[u.Name] = append(uses[u.Name], head.Number)
			}
		}
	}
	return uses
}

// ConflictError reports that a slug belongs to another flow.
type ConflictError struct {
	Slug  string
	Owner int64 // number of the flow with the slug
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("the slug %q belongs to flow %d: choose another slug, or delete that flow", e.Slug, e.Owner)
}

// Deploy is DeployChange by nobody in particular, on whatever version is current.
func (f *Flows) Deploy(ctx context.Context, flow *flows.Flow) (string, error) {
	return f.DeployChange(ctx, flow, Change{})
}

// DeployChange makes the flow the current version of its number and returns the version. The number identifies the flow;
// its slug and name may change. Deploying the current version again changes nothing. It returns a *StaleError when the
// current version is not the one that the change is based on, a *ConflictError when another flow has the slug,
// problem.List when another flow has the method and path of an operation, and an *InvalidError for the message.
func (f *Flows) DeployChange(ctx context.Context, flow *flows.Flow, c Change) (string, error) {
	err := c.check()
	if err == nil {
		c, err = f.store.fromFormer(ctx, flow.Number, c)
	}
	if err == nil {
		err = f.updateDeployment(ctx, flow.Number, f.store.deployDecision(flow, c), flow)
	}
	if err != nil {
		return "", fmt.Errorf("deploy flow %d: %w", flow.Number, err)
	}
	return flow.Version, nil
}

// deployDecision returns the decision on the flow's new head.
func (s *Store) deployDecision(flow *flows.Flow, c Change) func(*snapshot) (*Deployment, error) {
	return func(v *snapshot) (*Deployment, error) {
		old, exists := v.deployment(flow.Number)
		if exists && old.Version == flow.Version {
			if old.Checked == s.fingerprint {
				return nil, nil
			}
			old.Checked = s.fingerprint
			return &old, nil
		}
		if err := c.checkBase(&old); err != nil {
			return nil, err
		}
		if err := c.checkFolders(&old, flow.Folder); err != nil {
			return nil, err
		}
		if err := checkFree(v, flow); err != nil {
			return nil, err
		}
		next := old.with(flow, c, time.Now())
		next.Enabled, next.Checked = flow.Enabled, s.fingerprint
		return &next, nil
	}
}

// Rollback is RollbackChange by nobody in particular, from whatever version is current.
func (f *Flows) Rollback(ctx context.Context, number int64, version string) error {
	return f.RollbackChange(ctx, number, version, Change{})
}

// RollbackChange makes an earlier version of the history the current one. Errors: ErrNotFound, and those of DeployChange.
func (f *Flows) RollbackChange(ctx context.Context, number int64, version string, c Change) error {
	flow, err := f.Version(ctx, number, version)
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return fmt.Errorf("roll back flow %d to %s: %w", number, version, err)
	}
	err = f.updateDeployment(ctx, number, func(v *snapshot) (*Deployment, error) {
		old, exists := v.deployment(number)
		known := slices.ContainsFunc(old.History, func(d VersionEntry) bool { return d.Version == version })
		if !exists || !known {
			return nil, ErrNotFound
		}
		if old.Version == version {
			return nil, nil
		}
		if err := c.checkBase(&old); err != nil {
			return nil, err
		}
		if err := c.checkFolders(&old, flow.Folder); err != nil {
			return nil, err
		}
		if err := checkFree(v, flow); err != nil {
			return nil, err
		}
		next := old.with(flow, c, time.Now())
		next.Checked = f.store.fingerprint
		return &next, nil
	}, flow)
	if err != nil {
		return fmt.Errorf("roll back flow %d to %s: %w", number, version, err)
	}
	return nil
}

// Enable enables or disables the flow's own triggers, until a new version with its own setting is deployed.
func (f *Flows) Enable(ctx context.Context, number int64, enabled bool) error {
	err := f.updateDeployment(ctx, number, func(v *snapshot) (*Deployment, error) {
		head, exists := v.deployment(number)
		if !exists {
			return nil, ErrNotFound
		}
		if head.Enabled == enabled {
			return nil, nil
		}
		if head.Enabled = enabled; enabled && head.Schedule != "" {
			head.Since = time.Now().UTC().Truncate(time.Millisecond)
		}
		return &head, nil
	}, nil)
	if err != nil {
		return fmt.Errorf("enable flow %d: %w", number, err)
	}
	return nil
}

// Pause pauses or resumes a flow: all its versions, including those deployed meanwhile. It returns the start of the
// pause that it started or found; zero: there was none.
func (f *Flows) Pause(ctx context.Context, number int64, paused bool) (time.Time, error) {
	var since time.Time
	err := f.updateDeployment(ctx, number, func(v *snapshot) (*Deployment, error) {
		head, exists := v.deployment(number)
		if !exists {
			return nil, ErrNotFound
		}
		if since = head.Paused; since.IsZero() != paused {
			return nil, nil
		}
		head.Paused = time.Time{}
		if paused {
			since = time.Now().UTC().Truncate(time.Millisecond)
			head.Paused = since
		}
		return &head, nil
	}, nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("pause flow %d: %w", number, err)
	}
	return since, nil
}

// Paused returns since when a flow is paused, from memory; zero: it is not.
func (f *Flows) Paused(number int64) time.Time {
	if d := f.store.snapshot.Load().flows[number]; d != nil {
		return d.Paused
	}
	return time.Time{}
}

// Delete removes a flow. Accepted runs still find their version.
func (f *Flows) Delete(ctx context.Context, number int64) error {
	err := f.store.update(ctx, func(_ *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		head, exists := v.deployment(number)
		if !exists {
			return nil, ErrNotFound
		}
		return func(w *transactionWrites) {
			w.delete(ctx, kindFlow, strconv.FormatInt(number, 10))
			w.HSet(ctx, keyFormer, number, head.Folder)
			expireSources(ctx, w, number, append(head.droppedCanary(&Deployment{History: head.History}), head.History...))
		}, nil
	})
	if err != nil {
		return fmt.Errorf("delete flow %d: %w", number, err)
	}
	return nil
}

// updateDeployment decides on the head of one flow; a nil head changes nothing. The source of flow, if not nil, is written with
// the head.
func (f *Flows) updateDeployment(ctx context.Context, number int64, decide func(*snapshot) (*Deployment, error), flow *flows.Flow) error {
	return f.store.update(ctx, func(_ *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		head, err := decide(v)
		if err != nil || head == nil {
			return nil, err
		}
		return func(w *transactionWrites) { w.deploy(ctx, v, *head, flow) }, nil
	})
}

// deploy writes a head on top of v and, if flow is not nil, its source.
func (w *transactionWrites) deploy(ctx context.Context, v *snapshot, head Deployment, flow *flows.Flow) {
	kept := min(len(head.History), historyLength)
	old, _ := v.deployment(head.Number)
	dropped := append(old.droppedCanary(&head), head.History[kept:]...)
	head.History, head.Problem = head.History[:kept], ""
	data, _ := json.Marshal(head) // of texts, numbers and times: cannot fail
	if flow != nil {
		w.Set(ctx, keySource(head.Number, flow.Version), flow.Source, 0) // also cancels a pending expiry
	}
	w.set(ctx, kindFlow, strconv.FormatInt(head.Number, 10), data)
	expireSources(ctx, w, head.Number, dropped)
}
