package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
)

func newVersion() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this build",
		Args:  command.UsageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON {
				return command.PrintValue(cmd.OutOrStdout(), map[string]string{
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

// versionDetails returns the version for `penstock version` and `penstock --version`. Cobra's template for the latter
// is not changed: setting it makes the linker keep every exported method of every type (14 MB), because text/template
// calls methods by name.
func versionDetails() string {
	return fmt.Sprintf("%s (%s, %s/%s)", app.BuildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
