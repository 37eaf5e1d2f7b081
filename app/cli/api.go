package cli

import (
	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/flows"
)

func newAPI(e env, kinds *flows.Catalogue) *cobra.Command {
	return newServe(e, kinds, app.Role{API: true}, &cobra.Command{
		Use:   "api",
		Short: "Run the front door, which accepts requests and returns results",
	})
}
