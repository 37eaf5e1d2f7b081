package admin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
)

// explain answers POST /v1/auth/explain: why a request of an API key is rejected.
func (a *api) explain(c *gin.Context) {
	var request auth.ExplainRequest
	if err := httpx.ReadJSON(c, &request); err != nil {
		httpx.Fail(c, err)
		return
	}
	explanation, err := a.config.Authority.Explain(c.Request.Context(), &request)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.StateOf(c).Object = explanation.Key
	httpx.WriteJSON(c, http.StatusOK, explanation)
}
