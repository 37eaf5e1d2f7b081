package portal

import (
	"github.com/penstock/penstock/api/openapi/flowdoc"
	"github.com/penstock/penstock/console/view"
)

// maxVersions is the maximum number of versions that the changelog of an API goes back.
const maxVersions = 20

// showChanges shows what changed with each version of an API, for the operations that the developer may call.
func (p *Portal) showChanges(r *Request) error {
	api, _, err := p.api(r)
	if err != nil {
		return err
	}
	head, err := p.config.Store.Flows().Deployment(r.HTTP.PathValue("flow"))
	if err != nil {
		return err
	}
	history := head.History[:min(len(head.History), maxVersions+1)]
	parts := make([]*flowdoc.Part, len(history))
	unreadable := make([]bool, len(history))
	for i, v := range history {
		if parts[i], unreadable[i], err = p.describe(r, head.Number, v.Version); err != nil {
			return err
		}
	}
	var log []view.VersionChanges
	for i, v := range history[:min(len(history), maxVersions)] {
		entry := view.VersionChanges{Version: v.Version, DeployedAt: v.DeployedAt, First: i == len(history)-1, Unreadable: unreadable[i]}
		if !entry.First && !unreadable[i] && !unreadable[i+1] {
			entry.Changes = flowdoc.Compare(parts[i+1], parts[i])
		}
		if !entry.First && unreadable[i+1] {
			entry.Unreadable = true
		}
		log = append(log, entry)
	}
	return r.Render(200, view.ChangesPage(r.Page("apis", api.Title()), api, log))
}

// describe returns the operations of a version that the developer may call; nil: none. Some versions cannot be read any
// more.
func (p *Portal) describe(r *Request, number int64, version string) (part *flowdoc.Part, unreadable bool, err error) {
	flow, err := p.config.Store.Flows().Version(r.HTTP.Context(), number, version)
	if err != nil {
		return nil, true, r.HTTP.Context().Err() // the page says so of this version
	}
	who := r.client()
	return flowdoc.Describe(flow).Only(func(o *flowdoc.Operation) bool { return who.MayCall(number, o.Ways, o.Scopes) }), false, nil
}
