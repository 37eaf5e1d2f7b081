package workbench

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/sender"
)

// openCapture opens a URL that takes any request for ten minutes.
func (b *Workbench) openCapture(r *Request) error {
	c, err := b.config.Deliveries.OpenCapture(r.ctx(), r.Who.String(), deliveries.DefaultCapture)
	if err != nil {
		return err
	}
	r.Audit("POST "+view.Root+"/captures", "")
	return r.Redirect(view.Root + "/captures/" + c.Token)
}

// showCapture shows what came to a capture of the user.
func (b *Workbench) showCapture(r *Request) error {
	c, err := b.config.Deliveries.FindCapture(r.ctx(), r.Who.String(), r.HTTP.PathValue("capture"))
	if errors.Is(err, deliveries.ErrNotFound) && r.Fragment { // the page is open for longer than the capture
		return r.Render(http.StatusOK, view.CaptureFragment(r.Page("flows", ""), view.Capture{Ended: true}))
	}
	if err != nil {
		return err
	}
	v := view.Capture{Capture: *c, Proposed: proposedFor(c), URL: b.config.Base(r.HTTP) + "/hooks/captures/" + c.Token}
	if r.Fragment {
		return r.Render(http.StatusOK, view.CaptureFragment(r.Page("flows", ""), v))
	}
	return r.Render(http.StatusOK, view.CapturePage(r.Page("flows", language.T(r.HTTP.Context(), "Capture")), v))
}

// closeCapture ends a capture, and deletes what came.
func (b *Workbench) closeCapture(r *Request) error {
	if err := b.config.Deliveries.CloseCapture(r.ctx(), r.Who.String(), r.HTTP.PathValue("capture")); err != nil {
		return err
	}
	r.Notice(language.T(r.HTTP.Context(), "The capture has ended, and what came is deleted."))
	return r.Redirect(view.Root + "/flows")
}

// secretOfCapture is the name of the secret in what is proposed for a sender that the catalogue does not have. In a flow it has its
// number, so that two of them do not share one.
const secretOfCapture = "webhook_secret"

// proposedFor returns for each request of a capture the lines that describe its sender; empty where nothing tells it.
func proposedFor(c *deliveries.Capture) []string {
	lines := make([]string, len(c.Requests))
	for i := range c.Requests {
		if len(c.Requests[i].Candidates) == 0 {
			lines[i] = sender.Propose(c.Requests[i].Header, secretOfCapture)
		}
	}
	return lines
}

// flowOfCapture shows a new flow in the editor for a request that came to a capture: with the sender that was chosen among those that
// it may come from, or described by what is understood of it, and the request as a test. Nothing is saved.
func (b *Workbench) flowOfCapture(r *Request) error {
	if !r.May(auth.ScopeWriteRuns) {
		return errForbidden(r)
	}
	c, err := b.config.Deliveries.FindCapture(r.ctx(), r.Who.String(), r.HTTP.PathValue("capture"))
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(r.HTTP.URL.Query().Get("request"))
	if err != nil || n < 1 || n > len(c.Requests) {
		return fmt.Errorf("find request of capture: %w", deliveries.ErrNotFound)
	}
	request := &c.Requests[n-1]
	name, lines := "A webhook", cmp.Or(sender.Propose(request.Header, secretOfCapture), "trigger: webhook\n")
	if at := slices.IndexFunc(request.Candidates, func(s deliveries.Candidate) bool { return s.Sender == r.HTTP.URL.Query().Get("sender") }); at >= 0 {
		name, lines = "A webhook of "+request.Candidates[at].Title, request.Candidates[at].Lines
	}
	test := b.testOfCapture(r, request)
	return r.NewFlow(func(number int64) string {
		lines := strings.Replace(lines, "secret: "+secretOfCapture+"\n", fmt.Sprintf("secret: webhook_%d_secret\n", number), 1)
		return fmt.Sprintf("flow: %d\nslug: webhook-%d\nname: %s\n%ssteps:\n  - transform: .\n", number, number, flows.EncodeJSON(name), lines) + test
	}, language.T(r.HTTP.Context(), "Request %d of the capture is the test of a new flow. Nothing is saved yet.", n))
}

// testOfCapture returns the tests of a flow that puts its event out: a request that came to a capture; empty: it cannot be read as one.
func (b *Workbench) testOfCapture(r *Request, request *deliveries.Captured) string {
	if request.Repeatable() != nil {
		return ""
	}
	flow, err := flows.Parse("flow.yaml", []byte("flow: 1\ntrigger: webhook\nsteps: [{transform: .}]"), b.config.Catalogue)
	if err != nil {
		return ""
	}
	run, err := flow.ReadDelivery(request.Method, request.Header, request.Query, request.Body)
	if err != nil {
		return ""
	}
	return "tests:\n" + flow.TestText(r.ctx(), "the request that was captured", run)
}
