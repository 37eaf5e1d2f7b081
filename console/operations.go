package console

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/api/runlist"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/operation"
	"github.com/penstock/penstock/queue"
)

// latestResults is the number of results on the page of an operation.
const latestResults = 50

// bulkPage shows what an action would do with all runs of a search.
func bulkPage(req *requestState) error { return req.planBulk(req.r.URL.Query()) }

// chosenRuns shows what an action would do with the runs that were chosen in the list: one by one, or all of the search. Two
// runs can be compared, too.
func chosenRuns(req *requestState) error {
	form := req.postForm()
	switch {
	case form.Get("all") == "" && len(form["run"]) == 0:
		return &fault{http.StatusBadRequest, language.Key("No run is chosen"), language.Key("Go back and choose runs of the list.")}
	case form.Get("action") == "compare" && len(form["run"]) != 2:
		return &fault{http.StatusBadRequest, language.Key("Two runs can be compared"), language.Key("Go back and choose two runs of the list.")}
	case form.Get("action") == "compare":
		return req.redirect(view.Root + "/runs/compare?" + url.Values{"run": form["run"]}.Encode())
	case !req.mayAct():
		return errForbidden
	case form.Get("all") != "":
		form.Del("run")
	default:
		form.Del("filter")
	}
	return req.planBulk(form)
}

func (req *requestState) postForm() url.Values {
	_ = req.r.ParseForm() // what cannot be read is not there
	return req.r.PostForm
}

func (req *requestState) planBulk(values url.Values) error {
	about, choice, runs, err := req.bulk(values)
	if err != nil {
		return err
	}
	plan, err := req.console.config.Operations.Plan(req.ctx(), about, runs)
	if err != nil {
		return err
	}
	b := view.Bulk{About: about, Plan: plan, Runs: choice.Runs, Text: values.Get("filter")}
	if about.Chosen {
		b.Runs, b.Left = runs, len(choice.Runs)-len(runs)
	}
	return req.render(http.StatusOK, view.BulkPage(req.page("runs", language.T(req.ctx(), "Many runs")), b))
}

// beginOperation begins an action on all runs of a filter, or on those that were chosen.
func beginOperation(req *requestState) error {
	about, _, runs, err := req.bulk(req.postForm())
	if err != nil {
		return err
	}
	o, err := req.console.config.Operations.Create(req.ctx(), about, runs)
	if err != nil {
		return err
	}
	req.audit("begin operation", o.Audited())
	return req.redirect(view.Root + "/operations/" + o.ID)
}

// assumePrefix begins the fields of a form that say what became of a step with uncertain effects.
const assumePrefix = "assume."

// chooser lists runs as the user may see them, and reads single ones, which runlist.Choose then passes on to its caller's decision.
type chooser struct {
	runlist.Runs
	queue *queue.Client
}

// Record implements runlist.Chooser.
func (c chooser) Record(ctx context.Context, id string) (queue.Record, error) {
	return c.queue.Record(ctx, id)
}

// bulk returns the operation that a form describes, and its runs. The filter is the text of a search box.
func (req *requestState) bulk(values url.Values) (about operation.About, choice runlist.Choice, runs []string, err error) {
	s, err := req.searchOf(values.Get("filter"))
	if err != nil {
		return about, choice, nil, err
	}
	asOf, err := time.Parse(time.RFC3339Nano, cmp.Or(values.Get("as_of"), time.Time{}.Format(time.RFC3339Nano)))
	if err != nil {
		return about, choice, nil, &fault{http.StatusBadRequest, language.Key("The plan cannot be read"), language.Key("Go back to the list of runs and choose them again.")}
	}
	choice = runlist.Choice{AsOf: asOf, Filter: s.Filter, Search: strings.TrimSpace(s.Words + " " + values.Get(runlist.ParamSearch))}
	for _, ids := range values["run"] { // each alone, or all in one field
		choice.Runs = append(choice.Runs, strings.Fields(ids)...)
	}
	about = operation.About{
		Action: operation.Action(values.Get("action")), Filter: choice.Filter, Search: choice.Search, Chosen: choice.Runs != nil,
		By: req.who.String(), Created: req.console.config.Now().UTC(), KeepCallers: !req.who.ReadsAll(),
	}
	if text := values.Get("rate"); text != "" {
		if about.Rate, err = strconv.Atoi(text); err != nil || about.Rate == 0 {
			about.Rate = -1
		}
	}
	for name, value := range values {
		if step, is := strings.CutPrefix(name, assumePrefix); is && value[0] != "" {
			if about.Assume == nil {
				about.Assume = map[string]string{}
			}
			about.Assume[step] = value[0]
		}
	}
	if err := about.Complete(); err != nil {
		return about, choice, nil, err
	}
	reader := chooser{req.runs(), req.console.config.Queue}
	runs, err = runlist.Choose(req.ctx(), reader, choice, operation.MaxRuns, func(r *queue.Record) bool {
		return req.who.MayOperate(r.Flow, about.Action.Starts(), req.console.config.Operations.Executes(req.ctx(), &about, r))
	})
	return about, choice, runs, err
}

// operationsPage lists the operations, the newest first.
func operationsPage(req *requestState) error {
	all, err := req.console.config.Operations.List(req.ctx())
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(o operation.Operation) bool { return !req.seesOperation(&o.About) })
	return req.render(http.StatusOK, view.OperationsPage(req.page("runs", language.T(req.ctx(), "Operations")), view.Operations{Items: all}))
}

// seesOperation reports whether the user may see, and stop, an operation: their own, or with the right to read all runs those of others.
func (req *requestState) seesOperation(about *operation.About) bool {
	return about.By == req.who.String() || req.who.ReadsAll()
}

// operation returns the operation in the path.
func (req *requestState) operation() (*operation.Operation, error) {
	o, err := req.console.config.Operations.Read(req.ctx(), req.r.PathValue("operation"))
	if err == nil && !req.seesOperation(&o.About) {
		err = errNotFound
	}
	return o, err
}

// operationPage shows the progress of an operation.
func operationPage(req *requestState) error {
	o, err := req.operation()
	if err != nil {
		return err
	}
	progress := view.Progress{Operation: *o}
	n := o.Done + o.Failed + o.Skipped
	if progress.Results, err = req.console.config.Operations.Results(req.ctx(), o.ID, max(0, n-latestResults), latestResults); err != nil {
		return err
	}
	slices.Reverse(progress.Results)
	if req.fragment() {
		return req.render(http.StatusOK, view.ProgressBody(req.page("runs", ""), progress))
	}
	return req.render(http.StatusOK, view.ProgressPage(req.page("runs", language.T(req.ctx(), "Operation")), progress))
}

// stopOperation asks for the end of an operation.
func stopOperation(req *requestState) error {
	o, err := req.operation()
	if err != nil {
		return err
	}
	id := o.ID
	if err := req.console.config.Operations.Stop(req.ctx(), id); err != nil {
		return err
	}
	req.audit("stop operation", id)
	return req.redirect(view.Root + "/operations/" + id)
}
