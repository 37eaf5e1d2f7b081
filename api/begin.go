package api

import "github.com/gin-gonic/gin"

// begin attaches the request's state, and tells of an answer that somebody
// waited for. One that belongs to an earlier request says nothing of when the
// run was answered.
func (a *API) begin(c *gin.Context) {
	x := a.frame.Begin(c)
	c.Request.Pattern = c.FullPath() // for who measures or traces from outside
	c.Next()
	if a.config.Replied != nil && x.Ended && !x.Attached {
		a.config.Replied(x.Run)
	}
}
