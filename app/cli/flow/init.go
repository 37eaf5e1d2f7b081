package flow

import (
	_ "embed"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/spf13/cobra"
)

// AgentsPage is the page for models that write flows.
//
//go:embed agents.md
var AgentsPage string // read only

func newInit() *cobra.Command {
	var number int64
	var trigger string
	var file newFile
	var agents bool
	cmd := &cobra.Command{
		Use:   "init FILE",
		Short: "Write a template of a flow file with a test",
		Long: "Write a template of a flow file with a test. With --agents, write AGENTS.md into the directory instead: the language and the\n" +
			"commands to check one's work, on one page for a model that writes flows there.",
		Example: "  penstock flow init greet.yaml\n" +
			"  penstock flow init nightly.yaml --trigger schedule --flow 7\n" +
			"  penstock flow init --agents flows/",
		Args: command.UsageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			if agents {
				page := filepath.Join(files[0], "AGENTS.md")
				if err := file.write(page, []byte(AgentsPage)); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is for models that write flows in %s\n", page, files[0])
				return err
			}
			if err := initFlow(file, files[0], number, trigger); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is a flow. Next: penstock flow test %[1]s\n", files[0])
			return err
		},
	}
	file.addFlag(cmd)
	cmd.Flags().BoolVar(&agents, "agents", false, "write AGENTS.md into the directory FILE, for models that write flows there")
	cmd.Flags().Int64Var(&number, "flow", 100, "the flow's `number`")
	cmd.Flags().StringVar(&trigger, "trigger", "webhook", "what starts it: webhook, schedule, poll or manual")
	return cmd
}

func initFlow(out newFile, file string, number int64, trigger string) error {
	body, known := flowTemplates[trigger]
	if !known {
		return fmt.Errorf("write flow: there is no trigger %q: webhook, schedule, poll or manual", trigger)
	}
	slug := slugOf(file)
	text := fmt.Sprintf("flow: %d\nslug: %s\nname: %s\n%s", number, slug, strings.ReplaceAll(slug, "-", " "), body)
	return out.write(file, []byte(text))
}

// slugOf derives a slug from the name of a file.
func slugOf(file string) string {
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	slug := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "-"), "-")
	if slug == "" || !strings.ContainsAny(slug, "abcdefghijklmnopqrstuvwxyz") {
		slug = strings.TrimRight("flow-"+slug, "-")
	}
	return slug
}

// flowTemplates are the contents of new flow files after their names, by trigger. Read only.
var flowTemplates = map[string]string{
	"webhook": `trigger:
  webhook:
    schema: {type: object, required: [names], properties: {names: {type: array}}}
steps:
  - split: .names[]
  - set: {greeting: "Hello, ${ . }"}
tests:
  - name: one greeting for each name
    event: {names: [Ada, Bo]}
    output: [{greeting: "Hello, Ada"}, {greeting: "Hello, Bo"}]
`,
	"manual": `steps:
  - set: {greeting: "Hello, ${ .name // \"world\" }"}
tests:
  - name: without a name
    output: [{greeting: "Hello, world"}]
`,
	"schedule": `enabled: true
trigger:
  schedule: {cron: "0 6 * * mon-fri", time_zone: Europe/London, catch_up: last}
vars: {api: "https://api.example.org"}
steps:
  - name: report
    http: {get: "${ $vars.api }/report", query: {day: "${ .scheduled_at[:10] }"}}
    retry: 3
  - transform: .body.rows[]
tests:
  - name: one item for each row
    event: {scheduled_at: "2026-11-23T06:00:00Z"}
    mocks: {report: {status: 200, body: {rows: [{id: 1}, {id: 2}]}}}
    output: [{id: 1}, {id: 2}]
`,
	"poll": `enabled: true
trigger:
  poll: {cron: "*/5 * * * *"}
vars: {api: "https://api.example.org"}
steps:
  - name: changes
    http: {get: "${ $vars.api }/people", query: {changed_after: "${ $event.watermark // \"2026-01-01T00:00:00Z\" }"}}
    retry: 3
  - split: .body.people[]
  - name: kept
    set: {id: "${ .id }", changed: "${ .changed }"}
  - name: last
    collect: 'select(length > 0) | map(.changed) | max'
  - state: {set: watermark, to: "${ . }"}
tests:
  - name: the next poll begins where this one ended
    event: {scheduled_at: "2026-11-23T06:00:00Z", watermark: "2026-11-22T00:00:00Z"}
    mocks: {changes: {status: 200, body: {people: [{id: 1, changed: "2026-11-22T10:00:00Z"}, {id: 2, changed: "2026-11-22T09:00:00Z"}]}}}
    output: ["2026-11-22T10:00:00Z"]
`,
}
