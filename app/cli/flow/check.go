package flow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/phrase"
)

func newValidate(kinds *flows.Catalogue) *cobra.Command {
	var asJSON, fix bool
	cmd := &cobra.Command{
		Use:   "validate PATHS…",
		Short: "Report every mistake in flow files and connectors",
		Long: "Check flow files and connectors, and those in directories, and report every mistake with its place, and warnings\n" +
			"of what is valid and probably not meant. - is standard input.\n\n" +
			"Each mistake has a code, which `penstock flow explain` explains. With --json it has the corrections that are known as edits of\n" +
			"the text, each of which was tried out. --fix makes those that leave no choice, says which, and checks what is left.",
		Example: "  penstock flow validate flows/\n  penstock flow validate - < greet.yaml\n  penstock flow validate --json greet.yaml\n  penstock flow validate --fix greet.yaml",
		Args:    command.UsageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error {
			files, err := flowSources(cmd, paths)
			if err != nil {
				return err
			}
			if fix {
				if files, err = fixFiles(cmd.ErrOrStderr(), kinds, files); err != nil {
					return err
				}
			}
			if !asJSON {
				return validate(cmd.OutOrStdout(), kinds, files)
			}
			problems, err := problemsIn(kinds, files)
			if err != nil {
				return err
			}
			return errors.Join(command.PrintValue(cmd.OutOrStdout(), withFixes(kinds, problems, files)), problemsError(problems, files))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the mistakes and warnings as JSON, with corrections")
	cmd.Flags().BoolVar(&fix, "fix", false, "correct the files where there is no choice")
	return cmd
}

func validate(w io.Writer, kinds *flows.Catalogue, files []flowSource) error {
	problems, err := problemsIn(kinds, files)
	if err != nil {
		return err
	}
	printProblems(w, problems)
	if err := problemsError(problems, files); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s: no mistakes\n", phrase.Count(len(files), "file"))
	return err
}

// problemsIn returns the mistakes and warnings of all files, never nil. The error is not that of a flow.
func problemsIn(kinds *flows.Catalogue, files []flowSource) (problem.List, error) {
	all := problem.List{}
	numbers := map[int64]string{}
	for _, file := range files {
		if file.connector {
			found, err := connectorProblems(kinds, file)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
			continue
		}
		flow, err := file.parse(kinds)
		switch problems := (problem.List)(nil); {
		case errors.As(err, &problems):
			all = append(all, problems...)
		case err != nil:
			return nil, err
		case numbers[flow.Number] != "":
			all = append(all, problem.NewMistake(problem.DuplicateFlow, file.name, 1, 1, "flow %d is in %s, too", flow.Number, numbers[flow.Number]))
		default:
			numbers[flow.Number] = file.name
			all = append(all, flow.Warnings()...)
		}
	}
	return all, nil
}

// problemsError returns an error that counts the mistakes; nil when there are none.
func problemsError(problems problem.List, files []flowSource) error {
	mistakes := 0
	for _, p := range problems {
		if !p.IsWarning() {
			mistakes++
		}
	}
	if mistakes == 0 {
		return nil
	}
	return fmt.Errorf("%s in %s", phrase.Count(mistakes, "mistake"), phrase.Count(len(files), "file"))
}

func printProblems(w io.Writer, problems problem.List) {
	for i := range problems {
		fmt.Fprintf(w, "%s\n", problems[i].Text())
	}
}

func newTest(kinds *flows.Catalogue) *cobra.Command {
	var verbose, asJSON bool
	cmd := &cobra.Command{
		Use:     "test PATHS…",
		Short:   "Run the tests of flow files and connectors without network access",
		Long:    "Run the tests in flow files and connectors without network access: external steps return the tests' mocks.\n- is standard input.",
		Example: "  penstock flow test flows/\n  penstock flow test -v greet.yaml",
		Args:    command.UsageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error {
			files, err := flowSources(cmd, paths)
			if err != nil {
				return err
			}
			if asJSON {
				return testFlowsJSON(cmd.Context(), cmd.OutOrStdout(), kinds, files)
			}
			return testFlows(cmd.Context(), cmd.OutOrStdout(), kinds, files, verbose)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "name the tests that pass, too")
	return cmd
}

// testResult is the result of one test of a file.
type testResult struct {
	File     string       `json:"file"`
	Line     int          `json:"line,omitempty"`
	Name     string       `json:"name,omitempty"`
	Micros   int64        `json:"us"`
	Failure  string       `json:"failure,omitempty"`  // empty: it passed
	Problems problem.List `json:"problems,omitempty"` // of an invalid file, whose tests cannot run
}

// runTests runs the tests of files. The list is never nil. The error is not that of a test.
func runTests(ctx context.Context, kinds *flows.Catalogue, files []flowSource) ([]testResult, error) {
	all := []testResult{}
	for _, file := range files {
		results, err := testsOf(ctx, kinds, file)
		if problems := (problem.List)(nil); errors.As(err, &problems) {
			all = append(all, testResult{File: file.name, Problems: problems})
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, r := range results {
			all = append(all, testResult{File: file.name, Line: r.Line, Name: r.Name, Micros: r.Took.Microseconds(), Failure: r.Failure})
		}
	}
	return all, nil
}

// testsOf runs the tests of a flow or connector. The error is that of parsing.
func testsOf(ctx context.Context, kinds *flows.Catalogue, file flowSource) ([]flows.TestResult, error) {
	if file.connector {
		c, err := flows.ParseConnector(file.name, file.text, kinds)
		if err != nil {
			return nil, err
		}
		return flows.RunConnectorTests(ctx, c), nil
	}
	flow, err := file.parse(kinds)
	if err != nil {
		return nil, err
	}
	return flows.RunTests(ctx, flow), nil
}

// testsError returns an error unless all tests passed.
func testsError(all []testResult) error {
	failed := 0
	for _, t := range all {
		if t.Failure != "" || t.Problems != nil {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("%d failed, %d passed", failed, len(all)-failed)
}

func testFlows(ctx context.Context, w io.Writer, kinds *flows.Catalogue, files []flowSource, verbose bool) error {
	all, err := runTests(ctx, kinds, files)
	if err != nil {
		return err
	}
	for _, file := range files {
		if !slices.ContainsFunc(all, func(t testResult) bool { return t.File == file.name }) {
			fmt.Fprintf(w, "%s: no tests\n", file.name)
		}
	}
	for _, t := range all {
		took := command.Round(time.Duration(t.Micros) * time.Microsecond)
		switch {
		case t.Problems != nil:
			printProblems(w, t.Problems)
		case t.Failure != "":
			fmt.Fprintf(w, "%s:%d: FAIL %s (%s)\n%s\n", t.File, t.Line, t.Name, took, phrase.Indent(t.Failure))
		case verbose:
			fmt.Fprintf(w, "%s:%d: ok %s (%s)\n", t.File, t.Line, t.Name, took)
		}
	}
	if err := testsError(all); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s passed in %s\n", phrase.Count(len(all), "test"), phrase.Count(len(files), "file"))
	return err
}

func testFlowsJSON(ctx context.Context, w io.Writer, kinds *flows.Catalogue, files []flowSource) error {
	all, err := runTests(ctx, kinds, files)
	if err != nil {
		return err
	}
	return errors.Join(command.PrintValue(w, all), testsError(all))
}
