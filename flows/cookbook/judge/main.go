// Command judge measures whether the reference is enough to write the flows of the cookbook from one sentence each.
//
//	go run ./flows/cookbook/judge                   lists the tasks
//	go run ./flows/cookbook/judge NAME              prints the sentence of docs/cookbook.md, and the tests that the flow has to pass
//	go run ./flows/cookbook/judge NAME FILE         judges a written flow: its mistakes, and these tests
//
// Who writes sees the task, AGENTS.md and llms-full.txt, and no flow of the cookbook. Names of steps are free: the mocks of the tests are given to
// the steps of the same kind and method, in the order of the file. Of what is sent only methods and URLs are compared.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps"
)

const (
	tasksPage = "docs/cookbook.md"
	directory = "flows/cookbook/"
)

var row = regexp.MustCompile(`(?m)^\| \[([\w-]+)\]\(\S+\) \| (.+) \|$`)

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, args []string) error {
	page, err := os.ReadFile(tasksPage)
	if err != nil {
		return fmt.Errorf("read the tasks, in the directory of the repository: %w", err)
	}
	tasks := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		if tasks[m[1]] = m[2]; len(args) == 0 {
			fmt.Fprintln(w, m[1])
		}
	}
	if len(args) == 0 {
		return nil
	}
	if tasks[args[0]] == "" {
		return fmt.Errorf("there is no task %q", args[0])
	}
	want, err := os.ReadFile(directory + args[0] + ".yaml")
	if err != nil {
		return err
	}
	if len(args) == 1 {
		_, tests, _ := strings.Cut(string(want), "\ntests:")
		_, err := fmt.Fprintf(w, "%s\n\ntests:%s", tasks[args[0]], tests)
		return err
	}
	written, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	return judge(w, args[1], written, want)
}

// judge prints the mistakes of a written flow, or what its tests and those of the wanted flow say. The error says that it is not right.
func judge(w io.Writer, file string, written, want []byte) error {
	kinds := steps.Catalogue()
	flow, err := flows.Parse(file, written, kinds)
	if problems := (problem.List)(nil); errors.As(err, &problems) {
		fmt.Fprintln(w, problems.Error())
		return fmt.Errorf("%d mistakes", len(problems))
	} else if err != nil {
		return err
	}
	wanted, err := flows.Parse("cookbook", want, kinds)
	if err != nil {
		return err
	}
	text, err := withTests(written, want, names(flow, wanted, written, want))
	if err != nil {
		return err
	}
	failed := 0
	judged, err := flows.Parse(file, text, kinds)
	if err != nil {
		return fmt.Errorf("the tests do not fit the flow: %w", err)
	}
	results := flows.RunTests(context.Background(), judged)
	for _, r := range results {
		if r.Failure != "" {
			failed++
			fmt.Fprintf(w, "FAIL %s\n%s\n", r.Name, r.Failure)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d tests failed", failed, len(results))
	}
	_, err = fmt.Fprintf(w, "right: %d tests, %d warnings\n", len(results), len(flow.Warnings()))
	return err
}

// names maps the mocks of the wanted flow to those of the written one: of steps of one kind and method, in the order of the file.
func names(written, wanted *flows.Flow, writtenText, wantedText []byte) map[string]string {
	free := written.ExternalSteps()
	all := map[string]string{}
	for _, exact := range []bool{true, false} {
		for _, step := range wanted.ExternalSteps() {
			if all[step.Mock] != "" {
				continue
			}
			at := slices.IndexFunc(free, func(other flows.ExternalStep) bool {
				a, b := callOf(wantedText, step), callOf(writtenText, other)
				return a == b || !exact && kindOf(a) == kindOf(b)
			})
			if at >= 0 {
				all[step.Mock] = free[at].Mock
				free = slices.Delete(free, at, at+1)
			}
		}
	}
	return all
}

// given returns the names of the written steps that get a mock: the one that it is mapped to, and a kind itself.
func given(names map[string]string, mock string) []string {
	var all []string
	if names[mock] != "" {
		all = append(all, names[mock])
	}
	if _, isKind := steps.Catalogue().Kind(mock); isKind && names[mock] != mock {
		all = append(all, mock)
	}
	return all
}

func kindOf(call string) string {
	kind, _, _ := strings.Cut(call, " ")
	return kind
}

// callOf returns the kind of a step and, of an HTTP request, its method: "http put". The operation of a connector is that.
func callOf(text []byte, step flows.ExternalStep) string {
	var file map[string]any
	if err := yaml.Unmarshal(text, &file); err != nil {
		return ""
	}
	call := ""
	walk(file, func(s map[string]any) {
		if s["name"] != step.Mock || call != "" {
			return
		}
		for _, kind := range steps.Catalogue().Kinds() {
			value, has := s[kind.Name]
			if !has {
				continue
			}
			call = kind.Name
			request, _ := value.(map[string]any)
			for _, method := range []string{"get", "post", "put", "patch", "delete", "query", "exec", "list"} {
				if _, has := request[method]; has && call == kind.Name {
					call += " " + method
				}
			}
			if kind.Name == flows.UsesKind {
				call, _ = value.(string)
			}
		}
	})
	if call == "" {
		return step.Mock
	}
	return call
}

// walk calls visit with each mapping of a value.
func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for name, member := range v {
			if name != "tests" {
				walk(member, visit)
			}
		}
	case []any:
		for _, element := range v {
			walk(element, visit)
		}
	}
}

// withTests returns the written flow, as JSON, with the tests of the wanted one, whose mocks have the names of the written one.
func withTests(written, want []byte, names map[string]string) ([]byte, error) {
	var flow, wanted map[string]any
	if err := errors.Join(yaml.Unmarshal(written, &flow), yaml.Unmarshal(want, &wanted)); err != nil {
		return nil, err
	}
	tests, _ := wanted["tests"].([]any)
	for _, t := range tests {
		test, _ := t.(map[string]any)
		for _, key := range []string{"mocks", "sent"} {
			renamed := map[string]any{}
			written, _ := test[key].(map[string]any)
			for name, v := range written {
				if requests, _ := v.([]any); key == "sent" {
					v = urls(requests)
				}
				for _, own := range given(names, name) {
					renamed[own] = v
				}
			}
			if delete(test, key); len(renamed) > 0 {
				test[key] = renamed
			}
		}
	}
	flow["tests"] = tests
	return flows.EncodeJSON(flow), nil
}

// urls returns of each request what is compared.
func urls(requests []any) []any {
	all := make([]any, len(requests))
	for i, r := range requests {
		request, _ := r.(map[string]any)
		kept := map[string]any{}
		for _, name := range []string{"method", "url"} {
			if v, has := request[name]; has {
				kept[name] = v
			}
		}
		all[i] = kept
	}
	return all
}
