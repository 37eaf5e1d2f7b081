// Command penstock runs data flows in real time: a front door, workers, and
// all of it in one process for development.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	if err := newRoot(environment()).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "penstock: "+err.Error())
		os.Exit(exitCode(err))
	}
}
