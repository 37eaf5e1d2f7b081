package console

import (
	"log/slog"
	"net/http"

	"github.com/penstock/penstock/store"
)

// audit writes an entry of the audit log for the signed-in user. A failure to write it is logged only, because the
// action has already been done.
func (req *requestState) audit(act, object string) {
	err := req.console.config.Store.Audit().Add(req.ctx(), store.Entry{
		Actor: req.who.String(), Name: req.user.Name, Act: act, Object: object, Status: http.StatusOK, IP: req.ip(),
	})
	if err != nil {
		req.console.config.Log.LogAttrs(req.ctx(), slog.LevelError, "audit log not written", slog.String("act", act), slog.String("error", err.Error()))
	}
}
