// Command penstock runs data flows in real time: a front door, workers, and
// all of it in one process for development. The program itself is package app.
package main

import (
	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/flows/steps"
)

func main() { app.Main(steps.Catalogue()) }
