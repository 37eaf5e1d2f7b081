package httpx

import (
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

// Values of headers, shared by all answers. Read only.
var (
	TypeHTML    = []string{"text/html; charset=utf-8"}
	TypeText    = []string{"text/plain; charset=utf-8"}
	TypeJSON    = []string{"application/json"}
	typeProblem = []string{"application/problem+json"}
	NoStore     = []string{"no-store"}
	NoSniff     = []string{"nosniff"}
)

// Write sends a whole answer that nobody may keep.
func Write(c *gin.Context, status int, contentType []string, parts ...[]byte) {
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	h := c.Writer.Header()
	h["Content-Type"] = contentType
	h["Content-Length"] = []string{strconv.Itoa(length)}
	h["Cache-Control"] = NoStore
	h["X-Content-Type-Options"] = NoSniff
	c.Status(status)
	for _, p := range parts {
		if _, err := c.Writer.Write(p); err != nil {
			return // the caller is gone
		}
	}
}

// RetryAfter is a delay in whole seconds, at least one.
func RetryAfter(d time.Duration) string {
	return strconv.FormatInt(max(1, int64(math.Ceil(d.Seconds()))), 10)
}

// WriteJSON answers with an object.
func WriteJSON(c *gin.Context, status int, object any) {
	text, err := json.Marshal(object)
	if err != nil {
		panic(err) // the views of the doors always encode
	}
	Write(c, status, TypeJSON, text)
}

// Created answers 201 with an object and where it is.
func Created(c *gin.Context, path string, object any) {
	c.Header("Location", path)
	WriteJSON(c, http.StatusCreated, object)
}

// NoContent answers 204.
func NoContent(c *gin.Context) {
	c.Writer.Header()["Cache-Control"] = NoStore
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
}

// PathOf returns the path of an object of the API from the parts of its name.
func PathOf(parts ...string) string {
	path := "/v1"
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}

// RunPath returns the path at which a run can be read.
func RunPath(id string) string { return "/v1/runs/" + id }

// InUTC keeps the zero time zero.
func InUTC(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}
