package app

import (
	"fmt"
	"os"

	"github.com/penstock/penstock/flows/script"
)

// ScriptChild is the subcommand that evaluates scripts for a worker, in a
// process that the worker ends when a script does not end.
const ScriptChild = "script-child"

// newScripts starts children of this program when scripts come.
func newScripts() (*script.Pool, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return script.NewPool(script.Config{Command: []string{self, ScriptChild}})
}
