// Package penstock holds the table of the layers, which CONTRIBUTING.md explains.
package penstock

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/penstock/penstock"

// layers says what each package may import of this module, from the lowest
// layer to the highest. A rule is for a directory and all below it that have no
// rule of their own; it may name only rules above it, so that no arrow runs
// back up. Inside the directory of a rule imports are free. Tests may import what
// they like, so that directories with nothing else, as tests and deploy, are not
// listed.
var layers = []struct {
	tree  string
	may   []string
	alone bool // the rule is for the directory itself: each below it needs one of its own
	why   string
}{
	{tree: "third_party", why: "other people's code, with our changes in it, knows nothing of ours"},
	{tree: "internal", why: "what would be of use to any program: it knows nothing of flows, runs or callers"},

	{tree: "docs", why: "pages know nothing of the program"},
	{tree: "flows", may: []string{"internal", "third_party/gojq"}, why: "the language is useful without a queue, a store or a server, as in `penstock flow test`"},
	{tree: "audit", may: []string{"internal"}, why: "the log and its chain know of what happened only what an entry says"},
	{tree: "store", may: []string{"audit", "flows", "internal"}, why: "it compiles what it deploys; who asks for a record, and why, is not its business"},
	{tree: "connect/internal", may: []string{"flows", "internal"}, why: "a kind of server is opened from its settings: who stores them, and when they change, is not its business"},
	{tree: "connect", may: []string{"connect/internal", "flows", "store", "internal"}, why: "a connection is a record of the store that becomes a transport for steps"},
	{tree: "connect/probe", may: []string{"connect", "store", "internal"}, why: "front doors ask workers about connections; of queues and runs it knows nothing"},
	{tree: "queue", may: []string{"flows", "internal"}, why: "a run is delivered and recorded without looking at deployed flows, secrets or callers"},
	{tree: "operation", may: []string{"flows", "queue", "internal"}, why: "an action on many runs needs the runs and their flows, and knows of callers only the principal"},
	{tree: "history", may: []string{"flows", "queue", "internal"}, why: "it keeps what the queue has recorded, through a port that the queue defines, and knows no callers"},
	{tree: "auth/oidc/oidctest", why: "a provider for tests knows the protocol alone; nothing but tests imports it"},
	{tree: "auth/oidc", may: []string{"store", "internal/localhost"}, why: "a provider says who somebody is: it becomes a user of the store, and nothing is known of sessions and pages"},
	{tree: "auth/personal", why: "a token is a record with a user and scopes: what it allows is decided by who asks"},
	{tree: "auth/workload", may: []string{"auth/oidc", "internal/localhost"}, why: "rules say which programs of a CI are let in: what they grant is decided by who asks"},
	{tree: "auth", may: []string{"auth/oidc", "auth/personal", "auth/workload", "flows", "store", "internal"}, why: "a caller is judged by records alone, whatever it came to do; flows only send the reminders"},

	{tree: "topic", may: []string{"flows", "queue", "internal"}, why: "an event starts and resumes runs for a flow or a caller alike; who may publish is not its business"},
	{tree: "worker", may: []string{"audit", "flows", "store", "queue", "topic", "internal"}, why: "it may run on a machine without a front door: it never imports api, and knows no callers"},
	{tree: "telemetry", may: []string{"flows", "queue", "internal"}, why: "it measures runs as the queue describes them; worker, queue and api call it through interfaces of their own and do not know it"},

	{tree: "api/listing", why: "the dialect of filters and pages is the same for every list"},
	{tree: "api/openapi", why: "the description is a document, and must not depend on the code that it describes"},
	{tree: "api/openapi/flowdoc", may: []string{"api/openapi", "flows", "internal/payload"}, why: "flows are described from what they declare, with the forms of their bodies, whoever asks"},
	{tree: "api/auditlist", may: []string{"api/listing", "audit", "internal/entrylog"}, why: "the API and the console list the audit log alike"},
	{tree: "api/changes", may: []string{"audit", "connect", "store", "internal/linediff"}, why: "the API and the console write alike into the audit log what changed"},
	{tree: "api/runlist", may: []string{"api/listing", "flows", "queue", "internal/failure"}, why: "the API and the console list runs alike; which failure a run is one of follows from its error"},
	{tree: "api/runaccess", may: []string{"auth", "flows", "queue"}, why: "what of a run somebody may see is decided in one place, for the API and the console"},
	{tree: "api/fault", may: []string{"api/listing", "auth", "flows", "operation", "store", "queue", "internal"}, why: "the one table from error to response knows the errors of all layers below the front door; the console renders it as pages"},
	{tree: "api/httpx", may: []string{"api/fault", "api/listing", "auth", "flows", "store", "queue", "internal"}, why: "what handlers share: requests, bodies and responses"},
	{tree: "api/runner", may: []string{"api/httpx", "auth", "flows", "queue", "internal/budget", "internal/payload"}, why: "running a flow for a caller is the same in each domain, with the form of its body, and needs no store"},
	{tree: "api/history", may: []string{"api/httpx", "api/listing", "api/runlist", "auth", "queue"}, why: whyDomains},
	{tree: "api/smartsync", may: domains, why: whyDomains},
	{tree: "api/native", may: domains, why: whyDomains},
	{tree: "api/hooks", may: append([]string{"api/listing"}, domains...), why: whyDomains},
	{tree: "api/resources", may: append([]string{"api/listing"}, domains...), why: whyDomains},
	{tree: "api/docs", may: append([]string{"docs", "api/openapi", "api/openapi/flowdoc"}, domains...), why: "who may call what is decided here; what a flow is like, in flowdoc"},
	{tree: "api/runs", may: append([]string{"api/listing", "api/runaccess", "api/runlist"}, domains...), why: whyDomains},
	{tree: "api/callbacks", may: []string{"api/httpx", "flows", "queue", "internal"}, why: "the token is the proof: neither credentials nor the store are looked at"},
	{tree: "api/oauth", may: []string{"api/httpx", "auth", "store", "internal/strictjson", "audit"}, why: "tokens are issued without knowing of flows or runs"},
	{tree: "api/admin", may: []string{"api/httpx", "api/listing", "api/auditlist", "auth", "connect", "flows", "store", "internal", "audit"}, why: "records are administered without knowing of runs; which flows name them is told"},
	{tree: "api/personal", may: []string{"api/httpx", "api/listing", "auth", "auth/personal", "store"}, why: "users keep their own tokens without knowing of flows or runs"},
	{tree: "api/flows", may: []string{"api/httpx", "api/listing", "api/runner", "auth", "flows", "queue", "store"}, why: "deploying a flow runs nothing; of the queue it needs the runs that wait for a flow"},
	{tree: "api/folders", may: []string{"api/httpx", "api/listing", "auth", "store"}, why: "who may do what in a folder is a record: what a flow does is not looked at"},
	{tree: "api/webhooks", may: []string{"api/httpx", "api/listing", "auth", "store", "internal"}, why: "webhooks are shown and sent again without knowing of runs"},
	{tree: "api/failures", may: []string{"api/httpx", "api/listing", "auth", "internal/failure"}, why: "groups of failed runs are shown and resolved without reading the runs"},
	{tree: "api/stats", may: []string{"api/httpx", "auth", "history", "store"}, why: "statistics come from the history alone, without reading runs"},
	{tree: "api/events", may: []string{"api/httpx", "api/runner", "auth", "flows"}, why: "an event is published without knowing of runs and deployed flows"},
	{tree: "api/mcp", may: []string{"api/httpx", "auth", "flows", "store", "internal/httprecorder", "internal/strictjson"}, why: "a call of a tool is a request of the HTTP API, which the frame serves: no domain is imported"},
	{tree: "api/fleet", may: []string{"api/httpx", "api/listing", "auth", "queue"}, why: "queues and workers are operated without knowing of flows"},
	{tree: "api", alone: true, may: append([]string{
		"api/fault", "api/docs", "api/smartsync", "api/native", "api/resources", "api/hooks", "api/runs", "api/callbacks", "api/oauth", "api/admin", "api/flows", "api/folders", "api/webhooks", "api/failures", "api/history", "api/stats", "api/events", "api/fleet", "api/mcp", "api/personal", "audit", "api/changes",
	}, domains...), why: "the frame mounts the domains and hands each what it needs; it never imports worker, which may run elsewhere"},

	{tree: "console/language", alone: true, may: []string{}, why: "the texts of pages in the language of the reader know nothing of what they are about"},
	{tree: "console/tasks", may: []string{"console/language", "queue", "internal/gzipped", "internal/httprecorder", "internal/webhook"}, why: "asynqmon is served without knowing of sessions, users and pages"},
	{tree: "console/build", may: []string{"flows", "queue", "store", "internal"}, why: "what helps to write a flow comes from the language, the runs and the names that the store knows; sessions and pages are the console's"},
	{tree: "console", may: []string{"console/build", "console/language", "auth/personal", "auth/oidc", "api/fault", "api/listing", "api/auditlist", "api/runaccess", "api/runlist", "api/openapi", "api/openapi/flowdoc", "auth", "connect", "flows", "history", "operation", "store", "queue", "internal", "audit", "api/changes", "console/tasks"}, why: "pages are made from the layers that the API is made from; of the API itself they only share the lists, the table of errors and, for the developer portal, the description of flows"},
	{tree: "client", why: "it speaks the protocol and shares no code with the server, as any other client"},
	{tree: "api/apitest", may: []string{"api", "api/httpx", "api/runner", "api/runs", "auth", "auth/personal", "client", "connect", "flows", "operation", "store", "queue", "topic", "worker", "internal"}, why: "it starts a front door, and a worker behind it, for tests; nothing but tests imports it"},

	{tree: "app", alone: true, may: []string{"api", "api/history", "api/runner", "auth", "auth/oidc", "auth/personal", "auth/workload", "connect", "console", "flows", "history", "operation", "queue", "store", "telemetry", "topic", "worker", "internal", "audit", "connect/probe"}, why: "it wires a process: it may import all layers, and only commands import it"},
	{tree: "app/doctor", may: []string{"queue", "internal"}, why: "it looks at one Redis from outside, while nothing else may be running"},
	{tree: "app/cli", may: []string{"app", "audit", "app/doctor", "auth", "client", "connect", "flows", "history", "queue", "store", "telemetry", "internal"}, why: "commands talk to a server through client, or start a process through app: none of them needs api or worker"},
	{tree: "cmd", may: []string{"app/cli", "flows/steps"}, why: "a program is the commands with a catalogue of steps"},

	{tree: "examples", may: []string{"app/cli", "flows"}, why: "a program with steps of its own imports no more than this"},
	{tree: "bench", may: []string{"api", "api/runner", "audit", "flows", "history", "queue", "store", "worker", "internal"}, why: "it measures the layers one by one, without what wires them"},
}

// domains is what a domain of the front door that runs flows may import.
var domains = []string{"api/httpx", "api/runner", "auth", "flows", "operation", "queue", "store", "internal"}

const whyDomains = "a domain decides who may run what; domains do not import each other, so that each can be read alone"

func TestLayers(t *testing.T) {
	t.Parallel()
	used := make([]bool, len(layers))
	for dir, all := range imports(t) {
		at := ruleOf(dir)
		if at < 0 {
			t.Errorf("%s has no rule: say in layers what it may import, and why", dir)
			continue
		}
		used[at] = true
		for _, to := range all {
			if !allowed(at, to) {
				t.Errorf("%s imports %s: %s (%s may import %q)", dir, to, layers[at].why, layers[at].tree, layers[at].may)
			}
		}
	}
	for i, l := range layers {
		if !used[i] {
			t.Errorf("no package is in %s: take its rule out", l.tree)
		}
	}
}

// No rule names one below it, and each has a reason.
func TestLayersRunDown(t *testing.T) {
	t.Parallel()
	for i, l := range layers {
		if l.why == "" {
			t.Errorf("%s: a reason is missing", l.tree)
		}
		for _, to := range l.may {
			if at := ruleOf(to); at < 0 || at >= i {
				t.Errorf("%s may import %s, which is no layer below it", l.tree, to)
			}
		}
	}
	for _, never := range [][2]string{{"api", "worker"}, {"worker", "api"}, {"flows", "store"}, {"queue", "telemetry"}, {"console", "api"}, {"internal", "flows"}} {
		if allowed(ruleOf(never[0]), never[1]) {
			t.Errorf("%s may import %s", never[0], never[1])
		}
	}
}

// allowed reports whether a package with the rule at i may import another.
func allowed(i int, to string) bool {
	l := layers[i]
	if ruleOf(to) == i {
		return true
	}
	return slices.ContainsFunc(l.may, func(tree string) bool { return within(to, tree) && ruleOf(to) == ruleOf(tree) })
}

// ruleOf finds the most exact rule for a directory; -1: there is none.
func ruleOf(path string) int {
	best := -1
	for i, l := range layers {
		if (path == l.tree || within(path, l.tree) && !l.alone) && (best < 0 || len(l.tree) > len(layers[best].tree)) {
			best = i
		}
	}
	return best
}

func within(path, tree string) bool { return path == tree || strings.HasPrefix(path, tree+"/") }

// imports reads which packages of the module each directory imports, whatever the
// build tags of its files. It opens the files itself, so that a cached result of
// the test is never older than they are.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && outside(path):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		if all[dir] == nil {
			all[dir] = []string{}
		}
		for _, spec := range file.Imports {
			if imported, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module+"/"); ours {
				all[dir] = append(all[dir], imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// outside reports whether a directory is none of the module's packages: as the
// go command sees it, or because it is a module of its own.
func outside(dir string) bool {
	name := filepath.Base(dir)
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "node_modules"
}
