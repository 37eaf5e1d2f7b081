// Command own-kind is Penstock with step kinds of a team's own: the same
// program, with the same subcommands.
package main

import (
	"github.com/penstock/penstock/app/cli"
	"github.com/penstock/penstock/flows/steps"
)

func main() { cli.Main(steps.Catalogue().With(postcode(), queueMessage())) }
