package mcp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"

	"github.com/penstock/penstock/auth"
)

// headerSession names the session of a client, up to version 2025-11-25 of the protocol. It does no more than tell apart the requests of
// clients with one principal: each client numbers its own requests.
const headerSession = "Mcp-Session-Id"

// maxSession is the longest session id that is looked at, in bytes.
const maxSession = 128

func newSession() string { return rand.Text() }

// request is the HTTP request that carries a message of the protocol.
type request struct {
	principal *auth.Principal
	address   string // IP address of the client
	id        string // request id of the front door
	header    http.Header

	// connection ends when the client disconnects; its cause is another one when this process stops.
	connection context.Context

	key     string // names the call among all calls; empty: the client has no session
	opens   bool   // the message opens a session
	cancels string // key of the call that the message cancels; empty: none
}

type requestKey struct{}

func (r *request) into(ctx context.Context) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// requestOf returns the request in whose context a handler of the protocol runs.
func requestOf(ctx context.Context) *request { return ctx.Value(requestKey{}).(*request) }

// read reads from the message what the protocol's library does not tell. It ignores what is no single message: the library reports that.
func (r *request) read(body []byte) {
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			RequestID json.RawMessage `json:"requestId"`
		} `json:"params"`
	}
	if json.Unmarshal(body, &m) != nil {
		return
	}
	r.opens = m.Method == "initialize"
	session := r.header.Get(headerSession)
	if session == "" || len(session) > maxSession {
		return
	}
	prefix := r.principal.String() + "\x00" + session + "\x00"
	switch {
	case m.Method == "notifications/cancelled" && len(m.Params.RequestID) > 0:
		r.cancels = prefix + string(m.Params.RequestID)
	case len(m.ID) > 0:
		r.key = prefix + string(m.ID)
	}
}
