// Package docs serves the reference for models that write flows, and the description of the API: the server's own operations, for people and for programs, and the
// operations of flows that the caller may call.
package docs

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/openapi"
	"github.com/penstock/penstock/api/openapi/flowdoc"
	pages "github.com/penstock/penstock/docs"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

const (
	pathDocument = "/openapi.json"
	pathLLMs     = "/llms.txt"
	pathLLMsFull = "/llms-full.txt"
	pathFlow     = "/flows/:flow/openapi.json" // below /v1
)

// Flows finds deployed flows. *store.Flows is one.
type Flows interface {
	List() []store.Deployment
	Find(ref string) (*flows.Flow, bool)
}

// Config of the domain. All but Flows are required.
type Config struct {
	Flows Flows // nil: no flow is described

	// Authenticate finds out who calls, by any way, and fails for who proves nothing.
	Authenticate func(c *gin.Context) error

	// LimitAddress counts a request against the limits of its address.
	LimitAddress gin.HandlerFunc
}

// api has the handlers of the domain.
type api struct {
	config Config
	made   func() (*made, error) // at the first request
	parts  *cache[*flowdoc.Part]
	texts  *cache[[]byte]
	turn   chan struct{} // holds one value while a document is made
}

// made is what all documents are made from.
type made struct {
	own     *openapi.Description
	builder *flowdoc.Builder
	version string // of own
}

// Mount adds the routes. v1 is the group below /v1, where requests are authenticated.
func Mount(e *gin.Engine, v1 gin.IRouter, config Config) {
	a := &api{
		config: config, made: sync.OnceValues(makeAll), turn: make(chan struct{}, 1),
		parts: newCache[*flowdoc.Part](maxParts), texts: newCache[[]byte](maxTexts),
	}
	e.GET(pathDocument, config.LimitAddress, a.serveDocument)
	e.GET(httpx.PathDocs, a.serveOwn(httpx.TypeHTML, func(d *openapi.Description) []byte { return d.Page }))
	e.GET(pathLLMs, serveText(pages.LLMs))
	e.GET(pathLLMsFull, serveText(pages.LLMsFull))
	e.GET(openapi.StylePath, a.serveOwn(typeCSS, func(*openapi.Description) []byte { return openapi.Style }))
	if config.Flows != nil {
		v1.GET(pathFlow, a.serveFlow)
	}
}

func makeAll() (*made, error) {
	own, err := openapi.Describe()
	if err != nil {
		return nil, err
	}
	builder, err := flowdoc.NewBuilder(own)
	if err != nil {
		return nil, fmt.Errorf("describe the API: %w", err)
	}
	sum := sha256.Sum256(own.Document)
	return &made{own, builder, string(sum[:])}, nil
}

// serveOwn returns a handler that writes a part of the server's own description.
func (a *api) serveOwn(contentType []string, part func(*openapi.Description) []byte) gin.HandlerFunc {
	return func(c *gin.Context) {
		m, err := a.made()
		if err != nil {
			httpx.Fail(c, err)
			return
		}
		h := c.Writer.Header()
		h["Content-Security-Policy"] = docsPolicy
		h["Referrer-Policy"] = noReferrer
		httpx.Write(c, http.StatusOK, contentType, part(m.own))
	}
}

// serveText returns a handler that writes a text, which is made at the first request.
func serveText(text func() string) gin.HandlerFunc {
	once := sync.OnceValue(func() []byte { return []byte(text()) })
	return func(c *gin.Context) {
		httpx.Write(c, http.StatusOK, typeText, once())
	}
}

// The page loads a style sheet and nothing else. Read only.
var (
	docsPolicy = []string{"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
	noReferrer = []string{"no-referrer"}
	typeText   = []string{"text/plain; charset=utf-8"}
	typeCSS    = []string{"text/css; charset=utf-8"}
)
