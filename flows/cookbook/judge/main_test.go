package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows/cookbook"
)

// Each flow of the cookbook is right by its own tests, also with other names of its steps, and an empty flow is wrong.
func TestTheFlowsOfTheCookbookAreRight(t *testing.T) {
	t.Parallel()
	files, err := cookbook.FS.ReadDir(".")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	judged := 0
	for _, f := range files {
		text, err := cookbook.FS.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "\ntests:") {
			continue
		}
		judged++
		flow, tests, _ := strings.Cut(string(text), "\ntests:")
		for _, written := range []string{string(text), flow + "\n"} {
			if err := judge(io.Discard, f.Name(), []byte(written), text); err != nil {
				t.Errorf("%s: %v", f.Name(), err)
			}
		}
		const empty = "flow: 1\ntrigger: webhook\nsteps: [{filter: false}]\n"
		if err := judge(io.Discard, f.Name(), []byte(empty), []byte(flow+"\ntests:"+tests)); err == nil {
			t.Errorf("%s: an empty flow is right", f.Name())
		}
	}
	if judged < 10 {
		t.Errorf("%d flows", judged)
	}
}

func TestNamesOfStepsAreFree(t *testing.T) {
	t.Parallel()
	text, err := cookbook.FS.ReadFile("crm-upsert.yaml")
	if err != nil {
		t.Fatal(err)
	}
	flow, _, _ := strings.Cut(string(text), "\ntests:")
	renamed := strings.NewReplacer("name: find", "name: looked_up", "$steps.find", "$steps.looked_up").Replace(flow)
	if renamed == flow {
		t.Fatal("the flow has no step find")
	}
	if err := judge(io.Discard, "f.yaml", []byte(renamed), text); err != nil {
		t.Error(err)
	}
	if err := judge(io.Discard, "f.yaml", []byte(strings.Replace(flow, "steps:", "stepz:", 1)), text); err == nil || !strings.Contains(err.Error(), "mistake") {
		t.Errorf("a flow with a mistake: %v", err)
	}
}

// Every task is a flow of the cookbook.
func TestTasks(t *testing.T) {
	t.Chdir(filepath.Join("..", "..", ".."))
	var list strings.Builder
	if err := run(&list, nil); err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(list.String())
	if len(names) < 10 {
		t.Errorf("tasks %v", names)
	}
	for _, name := range names {
		var task strings.Builder
		if err := run(&task, []string{name}); err != nil || !strings.Contains(task.String(), "\n\ntests:\n") || strings.Contains(task.String(), "\nsteps:") {
			t.Errorf("%s: %v: %.200s", name, err, task.String())
		}
	}
}
