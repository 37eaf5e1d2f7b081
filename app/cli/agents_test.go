package cli

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/app/cli/flow"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// examplesOf returns the blocks of YAML of the page.
func examplesOf(page string) (all []string) {
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(page, -1) {
		all = append(all, m[1])
	}
	return all
}

// The page for models is short, and its flows and triggers are valid; the tests in it pass.
func TestTheExamplesForModels(t *testing.T) {
	t.Parallel()
	if lines := strings.Count(flow.AgentsPage, "\n"); lines > 200 {
		t.Errorf("AGENTS.md has %d lines, 200 are allowed", lines)
	}
	tests := 0
	for _, text := range examplesOf(flow.AgentsPage) {
		if !strings.HasPrefix(text, "flow:") {
			for line := range strings.Lines(text) {
				if _, err := flows.Parse("AGENTS.md", []byte("flow: 1\n"+line+"steps: [{transform: .}, {respond: {json: 1}}]\n"), steps.Catalogue()); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
			continue
		}
		flow, err := flows.Parse("AGENTS.md", []byte(text), steps.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		if w := flow.Warnings(); len(w) > 0 {
			t.Error(w)
		}
		for _, r := range flows.RunTests(context.Background(), flow) {
			if tests++; r.Failure != "" {
				t.Errorf("%s: %s", r.Name, r.Failure)
			}
		}
	}
	if tests < 2 {
		t.Errorf("%d tests", tests)
	}
}

// The table of kinds has every kind of the program, and what it shows of them is valid.
func TestTheKindsForModels(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(flow.AgentsPage, "## Kinds of step")
	table, _, _ := strings.Cut(rest, "\n## ")
	var named, known []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([^|]+) \| (.+) \|$`).FindAllStringSubmatch(table, -1) {
		for _, name := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(m[1], -1) {
			named = append(named, name[1])
			for _, shown := range regexp.MustCompile("`("+name[1]+": [^`…]+)`").FindAllStringSubmatch(m[2], -1) {
				step := shown[1]
				switch name[1] { // what stands beside the kind
				case "uses":
					step += ", connection: c, with: {channel: C, text: a}"
				}
				src := "flow: 1\nsteps:\n  - " + strings.ReplaceAll(step, ", connection", "\n    connection") + "\n"
				src = strings.ReplaceAll(src, ", with:", "\n    with:")
				if _, err := flows.Parse("AGENTS.md", []byte(src), steps.Catalogue()); err != nil {
					t.Errorf("%s: %v", step, err)
				}
			}
		}
	}
	for _, kind := range steps.Catalogue().Kinds() {
		known = append(known, kind.Name)
	}
	slices.Sort(named)
	slices.Sort(known)
	if !slices.Equal(named, known) {
		t.Errorf("the page has %v, the program %v", named, known)
	}
}

// Commands of the page exist.
func TestTheCommandsForModels(t *testing.T) {
	t.Parallel()
	commands := regexp.MustCompile("`penstock ([a-z]+(?: [a-z]+)*)").FindAllStringSubmatch(flow.AgentsPage, -1)
	if len(commands) < 5 {
		t.Fatal(commands)
	}
	page, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		words := strings.Fields(c[1])
		if !strings.Contains(string(page), "\n## penstock "+strings.Join(words[:min(2, len(words))], " ")+"\n") {
			t.Errorf("there is no command %s", c[1])
		}
	}
}

func TestInitForModels(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "AGENTS.md")
	run := func(args ...string) error {
		cmd := flow.New(command.Env{}, steps.Catalogue())
		cmd.SetArgs(append(append([]string{"init"}, args...), dir))
		cmd.SetOut(new(strings.Builder))
		return cmd.ExecuteContext(t.Context())
	}
	if err := run("--agents"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != flow.AgentsPage {
		t.Fatal(err)
	}
	if err := run("--agents"); err == nil {
		t.Error("the page was replaced without --force")
	}
	if err := run("--agents", "--force"); err != nil {
		t.Error(err)
	}
}
