package httpx

import (
	"cmp"
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/flows/problem"
)

// Problem is an error response in the format of RFC 9457, with extensions.
type Problem struct {
	Type      string `json:"type"` // URL of the explanation of the code
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	Instance  string `json:"instance,omitempty"` // URL of the run, if there is one
	RequestID string `json:"request_id"`         // of a replayed failure: that of the request that began the run
	Code      string `json:"code"`
	RunID     string `json:"run_id,omitempty"`
	Step      string `json:"step,omitempty"`

	Parameter string       `json:"parameter,omitempty"` // wrong parameter of a listing
	Position  int          `json:"position,omitempty"`  // position of the mistake in it, in characters from 1
	Problems  problem.List `json:"problems,omitempty"`  // mistakes in a flow

	Held   *int `json:"held,omitempty"`   // runs that wait for the end of the pause of a flow to be deleted
	Parked *int `json:"parked,omitempty"` // parked runs of the flow
}

// problemPage is the prefix of the URLs that explain codes.
const problemPage = PathDocs + "#problem-"

// PathDocs is the path of the API reference.
const PathDocs = "/docs"

// WriteProblem writes a fault as a problem document.
func WriteProblem(c *gin.Context, f *Fault) {
	x := StateOf(c)
	p := Problem{
		Type:      problemPage + f.Code,
		Title:     http.StatusText(f.Status),
		Status:    f.Status,
		Detail:    f.Message,
		RequestID: x.ID,
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
		if x.FirstID != nil {
			p.RequestID = cmp.Or(x.FirstID(), x.ID)
		}
		p.Instance = RunPath(f.Run)
		c.Header("Link", "<"+p.Instance+`>; rel="status"`)
	}
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	Write(c, f.Status, typeProblem, text)
}
