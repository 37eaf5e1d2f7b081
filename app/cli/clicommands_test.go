package cli

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows/steps"
)

var (
	shownCommand = regexp.MustCompile("(?m)(?:`|^ *|&& |; )penstock ((?:[a-z][a-z0-9-]* ?)+)([^`\n]*)")
	shownFlag    = regexp.MustCompile(`(?:^| )--([a-z][a-z-]*)`)
)

// Every command line in the documentation is valid.
func TestCommandLinesInTheDocumentation(t *testing.T) {
	t.Parallel()
	root := newRoot(command.Env{}, steps.Catalogue())
	root.InitDefaultCompletionCmd("completion")
	found := 0
	for _, file := range documents(t) {
		if filepath.Base(file.name) == "cli.md" {
			continue // made from the commands
		}
		for _, m := range shownCommand.FindAllStringSubmatch(string(file.content), -1) {
			found++
			cmd, rest, err := root.Find(strings.Fields(m[1]))
			if err != nil || cmd == root || !cmd.Runnable() && len(rest) > 0 {
				t.Errorf("%s: there is no command %q", file.name, "penstock "+m[1])
				continue
			}
			line, _, _ := strings.Cut(m[2], "|")
			for _, flag := range shownFlag.FindAllStringSubmatch(" "+line, -1) {
				if !hasFlag(cmd, flag[1]) {
					t.Errorf("%s: %s has no --%s", file.name, cmd.CommandPath(), flag[1])
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("found %d command lines", found)
	}
}

func hasFlag(cmd *cobra.Command, name string) bool {
	return name == "help" || cmd.Flags().Lookup(name) != nil || cmd.InheritedFlags().Lookup(name) != nil
}
