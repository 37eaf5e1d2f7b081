package console

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/oidc"
	"github.com/penstock/penstock/store"
)

// signOnLogout is where the provider reports sign-outs, below the root of the console (OpenID Connect Back-Channel Logout 1.0).
const signOnLogout = "/signin/provider/logout"

// providerLogout ends the sessions of a person who has signed out at the provider, on both sites. The provider calls it, not a browser.
func providerLogout(req *requestState) error {
	out, err := req.console.config.SignOn.Logout(req.ctx(), req.r.PostFormValue("logout_token"))
	var away *oidc.AwayError
	var refused *oidc.RefusedError
	switch {
	case errors.As(err, &away):
		return req.answerProvider(http.StatusServiceUnavailable, err)
	case errors.As(err, &refused):
		return req.answerProvider(http.StatusBadRequest, err)
	case err != nil:
		return err
	}
	issuer := req.console.config.SignOn.Issuer()
	first, err := req.console.config.Store.Tokens().MarkUsed(req.ctx(), "logout:"+issuer, out.ID, oidc.LogoutAge)
	if err != nil {
		return redisAway(err)
	}
	if !first {
		return req.answerProvider(http.StatusBadRequest, errors.New("logout token: it was sent before"))
	}
	user, err := req.personOf(issuer, out)
	if errors.Is(err, store.ErrNotFound) { // nobody is signed in
		return req.answerProvider(http.StatusOK, nil)
	}
	if err != nil {
		return err
	}
	n, err := req.console.sessions.EndAt(req.ctx(), user.Name, out.SID)
	if err != nil {
		return redisAway(err)
	}
	if n > 0 {
		req.user, req.who = user, auth.UserPrincipal(user, nil)
		req.audit("POST "+Root+signOnLogout, user.Name)
	}
	return req.answerProvider(http.StatusOK, nil)
}

// personOf returns the user whom a sign-out is about; store.ErrNotFound: none.
func (req *requestState) personOf(issuer string, out *oidc.Logout) (*store.User, error) {
	users := req.console.config.Store.Users()
	if out.Subject != "" {
		return users.External(req.ctx(), store.External{Issuer: issuer, Subject: out.Subject})
	}
	name, err := req.console.sessions.UserAt(req.ctx(), out.SID)
	if err != nil {
		return nil, redisAway(err)
	}
	return users.User(req.ctx(), name)
}

// answerProvider answers the provider. A failure is in the log, too.
func (req *requestState) answerProvider(status int, failure error) error {
	if failure == nil {
		req.w.WriteHeader(status)
		return nil
	}
	req.console.config.Log.LogAttrs(req.ctx(), slog.LevelWarn, "sign-out at the provider", slog.String("request_id", req.w.Header().Get(headerRequestID)), slog.String("error", failure.Error()))
	req.w.Header().Set("Content-Type", "application/json")
	req.send(status, []byte(`{"error":"invalid_request"}`))
	return nil
}
