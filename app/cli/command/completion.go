package command

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// completionLimit is how long a shell waits for suggestions of a server.
const completionLimit = 1500 * time.Millisecond

// completionFunc suggests words for an argument or a flag.
type completionFunc = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

// Suggest requests the first page of a list and suggests the first of the named members that an item has. about names
// the member with the description; empty: none. If the request fails, it suggests nothing.
func (e Env) Suggest(path string, query url.Values, names []string, about string) completionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		base := ""
		if f := cmd.Flag("url"); f != nil {
			base = f.Value.String()
		}
		ctx := cmd.Context()
		if ctx == nil {
			ctx = context.Background()
		}
		ctx, cancel := context.WithTimeout(ctx, completionLimit)
		defer cancel()
		server, err := e.Remote(base, nil)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		text, err := server.Raw(ctx, http.MethodGet, path+"?"+query.Encode(), nil)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		page, err := DecodeObject(text)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completionsOf(page, names, about, typed), cobra.ShellCompDirectiveNoFileComp
	}
}

// completionsOf returns the suggestions in a page.
func completionsOf(page Object, names []string, about, typed string) (all []cobra.Completion) {
	items, _ := page["items"].([]any)
	for _, item := range items {
		o, _ := item.(Object)
		for _, name := range names {
			word := Cell(o[name])
			if o[name] == nil || !strings.HasPrefix(word, typed) {
				continue
			}
			if about != "" && o[about] != nil && Cell(o[about]) != word {
				word = cobra.CompletionWithDesc(word, Cell(o[about]))
			}
			all = append(all, word)
			break
		}
	}
	return all
}

// FirstArgument suggests for the first argument only.
func FirstArgument(c completionFunc) completionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c(cmd, args, typed)
	}
}

// PageQuery is the query of the longest page of a list, in an order; empty: that of the server.
func PageQuery(order string) url.Values {
	q := url.Values{"page_size": {"200"}}
	if order != "" {
		q.Set("order_by", order)
	}
	return q
}

// FlowRefs suggests flows: slugs, and the numbers of flows without one.
func (e Env) FlowRefs() completionFunc {
	return e.Suggest("/v1/flows", PageQuery(""), []string{"slug", "flow"}, "name")
}

// RunIDs suggests the newest runs.
func (e Env) RunIDs() completionFunc {
	return e.Suggest("/v1/runs", PageQuery("-created_at"), []string{"run_id"}, "state")
}

// NoCompletion suggests nothing, not even files.
func NoCompletion(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// FixedCompletions suggests fixed words.
func FixedCompletions(all ...string) completionFunc {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return all, cobra.ShellCompDirectiveNoFileComp
	}
}
