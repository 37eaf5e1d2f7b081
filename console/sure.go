package console

import (
	"errors"
	"net/http"
	"slices"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// sure reports whether the form says that its user was asked. If not, it asks.
func (req *requestState) sure(q view.Question) (bool, error) {
	if req.r.PostFormValue("sure") == "yes" {
		return true, nil
	}
	return false, req.render(http.StatusConflict, view.QuestionPage(req.page("", q.Title), q))
}

// secretExists reports whether there is a secret of a name, also if this process cannot open it.
func (req *requestState) secretExists(name string) (bool, error) {
	_, err := req.console.config.Store.Secrets().Stored(req.ctx(), name)
	return exists(err)
}

// varExists reports whether there is a variable of a name.
func (req *requestState) varExists(name string) (bool, error) {
	all, err := req.console.config.Store.Vars().List(req.ctx())
	return slices.ContainsFunc(all, func(v *store.Var) bool { return v.Name == name }), err
}

func exists(err error) (bool, error) {
	switch {
	case err == nil || errors.As(err, new(*store.DamagedError)) || errors.As(err, new(*store.MissingKeyError)):
		return true, nil
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	}
	return false, err
}

// checkReplace returns a fault if a form would replace the value of a secret or a variable that exists, and does not say that it is to.
func (req *requestState) checkReplace(what flows.Resource, name string, there bool) error {
	if !there || req.r.PostFormValue("replace") == "yes" {
		return nil
	}
	text := language.T(req.ctx(), "Its value counts for all flows: tick “Replace”, and save again, to put the new one in its place.")
	if what == flows.ResourceSecret {
		text = language.T(req.ctx(), "The old value cannot be read back: tick “Replace”, and save again, to put the new one in its place.")
	}
	used := language.T(req.ctx(), "No flow uses it.")
	if users := req.console.config.Store.Flows().Uses(what)[name]; len(users) > 0 {
		used = language.N(req.ctx(), len(users), "It is used by flow %[2]s.", "It is used by flow %[2]s.", view.Numbers(users))
	}
	return &fault{http.StatusConflict, language.Key("There is one of that name already"), used + " " + text}
}
