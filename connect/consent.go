package connect

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/store"
)

// Consent is the authorization of a connection by a person in a browser (RFC 6749, section 4.1), which gives the
// connection a refresh token.
type Consent struct {
	Redirect string // URL to which the server redirects the browser; registered there
	State    string // random; returned by the browser
	Verifier string // PKCE code verifier (RFC 7636): 43 to 128 random characters
}

// checkConsent checks that the settings have a refresh token, or an authorize_url to get one.
func checkConsent(s settings) error {
	if s.Text["authorize_url"] == "" {
		if s.Text["refresh_token"] == "" {
			return errors.New("refresh_token is missing, or authorize_url to get one by authorising")
		}
		return nil
	}
	_, err := address(s, "authorize_url")
	return err
}

// Consents reports whether a person can authorize the connection.
func Consents(c *store.Connection) bool { return c.Settings["authorize_url"] != "" }

// URL returns the URL for the person's browser.
func (k Consent) URL(c *store.Connection) (string, error) {
	s, err := consentSettings(c)
	if err != nil {
		return "", err
	}
	u, err := address(s, "authorize_url")
	if err != nil {
		return "", err
	}
	q := u.Query()
	q.Set("response_type", "code")
	q.Set("client_id", s.Text["client_id"])
	q.Set("redirect_uri", k.Redirect)
	q.Set("state", k.State)
	sum := sha256.Sum256([]byte(k.Verifier))
	q.Set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]))
	q.Set("code_challenge_method", "S256")
	for _, name := range []string{"scope", "audience", "resource"} {
		if v := s.Text[name]; v != "" {
			q.Set(name, v)
		}
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func consentSettings(c *store.Connection) (settings, error) {
	if !Consents(c) {
		return settings{}, errors.New("the connection has no authorize_url")
	}
	t, err := typeNamed(nil, oauthRefreshType().Name)
	if err != nil {
		return settings{}, err
	}
	return read(withPlaceholders(c, t), t)
}

// Redeem exchanges the code from the browser for a refresh token. The error is written for the owner of the
// connection and contains no secret.
func (r *Resolver) Redeem(ctx context.Context, c *store.Connection, k Consent, code string) (refreshToken string, err error) {
	c, _, err = r.withReferences(ctx, c)
	if err != nil {
		return "", err
	}
	s, err := consentSettings(c)
	if err != nil {
		return "", err
	}
	ask, err := r.endpoint(s)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {k.Redirect}, "code_verifier": {k.Verifier}}
	if v := s.Text["resource"]; v != "" {
		form.Set("resource", v)
	}
	answer, err := ask.request(ctx, form)
	switch {
	case err != nil:
		return "", server.Unreachable(c.Name, "its token endpoint", err)
	case answer.failure != "":
		return "", server.Failure(c.Name, "its token endpoint %s", answer.failure)
	case answer.refresh == "":
		return "", server.Failure(c.Name, "its token endpoint gave no refresh token: servers want the scope offline_access, or access_type=offline in authorize_url")
	}
	return answer.refresh, nil
}
