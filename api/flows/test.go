package flows

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/flows"
)

// testsView is what became of the tests of a flow file.
type testsView struct {
	Number  int64      `json:"flow"`
	Version string     `json:"version"`
	Passed  bool       `json:"passed"` // all of them
	Tests   []testView `json:"tests"`
}

type testView struct {
	Name    string `json:"name"`
	Line    int    `json:"line"`
	Passed  bool   `json:"passed"`
	Failure string `json:"failure,omitempty"` // several lines
}

// testsTime is how long all tests of a flow may take. What is left then fails.
const testsTime = 10 * time.Second

// testFlow answers POST /v1/flows/{flow}/tests: what the tests in a flow file say, which are executed without network.
func (a *api) testFlow(c *gin.Context) {
	flow, err := a.readSource(c)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), testsTime)
	defer cancel()
	view := testsView{Number: flow.Number, Version: flow.Version, Passed: true, Tests: []testView{}}
	for _, r := range flows.RunTests(ctx, flow) {
		view.Tests = append(view.Tests, testView{r.Name, r.Line, r.Failure == "", r.Failure})
		view.Passed = view.Passed && r.Failure == ""
	}
	httpx.WriteJSON(c, http.StatusOK, view)
}
