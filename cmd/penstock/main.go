// Command penstock runs data flows in real time: a front door, workers, and both in one process for development.
// Package app is the program itself, package app/cli its commands.
package main

import (
	"github.com/penstock/penstock/app/cli"
	"github.com/penstock/penstock/flows/steps"
)

func main() { cli.Main(steps.Catalogue()) }
