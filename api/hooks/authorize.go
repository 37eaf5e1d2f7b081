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

// errRejected is the response to every delivery with a wrong proof, so that it does not reveal whether the flow
// exists, has a webhook, or expects another signature. why is only logged.
func errRejected(why error) error {
	return &httpx.Fault{Status: http.StatusUnauthorized, Code: string(auth.CodeUnauthorized), Message: "there is no such webhook, or it was not signed as it should be", Err: why}
}

// verify checks the proof of a delivery with the secrets of its flow.
func (a *api) verify(c *gin.Context, d *Delivery, flow *flows.Flow) (Verifier, error) {
	verifier, err := New(flow.Webhook.Verify)
	if err != nil {
		return nil, err // internal error: the parser accepts the same schemes
	}
	if flow.Webhook.Verify.Open != nil {
		return verifier, nil // admitUnsigned bounds what its senders may do
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

// checkProof returns an error for a wrong proof, and for any proof while the sender has to wait. why is the reason
// why the proof is wrong; nil: it is right. Unknown webhooks are guarded like known ones.
func (a *api) checkProof(c *gin.Context, name string, strong bool, why error) error {
	return a.config.Guard.Check(c.Request.Context(), auth.Proof{
		Name: string(kindHook) + ":" + name, IP: c.ClientIP(), Now: httpx.Now(c), Valid: why == nil, Strong: strong,
	}, errRejected(why))
}

// secretsOf returns the values of secrets by their names. Missing ones are skipped.
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
