package account

import (
	"errors"
	"net/http"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/totp"
	"github.com/penstock/penstock/store"
)

// Fields of the forms of the second factor.
const (
	fieldFactorPassword = "factor_password"
	fieldCode           = "code"
)

// trouble is what is wrong with a field; the zero value: nothing.
type trouble struct {
	status      int
	field, text string
}

// tellTrouble shows the page with what is wrong. change may be nil.
func (a *Accounts) tellTrouble(r *Request, t trouble, change func(*view.Account)) error {
	return a.renderWith(r, t.status, func(page *view.Account) {
		page.Field, page.Trouble = t.field, t.text
		if change != nil {
			change(page)
		}
	})
}

// verdict turns the result of a proof into what is wrong with its field.
func verdict(r *Request, field, wrong string, right bool, err error) (trouble, error) {
	var late *auth.Error
	switch {
	case errors.As(err, &late) && late.Code == auth.CodeSlowDown:
		text := language.T(r.HTTP.Context(), "Too many failed attempts. Try again in %s.", max(time.Second, late.Retry.Round(time.Second)).String())
		return trouble{http.StatusTooManyRequests, field, text}, nil
	case err != nil:
		return trouble{}, err
	case !right:
		return trouble{http.StatusUnprocessableEntity, field, wrong}, nil
	}
	return trouble{}, nil
}

// checkPassword verifies the password of the form.
func (a *Accounts) checkPassword(r *Request) (trouble, error) {
	secret := r.HTTP.PostFormValue(fieldFactorPassword)
	if secret == "" {
		return trouble{http.StatusUnprocessableEntity, fieldFactorPassword, language.T(r.HTTP.Context(), "Your current password is required.")}, nil
	}
	u, err := a.config.Authority.User(r.HTTP.Context(), r.User.Name, secret, r.IP)
	return verdict(r, fieldFactorPassword, language.T(r.HTTP.Context(), "This is not your password."), u != nil, err)
}

// checkBoth verifies the password and the code of the form.
func (a *Accounts) checkBoth(r *Request) (trouble, error) {
	wrong, err := a.checkPassword(r)
	if err != nil || wrong.field != "" {
		return wrong, err
	}
	right, err := a.config.Authority.Code(r.HTTP.Context(), r.User, r.HTTP.PostFormValue(fieldCode), r.IP)
	return verdict(r, fieldCode, language.T(r.HTTP.Context(), "This code is wrong, or was used before. Take the one that your app shows now."), right, err)
}

// beginTOTP shows the secret of a new authenticator to a user who has proved the password again.
func (a *Accounts) beginTOTP(r *Request) error {
	if r.User.Hash == "" || r.User.HasTOTP() {
		return r.Redirect(r.path())
	}
	wrong, err := a.checkPassword(r)
	if err != nil {
		return err
	}
	if wrong.field != "" {
		return a.tellTrouble(r, wrong, nil)
	}
	sealed, err := NewSecret(a.config.Sealer, r.User.Name)
	if err != nil {
		return err
	}
	wait := session.Pending{User: r.User.Name, Epoch: r.User.Epoch, Site: r.Root, Secret: sealed}
	if _, err := a.config.Sessions.Await(r.HTTP.Context(), r.Session.Token, wait, session.SetUpLimit); err != nil {
		return err
	}
	return a.showSetUp(r, wait, trouble{status: http.StatusOK})
}

func (a *Accounts) showSetUp(r *Request, wait session.Pending, t trouble) error {
	setUp, err := SetUp(a.config.Sealer, wait, r.Host)
	if err != nil {
		return err
	}
	return a.tellTrouble(r, t, func(page *view.Account) { page.Factor.SetUp = setUp })
}

// confirmTOTP turns the second factor on after one right code.
func (a *Accounts) confirmTOTP(r *Request) error {
	wait, err := a.config.Sessions.Awaited(r.HTTP.Context(), r.Session.Token)
	if errors.Is(err, session.ErrNone) || err == nil && (wait.User != r.User.Name || wait.Epoch != r.User.Epoch || r.User.HasTOTP()) {
		r.Notice(language.T(r.HTTP.Context(), "That took more than 15 minutes. Please begin again."))
		return r.Redirect(r.path())
	}
	if err != nil {
		return err
	}
	set := Factors{a.config.Users, a.config.Sealer, a.config.Authority, a.config.Now}
	user, codes, err := set.TurnOn(r.HTTP.Context(), r.User, wait.Secret, r.HTTP.PostFormValue(fieldCode))
	switch {
	case errors.Is(err, ErrWrongCode):
		return a.showSetUp(r, wait, trouble{http.StatusUnprocessableEntity, fieldCode, language.T(r.HTTP.Context(), "This is not the code that the app shows now. Check the clock of your phone.")})
	case err != nil:
		return err
	}
	r.Audit("POST "+r.path()+"/totp/confirm", user.Name)
	if _, err := a.config.Sessions.Arrive(r.HTTP.Context(), r.Session.Token); err != nil {
		return err
	}
	return a.showCodes(r, user, codes)
}

// showCodes shows new recovery codes, once, in a new session: all others have ended.
func (a *Accounts) showCodes(r *Request, user *store.User, codes []string) error {
	if err := r.Renew(user); err != nil {
		return err
	}
	return a.renderWith(r, http.StatusOK, func(page *view.Account) { page.Factor.New = codes })
}

// renewCodes replaces the recovery codes.
func (a *Accounts) renewCodes(r *Request) error {
	codes, hashes := totp.NewRecovery(r.User.Name)
	user, err := a.changeFactor(r, func(u *store.User) { u.Recovery = hashes })
	if err != nil || user == nil {
		return err
	}
	r.Audit("POST "+r.path()+"/totp/codes", user.Name)
	return a.showCodes(r, user, codes)
}

// turnOffTOTP removes the second factor.
func (a *Accounts) turnOffTOTP(r *Request) error {
	user, err := a.changeFactor(r, (*store.User).RemoveTOTP)
	if err != nil || user == nil {
		return err
	}
	r.Audit("POST "+r.path()+"/totp/off", user.Name)
	if err := r.Renew(user); err != nil {
		return err
	}
	r.Notice(language.T(r.HTTP.Context(), "The second factor is off: your password alone signs you in."))
	return r.Redirect(r.path())
}

// changeFactor edits the second factor of a user who proves the password and a code; nil: the page says what is wrong.
func (a *Accounts) changeFactor(r *Request, edit func(*store.User)) (*store.User, error) {
	if !r.User.HasTOTP() {
		return nil, r.Redirect(r.path())
	}
	wrong, err := a.checkBoth(r)
	if err != nil {
		return nil, err
	}
	if wrong.field != "" {
		return nil, a.tellTrouble(r, wrong, nil)
	}
	since := r.User.TOTPSince
	return a.config.Users.Change(r.HTTP.Context(), r.User.Name, func(u *store.User) error {
		if !u.HasTOTP() || !u.TOTPSince.Equal(since) {
			return errMeanwhile
		}
		edit(u)
		return nil
	})
}
