package console

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/account"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/totp"
	"github.com/penstock/penstock/store"
)

// cookiePending names the sign-in of this browser that waits for a code. It is no session: no page opens with it.
const cookiePending = "penstock_pending"

// secondStepPath is where the code is asked for, below the root of a site.
const secondStepPath = "/signin/code"

// enter signs in a user who has proved the password, or asks for what is missing: a code, or that an authenticator is set up.
func (req *requestState) enter(user *store.User, to string) error {
	wait := session.Pending{User: user.Name, Epoch: user.Epoch, Site: req.site.Root, To: to}
	limit := session.CodeLimit
	switch {
	case user.HasTOTP():
	case req.console.config.Authority.MustSetUp(user):
		sealed, err := account.NewSecret(req.console.config.Store, user.Name)
		if err != nil {
			return err
		}
		wait.Secret, limit = sealed, session.SetUpLimit
	default:
		return req.beginSession(user, req.origin(), to)
	}
	token, err := req.console.sessions.Await(req.ctx(), "", wait, limit)
	if err != nil {
		return redisAway(err)
	}
	req.setCookie(cookiePending, token, int(limit.Seconds()))
	if req.fragment() {
		return req.showSecondStep(http.StatusOK, wait, "")
	}
	return req.redirect(req.site.Root + secondStepPath)
}

// pending returns what this browser waits for, and the user; session.ErrNone: nothing, or not at this site, or the user has changed.
func (req *requestState) pending() (token string, wait session.Pending, user *store.User, err error) {
	cookie, err := req.r.Cookie(cookiePending)
	if err != nil {
		return "", wait, nil, session.ErrNone
	}
	wait, err = req.console.sessions.Awaited(req.ctx(), cookie.Value)
	switch {
	case errors.Is(err, session.ErrNone):
		return "", wait, nil, err
	case err != nil:
		return "", wait, nil, redisAway(err)
	}
	user, err = req.console.config.Store.Users().User(req.ctx(), wait.User)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", wait, nil, redisAway(err)
	}
	folders, failed := req.console.config.Store.Folders().View(req.ctx())
	if failed != nil {
		return "", wait, nil, redisAway(failed)
	}
	if err != nil || user.Epoch != wait.Epoch || wait.Site != req.site.Root || req.site.principal(user, folders) == nil || !req.console.takesPassword(user) || user.HasTOTP() != (wait.Secret == "") {
		return "", wait, nil, session.ErrNone
	}
	return cookie.Value, wait, user, nil
}

// secondStepPage asks for the code.
func secondStepPage(req *requestState) error {
	_, wait, _, err := req.pending()
	if errors.Is(err, session.ErrNone) {
		return req.redirect(req.site.Root + "/signin")
	}
	if err != nil {
		return err
	}
	return req.showSecondStep(http.StatusOK, wait, "")
}

func (req *requestState) showSecondStep(status int, wait session.Pending, trouble string) error {
	form := view.SecondStep{Trouble: trouble, Over: req.fragment()}
	if wait.Secret != "" {
		setUp, err := account.SetUp(req.console.config.Store, wait, req.host())
		if err != nil {
			return err
		}
		form.SetUp = setUp
	}
	return req.showStep(status, form)
}

func (req *requestState) showStep(status int, form view.SecondStep) error {
	token := req.formToken()
	req.setCookie(cookieForm, token, 0)
	page := req.page("", language.T(req.ctx(), "Sign in"))
	page.CSRF = session.MaskToken(token)
	if req.fragment() {
		return req.render(status, view.SecondStepForm(page, form))
	}
	return req.render(status, view.SecondStepPage(page, form))
}

// host returns the name of the installation in its address, by which an app tells it from others.
func (req *requestState) host() string {
	u, err := url.Parse(req.console.base(req.r))
	if err != nil {
		return ""
	}
	return u.Host
}

// secondStep signs in a user who has proved the password, and now the code.
func secondStep(req *requestState) error {
	token, wait, user, err := req.pending()
	if errors.Is(err, session.ErrNone) {
		if req.identify() == nil { // the recovery codes were read
			return req.arrived(req.r.PostFormValue("to"))
		}
		return req.showSignIn(http.StatusForbidden, view.SignIn{Trouble: language.T(req.ctx(), "That took more than a few minutes, or too many codes. Please sign in again.")})
	}
	if err != nil {
		return err
	}
	cookie, err := req.r.Cookie(cookieForm)
	if err != nil || !session.ValidCSRF(req.r, cookie.Value) {
		return req.showSecondStep(http.StatusForbidden, wait, language.T(req.ctx(), "The form was out of date. Please try again."))
	}
	if err := req.console.sessions.Try(req.ctx(), token); errors.Is(err, session.ErrNone) {
		return req.showSignIn(http.StatusForbidden, view.SignIn{Trouble: language.T(req.ctx(), "That took more than a few minutes, or too many codes. Please sign in again.")})
	} else if err != nil {
		return redisAway(err)
	}
	if wait.Secret != "" {
		return req.finishSetUp(token, wait, user)
	}
	right, err := req.console.config.Authority.Code(req.ctx(), user, req.r.PostFormValue("code"), req.ip())
	var late *auth.Error
	switch {
	case errors.As(err, &late) && late.Code == auth.CodeSlowDown:
		req.noteRefusal(req.site.actOf("POST "+secondStepPath), user.Name, http.StatusTooManyRequests)
		return req.showSecondStep(http.StatusTooManyRequests, wait, language.T(req.ctx(), "Too many failed attempts. Try again in %s.", max(time.Second, late.Retry.Round(time.Second)).String()))
	case err != nil:
		return err
	case !right:
		req.noteRefusal(req.site.actOf("POST "+secondStepPath), user.Name, http.StatusUnauthorized)
		return req.showSecondStep(http.StatusUnauthorized, wait, language.T(req.ctx(), "This code is wrong, or was used before. Take the one that your app shows now."))
	}
	if done, err := req.done(token); err != nil || !done {
		return err
	}
	if !totp.IsCode(totp.Plain(req.r.PostFormValue("code"))) {
		req.user, req.who = user, auth.UserPrincipal(user, nil)
		req.auditMessage(req.site.actOf("POST "+secondStepPath), user.Name, "with a recovery code")
	}
	return req.beginSession(user, req.origin(), wait.To)
}

// done ends what the browser waits for. false: another request of it did, at the same moment; the browser was sent to where that leads.
func (req *requestState) done(token string) (bool, error) {
	done, err := req.console.sessions.Arrive(req.ctx(), token)
	if err != nil {
		return false, redisAway(err)
	}
	if !done {
		return false, req.redirect(req.site.Root + "/signin")
	}
	req.setCookie(cookiePending, "", -1)
	return true, nil
}

// finishSetUp turns the second factor on, signs the user in, and shows the recovery codes.
func (req *requestState) finishSetUp(token string, wait session.Pending, user *store.User) error {
	set := account.Factors{Users: req.console.config.Store.Users(), Sealer: req.console.config.Store, Authority: req.console.config.Authority, Now: req.console.config.Now}
	changed, codes, err := set.TurnOn(req.ctx(), user, wait.Secret, req.r.PostFormValue("code"))
	switch {
	case errors.Is(err, account.ErrWrongCode):
		return req.showSecondStep(http.StatusUnprocessableEntity, wait, language.T(req.ctx(), "This is not the code that the app shows now. Check the clock of your phone."))
	case err != nil:
		return err
	}
	if done, err := req.done(token); err != nil || !done {
		return err
	}
	req.user, req.who = changed, auth.UserPrincipal(changed, nil)
	req.audit(req.site.actOf("POST "+secondStepPath), changed.Name)
	if _, err := req.startSession(changed, req.origin()); err != nil {
		return err
	}
	return req.showStep(http.StatusOK, view.SecondStep{Codes: codes, To: req.site.safeDestination(wait.To), Over: req.fragment()})
}

// arrived sends a browser that is signed in to a page; one that signed in over a page stays there.
func (req *requestState) arrived(to string) error {
	if req.fragment() {
		req.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return req.redirect(req.site.safeDestination(to))
}
