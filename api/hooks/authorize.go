package hooks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/lastuse"
	"github.com/penstock/penstock/internal/sender"
	"github.com/penstock/penstock/store"
)

// errRejected is the response to every delivery with a wrong proof, so that it does not reveal whether the flow
// exists, has a webhook, or expects another signature. why is only logged.
func errRejected(why error) error {
	return &httpx.Fault{Status: http.StatusUnauthorized, Code: string(auth.CodeUnauthorized), Message: "there is no such webhook, or it was not signed as it should be", Err: why}
}

// errNoSecret is why a delivery is rejected whose flow has no stored secret.
var errNoSecret = errors.New("no secret is stored")

// verify checks the proof of a delivery with the secrets of its flow.
func (a *api) verify(c *gin.Context, d *sender.Delivery, flow *flows.Flow) error {
	v := flow.Webhook.Verify
	if v.Open != nil {
		return nil // admitUnsigned bounds what its senders may do
	}
	names, secrets, err := a.storedSecrets(c.Request.Context(), v.Secrets)
	if err != nil {
		return err
	}
	why := v.Sender.Verify(c.Request.Context(), d, secrets, a.config.Keys)
	if errors.Is(why, sender.ErrKeys) { // the sender is told to try again
		return fmt.Errorf("%w: %w", auth.ErrUnavailable, why)
	}
	if len(secrets) == 0 && v.Sender.NeedsSecret() {
		why = errNoSecret
	}
	if why != nil && a.explanations.admit(httpx.Now(c)) {
		why = explained(why, v.Sender.Explain(c.Request.Context(), d, secrets, why), v.Secrets, names)
	}
	strong := v.Sender.Signs() && (auth.Strong(secrets...) || !v.Sender.NeedsSecret())
	return a.checkProof(c, flowNumber(flow.Number), strong, why)
}

// explanations bounds how often wrong proofs are explained, which costs more than the proof.
type explanations struct {
	mu     sync.Mutex // guards what follows
	second time.Time
	n      int
}

// maxExplanations is the maximum number of explanations in a second.
const maxExplanations = 5

func (e *explanations) admit(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now.Sub(e.second).Abs() >= time.Second {
		e.second, e.n = now, 0
	}
	e.n++
	return e.n <= maxExplanations
}

// checkProof returns an error for a wrong proof, and for any proof while the sender has to wait. why is the reason
// why the proof is wrong; nil: it is right. Unknown webhooks are guarded like known ones.
func (a *api) checkProof(c *gin.Context, name string, strong bool, why error) error {
	return a.config.Guard.Check(c.Request.Context(), auth.Proof{
		Name: string(kindHook) + ":" + name, IP: c.ClientIP(), Now: httpx.Now(c), Valid: why == nil, Strong: strong,
	}, errRejected(why))
}

// secretsOf returns the values of secrets by their names. Missing ones are skipped.
func (a *api) secretsOf(ctx context.Context, names []string) ([]string, error) {
	_, values, err := a.storedSecrets(ctx, names)
	return values, err
}

// storedSecrets is secretsOf with the names of the secrets that are stored.
func (a *api) storedSecrets(ctx context.Context, names []string) (stored, values []string, err error) {
	for _, name := range names {
		value, err := a.config.Store.Secrets().Secret(ctx, name)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return nil, nil, errors.Join(auth.ErrUnavailable, err)
		default:
			if a.config.Used != nil {
				a.config.Used(lastuse.Secret, name)
			}
			stored, values = append(stored, name), append(values, value)
		}
	}
	return stored, values, nil
}
