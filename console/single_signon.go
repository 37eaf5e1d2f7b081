package console

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/oidc"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// cookieAttempt begins the names of the cookies with sign-ins that have begun at the provider; the state follows, so that several
// windows may sign in at once.
const cookieAttempt = "penstock_attempt_"

// signOnPath is where a sign-in at the provider begins, and signOnCallback is where it ends; both are below the root of a site.
const (
	signOnPath     = "/signin/provider"
	signOnCallback = "/signin/callback"
)

// redirectURI returns the address to which the provider sends the browser back.
func (req *requestState) redirectURI() string {
	return req.console.base(req.r) + req.site.Root + signOnCallback
}

// signOn sends the browser to the provider.
func signOn(req *requestState) error {
	attempt, to, err := req.console.config.SignOn.Begin(req.ctx(), req.redirectURI(), req.site.safeDestination(req.r.URL.Query().Get("to")))
	if err != nil {
		return req.refuseSignOn(err)
	}
	text, err := json.Marshal(attempt)
	if err != nil {
		return err
	}
	req.setCookie(cookieAttempt+attempt.State, base64.RawURLEncoding.EncodeToString(text), int(oidc.AttemptLimit.Seconds()))
	http.Redirect(req.w, req.r, to, http.StatusSeeOther)
	return nil
}

// attempt takes the sign-in that this browser has begun with the state of the request; the zero value: it has begun none.
func (req *requestState) attempt() (a oidc.Attempt) {
	state := req.r.URL.Query().Get("state")
	if !madeHere.MatchString(state) {
		return a
	}
	cookie, err := req.r.Cookie(cookieAttempt + state)
	if err != nil {
		return a
	}
	req.setCookie(cookie.Name, "", -1)
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil || json.Unmarshal(text, &a) != nil {
		return oidc.Attempt{}
	}
	return a
}

// finishSignOn starts a session for the person whom the provider has let in.
func finishSignOn(req *requestState) error {
	provider, attempt := req.console.config.SignOn, req.attempt()
	id, err := provider.Finish(req.ctx(), attempt, req.redirectURI(), req.r.URL.Query())
	if err != nil {
		return req.refuseSignOn(err)
	}
	users := req.console.config.Store.Users()
	known := provider.UserOf(req.ctx(), users, id)
	req.before = recordBefore{audit.KindUser, known, req.recordReader().Read(req.ctx(), audit.KindUser, known)}
	folders, err := req.console.config.Store.Folders().View(req.ctx())
	if err != nil {
		return err
	}
	id.Granted = len(auth.GrantedScopes(folders, string(auth.KindUser)+":"+known, id.Groups)) > 0
	user, changed, err := provider.Enter(req.ctx(), users, id)
	if changed {
		req.user, req.who = user, auth.UserPrincipal(user, nil)
		req.audit("GET "+req.site.Root+signOnCallback, user.Name)
	}
	if err != nil {
		return req.refuseSignOn(err)
	}
	if req.site.principal(user, folders) == nil {
		return req.refuseSignOn(&oidc.RefusedError{Reason: oidc.ReasonNoRole, Detail: "no role of the user " + user.Name + " is for " + req.site.Root})
	}
	origin := req.origin()
	origin.IDToken, origin.SID = id.IDToken, id.SID
	return req.beginSession(user, origin, attempt.To)
}

// refuseSignOn shows the sign-in form with the reason why a sign-in at the provider failed. Other errors are returned.
func (req *requestState) refuseSignOn(err error) error {
	var away *oidc.AwayError
	var refused *oidc.RefusedError
	name := req.console.config.SignOn.Name()
	status, text := http.StatusForbidden, ""
	switch {
	case errors.As(err, &away):
		status, text = http.StatusBadGateway, language.T(req.ctx(), "%s does not answer as it should. Try again in a moment; the log of the server says more.", name)
	case !errors.As(err, &refused):
		return err
	default:
		text = req.refusal(refused.Reason, name)
		req.noteRefusal("GET "+req.site.Root+signOnCallback, "", status)
	}
	req.console.config.Log.LogAttrs(req.ctx(), slog.LevelWarn, "sign-in at the provider", slog.String("request_id", req.w.Header().Get(headerRequestID)), slog.String("error", err.Error()))
	return req.showSignIn(status, view.SignIn{To: req.r.URL.Query().Get("to"), Trouble: text})
}

// refusal says why somebody may not sign in.
func (req *requestState) refusal(reason oidc.Reason, name string) string {
	switch reason {
	case oidc.ReasonStale:
		return language.T(req.ctx(), "This sign-in was not begun in this browser, or more than 15 minutes ago. Please try again.")
	case oidc.ReasonNoRole:
		return language.T(req.ctx(), "%s knows you, but none of your groups gives you a role here. Ask your administrator.", name)
	case oidc.ReasonName:
		return language.T(req.ctx(), "%s does not say by which name you are known here. Ask your administrator; the log of the server says more.", name)
	case oidc.ReasonTaken:
		return language.T(req.ctx(), "There is another user of your name here, who signs in with a password. Ask your administrator.")
	case oidc.ReasonDisabled:
		return language.T(req.ctx(), "Your user is disabled here. Ask your administrator.")
	default:
		return language.T(req.ctx(), "%s did not let you in. Try again, or ask your administrator; the log of the server says more.", name)
	}
}

// beginSession signs a user in, in place of who was signed in before in this browser.
func (req *requestState) beginSession(user *store.User, from session.Origin, to string) error {
	if _, err := req.startSession(user, from); err != nil {
		return err
	}
	return req.arrived(to) // over a page, it stays
}

// startSession is beginSession without an answer.
func (req *requestState) startSession(user *store.User, from session.Origin) (*session.Session, error) {
	s, err := req.console.sessions.Begin(req.ctx(), user.Name, user.Epoch, from)
	if err != nil {
		return nil, err
	}
	if old, err := req.r.Cookie(cookieSession); err == nil { // its cookie is replaced, so that nobody could end it
		if err := req.console.sessions.End(req.ctx(), old.Value); err != nil {
			return nil, err
		}
	}
	if user.Preferences.Theme != "" {
		req.setTheme(user.Preferences.Theme)
	}
	req.setCookie(cookieForm, "", -1)
	req.setCookie(cookieSession, s.Token, int(session.LifeLimit.Seconds()))
	return s, nil
}
