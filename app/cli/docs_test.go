package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/reference"
	"github.com/penstock/penstock/flows/steps"
)

var update = flag.Bool("update", false, "write the references in docs again")

const written = "<!-- Written by `penstock flow docs`; go test ./app/cli -update writes it again. -->\n\n"

// The references of flow files and step kinds are generated from the catalogue.
func TestReferences(t *testing.T) {
	t.Parallel()
	for file, page := range map[string]struct {
		intro string
		pages []string // none: all kinds
	}{
		"steps.md": {intro: "# Step kinds\n\n" + written + "What every step may have beside its kind is in [the flow file](flow-file.md); what `connection` and `secret` name, in [connections and secrets](connections.md).\n\n"},
		"flow-file.md": {intro: "# The flow file\n\n" + written + "The concepts are in [the flow language](flow-language.md), what steps do in [step kinds](steps.md).\n\n",
			pages: []string{"flow", "step"}},
		"functions.md": {intro: "# Functions of expressions\n\n" + written, pages: []string{"functions"}},
	} {
		var want bytes.Buffer
		want.WriteString(page.intro)
		root := newRoot(command.Env{}, steps.Catalogue())
		root.SetArgs(append([]string{"flow", "docs"}, page.pages...))
		root.SetOut(&want)
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("..", "..", "docs", file), strings.TrimRight(want.String(), "\n")+"\n")
	}
}

// The fields of a connector are the end of its page.
func TestConnectorFields(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "..", "docs", "connectors.md")
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "<!-- What follows is written by go test ./app/cli -update. -->\n"
	before, _, found := strings.Cut(string(page), mark)
	if !found {
		t.Fatal("the mark is missing")
	}
	golden(t, file, before+mark+"\n"+reference.ConnectorFields())
}

// golden compares a file with the wanted text, or writes it with -update.
func golden(t *testing.T, file, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is out of date; go test ./app/cli -update (-want +file):\n%s", file, diff)
	}
}

// Every flow in the documentation is valid and passes its tests, besides the wrong examples of mistakes, which package flows checks.
func TestFlowsInTheDocumentation(t *testing.T) {
	t.Parallel()
	found := 0
	for _, file := range documents(t) {
		for _, block := range regexp.MustCompile("(?ms)(Wrong:\n\n)?^```yaml\n(.*?)^```").FindAllSubmatch(file.content, -1) {
			if len(block[1]) > 0 || !regexp.MustCompile(`(?m)^flow: `).Match(block[2]) {
				continue
			}
			found++
			flow, err := flows.Parse(file.name, block[2], steps.Catalogue())
			if err != nil {
				t.Errorf("%v", err)
				continue
			}
			for _, w := range flow.Warnings() {
				t.Errorf("%s: %v", file.name, w)
			}
			for _, r := range flows.RunTests(t.Context(), flow) {
				if r.Failure != "" {
					t.Errorf("%s, test %q: %s", file.name, r.Name, r.Failure)
				}
			}
		}
	}
	if found < 2 {
		t.Errorf("found %d flows in the documentation, want at least the two of README and quick start", found)
	}
}

// The index lists every page, and all links lead to existing targets.
func TestTheDocumentationIsComplete(t *testing.T) {
	t.Parallel()
	index, err := os.ReadFile("../../docs/index.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range documents(t) {
		text, page := string(file.content), filepath.Base(file.name)
		if filepath.Dir(file.name) == "../../docs" && page != "index.md" && !strings.Contains(string(index), "("+page+")") {
			t.Errorf("docs/index.md does not link to %s", page)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file.name), link[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", file.name, link[1])
			}
		}
	}
}

type document struct {
	name    string
	content []byte
}

func documents(t *testing.T) (all []document) {
	t.Helper()
	names, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, "../../README.md", "../../CONTRIBUTING.md") {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, document{name, content})
	}
	return all
}

// The tests named in the documentation exist.
func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	var code bytes.Buffer
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		code.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range documents(t) {
		for _, name := range regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w+)`").FindAllSubmatch(file.content, -1) {
			found++
			if !bytes.Contains(code.Bytes(), []byte("func "+string(name[1])+"(")) {
				t.Errorf("%s names %s, which is no test", file.name, name[1])
			}
		}
	}
	if found < 30 {
		t.Errorf("%d tests are named", found)
	}
}

// Shell commands in the page about webhooks use only variables that were set before.
func TestWebhookCommandsSetTheirVariables(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]bool{}
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```").FindAllSubmatch(page, -1) {
		for line := range strings.SplitSeq(string(block[1]), "\n") {
			for _, m := range regexp.MustCompile(`(?:^| )([A-Za-z_]+)=|\$\{?([A-Za-z_]+)`).FindAllStringSubmatch(line, -1) {
				if m[1] != "" {
					set[m[1]] = true
				} else if !set[m[2]] {
					t.Errorf("$%s is not set before: %s", m[2], line)
				}
			}
		}
	}
	if !set["SECRET"] {
		t.Error("SECRET is not set")
	}
}
