package view

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/penstock/penstock/api/openapi/flowdoc"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/diagram"
	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/internal/webhook"
	"github.com/penstock/penstock/queue/rehearsal"
	"github.com/penstock/penstock/store"
)

// hostile is a text that ends each kind of context in HTML: text, attribute values and comments.
const hostile = `x"'><x-evil onload='1'/><!--</title></script>{{7*7}}`

var (
	// broken finds a hostile text that is markup, or ends the value of an attribute.
	broken = regexp.MustCompile(`<x-evil|x"(?:'|&#39;)|x(?:"|&#34;|&quot;)'`)
	// link finds all addresses that a click or the script of the console requests.
	link = regexp.MustCompile(`(?i)\s(?:href|src|action|formaction|hx-(?:get|post|put|patch|delete)|sse-connect)="([^"]*)"`)
)

// fill sets all strings of a value to hostile, numbers to 1, booleans to yes, and gives each list, map and pointer one
// element. What has not the kind of a plain value stays as it is.
func fill(v reflect.Value, yes bool) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(hostile)
	case reflect.Bool:
		v.SetBool(yes)
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			text, _ := json.Marshal(map[string]any{hostile: []any{hostile}}) // texts always encode
			v.SetBytes(text)
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), yes)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), yes)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, yes)
		fill(value, yes)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), yes)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1795280000, 0)))
			return
		}
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() && v.Type().Field(i).Type != reflect.TypeFor[[]diagram.Branch]() {
				fill(f, yes)
			}
		}
	}
}

func filled[T any](yes bool) T {
	var v T
	fill(reflect.ValueOf(&v).Elem(), yes)
	return v
}

// pageOf is the layout of a page with hostile texts. The texts that the server makes itself, such as the nonce, stay.
func pageOf(yes bool) Page {
	p := Page{Site: ConsoleSite(), Title: hostile, User: hostile, Notice: hostile, Request: hostile, Troubles: filled[[]Trouble](yes), CSRF: "csrf", Nonce: "nonce", Now: time.Unix(1795280100, 0)}
	p.Asset = func(name string) string { return "/console/assets/" + name }
	p.May = func(auth.Scope) bool { return yes }
	return p
}

// components are all pages and parts of pages, with hostile values.
func components(yes bool) map[string]templ.Component {
	p, own := pageOf(yes), filled[[]ScopeChoice](yes)
	return map[string]templ.Component{
		"AccountPage":        AccountPage(p, filled[Account](yes)),
		"PalettePage":        PalettePage(p, filled[Palette](yes)),
		"PaletteFound":       PaletteFound(p, filled[Palette](yes)),
		"KeysPage":           KeysPage(p, filled[[]*store.Key](yes), own, filled[LastUses](yes)),
		"KeySwitch":          KeySwitch(p, filled[*store.Key](yes)),
		"KeyPage":            KeyPage(p, filled[KeySheet](yes)),
		"KeySecret":          KeySecret(p, filled[KeySheet](yes)),
		"ClientsPage":        ClientsPage(p, filled[[]*store.Client](yes), own, filled[LastUses](yes)),
		"ClientPage":         ClientPage(p, filled[*store.Client](yes), hostile, own),
		"UsersPage":          UsersPage(p, filled[[]*store.User](yes), own, filled[LastUses](yes)),
		"UserPage":           UserPage(p, filled[*store.User](yes), yes, own),
		"AuthorizePage":      AuthorizePage(p, Authorize{hostile, "https://login.example.org/" + hostile, hostile, filled[[]auth.Scope](yes), yes, yes, "https://login.example.org/?" + hostile}),
		"AuditPage":          AuditPage(p, filled[AuditList](yes)),
		"AuditEntryPage":     AuditEntryPage(p, filled[AuditSheet](yes)),
		"AuditCheckPage":     AuditCheckPage(p, filled[AuditCheck](yes)),
		"ComparePage":        ComparePage(p, filled[Comparison](yes)),
		"Diff":               Diff(filled[[]DiffLine](yes)),
		"ConnectionsPage":    ConnectionsPage(p, filled[ConnectionList](yes)),
		"ConnectionPage":     ConnectionPage(p, filled[ConnectionForm](yes)),
		"ConsentPage":        ConsentPage(p, hostile, "https://login.example.org/?"+hostile),
		"TestResult":         TestResult(yes, hostile),
		"ChartCard":          ChartCard(filledChart(yes)),
		"FlowStatsPage":      FlowStatsPage(p, filled[FlowRow](yes), filledChart(yes)),
		"FlowsPage":          FlowsPage(p, filled[FlowList](yes)),
		"FlowTable":          FlowTable(p, filled[FlowList](yes)),
		"DeliveriesPage":     DeliveriesPage(p, filled[Deliveries](yes)),
		"DeliveriesFragment": DeliveriesFragment(p, filled[Deliveries](yes)),
		"DeliveryPage":       DeliveryPage(p, filled[Delivery](yes)),
		"CapturePage":        CapturePage(p, filled[Capture](yes)),
		"RedeliverPage":      RedeliverPage(p, filled[Redelivery](yes)),
		"DryRunPage":         DryRunPage(p, filled[FlowRow](yes), filled[DryRun](yes)),
		"DryRunResult":       DryRunResult(filled[DryRun](yes)),
		"CaptureFragment":    CaptureFragment(p, filled[Capture](yes)),
		"EnabledSwitch":      EnabledSwitch(p, filled[FlowRow](yes)),
		"FlowPage":           FlowPage(p, filled[Flow](yes)),
		"FlowDiagram":        FlowDiagram(filled[FlowPicture](yes)),
		"StepFiguresPart":    StepFiguresPart(p, 1, filled[*Overlay](yes), yes),
		"RunPicturePage":     RunPicturePage(p, filled[*Overlay](yes), filled[*FlowPicture](yes)),
		"Layout":             Layout(p),
		"QuestionPage":       QuestionPage(p, Question{hostile, []string{hostile}, []int64{1}, Root + "/flows", [][2]string{{hostile, hostile}}, hostile, Root + "/flows"}),
		"TasksPage":          TasksPage(p, Tasks{Root: "/console/queues", Scripts: []string{"/console/queues/static/js/main.js"}, ReadOnly: yes}),
		"ErrorPage":          ErrorPage(p, hostile, hostile),
		"ErrorFragment":      ErrorFragment(hostile, hostile),
		"FaultFragment":      FaultFragment(p, hostile, hostile),
		"HealthFragment":     HealthFragment(p),
		"LinesPage":          LinesPage(p, filled[[]QueueLines](yes)),
		"LinesFragment":      LinesFragment(p, filled[[]QueueLines](yes)),
		"OverviewPage":       OverviewPage(p, filled[Overview](yes)),
		"OverviewFragment":   OverviewFragment(p, filled[Overview](yes)),
		"RefusedPage":        RefusedPage(p, filled[Refused](yes)),
		"RehearsalPage":      RehearsalPage(p, filled[FlowRow](yes), filled[*rehearsal.Report](yes)),
		"RehearsalReport":    RehearsalReport(filled[*rehearsal.Report](yes)),
		"BulkPage":           BulkPage(p, filled[Bulk](yes)),
		"OperationsPage":     OperationsPage(p, filled[Operations](yes)),
		"ProgressPage":       ProgressPage(p, filled[Progress](yes)),
		"ProgressBody":       ProgressBody(p, filled[Progress](yes)),
		"JSONFound":          JSONFound(filled[JSONHits](yes)),
		"JSONPage":           JSONPage(p, filled[Run](yes), filled[JSONBranch](yes), nil),
		"StepBody":           StepBody(filled[Run](yes), 0),
		"StepPage":           StepPage(p, filled[Run](yes), 0),
		"ReplayPage":         ReplayPage(p, filled[Replay](yes)),
		"ResumePage":         ResumePage(p, filled[Resume](yes)),
		"ResumePlan":         ResumePlan(p, filled[Resume](yes)),
		"RunPage":            RunPage(p, filled[Run](yes)),
		"RunBody":            RunBody(p, filled[Run](yes)),
		"RunsPage":           RunsPage(p, filled[RunList](yes)),
		"RunsTable":          RunsTable(p, filled[RunList](yes)),
		"NewerRuns":          NewerRuns(RunsURL(url.Values{"filter": {hostile}}, nil), 1, yes),
		"SignInPage":         SignInPage(p, filled[SignIn](yes)),
		"SignInForm":         SignInForm(p, filled[SignIn](yes)),
		"SecondStepPage":     SecondStepPage(p, filled[SecondStep](yes)),
		"SecondStepForm":     SecondStepForm(p, filled[SecondStep](yes)),
		"SignedOut":          SignedOut(p, hostile, "https://login.example.org/end?"+hostile),
		"ReviewPage":         ReviewPage(p, filled[Review](yes)),
		"ReviewDialog":       ReviewDialog(p, filled[Review](yes)),
		"TryPage":            TryPage(p, filled[TryForm](yes)),
		"TryStarted":         TryStarted(hostile, yes),
		"TryResult":          TryResult(p, filled[Run](yes)),
		"CallPage":           CallPage(p, filled[CallExamples](yes)),
		"CallBody":           CallBody(p, filled[CallExamples](yes)),
		"APIListPage":        APIListPage(p, filled[APIList](yes)),
		"APIPage":            APIPage(p, filled[API](yes), filled[[]*flowdoc.Sheet](yes)),
		"ChangesPage":        ChangesPage(p, filled[API](yes), filled[[]VersionChanges](yes)),
		"OperationPage":      OperationPage(p, filled[Operation](yes)),
		"OwnClientsPage":     OwnClientsPage(p, filled[[]*store.Client](yes), nil),
		"NewClientPage":      NewClientPage(p, filled[ClientSheet](yes)),
		"OwnClientPage":      OwnClientPage(p, filled[ClientSheet](yes)),
		"ProposalsPage":      ProposalsPage(p, filled[[]Proposal](yes)),
		"VersionsPage":       VersionsPage(p, filled[FlowRow](yes), filled[[]Version](yes)),
		"WebhooksPage":       WebhooksPage(p, filled[Webhooks](yes)),
		"WebhookPage":        WebhookPage(p, filled[FlowRow](yes), filled[*webhook.Delivery](yes)),
		"WorkersPage":        WorkersPage(p, filled[Workers](yes)),
		"WorkersFragment":    WorkersFragment(p, filled[Workers](yes)),
		"FailuresPage":       FailuresPage(p, filled[Failures](yes)),
		"FoldersPage":        FoldersPage(p, filled[[]FolderRow](yes)),
		"FolderPage":         FolderPage(p, filled[FolderRow](yes)),
		"FailurePage":        FailurePage(p, filled[FailureGroup](yes)),
	}
}

// Whatever a flow, key, user, connection or run is called, and whatever a run puts out, it is text on every page.
func TestHostileTextsAreEscaped(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, yes := range []bool{true, false} {
		for name, c := range components(yes) {
			var b strings.Builder
			if err := c.Render(t.Context(), &b); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			html := b.String()
			if at := broken.FindStringIndex(html); at != nil {
				t.Errorf("%s (%v) has a text as markup: %s", name, yes, html[max(0, at[0]-80):min(len(html), at[1]+40)])
			}
			shown[name] = shown[name] || strings.Contains(html, "x-evil")
		}
	}
	for name, some := range shown {
		if !some {
			t.Errorf("%s shows none of its texts, so that this test says nothing", name)
		}
	}
}

// A new page must be in the list of the test above.
func TestAllComponentsAreTested(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var exported []string
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), "_templ.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.IsExported() {
				exported = append(exported, fn.Name.Name)
			}
		}
	}
	all := components(true)
	for _, name := range exported {
		if all[name] == nil {
			t.Errorf("%s is not rendered with hostile texts", name)
		}
	}
	if len(exported) != len(all) || slices.Contains(exported, "") {
		t.Errorf("%d components are exported, %d are tested", len(exported), len(all))
	}
}

// A link leads to a path of the server, also when its data is hostile: no script runs, and nobody is led away, by a
// click. The authorization server and a client that was authorized are the only other ones.
func TestLinksStayInTheConsole(t *testing.T) {
	t.Parallel()
	for name, c := range components(true) {
		var b strings.Builder
		if err := c.Render(t.Context(), &b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, m := range link.FindAllStringSubmatch(b.String(), -1) {
			within := strings.HasPrefix(m[1], "/") && !strings.HasPrefix(m[1], "//") || strings.HasPrefix(m[1], "#")
			elsewhere := (name == "ConsentPage" || name == "AuthorizePage" || name == "SignedOut") && strings.HasPrefix(m[1], "https://login.example.org/")
			if !within && !elsewhere {
				t.Errorf("%s: %s", name, m[0])
			}
		}
	}
}

// filledChart is a chart with hostile texts over an hour.
func filledChart(yes bool) Chart {
	c := filled[Chart](yes)
	c.Range = ChartRanges()[0]
	for _, s := range []*history.Stats{c.Stats, c.Before} {
		s.Width, s.To = time.Minute, s.From.Add(time.Hour)
	}
	return c
}
