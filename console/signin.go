package console

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/view"
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
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." { // browsers resolve them, encoded or not
			return Root + "/"
		}
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
	user, err := x.console.config.Authority.User(x.ctx(), form.User, x.r.PostFormValue("password"), x.ip())
	var late *auth.Error
	switch {
	case errors.As(err, &late) && late.Code == auth.CodeSlowDown:
		form.Trouble = fmt.Sprintf("Too many failed attempts. Try again in %s.", max(time.Second, late.Retry.Round(time.Second)))
		return x.showSignIn(http.StatusTooManyRequests, form)
	case err != nil:
		return err
	case user == nil || len(rolesHere(user)) == 0:
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

// signOut ends the session.
func signOut(x *exchange) error {
	if err := x.console.sessions.end(x.ctx(), x.session.token); err != nil {
		return err
	}
	x.setCookie(cookieSession, "", -1)
	return x.redirect(Root + "/signin")
}
