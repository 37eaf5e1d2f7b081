// Package httpx has what the handlers of all domains share: the state of a request, its body, errors and common
// responses.
package httpx

import (
	"io"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/budget"
)

// Frame is the shared configuration of all requests. It must not change while requests are served.
type Frame struct {
	Now       func() time.Time
	Memory    *budget.Process // budget for bodies, for the duration of their requests; nil: no limit
	MaxBody   int64           // maximum size of a body in bytes
	Limiter   Limiter         // nil: no limit
	Files     *blob.Store     // of runs; nil: files are part of their events
	Uploads   *Uploads        // required with Files
	Envelopes []Envelope      // for paths whose errors are not written as problem documents (RFC 9457)
}

// State is the state of one request, shared by middleware and handlers. Only the goroutine of the request may use
// it.
type State struct {
	ID               string // request id
	Start            time.Time
	Principal        *auth.Principal // nil: not authenticated
	Route            string          // path template of a flow's own operation; empty: the router's template
	Ways             []string        // allowed ways to authenticate, as in flows.Operation; nil: all
	Run              string          // id of the run of this request; empty: none
	FlowNumber       int64           // number of the requested flow; 0: none, or unknown
	ByFlow           bool            // the flow chose the status of the response
	ResourceMetadata string          // URL of the metadata of the protected resource, for challenges (RFC 9728); empty: there is none
	Object           string          // object of an administrative request, if its path does not name it
	Message          string          // what the principal said about the change, for the audit log
	RunEnded         bool            // the run had ended before the response
	Attached         bool            // the run belongs to an earlier, equal request
	FirstID          func() string   // reads the id of that request, for problems about the run; nil: there was none
	MayRespondEarly  bool            // the flow may respond before its end
	Flow             *flows.Flow     // flow to run; nil: none, or a replay
	Audited          bool            // the audit log has the request although it changes nothing
	Noted            bool            // the audit log has the request
	Fault            *Fault          // nil: the request succeeded
	body             []byte          // as sent; see ReadBody
	bodyErr          error
	bodyRead         bool
	reserved         int64         // bytes of Frame.Memory
	rawBody          io.ReadCloser // the body without the limit of LimitBody; nil: none
	files            requestFiles

	frame *Frame
}

const stateKey = "penstock.state"

// Begin attaches a new State to the request. The outermost middleware must call it first: StateOf panics without
// it.
func (f *Frame) Begin(c *gin.Context) *State {
	x := &State{Start: f.Now(), frame: f}
	c.Set(stateKey, x)
	return x
}

// StateOf returns the State of a request.
func StateOf(c *gin.Context) *State {
	return c.MustGet(stateKey).(*State)
}

// Now returns the time by the clock of the front door.
func Now(c *gin.Context) time.Time { return StateOf(c).frame.Now() }

// Body returns the body as sent, nil before the first ReadBody.
func (x *State) Body() []byte { return x.body }

// Route is the template of the path that serves a request, for logs, measures
// and limits; empty: nothing does.
func Route(c *gin.Context) string {
	if route := StateOf(c).Route; route != "" {
		return route
	}
	return c.FullPath()
}
