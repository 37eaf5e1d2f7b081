package n8n_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/n8n"
	"github.com/penstock/penstock/flows/steps"
)

var update = flag.Bool("update", false, "write the figures of docs/migrate-n8n.md again")

// data is where the workflows are.
const data = "../../../shared/data/n8n"

// knownFailures are the workflows of which some node does not put out what it does in n8n, with the reason.
var knownFailures = map[string]string{ // read only
	"Files.convert_extract.json":        "files of the formats HTML, XLS, XLSX, ODS, RTF and iCalendar",
	"Html.extractHtmlContent.json":      "no step selects elements of HTML",
	"HttpRequest.use_error_output.json": "the messages of errors are others",
	"Kafka.json":                        "no step sends to Kafka",
	"Markdown.markdown.json":            "no step converts Markdown",
	"SplitInBatches.SplitInBatches.workflow_v2_done_variable.json": "code that reads the items of each round of a loop, and loops that end by a condition",
	"Webhook.Webhook.formdata.test.json":                           "the test gives parameters of a path that has none",
}

// imported is a workflow of the data that was imported.
type imported struct {
	file   string
	inputs bool // what is pinned goes in; a node does not have to put it out
	source sourceWorkflow
	result *n8n.Result
	flow   *flows.Flow
}

// sourceWorkflow is what the test reads of a workflow itself.
type sourceWorkflow struct {
	Nodes []struct {
		Name, Type string
		Parameters map[string]any
		Disabled   bool
	}
	PinData     map[string][]map[string]any
	Connections map[string]map[string][][]struct{ Node string }
	Trigger     struct {
		Input struct{ JSON map[string]any }
	}
}

// importAll imports the workflows of a directory. Each becomes a valid flow.
func importAll(t *testing.T, dir string) []imported {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testData(t), dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatalf("no workflows in %s", dir)
		}
		t.Skipf("no workflows in %s", dir)
	}
	var all []imported
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		one := imported{file: filepath.Base(file)}
		if err := json.Unmarshal(src, &one.source); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(one.file, "playwright.") {
			one.inputs = true
			src = withInputs(t, src, one.source.PinData)
		}
		one.result, err = n8n.Import(src, n8n.Config{})
		if err != nil {
			t.Errorf("%s: %v", one.file, err)
			continue
		}
		one.flow, err = flows.Parse(one.file, one.result.Flow, steps.Catalogue())
		if err != nil {
			t.Errorf("%s: %v\n%s", one.file, err, one.result.Flow)
			continue
		}
		all = append(all, one)
	}
	return all
}

// withInputs replaces the nodes whose output is pinned, as the editor does, by code that puts it out. Triggers stay: their pins
// are events.
func withInputs(t *testing.T, src []byte, pins map[string][]map[string]any) []byte {
	t.Helper()
	var w map[string]any
	if err := json.Unmarshal(src, &w); err != nil {
		t.Fatal(err)
	}
	nodes, _ := w["nodes"].([]any)
	for _, v := range nodes {
		n, _ := v.(map[string]any)
		name, _ := n["name"].(string)
		kind, _ := n["type"].(string)
		if pin := pins[name]; pin != nil && !strings.HasSuffix(kind, "Trigger") {
			n["type"], n["typeVersion"] = "n8n-nodes-base.code", 2
			n["parameters"] = map[string]any{"jsCode": "return " + encode(pin)}
		}
	}
	changed, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func testData(t *testing.T) string {
	if dir := os.Getenv("PENSTOCK_TEST_DATA"); dir != "" {
		return filepath.Join(dir, "n8n")
	}
	return data
}

// Every checked workflow puts out, at each pinned node, what is pinned, except for those that are known to differ. The figures are
// in the documentation.
func TestCheckedWorkflows(t *testing.T) {
	t.Parallel()
	all := importAll(t, "checked")
	templates := importAll(t, "templates")
	var whole, right, rightWhole, pinned int
	for _, one := range all {
		if !one.todo() {
			whole++
		}
		if len(one.source.PinData) == 0 {
			continue
		}
		pinned++
		var differences []string
		synctest.Test(t, func(t *testing.T) { differences = one.differences(t) })
		reason, known := knownFailures[one.file]
		switch {
		case differences == nil && known:
			t.Errorf("%s is right: take it out of the list of known failures (%s)", one.file, reason)
		case differences != nil && !known:
			t.Errorf("%s:\n  %s\n%s", one.file, strings.Join(differences, "\n  "), one.result.Flow)
		}
		if differences == nil {
			right++
			if !one.todo() {
				rightWhole++
			}
		}
	}
	figures(t, all, templates, [4]int{whole, right, rightWhole, pinned})
}

// figuresFile has the figures between two marks.
const (
	figuresFile  = "../../docs/migrate-n8n.md"
	figuresBegin = "<!-- Figures: go test ./flows/n8n -update writes them. -->\n"
	figuresEnd   = "<!-- End of the figures. -->\n"
)

// figures compares the figures of the documentation, or writes them with -update.
func figures(t *testing.T, checked, templates []imported, counts [4]int) {
	t.Helper()
	whole, right, rightWhole, pinned := counts[0], counts[1], counts[2], counts[3]
	templatesWhole, nodes, left := 0, 0, 0
	reasons := map[string]map[string]bool{}
	for i, one := range slices.Concat(checked, templates) {
		if i >= len(checked) && !one.todo() {
			templatesWhole++
		}
		nodes += one.result.Nodes
		unfinished := map[string]bool{}
		for _, n := range one.result.Notes {
			if !n.ToDo() {
				continue
			}
			unfinished[n.Node] = true
			if reasons[n.Reason] == nil {
				reasons[n.Reason] = map[string]bool{}
			}
			reasons[n.Reason][one.file] = true
		}
		left += len(unfinished)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n| | |\n|---|---|\n| workflows of n8n's own tests | %d, of which %d are taken over whole |\n", len(checked), whole)
	fmt.Fprintf(&b, "| templates of the community | %d, of which %d are taken over whole |\n", len(templates), templatesWhole)
	fmt.Fprintf(&b, "| workflows with the output that each node must give | %d, of which %d give it, %d of these taken over whole |\n", pinned, right, rightWhole)
	fmt.Fprintf(&b, "| nodes | %d, of which %d have something left to do |\n", nodes, left)
	b.WriteString("\n| workflows | what stood in the way |\n|---|---|\n")
	grouped, names := map[string]map[string]bool{}, map[string][]string{}
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		group := reason
		for _, prefix := range []string{"the API of ", "the node ", "the trigger ", "a file of the format "} {
			if rest, ok := strings.CutPrefix(reason, prefix); ok {
				group = strings.TrimSuffix(prefix, " ") + " …"
				names[group] = append(names[group], rest)
			}
		}
		if grouped[group] == nil {
			grouped[group] = map[string]bool{}
		}
		maps.Copy(grouped[group], reasons[reason])
	}
	for _, group := range slices.SortedFunc(maps.Keys(grouped), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(grouped[b]), len(grouped[a])), cmp.Compare(a, b))
	}) {
		fmt.Fprintf(&b, "| %d | %s |\n", len(grouped[group]), strings.Replace(group, "…", strings.Join(names[group], ", "), 1))
	}
	b.WriteString("\n| these do not give their output | because |\n|---|---|\n")
	for _, file := range slices.Sorted(maps.Keys(knownFailures)) {
		fmt.Fprintf(&b, "| %s | %s |\n", strings.TrimSuffix(file, ".json"), knownFailures[file])
	}
	b.WriteString("\n")
	t.Log(b.String())
	page, err := os.ReadFile(figuresFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), figuresBegin)
	old, after, ok2 := strings.Cut(rest, figuresEnd)
	switch {
	case !ok || !ok2:
		t.Fatalf("%s has no marks for the figures", figuresFile)
	case old == b.String():
	case *update:
		if err := os.WriteFile(figuresFile, []byte(before+figuresBegin+b.String()+figuresEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the figures of %s are out of date: go test ./flows/n8n -update", figuresFile)
	}
}

func (one imported) todo() bool {
	return slices.ContainsFunc(one.result.Notes, n8n.Note.ToDo)
}

// differences runs the flow and compares what is pinned; nil: nothing differs.
func (one imported) differences(t *testing.T) []string {
	t.Helper()
	recorder := &recorder{items: map[string][]placed{}}
	world := &pinnedWorld{one: one}
	env := flows.Env{Scripts: patient{}, Trace: recorder, HTTP: world, Connections: open{}, State: flows.NewMemory(), Pace: flows.NewMemory()}
	run := flows.Run{ID: "run", Attempt: 1, Event: map[string]any{}}
	if input := one.source.Trigger.Input.JSON; input != nil {
		run.Event = exact(input["body"])
		run.Headers = texts(input["headers"])
		run.Params = texts(input["query"])
	}
	events := []any{run.Event}
	if one.inputs {
		for _, n := range one.source.Nodes {
			if pin := one.source.PinData[n.Name]; pin != nil && strings.HasSuffix(n.Type, "Trigger") {
				events = nil
				for _, item := range pin {
					events = append(events, exact(item["json"]))
				}
			}
		}
	}
	var found []string
	for _, run.Event = range events {
		if _, err := one.flow.Execute(t.Context(), run, env); err != nil {
			found = append(found, "the run failed: "+err.Error())
		}
	}
	if one.inputs {
		return found
	}
	for _, name := range slices.Sorted(maps.Keys(one.source.PinData)) {
		var want []any
		for _, item := range one.source.PinData[name] {
			want = append(want, cmp.Or[any](item["json"], item))
		}
		got := recorder.at(one.result.Steps[name])
		if a, b := encode(want), encode(got); a != b {
			found = append(found, fmt.Sprintf("%s:\n    want %s\n    got  %s", name, a, b))
		}
	}
	return found
}

func encode(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(exact(v)); err != nil {
		return err.Error()
	}
	return b.String()
}

// exact is a value as decoded from JSON, so that 1 and 1.0 are one number.
func exact(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	var decoded any
	if err := json.Unmarshal(text, &decoded); err != nil {
		return err.Error()
	}
	return decoded
}

func texts(v any) map[string]string {
	all := map[string]string{}
	m, _ := v.(map[string]any)
	for name, value := range m {
		all[name] = fmt.Sprint(value)
	}
	return all
}

// recorder records the items of steps with names, in the order of the items that led to them.
type recorder struct {
	mu    sync.Mutex
	items map[string][]placed
}

type placed struct {
	within []int
	items  []any
}

func (*recorder) Begin(flows.StepStart) {}
func (*recorder) Log(flows.LogLine)     {}

func (r *recorder) End(e flows.StepEnd) {
	if e.Err != nil {
		return
	}
	name := e.Step[strings.LastIndexByte(e.Step, '.')+1:]
	var within []int
	for part := range strings.SplitSeq(e.Within, ".") {
		n := 0
		if _, err := fmt.Sscan(part, &n); err == nil {
			within = append(within, n)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items[name] = append(r.items[name], placed{within, e.Items(1 << 20)})
}

func (r *recorder) at(name string) []any {
	list := r.items[name]
	slices.SortStableFunc(list, func(a, b placed) int { return slices.Compare(a.within, b.within) })
	var items []any
	for _, p := range list {
		items = append(items, p.items...)
	}
	return items
}

// pinnedWorld answers each request with what is pinned at the node that sent it, or at the first one after it.
type pinnedWorld struct {
	one  imported
	mu   sync.Mutex
	used []string
}

func (w *pinnedWorld) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	body, kind := w.answer(r.URL, strings.Join(r.Header["idempotency-key"], ""))
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// answer finds the node by the name of its step in the idempotency key, or by its URL; of several with the same one each
// answers once, in the order of the file.
func (w *pinnedWorld) answer(u *url.URL, key string) (body, kind string) {
	for _, n := range w.one.source.Nodes {
		address, _ := n.Parameters["url"].(string)
		if e, ok := n.Parameters["endpoint"].(string); ok {
			address = e
		}
		parsed, err := url.Parse(address)
		if key != "" && !strings.Contains(key, w.one.result.Steps[n.Name]+"_response") {
			continue
		}
		service := !strings.HasPrefix(u.String(), address) || address == ""
		if service && !effects[n.Type[strings.LastIndexByte(n.Type, '.')+1:]] || !service && (err != nil || parsed.Path != u.Path) || slices.Contains(w.used, n.Name) {
			continue
		}
		w.used = append(w.used, n.Name)
		pin := w.one.pinAfter(n.Name)
		if strings.HasSuffix(n.Type, ".rssFeedRead") {
			return feed(pin), "application/rss+xml"
		}
		if len(pin) == 1 {
			return encode(pin[0]), "application/json"
		}
		return encode(pin), "application/json"
	}
	return "{}", "application/json"
}

var effects = map[string]bool{"slack": true, "discord": true, "notion": true, "hubspot": true}

// pinAfter is what is pinned at a node, or at the one after it.
func (one imported) pinAfter(name string) []any {
	var pin []any
	for _, item := range one.source.PinData[name] {
		pin = append(pin, item["json"])
	}
	if pin == nil {
		for _, targets := range one.source.Connections[name]["main"] {
			for _, target := range targets {
				return one.pinAfter(target.Node)
			}
		}
	}
	return pin
}

// feed writes the items as RSS.
func feed(items []any) string {
	var b strings.Builder
	b.WriteString(`<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>feed</title>`)
	names := map[string]string{"title": "title", "link": "link", "pubDate": "pubDate", "guid": "guid", "content": "description", "dc:creator": "dc:creator", "custom": "custom"}
	for _, item := range items {
		b.WriteString("<item>")
		for member, element := range names {
			if text, ok := item.(map[string]any)[member].(string); ok {
				fmt.Fprintf(&b, "<%s>%s</%[1]s>", element, text)
			}
		}
		b.WriteString("</item>")
	}
	return b.String() + "</channel></rss>"
}

// open is the connection of every name: it adds nothing.
type open struct{}

func (open) HTTP(context.Context, string) (flows.HTTPConnection, error) { return open{}, nil }
func (open) SQL(context.Context, string) (*flows.Database, error)       { return nil, io.EOF }
func (open) Proxy(context.Context, string) (flows.HTTPProxy, error)     { return nil, io.EOF }
func (open) SFTP(context.Context, string) (flows.SFTPServer, error)     { return nil, io.EOF }
func (open) S3(context.Context, string, string) (flows.Bucket, error)   { return nil, io.EOF }
func (open) Client(context.Context, string) (flows.Client, func(), error) {
	return nil, nil, io.EOF
}
func (open) Mail(context.Context, string) (flows.Mailer, error) { return nil, io.EOF }
func (open) Allows(*url.URL) bool                               { return true }
func (open) Transport(base http.RoundTripper) http.RoundTripper { return base }
