// Package personal has the endpoints with which users keep their personal tokens.
package personal

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/personal"
	"github.com/penstock/penstock/store"
)

// Config of the routes. All fields are required.
type Config struct {
	Users  *store.Users
	Tokens *personal.Tokens
	Issuer Issuer
}

// Issuer makes tokens. *auth.Authority implements it.
type Issuer interface {
	IssuePersonal(ctx context.Context, u *store.User, r auth.PersonalRequest) (string, *personal.Token, error)
}

type api struct{ config Config }

// Mount adds the routes to /v1, where requests are authenticated and changes are audited. They take no scope: a token is its user's
// own.
func Mount(v1 *gin.RouterGroup, config Config) {
	a := &api{config}
	v1.GET("/tokens", a.list)
	v1.POST("/tokens", a.create)
	v1.DELETE("/tokens/:token", a.revoke)
}

// view is a token in responses.
type view struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	UsedAt    *time.Time `json:"used_at"`         // to the minute
	Token     string     `json:"token,omitempty"` // in the response that makes it
}

func viewOf(t *personal.Token, text string) view {
	v := view{t.ID, t.Name, t.Scopes, t.IssuedAt, t.ExpiresAt, nil, text}
	if !t.UsedAt.IsZero() {
		v.UsedAt = &t.UsedAt
	}
	return v
}

// user returns the user who calls; others have no personal tokens.
func (a *api) user(c *gin.Context) (*store.User, error) {
	p := httpx.StateOf(c).Principal
	if p.Kind != auth.KindUser || p.Actor != "" {
		return nil, &auth.Error{Code: auth.CodeForbidden, Message: "personal tokens are those of users, who call for themselves"}
	}
	return a.config.Users.User(c.Request.Context(), p.ID)
}

func (a *api) list(c *gin.Context) {
	u, err := a.user(c)
	var all []personal.Token
	if err == nil {
		all, err = a.config.Tokens.List(c.Request.Context(), u.Name, u.CreatedAt, httpx.Now(c))
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	views := make([]view, len(all))
	for i := range all {
		views[i] = viewOf(&all[i], "")
	}
	httpx.List(c, listing.Schema[view]{Order: "name", Fields: []listing.Field[view]{
		listing.Text("name", func(v *view) string { return v.Name }),
		listing.Time("created_at", func(v *view) time.Time { return v.CreatedAt }),
		listing.Time("expires_at", func(v *view) time.Time { return v.ExpiresAt }),
	}}, views)
}

// create answers POST /v1/tokens. It takes the password: whoever has found a token that ends soon cannot make one that lasts.
func (a *api) create(c *gin.Context) {
	var in struct {
		Name   string   `json:"name"`
		Scopes []string `json:"scopes"`
		Days   int      `json:"days"`
	}
	u, err := a.user(c)
	if _, _, password := c.Request.BasicAuth(); err == nil && !password {
		err = &auth.Error{Code: auth.CodeForbidden, Message: "a personal token is made with the name and the password of its user (Basic), or in the console"}
	}
	if err == nil {
		err = httpx.ReadJSON(c, &in)
	}
	if err == nil && (in.Days < 0 || in.Days > int(personal.MaxLife/(24*time.Hour))) {
		err = &store.InvalidError{Member: "days", Reason: "is 1 to 366; 90 if it is absent"}
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	text, t, err := a.config.Issuer.IssuePersonal(c.Request.Context(), u, auth.PersonalRequest{Name: in.Name, Scopes: in.Scopes, Life: time.Duration(in.Days) * 24 * time.Hour})
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusCreated, viewOf(t, text))
}

func (a *api) revoke(c *gin.Context) {
	u, err := a.user(c)
	if err == nil {
		err = a.config.Tokens.Revoke(c.Request.Context(), u.Name, c.Param("token"))
	}
	if errors.Is(err, personal.ErrNotFound) {
		err = store.ErrNotFound
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.NoContent(c)
}
