package cli

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// completionLimit is how long a shell waits for what a server suggests.
const completionLimit = 1500 * time.Millisecond

// completions suggests words for an argument or a flag.
type completions = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

// suggest asks the server of the command for a page of what there is, and
// suggests members of it, the second one as its description; empty: none. When
// the server does not answer, or not this caller, nothing is suggested.
func (e env) suggest(path string, query url.Values, names []string, about string) completions {
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
		return words(page, names, about, typed), cobra.ShellCompDirectiveNoFileComp
	}
}

// words are the first of the members that each item has.
func words(page object, names []string, about, typed string) (all []cobra.Completion) {
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

// first suggests for the first argument, and nothing for others.
func first(c completions) completions {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c(cmd, args, typed)
	}
}

func page(order string) url.Values {
	q := url.Values{"page_size": {"200"}}
	if order != "" {
		q.Set("order_by", order)
	}
	return q
}

// flowRefs suggests the flows: slugs, and numbers of those without one.
func (e env) flowRefs() completions {
	return e.suggest("/v1/flows", page(""), []string{"slug", "flow"}, "name")
}

// runIDs suggests the newest runs.
func (e env) runIDs() completions {
	return e.suggest(runsPath, page("-created_at"), []string{"run_id"}, "state")
}

// nothing suggests nothing: no files either.
func nothing(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// oneOf suggests fixed words.
func oneOf(all ...string) completions {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return all, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeArgs adds suggestions to the commands of a tree that have none:
// FLOW and RUN in their usage texts are asked of the server, other words that
// are no files suggest nothing.
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
		cmd.ValidArgsFunction = first(e.flowRefs())
	case strings.HasPrefix(arguments, "RUN"):
		cmd.ValidArgsFunction = e.runIDs()
	case !strings.Contains(arguments, "FILE") && !strings.Contains(arguments, "PATHS"):
		cmd.ValidArgsFunction = nothing
	}
	if cmd.Flag("flow") != nil && cmd.Flag("url") != nil {
		_ = cmd.RegisterFlagCompletionFunc("flow", e.flowRefs()) // fails for a flag that is not there
	}
}
