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

// Values of headers, shared by all responses. Read only.
var (
	TypeHTML    = []string{"text/html; charset=utf-8"}
	TypeText    = []string{"text/plain; charset=utf-8"}
	TypeJSON    = []string{"application/json"}
	typeProblem = []string{"application/problem+json"}
	NoStore     = []string{"no-store"}
	NoSniff     = []string{"nosniff"}
)

// Write writes a complete response that must not be cached.
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
			return // the caller has disconnected
		}
	}
}

// RetryAfter returns a delay in whole seconds, rounded up, at least 1.
func RetryAfter(d time.Duration) string {
	return strconv.FormatInt(max(1, int64(math.Ceil(d.Seconds()))), 10)
}

// WriteJSON writes an object as JSON.
func WriteJSON(c *gin.Context, status int, object any) {
	text, err := json.Marshal(object)
	if err != nil {
		panic(err) // all views can be encoded
	}
	Write(c, status, TypeJSON, text)
}

// Created writes 201 with an object and its path in the header Location.
func Created(c *gin.Context, path string, object any) {
	c.Header("Location", path)
	WriteJSON(c, http.StatusCreated, object)
}

// WriteEmpty writes a response without content, and thus without a media type.
func WriteEmpty(c *gin.Context, status int) {
	h := c.Writer.Header()
	h["Content-Length"] = []string{"0"}
	h["Cache-Control"] = NoStore
	h["X-Content-Type-Options"] = NoSniff
	c.Status(status)
	c.Writer.WriteHeaderNow()
}

// NoContent writes 204.
func NoContent(c *gin.Context) {
	c.Writer.Header()["Cache-Control"] = NoStore
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
}

// PathOf returns the path of an object of the API. parts are its collection and its name.
func PathOf(parts ...string) string {
	path := "/v1"
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}

// RunPath returns the path of a run.
func RunPath(id string) string { return "/v1/runs/" + id }

// InUTC returns the time in UTC, and the zero time unchanged.
func InUTC(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

// writeGrace is the time for writing the response after a wait.
const writeGrace = 10 * time.Second

// KeepOpen moves the deadlines of the connection past a wait. The read deadline is moved as well, because net/http
// reads ahead while a handler runs, and a timeout of that read would cancel the request.
func KeepOpen(c *gin.Context, wait time.Duration) {
	rc, until := http.NewResponseController(c.Writer), time.Now().Add(wait+writeGrace)
	_ = rc.SetReadDeadline(until)  // an error means that there is no deadline
	_ = rc.SetWriteDeadline(until) // likewise
}
