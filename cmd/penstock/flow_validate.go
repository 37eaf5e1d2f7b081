package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"penstock/flows"
	"penstock/flows/steps"
)

func newFlowValidate() *cobra.Command {
	return &cobra.Command{
		Use:   "validate PATHS…",
		Short: "Report every mistake in flow files",
		Long:  "Check flow files, and those in directories, and report every mistake with its place.",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			files, err := flowFiles(paths)
			if err != nil {
				return err
			}
			return validate(cmd.OutOrStdout(), files)
		},
	}
}

func validate(w io.Writer, files []string) error {
	wrong := 0
	numbers := map[int64]string{}
	for _, file := range files {
		flow, err := parseFile(file)
		switch problems := (flows.Problems)(nil); {
		case errors.As(err, &problems):
			wrong += len(problems)
			printProblems(w, problems)
		case err != nil:
			return err
		case numbers[flow.Number] != "":
			wrong++
			fmt.Fprintf(w, "%s: flow %d is in %s, too\n\n", file, flow.Number, numbers[flow.Number])
		default:
			numbers[flow.Number] = file
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%s in %s", count(wrong, "mistake"), count(len(files), "file"))
	}
	_, err := fmt.Fprintf(w, "%s: no mistakes\n", count(len(files), "file"))
	return err
}

func parseFile(file string) (*flows.Flow, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read flow: %w", err)
	}
	return flows.Parse(file, source, steps.Catalogue())
}

func printProblems(w io.Writer, problems flows.Problems) {
	for i := range problems {
		fmt.Fprintf(w, "%s\n", problems[i].Text())
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
