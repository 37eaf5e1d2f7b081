package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/lastuse"
	"github.com/penstock/penstock/store"
)

// minClientSecret is the minimum length of a secret from the form, in characters.
const minClientSecret = 16

// clientsPage lists the API clients.
func clientsPage(req *requestState) error {
	clients, err := req.console.config.Store.Clients().List(req.ctx())
	if err != nil {
		return err
	}
	uses, err := lastUses(req, lastuse.Client, clients, func(c *store.Client) string { return c.Identifier })
	if err != nil {
		return err
	}
	return req.render(200, view.ClientsPage(req.page("access", language.T(req.ctx(), "API clients")), clients, req.scopeChoices(nil), uses))
}

func (req *requestState) client() (*store.Client, error) {
	return req.console.config.Store.Clients().Client(req.ctx(), req.r.PathValue("client"))
}

func clientPage(req *requestState) error {
	client, err := req.client()
	if err != nil {
		return err
	}
	return req.render(200, view.ClientPage(req.page("access", client.Name), client, "", req.scopeChoices(nil)))
}

// createClient creates a client and shows its secret. The secret is not shown again.
func createClient(req *requestState) error {
	client := store.Client{Identifier: store.NewIdentifier()}
	err := req.readClient(&client)
	var secret string
	if err == nil {
		secret, client.Hash, err = req.secretOf()
	}
	if err != nil {
		return err
	}
	made, err := req.console.config.Store.Clients().Create(req.ctx(), client)
	if err != nil {
		return err
	}
	req.audit("POST "+Root+"/access/clients", made.Identifier)
	return req.render(http.StatusCreated, view.ClientPage(req.page("access", made.Name), made, secret, req.scopeChoices(nil)))
}

// newClientSecret replaces the secret of a client and shows it. The secret is not shown again.
func newClientSecret(req *requestState) error {
	secret, hash, err := req.secretOf()
	if err != nil {
		return err
	}
	client, err := req.changeClient("secret", func(c *store.Client) error {
		c.Hash = hash
		return nil
	})
	if err != nil {
		return err
	}
	return req.render(http.StatusCreated, view.ClientPage(req.page("access", client.Name), client, secret, req.scopeChoices(nil)))
}

// secretOf returns the secret of the form, or a new one if the form has none, and its hash.
func (req *requestState) secretOf() (secret, hash string, err error) {
	if secret = req.r.PostFormValue("secret"); secret == "" {
		secret = store.NewSecret()
	}
	odd := strings.ContainsFunc(secret, func(r rune) bool { return r < ' ' || r > '~' }) // the characters of RFC 6749
	if len(secret) < minClientSecret || len(secret) > maxPassword || odd {
		return "", "", &store.InvalidError{Member: "secret", Reason: "must have 16 to 1024 printable ASCII characters"}
	}
	hash, err = req.console.config.Hasher.Hash(req.ctx(), secret)
	return secret, hash, err
}

func changeClient(req *requestState) error {
	client, err := req.changeClient("", func(c *store.Client) error {
		if err := req.checkSeen(view.SeenClient(c)); err != nil {
			return err
		}
		return req.readClient(c)
	})
	if err != nil {
		return err
	}
	req.setNotice(language.T(req.ctx(), "The client was saved."))
	return req.redirect(view.ClientPath(client))
}

// invalidateClient revokes the assertion of a client and all its tokens.
func invalidateClient(req *requestState) error {
	client, err := req.changeClient("invalidate", func(c *store.Client) error {
		c.Assertion, c.Epoch = "", ""
		return nil
	})
	if err != nil {
		return err
	}
	req.setNotice(language.T(req.ctx(), "The assertion and all tokens of the client are revoked."))
	return req.redirect(view.ClientPath(client))
}

func (req *requestState) changeClient(act string, edit func(*store.Client) error) (*store.Client, error) {
	client, err := req.console.config.Store.Clients().Change(req.ctx(), req.r.PathValue("client"), edit)
	if err == nil {
		req.audit(strings.TrimSuffix("POST "+Root+"/access/clients/{client}/"+act, "/"), client.Identifier)
	}
	return client, err
}

func deleteClient(req *requestState) error {
	id := req.r.PathValue("client")
	if err := req.console.config.Store.Clients().Delete(req.ctx(), id); err != nil {
		return err
	}
	req.forgetUse(lastuse.Client, id)
	req.audit("POST "+Root+"/access/clients/{client}/delete", id)
	req.setNotice(language.T(req.ctx(), "The client was deleted. Its assertion and its tokens are revoked."))
	return req.redirect(Root + "/access/clients")
}

// downloadAssertion creates a new assertion and sends it as a file. The previous assertion and all tokens are revoked.
func downloadAssertion(req *requestState) error {
	text, client, err := req.console.config.Authority.NewAssertion(req.ctx(), req.r.PathValue("client"))
	if err != nil {
		return noDeadline(err)
	}
	req.audit("POST "+Root+"/access/clients/{client}/assertion", client.Identifier)
	return req.download(client.Identifier+"-assertion.txt", text)
}

// downloadToken creates an access token and sends it as a file.
func downloadToken(req *requestState) error {
	text, token, err := req.console.config.Authority.ManualToken(req.ctx(), req.r.PathValue("client"))
	if err != nil {
		return noDeadline(err)
	}
	req.audit("POST "+Root+"/access/clients/{client}/token", token.Principal)
	return req.download(token.Principal+"-token.txt", text)
}

func noDeadline(err error) error {
	if errors.Is(err, auth.ErrNoDeadline) {
		return &fault{http.StatusConflict, language.Key("The client has expired"), language.Key("Set the last day of its assertions to one in the future and save, then try again.")}
	}
	return err
}

func (req *requestState) download(name, text string) error {
	h := req.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	req.send(http.StatusCreated, []byte(text))
	return nil
}

// readClient copies the values of the form to a client.
func (req *requestState) readClient(c *store.Client) error {
	form := func(name string) string { return strings.TrimSpace(req.r.PostFormValue(name)) }
	c.Name, c.TimeZone, c.Expires, c.Remind = form("name"), form("time_zone"), form("assertion_expires_on"), words(form("reminder_emails"))
	c.Disabled = req.r.PostFormValue("disabled") == "on"
	c.TokenTTL = 0
	if minutes := form("token_ttl_minutes"); minutes != "" {
		n, err := strconv.Atoi(minutes)
		if err != nil || n < 1 {
			return &store.InvalidError{Member: "token_ttl_minutes", Reason: "must be between 1 and 1440"}
		}
		c.TokenTTL = n
	}
	c.Scopes = append(req.r.PostForm["scope"], words(form("more_scopes"))...)
	for _, s := range c.Scopes {
		if !auth.Scope(s).Known() {
			return &store.InvalidError{Member: "scopes", Reason: "contains " + s + ", which is not a scope such as flows:run or flows:run:69"}
		}
	}
	switch form("scope_separator") {
	case "comma", "space":
		commas := form("scope_separator") == "comma"
		c.Commas = &commas
	default:
		c.Commas = nil
	}
	return nil
}
