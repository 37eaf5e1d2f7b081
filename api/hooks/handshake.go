package hooks

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/flows"
)

// challenge answers GET /hooks/{flow}: the handshake with which Meta verifies the URL of a new subscription.
func (a *api) challenge(c *gin.Context) {
	d, flow, err := a.readDelivery(c)
	if err == nil {
		err = a.verifyChallenge(c, d, flow)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	writeChallenge(c, d.Query.Get("hub.challenge"))
}

// probe answers HEAD /hooks/{flow} with 200, because some senders, as Trello, check the URL before they send. The response
// is the same for every name, so that it does not reveal which flows exist.
func probe(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.Status(http.StatusOK)
}

// verifyChallenge checks the token of a handshake. The brute-force guard counts it separately from the secrets of
// the flow.
func (a *api) verifyChallenge(c *gin.Context, d *Delivery, flow *flows.Flow) error {
	name := flow.Webhook.Verify.VerifyToken
	why := errors.New("it is not a handshake that the flow knows")
	if d.Query.Get("hub.mode") == "subscribe" && name != "" {
		secrets, err := a.secretsOf(c, []string{name})
		if err != nil {
			return err
		}
		why = ErrWrong
		if len(secrets) == 1 && equalTexts(d.Query.Get("hub.verify_token"), secrets[0]) {
			why = nil
		}
	}
	return a.checkProof(c, flowNumber(flow.Number)+"/verify_token", false, why)
}

// equalTexts compares in a time that does not depend on the position of a difference.
func equalTexts(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// writeChallenge writes the challenge back to the sender.
func writeChallenge(c *gin.Context, text string) {
	if !httpx.ValidID(text) {
		httpx.Fail(c, httpx.BadRequest("bad_challenge", "the challenge is not one that is repeated here"))
		return
	}
	httpx.Write(c, http.StatusOK, httpx.TypeText, []byte(text))
}
