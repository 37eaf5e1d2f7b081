package httpstep

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/internal/budget"
)

// httpCall is a request with rendered templates. It may be sent several times, once for each page.
type httpCall struct {
	method  string
	url     *url.URL
	host    string // of the header Host; "": that of url
	header  http.Header
	body    rendered
	hasBody bool
	key     string          // generated idempotency key; "": none
	keyName string          // of its header; "": idempotencyKey
	page    int             // from 0
	cursor  string          // of a page whose URL is that of others, too
	replay  bool            // a redirect may require the body again
	charger *budget.Charger // charged for the response
}

// idempotencyKey is in lower case on purpose. With the canonical name, net/http would resend a POST when a pooled
// connection breaks, and a once effect must not happen twice.
const idempotencyKey = "idempotency-key"

func (s *step) render(ctx context.Context, in *flows.Input) (*httpCall, error) {
	target, err := s.target(ctx, in)
	if err != nil {
		return nil, err
	}
	call := &httpCall{method: s.method, url: target, replay: s.redirects > 0}
	if call.header, err = s.header(ctx, in); err != nil {
		return nil, err
	}
	if call.host, err = takeHost(call.header); err != nil {
		return nil, err
	}
	if s.body != nil {
		body, err := s.body.render(ctx, in)
		if err != nil {
			return nil, err
		}
		if err := in.Charger(ctx).Charge(body.memory()); err != nil {
			return nil, failure.Limit(err)
		}
		call.hasBody = true
		if _, ok := call.header["Content-Type"]; !ok {
			call.header["Content-Type"] = []string{body.contentType}
		}
		if _, isText := s.body.(textBody); isText {
			if body.content, err = content.EncodeText(in.Charger(ctx), body.content, call.header.Get("Content-Type")); err != nil {
				return nil, err
			}
		}
		call.body = body
	}
	call.keyName = cmp.Or(s.keyHeader, idempotencyKey)
	if _, ok := call.header[call.keyName]; !ok && s.Effect() != flows.Read {
		call.key = in.RunKey()
	}
	return call, nil
}

// request creates the request for the call's page. Each request is a new one, because net/http keeps and modifies
// requests.
func (c *httpCall) request(ctx context.Context) *http.Request {
	req := (&http.Request{
		Method: c.method, URL: c.url, Host: cmp.Or(c.host, c.url.Host), Header: c.header.Clone(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if c.key != "" {
		req.Header[c.keyHeader()] = []string{c.pageIdempotencyKey()}
	}
	if c.hasBody {
		req.Body = c.body.open(ctx)
		req.ContentLength = c.body.size()
		if c.replay {
			req.GetBody = func() (io.ReadCloser, error) { return c.body.open(ctx), nil }
		}
	}
	return req
}

// keyHeader is the header of the idempotency key.
func (c *httpCall) keyHeader() string { return cmp.Or(c.keyName, idempotencyKey) }

// pageIdempotencyKey is the idempotency key of the call's page.
func (c *httpCall) pageIdempotencyKey() string {
	if c.page > 0 {
		return c.key + "." + strconv.Itoa(c.page)
	}
	return c.key
}

// at returns the call for another URL.
func (c *httpCall) at(target *url.URL) *httpCall {
	next := *c
	next.url = target
	return &next
}

// pageKey identifies the page that the call asks for.
func (c *httpCall) pageKey() string { return c.url.String() + "\n" + c.cursor }
