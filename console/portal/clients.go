package portal

import (
	"fmt"
	"net/http"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// listClients lists the developer's own clients.
func (p *Portal) listClients(r *Request) error {
	clients, err := p.config.Store.Clients().Owned(r.HTTP.Context(), r.User.Name)
	if err != nil {
		return err
	}
	return r.Render(200, view.OwnClientsPage(r.Page("clients", language.T(r.HTTP.Context(), "API clients")), clients, r.Who.Scopes))
}

// own returns the client in the path. The error for the client of another is that for one that does not exist.
func (p *Portal) own(r *Request) (*store.Client, error) {
	c, err := p.config.Store.Clients().Client(r.HTTP.Context(), r.HTTP.PathValue("client"))
	if err == nil && c.Owner != r.User.Name {
		err = fmt.Errorf("client: %w", store.ErrNotFound)
	}
	return c, err
}

// render shows a client. secret is shown once; empty: none.
func (p *Portal) render(r *Request, status int, c *store.Client, secret string) error {
	sheet := p.sheet(r, *c)
	sheet.Secret = secret
	if p.config.Usage != nil {
		var err error
		if sheet.Use, sheet.Today, err = p.config.Usage.Use(r.HTTP.Context(), c.Identifier); err != nil {
			return err
		}
		sheet.Counted = true
	}
	return r.Render(status, view.OwnClientPage(r.Page("clients", c.Name), sheet))
}

func (p *Portal) showClient(r *Request) error {
	c, err := p.own(r)
	if err != nil {
		return err
	}
	return p.render(r, http.StatusOK, c, "")
}

// newClient shows the form with what suits most clients: two years for the assertion, and the developer's address.
func (p *Portal) newClient(r *Request) error {
	c := store.Client{Expires: p.config.Now().AddDate(2, 0, 0).Format(dateLayout), TimeZone: "UTC", TokenTTL: int(store.DefaultTokenTTL.Minutes())}
	if r.User.Email != "" {
		c.Remind = []string{r.User.Email}
	}
	return r.Render(http.StatusOK, view.NewClientPage(r.Page("clients", language.T(r.HTTP.Context(), "New API client")), p.sheet(r, c)))
}

// createClient creates a client and shows its secret, which is not shown again.
func (p *Portal) createClient(r *Request) error {
	c := store.Client{Identifier: store.NewIdentifier(), Owner: r.User.Name}
	err := p.readForm(r, &c)
	var secret string
	if err == nil {
		secret, c.Hash, err = p.secret(r)
	}
	var made *store.Client
	if err == nil {
		made, err = p.config.Store.Clients().Create(r.HTTP.Context(), c)
	}
	if trouble, ok := troubleOf(r.HTTP.Context(), err); ok {
		sheet := p.sheet(r, c)
		sheet.Trouble = trouble
		return r.Render(http.StatusBadRequest, view.NewClientPage(r.Page("clients", language.T(r.HTTP.Context(), "New API client")), sheet))
	}
	if err != nil {
		return err
	}
	r.Audit("POST "+view.Developers+"/clients", made.Identifier)
	return p.render(r, http.StatusCreated, made, secret)
}

// changeClient saves the settings of a client.
func (p *Portal) changeClient(r *Request) error {
	var sent store.Client
	c, err := p.change(r, "", func(c *store.Client) error {
		err := p.readForm(r, c)
		sent = *c
		return err
	})
	if trouble, ok := troubleOf(r.HTTP.Context(), err); ok {
		sheet := p.sheet(r, sent)
		sheet.Trouble = trouble
		return r.Render(http.StatusBadRequest, view.OwnClientPage(r.Page("clients", sent.Name), sheet))
	}
	if err != nil {
		return err
	}
	r.Notice(language.T(r.HTTP.Context(), "The client was saved."))
	return r.Redirect(view.OwnClientPath(c))
}

// change edits the client in the path, if the developer owns it at that moment.
func (p *Portal) change(r *Request, act string, edit func(*store.Client) error) (*store.Client, error) {
	c, err := p.config.Store.Clients().Change(r.HTTP.Context(), r.HTTP.PathValue("client"), func(c *store.Client) error {
		if c.Owner != r.User.Name {
			return fmt.Errorf("client: %w", store.ErrNotFound)
		}
		return edit(c)
	})
	if err == nil {
		p.audit(r, act, c.Identifier)
	}
	return c, err
}

func (p *Portal) audit(r *Request, act, id string) {
	path := "POST " + view.Developers + "/clients/{client}"
	if act != "" {
		path += "/" + act
	}
	r.Audit(path, id)
}

// newSecret replaces the secret of a client and shows it, once.
func (p *Portal) newSecret(r *Request) error {
	if _, err := p.own(r); err != nil { // before the work of hashing
		return err
	}
	secret, hash, err := p.secret(r)
	if err != nil {
		return err
	}
	c, err := p.change(r, "secret", func(c *store.Client) error {
		c.Hash = hash
		return nil
	})
	if err != nil {
		return err
	}
	return p.render(r, http.StatusCreated, c, secret)
}

// downloadAssertion sends a new assertion as a file. The previous one and all tokens are revoked.
func (p *Portal) downloadAssertion(r *Request) error {
	if _, err := p.own(r); err != nil {
		return err
	}
	text, c, err := p.config.Authority.NewAssertion(r.HTTP.Context(), r.HTTP.PathValue("client"))
	if err != nil {
		return err
	}
	p.audit(r, "assertion", c.Identifier)
	return r.Download(c.Identifier+"-assertion.txt", text)
}

// downloadToken sends an access token as a file.
func (p *Portal) downloadToken(r *Request) error {
	if _, err := p.own(r); err != nil {
		return err
	}
	text, token, err := p.config.Authority.ManualToken(r.HTTP.Context(), r.HTTP.PathValue("client"))
	if err != nil {
		return err
	}
	p.audit(r, "token", token.Principal)
	return r.Download(token.Principal+"-token.txt", text)
}

// invalidate revokes the assertion of a client and all its tokens.
func (p *Portal) invalidate(r *Request) error {
	c, err := p.change(r, "invalidate", func(c *store.Client) error {
		c.Assertion, c.Epoch = "", ""
		return nil
	})
	if err != nil {
		return err
	}
	r.Notice(language.T(r.HTTP.Context(), "The assertion and all tokens of the client are revoked."))
	return r.Redirect(view.OwnClientPath(c))
}

func (p *Portal) deleteClient(r *Request) error {
	c, err := p.own(r)
	if err != nil {
		return err
	}
	if err := p.config.Store.Clients().Delete(r.HTTP.Context(), c.Identifier); err != nil {
		return err
	}
	p.audit(r, "delete", c.Identifier)
	r.Notice(language.T(r.HTTP.Context(), "The client was deleted. Its assertion and its tokens are revoked."))
	return r.Redirect(view.Developers + "/clients")
}
