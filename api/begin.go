package api

import "github.com/gin-gonic/gin"

// begin attaches the request's state, and reports that a run's result was
// written. A request that was attached to the run of an earlier one reports
// nothing: its answer does not say when the run was answered.
func (a *API) begin(c *gin.Context) {
	x := a.frame.Begin(c)
	c.Request.Pattern = c.FullPath() // for who measures or traces from outside
	c.Next()
	if a.config.MarkDelivered != nil && x.RunEnded && !x.Attached {
		a.config.MarkDelivered(x.Run)
	}
}
