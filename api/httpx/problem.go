package httpx

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/flows"
)

// Problem is an answer as RFC 9457 describes it, with our extensions.
type Problem struct {
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

// problemPage is where the reference explains a code.
const problemPage = PathDocs + "#problem-"

// PathDocs is where the front door shows its reference.
const PathDocs = "/docs"

// WriteProblem writes a fault as a Problem.
func WriteProblem(c *gin.Context, f *Fault) {
	p := Problem{
		Type:      problemPage + f.Code,
		Title:     http.StatusText(f.Status),
		Status:    f.Status,
		Detail:    f.Message,
		RequestID: StateOf(c).ID,
		Code:      f.Code,
		RunID:     f.Run,
		Step:      f.Step,
		Parameter: f.Parameter,
		Position:  f.Position,
		Problems:  f.Problems,
		Held:      f.PausedRuns,
		Parked:    f.ParkedRuns,
	}
	if f.Run != "" {
		p.Instance = RunPath(f.Run)
		c.Header("Link", "<"+p.Instance+`>; rel="status"`)
	}
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	Write(c, f.Status, typeProblem, text)
}
