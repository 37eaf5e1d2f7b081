package account

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/personal"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// Issuer makes personal tokens. *auth.Authority implements it.
type Issuer interface {
	IssuePersonal(ctx context.Context, u *store.User, r auth.PersonalRequest) (string, *personal.Token, error)
}

// tokens returns the personal tokens of the user for the page; nil: the user may not have one.
func (a *Accounts) tokens(r *Request) (*view.PersonalTokens, error) {
	if a.config.Tokens == nil || !r.User.Is(store.RoleAPIUser) {
		return nil, nil
	}
	all, err := a.config.Tokens.List(r.HTTP.Context(), r.User.Name, r.User.CreatedAt, a.config.Now())
	if err != nil {
		return nil, err
	}
	held := auth.ScopesOf(r.User)
	page := &view.PersonalTokens{}
	for _, s := range held {
		page.Scopes = append(page.Scopes, string(s))
	}
	for _, t := range all {
		one := view.PersonalToken{ID: t.ID, Name: t.Name, Expires: t.ExpiresAt, Used: t.UsedAt}
		for _, s := range t.Scopes {
			one.Scopes = append(one.Scopes, view.TokenScope{Name: s, Held: auth.Covers(held, auth.Scope(s))})
		}
		page.All = append(page.All, one)
	}
	return page, nil
}

// makeToken makes a personal token and shows its text on the page, once.
func (a *Accounts) makeToken(r *Request) error {
	if a.config.Tokens == nil {
		return store.ErrNotFound
	}
	form := r.HTTP
	days, err := strconv.Atoi(form.PostFormValue("days"))
	if err != nil || days < 1 || days > int(personal.MaxLife/(24*time.Hour)) {
		return &store.InvalidError{Member: "days", Reason: "are 1 to 366"}
	}
	asked := auth.PersonalRequest{Name: form.PostFormValue("name"), Scopes: form.PostForm["scope"], Life: time.Duration(days) * 24 * time.Hour}
	text, t, err := a.config.Issuer.IssuePersonal(form.Context(), r.User, asked)
	var refused *auth.Error
	switch {
	case errors.As(err, &refused):
		return &store.InvalidError{Member: "scopes", Reason: "cannot be given: " + refused.Message}
	case err != nil:
		return err
	}
	r.Audit("POST "+r.path()+"/tokens", t.Name)
	return a.renderWith(r, http.StatusOK, func(page *view.Account) { page.Tokens.New = text })
}

// revokeToken ends a personal token of the user.
func (a *Accounts) revokeToken(r *Request) error {
	if a.config.Tokens == nil {
		return store.ErrNotFound
	}
	id := r.HTTP.PathValue("token")
	err := a.config.Tokens.Revoke(r.HTTP.Context(), r.User.Name, id)
	if errors.Is(err, personal.ErrNotFound) {
		r.Notice(language.T(r.HTTP.Context(), "That token had ended already."))
		return r.Redirect(r.path())
	}
	if err != nil {
		return err
	}
	r.Audit("POST "+r.path()+"/tokens/{token}/revoke", id)
	r.Notice(language.T(r.HTTP.Context(), "The token was revoked: it is refused from now on."))
	return r.Redirect(r.path())
}
