package docs

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/openapi/flowdoc"
	"github.com/penstock/penstock/auth"
)

// Bounds of the document of all flows. The rest is described by the documents of single flows.
const (
	maxFlows      = 1000 // that are looked at
	maxOperations = 2000
	maxSize       = 6 << 20 // bytes of the descriptions of flows
)

// serveDocument answers GET /openapi.json: with the server's own operations for who shows no credential, else also
// with those of flows that the caller may call.
func (a *api) serveDocument(c *gin.Context) {
	m, err := a.made()
	if err == nil && a.config.Flows != nil {
		err = a.identify(c)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	p := httpx.StateOf(c).Principal
	if p == nil {
		httpx.Write(c, http.StatusOK, httpx.TypeJSON, m.own.Document)
		return
	}
	parts, note, err := a.visible(c.Request.Context(), p)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.write(c, keyOf("all", m.version, parts, note), func() ([]byte, error) { return m.builder.All(parts, note) })
}

// identify authenticates the caller. A request without credentials has no principal.
func (a *api) identify(c *gin.Context) error {
	err := a.config.Authenticate(c)
	switch h := c.Request.Header; {
	case err != nil && h.Get("Authorization") == "" && h.Get(auth.HeaderKey) == "" && h.Get(auth.HeaderSignature) == "":
		return nil
	case err != nil:
		return err
	}
	return httpx.Take(c, "api")
}

// serveFlow answers GET /v1/flows/{flow}/openapi.json with the operations of a flow that the caller may call.
func (a *api) serveFlow(c *gin.Context) {
	m, err := a.made()
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	var part *flowdoc.Part
	if flow, ok := a.config.Flows.Find(c.Param("flow")); ok {
		if part, err = a.partOf(c.Request.Context(), strconv.FormatInt(flow.Number, 10), flow.Version); part != nil {
			part = part.Only(func(o *flowdoc.Operation) bool {
				return httpx.StateOf(c).Principal.MayCall(flow.Number, o.Ways, o.Scopes)
			})
		}
	}
	if part == nil && err == nil {
		err = &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such flow that you may call"}
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.write(c, keyOf("one", m.version, []*flowdoc.Part{part}, ""), func() ([]byte, error) { return m.builder.One(part), nil })
}

// visible returns the descriptions of all flows of which the principal may call some operation, those with an http
// trigger first, and a note for the reader when there are more.
func (a *api) visible(ctx context.Context, p *auth.Principal) (parts []*flowdoc.Part, note string, err error) {
	looked, operations, size := 0, 0, 0
	for _, http := range []bool{true, false} {
		for _, h := range a.config.Flows.List() {
			if (len(h.Endpoints) > 0) != http || !p.MayCallSome(&h) {
				continue
			}
			if looked++; looked > maxFlows {
				return parts, leftOut, nil
			}
			part, err := a.partOf(ctx, strconv.FormatInt(h.Number, 10), h.Version)
			if err != nil {
				return nil, "", err
			}
			if part == nil || !part.Declared {
				continue
			}
			if part = part.Only(func(o *flowdoc.Operation) bool { return p.MayCall(h.Number, o.Ways, o.Scopes) }); part == nil {
				continue
			}
			operations, size = operations+len(part.Operations), size+part.Size()
			if operations > maxOperations || size > maxSize {
				return parts, leftOut, nil
			}
			parts = append(parts, part)
		}
	}
	return parts, "", nil
}

const leftOut = "**There are more flows than are described here.** Each is described at `/v1/flows/{flow}/openapi.json`."

// partOf returns the description of a flow; nil: this process cannot run it. It is made once for each version, one at
// a time.
func (a *api) partOf(ctx context.Context, ref, version string) (*flowdoc.Part, error) {
	if part, ok := a.parts.get(version); ok {
		return part, nil
	}
	if err := a.begin(ctx); err != nil {
		return nil, err
	}
	defer a.end()
	if part, ok := a.parts.get(version); ok {
		return part, nil
	}
	flow, ok := a.config.Flows.Find(ref)
	if !ok {
		return nil, nil
	}
	part := flowdoc.Describe(flow)
	a.parts.put(flow.Version, part, part.Size())
	return part, nil
}

// begin waits until no other request builds a description; end must follow. The error is that of ctx.
func (a *api) begin(ctx context.Context) error {
	select {
	case a.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a description: %w", context.Cause(ctx))
	}
}

func (a *api) end() { <-a.turn }

// keyOf identifies a document: what it is made from.
func keyOf(kind, own string, parts []*flowdoc.Part, note string) string {
	h := sha256.New()
	add(h, kind, own, note)
	for _, p := range parts {
		add(h, "", strconv.FormatInt(p.Flow, 10), p.Version)
		for i := range p.Operations {
			add(h, p.Operations[i].ID)
		}
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}

func add(h hash.Hash, texts ...string) {
	for _, text := range texts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(text), text) // a hash takes everything
	}
}

// write answers with a document, which is made unless it is kept, or with 304 when the caller has it.
func (a *api) write(c *gin.Context, key string, makeText func() ([]byte, error)) {
	h := c.Writer.Header()
	etag := `"` + key + `"`
	h["Etag"], h["Vary"] = []string{etag}, []string{"Authorization, Penstock-Key"}
	if httpx.NotModified(c, etag) {
		h["Cache-Control"] = privately
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return
	}
	text, err := a.text(c.Request.Context(), key, makeText)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	h["Content-Type"], h["Content-Length"] = httpx.TypeJSON, []string{strconv.Itoa(len(text))}
	h["Cache-Control"], h["X-Content-Type-Options"] = privately, httpx.NoSniff
	c.Status(http.StatusOK)
	_, _ = c.Writer.Write(text) // its error: the caller is gone
}

// privately lets the caller keep a document, and ask each time whether it is the current one. Read only.
var privately = []string{"private, no-cache"}

// text returns a document from the cache, or makes it, one at a time.
func (a *api) text(ctx context.Context, key string, makeText func() ([]byte, error)) ([]byte, error) {
	if text, ok := a.texts.get(key); ok {
		return text, nil
	}
	if err := a.begin(ctx); err != nil {
		return nil, err
	}
	defer a.end()
	if text, ok := a.texts.get(key); ok {
		return text, nil
	}
	text, err := makeText()
	if err == nil {
		a.texts.put(key, text, len(text))
	}
	return text, err
}
