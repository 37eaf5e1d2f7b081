package alert

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/store"
)

// expiriesEvery is how often the ends of credentials are read: all connections are decrypted for that.
const expiriesEvery = 10 * time.Minute

// expiringCredentials finds credentials that end soon or have ended.
func (h *Handler) expiringCredentials(ctx context.Context, r *rule, now time.Time) (all []Alert, err error) {
	if h.config.Expiries == nil {
		return nil, nil
	}
	if h.expiriesAt.IsZero() || now.Sub(h.expiriesAt) >= expiriesEvery {
		if h.expiries, err = h.config.Expiries(ctx); err != nil {
			return nil, err
		}
		h.expiriesAt = now
	}
	for i := range h.expiries {
		if e := h.expiries[i]; e.Ends.Sub(now) <= r.Alert.Within {
			all = append(all, Alert{Credential: &e, Text: expiryText(&e, now)})
		}
	}
	return all, nil
}

func expiryText(e *store.Expiry, now time.Time) string {
	what, verb := "The client "+e.Name, "ends"
	if e.Kind != store.ExpiryOfClient {
		what = "The " + e.Kind + " of connection " + e.Name
	}
	if !now.Before(e.Ends) {
		verb = "has ended"
	}
	return fmt.Sprintf("%s %s at %s", what, verb, e.Ends.Format(time.RFC3339))
}
