package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
)

func newVersion() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which build this is",
		Args:  checked(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON {
				return printValue(cmd.OutOrStdout(), map[string]string{
					"version": app.BuildVersion(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
				})
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "penstock version %s\n", versionDetails())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// versionDetails is what `penstock version` prints after these two words, and
// cobra for `penstock --version`. Cobra's template for that line is left alone:
// to set it makes the linker keep every exported method of every type, for
// text/template to call by name, 14 MB of them.
func versionDetails() string {
	return fmt.Sprintf("%s (%s, %s/%s)", app.BuildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
