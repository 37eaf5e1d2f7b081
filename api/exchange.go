package api

import (
	"time"

	"github.com/gin-gonic/gin"

	"penstock/api/auth"
)

// exchange is what is known of one request on its way through the middleware.
// It belongs to the request's goroutine.
type exchange struct {
	id        string // request id
	start     time.Time
	principal *auth.Principal // nil: nobody proved anything
	run       string          // the run it belongs to
	object    string          // of an administrative act, when its path does not name it
	attached  bool            // to a run of an earlier request
	answers   bool            // its flow may answer before it ends
	fault     *fault          // nil: answered as asked
	body      []byte          // as sent; see readBody
	bodyErr   error
	bodyRead  bool
}

const exchangeKey = "penstock.exchange"

// begin attaches a fresh exchange to the request. It is the outermost
// middleware: all others find the exchange.
func (a *API) begin(c *gin.Context) {
	c.Set(exchangeKey, &exchange{start: a.config.Now()})
	c.Request.Pattern = c.FullPath() // for who measures or traces from outside
	c.Next()
}

// of returns the exchange of a request.
func of(c *gin.Context) *exchange {
	return c.MustGet(exchangeKey).(*exchange)
}
