package console

import (
	"slices"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// unreadableSecrets says which references to secrets processes cannot read, and since when.
func unreadableSecrets(live []store.Process) (all []view.Need) {
	var seen []string
	for i := range live {
		for _, t := range live[i].Secrets {
			if slices.Contains(seen, t.Reference) {
				continue
			}
			seen = append(seen, t.Reference)
			n := view.Need{Urgent: t.Until.IsZero(), Count: 1, Noun: "secret", Path: "/connections", Since: t.Since}
			n.Text = "cannot be read from its store: " + t.Reference + ": " + t.Reason
			if !n.Urgent {
				n.Text += "; its last value is still used"
			}
			all = append(all, n)
		}
	}
	return limited(all, func(n int) view.Need {
		return view.Need{Count: n, Noun: "secret", Path: "/connections", Text: "more that cannot be read"}
	})
}
