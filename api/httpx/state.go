// Package httpx holds what every handler of the front door shares: the state of
// a request, its body, and the answers that all domains write alike.
package httpx

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
)

// Frame holds what all requests of one front door have in common. It must not
// change once requests are served.
type Frame struct {
	Now       func() time.Time
	Memory    *budget.Process // bodies are taken from it while their requests last; nil: there is always room
	MaxBody   int64           // the largest body, in bytes
	Limiter   Limiter         // nil: no limit
	Envelopes []Envelope      // of paths whose faults are not written as problems (RFC 9457)
}

// Envelope is the form in which faults are written at some paths.
type Envelope struct {
	Serves    func(path string) bool
	Write     func(c *gin.Context, f *Fault)
	BasicOnly bool // a 401 offers Basic alone, and no bearer token
}

// envelope returns the Envelope of a path; of most paths it writes problems.
func (f *Frame) envelope(path string) Envelope {
	for _, e := range f.Envelopes {
		if e.Serves(path) {
			return e
		}
	}
	return Envelope{Write: WriteProblem}
}

// State is what is known of one request on its way through the middleware.
// It belongs to the request's goroutine.
type State struct {
	ID              string // request id
	Start           time.Time
	Principal       *auth.Principal // nil: nobody proved anything
	Run             string          // the run it belongs to
	FlowNumber      int64           // of the flow that the request is for; 0: none, or there is no such flow
	ByFlow          bool            // the flow chose the status of the answer
	Object          string          // of an administrative act, when its path does not name it
	RunEnded        bool            // its run had ended when it was answered
	Attached        bool            // to a run of an earlier request
	MayRespondEarly bool            // its flow may answer before it ends
	Flow            *flows.Flow     // that is to run; nil: none, or a run is started again
	Fault           *Fault          // nil: answered as asked
	body            []byte          // as sent; see ReadBody
	bodyErr         error
	bodyRead        bool
	reserved        int64 // of the process' memory, bytes

	frame *Frame
}

const stateKey = "penstock.state"

// Begin attaches a new State to the request. The outermost middleware calls it;
// StateOf panics before.
func (f *Frame) Begin(c *gin.Context) *State {
	x := &State{Start: f.Now(), frame: f}
	c.Set(stateKey, x)
	return x
}

// StateOf returns the State of a request.
func StateOf(c *gin.Context) *State {
	return c.MustGet(stateKey).(*State)
}

// Now is the time by the clock of the front door.
func Now(c *gin.Context) time.Time { return StateOf(c).frame.Now() }

// Body is the body as it was sent, nil until ReadBody was called.
func (x *State) Body() []byte { return x.body }
