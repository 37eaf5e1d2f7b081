package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/auth"
)

// explain answers POST /v1/auth/explain: why a request of an API key is not
// let in.
func (a *API) explain(c *gin.Context) {
	var puzzle auth.Puzzle
	if err := a.readJSON(c, &puzzle); err != nil {
		a.fail(c, err)
		return
	}
	explanation, err := a.config.Authority.Explain(c.Request.Context(), &puzzle)
	if err != nil {
		a.fail(c, err)
		return
	}
	of(c).object = explanation.Key
	writeJSON(c, http.StatusOK, explanation)
}
