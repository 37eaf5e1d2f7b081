package connect

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/store"
)

// tokenFields are the fields common to all OAuth types.
func tokenFields(own ...Field) []Field {
	return append(own,
		Field{Name: "token_url", Required: true, Summary: "Token endpoint, https:// (http:// on loopback only)."},
		Field{Name: "scope", Summary: "Requested scopes, separated by spaces."},
		Field{Name: "audience", Summary: "`audience` parameter, if the server requires one."},
		Field{Name: "resource", Summary: "`resource` parameter (RFC 8707), if the server requires one."},
		Field{Name: "token_params", Kind: FieldPairs, Secret: true, Summary: "Further parameters of the token request, one per line: `account_id: …`."},
		Field{Name: "base", Summary: "Base of the URL of a step that begins with `/`, with members of the token's answer in braces, such as Salesforce's `{instance_url}`. It must be on one of the hosts."},
		Field{Name: "headers", Kind: FieldPairs, Summary: "Headers with members of the token's answer in braces, one per line: `X-Tenant: {tenant.id}`."},
	)
}

// clientFields identify the client; not all grants need one.
func clientFields(required bool) []Field {
	return append([]Field{
		{Name: "client_id", Required: required, Summary: "Client identifier."},
		{Name: "client_secret", Secret: true, Summary: "Client secret."},
		{Name: "client_auth", Kind: FieldChoice, Choices: []string{"basic", authBody, authPrivateKeyJWT}, Default: "basic", Summary: "Client authentication: `basic` (HTTP Basic), `body` (in the request body) or `private_key_jwt` (signed with a key, without a secret)."},
	}, clientKeyFields()...)
}

func oauthClientType() Type {
	return Type{
		Name: "oauth2_client", Summary: "OAuth 2.0 client credentials (RFC 6749, section 4.4).", Pinned: true,
		Fields: tokenFields(append(clientFields(true),
			Field{Name: "grant_type", Default: "client_credentials", Summary: "Grant, for servers with one of their own, such as Zoom's `account_credentials`."},
		)...),
		open: func(r *Resolver, s settings) (any, error) {
			return r.oauth(s, func(string) (url.Values, error) {
				return url.Values{"grant_type": {s.Text["grant_type"]}}, nil
			})
		},
	}
}

func oauthRefreshType() Type {
	return Type{
		Name: "oauth2_refresh", Summary: "OAuth 2.0 refresh token (RFC 6749, section 6), given here or obtained by authorising in the console (section 4.1).", Pinned: true,
		Fields: tokenFields(append(clientFields(true),
			Field{Name: "authorize_url", Summary: "Authorization endpoint, https:// (http:// on loopback only), with parameters that the server requires, such as `?access_type=offline`. It lets a user obtain the refresh token by authorising in the console."},
			Field{Name: "refresh_token", Secret: true, Summary: "Refresh token; required without authorize_url. A new one from the server replaces it."},
		)...),
		open: func(r *Resolver, s settings) (any, error) {
			if err := checkConsent(s); err != nil {
				return nil, err
			}
			return r.oauth(s, func(replaced string) (url.Values, error) {
				token := cmp.Or(replaced, s.Text["refresh_token"])
				if token == "" {
					return nil, errors.New("it has not been authorised yet: authorise it in the console under Connections")
				}
				return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, nil
			})
		},
	}
}

func oauthPasswordType() Type {
	return Type{
		Name: "oauth2_password", Summary: "OAuth 2.0 resource owner password (RFC 6749, section 4.3), for servers without other grants.", Pinned: true,
		Fields: tokenFields(append(clientFields(false),
			Field{Name: "username", Required: true, Summary: "User name."},
			Field{Name: "password", Required: true, Secret: true, Summary: "Password."},
		)...),
		open: func(r *Resolver, s settings) (any, error) {
			return r.oauth(s, func(string) (url.Values, error) {
				return url.Values{"grant_type": {"password"}, "username": {s.Text["username"]}, "password": {s.Text["password"]}}, nil
			})
		},
	}
}

// oauth returns the connection of a grant. form returns the parameters of the grant; replaced is the latest refresh
// token of the server, empty if none.
func (r *Resolver) oauth(s settings, form func(replaced string) (url.Values, error)) (any, error) {
	ask, err := r.endpoint(s)
	if err != nil {
		return nil, err
	}
	common, err := tokenParams(s)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"scope", "audience", "resource"} {
		if v := s.Text[name]; v != "" {
			common.Set(name, v)
		}
	}
	answered, err := newAnswered(s)
	if err != nil {
		return nil, err
	}
	source := &tokens{
		conn: s.conn, rotated: r.rotation(s.conn), grants: r.grants, log: r.config.Log, what: "its token endpoint", fields: answered.fields(),
		request: func(ctx context.Context, replaced string) (*tokenResponse, bool, error) {
			values, err := form(replaced)
			if err != nil {
				return nil, false, server.Failure(s.conn.Name, "%v", err)
			}
			maps.Copy(values, common)
			answer, err := ask.request(ctx, values)
			return answer, values.Get("grant_type") == "refresh_token", err
		},
	}
	set := func(req *http.Request, g *store.Grant) {
		setBearer(req, g)
		answered.setHeaders(req, g)
	}
	p := &pinned{wrap: func(base http.RoundTripper) http.RoundTripper { return bearer{base, source, set} }}
	if answered.base != "" {
		p.base = func(ctx context.Context) (string, error) {
			g, _, err := source.token(ctx, "")
			if err != nil {
				return "", err
			}
			return fillAnswer(answered.base, g), nil
		}
	}
	return p.sets(append(answered.headerNames(), "Authorization")...), nil
}

// endpoint returns the token endpoint of the settings.
func (r *Resolver) endpoint(s settings) (endpoint, error) {
	target, err := address(s, "token_url")
	if err != nil {
		return endpoint{}, err
	}
	assertion, err := clientAssertion(s)
	return endpoint{
		target: target, http: r.config.HTTP, assertion: assertion,
		client: s.Text["client_id"], secret: s.Text["client_secret"], inBody: s.Text["client_auth"] == authBody,
	}, err
}

// address parses a setting with the URL of an endpoint.
func address(s settings, name string) (*url.URL, error) {
	u, err := url.Parse(s.Text[name])
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || !confidential(u) {
		return nil, errors.New(name + " is no https:// address (http:// is for loopback only)")
	}
	return u, nil
}

// confidential reports whether requests to u are encrypted or stay on this machine.
func confidential(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname())
}
