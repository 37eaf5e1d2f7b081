// Command all is Penstock with all of its modules: the program of the released image.
package main

import (
	"github.com/penstock/penstock/app/cli"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/modules/amqp"
	"github.com/penstock/penstock/modules/kafka"
)

func main() { cli.Main(steps.Catalogue().Add(amqp.Module(), kafka.Module())) }
