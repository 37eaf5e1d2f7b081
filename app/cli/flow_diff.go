package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/linediff"
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

func newFlowDiff(e env, kinds *flows.Catalogue) *cobra.Command {
	var args diffArgs
	cmd := &cobra.Command{
		Use:   "diff PATHS… | diff FLOW --from VERSION [--to VERSION]",
		Short: "Show what deploying flow files would change, or how two versions differ",
		Long: "Show what deploying flow files would change on a server. With --from, show how a version\n" +
			"of one flow differs from the current one, or from that of --to. The exit status is 1 when\n" +
			"something differs.\n\n" + remoteHelp,
		Example: "  penstock flow diff flows/\n  penstock flow diff upsert --from 3f9ac21d04be",
		Args:    usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			return diffFlows(cmd, e, kinds, names, args)
		},
	}
	addURL(cmd, &args.url)
	cmd.Flags().StringVar(&args.from, "from", "", "a `version` of the flow, or its first digits")
	cmd.Flags().StringVar(&args.to, "to", "", "another `version`; default: the current one")
	cmd.Flags().BoolVar(&args.json, "json", false, "print JSON")
	return cmd
}

var errDiffers = errors.New("flows differ")

func diffFlows(cmd *cobra.Command, e env, kinds *flows.Catalogue, names []string, args diffArgs) error {
	if args.from == "" && args.to != "" || args.from != "" && len(names) > 1 {
		return errors.New("compare flows: --from goes with one flow, --to with --from")
	}
	server, err := e.remote(args.url, nil)
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
	d.Diff = unifiedDiff(short(from.Version), short(to.Version), from.Source, to.Source)
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
			Diff: unifiedDiff(from, f.name, now.Source, string(f.flow.Source)),
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
		return errors.Join(printValue(w, found), differs)
	}
	return differs
}

const (
	diffContext  = 3       // unchanged lines shown around a change
	maxDiffCells = 4 << 20 // maximum number of compared pairs of lines; beyond it, all lines count as changed
)

// unifiedDiff compares two texts in the format of diff -u; empty when they are equal.
func unifiedDiff(from, to, before, after string) string {
	if before == after {
		return ""
	}
	a, b := lines(before), lines(after)
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", from, to)
	edits := diffEdits(a, b)
	for i := 0; i < len(edits); {
		if edits[i].sign == ' ' {
			i++
			continue
		}
		first, last := max(0, i-diffContext), i
		for end := i; end < len(edits) && end <= last+2*diffContext; end++ { // changes close by share a hunk
			if edits[end].sign != ' ' {
				last = end
			}
		}
		end := min(len(edits), last+1+diffContext)
		writeHunk(&out, edits[first:end])
		i = end
	}
	return out.String()
}

func lines(text string) []string {
	all := strings.SplitAfter(text, "\n")
	if all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all
}

// edit is one line of both texts (' '), of the first ('-') or of the second ('+').
type edit struct {
	sign byte
	text string
	a, b int // number of lines before it in each text
}

func writeHunk(out *strings.Builder, edits []edit) {
	var olds, news int
	for _, e := range edits {
		if e.sign != '+' {
			olds++
		}
		if e.sign != '-' {
			news++
		}
	}
	fmt.Fprintf(out, "@@ -%s +%s @@\n", lineRange(edits[0].a, olds), lineRange(edits[0].b, news))
	for _, e := range edits {
		out.WriteByte(e.sign)
		out.WriteString(strings.TrimSuffix(e.text, "\n") + "\n")
		if !strings.HasSuffix(e.text, "\n") {
			out.WriteString("\\ No newline at end of file\n")
		}
	}
}

// lineRange formats a range of lines as diff does.
func lineRange(before, count int) string {
	if count == 0 {
		return fmt.Sprintf("%d,0", before)
	}
	return fmt.Sprintf("%d,%d", before+1, count)
}

// diffEdits returns the lines of both texts, common ones once.
func diffEdits(a, b []string) (edits []edit) {
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	i, j := 0, 0
	put := func(sign byte, text string) {
		edits = append(edits, edit{sign, text, i, j})
		if sign != '+' {
			i++
		}
		if sign != '-' {
			j++
		}
	}
	for _, line := range a[:start] {
		put(' ', line)
	}
	diffMiddle(a[start:len(a)-end], b[start:len(b)-end], put)
	for _, line := range a[len(a)-end:] {
		put(' ', line)
	}
	return edits
}

// diffMiddle compares lines whose first and last ones differ, by their longest common subsequence.
func diffMiddle(a, b []string, put func(byte, string)) {
	i, j := 0, 0
	if len(a)*len(b) <= maxDiffCells {
		common := linediff.Common(a, b)
		for i < len(a) && j < len(b) {
			switch {
			case a[i] == b[j]:
				put(' ', a[i])
				i, j = i+1, j+1
			case common[i+1][j] >= common[i][j+1]:
				put('-', a[i])
				i++
			default:
				put('+', b[j])
				j++
			}
		}
	}
	for _, line := range a[i:] {
		put('-', line)
	}
	for _, line := range b[j:] {
		put('+', line)
	}
}
