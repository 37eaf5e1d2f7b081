package resources

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// revalidate is the Cache-Control of an answer that may be kept by its caller,
// and must be asked for again with If-None-Match.
const revalidate = "private, no-cache"

// run runs the operation of an admitted request and writes its answer, from
// the cache if the operation has one.
func (a *api) run(c *gin.Context, r *request) error {
	if r.operation.Cache > 0 && !r.prefer.Given && r.submit.IdempotencyKey == nil {
		return a.runCached(c, r)
	}
	out, err := a.runOnce(c, r)
	if err == nil && out != nil {
		out.write(c, revalidate)
	}
	return err
}

// runOnce runs the operation; nil without an error: the request was answered
// with where the result will be.
func (a *api) runOnce(c *gin.Context, r *request) (*reply, error) {
	result, err := a.config.Runner.Await(c, r.submit, r.prefer)
	if err != nil || result == nil {
		return nil, err
	}
	return a.replyOf(c, r, result)
}

// runCached gives equal requests of one principal one answer for as long as
// the operation says. In this process the answer is in memory; other processes
// attach their request to the same run, which the queue finds by its key.
func (a *api) runCached(c *gin.Context, r *request) error {
	key, ttl := keyOf(r), r.operation.Cache
	var unfinished *unfinishedError
	for {
		kept, f, leads := a.cache.look(key, httpx.Now(c))
		switch {
		case kept != nil:
			a.writeKept(c, r, kept, "hit")
			return nil
		case leads:
			return a.lead(c, r, key, f, ttl)
		}
		kept, err := f.wait(c, r.submit.Limit)
		switch {
		case errors.As(err, &unfinished):
			httpx.StateOf(c).Run, httpx.StateOf(c).Attached = unfinished.run, true
			c.Header(httpx.HeaderRun, unfinished.run)
			runner.WriteHandle(c, unfinished.run)
			return nil
		case errors.Is(err, errLeft): // who led does not want the answer any more
			continue
		case err != nil:
			return err
		}
		a.writeKept(c, r, kept, "fwd=miss; collapsed")
		return nil
	}
}

// lead runs the operation for all who wait for the same answer.
func (a *api) lead(c *gin.Context, r *request, key cacheKey, f *flight, ttl time.Duration) error {
	begun := httpx.Now(c)
	shared, failed := kept{until: begun.Add(ttl)}, errLeft // after a panic, too
	defer func() { a.cache.end(key, f, shared, failed) }()
	r.submit.IdempotencyKey = &queue.IdempotencyKey{Key: "cache\x00" + hex.EncodeToString(key[:]), Window: ttl, Failed: queue.RunAgain}
	out, err := a.runOnce(c, r)
	var ran *queue.RanError
	if errors.As(err, &ran) { // its record is gone before its time
		r.submit.IdempotencyKey = nil
		out, err = a.runOnce(c, r)
	}
	if err != nil {
		if c.Request.Context().Err() == nil {
			failed = err
		}
		return err
	}
	if out == nil {
		failed = &unfinishedError{httpx.StateOf(c).Run}
		return nil
	}
	if until := out.accepted.Add(ttl); httpx.StateOf(c).Attached && until.Before(shared.until) {
		shared.until = until
	}
	shared.reply, failed = out, nil
	c.Writer.Header().Del("Idempotent-Replayed")
	c.Header("Cache-Status", "Penstock; fwd=miss")
	varyOf(c, r.flow)
	out.write(c, controlOf(r.operation, shared.until.Sub(httpx.Now(c))))
	return nil
}

// writeKept answers with the answer of another request.
func (a *api) writeKept(c *gin.Context, r *request, k *kept, how string) {
	x := httpx.StateOf(c)
	x.Run, x.Attached = k.reply.run, true
	c.Header(httpx.HeaderRun, k.reply.run)
	left := max(0, k.until.Sub(httpx.Now(c)))
	c.Header("Cache-Status", "Penstock; "+how+"; ttl="+strconv.Itoa(int(left/time.Second)))
	c.Header("Age", strconv.Itoa(int((r.operation.Cache-left)/time.Second)))
	varyOf(c, r.flow)
	k.reply.write(c, controlOf(r.operation, r.operation.Cache)) // of which Age is over
}

// varyOf names the request headers on which the answer depends, for caches between here and the caller (RFC 9110,
// section 12.5.5).
func varyOf(c *gin.Context, f *flows.Flow) {
	h := c.Writer.Header()
	h.Add("Vary", "Authorization, Penstock-Key")
	for _, name := range f.Headers() {
		h.Add("Vary", http.CanonicalHeaderKey(name))
	}
}

// controlOf is the Cache-Control of an answer that counts for a while.
func controlOf(o *flows.Operation, left time.Duration) string {
	left = max(0, left)
	who := "private"
	if len(o.Auth) == 0 {
		who = "public"
	}
	return who + ", max-age=" + strconv.Itoa(int(left/time.Second))
}

// keyOf names all requests that may have one answer.
func keyOf(r *request) (key cacheKey) {
	h := sha256.New()
	part := func(text string) { _, _ = fmt.Fprintf(h, "%d:%s", len(text), text) } // a hash takes everything
	part(r.flow.Version)
	part(r.principal.String())
	part(r.principal.Actor)
	part(string(r.submit.Event))
	part(string(flows.EncodeJSON(texts(r.submit.Headers))))
	h.Sum(key[:0])
	return key
}

func texts(m map[string]string) map[string]any {
	all := make(map[string]any, len(m))
	for name, text := range m {
		all[name] = text
	}
	return all
}

// wait returns the answer of who leads.
func (f *flight) wait(c *gin.Context, limit time.Duration) (*kept, error) {
	patience := min(limit, time.Minute) + 2*time.Second // longer than who leads has
	httpx.KeepOpen(c, patience)
	ctx, cancel := context.WithTimeout(c.Request.Context(), patience)
	defer cancel()
	select {
	case <-f.done:
		return &f.kept, f.err
	case <-ctx.Done():
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
		return nil, cause
	}
	return nil, &httpx.Fault{Status: http.StatusGatewayTimeout, Code: string(flows.CodeTimeout), Message: "the run hit its execution limit"}
}
