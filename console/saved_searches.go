package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/searchbox"
	"github.com/penstock/penstock/console/view"
)

// saveSearch keeps a search under a name, for the user or for all.
func saveSearch(req *requestState) error {
	user, err := req.searchOwner()
	if err != nil {
		return err
	}
	s := view.SavedSearch{Name: req.r.PostFormValue("name"), Text: req.r.PostFormValue("filter"), By: req.user.Name, SavedAt: req.console.config.Now().UTC().Truncate(time.Millisecond)}
	if _, err := searchbox.Parse(s.Text, req.searchEnv()); err != nil {
		return &fault{http.StatusUnprocessableEntity, language.Key("This search cannot be saved"), err.Error()}
	}
	if err := req.console.config.Store.SavedSearches().Put(req.ctx(), user, s); err != nil {
		return err
	}
	if user == "" {
		req.audit("POST "+Root+"/runs/searches", s.Name)
	}
	req.setNotice(language.T(req.ctx(), "The search “%s” was saved.", strings.TrimSpace(s.Name)))
	return req.redirect(view.RunsURL(url.Values{listing.ParamFilter: {s.Text}}, nil))
}

// deleteSearch deletes a saved search.
func deleteSearch(req *requestState) error {
	user, err := req.searchOwner()
	if err != nil {
		return err
	}
	name, shared := req.r.PostFormValue("name"), req.r.PostFormValue("shared")
	q := view.Question{Title: language.T(req.ctx(), "Delete the search “%s”?", name), Fields: [][2]string{{"name", name}, {"shared", shared}}, Action: view.Root + "/runs/searches/delete", Button: language.T(req.ctx(), "Delete the search"), Back: view.Root + "/runs"}
	if shared != "" {
		q.Texts = []string{language.T(req.ctx(), "It is shared: nobody has it then.")}
	}
	if sure, err := req.sure(q); !sure {
		return err
	}
	if err := req.console.config.Store.SavedSearches().Delete(req.ctx(), user, name); err != nil {
		return err
	}
	if user == "" {
		req.audit("POST "+Root+"/runs/searches/delete", name)
	}
	req.setNotice(language.T(req.ctx(), "The search “%s” was deleted.", name))
	return req.redirect(view.Root + "/runs")
}

// searchOwner returns whose saved search a form is about: the user's, or everybody's, which takes the right to act on runs.
func (req *requestState) searchOwner() (string, error) {
	switch {
	case req.r.PostFormValue("shared") == "":
		return req.user.Name, nil
	case !req.mayAct():
		return "", errForbidden
	}
	return "", nil
}
