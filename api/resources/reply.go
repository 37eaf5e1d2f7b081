package resources

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// reply is an answer before it is written. It is not changed once it is in the
// cache.
type reply struct {
	run         string
	accepted    time.Time // when the run was, by the clock of Redis
	status      int
	byFlow      bool        // the flow chose the status
	header      http.Header // what the flow chose, and the links of a page
	contentType []string
	body        []byte
	file        string // id of the file of the run that is the body; empty: body is
	etag        string // of a 200; empty: the flow chose one, or it is none
}

// headerTotal tells how many items match on all pages of a listing.
const headerTotal = "X-Total-Count"

// replyOf makes the answer of an operation from the result of its run. Errors
// are *httpx.Fault, for a run without output.
func (a *api) replyOf(c *gin.Context, r *request, result *queue.Result) (*reply, error) {
	run := httpx.StateOf(c).Run
	out := &reply{run: run, accepted: result.Times.Accepted, status: http.StatusOK, header: http.Header{}, contentType: httpx.TypeJSON}
	items := runner.OutputOf(result)
	if early := result.Early; early != nil {
		out.byFlow = true
		out.status, out.contentType = runner.AnswerHeader(early, out.header)
		if early.Items == nil {
			if out.body, out.file = early.Body, early.File; out.file != "" {
				return out, nil
			}
			return out.tagged(), nil
		}
		items, out.contentType = early.Items, httpx.TypeJSON
	} else if f := runner.RunFault(run, result, r.operation.Detailed); f != nil {
		return nil, f
	}
	if err := a.shape(c, r, out, items); err != nil {
		return nil, err
	}
	return out.tagged(), nil
}

// shape gives the items the form that the operation declares.
func (a *api) shape(c *gin.Context, r *request, out *reply, items []byte) error {
	if r.listing != nil {
		return a.shapePage(c, r, out, items)
	}
	switch r.operation.Response {
	case flows.ResponseBody: // no step responded
		out.status, out.contentType = http.StatusNoContent, nil
		return nil
	case flows.ResponseOne:
		return shapeOne(out, items)
	}
	out.body = items
	return nil
}

func shapeOne(out *reply, items []byte) error {
	var all []json.RawMessage
	if err := json.Unmarshal(items, &all); err != nil {
		return fmt.Errorf("read output: %w", err)
	}
	switch len(all) {
	case 0:
		return &httpx.Fault{Status: http.StatusNotFound, Code: "no_item", Message: "there is none", Run: out.run}
	case 1:
		out.body = all[0]
		return nil
	}
	return &httpx.Fault{Status: http.StatusInternalServerError, Code: "not_one_item", Message: fmt.Sprintf("the flow gave %d items where one is declared", len(all)), Run: out.run}
}

// outputCopies is how often the bytes of an output are in memory while it is
// filtered, ordered and cut.
const outputCopies = 4

func (a *api) shapePage(c *gin.Context, r *request, out *reply, items []byte) error {
	room := outputCopies * int64(len(items))
	if !a.config.Memory.Admit(room) {
		return &httpx.Fault{Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "the server is short of memory; try again later", Retry: 2 * time.Second, Run: out.run}
	}
	defer a.config.Memory.Free(room)
	p, err := pageOf(r.flow, r.operation, r.listing, items)
	if err != nil {
		return err
	}
	out.header.Set("Link", r.listing.Links(c.Request.URL.EscapedPath(), p.total, p.atLeast, ""))
	if !p.atLeast {
		out.header.Set(headerTotal, strconv.Itoa(p.total))
	}
	body := make([]byte, 0, len(items)+128)
	if r.operation.Response == flows.ResponsePage {
		body = append(body, `{"items":`...)
	}
	body = append(append(append(body, '['), bytes.Join(asBytes(p.items), []byte(","))...), ']')
	if r.operation.Response == flows.ResponsePage {
		body = fmt.Appendf(body, `,"page":%d,"page_size":%d,"total":%d`, r.listing.Page, r.listing.PageSize, p.total)
		if p.atLeast {
			body = append(body, `,"total_at_least":true`...)
		}
		body = append(body, '}')
	}
	out.body = body
	return nil
}

func asBytes(items []json.RawMessage) [][]byte {
	all := make([][]byte, len(items))
	for i, item := range items {
		all[i] = item
	}
	return all
}

// tagged gives a 200 a strong ETag of its bytes (RFC 9110, section 8.8.3),
// unless the flow chose one.
func (r *reply) tagged() *reply {
	if r.status == http.StatusOK && r.header.Get("Etag") == "" {
		sum := sha256.Sum256(r.body)
		r.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`
	}
	return r
}

// write answers with the reply. control is the Cache-Control of an answer to
// GET, unless the flow chose one.
func (r *reply) write(c *gin.Context, control string) {
	httpx.StateOf(c).ByFlow = r.byFlow
	h := c.Writer.Header()
	for name, values := range r.header {
		h[name] = values
	}
	h["X-Content-Type-Options"] = httpx.NoSniff
	get := c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead
	etag := h.Get("Etag")
	if get && r.etag != "" {
		etag = r.etag
		h["Etag"] = []string{etag}
	}
	switch {
	case r.header.Get("Cache-Control") != "":
	case get && r.status == http.StatusOK:
		h["Cache-Control"] = []string{control}
	default:
		h["Cache-Control"] = httpx.NoStore
	}
	status := r.status
	if get && status == http.StatusOK && etag != "" && httpx.NotModified(c, etag) {
		status = http.StatusNotModified
	}
	if status == http.StatusNotModified || status == http.StatusNoContent {
		c.Status(status) // a Content-Length would be wrong
		c.Writer.WriteHeaderNow()
		return
	}
	if r.contentType != nil {
		h["Content-Type"] = r.contentType
	}
	if r.file != "" {
		if err := httpx.WriteFile(c, status, r.run, r.file); err != nil {
			httpx.Fail(c, err)
		}
		return
	}
	h["Content-Length"] = []string{strconv.Itoa(len(r.body))}
	c.Status(status)
	if c.Request.Method == http.MethodHead {
		c.Writer.WriteHeaderNow()
		return
	}
	_, _ = c.Writer.Write(r.body) // its error: the caller is gone
}

// keepable reports whether the reply may be given to others who ask the same.
func (r *reply) keepable() bool {
	control := strings.ToLower(r.header.Get("Cache-Control"))
	return r.file == "" && r.status == http.StatusOK && !strings.Contains(control, "no-store") && !strings.Contains(control, "no-cache")
}
