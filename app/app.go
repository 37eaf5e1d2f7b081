// Package app is the whole product as a library, for programs that add step
// kinds of their own: `penstock` itself is Main with the catalogue that ships.
package app

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"penstock/flows"
)

// Main is the command line of the product, whose flows may use the kinds of
// the catalogue. A failure ends the process with its exit code.
func Main(kinds *flows.Catalogue) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	if err := newRoot(environment(), kinds).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "penstock: "+err.Error())
		os.Exit(exitCode(err))
	}
}
