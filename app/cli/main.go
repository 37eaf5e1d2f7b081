// Package cli has the commands of the program, a file for each, for programs
// that add step kinds of their own: `penstock` itself is Main with the catalogue
// that ships.
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

// Main is the command line of the product, whose flows may use the kinds of
// the catalogue. A failure ends the process with its exit code.
func Main(kinds *flows.Catalogue) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	redis.SetLogger(silence{})
	root := newRoot(env(app.Environment()), kinds)
	err := unknownVerb(root, os.Args[1:])
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "penstock: "+err.Error())
		os.Exit(exitCode(err))
	}
}

// silence keeps go-redis from writing lines of its own between ours: whoever
// calls it says what failed.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}
