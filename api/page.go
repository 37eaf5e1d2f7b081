package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/listing"
)

// list answers a listing of what is in memory.
func list[T any](a *API, c *gin.Context, schema listing.Schema[T], items []T) {
	q, err := listing.Parse(c.Request.URL.RawQuery, schema)
	if err != nil {
		a.fail(c, err)
		return
	}
	writePage(a, c, q, q.Apply(items))
}

// writePage answers with one page of a listing.
func writePage[Q, T any](a *API, c *gin.Context, q *listing.Query[Q], page listing.Page[T]) {
	text, err := json.Marshal(page)
	if err != nil {
		a.fail(c, fmt.Errorf("encode page: %w", err))
		return
	}
	c.Header("Link", q.Links(c.Request.URL.EscapedPath(), page.Total, page.AtLeast, page.Next))
	write(c, http.StatusOK, typeJSON, text)
}
