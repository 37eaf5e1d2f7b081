package app

import (
	"fmt"
	"os"

	"github.com/penstock/penstock/flows/script"
)

// ScriptChild is the subcommand that evaluates scripts for a worker in a process of its own, so that the worker can
// kill a script that does not end.
const ScriptChild = "script-child"

// newScripts returns a pool that starts script processes on demand.
func newScripts() (*script.Pool, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return script.NewPool(script.Config{Command: []string{self, ScriptChild}})
}
