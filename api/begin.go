package api

import "github.com/gin-gonic/gin"

// begin attaches the state to the request, and calls MarkDelivered after the result of a run was written. It does
// not do so for a request that was attached to the run of an earlier one, because that response is not the first.
func (a *API) begin(c *gin.Context) {
	x := a.frame.Begin(c)
	c.Request.Pattern = c.FullPath() // read by the metrics and traces around the API
	c.Next()
	if a.config.MarkDelivered != nil && x.RunEnded && !x.Attached {
		a.config.MarkDelivered(x.Run)
	}
}
