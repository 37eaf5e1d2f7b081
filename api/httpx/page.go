package httpx

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/listing"
)

// List writes one page of a list that is in memory.
func List[T any](c *gin.Context, schema listing.Schema[T], items []T) {
	q, err := listing.Parse(c.Request.URL.RawQuery, schema)
	if err != nil {
		Fail(c, err)
		return
	}
	WritePage(c, q, q.Apply(items))
}

// WritePage writes one page of a listing.
func WritePage[Q, T any](c *gin.Context, q *listing.Query[Q], page listing.Page[T]) {
	text, err := json.Marshal(page)
	if err != nil {
		Fail(c, fmt.Errorf("encode page: %w", err))
		return
	}
	c.Header("Link", q.Links(c.Request.URL.EscapedPath(), page.Total, page.AtLeast, page.Next))
	Write(c, http.StatusOK, TypeJSON, text)
}
