package console

import (
	"log/slog"
	"net/http"

	"github.com/penstock/penstock/store"
)

// audit writes down what an administrator did. What was done is done: that
// it cannot be written down is for the log.
func (x *exchange) audit(act, object string) {
	err := x.console.config.Store.Audit().Add(x.ctx(), store.Entry{
		Actor: x.who.String(), Name: x.user.Name, Act: act, Object: object, Status: http.StatusOK, IP: x.ip(),
	})
	if err != nil {
		x.console.config.Log.LogAttrs(x.ctx(), slog.LevelError, "audit log not written", slog.String("act", act), slog.String("error", err.Error()))
	}
}
