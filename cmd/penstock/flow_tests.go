package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"penstock/flows"
)

func newFlowTest() *cobra.Command {
	var verbose bool
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
			return testFlows(cmd.Context(), cmd.OutOrStdout(), files, verbose)
		},
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "name the tests that pass, too")
	return cmd
}

func testFlows(ctx context.Context, w io.Writer, files []string, verbose bool) error {
	passed, failed := 0, 0
	for _, file := range files {
		flow, err := parseFile(file)
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
