package console

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/api/auditlist"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/console/view"
)

// audit writes an entry of the audit log for the signed-in user. A failure to write it is logged only, because the
// action has already been done.
func (req *requestState) audit(act, object string) { req.auditMessage(act, object, "") }

// auditMessage is audit with what the user said about the action.
func (req *requestState) auditMessage(act, object, message string) {
	err := req.console.config.Store.Audit().Add(req.ctx(), audit.Entry{
		Actor: req.who.String(), Name: req.user.Name, Act: act, Object: object, Status: http.StatusOK, IP: req.ip(), Message: message,
	})
	if err != nil {
		req.console.config.Log.LogAttrs(req.ctx(), slog.LevelError, "audit log not written", slog.String("act", act), slog.String("error", err.Error()))
	}
}

// auditPage lists the audit log.
func auditPage(req *requestState) error {
	list := view.AuditList{Params: req.r.URL.Query()}
	list.Filter = list.Params.Get("filter")
	if list.Filter == "" {
		list.Params.Del("filter")
	}
	q, err := auditlist.Parse(list.Params.Encode())
	var wrong *listing.Error
	if errors.As(err, &wrong) {
		list.Trouble = wrong.Error()
		return req.render(http.StatusBadRequest, view.AuditPage(req.page("access", "Audit"), list))
	}
	page, err := auditlist.Page(req.ctx(), req.console.config.Store.Audit(), q, true)
	if err != nil {
		return err
	}
	list.Items, list.Page, list.Total, list.PageSize = page.Items, page.Page, page.Total, page.PageSize
	return req.render(200, view.AuditPage(req.page("access", "Audit"), list))
}
