package runs

import (
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
)

// readRunFile answers GET and HEAD /v1/runs/{run}/files/{file} with the bytes of a file of the run, or with the ranges that are
// asked for (RFC 9110). file is its reference, with or without "blob:". Whatever the file is, it is sent as bytes to be saved,
// because it may be anybody's.
func (a *api) readRunFile(c *gin.Context) {
	record, err := a.visibleRun(c, auth.ScopeReadRuns)
	if err == nil {
		id := strings.TrimPrefix(c.Param("file"), "blob:")
		h := c.Writer.Header()
		h["Content-Type"] = []string{"application/octet-stream"}
		h["Content-Disposition"] = []string{"attachment"}
		h["Content-Security-Policy"] = []string{"sandbox"}
		err = httpx.ServeFile(c, record.FilesOf(), id)
	}
	if err != nil {
		c.Writer.Header().Del("Content-Disposition")
		c.Writer.Header().Del("Content-Type")
		httpx.Fail(c, err)
	}
}
