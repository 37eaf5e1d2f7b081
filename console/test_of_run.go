package console

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/workbench"
	"github.com/penstock/penstock/flows/recording"
	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/queue"
)

// testOfRun shows the current version of a flow in the editor, with a test that repeats a run of it. Nothing is saved.
func testOfRun(req *requestState) error {
	if !req.may(auth.ScopeReadRuns) {
		return errForbidden
	}
	record, err := req.console.config.Queue.Record(req.ctx(), req.r.PathValue("run"))
	switch {
	case err != nil:
		return err
	case record.Dropped:
		return queue.ErrDropped
	case record.State != queue.Succeeded && record.State != queue.Failed:
		return &fault{http.StatusConflict, language.Key("There is no test of this run"), language.Key("A test repeats a run that has succeeded or failed.")}
	}
	all := req.console.config.Store.Flows()
	head, err := all.Deployment(strconv.FormatInt(record.Flow, 10))
	if err != nil {
		return err
	}
	d := workbench.Draft{Notice: "A test of the run is the last one of the file. Nothing is saved yet."}
	entry, lacks, err := req.testEntry(&record)
	if err != nil {
		return err
	}
	if d.Entry = entry; lacks != "" {
		d.Lacks = "the record of the run lacks what a test needs: " + lacks
	}
	return req.showDraft(head, d)
}

// testEntry returns an entry for the tests of a flow that repeats a run. lacks says why it has gaps; empty: it has none.
func (req *requestState) testEntry(r *queue.Record) (entry, lacks string, err error) {
	flow, err := req.console.config.Store.Flows().Version(req.ctx(), r.Flow, r.Version)
	if err != nil {
		return "", "", err
	}
	name := "as in run " + r.ID
	s := recording.Source{Flow: flow, Event: r.Event, Params: r.Params, Headers: r.Headers, Steps: r.Steps, Output: r.Output}
	if r.State == queue.Failed {
		s.Failed = &recording.Failure{}
		if r.Error != nil {
			s.Failed = &recording.Failure{Code: string(r.Error.Code), Step: r.Error.Step}
		}
	} else if len(s.Output) == 0 {
		s.Output = []byte("[]")
	}
	recorded, err := recording.New(req.ctx(), s)
	if err == nil {
		var b strings.Builder
		if err = recorded.Print(req.ctx(), &b, name, mask.New()); err == nil {
			return b.String(), "", nil
		}
	}
	if req.ctx().Err() != nil {
		return "", "", req.ctx().Err()
	}
	run, decodeErr := r.Input()
	if decodeErr != nil {
		return "", "", decodeErr
	}
	masker := mask.New()
	run.Event = masker.Value(run.Event)
	run.Params, run.Headers = masker.Texts(run.Params), masker.Texts(run.Headers)
	return flow.TestText(req.ctx(), name, run), strings.TrimPrefix(err.Error(), "record run: "), nil
}

var (
	// testsLine is the key of the tests of a flow file.
	testsLine = regexp.MustCompile(`^tests:[ \t]*(\[[ \t]*\]|~|null)?[ \t]*(#.*)?$`)
	// listLine is the beginning of an element of a list.
	listLine = regexp.MustCompile(`^( *)- `)
)

// withTest returns the source of a flow with one more test, whose lines are indented by two blanks. Everything else stays as it is. A
// source whose tests are not a list in block style gets the test as a comment.
func withTest(source, entry string) string {
	lines := strings.Split(strings.TrimRight(source, "\n"), "\n")
	at := -1
	for i, line := range lines {
		if strings.HasPrefix(line, "tests:") {
			at = i
		}
	}
	switch {
	case at < 0:
		return strings.Join(lines, "\n") + "\ntests:\n" + entry
	case !testsLine.MatchString(lines[at]):
		return strings.Join(lines, "\n") + "\n# put under tests:\n#" + strings.ReplaceAll(strings.TrimRight(entry, "\n"), "\n", "\n#") + "\n"
	}
	indent, end := "  ", at+1
	for i := at + 1; i < len(lines); i++ {
		line := lines[i]
		if m := listLine.FindStringSubmatch(line); m != nil && end == at+1 {
			indent = m[1]
		}
		trimmed := strings.TrimSpace(line)
		if trimmed != "" && line[0] != ' ' && line[0] != '#' && !strings.HasPrefix(line, "- ") {
			break
		}
		if trimmed != "" && line[0] != '#' {
			end = i + 1
		}
	}
	if end == at+1 { // the list is empty
		lines[at] = "tests:"
	}
	added := strings.Split(strings.TrimRight(entry, "\n"), "\n")
	for i, line := range added {
		added[i] = indent + strings.TrimPrefix(line, "  ")
	}
	return strings.Join(slices.Concat(lines[:end], added, lines[end:]), "\n") + "\n"
}
