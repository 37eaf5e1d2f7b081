// Command own-kind is Penstock with step kinds of a team's own: the same
// program, with the same subcommands.
package main

import (
	"penstock/app"
	"penstock/flows/steps"
)

func main() { app.Main(steps.Catalogue().With(postcode(), queueMessage())) }
