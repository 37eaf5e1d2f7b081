package cli

import (
	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/flows"
)

// newRoot returns the root command. Flows may use the step kinds of the catalogue.
func newRoot(env env, kinds *flows.Catalogue) *cobra.Command {
	root := &cobra.Command{
		Use:   "penstock",
		Short: "Run data flows in real time",
		Long: "Penstock runs data flows in real time: a front door takes a request, a worker runs\n" +
			"the flow, and the answer comes back on the same connection.\n\n" +
			"`penstock dev` starts everything in one process.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       versionDetails(),
		Args:          usageArgs(cobra.NoArgs),
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{app.InvalidFlag(err)} })
	root.AddCommand(
		newDev(env, kinds),
		newServer(env, kinds),
		newAPI(env, kinds),
		addWorkerCommands(env, newWorker(env, kinds)),
		newFlow(env, kinds),
		newLogin(env),
		newContext(env),
		newRun(env),
		newRuns(env),
		newKey(env),
		newUser(env),
		newClient(env),
		newConnection(env),
		newSecret(env),
		newQueue(env),
		newAudit(env),
		newDoctor(env),
		newHealth(env),
		newMetrics(),
		newBench(env),
		newAuth(env),
		newVersion(),
		newScriptChild(),
	)
	addExamples(root)
	env.completeArgs(root)
	return root
}
