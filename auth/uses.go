package auth

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// CheckUses rejects a flow that uses resources that its writer may not use. A writer of all flows may use
// everything. A writer of some flows, or in some folders, may call the flows that it may run, use the connections and secrets
// whose record lists the flow or a folder that it is in, and keep state of the flow itself; it may have no alerts, and no operation whose path meets one of a flow that it may not write. The error is problem.List, or that of the store.
func (p *Principal) CheckUses(ctx context.Context, s *store.Store, flow *flows.Flow) error {
	if p.May(ScopeWriteFlows, 0) {
		return nil
	}
	var failed error
	problems := flow.Refuse("flow", func(u flows.Use) string {
		may, reason, err := p.mayUse(ctx, s, flow, u)
		failed = errors.Join(failed, err)
		if may {
			return ""
		}
		return reason
	})
	if failed != nil {
		return failed
	}
	problems = append(problems, flow.RefuseEndpoint("flow", func(o *flows.Operation) (reason, hint string) {
		if s.Flows().Meets(flow.Number, o, func(other int64) bool { return p.May(ScopeWriteFlows, other) }) {
			return "requests to it could be those of a flow that you may not edit", "choose a path that no operation of another team can have"
		}
		return "", ""
	})...)
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// mayUse decides on one use. The reason is the same for a resource that does not exist.
func (p *Principal) mayUse(ctx context.Context, s *store.Store, flow *flows.Flow, u flows.Use) (may bool, reason string, err error) {
	var listed []int64
	var folders []string
	switch u.Resource {
	case flows.ResourceState:
		return u.Name != "shared", "it is for writers of all flows", nil
	case flows.ResourceVar:
		return true, "", nil // their values are not secret
	case flows.ResourceAlert:
		return false, "alerts are for writers of all flows", nil
	case flows.ResourceSnapshot:
		return true, "", nil
	case flows.ResourceTopic, flows.ResourceEvent:
		return false, "events reach all flows: they are for writers of all flows", nil
	case flows.ResourceFlow:
		called, err := s.Flows().Deployment(u.Name)
		return flow.IsRef(u.Name) || err == nil && p.May(ScopeRun, called.Number), "there is none that you may run", nil
	case flows.ResourceConnection:
		var c *store.Connection
		if c, err = s.Connections().Connection(ctx, u.Name); err == nil {
			listed, folders = c.Flows, c.Folders
		}
	case flows.ResourceSecret:
		var secret *store.Secret
		if secret, err = s.Secrets().Stored(ctx, u.Name); err == nil {
			listed, folders = secret.Flows, secret.Folders
		}
	}
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	may = slices.Contains(listed, flow.Number) || slices.ContainsFunc(folders, func(f string) bool { return flows.InFolder(flow.Folder, f) })
	return may, "there is none that lists flow " + strconv.FormatInt(flow.Number, 10) + ", or a folder that it is in", err
}
