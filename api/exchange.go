package api

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
)

// exchange is what is known of one request on its way through the middleware.
// It belongs to the request's goroutine.
type exchange struct {
	id         string // request id
	start      time.Time
	principal  *auth.Principal // nil: nobody proved anything
	run        string          // the run it belongs to
	flowNumber int64           // of the flow that the request is for; 0: none, or there is no such flow
	byFlow     bool            // the flow chose the status of the answer
	object     string          // of an administrative act, when its path does not name it
	ended      bool            // its run had ended when it was answered
	attached   bool            // to a run of an earlier request
	answers    bool            // its flow may answer before it ends
	flow       *flows.Flow     // that is to run; nil: none, or a run is started again
	fault      *fault          // nil: answered as asked
	body       []byte          // as sent; see readBody
	bodyErr    error
	bodyRead   bool
	taken      int64 // of the process' memory, bytes
}

const exchangeKey = "penstock.exchange"

// begin attaches a fresh exchange to the request. It is the outermost
// middleware: all others find the exchange.
func (a *API) begin(c *gin.Context) {
	c.Set(exchangeKey, &exchange{start: a.config.Now()})
	c.Request.Pattern = c.FullPath() // for who measures or traces from outside
	c.Next()
	a.replied(c)
}

// replied tells of an answer that somebody waited for. One that belongs to an
// earlier request says nothing of when the run was answered.
func (a *API) replied(c *gin.Context) {
	if x := of(c); a.config.Replied != nil && x.ended && !x.attached {
		a.config.Replied(x.run)
	}
}

// of returns the exchange of a request.
func of(c *gin.Context) *exchange {
	return c.MustGet(exchangeKey).(*exchange)
}
