// Package mcp serves the Model Context Protocol (MCP) at /mcp, by its transport Streamable HTTP: flows are tools, and so are the
// operations by which programs watch and repair them. Each call of a tool becomes a request of the HTTP API for the same principal, so that
// it has the rights, limits and records of that request, and no others.
package mcp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

const (
	// Path is the route of the protocol.
	Path = "/mcp"
	// PathMetadata is the metadata of the protected resource (RFC 9728, section 3.1).
	PathMetadata = "/.well-known/oauth-protected-resource"
)

// Flows are the deployed flows.
type Flows interface {
	List() []store.Deployment
	Find(ref string) (*flows.Flow, bool)
}

// Serve serves a request of the HTTP API for a principal, as the one that came from its RemoteAddr.
type Serve func(w http.ResponseWriter, r *http.Request, p *auth.Principal)

// Config of the routes. All are required.
type Config struct {
	Flows   Flows
	Serve   Serve
	URL     string // of the front door, without "/" at the end
	Version string // of the product
	Log     *slog.Logger
	Origins []string // of pages that may call, besides those of the front door itself
}

// api has the handlers of the routes.
type api struct {
	config  Config
	handler http.Handler
	calls   calls
}

// Mount adds the routes: the protocol, behind the handlers that limit and authenticate requests, and the public metadata.
func Mount(open gin.IRouter, config Config, authenticated ...gin.HandlerFunc) {
	a := &api{config: config}
	server := a.newServer()
	a.handler = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{
		// A client may reach another process with each request.
		Stateless:                  true,
		DisableLocalhostProtection: true, // it judges by Host, which differs behind a proxy on this machine; see checkOrigin
		MaxRequestBodyBytes:        -1,   // the front door limits bodies
	})
	open.GET(PathMetadata, a.metadata)
	open.GET(PathMetadata+Path, a.metadata)
	group := open.Group("", append([]gin.HandlerFunc{a.nameMetadata, a.checkOrigin}, authenticated...)...)
	group.POST(Path, a.serve)
	group.DELETE(Path, a.endSession)
}

// checkOrigin rejects requests of pages of other origins, as the protocol demands (Streamable HTTP, security warning). Programs
// send no Origin.
func (a *api) checkOrigin(c *gin.Context) {
	origin := c.GetHeader("Origin")
	if origin == "" || origin == a.config.URL || slices.Contains(a.config.Origins, origin) {
		c.Next()
		return
	}
	httpx.Fail(c, &httpx.Fault{Status: http.StatusForbidden, Code: "forbidden", Message: "pages of this origin may not call; --cors-origins allows it"})
}

// longest is how long the response to a call may take: as long as a caller waits for a run, and some time around it.
const longest = 75 * time.Second

// serve answers POST /mcp with one message, or with a stream of notifications and the response.
func (a *api) serve(c *gin.Context) {
	body, err := httpx.ReadBody(c)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	r := c.Request
	call := &request{principal: httpx.StateOf(c).Principal, address: c.ClientIP(), header: r.Header, id: httpx.StateOf(c).ID, connection: r.Context()}
	if wrong := call.read(body); wrong != "" {
		httpx.Write(c, http.StatusBadRequest, httpx.TypeJSON, rpcError(call.rpcID, jsonrpc.CodeInvalidRequest, wrong))
		return
	}
	if call.method != "tools/call" { // the request of the API that it stands for counts
		if err := httpx.Take(c, "api"); err != nil {
			httpx.Fail(c, err)
			return
		}
	}
	if call.opens {
		c.Header(headerSession, newSession())
	}
	if call.cancels != "" {
		a.calls.end(call.cancels)
	}
	httpx.KeepOpen(c, longest)
	ctx, done := untilDisconnected(r.Context())
	defer done()
	r = r.WithContext(call.into(ctx))
	r.Body = io.NopCloser(bytes.NewReader(body))
	w := &errorWriter{ResponseWriter: c.Writer, id: call.rpcID}
	a.handler.ServeHTTP(w, r)
	w.finish()
}

// untilDisconnected returns a context that ends when the client disconnects, and not when this process stops: then a call still gets the
// id of its run.
func untilDisconnected(connection context.Context) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(connection))
	stop := context.AfterFunc(connection, func() {
		if disconnected(connection) {
			cancel()
		}
	})
	return ctx, func() {
		stop()
		cancel()
	}
}

// disconnected reports whether a connection that has ended was ended by the client, and not because this process stops.
func disconnected(connection context.Context) bool {
	return errors.Is(context.Cause(connection), context.Canceled)
}

// endSession answers DELETE /mcp. Nothing is kept for a session.
func (a *api) endSession(c *gin.Context) { httpx.NoContent(c) }
