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
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/presets"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/lastuse"
	"github.com/penstock/penstock/internal/secretstore"
	"github.com/penstock/penstock/store"
)

// testLimit is the maximum duration of a connection test.
const testLimit = 10 * time.Second

// connectionsPage lists connections and secrets without their secret values, and variables.
func connectionsPage(req *requestState) error {
	config := req.console.config.Store
	all, err := config.Connections().List(req.ctx())
	if err != nil {
		return err
	}
	secrets, err := config.Secrets().List(req.ctx())
	if err != nil {
		return err
	}
	vars, err := config.Vars().List(req.ctx())
	if err != nil {
		return err
	}
	products, err := req.console.presets()
	if err != nil {
		return err
	}
	list := view.ConnectionList{Types: connect.Types(req.console.config.Catalogue), Secrets: secrets, Vars: vars, Secret: req.r.URL.Query().Get("secret")}
	if to := req.r.URL.Query().Get("to"); to != "" {
		list.Back = req.site.safeDestination(to)
	}
	deployed := config.Flows()
	list.ConnectionUsers, list.SecretUsers, list.VarUsers = deployed.Uses(flows.ResourceConnection), deployed.Uses(flows.ResourceSecret), deployed.Uses(flows.ResourceVar)
	if list.ConnectionUses, err = lastUses(req, lastuse.Connection, all, func(c *store.Connection) string { return c.Name }); err != nil {
		return err
	}
	if list.SecretUses, err = lastUses(req, lastuse.Secret, secrets, func(s store.Secret) string { return s.Name }); err != nil {
		return err
	}
	for _, p := range products {
		list.Products = append(list.Products, view.Product{Name: p.Name, Title: p.Title, Type: p.Types[0]})
	}
	for _, c := range all {
		list.Items = append(list.Items, connect.Shown(req.console.config.Catalogue, c))
	}
	return req.render(200, view.ConnectionsPage(req.page("connections", language.T(req.ctx(), "Connections")), list))
}

// newConnectionPage shows the form for a new connection of a type, perhaps with what is known of those of a product.
func newConnectionPage(req *requestState) error {
	kind, ok := req.connectionType(req.r.URL.Query().Get("type"))
	if !ok {
		return errNotFound
	}
	f := view.ConnectionForm{Type: kind, New: true}
	if name := req.r.URL.Query().Get("product"); name != "" {
		products, err := req.console.presets()
		if err != nil {
			return err
		}
		at := slices.IndexFunc(products, func(p presets.Preset) bool { return p.Name == name && slices.Contains(p.Types, kind.Name) })
		if at < 0 {
			return errNotFound
		}
		f.Connection = products[at].Connection(kind)
		f.Product = &view.Product{Name: name, Title: products[at].Title, Type: kind.Name, Types: products[at].Types, Doc: products[at].Doc}
	}
	return req.render(200, view.ConnectionPage(req.page("connections", language.T(req.ctx(), "New connection")), f))
}

// connectionPage shows the form of an existing connection. Secret values are not sent to the browser.
func connectionPage(req *requestState) error {
	c, err := req.console.config.Store.Connections().Connection(req.ctx(), req.r.PathValue("name"))
	if err != nil {
		return err
	}
	kind, _ := req.connectionType(c.Type)
	f := view.ConnectionForm{Type: kind, Connection: connect.Shown(req.console.config.Catalogue, c), UsedBy: req.console.config.Store.Flows().Uses(flows.ResourceConnection)[c.Name], Testable: req.console.config.Connections != nil && c.Type != "proxy"}
	if connect.Consents(c) && req.console.config.Redeem != nil {
		f.Redirect, f.Authorised = req.console.redirectURI(req.r), c.Settings["refresh_token"] != ""
	}
	return req.render(200, view.ConnectionPage(req.page("connections", c.Name), f))
}

func (req *requestState) connectionType(name string) (connect.Type, bool) {
	all := connect.Types(req.console.config.Catalogue)
	i := slices.IndexFunc(all, func(t connect.Type) bool { return t.Name == name })
	if i < 0 {
		return connect.Type{}, false
	}
	return all[i], true
}

// saveConnection creates or replaces a connection. An empty secret field keeps the stored value.
func saveConnection(req *requestState) error {
	kind, ok := req.connectionType(req.r.PostFormValue("type"))
	if !ok {
		return errNotFound
	}
	c := store.Connection{Name: strings.TrimSpace(req.r.PostFormValue("name")), Type: kind.Name, Hosts: words(req.r.PostFormValue("hosts")), Settings: map[string]string{}}
	old, err := req.console.config.Store.Connections().Connection(req.ctx(), c.Name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if old != nil && req.r.PostFormValue("new") == "true" {
		return store.ErrExists
	}
	if old != nil { // two that are saved within the same moment are not told apart
		if err := req.checkSeen(view.SeenConnection(old)); err != nil {
			return err
		}
	}
	if c.Flows, err = readNumbers(req.r.PostFormValue("flows")); err != nil {
		return err
	}
	for _, f := range kind.Fields {
		value := strings.TrimSpace(req.r.PostFormValue("setting." + f.Name))
		if value == "" && f.Secret && old != nil && old.Type == kind.Name {
			value = old.Settings[f.Name]
		}
		if from := strings.TrimSpace(req.r.PostFormValue("from." + f.Name)); from != "" && connect.TakesReference(f) {
			c.SetReference(f.Name, from)
			if f.Secret && req.r.PostFormValue("setting."+f.Name) == "" {
				value = "" // what was stored is replaced by the reference
			}
		}
		if value != "" {
			c.Settings[f.Name] = value
		}
	}
	err = connect.Check(req.console.config.Catalogue, &c)
	if err == nil {
		err = connect.CheckAllowed(req.console.config.Store.SecretStores(), &c)
	}
	if err != nil {
		return &fault{http.StatusUnprocessableEntity, language.Key("This cannot be saved"), err.Error()}
	}
	if _, err := req.console.config.Store.Connections().Put(req.ctx(), c); err != nil {
		return err
	}
	req.audit("POST "+Root+"/connections", c.Name)
	req.setNotice(language.T(req.ctx(), "The connection %s was saved. Steps use it from now on.", c.Name))
	return req.redirect(Root + "/connections/" + url.PathEscape(c.Name))
}

func deleteConnection(req *requestState) error {
	name := req.r.PathValue("name")
	if err := req.console.config.Store.Connections().Delete(req.ctx(), name); err != nil {
		return err
	}
	req.forgetUse(lastuse.Connection, name)
	req.audit("POST "+Root+"/connections/{name}/delete", name)
	req.setNotice(language.T(req.ctx(), "The connection %s was deleted.", name))
	return req.redirect(Root + "/connections")
}

// testConnection lets a worker contact the server of a connection, and shows the result.
func testConnection(req *requestState) error {
	c, err := req.console.config.Store.Connections().Connection(req.ctx(), req.r.PathValue("name"))
	if err != nil {
		return err
	}
	if req.console.config.Connections == nil {
		return errNotFound
	}
	req.audit("POST "+Root+"/connections/{name}/test", c.Name)
	ctx, cancel := context.WithTimeout(req.ctx(), testLimit)
	defer cancel()
	begun := time.Now()
	said, err := req.console.config.Connections.Test(ctx, c.Name, req.r.PostFormValue("url"))
	if err != nil {
		return req.render(200, view.TestResult(false, err.Error()))
	}
	return req.render(200, view.TestResult(true, language.T(req.ctx(), "%s in %s", said, view.Took(req.ctx(), time.Since(begun)))))
}

func saveSecret(req *requestState) error {
	name, value := strings.TrimSpace(req.r.PostFormValue("name")), req.r.PostFormValue("value")
	from := strings.TrimSpace(req.r.PostFormValue("from"))
	if (value == "") == (from == "") {
		return &store.InvalidError{Member: "value", Reason: "is required, or a reference to where it is kept; not both"}
	}
	secrets := req.console.config.Store.Secrets()
	there, err := req.secretExists(name)
	if err == nil {
		err = req.checkReplace(flows.ResourceSecret, name, there)
	}
	if err != nil {
		return err
	}
	flows, err := readNumbers(req.r.PostFormValue("flows"))
	if err == nil && flows == nil { // as they are
		flows, err = secrets.Flows(req.ctx(), name)
	}
	if err == nil && from != "" {
		err = secrets.PutReference(req.ctx(), name, from, flows)
	} else if err == nil {
		err = secrets.PutFor(req.ctx(), name, value, flows)
	}
	if err != nil {
		return err
	}
	req.audit("POST "+Root+"/secrets", name)
	if there {
		req.setNotice(language.T(req.ctx(), "The secret %s has the new value.", name))
	} else {
		req.setNotice(language.T(req.ctx(), "The secret %s was saved.", name))
	}
	if to := req.r.PostFormValue("to"); to != "" { // from where it was missing
		return req.redirect(req.site.safeDestination(to))
	}
	return req.redirect(Root + "/connections")
}

// saveVar stores a variable, as a text: flows whose own value is of another type read it as JSON.
func saveVar(req *requestState) error {
	name := strings.TrimSpace(req.r.PostFormValue("name"))
	there, err := req.varExists(name)
	if err == nil {
		err = req.checkReplace(flows.ResourceVar, name, there)
	}
	if err != nil {
		return err
	}
	if _, err := req.console.config.Store.Vars().Put(req.ctx(), name, flows.EncodeJSON(req.r.PostFormValue("value"))); err != nil {
		return err
	}
	req.audit("POST "+Root+"/vars", name)
	req.setNotice(language.T(req.ctx(), "The variable %s was saved. Attempts of runs that begin from now on have it.", name))
	return req.redirect(Root + "/connections")
}

func deleteVar(req *requestState) error {
	name := req.r.PathValue("name")
	there, err := req.varExists(name)
	if err == nil && !there {
		err = errNotFound
	}
	if err != nil {
		return err
	}
	q := view.Question{Title: language.T(req.ctx(), "Delete the variable %s?", name), Flows: req.console.config.Store.Flows().Uses(flows.ResourceVar)[name],
		Texts: []string{language.T(req.ctx(), "Flows then have the value that they give themselves, and those that give none fail.")}, Action: Root + "/vars/" + name + "/delete", Button: language.T(req.ctx(), "Delete the variable"), Back: Root + "/connections"}
	if sure, err := req.sure(q); !sure {
		return err
	}
	if err := req.console.config.Store.Vars().Delete(req.ctx(), name); err != nil {
		return err
	}
	req.audit("POST "+Root+"/vars/{name}/delete", name)
	req.setNotice(language.T(req.ctx(), "The variable %s was deleted.", name))
	return req.redirect(Root + "/connections")
}

// readNumbers parses flow numbers separated by commas or white space; nil when there are none.
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

// readSecret reads a secret from where it is kept, by this process, and shows the result.
func readSecret(req *requestState) error {
	name := req.r.PathValue("name")
	req.audit("POST "+Root+"/secrets/{name}/test", name)
	ctx, cancel := context.WithTimeout(req.ctx(), testLimit)
	defer cancel()
	err := req.console.config.Store.Secrets().Test(ctx, name)
	var kept *secretstore.Error
	switch {
	case err == nil:
		return req.render(200, view.TestResult(true, language.T(req.ctx(), "%s can be read from where it is kept.", name)))
	case errors.As(err, &kept):
		return req.render(200, view.TestResult(false, name+": "+kept.Error()))
	case errors.Is(err, context.DeadlineExceeded):
		return req.render(200, view.TestResult(false, language.T(req.ctx(), "%s: its store has not answered in time.", name)))
	}
	return err
}

func deleteSecret(req *requestState) error {
	name := req.r.PathValue("name")
	there, err := req.secretExists(name)
	if err == nil && !there {
		err = errNotFound
	}
	if err != nil {
		return err
	}
	q := view.Question{Title: language.T(req.ctx(), "Delete the secret %s?", name), Flows: req.console.config.Store.Flows().Uses(flows.ResourceSecret)[name],
		Texts: []string{language.T(req.ctx(), "Its value cannot be read back. What uses it fails then: deliveries whose proof it checks are rejected.")}, Action: Root + "/secrets/" + name + "/delete", Button: language.T(req.ctx(), "Delete the secret"), Back: Root + "/connections"}
	if sure, err := req.sure(q); !sure {
		return err
	}
	if err := req.console.config.Store.Secrets().Delete(req.ctx(), name); err != nil {
		return err
	}
	req.forgetUse(lastuse.Secret, name)
	req.audit("POST "+Root+"/secrets/{name}/delete", name)
	req.setNotice(language.T(req.ctx(), "The secret %s was deleted.", name))
	return req.redirect(Root + "/connections")
}
