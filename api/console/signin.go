package console

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"penstock/api/console/view"
	"penstock/internal/store"
)

const (
	cookieSession = "penstock_session"
	cookieForm    = "penstock_signin" // binds the sign-in form to the browser that it was shown to
)

// askToSignIn sends the browser to the form, and back here afterwards.
func (x *exchange) askToSignIn() error {
	to := Root + "/signin"
	if x.r.Method == http.MethodGet && !x.fragment() && x.r.URL.Path != Root+"/" {
		to += "?to=" + url.QueryEscape(x.r.URL.RequestURI())
	}
	if x.fragment() {
		x.w.Header().Set("HX-Redirect", to)
		x.w.WriteHeader(http.StatusUnauthorized)
		return nil
	}
	http.Redirect(x.w, x.r, to, http.StatusSeeOther)
	return nil
}

// signInPage shows the form, unless somebody is signed in.
func signInPage(x *exchange) error {
	err := x.identify()
	if err == nil {
		return x.redirect(destination(x.r.URL.Query().Get("to")))
	}
	if !errors.Is(err, errNoSession) {
		return err
	}
	return x.showSignIn(http.StatusOK, view.SignIn{To: x.r.URL.Query().Get("to")})
}

func (x *exchange) showSignIn(status int, form view.SignIn) error {
	token := rand.Text()
	x.setCookie(cookieForm, token, 0)
	page := x.page("", "Sign in")
	page.CSRF = mask(token)
	return x.show(status, view.SignInPage(page, form))
}

// destination is where a sign-in leads: to a page of the console.
func destination(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, Root+"/") || strings.HasPrefix(to, "//") || strings.Contains(to, `\`) {
		return Root + "/"
	}
	return to
}

// signIn begins a session for who knows a user's password.
func signIn(x *exchange) error {
	cookie, err := x.r.Cookie(cookieForm)
	if err != nil || !genuine(x.r, cookie.Value) {
		return x.showSignIn(http.StatusForbidden, view.SignIn{To: x.r.PostFormValue("to"), Trouble: "The form was out of date. Please try again."})
	}
	form := view.SignIn{To: x.r.PostFormValue("to"), User: x.r.PostFormValue("user")}
	user, err := x.prove(form.User, x.r.PostFormValue("password"))
	var late *tooSoon
	switch {
	case errors.As(err, &late):
		form.Trouble = fmt.Sprintf("Too many failed attempts. Try again in %s.", late.wait.Round(time.Second))
		return x.showSignIn(http.StatusTooManyRequests, form)
	case err != nil:
		return err
	case user == nil:
		form.Trouble = "The name or the password is wrong, or the user has no role in the console."
		return x.showSignIn(http.StatusUnauthorized, form)
	}
	s, err := x.console.sessions.begin(x.ctx(), user.Name, user.Epoch)
	if err != nil {
		return err
	}
	x.setCookie(cookieForm, "", -1)
	x.setCookie(cookieSession, s.token, int(lifeLimit/time.Second))
	return x.redirect(destination(form.To))
}

// tooSoon says that a password came too soon after too many wrong ones.
type tooSoon struct{ wait time.Duration }

func (t *tooSoon) Error() string { return "too many failed attempts" }

// prove returns the user that a name and password prove, nil when they prove
// nobody who may use the console. Which of the two is not told, nor does it
// show in the time that it takes.
func (x *exchange) prove(name, secret string) (*store.User, error) {
	config, as := x.console.config, "user:"+name
	user, err := config.Store.Users().User(x.ctx(), name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	hash := ""
	if user != nil {
		hash = user.Hash
	}
	right, err := config.Hasher.Matches(x.ctx(), hash, secret, func() error {
		delay, err := config.Backoff.Delay(x.ctx(), as, x.ip())
		if err == nil && delay.Longest() > 0 {
			err = &tooSoon{delay.Longest()}
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !right:
		return nil, config.Backoff.Fail(x.ctx(), as, x.ip())
	}
	if err := config.Backoff.Succeed(x.ctx(), as, x.ip()); err != nil || len(rolesHere(user)) == 0 {
		return nil, err
	}
	return user, nil
}

// signOut ends the session.
func signOut(x *exchange) error {
	if err := x.console.sessions.end(x.ctx(), x.session.token); err != nil {
		return err
	}
	x.setCookie(cookieSession, "", -1)
	return x.redirect(Root + "/signin")
}
