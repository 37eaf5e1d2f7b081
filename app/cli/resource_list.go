package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows"
)

// newList returns the command that lists objects: one page, or all pages.
func newList(e command.Env, short, path string, columns []command.Column) *cobra.Command {
	return newListOf(e, "list", short, func([]string) string { return path }, columns)
}

// newListOf is newList for objects of one that an argument names, if use has an argument.
func newListOf(e command.Env, use, short string, pathOf func(args []string) string, columns []command.Column) *cobra.Command {
	var filter, order, cursor, search string
	var page, size int
	var all bool
	cmd := &cobra.Command{
		Use: use, Short: short, Args: command.ExactArgs(strings.Count(use, " ")),
		Long: short + ". A filter compares fields: 'state eq \"failed\" and flow eq 69'; operators are eq ne lt le gt ge in\n" +
			"contains, joined with and, or, not and parentheses.",
	}
	c := newCall(e, cmd)
	f := cmd.Flags()
	f.StringVar(&filter, "filter", "", "show those that fit the `expression`")
	f.StringVar(&order, "order-by", "", "order by `fields`, - for descending: -created_at,flow")
	f.IntVar(&page, "page", 1, "show this page")
	f.IntVar(&size, "page-size", 50, "how many are on a page, 200 at most")
	f.BoolVar(&all, "all", false, "show every page")
	if use == "list" && pathOf(nil) == runsPath {
		f.StringVar(&cursor, "cursor", "", "go on behind an earlier page, with the `cursor` that it gave")
		f.StringVar(&search, "search", "", "show those that contain all these `words`: in the event, the output, the error or the items")
	}
	choice := auditChoice{}
	if use == "list" && pathOf(nil) == auditPath {
		f.StringVar(&cursor, "cursor", "", "go on behind an earlier page, with the `cursor` that it gave")
		choice = addAuditChoice(cmd)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		query := url.Values{"page": {strconv.Itoa(page)}, "page_size": {strconv.Itoa(size)}}
		if filter != "" {
			query.Set("filter", filter)
		}
		if order != "" {
			query.Set("order_by", order)
		}
		choice.into(query)
		if search != "" {
			query.Set("search", search)
		}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		if all {
			query.Set("page", "1")
			query.Set("page_size", "200")
		}
		return c.list(cmd, pathOf(args), query, all, columns)
	}
	return cmd
}

// list requests a list and prints it. JSON is the page as sent by the server, with the items of all pages if all is
// set.
func (c *remoteCall) list(cmd *cobra.Command, path string, query url.Values, all bool, columns []command.Column) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	items, counted := []any{}, 0 // counted: since the last cursor, with which page numbers start again
	for n := 1; ; n++ {
		text, err := server.Raw(cmd.Context(), http.MethodGet, path+"?"+query.Encode(), nil)
		if err != nil {
			return err
		}
		page, err := command.DecodeObject(text)
		if err != nil {
			return err
		}
		more, _ := page["items"].([]any)
		items, counted = append(items, more...), counted+len(more)
		next, _ := page["next_cursor"].(string)
		switch total := command.Cell(page["total"]); {
		case all && next != "":
			query.Set("cursor", next)
			n, counted = 0, 0
		case !all || len(more) == 0 || strconv.Itoa(counted) == total:
			page["items"] = items
			return c.printPage(cmd, page, columns, all)
		}
		query.Set("page", strconv.Itoa(n+1))
	}
}

func (c *remoteCall) printPage(cmd *cobra.Command, page command.Object, columns []command.Column, all bool) error {
	out := cmd.OutOrStdout()
	if page["looked_back_to"] != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "looked at %s runs, back to %s, and there are others; --cursor %s goes on there, --all looks at every one\n",
			command.Cell(page["looked_at"]), command.Cell(page["looked_back_to"]), command.Cell(page["next_cursor"]))
	}
	if warning, _ := page["warning"].(string); warning != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning:", command.Printable(warning))
	}
	if c.asJSON {
		return command.PrintIndented(out, flows.EncodeJSON(page))
	}
	items, _ := page["items"].([]any)
	if err := command.PrintTable(out, columns, items); err != nil {
		return err
	}
	if total := command.Cell(page["total"]); !all && total != strconv.Itoa(len(items)) {
		if page["total_at_least"] == true {
			total = "at least " + total
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "page %s: %d of %s; --page and --all show others\n", command.Cell(page["page"]), len(items), total)
	}
	return nil
}
