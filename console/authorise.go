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
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// Redeem exchanges the code that came back with a browser for a refresh token,
// as connect.Resolver.Redeem does. Its errors are words for people.
type Redeem func(ctx context.Context, c *store.Connection, k connect.Consent, code string) (refreshToken string, err error)

// consentLife is how long a person may take at the authorization server.
const consentLife = 10 * time.Minute

// keyConsent holds what was asked of an authorization server: a string, JSON
// of pending. TTL: consentLife. It is taken once.
func keyConsent(state string) string {
	sum := sha256.Sum256([]byte(state))
	return "penstock:console:consent:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// pending is a question that somebody is answering elsewhere.
type pending struct {
	Session    string `json:"session"` // whose browser asked: no other may bring the answer
	Connection string `json:"connection"`
	Version    string `json:"version"` // another one: it was changed in between
	Verifier   string `json:"verifier"`
}

func (c *Console) redirectURI(r *http.Request) string { return c.base(r) + Root + "/authorised" }

// authorise shows where to go to authorise a connection. It is a link and not
// a redirect: forms lead nowhere else.
func authorise(x *exchange) error {
	c, err := x.console.config.Store.Connections().Connection(x.ctx(), x.r.PathValue("name"))
	if err != nil {
		return err
	}
	if x.console.config.Redeem == nil || !connect.Consents(c) {
		return errNothing
	}
	k := connect.Consent{Redirect: x.console.redirectURI(x.r), State: rand.Text(), Verifier: rand.Text() + rand.Text()}
	target, err := k.URL(c)
	if err != nil {
		return &fault{http.StatusUnprocessableEntity, "This cannot be authorised", err.Error()}
	}
	text, err := json.Marshal(pending{keySession(x.session.token), c.Name, c.Version, k.Verifier})
	if err != nil {
		return err
	}
	if err := x.console.config.Redis.Set(x.ctx(), keyConsent(k.State), text, consentLife).Err(); err != nil {
		return fmt.Errorf("keep consent: %w", err)
	}
	x.audit("POST "+Root+"/connections/{name}/authorise", c.Name)
	return x.show(200, view.ConsentPage(x.page("connections", c.Name), c.Name, target))
}

// authorised is where the authorization server sends the browser back to.
func authorised(x *exchange) error {
	q := x.r.URL.Query()
	asked, err := x.takeConsent(q.Get("state"))
	if err != nil {
		return err
	}
	c, err := x.console.config.Store.Connections().Connection(x.ctx(), asked.Connection)
	switch {
	case err != nil:
		return err
	case c.Version != asked.Version:
		return &fault{http.StatusConflict, "The connection was changed in between", "Authorise it again."}
	case q.Get("code") == "":
		return &fault{http.StatusBadRequest, "It was not authorised", "The other side said " + refusalWord(q.Get("error")) + "."}
	}
	k := connect.Consent{Redirect: x.console.redirectURI(x.r), Verifier: asked.Verifier}
	token, err := x.console.config.Redeem(x.ctx(), c, k, q.Get("code"))
	if err != nil {
		return &fault{http.StatusBadGateway, "It could not be authorised", err.Error()}
	}
	if err := x.keepToken(c, token); err != nil {
		return err
	}
	x.audit("GET "+Root+"/authorised", c.Name)
	x.leaveNotice("The connection " + c.Name + " is authorised. Steps use it from now on.")
	return x.redirect(Root + "/connections/" + url.PathEscape(c.Name))
}

// takeConsent returns what this browser asked, once.
func (x *exchange) takeConsent(state string) (*pending, error) {
	unknown := &fault{http.StatusBadRequest, "Nobody here asked for this", "An answer counts once, for ten minutes, and in the browser that asked. Authorise the connection again."}
	text, err := x.console.config.Redis.GetDel(x.ctx(), keyConsent(state)).Result()
	if errors.Is(err, redis.Nil) {
		return nil, unknown
	}
	if err != nil {
		return nil, fmt.Errorf("take consent: %w", err)
	}
	asked := new(pending)
	if json.Unmarshal([]byte(text), asked) != nil || asked.Session != keySession(x.session.token) {
		return nil, unknown
	}
	return asked, nil
}

func (x *exchange) keepToken(c *store.Connection, token string) error {
	changed := *c
	changed.Settings = maps.Clone(c.Settings)
	changed.Settings["refresh_token"] = token
	_, err := x.console.config.Store.Connections().Put(x.ctx(), changed)
	return err
}

// refusalWord is the error that an authorization server names (RFC 6749,
// section 4.1.2.1), if it is a word.
func refusalWord(text string) string {
	if regexp.MustCompile(`^[a-z_]{1,64}$`).MatchString(text) {
		return text
	}
	return "no reason"
}
