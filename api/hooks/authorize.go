package hooks

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// errRejected is all that a sender hears whose proof does not fit, whatever is
// wrong: that the flow is not there, takes no webhooks, or another signature.
// The log says which.
func errRejected(why error) error {
	return &httpx.Fault{Status: http.StatusUnauthorized, Code: string(auth.CodeUnauthorized), Message: "there is no such webhook, or it was not signed as it should be", Err: why}
}

// verify holds a delivery against the secrets of its flow.
func (a *api) verify(c *gin.Context, d *Delivery, flow *flows.Flow) (Verifier, error) {
	verifier, err := New(flow.Webhook.Verify)
	if err != nil {
		return nil, err // the parser knows the same schemes
	}
	secrets, err := a.secretsOf(c, flow.Webhook.Verify.Secrets)
	if err != nil {
		return nil, err
	}
	why := verifier.Verify(d, secrets)
	if len(secrets) == 0 {
		why = fmt.Errorf("none of the secrets %q is stored", flow.Webhook.Verify.Secrets)
	}
	strong := Signs(flow.Webhook.Verify.Scheme) && auth.Strong(secrets...)
	if err := a.checkProof(c, flowNumber(flow.Number), strong, why); err != nil {
		return nil, err
	}
	return verifier, nil
}

// checkProof refuses a delivery that is not proved, or that came too soon
// after too many of those. A webhook that is not there is guarded like one
// that is.
func (a *api) checkProof(c *gin.Context, name string, strong bool, why error) error {
	return a.config.Guard.Check(c.Request.Context(), auth.Proof{
		Name: string(kindHook) + ":" + name, IP: c.ClientIP(), Now: httpx.Now(c), Valid: why == nil, Strong: strong,
	}, errRejected(why))
}

// secretsOf looks secrets up by their names. One that is missing proves
// nothing.
func (a *api) secretsOf(c *gin.Context, names []string) ([]string, error) {
	var values []string
	for _, name := range names {
		value, err := a.config.Store.Secrets().Secret(c.Request.Context(), name)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return nil, errors.Join(auth.ErrUnavailable, err)
		default:
			values = append(values, value)
		}
	}
	return values, nil
}
