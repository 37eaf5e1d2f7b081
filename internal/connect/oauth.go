package connect

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// tokenFields are those that all OAuth types share.
func tokenFields(own ...Field) []Field {
	return append(own,
		Field{Name: "token_url", Required: true, Summary: "Token endpoint, https:// (http:// on loopback only)."},
		Field{Name: "scope", Summary: "Scopes to ask for, separated by spaces."},
		Field{Name: "audience", Summary: "`audience` parameter, where the server wants one."},
		Field{Name: "resource", Summary: "`resource` parameter (RFC 8707), where the server wants one."},
	)
}

// clientFields identify the client; not all grants need one.
func clientFields(required bool) []Field {
	return []Field{
		{Name: "client_id", Required: required, Summary: "Client identifier."},
		{Name: "client_secret", Secret: true, Summary: "Client secret."},
		{Name: "client_auth", Kind: FieldChoice, Choices: []string{"basic", "body"}, Default: "basic", Summary: "How the client proves itself: HTTP Basic, or in the body of the request."},
	}
}

func oauthClientType() Type {
	return Type{
		Name: "oauth2_client", Summary: "OAuth 2.0 client credentials (RFC 6749, section 4.4).", Pinned: true,
		Fields: tokenFields(clientFields(true)...),
		open: func(r *Resolver, s settings) (any, error) {
			return r.oauth(s, func(string) (url.Values, error) {
				return url.Values{"grant_type": {"client_credentials"}}, nil
			})
		},
	}
}

func oauthRefreshType() Type {
	refresh := Field{Name: "refresh_token", Required: true, Secret: true, Summary: "Refresh token; one that replaces it is kept in its place."}
	return Type{
		Name: "oauth2_refresh", Summary: "OAuth 2.0 refresh token (RFC 6749, section 6).", Pinned: true,
		Fields: tokenFields(append(clientFields(true), refresh)...),
		open: func(r *Resolver, s settings) (any, error) {
			return r.oauth(s, func(replaced string) (url.Values, error) {
				token := s.text["refresh_token"]
				if replaced != "" {
					token = replaced
				}
				return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, nil
			})
		},
	}
}

func oauthPasswordType() Type {
	return Type{
		Name: "oauth2_password", Summary: "OAuth 2.0 resource owner password (RFC 6749, section 4.3), for servers that offer nothing else.", Pinned: true,
		Fields: tokenFields(append(clientFields(false),
			Field{Name: "username", Required: true, Summary: "User name."},
			Field{Name: "password", Required: true, Secret: true, Summary: "Password."},
		)...),
		open: func(r *Resolver, s settings) (any, error) {
			return r.oauth(s, func(string) (url.Values, error) {
				return url.Values{"grant_type": {"password"}, "username": {s.text["username"]}, "password": {s.text["password"]}}, nil
			})
		},
	}
}

// oauth makes the connection of a grant. form says the grant's own
// parameters; replaced is the refresh token that came last, if any did.
func (r *Resolver) oauth(s settings, form func(replaced string) (url.Values, error)) (any, error) {
	target, err := url.Parse(s.text["token_url"])
	if err != nil || target.Host == "" || target.User != nil || target.Fragment != "" || !confidential(target) {
		return nil, errors.New("token_url is no https:// address (http:// is for loopback only)")
	}
	common := url.Values{}
	for _, name := range []string{"scope", "audience", "resource"} {
		if v := s.text[name]; v != "" {
			common.Set(name, v)
		}
	}
	source := &tokens{
		conn: s.conn, grants: r.grants, log: r.config.Log,
		endpoint: endpoint{
			target: target, http: r.config.HTTP,
			client: s.text["client_id"], secret: s.text["client_secret"], inBody: s.text["client_auth"] == "body",
		},
		form: func(replaced string) (url.Values, error) {
			values, err := form(replaced)
			if err == nil {
				maps.Copy(values, common)
			}
			return values, err
		},
	}
	return &pinned{wrap: func(base http.RoundTripper) http.RoundTripper { return bearer{base, source} }}, nil
}

// confidential reports whether what is sent to u cannot be read on the way.
func confidential(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname())
}
