package cli

import (
	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/flows"
)

func newAPI(e env, kinds *flows.Catalogue) *cobra.Command {
	return newServe(e, kinds, app.Role{Door: true}, &cobra.Command{
		Use:   "api",
		Short: "Run the front door: it accepts requests and answers them with results",
	})
}
