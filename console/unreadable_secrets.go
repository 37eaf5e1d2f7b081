package console

import (
	"context"
	"slices"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// unreadableSecrets says which references to secrets processes cannot read, and since when.
func unreadableSecrets(ctx context.Context, live []store.Process) (all []view.Need) {
	var seen []string
	for i := range live {
		for _, t := range live[i].Secrets {
			if slices.Contains(seen, t.Reference) {
				continue
			}
			seen = append(seen, t.Reference)
			n := view.Need{Urgent: t.Until.IsZero(), Head: countSecrets(ctx, 1), Path: "/connections", Since: t.Since}
			n.Text = language.T(ctx, "cannot be read from its store: %s: %s", t.Reference, t.Reason)
			if !n.Urgent {
				n.Text = language.T(ctx, "cannot be read from its store: %s: %s; its last value is still used", t.Reference, t.Reason)
			}
			all = append(all, n)
		}
	}
	return limited(all, func(n int) view.Need {
		return view.Need{Head: countSecrets(ctx, n), Path: "/connections", Text: language.T(ctx, "more that cannot be read")}
	})
}

func countSecrets(ctx context.Context, n int) string {
	return language.N(ctx, n, "%d secret", "%d secrets")
}
