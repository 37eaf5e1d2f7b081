package console

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

const (
	cookieSession = "penstock_session"
	cookieForm    = "penstock_signin" // binds the sign-in form to the browser to which it was sent
)

// redirectToSignIn sends the browser to the sign-in form, which returns here afterwards. A part of a page and an event stream get
// 401: the script of the page signs in over it.
func (req *requestState) redirectToSignIn() error {
	to := req.site.Root + "/signin"
	if req.r.Method == http.MethodGet && !req.fragment() && req.r.URL.Path != req.site.Root+"/" {
		to += "?to=" + url.QueryEscape(req.r.URL.RequestURI())
	}
	if req.fragment() {
		req.w.Header().Set("HX-Redirect", to)
		req.w.WriteHeader(http.StatusUnauthorized)
		return nil
	}
	if strings.Contains(req.r.Header.Get("Accept"), "text/event-stream") {
		req.w.WriteHeader(http.StatusUnauthorized)
		return nil
	}
	http.Redirect(req.w, req.r, to, http.StatusSeeOther)
	return nil
}

// signInPage shows the sign-in form, or redirects a signed-in user.
func signInPage(req *requestState) error {
	err := req.identify()
	if err == nil && req.fragment() {
		req.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if err == nil {
		return req.redirect(req.site.safeDestination(req.r.URL.Query().Get("to")))
	}
	if !errors.Is(err, session.ErrNone) {
		return err
	}
	return req.showSignIn(http.StatusOK, view.SignIn{To: req.r.URL.Query().Get("to"), User: req.r.URL.Query().Get("user")})
}

func (req *requestState) showSignIn(status int, form view.SignIn) error {
	token := req.formToken()
	req.setCookie(cookieForm, token, 0)
	page := req.page("", language.T(req.ctx(), "Sign in"))
	page.CSRF = session.MaskToken(token)
	form.Over = req.fragment()
	if on := req.console.config.SignOn; on != nil {
		form.Provider, form.Passwords = on.Name(), on.TakesPasswords()
	}
	if req.fragment() {
		return req.render(status, view.SignInForm(page, form))
	}
	return req.render(status, view.SignInPage(page, form))
}

// formToken returns the token of the browser's sign-in forms: several may be open, in windows and over pages, and each can be sent.
func (req *requestState) formToken() string {
	if cookie, err := req.r.Cookie(cookieForm); err == nil && madeHere.MatchString(cookie.Value) {
		return cookie.Value
	}
	return rand.Text()
}

// madeHere is the form of rand.Text.
var madeHere = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// safeDestination returns the page to show after signing in: to if it is a path of the site, else its first page. It
// prevents open redirects.
func (s *site) safeDestination(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, s.Root+"/") || strings.HasPrefix(to, "//") || strings.Contains(to, `\`) {
		return s.Root + "/"
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." { // browsers resolve dot segments, percent-encoded ones too
			return s.Root + "/"
		}
	}
	return to
}

// signIn starts a session if the password is right and the user may use the site.
func signIn(req *requestState) error {
	cookie, err := req.r.Cookie(cookieForm)
	if err != nil || !session.ValidCSRF(req.r, cookie.Value) {
		return req.showSignIn(http.StatusForbidden, view.SignIn{To: req.r.PostFormValue("to"), Trouble: language.T(req.ctx(), "The form was out of date. Please try again.")})
	}
	form := view.SignIn{To: req.r.PostFormValue("to"), User: req.r.PostFormValue("user")}
	folders, err := req.console.config.Store.Folders().View(req.ctx())
	if err != nil {
		return err
	}
	user, err := req.console.config.Authority.User(req.ctx(), form.User, req.r.PostFormValue("password"), req.ip())
	var late *auth.Error
	switch {
	case errors.As(err, &late) && late.Code == auth.CodeSlowDown:
		req.noteRefusal(req.site.actOf("POST /signin"), req.claimed(form.User), http.StatusTooManyRequests)
		form.Trouble = language.T(req.ctx(), "Too many failed attempts. Try again in %s.", max(time.Second, late.Retry.Round(time.Second)).String())
		return req.showSignIn(http.StatusTooManyRequests, form)
	case err != nil:
		return err
	case user == nil || req.site.principal(user, folders) == nil || !req.console.takesPassword(user):
		form.Trouble = language.T(req.ctx(), req.site.denied)
		req.noteRefusal(req.site.actOf("POST /signin"), req.claimed(form.User), http.StatusUnauthorized)
		return req.showSignIn(http.StatusUnauthorized, form)
	}
	return req.enter(user, form.To)
}

// takesPassword reports whether a user may sign in with a password.
func (c *Console) takesPassword(user *store.User) bool {
	return c.config.SignOn == nil || c.config.SignOn.PasswordsFor(user.Name, c.config.AdminUser)
}

// claimed returns the user whom somebody claims to be; empty: there is none of this name. Other names are left out of the audit log,
// because people enter passwords in their place.
func (req *requestState) claimed(name string) string {
	u, err := req.console.config.Store.Users().User(req.ctx(), name)
	if err != nil {
		return ""
	}
	return u.Name
}

// origin returns where the session of the browser is from.
func (req *requestState) origin() session.Origin {
	return session.Origin{Site: req.site.Root, IP: req.ip(), Device: req.r.UserAgent()}
}

// showSession answers with the user of the session and a token for its writes, for a page that another session has made.
func showSession(req *requestState) error {
	text, err := json.Marshal(struct {
		User string `json:"user"`
		CSRF string `json:"csrf"`
	}{req.user.Name, session.MaskToken(req.session.CSRF)})
	if err != nil {
		return fmt.Errorf("encode session: %w", err)
	}
	req.w.Header().Set("Content-Type", "application/json")
	req.send(http.StatusOK, text)
	return nil
}

// signOut ends the session.
func signOut(req *requestState) error {
	if err := req.console.sessions.End(req.ctx(), req.session.Token); err != nil {
		return redisAway(err)
	}
	req.console.known.Forget(req.session.Token)
	req.setCookie(cookieSession, "", -1)
	if on := req.console.config.SignOn; on != nil && req.session.IDToken != "" {
		if to := on.SignOut(req.ctx(), req.session.IDToken, req.console.base(req.r)+req.site.Root+"/signin"); to != "" {
			return req.render(http.StatusOK, view.SignedOut(req.page("", language.T(req.ctx(), "You are signed out")), on.Name(), to))
		}
	}
	return req.redirect(req.site.Root + "/signin")
}
