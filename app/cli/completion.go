package cli

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

// suggest requests the first page of a list and suggests the first of the named members that an item has. about names
// the member with the description; empty: none. If the request fails, it suggests nothing.
func (e env) suggest(path string, query url.Values, names []string, about string) completionFunc {
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
		server, err := e.remote(base, nil)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		text, err := server.Raw(ctx, http.MethodGet, path+"?"+query.Encode(), nil)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		page, err := decodeObject(text)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completionsOf(page, names, about, typed), cobra.ShellCompDirectiveNoFileComp
	}
}

// completionsOf returns the suggestions in a page.
func completionsOf(page object, names []string, about, typed string) (all []cobra.Completion) {
	items, _ := page["items"].([]any)
	for _, item := range items {
		o, _ := item.(object)
		for _, name := range names {
			word := cell(o[name])
			if o[name] == nil || !strings.HasPrefix(word, typed) {
				continue
			}
			if about != "" && o[about] != nil && cell(o[about]) != word {
				word = cobra.CompletionWithDesc(word, cell(o[about]))
			}
			all = append(all, word)
			break
		}
	}
	return all
}

// firstArgument suggests for the first argument only.
func firstArgument(c completionFunc) completionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c(cmd, args, typed)
	}
}

func pageQuery(order string) url.Values {
	q := url.Values{"page_size": {"200"}}
	if order != "" {
		q.Set("order_by", order)
	}
	return q
}

// flowRefs suggests flows: slugs, and the numbers of flows without one.
func (e env) flowRefs() completionFunc {
	return e.suggest("/v1/flows", pageQuery(""), []string{"slug", "flow"}, "name")
}

// runIDs suggests the newest runs.
func (e env) runIDs() completionFunc {
	return e.suggest(runsPath, pageQuery("-created_at"), []string{"run_id"}, "state")
}

// noCompletion suggests nothing, not even files.
func noCompletion(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// fixedCompletions suggests fixed words.
func fixedCompletions(all ...string) completionFunc {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return all, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeArgs adds suggestions to commands that have none: flows and runs of the server for FLOW and RUN in their
// usage texts, nothing for other words that are not files.
func (e env) completeArgs(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		e.completeArgs(sub)
	}
	if cmd.ValidArgsFunction != nil || !cmd.Runnable() {
		return
	}
	_, arguments, _ := strings.Cut(cmd.Use, " ")
	switch {
	case strings.HasPrefix(arguments, "FLOW"):
		cmd.ValidArgsFunction = firstArgument(e.flowRefs())
	case strings.HasPrefix(arguments, "RUN"):
		cmd.ValidArgsFunction = e.runIDs()
	case !strings.Contains(arguments, "FILE") && !strings.Contains(arguments, "PATHS"):
		cmd.ValidArgsFunction = noCompletion
	}
	if cmd.Flag("flow") != nil && cmd.Flag("url") != nil {
		_ = cmd.RegisterFlagCompletionFunc("flow", e.flowRefs()) // fails only without the flag
	}
}
