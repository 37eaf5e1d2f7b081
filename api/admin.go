package api

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/auth"
)

// mountAdmin adds the endpoints that administer credentials. All of them are
// audited, see audited.
func (a *API) mountAdmin(v1 *gin.RouterGroup) {
	users := v1.Group("/users", a.requires(auth.ScopeUsers))
	users.POST("", a.createUser)
	users.GET("", a.listUsers)
	users.GET("/:name", a.readUser)
	users.PATCH("/:name", a.changeUser)
	users.DELETE("/:name", a.deleteUser)

	keys := v1.Group("/keys", a.requires(auth.ScopeClients))
	keys.POST("", a.createKey)
	keys.GET("", a.listKeys)
	keys.GET("/:key", a.readKey)
	keys.PATCH("/:key", a.changeKey)
	keys.DELETE("/:key", a.deleteKey)
	keys.POST("/:key/rotate", a.rotateKey)

	clients := v1.Group("/clients", a.requires(auth.ScopeClients))
	clients.POST("", a.createClient)
	clients.GET("", a.listClients)
	clients.GET("/:identifier", a.readClient)
	clients.PATCH("/:identifier", a.changeClient)
	clients.DELETE("/:identifier", a.deleteClient)
	clients.POST("/:identifier/assertion", a.makeAssertion)
	clients.POST("/:identifier/token", a.makeToken)
	clients.POST("/:identifier/secret", a.makeSecret)

	signing := v1.Group("/signing-keys", a.requires(auth.ScopeClients))
	signing.GET("", a.listSigningKeys)
	signing.POST("", a.rotateSigningKey)
	signing.DELETE("/:kid", a.deleteSigningKey)

	secrets := v1.Group("/secrets", a.requires(auth.ScopeClients))
	secrets.GET("", a.listSecrets)
	secrets.PUT("/:name", a.putSecret)
	secrets.DELETE("/:name", a.deleteSecret)

	connections := v1.Group("/connections", a.requires(auth.ScopeClients))
	connections.GET("", a.listConnections)
	connections.GET("/:name", a.readConnection)
	connections.PUT("/:name", a.putConnection)
	connections.DELETE("/:name", a.deleteConnection)

	v1.GET("/audit", a.requires(auth.ScopeUsers), a.listAudit)
	v1.POST("/auth/explain", a.requires(auth.ScopeClients), a.explain)
}

// mayGrant refuses to hand out more than one holds: whoever could would hold
// everything.
func mayGrant(c *gin.Context, scopes []auth.Scope) error {
	p := of(c).principal
	if p.Flows != nil || !auth.CoversAll(p.Scopes, scopes) {
		return &auth.Error{Code: auth.CodeForbidden, Message: "you cannot grant, or use, what you do not hold yourself"}
	}
	return nil
}

// created answers 201 with an object and where it is.
func created(c *gin.Context, path string, object any) {
	c.Header("Location", path)
	writeJSON(c, http.StatusCreated, object)
}

func writeJSON(c *gin.Context, status int, object any) {
	text, err := json.Marshal(object)
	if err != nil {
		panic(err) // the views of this package always encode
	}
	write(c, status, typeJSON, text)
}

// noContent answers 204.
func noContent(c *gin.Context) {
	c.Writer.Header()["Cache-Control"] = noStore
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
}

func pathOf(parts ...string) string {
	path := "/v1"
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}

// given is a member of a PATCH: null is a value, absence is none.
type given[T any] struct {
	set   bool
	value T
}

// UnmarshalJSON implements json.Unmarshaler.
func (g *given[T]) UnmarshalJSON(text []byte) error {
	g.set = true
	return json.Unmarshal(text, &g.value)
}

// into sets a field to the value, if there is one.
func (g given[T]) into(field *T) {
	if g.set {
		*field = g.value
	}
}
