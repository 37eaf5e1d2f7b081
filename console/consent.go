package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// Redeem exchanges the authorization code that a browser brought back for a refresh token, as connect.Resolver.Redeem
// does. Its error is shown to the user and must contain no secret.
type Redeem func(ctx context.Context, c *store.Connection, k connect.Consent, code string) (refreshToken string, err error)

// consentLife is how long a user may take at the authorization server.
const consentLife = 10 * time.Minute

// keyConsent is a string: a pendingConsent as JSON. TTL: consentLife. It is deleted when it is read.
func keyConsent(state string) string {
	sum := sha256.Sum256([]byte(state))
	return "penstock:console:consent:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// pendingConsent is an authorization that a user has started and not finished.
type pendingConsent struct {
	Session    string `json:"session"` // key of the session that started it; no other session may finish it
	Connection string `json:"connection"`
	Version    string `json:"version"`  // of the connection; a changed connection must be authorized again
	Verifier   string `json:"verifier"` // PKCE code verifier
}

func (c *Console) redirectURI(r *http.Request) string { return c.base(r) + Root + "/authorised" }

// startConsent shows a link to the authorization server. It does not redirect, because the Content-Security-Policy
// allows forms to lead to this server only.
func startConsent(req *requestState) error {
	c, err := req.console.config.Store.Connections().Connection(req.ctx(), req.r.PathValue("name"))
	if err != nil {
		return err
	}
	if req.console.config.Redeem == nil || !connect.Consents(c) {
		return errNotFound
	}
	k := connect.Consent{Redirect: req.console.redirectURI(req.r), State: rand.Text(), Verifier: rand.Text() + rand.Text()}
	target, err := k.URL(c)
	if err != nil {
		return &fault{http.StatusUnprocessableEntity, language.Key("This cannot be authorised"), err.Error()}
	}
	text, err := json.Marshal(pendingConsent{session.Key(req.session.Token), c.Name, c.Version, k.Verifier})
	if err != nil {
		return err
	}
	if err := req.console.config.Redis.Set(req.ctx(), keyConsent(k.State), text, consentLife).Err(); err != nil {
		return fmt.Errorf("keep consent: %w", err)
	}
	req.audit("POST "+Root+"/connections/{name}/authorise", c.Name)
	return req.render(200, view.ConsentPage(req.page("connections", c.Name), c.Name, target))
}

// finishConsent handles the redirect from the authorization server: it stores the refresh token in the connection.
func finishConsent(req *requestState) error {
	q := req.r.URL.Query()
	asked, err := req.takeConsent(q.Get("state"))
	if err != nil {
		return err
	}
	c, err := req.console.config.Store.Connections().Connection(req.ctx(), asked.Connection)
	switch {
	case err != nil:
		return err
	case c.Version != asked.Version:
		return &fault{http.StatusConflict, language.Key("The connection was changed in between"), language.Key("Authorise it again.")}
	case q.Get("code") == "":
		return &fault{http.StatusBadRequest, language.Key("The connection was not authorised"), language.T(req.ctx(), "The authorization server answered: %s.", errorCode(req.ctx(), q.Get("error")))}
	}
	k := connect.Consent{Redirect: req.console.redirectURI(req.r), Verifier: asked.Verifier}
	token, err := req.console.config.Redeem(req.ctx(), c, k, q.Get("code"))
	if err != nil {
		return &fault{http.StatusBadGateway, language.Key("It could not be authorised"), err.Error()}
	}
	if err := req.saveRefreshToken(c, token); err != nil {
		return err
	}
	req.audit("GET "+Root+"/authorised", c.Name)
	req.setNotice(language.T(req.ctx(), "The connection %s is authorised. Steps use it from now on.", c.Name))
	return req.redirect(Root + "/connections/" + url.PathEscape(c.Name))
}

// takeConsent returns and deletes the pending authorization with this state. It must have been started by this session.
func (req *requestState) takeConsent(state string) (*pendingConsent, error) {
	unknown := &fault{http.StatusBadRequest, language.Key("This authorization was not started here"), language.Key("It can be used once, within ten minutes, in the browser that started it. Authorise the connection again.")}
	text, err := req.console.config.Redis.GetDel(req.ctx(), keyConsent(state)).Result()
	if errors.Is(err, redis.Nil) {
		return nil, unknown
	}
	if err != nil {
		return nil, fmt.Errorf("take consent: %w", err)
	}
	asked := new(pendingConsent)
	if json.Unmarshal([]byte(text), asked) != nil || asked.Session != session.Key(req.session.Token) {
		return nil, unknown
	}
	return asked, nil
}

// saveRefreshToken stores the token in the connection.
func (req *requestState) saveRefreshToken(c *store.Connection, token string) error {
	changed := *c
	changed.Settings = maps.Clone(c.Settings)
	changed.Settings["refresh_token"] = token
	changed.From = maps.Clone(c.From)
	delete(changed.From, "refresh_token")
	_, err := req.console.config.Store.Connections().Put(req.ctx(), changed)
	return err
}

// errorCode returns the error code of an authorization server (RFC 6749, section 4.1.2.1) for display; "no reason" for
// anything that is not a code, because the text may be an attacker's.
func errorCode(ctx context.Context, text string) string {
	if regexp.MustCompile(`^[a-z_]{1,64}$`).MatchString(text) {
		return text
	}
	return language.T(ctx, "no reason")
}
