package flow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// deployResult is the result of `flow deploy` for one file.
type deployResult struct {
	File    string `json:"file"`
	Flow    int64  `json:"flow"`
	Slug    string `json:"slug,omitempty"`
	Version string `json:"version"`
	Before  string `json:"before,omitempty"` // previous version; empty: there was none
	Changed bool   `json:"changed"`
	Canary  bool   `json:"canary,omitempty"` // Version executes a share of the calls, Before the others
	// Proposal is what waits for approval by somebody else; nil: the version is current.
	Proposal *client.Proposal `json:"proposal,omitempty"`
}

func newDeploy(e command.Env, kinds *flows.Catalogue) *cobra.Command {
	var url string
	var untested, allowMissing, asJSON bool
	var about deployAbout
	var gate rehearsalGate
	var canary canaryFlags
	cmd := &cobra.Command{
		Use:   "deploy PATHS…",
		Short: "Make flow files the current versions on a server",
		Long: "Check flow files, run their tests, and make them the current versions of their flows. When\n" +
			"one of them has a mistake or fails, none is deployed; neither when they use connections,\n" +
			"secrets, flows or variables that the server does not have. Runs that were accepted before\n" +
			"keep their version. - is standard input. With --rehearse, none is deployed either when more\n" +
			"recorded runs than --allow-diff would differ, as `penstock flow rehearse` shows. With --canary,\n" +
			"the current versions stay, and the files execute a share of the calls. With --base, nothing is\n" +
			"deployed when somebody else has deployed another version in the meantime.\n\n" + command.RemoteHelp,
		Example: "  penstock flow deploy flows/\n  penstock flow deploy greet.yaml --skip-tests\n  penstock flow deploy flows/ --rehearse 200 --allow-diff 0\n  penstock flow deploy greet.yaml --canary 10% --rollback-at 5% --promote-after 1h",
		Args:    command.UsageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error {
			if err := gate.check(cmd); err != nil {
				return err
			}
			if err := canary.check(); err != nil {
				return err
			}
			canary.in.Message = about.message
			ready, err := readFlows(cmd, cmd.ErrOrStderr(), kinds, paths)
			for _, f := range ready {
				printProblems(cmd.ErrOrStderr(), f.flow.Warnings())
			}
			if err == nil && !untested {
				err = requirePassingTests(cmd.Context(), cmd.ErrOrStderr(), kinds, ready)
			}
			if err != nil {
				return err
			}
			if about.base != "" && len(ready) != 1 {
				return command.Invalid(fmt.Errorf("--base goes with one file, these are %d", len(ready)))
			}
			server, err := e.Remote(url, nil)
			if err != nil {
				return err
			}
			if err := requireResources(cmd.Context(), cmd.ErrOrStderr(), server, ready, allowMissing); err != nil {
				return err
			}
			if gate.runs > 0 {
				if err := gate.rehearse(cmd.Context(), cmd.ErrOrStderr(), server, ready); err != nil {
					return err
				}
			}
			done, err := deployFlows(cmd.Context(), server, ready, about, &canary)
			return errors.Join(printDeployed(cmd.OutOrStdout(), done, asJSON), err)
		},
	}
	command.AddURL(cmd, &url)
	gate.addFlags(cmd)
	canary.add(cmd)
	cmd.Flags().StringVar(&about.message, "message", "", "a line for the history of versions that says what changes and why")
	cmd.Flags().StringVar(&about.base, "base", "", "deploy only if this `version` is the current one, by its first digits; `none`: only if there is no such flow")
	cmd.Flags().BoolVar(&untested, "skip-tests", false, "do not run the tests of the files")
	cmd.Flags().BoolVar(&allowMissing, "allow-missing", false, "deploy although the server lacks connections, secrets, flows or variables")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// deployAbout is what `flow deploy` says about the versions that it makes.
type deployAbout struct {
	message string
	base    string // version that must be current, or its first digits; none: there must be no flow; empty: any
}

// check compares the base with the deployed flow, which is zero if there is none, and returns the base in full.
func (a deployAbout) check(before client.Flow) (string, error) {
	switch {
	case a.base == "" || a.base == client.NoVersion && before.Version == "":
		return a.base, nil
	case a.base != client.NoVersion && strings.HasPrefix(before.Version, a.base):
		return before.Version, nil
	case before.Version == "":
		return "", errors.New("there is no such flow on the server: nothing was deployed")
	case a.base == client.NoVersion:
		return "", fmt.Errorf("there is such a flow already, with the version %s: nothing was deployed", short(before.Version))
	}
	return "", fmt.Errorf("the current version is %s and not %s: nothing was deployed; `penstock flow diff` shows what changed", short(before.Version), a.base)
}

// flowFile is a parsed flow with its file.
type flowFile struct {
	flowSource
	flow *flows.Flow
}

// readFlows reads and parses flow files. It writes the problems of invalid files to w and returns an error.
func readFlows(cmd *cobra.Command, w io.Writer, kinds *flows.Catalogue, paths []string) (read []flowFile, err error) {
	files, err := flowSources(cmd, paths)
	if err != nil {
		return nil, err
	}
	problems, err := problemsIn(kinds, files)
	if err != nil {
		return nil, err
	}
	if err := problemsError(problems, files); err != nil {
		printProblems(w, problems)
		return nil, err
	}
	for _, file := range onlyFlows(files) {
		flow, err := file.parse(kinds)
		if err != nil {
			return nil, err
		}
		read = append(read, flowFile{file, flow})
	}
	return read, nil
}

// requirePassingTests runs the tests of flows. It writes failures to w and returns an error.
func requirePassingTests(ctx context.Context, w io.Writer, kinds *flows.Catalogue, all []flowFile) error {
	files := make([]flowSource, len(all))
	for i, f := range all {
		files[i] = f.flowSource
	}
	var report bytes.Buffer
	err := testFlows(ctx, &report, kinds, files, false)
	if err != nil {
		_, _ = report.WriteTo(w) // the error is returned in any case
	}
	return err
}

// problemOf returns a warning of the server about a file.
func problemOf(file string, w client.Warning) problem.Problem {
	return problem.Problem{File: file, Line: w.Line, Column: w.Column, Severity: problem.Warning, Code: w.Code, Doc: w.Doc, Message: w.Message, Hint: w.Hint, Snippet: w.Snippet}
}

// requireResources writes to w which connections, secrets, flows and variables the files use and the server does not have, and
// returns an error when there are any. Flows that are deployed together need not be there before.
func requireResources(ctx context.Context, w io.Writer, server *client.Client, ready []flowFile, allowMissing bool) error {
	var missing problem.List
	for _, f := range ready {
		warnings, err := server.Check(ctx, strconv.FormatInt(f.flow.Number, 10), f.flow.Source)
		if err != nil {
			return fmt.Errorf("check %s: %w", f.name, err)
		}
		for _, warning := range warnings {
			resource, found := strings.CutPrefix(warning.Code, "missing_")
			together := func(other flowFile) bool { return other.flow.IsRef(warning.Name) }
			if !found || resource == "flow" && slices.ContainsFunc(ready, together) {
				continue
			}
			missing = append(missing, problemOf(f.name, warning))
		}
	}
	printProblems(w, missing)
	if len(missing) == 0 || allowMissing {
		return nil
	}
	return errors.New("the server lacks what the files use: nothing was deployed; --allow-missing deploys all the same")
}

// deployFlows deploys in order and stops at the first error. A file that is the current version does not become a canary.
func deployFlows(ctx context.Context, server *client.Client, ready []flowFile, about deployAbout, canary *canaryFlags) (done []deployResult, err error) {
	for _, f := range ready {
		number := strconv.FormatInt(f.flow.Number, 10)
		before, err := current(ctx, server, number)
		if err != nil {
			return done, err
		}
		base, err := about.check(before)
		if err != nil {
			return done, fmt.Errorf("deploy %s: %w", f.name, err)
		}
		if canary.wanted() && before.Version != f.flow.Version {
			in := canary.in
			in.Source = f.flow.Source
			started, err := server.StartCanary(ctx, number, in)
			if err != nil {
				return done, fmt.Errorf("deploy %s: %w", f.name, err)
			}
			done = append(done, deployResult{
				File: f.name, Flow: started.Flow, Slug: before.Slug, Version: started.Version, Before: before.Version, Changed: started.Proposal == nil, Canary: true,
				Proposal: started.Proposal,
			})
			continue
		}
		after, err := server.DeployVersion(ctx, number, client.DeployInput{Source: f.flow.Source, Message: about.message, Base: base})
		if err != nil {
			return done, fmt.Errorf("deploy %s: %w", f.name, err)
		}
		if after.Proposal != nil {
			done = append(done, deployResult{File: f.name, Flow: after.Number, Slug: before.Slug, Version: after.Proposal.Version, Before: before.Version, Proposal: after.Proposal})
			continue
		}
		done = append(done, deployResult{
			File: f.name, Flow: after.Number, Slug: after.Slug, Version: after.Version,
			Before: before.Version, Changed: after.Version != before.Version,
		})
	}
	return done, nil
}

// current returns the deployed flow; the zero value when it does not exist.
func current(ctx context.Context, server *client.Client, ref string) (client.Flow, error) {
	flow, err := server.Flow(ctx, ref)
	var refused *client.Error
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusNotFound:
		return client.Flow{}, nil
	case err != nil:
		return client.Flow{}, err
	}
	return *flow, nil
}

func printDeployed(w io.Writer, done []deployResult, asJSON bool) error {
	if asJSON {
		return command.PrintValue(w, done)
	}
	for _, d := range done {
		what := "deployed " + short(d.Version)
		switch {
		case d.Proposal != nil:
			what = proposedText(d.Proposal)
		case d.Canary:
			what = "canary " + short(d.Version) + " beside " + short(d.Before)
		case !d.Changed:
			what = "unchanged, " + short(d.Version)
		case d.Before != "":
			what += ", before " + short(d.Before)
		}
		if _, err := fmt.Fprintf(w, "%s: flow %d %s\n", d.File, d.Flow, what); err != nil {
			return err
		}
	}
	return nil
}

// short returns the beginning of a version, which the server accepts, too.
func short(version string) string { return version[:min(len(version), 12)] }
