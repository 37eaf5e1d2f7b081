// Package cli contains the commands of the program. A program with step kinds of its own calls Main with its catalogue.
package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/app/cli/examples"
	"github.com/penstock/penstock/app/cli/flow"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows"
)

// Main runs the command line with these step kinds. After a failure it ends the process with an exit code.
func Main(kinds *flows.Catalogue) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	redis.SetLogger(discardLogger{})
	root := newRoot(command.Env(app.Environment()), kinds)
	err := checkCommand(root, os.Args[1:])
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "penstock: "+err.Error())
		os.Exit(exitCode(err))
	}
}

// discardLogger discards the log of go-redis. Its callers report their errors themselves.
type discardLogger struct{}

func (discardLogger) Printf(context.Context, string, ...any) {}

// newRoot returns the root command. Flows may use the step kinds of the catalogue.
func newRoot(env command.Env, kinds *flows.Catalogue) *cobra.Command {
	root := &cobra.Command{
		Use:   "penstock",
		Short: "Run data flows in real time",
		Long: "Penstock runs data flows in real time: a front door takes a request, a worker runs\n" +
			"the flow, and the answer comes back on the same connection.\n\n" +
			"`penstock dev` starts everything in one process.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       versionDetails(),
		Args:          command.UsageArgs(cobra.NoArgs),
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return command.Invalid(app.InvalidFlag(err)) })
	root.AddCommand(
		newDev(env, kinds),
		newServer(env, kinds),
		newAPI(env, kinds),
		addWorkerCommands(env, newWorker(env, kinds)),
		flow.New(env, kinds),
		flow.NewImport(kinds),
		flow.NewConnector(kinds),
		newLogin(env),
		newContext(env),
		newRun(env),
		newRuns(env),
		newOperations(env),
		newFailures(env),
		newStats(env),
		newHistory(env),
		newWebhooks(env),
		newMCP(env),
		newEvent(env),
		newState(env),
		newKey(env),
		newUser(env),
		newClient(env),
		newConnection(env),
		newHook(env, kinds),
		newSecret(env),
		newToken(env),
		newFolder(env),
		newVar(env),
		newScope(env),
		newQueue(env),
		newAudit(env),
		newDoctor(env),
		newHealth(env),
		newMetrics(),
		newBench(env),
		newAuth(env),
		newBuild(),
		newVersion(),
		newScriptChild(),
	)
	examples.Add(root)
	completeArgs(env, root)
	return root
}

// checkCommand returns a command.UsageError for an unknown subcommand. Cobra would print the help of its parent and succeed.
func checkCommand(root *cobra.Command, args []string) error {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		return nil // called by completion scripts; cobra adds the command later
	}
	group, rest, err := root.Find(args)
	if err != nil || group.Runnable() || len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
		return nil // cobra reports it
	}
	return command.Invalid(fmt.Errorf("unknown command %q for %q; `%s --help` lists the commands", rest[0], group.CommandPath(), group.CommandPath()))
}

// Exit codes for scripts, documented in docs/cli.md.
const (
	exitFailed  = 1 // any other failure
	exitUsage   = 2 // invalid command line, setting or request
	exitDenied  = 3 // no or invalid credentials, or no permission
	exitMissing = 4 // the named object does not exist
	exitRun     = 5 // the run was accepted and did not succeed
	exitAway    = 6 // the server is unavailable: try again
	exitRunning = 7 // the run was accepted and has not ended
)

// exitCode returns the exit code for the error of a command.
func exitCode(err error) int {
	var answer *client.Error
	var usage command.UsageError
	var settings app.SettingsError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage), errors.As(err, &settings):
		return exitUsage
	case errors.Is(err, command.ErrNoCredentials):
		return exitDenied
	case errors.Is(err, errRunGoesOn):
		return exitRunning
	case errors.Is(err, errRunFailed):
		return exitRun
	case errors.Is(err, client.ErrUnreachable):
		return exitAway
	case !errors.As(err, &answer):
		return exitFailed
	case answer.Run != "" && answer.Status != http.StatusServiceUnavailable:
		return exitRun
	}
	switch answer.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitDenied
	case http.StatusNotFound, http.StatusGone:
		return exitMissing
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return exitAway
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusConflict:
		return exitUsage
	}
	return exitFailed
}

// errRunFailed reports a run that ended without success.
var errRunFailed = errors.New("the run did not succeed")

// errRunGoesOn reports that the command ended before the run.
var errRunGoesOn = errors.New("the run goes on")

// runGoesOn returns an errRunGoesOn with the commands to watch and to cancel the run.
func runGoesOn(id string) error {
	return fmt.Errorf("%w: penstock runs watch %s shows it, penstock runs cancel %s ends it", errRunGoesOn, id, id)
}
