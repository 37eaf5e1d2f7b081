// Command penstock runs data flows in real time: the front door, workers, or both in one process. Package app is the
// program as a library, package app/cli has the commands.
package main

import (
	"github.com/penstock/penstock/app/cli"
	"github.com/penstock/penstock/flows/steps"
)

func main() { cli.Main(steps.Catalogue()) }
