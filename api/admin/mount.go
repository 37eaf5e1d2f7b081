// Package admin has the endpoints that administer users, keys, clients, secrets, variables and connections, and that list the
// audit log.
package admin

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// Config of the routes. Store and Authority are required.
type Config struct {
	Store     *store.Store
	Authority *auth.Authority
	KeyUsage  KeyUsage // optional; nil: responses do not have the usage of secrets
	// Connections tests connections; nil: there is no route for it.
	Connections ConnectionTester
}

// ConnectionTester contacts the server of a connection. The error says what is wrong and has no secret.
type ConnectionTester interface {
	// Test sends an HTTP connection to target, or to the URL of its own settings if that is empty.
	Test(ctx context.Context, name, target string) (said string, err error)
}

// api has the handlers of the routes.
type api struct{ config Config }

// Mount adds the routes to /v1, where requests are authenticated and changes are audited.
func Mount(v1 *gin.RouterGroup, config Config) {
	a := &api{config}
	users := v1.Group("/users", httpx.Requires(auth.ScopeUsers))
	users.POST("", a.createUser)
	users.GET("", a.listUsers)
	users.GET("/:name", a.readUser)
	users.PATCH("/:name", a.changeUser)
	users.DELETE("/:name", a.deleteUser)

	keys := v1.Group("/keys", httpx.Requires(auth.ScopeClients))
	keys.POST("", a.createKey)
	keys.GET("", a.listKeys)
	keys.GET("/:key", a.readKey)
	keys.PATCH("/:key", a.changeKey)
	keys.DELETE("/:key", a.deleteKey)
	keys.POST("/:key/rotate", a.rotateKey)

	clients := v1.Group("/clients", httpx.Requires(auth.ScopeClients))
	clients.POST("", a.createClient)
	clients.GET("", a.listClients)
	clients.GET("/:identifier", a.readClient)
	clients.PATCH("/:identifier", a.changeClient)
	clients.DELETE("/:identifier", a.deleteClient)
	clients.POST("/:identifier/assertion", a.makeAssertion)
	clients.POST("/:identifier/token", a.makeToken)
	clients.POST("/:identifier/secret", a.makeSecret)

	signing := v1.Group("/signing-keys", httpx.Requires(auth.ScopeClients))
	signing.GET("", a.listSigningKeys)
	signing.POST("", a.rotateSigningKey)
	signing.DELETE("/:kid", a.deleteSigningKey)

	secrets := v1.Group("/secrets", httpx.Requires(auth.ScopeClients))
	secrets.GET("", a.listSecrets)
	secrets.PUT("/:name", a.putSecret)
	secrets.DELETE("/:name", a.deleteSecret)
	secrets.POST("/:name/test", a.testSecret)

	vars := v1.Group("/vars", httpx.Requires(auth.ScopeClients))
	vars.GET("", a.listVars)
	vars.PUT("/:name", a.putVar)
	vars.DELETE("/:name", a.deleteVar)

	connections := v1.Group("/connections", httpx.Requires(auth.ScopeClients))
	connections.GET("", a.listConnections)
	connections.GET("/:name", a.readConnection)
	connections.PUT("/:name", a.putConnection)
	connections.DELETE("/:name", a.deleteConnection)
	if config.Connections != nil {
		connections.POST("/:name/test", a.testConnection)
	}

	v1.GET("/scopes", httpx.Requires(auth.ScopeClients, auth.ScopeUsers), a.listScopes)
	log := v1.Group("/audit", httpx.Requires(auth.ScopeUsers))
	log.GET("", a.listAudit)
	log.GET("/export", a.exportAudit)
	log.GET("/verify", a.verifyAudit)
	log.GET("/state", a.auditState)
	log.GET("/:entry", a.readAudit)
	v1.POST("/auth/explain", httpx.Requires(auth.ScopeClients), a.explain)
}
