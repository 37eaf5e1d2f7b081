package account

import (
	"errors"
	"net/http"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/internal/password"
	"github.com/penstock/penstock/store"
)

// product is a word that is guessed first here.
const product = "Penstock"

// Refuse says why a user may not have a password, see password.Refuse.
func Refuse(secret string, u *store.User) string {
	return password.Refuse(secret, product, u.Name, u.FullName(), u.Email)
}

// Fields of the form.
const (
	fieldCurrent = "current"
	fieldNew     = "password"
	fieldAgain   = "again"
)

// errChanged reports that the password changed while the form was handled.
var errChanged = errors.New("the password has changed in the meantime")

// changePassword sets another password. All sessions and tokens of the user end, but that of the browser, which gets a new one.
func (a *Accounts) changePassword(r *Request) error {
	current, secret, again := r.HTTP.PostFormValue(fieldCurrent), r.HTTP.PostFormValue(fieldNew), r.HTTP.PostFormValue(fieldAgain)
	if field, trouble := a.checkForm(r, current, secret, again); trouble != "" {
		return a.render(r, http.StatusUnprocessableEntity, field, trouble)
	}
	proven, err := a.config.Authority.User(r.HTTP.Context(), r.User.Name, current, r.IP)
	var late *auth.Error
	switch {
	case errors.As(err, &late) && late.Code == auth.CodeSlowDown:
		trouble := language.T(r.HTTP.Context(), "Too many failed attempts. Try again in %s.", max(time.Second, late.Retry.Round(time.Second)).String())
		return a.render(r, http.StatusTooManyRequests, fieldCurrent, trouble)
	case err != nil:
		return err
	case proven == nil:
		return a.render(r, http.StatusUnprocessableEntity, fieldCurrent, language.T(r.HTTP.Context(), "This is not your password."))
	}
	hash, err := a.config.Hasher.Hash(r.HTTP.Context(), secret)
	if err != nil {
		return err
	}
	user, err := a.config.Users.Change(r.HTTP.Context(), r.User.Name, func(u *store.User) error {
		if u.Hash != proven.Hash {
			return errChanged
		}
		u.Hash = hash
		return nil
	})
	if errors.Is(err, errChanged) {
		return a.render(r, http.StatusConflict, fieldCurrent, language.T(r.HTTP.Context(), "Your password was changed in the meantime."))
	}
	if err != nil {
		return err
	}
	r.Audit("POST "+r.path()+"/password", user.Name)
	if err := r.Renew(user); err != nil {
		return err
	}
	r.Notice(language.T(r.HTTP.Context(), "Your password was changed. All other sessions and all access tokens have ended."))
	return r.Redirect(r.path())
}

// checkForm says what is wrong with a field before the current password is compared; empty: nothing.
func (a *Accounts) checkForm(r *Request, current, secret, again string) (field, trouble string) {
	switch reason := Refuse(secret, r.User); {
	case current == "":
		return fieldCurrent, language.T(r.HTTP.Context(), "Your current password is required.")
	case reason != "":
		return fieldNew, language.T(r.HTTP.Context(), "The new password %s.", language.T(r.HTTP.Context(), reason))
	case secret == current:
		return fieldNew, language.T(r.HTTP.Context(), "The new password is the current one.")
	case secret != again:
		return fieldAgain, language.T(r.HTTP.Context(), "The two new passwords differ.")
	}
	return "", ""
}
