package flow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows"
)

// diffArgs are the arguments of `flow diff` besides its files.
type diffArgs struct {
	url      string
	from, to string // versions; empty: the current one, and the file
	json     bool
}

// difference is the result for one flow.
type difference struct {
	Flow int64  `json:"flow"`
	From string `json:"from"` // version; empty: not deployed
	To   string `json:"to"`
	Same bool   `json:"same"`
	Diff string `json:"diff,omitempty"` // unifiedDiff
}

func newDiff(e command.Env, kinds *flows.Catalogue) *cobra.Command {
	var args diffArgs
	cmd := &cobra.Command{
		Use:   "diff PATHS… | diff FLOW --from VERSION [--to VERSION]",
		Short: "Show what deploying flow files would change, or how two versions differ",
		Long: "Show what deploying flow files would change on a server. With --from, show how a version\n" +
			"of one flow differs from the current one, or from that of --to. The exit status is 1 when\n" +
			"something differs.\n\n" + command.RemoteHelp,
		Example: "  penstock flow diff flows/\n  penstock flow diff upsert --from 3f9ac21d04be",
		Args:    command.UsageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			return diffFlows(cmd, e, kinds, names, args)
		},
	}
	command.AddURL(cmd, &args.url)
	cmd.Flags().StringVar(&args.from, "from", "", "a `version` of the flow, or its first digits")
	cmd.Flags().StringVar(&args.to, "to", "", "another `version`; default: the current one")
	cmd.Flags().BoolVar(&args.json, "json", false, "print JSON")
	return cmd
}

var errDiffers = errors.New("flows differ")

func diffFlows(cmd *cobra.Command, e command.Env, kinds *flows.Catalogue, names []string, args diffArgs) error {
	if args.from == "" && args.to != "" || args.from != "" && len(names) > 1 {
		return errors.New("compare flows: --from goes with one flow, --to with --from")
	}
	server, err := e.Remote(args.url, nil)
	if err != nil {
		return err
	}
	var found []difference
	if args.from != "" {
		found, err = diffVersions(cmd.Context(), server, names[0], args)
	} else {
		found, err = diffFiles(cmd, server, kinds, names)
	}
	if err != nil {
		return err
	}
	return printDifferences(cmd.OutOrStdout(), found, args.json)
}

func diffVersions(ctx context.Context, server *client.Client, ref string, args diffArgs) ([]difference, error) {
	now, err := server.Flow(ctx, ref)
	if err != nil {
		return nil, err
	}
	from, err := server.Version(ctx, ref, args.from)
	if err != nil {
		return nil, err
	}
	to := &client.Version{Version: now.Version, Source: now.Source}
	if args.to != "" {
		if to, err = server.Version(ctx, ref, args.to); err != nil {
			return nil, err
		}
	}
	d := difference{Flow: now.Number, From: from.Version, To: to.Version, Same: from.Version == to.Version}
	d.Diff = udiff.Unified(short(from.Version), short(to.Version), from.Source, to.Source)
	return []difference{d}, nil
}

// diffFiles compares files with the deployed versions. It writes problems in the files to standard output.
func diffFiles(cmd *cobra.Command, server *client.Client, kinds *flows.Catalogue, paths []string) (found []difference, err error) {
	read, err := readFlows(cmd, cmd.OutOrStdout(), kinds, paths)
	if err != nil {
		return nil, err
	}
	for _, f := range read {
		now, err := current(cmd.Context(), server, strconv.FormatInt(f.flow.Number, 10))
		if err != nil {
			return nil, err
		}
		from := short(now.Version)
		if from == "" {
			from = os.DevNull
		}
		found = append(found, difference{
			Flow: f.flow.Number, From: now.Version, To: f.flow.Version, Same: now.Version == f.flow.Version,
			Diff: udiff.Unified(from, f.name, now.Source, string(f.flow.Source)),
		})
	}
	return found, nil
}

// printDifferences prints the differences and returns errDiffers if there is one.
func printDifferences(w io.Writer, found []difference, asJSON bool) error {
	var differs error
	for _, d := range found {
		if !d.Same {
			differs = errDiffers
		}
		if !asJSON {
			if _, err := fmt.Fprint(w, d.Diff); err != nil {
				return err
			}
		}
	}
	if asJSON {
		return errors.Join(command.PrintValue(w, found), differs)
	}
	return differs
}
