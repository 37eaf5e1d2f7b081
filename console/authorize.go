package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// authorizePage asks the user whether a client that has registered itself may act as the user (RFC 6749, section 4.1.1).
func authorizePage(req *requestState) error {
	r, err := req.authorization(req.r.URL.Query())
	if err != nil {
		return err
	}
	offered, err := req.console.config.Authority.Offer(req.ctx(), r, req.user)
	if err != nil {
		return err
	}
	return req.render(http.StatusOK, view.AuthorizePage(req.page("", language.T(req.ctx(), "Authorize a client")), view.Authorize{
		Client: r.Client.Name, Redirect: r.Redirect, Request: req.r.URL.RawQuery, Scopes: offered,
	}))
}

// decideAuthorization takes the user's answer, and shows the way back to the client. It does not redirect, because the
// Content-Security-Policy allows forms to lead to this server only.
func decideAuthorization(req *requestState) error {
	q, err := url.ParseQuery(req.r.PostFormValue("request"))
	if err != nil {
		return &fault{http.StatusBadRequest, language.Key("The request cannot be read"), language.Key("Begin again in the client.")}
	}
	r, err := req.authorization(q)
	if err != nil {
		return err
	}
	page := view.Authorize{Client: r.Client.Name, Redirect: r.Redirect, Decided: true}
	if req.r.PostFormValue("approve") == "" {
		page.Back = req.console.config.Authority.Deny(r)
		return req.render(http.StatusOK, view.AuthorizePage(req.page("", language.T(req.ctx(), "Not authorized")), page))
	}
	offered, err := req.console.config.Authority.Offer(req.ctx(), r, req.user)
	if err != nil {
		return err
	}
	var scopes []auth.Scope
	for _, s := range offered {
		if slices.Contains(req.r.PostForm["scope"], string(s)) {
			scopes = append(scopes, s)
		}
	}
	if len(scopes) == 0 {
		return &fault{http.StatusUnprocessableEntity, language.Key("Nothing is left to authorize"), language.Key("Choose at least one permission.")}
	}
	if page.Back, err = req.console.config.Authority.Approve(req.ctx(), r, req.user, scopes); err != nil {
		return err
	}
	page.Approved = true
	req.auditMessage("POST "+Root+"/authorize", r.Client.ID, auth.JoinScopes(scopes, " ")+" for "+r.Client.Name)
	return req.render(http.StatusOK, view.AuthorizePage(req.page("", language.T(req.ctx(), "Authorized")), page))
}

// authorization checks the request of a client. What is wrong with it is shown here: the user decides whether to go back.
func (req *requestState) authorization(q url.Values) (*auth.Authorization, error) {
	authority := req.console.config.Authority
	if !authority.Registers() {
		return nil, errNotFound
	}
	if !req.user.Is(store.RoleAPIUser) {
		return nil, &fault{http.StatusUnprocessableEntity, language.Key("Your user may not call the API"), language.Key("A client acts with your permissions. An administrator gives you the role for the API.")}
	}
	r, err := authority.ParseAuthorization(req.ctx(), q)
	var refused *auth.AuthorizationError
	var wrong *auth.Error
	switch {
	case errors.Is(err, auth.ErrNoClient):
		return nil, &fault{http.StatusBadRequest, language.Key("This client cannot be authorized"), language.Key("It is unknown here, or has sent another address than it registered. A client that nobody has approved is forgotten after an hour: begin again in the client.")}
	case errors.As(err, &refused):
		return nil, &fault{http.StatusBadRequest, language.Key("This client cannot be authorized"), refused.Message + "."}
	case errors.As(err, &wrong):
		return nil, &fault{http.StatusBadRequest, language.Key("This client cannot be authorized"), wrong.Message + "."}
	}
	return r, err
}
