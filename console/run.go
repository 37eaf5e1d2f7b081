package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/api/runaccess"
	"github.com/penstock/penstock/console/diagram"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/steprecord"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/queue"
)

// runPage shows one run.
func runPage(req *requestState) error {
	run, err := req.findRun()
	if err != nil {
		return err
	}
	if req.fragment() {
		return req.render(200, view.RunBody(req.page("runs", ""), run))
	}
	return req.render(200, view.RunPage(req.page("runs", language.T(req.ctx(), "Run of %s", run.FlowName)), run))
}

// findRun returns the run in the path as its page shows it.
func (req *requestState) findRun() (view.Run, error) {
	record, err := req.record()
	if err != nil {
		return view.Run{}, err
	}
	a := steprecord.Decode(&record)
	return req.runOf(&record, &a), nil
}

// runOf returns a run as its page shows it.
func (req *requestState) runOf(r *queue.Record, a *steprecord.Record) view.Run {
	now := req.console.config.Now()
	run := view.Run{
		RunRow: req.runRow(r, now, req.flowNames()), Version: r.Version, Worker: r.Worker, Crashes: r.Crashes, Limit: r.Limit,
		Started: r.Times.Started, Finished: r.Times.Finished, Event: r.Event, Params: r.Params, Headers: r.Headers,
		Ended: r.State.Terminal(), Lines: a.LogLines(), Dropped: a.Dropped, Phases: phases(r, a, now),
	}
	run.Hidden = !runaccess.Reads(req.who, r)
	run.Stored = run.Ended || r.State == queue.Waiting
	run.Rows = steprecord.InFlowOrder(a.Rows(now, req.aggregates), req.places(r))
	run.AddExchanges(a.Exchanges, a.LeftOut)
	from, to := a.Span(now)
	run.Span = to.Sub(from)
	if r.State == queue.Succeeded {
		run.Output = r.Output
		if len(run.Output) == 0 {
			run.Output = json.RawMessage("[]")
		}
	}
	if r.Error != nil {
		run.Failure = failureOf(r.Error)
	}
	if r.Retry != nil {
		run.TryMost = r.Retry.Attempts
		for _, t := range r.Retry.Tries {
			run.Tries = append(run.Tries, view.Try{Failure: *failureOf(&t.Error), Attempt: t.Attempt, Failed: t.Failed, Next: t.Next})
		}
	}
	if r.Early != nil {
		run.Early = r.Early.Status
	}
	run.Resumable, run.ResumedFrom, run.ResumedBy = r.Resumable() == nil, r.ResumedFrom, r.ResumedBy
	run.Collects = r.Collects
	run.ReplayedBy, run.Triage = r.ReplayedBy, r.Triage
	run.FailureOf, run.FailureRun, run.Labels = r.FailureOf, r.FailureRun, r.Labels
	for i := range run.Rows {
		row := &run.Rows[i] // one may begin at the steps of the flow itself
		row.Resumable = run.Resumable && row.Depth == 0 && !strings.ContainsAny(row.Path, "./")
	}
	run.WithItems()
	run.Files = filesOf(run.Event, run.Output)
	head, err := req.console.config.Store.Flows().Deployment(strconv.FormatInt(r.Flow, 10))
	run.Deployed = err == nil
	run.Current = run.Deployed && head.Version == r.Version
	run.Waits, run.Attempts = req.waits(r, &a.Attempts), attemptsOf(req.ctx(), r, &a.Attempts, now)
	if f := a.Attempts.Folded; f != nil {
		run.Folded = f.Attempts
	}
	return run
}

// places returns where the steps are in the version of the flow that a run executes; nil when that is not stored any more. It is
// looked up once for each request.
func (req *requestState) places(r *queue.Record) map[string]steprecord.Place {
	key := strconv.FormatInt(r.Flow, 10) + " " + r.Version
	if found, known := req.outlines[key]; known {
		return found
	}
	var places map[string]steprecord.Place
	if source, err := req.console.config.Store.Flows().Source(req.ctx(), r.Flow, r.Version); err == nil {
		if outline, err := diagram.Read(source, req.console.config.Catalogue); err == nil {
			places = steprecord.Places(outline)
		}
	}
	if req.outlines == nil {
		req.outlines = map[string]map[string]steprecord.Place{}
	}
	req.outlines[key] = places
	return places
}

func failureOf(e *flows.Error) *view.Failure {
	f := &view.Failure{Code: string(e.Code), Message: e.Message, Step: e.Step, Status: e.Status, Item: -1}
	if e.Item != nil {
		f.Item = *e.Item
	}
	return f
}

func (req *requestState) aggregates(kind string) bool {
	k, _ := req.console.config.Catalogue.Kind(kind)
	return k.Aggregates
}

// phases divides the time of a run: on the way to Redis, waiting for a worker, executing steps, parked, and on the way back to the
// caller.
func phases(r *queue.Record, a *steprecord.Record, now time.Time) []view.Phase {
	t := r.Times
	var all []view.Phase
	// The clocks of the API process and of Redis may differ: a negative or long duration is meaningless.
	if way := t.Accepted.Sub(r.Spec.Accepted); !t.Accepted.IsZero() && way > 0 && way < 5*time.Second {
		all = append(all, view.Phase{Name: "door", Took: way})
	}
	spent := a.Attempts.TimesOf(r, now)
	all = append(all, view.Phase{Name: "queue", Took: spent.Queue})
	if !t.Started.IsZero() {
		all = append(all, view.Phase{Name: "steps", Took: spent.Steps})
	}
	if spent.Parked > 0 {
		all = append(all, view.Phase{Name: "parked", Took: spent.Parked})
	}
	if spent.Lost > 0 {
		all = append(all, view.Phase{Name: "lost", Took: spent.Lost})
	}
	// The same applies to the way back; a slow caller can delay it, too.
	if way := t.Delivered.Sub(t.Finished); !t.Delivered.IsZero() && way > 0 && way < 5*time.Second {
		all = append(all, view.Phase{Name: "reply", Took: way})
	}
	return all
}

// runFile responds with a file of a run, as bytes to be saved whatever it is: it may be anybody's.
func runFile(req *requestState) error {
	files := req.console.config.Files
	record, err := req.record()
	if err != nil {
		return err
	}
	if files == nil {
		return errNotFound
	}
	content, err := files.Open(req.ctx(), record.FilesOf(), req.r.PathValue("file"))
	if errors.Is(err, blob.ErrNotFound) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	defer content.Close()
	h := req.w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fileNameOf(&record, req.r.PathValue("file"))}))
	content.ServeHTTP(req.w, req.r)
	return nil
}

// fileNameOf returns the name by which a file of a run is saved.
func fileNameOf(r *queue.Record, id string) string {
	for _, f := range filesOf(r.Event, r.Output) {
		if f.ID == id && f.Name != "" {
			return f.Name
		}
	}
	return id + ".bin"
}

const (
	// maxListedFiles is the maximum number of files that the page of a run lists.
	maxListedFiles = 100
	// maxFilesText is the size of an event or output, in bytes, beyond which its files are not listed.
	maxFilesText = 4 << 20
)

// filesOf lists the files that an event and an output describe, each once.
func filesOf(texts ...json.RawMessage) []flows.File {
	var all []flows.File
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, element := range v {
				visit(element)
			}
		case map[string]any:
			f, is := flows.FileOf(v)
			if is && len(all) < maxListedFiles && !slices.ContainsFunc(all, func(o flows.File) bool { return o.ID == f.ID }) {
				number, _ := v["size"].(json.Number)
				f.Size, _ = number.Int64()
				all = append(all, f)
			}
			for _, name := range slices.Sorted(maps.Keys(v)) {
				visit(v[name])
			}
		}
	}
	for _, text := range texts {
		if len(text) > maxFilesText || !bytes.Contains(text, []byte(`"blob:`)) {
			continue
		}
		if v, err := flows.DecodeJSON(text); err == nil {
			visit(v)
		}
	}
	return all
}

// cancelRun ends a run that has not ended.
func cancelRun(req *requestState) error {
	why, err := json.Marshal(flows.Error{Code: flows.CodeCancelled, Message: "the run was cancelled by " + req.user.Name})
	if err != nil {
		return fmt.Errorf("cancel run: %w", err)
	}
	id := req.r.PathValue("run")
	had, err := req.console.config.Queue.Cancel(req.ctx(), id, why)
	if err != nil {
		return err
	}
	if had.Terminal() {
		req.setNotice(language.T(req.ctx(), "The run had ended before."))
	} else {
		req.setNotice(language.T(req.ctx(), "The run was cancelled."))
	}
	return req.redirect(Root + "/runs/" + id)
}

// submission returns a submission of a flow by the user. The error is for a user without the scopes of its operations.
func (req *requestState) submission(flow *flows.Flow) (queue.Submission, error) {
	if err := req.who.CheckOperationScopes(flow); err != nil {
		return queue.Submission{}, &fault{http.StatusForbidden, errForbidden.Title, err.Error()}
	}
	s := queue.SubmissionOf(flow)
	s.Principal, s.Accepted = req.who.String(), req.console.config.Now()
	return s, nil
}

// setFairKey renders the flow's run.fair_by for the event of a submission.
func (req *requestState) setFairKey(flow *flows.Flow, s *queue.Submission) error {
	if err := s.SetFairKey(req.ctx(), flow); err != nil {
		return &fault{http.StatusBadRequest, language.Key("The flow's run.fair_by cannot be computed"), err.Error()}
	}
	return nil
}

// start submits a run and redirects to its page.
func (req *requestState) start(s queue.Submission) error {
	ticket, err := req.console.config.Queue.Submit(req.ctx(), s)
	if err != nil {
		return err
	}
	ticket.Close()
	return req.redirect(Root + "/runs/" + ticket.RunID())
}
