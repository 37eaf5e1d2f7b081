package console

import (
	"compress/gzip"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/jsonpart"
)

const (
	maxHits   = 50  // values that a search lists
	maxWords  = 200 // bytes of what is searched for
	hitLength = 160 // bytes of a value that a hit shows, about
)

// runData responds with the event or the output of a run as it is stored. The output is sent while it is read.
func runData(req *requestState) error {
	output := false
	switch req.r.PathValue("part") {
	case "event.json":
	case "output.json":
		output = true
	default:
		return errNotFound
	}
	if output && !req.away {
		return req.streamOutput()
	}
	record, err := req.record()
	if err != nil {
		return err
	}
	text := record.Event
	if output {
		text = record.Output
	}
	if len(text) == 0 {
		return errNotFound
	}
	req.w.Header().Set("Content-Type", "application/json")
	req.send(http.StatusOK, text)
	return nil
}

// streamOutput responds with the output of the run in the path.
func (req *requestState) streamOutput() error {
	w := &download{req: req}
	err := req.console.config.Queue.WriteOutput(req.ctx(), req.r.PathValue("run"), w)
	switch {
	case w.begun:
		return w.end(err)
	case err != nil:
		return err
	}
	return errNotFound
}

// download is a JSON text that is sent while it is read. The response begins with the first byte.
type download struct {
	req    *requestState
	begun  bool
	zipper *gzip.Writer // nil: it is not compressed
}

// Write implements io.Writer.
func (d *download) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !d.begun {
		d.begun = true
		h := d.req.w.Header()
		h.Set("Content-Type", "application/json")
		if strings.Contains(d.req.r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			d.zipper, _ = gzip.NewWriterLevel(d.req.w, gzip.BestSpeed) // the level is one that exists
		}
	}
	if d.zipper != nil {
		return d.zipper.Write(p)
	}
	return d.req.w.Write(p)
}

// end ends the response. After an error it breaks the connection, so that the browser does not take a part for the whole.
func (d *download) end(err error) error {
	if err != nil {
		d.req.console.config.Log.Warn("send output of run", "run_id", d.req.r.PathValue("run"), "error", err)
		panic(http.ErrAbortHandler)
	}
	if d.zipper != nil {
		_ = d.zipper.Close() // an error means that the browser has disconnected
	}
	return nil
}

// runJSON responds with a branch of the JSON that the page of a run shows, with the plain value of one, or with what a search in it
// finds.
func runJSON(req *requestState) error {
	query := req.r.URL.Query()
	run, err := req.findRun()
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(query.Get("n")) // 0 for what is no number
	text, found := run.JSONPart(query.Get("part"), query.Get("step"), n)
	if !found {
		return errNotFound
	}
	source := view.JSONSource{Run: run.ID, Query: sourceQuery(query)}
	if query.Has("q") {
		hits := searchJSON(text, query.Get("q"))
		hits.Source = source
		if req.fragment() {
			return req.render(http.StatusOK, view.JSONFound(hits))
		}
		return req.render(http.StatusOK, view.JSONPage(req.page("runs", language.T(req.ctx(), "Search")), run, view.JSONBranch{Source: source}, &hits))
	}
	b := view.JSONBranch{Source: source, Pointer: query.Get("at")}
	if b.Value, err = jsonpart.At(text, b.Pointer); err != nil {
		return errNotFound
	}
	if b.From, _ = strconv.Atoi(query.Get("from")); b.From < 0 {
		b.From = 0
	}
	switch {
	case query.Get("as") == "value":
		req.w.Header().Set("Content-Type", "application/json")
		req.send(http.StatusOK, b.Value.Text)
		return nil
	case req.fragment() && query.Get("as") == "tree":
		return req.render(http.StatusOK, view.JSONTree(b))
	case req.fragment():
		return req.render(http.StatusOK, view.JSONFragment(b))
	}
	return req.render(http.StatusOK, view.JSONPage(req.page("runs", language.T(req.ctx(), "JSON of a run")), run, b, nil))
}

// sourceQuery returns the parameters that name a text.
func sourceQuery(query url.Values) string {
	kept := url.Values{}
	for _, name := range []string{"part", "step", "n"} {
		if values, given := query[name]; given {
			kept[name] = values[:1]
		}
	}
	return kept.Encode()
}

// searchJSON searches in a text.
func searchJSON(text []byte, words string) view.JSONHits {
	words = strings.TrimSpace(words)
	if len(words) > maxWords {
		words = strings.ToValidUTF8(words[:maxWords], "")
	}
	found := jsonpart.Search(text, words, maxHits)
	hits := view.JSONHits{Words: words, Total: found.Total, AtLeast: found.AtLeast}
	for _, h := range found.Hits {
		hits.Hits = append(hits.Hits, view.JSONHit{
			Pointer: h.Pointer, Path: view.JSONPath(text, h.Pointer), Excerpt: jsonpart.Excerpt(h.Value.Text, words, hitLength),
		})
	}
	return hits
}

// runSteps responds with what one step of a run received, sent and returned.
func runSteps(req *requestState) error {
	run, err := req.findRun()
	if err != nil {
		return err
	}
	i := run.RowOf(req.r.URL.Query().Get("step"))
	if i < 0 {
		return errNotFound
	}
	if req.fragment() {
		return req.render(http.StatusOK, view.StepBody(run, i))
	}
	return req.render(http.StatusOK, view.StepPage(req.page("runs", language.T(req.ctx(), "A step of a run")), run, i))
}
