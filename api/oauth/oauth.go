package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// Serves reports whether the errors of a path have the format of RFC 6749.
func Serves(path string) bool {
	return path == auth.PathIntrospect || path == auth.PathRevoke || path == auth.PathRegister ||
		slices.ContainsFunc(auth.Endpoints, func(e *auth.Endpoint) bool { return slices.Contains(e.Paths, path) })
}

// token returns the handler of the token endpoint of a product.
func (a *api) token(endpoint *auth.Endpoint) gin.HandlerFunc {
	return func(c *gin.Context) {
		r, err := tokenRequest(c, endpoint)
		if err != nil {
			httpx.Fail(c, err)
			return
		}
		answer, err := a.config.Authority.Token(c.Request.Context(), r)
		if err == nil {
			err = a.auditImpersonation(c, answer.Token)
		}
		if err == nil {
			err = a.auditWorkload(c, answer)
		}
		if err != nil {
			httpx.Fail(c, err)
			return
		}
		httpx.StateOf(c).Principal = &auth.Principal{Kind: auth.Kind(answer.Token.Kind), ID: answer.Token.Principal, Name: answer.Token.Name}
		write(c, http.StatusOK, answer.Body)
	}
}

// auditImpersonation adds an entry to the audit log when a key begins to act as a user. It does so before the
// response, so that a token without an entry is never sent.
func (a *api) auditImpersonation(c *gin.Context, t *store.Token) error {
	if t.Actor == "" {
		return nil
	}
	err := a.config.Audit.Add(c.Request.Context(), audit.Entry{
		Actor: string(auth.KindKey) + ":" + t.Actor, Name: t.ActorName, ActedAs: t.Actor, Via: audit.ViaSignature, Act: "impersonate", Object: string(t.Kind) + ":" + t.Principal,
		Status: http.StatusOK, IP: c.ClientIP(), RequestID: httpx.StateOf(c).ID,
	})
	if err != nil {
		return errors.Join(auth.ErrUnavailable, err)
	}
	return nil
}

// auditWorkload adds an entry to the audit log when a program of a CI gets a token, before the response.
func (a *api) auditWorkload(c *gin.Context, answer *auth.TokenAnswer) error {
	if answer.Workload == "" {
		return nil
	}
	t := answer.Token
	err := a.config.Audit.Add(c.Request.Context(), audit.Entry{
		Actor: string(t.Kind) + ":" + t.Principal, Name: t.Name, Via: audit.ViaToken, Act: "exchange workload token", Object: t.Principal, Message: answer.Workload,
		Status: http.StatusOK, IP: c.ClientIP(), RequestID: httpx.StateOf(c).ID,
	})
	if err != nil {
		return errors.Join(auth.ErrUnavailable, err)
	}
	return nil
}

func (a *api) introspect(c *gin.Context) {
	r, err := tokenRequest(c, nil)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	body, err := a.config.Authority.Introspect(c.Request.Context(), r)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	write(c, http.StatusOK, body)
}

func (a *api) revoke(c *gin.Context) {
	r, err := tokenRequest(c, nil)
	if err == nil {
		err = a.config.Authority.Revoke(c.Request.Context(), r)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.note(c, "POST "+auth.PathRevoke, caller(c), "", http.StatusOK)
	c.Header("Pragma", "no-cache")
	httpx.WriteEmpty(c, http.StatusOK) // RFC 7009 section 2.2: the status says everything, the client ignores a body
}

// note adds an entry to the audit log about something that anybody may do as often as the limits permit: equal ones are counted.
func (a *api) note(c *gin.Context, act, actor, object string, status int) {
	a.config.Audit.Note(context.WithoutCancel(c.Request.Context()), audit.Entry{
		Actor: actor, Act: act, Object: object, Outcome: audit.Done, Status: status, IP: c.ClientIP(), RequestID: httpx.StateOf(c).ID,
	})
}

// caller returns the client whose credentials a request had, which were right.
func caller(c *gin.Context) string {
	id, _, ok := c.Request.BasicAuth()
	if !ok {
		form, _ := url.ParseQuery(string(httpx.StateOf(c).Body())) // it was read before
		id = form.Get("client_id")
	}
	if id == "" {
		return audit.Anonymous
	}
	return string(auth.KindClient) + ":" + id
}

func (a *api) metadata(c *gin.Context) { write(c, http.StatusOK, a.config.Authority.Metadata()) }

// write writes a response of an OAuth endpoint.
func write(c *gin.Context, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // texts, numbers and maps of them always encode
	}
	c.Header("Pragma", "no-cache")
	httpx.Write(c, status, httpx.TypeJSON, text)
}
