package doctor

import (
	"time"

	"github.com/penstock/penstock/internal/secretstore"
)

// Secrets reports the references to secrets that processes cannot read, by the name of the process.
func (r *Report) Secrets(troubles map[string][]secretstore.Trouble) {
	const check = "secrets"
	const advice = "docs/secrets.md lists the causes; `penstock secret test` and `penstock connection test` read it again."
	for process, all := range troubles {
		for _, t := range all {
			since := t.Since.UTC().Format(time.RFC3339)
			if t.Until.IsZero() {
				r.fail(check, advice, "%s cannot read %s since %s: %s", process, t.Reference, since, t.Reason)
				continue
			}
			r.warn(check, advice, "%s cannot read %s since %s: %s; the last value is used until %s", process, t.Reference, since, t.Reason, t.Until.UTC().Format(time.RFC3339))
		}
	}
}
