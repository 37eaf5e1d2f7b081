package flow

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps"
)

// validated runs the command on a file and returns what it printed.
func validated(t *testing.T, in string, args ...string) (out, errs string, err error) {
	t.Helper()
	var o, e strings.Builder
	cmd := newValidate(steps.Catalogue())
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(in))
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	cmd.SilenceUsage = true
	err = cmd.ExecuteContext(t.Context())
	return o.String(), e.String(), err
}

const wrongFlow = "flow: 1 # one\nsteps:\n  - trasnform: .a # all\n  - delay: 5\n  - fail: {message: a, status: 99}\n"

func TestValidateJSONHasFixes(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(file, []byte(wrongFlow), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, err := validated(t, "", "--json", file)
	if err == nil {
		t.Fatal("the file has no mistakes")
	}
	var problems problem.List
	if err := json.Unmarshal([]byte(out), &problems); err != nil || len(problems) != 3 {
		t.Fatalf("%v: %s", err, out)
	}
	want := problem.Edit{Line: 3, Column: 5, EndLine: 3, EndColumn: 14, Text: "transform"}
	if p := problems[0]; p.Code != "unknown_kind" || p.Severity != problem.Mistake || p.Doc != "docs/flow-problems.md#unknown_kind" || len(p.Fixes) != 1 || p.Fixes[0].Edits[0] != want {
		t.Errorf("%+v", p)
	}
	if p := problems[2]; p.Code != "bad_status" || len(p.Fixes) != 0 {
		t.Errorf("%+v", p)
	}
}

func TestValidateFix(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link := filepath.Join(dir, "a.yaml"), filepath.Join(dir, "link.yaml")
	if err := os.WriteFile(file, []byte(wrongFlow), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	_, errs, err := validated(t, "", "--fix", link)
	if err == nil || !strings.Contains(errs, "link.yaml:3:5: fixed unknown_kind: ") || !strings.Contains(errs, "2 corrections") {
		t.Errorf("%v: %s", err, errs)
	}
	got, err := os.ReadFile(file)
	if want := "flow: 1 # one\nsteps:\n  - transform: .a # all\n  - delay: 5s\n  - fail: {message: a, status: 99}\n"; err != nil || string(got) != want {
		t.Errorf("%v: %s", err, got)
	}
	info, err := os.Lstat(file)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if target, err := os.Readlink(link); err != nil || target != file {
		t.Errorf("the link is a file: %v", err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 2 {
		t.Errorf("%v: %v", names, err)
	}
	if _, _, err := validated(t, wrongFlow, "--fix", "-"); err == nil || !strings.Contains(err.Error(), "standard input") {
		t.Errorf("standard input: %v", err)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	run := func(args ...string) (string, error) {
		var o strings.Builder
		cmd := newExplain()
		cmd.SetArgs(args)
		cmd.SetOut(&o)
		cmd.SetErr(&o)
		err := cmd.ExecuteContext(t.Context())
		return o.String(), err
	}
	if out, err := run("unknown_key"); err != nil || !strings.HasPrefix(out, "### unknown_key\n") || !strings.Contains(out, "Wrong:") || strings.Count(out, "###") != 1 {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := run("unknown_kay"); err == nil || !strings.Contains(err.Error(), "did you mean unknown_key?") {
		t.Error(err)
	}
	if out, err := run(); err != nil || !strings.Contains(out, "bad_duration\n") {
		t.Errorf("%v: %s", err, out)
	}
}
