package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/phrase"
)

func newFlowValidate(kinds *flows.Catalogue) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "validate PATHS…",
		Short:   "Report every mistake in flow files",
		Long:    "Check flow files, and those in directories, and report every mistake with its place. - is\nstandard input.",
		Example: "  penstock flow validate flows/\n  penstock flow validate - < greet.yaml",
		Args:    usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error {
			files, err := flowSources(cmd, paths)
			if err != nil {
				return err
			}
			if !asJSON {
				return validate(cmd.OutOrStdout(), kinds, files)
			}
			problems, err := problemsIn(kinds, files)
			if err != nil {
				return err
			}
			return errors.Join(printValue(cmd.OutOrStdout(), problems), problemsError(problems, files))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the mistakes as JSON")
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

// problemsIn returns the problems of all files, never nil. The error is not that of a flow.
func problemsIn(kinds *flows.Catalogue, files []flowSource) (flows.Problems, error) {
	all := flows.Problems{}
	numbers := map[int64]string{}
	for _, file := range files {
		flow, err := file.parse(kinds)
		switch problems := (flows.Problems)(nil); {
		case errors.As(err, &problems):
			all = append(all, problems...)
		case err != nil:
			return nil, err
		case numbers[flow.Number] != "":
			all = append(all, flows.Problem{File: file.name, Line: 1, Column: 1, Message: fmt.Sprintf("flow %d is in %s, too", flow.Number, numbers[flow.Number])})
		default:
			numbers[flow.Number] = file.name
		}
	}
	return all, nil
}

// problemsError returns an error that counts the problems; nil when there are none.
func problemsError(problems flows.Problems, files []flowSource) error {
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("%s in %s", phrase.Count(len(problems), "mistake"), phrase.Count(len(files), "file"))
}

func printProblems(w io.Writer, problems flows.Problems) {
	for i := range problems {
		fmt.Fprintf(w, "%s\n", problems[i].Text())
	}
}
