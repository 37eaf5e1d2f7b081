package oidc

import (
	"context"
	"slices"
	"time"
)

const (
	// logoutEvent says what a logout token is for (OpenID Connect Back-Channel Logout 1.0, section 2.4).
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	// LogoutAge is how old a logout token may be, and so how long its jti has to be known.
	LogoutAge = 10 * time.Minute
	// ahead is how far the provider's clock may be ahead.
	ahead = time.Minute
)

// Logout is a sign-out that the provider reports: of all sessions of a person, or of one.
type Logout struct {
	ID      string // jti: it counts once, which the caller checks
	Subject string // empty: SID alone says whose
	SID     string // of one session there; empty: all
}

// Logout verifies a logout token. Errors: *RefusedError, *AwayError.
func (p *Provider) Logout(ctx context.Context, token string) (*Logout, error) {
	refuse := func(detail string) (*Logout, error) {
		return nil, &RefusedError{ReasonToken, "logout token: " + detail}
	}
	if len(token) > maxIDToken {
		return refuse("it is too long")
	}
	claims, err := p.tokens.Claims(ctx, token)
	if err != nil {
		return nil, err
	}
	text := func(name string) string {
		said, _ := claims[name].(string)
		return said
	}
	out := &Logout{text("jti"), text("sub"), text("sid")}
	events, _ := claims["events"].(map[string]any)
	_, isLogout := events[logoutEvent].(map[string]any)
	_, hasNonce := claims["nonce"]
	seconds, _ := claims["iat"].(float64)
	issued, now := time.Unix(int64(seconds), 0), p.now()
	switch {
	case !slices.Contains(texts(claims["aud"]), p.settings.ClientID):
		return refuse("it is for another client")
	case !isLogout:
		return refuse("it has no logout event")
	case hasNonce: // an ID token is none
		return refuse("it has a nonce")
	case out.ID == "":
		return refuse("it has no jti")
	case out.Subject == "" && out.SID == "":
		return refuse("it has neither sub nor sid")
	case issued.Before(now.Add(-LogoutAge)) || issued.After(now.Add(ahead)):
		return refuse("its iat is not of now")
	}
	return out, nil
}
