package flow

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows/problem"
)

// promoteArgs are the arguments of `flow promote`.
type promoteArgs struct {
	from, to     string // names of environments
	version      string // of the source, or its first digits; empty: the current one
	message      string
	yes, check   bool
	allowMissing bool
	json         bool
}

// promotion is the result of `flow promote`.
type promotion struct {
	Flow    int64  `json:"flow"`
	Slug    string `json:"slug,omitempty"`
	From    string `json:"from"` // environment
	To      string `json:"to"`
	Version string `json:"version"`
	Before  string `json:"before,omitempty"` // version at the target; empty: there was none
	Changed bool   `json:"changed"`          // false: it was there, or --check
	Message string `json:"message,omitempty"`
	Diff    string `json:"diff,omitempty"`
	// Proposal is what waits for approval by somebody else; nil: nothing does.
	Proposal *client.Proposal `json:"proposal,omitempty"`
}

func newPromote(e command.Env) *cobra.Command {
	var args promoteArgs
	cmd := &cobra.Command{
		Use:   "promote FLOW --from ENVIRONMENT --to ENVIRONMENT",
		Short: "Deploy the version of one environment to another",
		Long: "Deploy the version of a flow that is current in one environment, or that of --version, to\n" +
			"another. Before, the other one says what it lacks of what the flow uses (connections, secrets,\n" +
			"variables, flows) and runs the tests of the flow, and the difference to its current version is\n" +
			"shown and has to be confirmed. Nothing is deployed when somebody else has deployed another\n" +
			"version meanwhile. A version that is there already stays as it is. Variables, secrets and\n" +
			"connections are never copied: each environment has its own.\n\n" +
			"The exit status is 0 when the version is in the other environment at the end, and with --check\n" +
			"when it could be.\n\n" + command.NamedHelp,
		Example: "  penstock flow promote greet --from staging --to production\n" +
			"  penstock flow promote greet --from staging --to production --version 3f9ac21d04be --yes\n" +
			"  penstock flow promote greet --from staging --to production --check",
		Args: command.UsageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			if args.from == "" || args.to == "" {
				return command.Invalid(errors.New("say --from and --to"))
			}
			p, err := promote(cmd, e, names[0], args)
			if err != nil {
				return err
			}
			return printPromotion(cmd.OutOrStdout(), p, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&args.from, "from", "", "`name` of the environment that has the version")
	f.StringVar(&args.to, "to", "", "`name` of the environment that gets it")
	f.StringVar(&args.version, "version", "", "a `version` of the flow, or its first digits; default: the current one")
	f.StringVar(&args.message, "message", "", "a line for the history of versions, before where the version came from")
	f.BoolVar(&args.yes, "yes", false, "do not ask")
	f.BoolVar(&args.check, "check", false, "only say whether it could be deployed, and what would change")
	f.BoolVar(&args.allowMissing, "allow-missing", false, "deploy although the environment lacks connections, secrets, flows or variables")
	f.BoolVar(&args.json, "json", false, "print JSON")
	return cmd
}

func promote(cmd *cobra.Command, e command.Env, ref string, args promoteArgs) (*promotion, error) {
	ctx := cmd.Context()
	from, fromURL, err := e.RemoteNamed(args.from)
	if err != nil {
		return nil, err
	}
	to, toURL, err := e.RemoteNamed(args.to)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(strings.TrimRight(fromURL, "/"), strings.TrimRight(toURL, "/")) {
		return nil, command.Invalid(fmt.Errorf("%s and %s are the same server", args.from, args.to))
	}
	number, version, err := versionAt(ctx, from, ref, args.version)
	if err != nil {
		return nil, fmt.Errorf("read the flow at %s: %w", args.from, err)
	}
	target := strconv.FormatInt(number, 10)
	before, err := current(ctx, to, target)
	if err != nil {
		return nil, fmt.Errorf("read the flow at %s: %w", args.to, err)
	}
	p := &promotion{Flow: number, Slug: before.Slug, From: args.from, To: args.to, Version: version.Version, Before: before.Version}
	if before.Version == version.Version {
		return p, nil
	}
	if p.Message, err = promotionMessage(args, version); err != nil {
		return nil, err
	}
	if err := fitFor(ctx, cmd.ErrOrStderr(), to, target, version, args); err != nil {
		return nil, err
	}
	p.Diff = udiff.Unified(cmp.Or(short(before.Version), os.DevNull), short(version.Version), before.Source, version.Source)
	if args.check {
		return p, nil
	}
	if err := confirmPromotion(cmd, p, args); err != nil {
		return nil, err
	}
	after, err := to.DeployVersion(ctx, target, client.DeployInput{Source: []byte(version.Source), Message: p.Message, Base: cmp.Or(before.Version, client.NoVersion)})
	if err != nil {
		return nil, fmt.Errorf("deploy at %s: %w", args.to, err)
	}
	if after.Proposal != nil {
		p.Proposal = after.Proposal
		return p, nil
	}
	if p.Slug, p.Changed = after.Slug, true; after.Version != version.Version {
		return nil, fmt.Errorf("%s made version %s of it, and not %s: its release differs from that of %s", args.to, short(after.Version), short(version.Version), args.from)
	}
	return p, nil
}

// versionAt returns the number of a flow and one of its versions with its source; empty: the current one.
func versionAt(ctx context.Context, server *client.Client, ref, version string) (int64, *client.Version, error) {
	flow, err := server.Flow(ctx, ref)
	if err != nil {
		return 0, nil, err
	}
	v, err := server.Version(ctx, ref, cmp.Or(version, flow.Version))
	return flow.Number, v, err
}

// maxMessage is the maximum number of characters of a message in the history.
const maxMessage = 300

// promotionMessage says in the history where the version came from.
func promotionMessage(args promoteArgs, v *client.Version) (string, error) {
	message := fmt.Sprintf("promoted from %s, version %s", args.from, short(v.Version))
	if v.By != "" {
		message += ", deployed there by " + v.By
	}
	if args.message != "" {
		message = args.message + " (" + message + ")"
	}
	if n := len([]rune(message)); n > maxMessage {
		return "", command.Invalid(fmt.Errorf("--message is %d characters too long: where the version came from is added to it", n-maxMessage))
	}
	return message, nil
}

// fitFor has a server check a version and run its tests. It writes to w what is wrong, and returns an error.
func fitFor(ctx context.Context, w io.Writer, server *client.Client, target string, v *client.Version, args promoteArgs) error {
	name := "flow " + target
	warnings, err := server.Check(ctx, target, []byte(v.Source))
	if err != nil {
		return fmt.Errorf("check at %s: %w", args.to, err)
	}
	missing := 0
	for _, warning := range warnings {
		if strings.HasPrefix(warning.Code, "missing_") {
			printProblems(w, problem.List{problemOf(name, warning)})
			missing++
		}
	}
	if missing > 0 && !args.allowMissing {
		return fmt.Errorf("%s lacks what the flow uses: nothing was deployed; what each environment has of its own is never copied", args.to)
	}
	run, err := server.Tests(ctx, target, []byte(v.Source))
	if err != nil {
		return fmt.Errorf("test at %s: %w", args.to, err)
	}
	for _, t := range run.Tests {
		if !t.Passed {
			fmt.Fprintf(w, "FAIL %s:%d %s\n%s\n", name, t.Line, t.Name, t.Failure)
		}
	}
	if !run.Passed {
		return fmt.Errorf("tests fail at %s: nothing was deployed", args.to)
	}
	return nil
}

// confirmPromotion shows the difference and asks.
func confirmPromotion(cmd *cobra.Command, p *promotion, args promoteArgs) error {
	w := cmd.ErrOrStderr()
	if !args.json {
		fmt.Fprint(w, p.Diff)
	}
	if args.yes {
		return nil
	}
	if stdin, ok := cmd.InOrStdin().(*os.File); !ok || !term.IsTerminal(int(stdin.Fd())) {
		return command.Invalid(errors.New("nobody can be asked here: say --yes, or --check to change nothing"))
	}
	fmt.Fprintf(w, "Deploy version %s of flow %d to %s? [y/N] ", short(p.Version), p.Flow, p.To)
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	if word := strings.ToLower(strings.TrimSpace(answer)); word != "y" && word != "yes" {
		return errors.New("nothing was deployed")
	}
	return nil
}

func printPromotion(w io.Writer, p *promotion, args promoteArgs) error {
	if args.json {
		return command.PrintValue(w, p)
	}
	if args.check && p.Diff != "" {
		fmt.Fprint(w, p.Diff)
	}
	what := "is there: " + short(p.Version)
	switch {
	case p.Proposal != nil:
		what = proposedText(p.Proposal)
	case p.Changed && p.Before != "":
		what = "deployed " + short(p.Version) + ", before " + short(p.Before)
	case p.Changed:
		what = "deployed " + short(p.Version)
	case p.Version != p.Before:
		what = "can be deployed: " + short(p.Version)
	}
	_, err := fmt.Fprintf(w, "%s: flow %d %s\n", p.To, p.Flow, what)
	return err
}
