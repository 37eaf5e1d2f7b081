package flow

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/suggest"
)

func newExplain() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CODE…]",
		Short: "Explain the codes of mistakes in flow files",
		Long: "Explain the codes of mistakes and warnings in flow files, each with a wrong and a right example. Without names: list the\n" +
			"codes of mistakes.",
		Example: "  penstock flow explain unknown_key",
		RunE: func(cmd *cobra.Command, codes []string) error {
			if len(codes) == 0 {
				for _, code := range problem.Codes() {
					fmt.Fprintln(cmd.OutOrStdout(), code)
				}
				return nil
			}
			for _, code := range codes {
				page := problem.Explain(code)
				if page == "" {
					var known []string
					for _, c := range problem.Codes() {
						known = append(known, c.String())
					}
					return fmt.Errorf("explain: there is no code %q: %s", code, suggest.DidYouMean(code, known))
				}
				if _, err := io.WriteString(cmd.OutOrStdout(), page+"\n"); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
