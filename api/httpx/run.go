package httpx

import (
	"context"

	"github.com/gin-gonic/gin"
)

type runIDKey struct{}

// WithRunID returns the context of a request that this process makes, which calls tell with the id of its run as soon as the run is
// accepted.
func WithRunID(ctx context.Context, tell func(run string)) context.Context {
	return context.WithValue(ctx, runIDKey{}, tell)
}

// TellRun tells who asked for it with WithRunID the id of the run of the request.
func TellRun(c *gin.Context) {
	if tell, ok := c.Request.Context().Value(runIDKey{}).(func(string)); ok {
		tell(StateOf(c).Run)
	}
}
