package console

import (
	"errors"
	"strconv"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// versionsPage lists the versions of a flow and the changes of one of them.
func versionsPage(req *requestState) error {
	head, err := req.head()
	if err != nil {
		return err
	}
	asked := req.r.URL.Query().Get("version")
	if asked == "" {
		asked = head.Version
	}
	versions := make([]view.Version, len(head.History))
	for i, d := range head.History {
		versions[i] = viewVersion(d)
		versions[i].Current, versions[i].First = d.Version == head.Version, i == len(head.History)-1
		if d.Version != asked {
			continue
		}
		versions[i].Shown = true
		if !versions[i].First {
			if versions[i].Changes, err = req.changes(head.Number, head.History[i+1].Version, d.Version); err != nil {
				return err
			}
		}
	}
	return req.render(200, view.VersionsPage(req.page("flows", language.T(req.ctx(), "Versions")), req.flowRow(head), versions))
}

// changes compares two versions of a flow. A version whose source is no longer stored counts as empty.
func (req *requestState) changes(number int64, before, after string) ([]view.DiffLine, error) {
	var texts [2]string
	for i, version := range []string{before, after} {
		source, err := req.console.config.Store.Flows().Source(req.ctx(), number, version)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		texts[i] = string(source)
	}
	return view.DiffTexts(texts[0], texts[1]), nil
}

// rollBack makes an earlier version the current one.
func rollBack(req *requestState) error {
	head, err := req.head()
	if err != nil {
		return err
	}
	version, base := req.r.PostFormValue("version"), req.r.PostFormValue("base")
	message := "back to " + view.Short(version)
	change := store.Change{By: req.who.String(), Message: message, Base: base, May: req.mayBring(head.Number)}
	all := req.console.config.Store.Flows()
	earlier, err := all.Version(req.ctx(), head.Number, version)
	if err == nil {
		err = req.who.CheckUses(req.ctx(), req.console.config.Store, earlier)
	}
	if err != nil {
		return err
	}
	p, err := all.Request(req.ctx(), store.ProposeVersion, head.Number, earlier, nil, change)
	if p != nil || err != nil {
		return req.proposed("POST "+Root+"/flows/{flow}/rollback", p, err)
	}
	req.auditMessage("POST "+Root+"/flows/{flow}/rollback", strconv.FormatInt(head.Number, 10), message)
	req.setNotice(language.T(req.ctx(), "Version %s is the current one again.", view.Short(version)))
	return req.redirect(Root + "/flows/" + strconv.FormatInt(head.Number, 10) + "/versions")
}
