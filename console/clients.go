package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// minClientSecret is the shortest secret that is not generated, in characters.
const minClientSecret = 16

// clientsPage lists the API clients.
func clientsPage(x *exchange) error {
	clients, err := x.console.config.Store.Clients().List(x.ctx())
	if err != nil {
		return err
	}
	return x.show(200, view.ClientsPage(x.page("access", "API clients"), clients))
}

func (x *exchange) client() (*store.Client, error) {
	return x.console.config.Store.Clients().Client(x.ctx(), x.r.PathValue("client"))
}

func clientPage(x *exchange) error {
	client, err := x.client()
	if err != nil {
		return err
	}
	return x.show(200, view.ClientPage(x.page("access", client.Name), client, ""))
}

// createClient makes a client and shows its secret, this once.
func createClient(x *exchange) error {
	client := store.Client{Identifier: store.NewIdentifier()}
	err := x.readClient(&client)
	var secret string
	if err == nil {
		secret, client.Hash, err = x.secretOf()
	}
	if err != nil {
		return err
	}
	made, err := x.console.config.Store.Clients().Create(x.ctx(), client)
	if err != nil {
		return err
	}
	x.audit("POST "+Root+"/access/clients", made.Identifier)
	return x.show(http.StatusCreated, view.ClientPage(x.page("access", made.Name), made, secret))
}

// newClientSecret replaces the secret of a client and shows it, this once.
func newClientSecret(x *exchange) error {
	secret, hash, err := x.secretOf()
	if err != nil {
		return err
	}
	client, err := x.changeClient("secret", func(c *store.Client) error {
		c.Hash = hash
		return nil
	})
	if err != nil {
		return err
	}
	return x.show(http.StatusCreated, view.ClientPage(x.page("access", client.Name), client, secret))
}

// secretOf returns the secret that the form has, or a new one, and its hash.
func (x *exchange) secretOf() (secret, hash string, err error) {
	if secret = x.r.PostFormValue("secret"); secret == "" {
		secret = store.NewSecret()
	}
	odd := strings.ContainsFunc(secret, func(r rune) bool { return r < ' ' || r > '~' }) // the characters of RFC 6749
	if len(secret) < minClientSecret || len(secret) > maxPassword || odd {
		return "", "", &store.InvalidError{Member: "secret", Reason: "must have 16 to 1024 printable ASCII characters"}
	}
	hash, err = x.console.config.Hasher.Hash(x.ctx(), secret)
	return secret, hash, err
}

func changeClient(x *exchange) error {
	client, err := x.changeClient("", x.readClient)
	if err != nil {
		return err
	}
	x.leaveNotice("The client was saved.")
	return x.redirect(view.ClientPath(client))
}

// invalidateClient ends the assertion of a client and all its tokens.
func invalidateClient(x *exchange) error {
	client, err := x.changeClient("invalidate", func(c *store.Client) error {
		c.Assertion, c.Epoch = "", ""
		return nil
	})
	if err != nil {
		return err
	}
	x.leaveNotice("The assertion and all tokens of the client are dead.")
	return x.redirect(view.ClientPath(client))
}

func (x *exchange) changeClient(act string, edit func(*store.Client) error) (*store.Client, error) {
	client, err := x.console.config.Store.Clients().Change(x.ctx(), x.r.PathValue("client"), edit)
	if err == nil {
		x.audit(strings.TrimSuffix("POST "+Root+"/access/clients/{client}/"+act, "/"), client.Identifier)
	}
	return client, err
}

func deleteClient(x *exchange) error {
	id := x.r.PathValue("client")
	if err := x.console.config.Store.Clients().Delete(x.ctx(), id); err != nil {
		return err
	}
	x.audit("POST "+Root+"/access/clients/{client}/delete", id)
	x.leaveNotice("The client was deleted. Its assertion and its tokens are dead.")
	return x.redirect(Root + "/access/clients")
}

// downloadAssertion makes a new assertion and hands it out as a file; the one
// before, and all tokens, are dead.
func downloadAssertion(x *exchange) error {
	text, client, err := x.console.config.Authority.NewAssertion(x.ctx(), x.r.PathValue("client"))
	if err != nil {
		return noDeadline(err)
	}
	x.audit("POST "+Root+"/access/clients/{client}/assertion", client.Identifier)
	return x.download(client.Identifier+"-assertion.txt", text)
}

// downloadToken hands out an access token as a file.
func downloadToken(x *exchange) error {
	text, token, err := x.console.config.Authority.ManualToken(x.ctx(), x.r.PathValue("client"))
	if err != nil {
		return noDeadline(err)
	}
	x.audit("POST "+Root+"/access/clients/{client}/token", token.Holder)
	return x.download(token.Holder+"-token.txt", text)
}

func noDeadline(err error) error {
	if errors.Is(err, auth.ErrNoDeadline) {
		return &fault{http.StatusConflict, "The client has no day left", "Set the last day of its assertions to one in the future, and save, first."}
	}
	return err
}

func (x *exchange) download(name, text string) error {
	h := x.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	x.send(http.StatusCreated, []byte(text))
	return nil
}

// readClient fills a client with what the form says.
func (x *exchange) readClient(c *store.Client) error {
	form := func(name string) string { return strings.TrimSpace(x.r.PostFormValue(name)) }
	c.Name, c.TimeZone, c.Expires, c.Remind = form("name"), form("time_zone"), form("assertion_expires_on"), words(form("reminder_emails"))
	c.Disabled = x.r.PostFormValue("disabled") == "on"
	c.TokenTTL = 0
	if minutes := form("token_ttl_minutes"); minutes != "" {
		n, err := strconv.Atoi(minutes)
		if err != nil || n < 1 {
			return &store.InvalidError{Member: "token_ttl_minutes", Reason: "must be between 1 and 1440"}
		}
		c.TokenTTL = n
	}
	c.Scopes = append(x.r.PostForm["scope"], words(form("more_scopes"))...)
	for _, s := range c.Scopes {
		if !auth.Scope(s).Known() {
			return &store.InvalidError{Member: "scopes", Reason: "has " + s + ", which is none; they are as in flows:run or flows:run:69"}
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
