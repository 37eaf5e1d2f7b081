package flow

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
)

// proposedText says that a change waits for approval.
func proposedText(p *client.Proposal) string {
	return fmt.Sprintf("proposed, %s of %s waits for approval by somebody else: penstock flow approve %d %s", p.Kind, short(p.Version), p.Flow, short(p.ID))
}

func printProposed(w io.Writer, p *client.Proposal) error {
	_, err := fmt.Fprintf(w, "flow %d %s\n", p.Flow, proposedText(p))
	return err
}

// newProposal returns `flow proposal`.
func newProposal(e command.Env) *cobra.Command {
	var url string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "proposal FLOW",
		Short: "Show the change of a flow that waits for approval",
		Long: "Show the change of a flow that waits for approval by somebody else, as a difference to the\n" +
			"current version. A server has such changes with --second-approval.\n\n" + command.RemoteHelp,
		Args: command.UsageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, refs []string) error {
			server, err := e.Remote(url, nil)
			if err != nil {
				return err
			}
			p, err := server.Proposal(cmd.Context(), refs[0])
			if err != nil {
				return err
			}
			if asJSON {
				return command.PrintValue(cmd.OutOrStdout(), p)
			}
			before, err := current(cmd.Context(), server, refs[0])
			if err != nil {
				return err
			}
			return printProposal(cmd.OutOrStdout(), p, before)
		},
	}
	command.AddURL(cmd, &url)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printProposal(w io.Writer, p *client.Proposal, before client.Flow) error {
	said := ""
	if p.Message != "" {
		said = ": " + p.Message
	}
	if p.Stale {
		said += "\nanother version has become current since: it can only be rejected"
	}
	_, err := fmt.Fprintf(w, "%s: %s of %s, proposed by %s at %s%s\n%s", short(p.ID), p.Kind, short(p.Version), p.By, p.At.Local().Format(time.DateTime), said,
		udiff.Unified(cmp.Or(short(before.Version), "/dev/null"), short(p.Version), before.Source, p.Source))
	return err
}

// newApprove returns `flow approve`.
func newApprove(e command.Env) *cobra.Command {
	return answerProposal(e, "approve", "Make a change that somebody else has proposed", "approved", func(ctx context.Context, server *client.Client, p *client.Proposal) error {
		_, err := server.Approve(ctx, fmt.Sprint(p.Flow), p.ID)
		return err
	})
}

// newReject returns `flow reject`.
func newReject(e command.Env) *cobra.Command {
	return answerProposal(e, "reject", "Remove a change that waits for approval", "rejected", func(ctx context.Context, server *client.Client, p *client.Proposal) error {
		return server.Reject(ctx, fmt.Sprint(p.Flow), p.ID)
	})
}

// answerProposal returns the command that approves or rejects.
func answerProposal(e command.Env, verb, does, done string, answer func(context.Context, *client.Client, *client.Proposal) error) *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use:   verb + " FLOW PROPOSAL",
		Short: does,
		Long: does + ". PROPOSAL is what `penstock flow proposal FLOW` shows in front, so\n" +
			"that what happens is what was seen.\n\n" + command.RemoteHelp,
		Args: command.UsageArgs(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			server, err := e.Remote(url, nil)
			if err != nil {
				return err
			}
			p, err := server.Proposal(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if len(args[1]) < 6 || !strings.HasPrefix(p.ID, args[1]) {
				return fmt.Errorf("another change waits for approval now, %s: `penstock flow proposal %s` shows it", short(p.ID), args[0])
			}
			if err := answer(cmd.Context(), server, p); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "flow %d: %s of %s %s\n", p.Flow, p.Kind, short(p.Version), done)
			return err
		},
	}
	command.AddURL(cmd, &url)
	return cmd
}
