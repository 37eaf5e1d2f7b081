// Package cli contains the commands of the program. A program with step kinds of its own calls Main with its catalogue.
package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/flows"
)

// Main runs the command line with these step kinds. After a failure it ends the process with an exit code.
func Main(kinds *flows.Catalogue) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	redis.SetLogger(discardLogger{})
	root := newRoot(env(app.Environment()), kinds)
	err := checkCommand(root, os.Args[1:])
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "penstock: "+err.Error())
		os.Exit(exitCode(err))
	}
}

// discardLogger discards the log of go-redis. Its callers report their errors themselves.
type discardLogger struct{}

func (discardLogger) Printf(context.Context, string, ...any) {}
