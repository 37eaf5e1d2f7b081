package httpx

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/flows"
)

// Fail ends a request with an error, in the format of its path. It also sets the headers that belong to errors in
// every format.
func Fail(c *gin.Context, err error) {
	x := StateOf(c)
	f := FaultOf(err)
	x.Fault = f
	c.Abort()
	if f.Run == "" && x.Run != "" {
		f.Run = x.Run
	}
	if errors.Is(f.Err, context.Canceled) || c.Writer.Written() { // the caller has disconnected, or the response has begun
		return
	}
	envelope := x.frame.envelope(c.Request.URL.Path)
	challenge(c, f, envelope.BasicOnly)
	if f.Retry > 0 {
		c.Header("Retry-After", RetryAfter(f.Retry))
	}
	if f.Close || f.Status == http.StatusRequestEntityTooLarge || f.Status == http.StatusRequestTimeout {
		c.Header("Connection", "close") // the rest of the body is not read
	}
	envelope.Write(c, f)
}

// Envelope is the format of errors at some paths.
type Envelope struct {
	Serves    func(path string) bool
	Write     func(c *gin.Context, f *Fault)
	BasicOnly bool // a 401 offers Basic only, without a bearer challenge
}

// envelope returns the Envelope of a path; the default writes problem documents.
func (f *Frame) envelope(path string) Envelope {
	for _, e := range f.Envelopes {
		if e.Serves(path) {
			return e
		}
	}
	return Envelope{Write: WriteProblem}
}

// The challenges of a 401 response.
const (
	bearerChallenge    = `Bearer realm="penstock"`
	basicChallenge     = `Basic realm="penstock", charset="UTF-8"`
	signatureChallenge = `Penstock-Signature realm="penstock"` // a 401 must name a scheme (RFC 9110, section 11.6.1)
)

// challenge sets the header WWW-Authenticate: the accepted schemes, and the error of a bearer token.
func challenge(c *gin.Context, f *Fault, basicOnly bool) {
	bearer := bearerChallenge
	if f.Bearer != "" {
		bearer += `, error="` + string(f.Bearer) + `"`
	}
	if f.Scope != "" {
		bearer += `, scope="` + string(f.Scope) + `"`
	}
	if metadata := StateOf(c).ResourceMetadata; metadata != "" {
		bearer += `, resource_metadata="` + metadata + `"`
	}
	h := c.Writer.Header()
	switch {
	case f.Status == http.StatusUnauthorized && basicOnly:
		h["Www-Authenticate"] = []string{basicChallenge}
	case f.Status == http.StatusUnauthorized:
		h["Www-Authenticate"] = offered(StateOf(c).Ways, bearer)
	case f.Status == http.StatusForbidden && f.Bearer != "":
		h["Www-Authenticate"] = []string{bearer}
	}
}

// offered returns the challenges of the ways in that an operation takes; nil ways are all. A signature is named only where
// nothing else is taken, because browsers and clients know the other two.
func offered(ways []string, bearer string) []string {
	if ways == nil {
		return []string{bearer, basicChallenge}
	}
	var all []string
	if slices.Contains(ways, flows.AuthBearer) {
		all = append(all, bearer)
	}
	if slices.Contains(ways, flows.AuthBasic) {
		all = append(all, basicChallenge)
	}
	if all == nil {
		return []string{signatureChallenge}
	}
	return all
}
