package api

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"penstock/api/auth"
	"penstock/internal/store"
	"penstock/internal/strictjson"
)

// oauthParams are the parameters that OAuth endpoints read. In a query string
// they would end up in logs and histories. Read only.
var oauthParams = []string{
	"grant_type", "username", "password", "client_id", "client_secret", "assertion", "scope", "token", "token_type_hint",
	"subject_token", "subject_token_type", "actor_token", "actor_token_type", "requested_subject",
}

// isOAuth reports whether a request is for an endpoint whose errors are those
// of RFC 6749.
func isOAuth(c *gin.Context) bool {
	path := c.Request.URL.Path
	return path == auth.PathIntrospect || path == auth.PathRevoke ||
		slices.ContainsFunc(auth.Endpoints, func(e *auth.Endpoint) bool { return slices.Contains(e.Paths, path) })
}

// mountOAuth adds the endpoints that issue, describe and kill tokens.
func (a *API) mountOAuth(e *gin.Engine) {
	for _, endpoint := range auth.Endpoints {
		for _, path := range endpoint.Paths {
			e.POST(path, a.limitAddress, a.token(endpoint))
		}
	}
	e.POST(auth.PathIntrospect, a.limitAddress, a.introspect)
	e.POST(auth.PathRevoke, a.limitAddress, a.revoke)
	e.GET(auth.PathMetadata, a.metadata)
}

// token answers the token endpoint of a product.
func (a *API) token(endpoint *auth.Endpoint) gin.HandlerFunc {
	return func(c *gin.Context) {
		r, err := a.tokenRequest(c, endpoint)
		if err != nil {
			a.fail(c, err)
			return
		}
		answer, err := a.config.Authority.Token(c.Request.Context(), r)
		if err == nil {
			err = a.noteImpersonation(c, answer.Token)
		}
		if err != nil {
			a.fail(c, err)
			return
		}
		of(c).principal = &auth.Principal{Kind: auth.Kind(answer.Token.Kind), ID: answer.Token.Holder, Name: answer.Token.Name}
		writeOAuth(c, http.StatusOK, answer.Body)
	}
}

// noteImpersonation writes to the audit log that a key begins to act as a
// user, before it can.
func (a *API) noteImpersonation(c *gin.Context, t *store.Token) error {
	if t.Actor == "" {
		return nil
	}
	err := a.config.Store.Audit().Add(c.Request.Context(), store.Entry{
		Actor: string(auth.KindKey) + ":" + t.Actor, Name: t.ActorName, Act: "impersonate", Object: string(t.Kind) + ":" + t.Holder,
		Status: http.StatusOK, IP: c.ClientIP(), RequestID: of(c).id,
	})
	if err != nil {
		return errors.Join(auth.ErrUnavailable, err)
	}
	return nil
}

func (a *API) introspect(c *gin.Context) {
	r, err := a.tokenRequest(c, nil)
	if err != nil {
		a.fail(c, err)
		return
	}
	body, err := a.config.Authority.Introspect(c.Request.Context(), r)
	if err != nil {
		a.fail(c, err)
		return
	}
	writeOAuth(c, http.StatusOK, body)
}

func (a *API) revoke(c *gin.Context) {
	r, err := a.tokenRequest(c, nil)
	if err == nil {
		err = a.config.Authority.Revoke(c.Request.Context(), r)
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	write(c, http.StatusOK, typeJSON)
}

func (a *API) metadata(c *gin.Context) { writeOAuth(c, http.StatusOK, a.config.Authority.Metadata()) }

// tokenRequest reads a request for an OAuth endpoint: a form, or JSON whose
// members are texts, each parameter once.
func (a *API) tokenRequest(c *gin.Context, endpoint *auth.Endpoint) (*auth.TokenRequest, error) {
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil || slices.ContainsFunc(oauthParams, query.Has) {
		return nil, invalidRequest("parameters belong into the body, not into the URL")
	}
	if err := checkEncoding(c.Request.Header); err != nil {
		return nil, err
	}
	body, err := a.readBody(c)
	if err != nil {
		return nil, err
	}
	media, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	var params map[string]string
	switch {
	case err == nil && media == "application/x-www-form-urlencoded":
		params, err = formParams(string(body))
	case err == nil && media == "application/json":
		params, err = jsonParams(body)
	default:
		err = invalidRequest("the Content-Type must be application/x-www-form-urlencoded or application/json")
	}
	if err != nil {
		return nil, err
	}
	return &auth.TokenRequest{Endpoint: endpoint, Params: params, Header: c.Request.Header, IP: c.ClientIP()}, nil
}

func formParams(body string) (map[string]string, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, invalidRequest("the form cannot be read")
	}
	params := map[string]string{}
	for name, all := range values {
		if len(all) > 1 {
			return nil, invalidRequest("a parameter comes twice")
		}
		if !utf8.ValidString(all[0]) {
			return nil, invalidRequest("a parameter is not UTF-8")
		}
		params[name] = all[0]
	}
	return params, nil
}

func jsonParams(body []byte) (map[string]string, error) {
	if err := strictjson.Check(body, maxDepth); err != nil {
		return nil, invalidRequest("the body is not JSON, or a member comes twice")
	}
	params := map[string]string{}
	if err := json.Unmarshal(body, &params); err != nil || params == nil {
		return nil, invalidRequest("the body must be an object whose members are texts")
	}
	return params, nil
}

func invalidRequest(message string) error {
	return &auth.Error{Code: auth.CodeInvalidRequest, Message: message}
}

// writeOAuth sends an answer of an OAuth endpoint.
func writeOAuth(c *gin.Context, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // texts, numbers and maps of them always encode
	}
	c.Header("Pragma", "no-cache")
	write(c, status, typeJSON, text)
}

// writeOAuthError sends a fault as RFC 6749 section 5.2 has it.
func writeOAuthError(c *gin.Context, f *fault) {
	code := f.Code
	switch {
	case f.Status == http.StatusServiceUnavailable:
		code = "temporarily_unavailable"
	case f.Status >= http.StatusInternalServerError:
		code = "server_error"
	case f.Status == http.StatusTooManyRequests:
		code = "slow_down"
	case !oauthCode(auth.Code(f.Code)):
		code = string(auth.CodeInvalidRequest)
	}
	writeOAuth(c, f.Status, map[string]string{"error": code, "error_description": describable(f.Message)})
}

func oauthCode(code auth.Code) bool {
	return slices.Contains([]auth.Code{
		auth.CodeInvalidRequest, auth.CodeInvalidClient, auth.CodeInvalidGrant, auth.CodeInvalidScope, auth.CodeInvalidTarget,
		auth.CodeUnsupportedGrant, auth.CodeUnauthorizedUse,
	}, code)
}

// describable keeps to the characters that an error_description may have.
func describable(message string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '\''
		}
		return r
	}, message)
}
