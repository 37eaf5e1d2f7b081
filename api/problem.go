package api

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/flows"
)

// problem is an answer as RFC 9457 describes it, with our extensions.
type problem struct {
	Type      string `json:"type"` // where the page explains the code
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	Instance  string `json:"instance,omitempty"` // of a run: where to read it
	RequestID string `json:"request_id"`
	Code      string `json:"code"`
	RunID     string `json:"run_id,omitempty"`
	Step      string `json:"step,omitempty"`

	Parameter string         `json:"parameter,omitempty"` // of a listing: what is wrong
	Position  int            `json:"position,omitempty"`  // and from which character on, from 1
	Problems  flows.Problems `json:"problems,omitempty"`  // the mistakes of a flow

	Held   *int `json:"held,omitempty"`   // of a flow that is to be deleted: runs that wait for its pause to end
	Parked *int `json:"parked,omitempty"` // and for something else
}

// What a 401 offers.
const (
	bearerChallenge = `Bearer realm="penstock"`
	basicChallenge  = `Basic realm="penstock", charset="UTF-8"`
)

// challenge says what credentials would do, and what was wrong with a token.
func challenge(c *gin.Context, f *fault) {
	bearer := bearerChallenge
	if f.Bearer != "" {
		bearer += `, error="` + string(f.Bearer) + `"`
	}
	if f.Scope != "" {
		bearer += `, scope="` + string(f.Scope) + `"`
	}
	h := c.Writer.Header()
	switch {
	case f.Status == http.StatusUnauthorized && isOAuth(c): // a client proves itself by Basic only
		h["Www-Authenticate"] = []string{basicChallenge}
	case f.Status == http.StatusUnauthorized:
		h["Www-Authenticate"] = []string{bearer, basicChallenge}
	case f.Status == http.StatusForbidden && f.Bearer != "":
		h["Www-Authenticate"] = []string{bearer}
	}
}

// problemPage is where the reference explains a code.
const problemPage = pathDocs + "#problem-"

func writeProblem(c *gin.Context, f *fault) {
	p := problem{
		Type:      problemPage + f.Code,
		Title:     http.StatusText(f.Status),
		Status:    f.Status,
		Detail:    f.Message,
		RequestID: of(c).id,
		Code:      f.Code,
		RunID:     f.Run,
		Step:      f.Step,
		Parameter: f.Parameter,
		Position:  f.Position,
		Problems:  f.Problems,
		Held:      f.Held,
		Parked:    f.Parked,
	}
	if f.Run != "" {
		p.Instance = runPath(f.Run)
		c.Header("Link", "<"+p.Instance+`>; rel="status"`)
	}
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	write(c, f.Status, typeProblem, text)
}

// Values of headers, shared by all answers. Read only.
var (
	typeJSON    = []string{"application/json"}
	typeProblem = []string{"application/problem+json"}
	noStore     = []string{"no-store"}
	noSniff     = []string{"nosniff"}
)

// write sends a whole answer that nobody may keep.
func write(c *gin.Context, status int, contentType []string, parts ...[]byte) {
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	h := c.Writer.Header()
	h["Content-Type"] = contentType
	h["Content-Length"] = []string{strconv.Itoa(length)}
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	c.Status(status)
	for _, p := range parts {
		if _, err := c.Writer.Write(p); err != nil {
			return // the caller is gone
		}
	}
}

// retryAfter is a delay in whole seconds, at least one.
func retryAfter(d time.Duration) string {
	return strconv.FormatInt(max(1, int64(math.Ceil(d.Seconds()))), 10)
}
