package flows_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/problem"
)

// withoutExample are the codes whose mistake is that of a server or of several files, or whose example would be too long.
var withoutExample = []string{"too_large", "too_deep", "refused_use", "duplicate_flow", "missing_connection", "missing_secret", "missing_flow", "missing_var"}

var exampleForm = regexp.MustCompile("(?s)Wrong:\n\n```yaml\n(.*?)\n```\n\nRight:\n\n```yaml\n(.*?)\n```")

// problemsOf returns the mistakes and warnings of a flow or connector; what an example leaves out is added.
func problemsOf(t *testing.T, text string) problem.List {
	t.Helper()
	if strings.HasPrefix(text, "connector:") {
		_, err := flows.ParseConnector("shop.yaml", []byte(text), catalogue())
		return asProblems(t, err)
	}
	if !strings.Contains(text, "flow:") && !strings.HasPrefix(text, "#") {
		text = "flow: 1\n" + text
	}
	if !strings.Contains(text, "\nsteps:") && !strings.HasPrefix(text, "#") {
		text += "\nsteps: [{transform: .}]\n"
	}
	flow, err := flows.Parse("f.yaml", []byte(text), catalogue())
	if err == nil {
		return flow.Warnings()
	}
	return asProblems(t, err)
}

func asProblems(t *testing.T, err error) (problems problem.List) {
	t.Helper()
	if err != nil && !errors.As(err, &problems) {
		t.Fatal(err)
	}
	return problems
}

// Each code has a section, whose wrong example has a problem of that code alone, and whose right one has none.
func TestEveryCodeIsExplained(t *testing.T) {
	t.Parallel()
	explained := map[string]bool{}
	for _, title := range regexp.MustCompile(`(?m)^### (\w+)$`).FindAllStringSubmatch(mistake.Page, -1) {
		code := title[1]
		if explained[code] {
			t.Errorf("%s is explained twice", code)
		}
		explained[code] = true
		m := exampleForm.FindStringSubmatch(mistake.Explain(code))
		if (m == nil) != slices.Contains(withoutExample, code) {
			t.Errorf("%s: has an example: %v", code, m != nil)
		}
		if m == nil {
			continue
		}
		wrong := problemsOf(t, m[1])
		for i := range wrong {
			if wrong[i].Code != code || wrong[i].Doc != "docs/flow-problems.md#"+code {
				t.Errorf("%s: the wrong example has %s %s: %v", code, wrong[i].Code, wrong[i].Doc, wrong[i].Error())
			}
		}
		if len(wrong) == 0 {
			t.Errorf("%s: the wrong example is right", code)
		}
		if right := problemsOf(t, m[2]); len(right) > 0 {
			t.Errorf("%s: the right example: %v", code, right)
		}
	}
	for _, code := range mistake.All() {
		if code.String() == "" || !explained[code.String()] {
			t.Errorf("code %d %q is not explained", code, code)
		}
	}
	if mistake.Explain("no_such_code") != "" || mistake.Code(200).String() != "" {
		t.Error("an unknown code is explained")
	}
}

// The page in the documentation is the one in the program.
func TestProblemsPage(t *testing.T) {
	t.Parallel()
	golden(t, "../docs/flow-problems.md", []byte(mistake.Page))
}

// Every mistake of the corpus has a known code, and each is a mistake and no warning.
func TestEveryMistakeHasACode(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/problems/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parseProblems(string(source)) {
			if mistake.Explain(p.Code) == "" || p.IsWarning() || p.Severity != problem.Mistake {
				t.Errorf("%s: %q %q: %s", file, p.Severity, p.Code, p.Error())
			}
		}
	}
	old := problem.Problem{Code: "path_as_text"}
	if !old.IsWarning() {
		t.Error("a problem of an older server that has a code is no warning")
	}
}

// parseProblems returns the mistakes of a flow.
func parseProblems(src string) (problems problem.List) {
	_, err := flows.Parse("f.yaml", []byte(src), catalogue())
	errors.As(err, &problems)
	return problems
}
