package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// probeLimit bounds the test of a connection.
const probeLimit = 10 * time.Second

// connectionsPage lists connections and secrets, without what is secret.
func connectionsPage(x *exchange) error {
	config := x.console.config.Store
	all, err := config.Connections().List(x.ctx())
	if err != nil {
		return err
	}
	secrets, err := config.Secrets().List(x.ctx())
	if err != nil {
		return err
	}
	list := view.ConnectionList{Types: connect.Types(), Secrets: secrets}
	for _, c := range all {
		list.Items = append(list.Items, connect.Shown(c))
	}
	return x.show(200, view.ConnectionsPage(x.page("connections", "Connections"), list))
}

// newConnectionPage is the form of a type.
func newConnectionPage(x *exchange) error {
	kind, ok := typeOf(x.r.URL.Query().Get("type"))
	if !ok {
		return errNothing
	}
	f := view.ConnectionForm{Type: kind, New: true}
	return x.show(200, view.ConnectionPage(x.page("connections", "New connection"), f))
}

// connectionPage is the form of a connection. Its secrets stay where they are.
func connectionPage(x *exchange) error {
	c, err := x.console.config.Store.Connections().Connection(x.ctx(), x.r.PathValue("name"))
	if err != nil {
		return err
	}
	kind, _ := typeOf(c.Type)
	f := view.ConnectionForm{Type: kind, Connection: connect.Shown(c), Testable: x.console.config.Connections != nil && c.Type != "smtp"}
	if connect.Consents(c) && x.console.config.Redeem != nil {
		f.Redirect, f.Authorised = x.console.redirectURI(x.r), c.Settings["refresh_token"] != ""
	}
	return x.show(200, view.ConnectionPage(x.page("connections", c.Name), f))
}

func typeOf(name string) (connect.Type, bool) {
	all := connect.Types()
	i := slices.IndexFunc(all, func(t connect.Type) bool { return t.Name == name })
	if i < 0 {
		return connect.Type{}, false
	}
	return all[i], true
}

// saveConnection makes or replaces a connection. A secret that is left empty
// stays as it was.
func saveConnection(x *exchange) error {
	kind, ok := typeOf(x.r.PostFormValue("type"))
	if !ok {
		return errNothing
	}
	c := store.Connection{Name: strings.TrimSpace(x.r.PostFormValue("name")), Type: kind.Name, Hosts: words(x.r.PostFormValue("hosts")), Settings: map[string]string{}}
	old, err := x.console.config.Store.Connections().Connection(x.ctx(), c.Name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if old != nil && x.r.PostFormValue("new") == "true" {
		return store.ErrExists
	}
	if c.Flows, err = readNumbers(x.r.PostFormValue("flows")); err != nil {
		return err
	}
	for _, f := range kind.Fields {
		value := strings.TrimSpace(x.r.PostFormValue("setting." + f.Name))
		if value == "" && f.Secret && old != nil && old.Type == kind.Name {
			value = old.Settings[f.Name]
		}
		if value != "" {
			c.Settings[f.Name] = value
		}
	}
	if err := connect.Check(&c); err != nil {
		return &fault{http.StatusUnprocessableEntity, "This cannot be saved", err.Error()}
	}
	if _, err := x.console.config.Store.Connections().Put(x.ctx(), c); err != nil {
		return err
	}
	x.audit("POST "+Root+"/connections", c.Name)
	x.leaveNotice("The connection " + c.Name + " was saved. Steps use it from now on.")
	return x.redirect(Root + "/connections/" + url.PathEscape(c.Name))
}

func deleteConnection(x *exchange) error {
	name := x.r.PathValue("name")
	if err := x.console.config.Store.Connections().Delete(x.ctx(), name); err != nil {
		return err
	}
	x.audit("POST "+Root+"/connections/{name}/delete", name)
	x.leaveNotice("The connection " + name + " was deleted.")
	return x.redirect(Root + "/connections")
}

// testConnection reaches the other side, from this server, and says how it
// went.
func testConnection(x *exchange) error {
	c, err := x.console.config.Store.Connections().Connection(x.ctx(), x.r.PathValue("name"))
	if err != nil {
		return err
	}
	if x.console.config.Connections == nil {
		return errNothing
	}
	x.audit("POST "+Root+"/connections/{name}/test", c.Name)
	ctx, cancel := context.WithTimeout(x.ctx(), probeLimit)
	defer cancel()
	begun := time.Now()
	said, err := x.probe(ctx, c)
	if err != nil {
		return x.show(200, view.Probed(false, err.Error()))
	}
	return x.show(200, view.Probed(true, said+" in "+view.Took(time.Since(begun))))
}

// probe reaches a database, or an address with the credential of an HTTP
// connection. The error is in words for its owner and holds no secret.
func (x *exchange) probe(ctx context.Context, c *store.Connection) (string, error) {
	reach := x.console.config.Connections
	if kind, _ := typeOf(c.Type); !kind.Pinned {
		db, err := reach.SQL(ctx, c.Name)
		if err != nil {
			return "", err
		}
		if err := db.DB.PingContext(ctx); err != nil {
			return "", errors.New("the database does not answer, or refuses the credential")
		}
		return "The database answers", nil
	}
	conn, err := reach.HTTP(ctx, c.Name)
	if err != nil {
		return "", err
	}
	target, err := url.Parse(x.r.PostFormValue("url"))
	if err != nil || target.Host == "" || !conn.Allows(target) {
		return "", errors.New("name a URL on one of the hosts of the connection")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return "", errors.New("the URL cannot be asked for")
	}
	resp, err := conn.Transport(x.console.config.HTTP).RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		return "", errors.New("the other side answered " + resp.Status)
	}
	return "The other side answered " + resp.Status, nil
}

func saveSecret(x *exchange) error {
	name, value := strings.TrimSpace(x.r.PostFormValue("name")), x.r.PostFormValue("value")
	if value == "" {
		return &store.InvalidError{Member: "value", Reason: "is required"}
	}
	flows, err := readNumbers(x.r.PostFormValue("flows"))
	if err == nil && flows == nil {
		err = x.console.config.Store.Secrets().Put(x.ctx(), name, value)
	} else if err == nil {
		err = x.console.config.Store.Secrets().PutFor(x.ctx(), name, value, flows)
	}
	if err != nil {
		return err
	}
	x.audit("POST "+Root+"/secrets", name)
	x.leaveNotice("The secret " + name + " was saved.")
	return x.redirect(Root + "/connections")
}

// readNumbers reads flow numbers with commas between them; nil: there are none.
func readNumbers(text string) (numbers []int64, err error) {
	for _, word := range words(text) {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil || n < 1 {
			return nil, &store.InvalidError{Member: "flows", Reason: "are flow numbers with commas between them"}
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

func deleteSecret(x *exchange) error {
	name := x.r.PathValue("name")
	if err := x.console.config.Store.Secrets().Delete(x.ctx(), name); err != nil {
		return err
	}
	x.audit("POST "+Root+"/secrets/{name}/delete", name)
	x.leaveNotice("The secret " + name + " was deleted.")
	return x.redirect(Root + "/connections")
}
