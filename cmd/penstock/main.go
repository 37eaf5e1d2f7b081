// Command penstock runs data flows in real time: a front door, workers, and
// all of it in one process for development. The program itself is package app,
// its commands are package app/cli.
package main

import (
	"github.com/penstock/penstock/app/cli"
	"github.com/penstock/penstock/flows/steps"
)

func main() { cli.Main(steps.Catalogue()) }
