package console

import (
	"log/slog"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/lastuse"
)

// lastUses returns when things were used last, for a list of them.
func lastUses[T any](req *requestState, kind lastuse.Kind, things []T, name func(T) string) (view.LastUses, error) {
	if req.console.config.LastUse == nil {
		return view.LastUses{}, nil
	}
	names := make([]string, len(things))
	for i, thing := range things {
		names[i] = name(thing)
	}
	at, err := req.console.config.LastUse.Of(req.ctx(), kind, names)
	return view.LastUses{Known: true, At: at}, err
}

// forgetUse removes a deleted thing from those that were used. A failure is logged only: the thing has been deleted.
func (req *requestState) forgetUse(kind lastuse.Kind, name string) {
	if err := req.console.config.LastUse.Forget(req.ctx(), kind, name); err != nil {
		req.console.config.Log.LogAttrs(req.ctx(), slog.LevelWarn, "console", slog.String("error", err.Error()))
	}
}
