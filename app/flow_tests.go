package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"penstock/flows"
)

func newFlowTest(kinds *flows.Catalogue) *cobra.Command {
	var verbose, asJSON bool
	cmd := &cobra.Command{
		Use:   "test PATHS…",
		Short: "Run the tests of flow files, without network",
		Long:  "Run the tests that flow files hold, without network: steps that reach the world put out\nwhat the tests' mocks say.",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			files, err := flowFiles(paths)
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

func testFlows(ctx context.Context, w io.Writer, kinds *flows.Catalogue, files []string, verbose bool) error {
	passed, failed := 0, 0
	for _, file := range files {
		flow, err := parseFile(kinds, file)
		if problems := (flows.Problems)(nil); errors.As(err, &problems) {
			printProblems(w, problems)
			failed++
			continue
		}
		if err != nil {
			return err
		}
		results := flows.RunTests(ctx, flow)
		if len(results) == 0 {
			fmt.Fprintf(w, "%s: no tests\n", file)
		}
		for _, r := range results {
			switch {
			case r.Failure != "":
				failed++
				fmt.Fprintf(w, "%s:%d: FAIL %s (%s)\n%s\n", file, r.Line, r.Name, round(r.Took), indent(r.Failure))
				continue
			case verbose:
				fmt.Fprintf(w, "%s:%d: ok %s (%s)\n", file, r.Line, r.Name, round(r.Took))
			}
			passed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d failed, %d passed", failed, passed)
	}
	_, err := fmt.Fprintf(w, "%s passed in %s\n", count(passed, "test"), count(len(files), "file"))
	return err
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n    ")
}

// tested is how one test of a file went.
type tested struct {
	File     string         `json:"file"`
	Line     int            `json:"line,omitempty"`
	Name     string         `json:"name,omitempty"`
	Micros   int64          `json:"us"`
	Failure  string         `json:"failure,omitempty"`  // empty: it passed
	Problems flows.Problems `json:"problems,omitempty"` // of a file whose tests cannot run
}

func testFlowsJSON(ctx context.Context, w io.Writer, kinds *flows.Catalogue, files []string) error {
	all, failed := []tested{}, 0
	for _, file := range files {
		flow, err := parseFile(kinds, file)
		if problems := (flows.Problems)(nil); errors.As(err, &problems) {
			all = append(all, tested{File: file, Problems: problems})
			failed++
			continue
		}
		if err != nil {
			return err
		}
		for _, r := range flows.RunTests(ctx, flow) {
			all = append(all, tested{File: file, Line: r.Line, Name: r.Name, Micros: r.Took.Microseconds(), Failure: r.Failure})
			if r.Failure != "" {
				failed++
			}
		}
	}
	if err := printValue(w, all); err != nil || failed == 0 {
		return err
	}
	return fmt.Errorf("%d failed, %d passed", failed, len(all)-failed)
}
