package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
)

// readyTimeout limits one check of the dependencies. It must be less than the timeouts of usual probes (1 s and
// more).
const readyTimeout = 900 * time.Millisecond

const (
	pathAlive = "/healthz"
	pathReady = "/readyz"
)

// isProbe reports whether the request is a health check.
func isProbe(c *gin.Context) bool {
	return c.FullPath() == pathAlive || c.FullPath() == pathReady
}

// alive answers /healthz: the process is running.
func alive(c *gin.Context) {
	httpx.Write(c, http.StatusOK, httpx.TypeJSON, []byte(`{"status":"ok"}`))
}

// ready answers /readyz: the process accepts new requests. It fails first when the process stops, so that load
// balancers send requests elsewhere while the waiting callers still get their responses.
func (a *API) ready(c *gin.Context) {
	if a.draining.Load() {
		httpx.Write(c, http.StatusServiceUnavailable, httpx.TypeJSON, []byte(`{"status":"stopping"}`))
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), readyTimeout)
	defer cancel()
	if err := a.config.Ready(ctx); err != nil {
		a.config.Log.LogAttrs(ctx, slog.LevelWarn, "not ready", slog.String(attrError, err.Error()))
		httpx.Write(c, http.StatusServiceUnavailable, httpx.TypeJSON, []byte(`{"status":"unavailable"}`))
		return
	}
	httpx.Write(c, http.StatusOK, httpx.TypeJSON, []byte(`{"status":"ok"}`))
}
