package mcp

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/strictjson"
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

	method  string          // of the message
	rpcID   json.RawMessage // of the message; nil: it has none
	key     string          // names the call among all calls; empty: the client has no session
	opens   bool            // the message opens a session
	cancels string          // key of the call that the message cancels; empty: none
}

type requestKey struct{}

func (r *request) into(ctx context.Context) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// requestOf returns the request in whose context a handler of the protocol runs.
func requestOf(ctx context.Context) *request { return ctx.Value(requestKey{}).(*request) }

// stateless is the first version of the protocol without sessions.
const stateless = "2026-07-28"

// maxID is the largest number that identifies a request exactly: JSON-RPC has numbers of JavaScript (RFC 8259, section 6).
const maxID = 1<<53 - 1

// read reads from the message what the protocol's library does not tell, and returns what is wrong with it; empty: nothing.
func (r *request) read(body []byte) (wrong string) {
	if err := strictjson.Check(body, httpx.MaxDepth); err != nil {
		return "the body is not JSON, or a member comes twice"
	}
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		return "a request has one message: batches are not taken, and since 2025-06-18 there are none"
	}
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return "the body is no JSON-RPC message"
	}
	if len(m.ID) > 0 && string(m.ID) != "null" {
		var n json.Number
		if m.ID[0] != '"' && (json.Unmarshal(m.ID, &n) != nil || !isExact(n)) {
			return "id is a text, or a whole number of at most 2^53"
		}
		r.rpcID = m.ID
	}
	if params := bytes.TrimSpace(m.Params); len(params) > 0 && params[0] != '{' && string(params) != "null" {
		return "params is an object"
	}
	r.method, r.opens = m.Method, m.Method == "initialize"
	session := r.header.Get(headerSession)
	if session == "" || len(session) > maxSession || r.header.Get("Mcp-Protocol-Version") >= stateless {
		return ""
	}
	var params struct {
		RequestID json.RawMessage `json:"requestId"`
	}
	prefix := r.principal.String() + "\x00" + session + "\x00"
	switch {
	case m.Method == "notifications/cancelled" && json.Unmarshal(m.Params, &params) == nil && len(params.RequestID) > 0:
		r.cancels = prefix + string(params.RequestID)
	case r.rpcID != nil:
		r.key = prefix + string(r.rpcID)
	}
	return ""
}

func isExact(n json.Number) bool {
	i, err := n.Int64()
	return err == nil && i >= -maxID && i <= maxID
}
