package oauth

import (
	"encoding/json"
	"mime"
	"net/url"
	"slices"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/strictjson"
)

// secretParams are the parameters of OAuth endpoints. They are rejected in query strings, which end up in logs and
// histories. Read only.
var secretParams = []string{
	"grant_type", "username", "password", "client_id", "client_secret", "client_assertion", "client_assertion_type", "assertion", "scope", "token", "token_type_hint", "refresh_token", "code", "code_verifier", "redirect_uri",
	"subject_token", "subject_token_type", "actor_token", "actor_token_type", "requested_subject",
}

// tokenRequest parses a request to an OAuth endpoint: a form, or JSON whose members are strings. Repeated
// parameters are an error.
func tokenRequest(c *gin.Context, endpoint *auth.Endpoint) (*auth.TokenRequest, error) {
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil || slices.ContainsFunc(secretParams, query.Has) {
		return nil, invalidRequest("parameters belong into the body, not into the URL")
	}
	if err := httpx.CheckEncoding(c.Request.Header); err != nil {
		return nil, err
	}
	body, err := httpx.ReadBody(c)
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
	if err := strictjson.Check(body, httpx.MaxDepth); err != nil {
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
