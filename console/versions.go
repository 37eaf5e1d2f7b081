package console

import (
	"errors"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// versionsPage lists the versions of a flow, and what one of them changed.
func versionsPage(x *exchange) error {
	head, err := x.head()
	if err != nil {
		return err
	}
	asked := x.r.URL.Query().Get("version")
	if asked == "" {
		asked = head.Version
	}
	versions := make([]view.Version, len(head.History))
	for i, d := range head.History {
		versions[i] = view.Version{Version: d.Version, Deployed: d.DeployedAt, Current: d.Version == head.Version, First: i == len(head.History)-1}
		if d.Version != asked {
			continue
		}
		versions[i].Shown = true
		if !versions[i].First {
			if versions[i].Changes, err = x.changes(head.Number, head.History[i+1].Version, d.Version); err != nil {
				return err
			}
		}
	}
	return x.show(200, view.VersionsPage(x.page("flows", "Versions"), x.flowRow(head), versions))
}

// changes tells two versions of a flow apart. One that is not stored any more
// is as empty.
func (x *exchange) changes(number int64, before, after string) ([]view.DiffLine, error) {
	var texts [2]string
	for i, version := range []string{before, after} {
		source, err := x.console.config.Store.Flows().Source(x.ctx(), number, version)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		texts[i] = string(source)
	}
	return hunks(compareTexts(texts[0], texts[1])), nil
}
