// Command all is Penstock with all of its modules: the program of the released image.
package main

import (
	"github.com/penstock/penstock/app/cli"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/modules/amqp"
	"github.com/penstock/penstock/modules/imap"
	"github.com/penstock/penstock/modules/kafka"
	"github.com/penstock/penstock/modules/ldap"
	"github.com/penstock/penstock/modules/mongodb"
	"github.com/penstock/penstock/modules/mqtt"
	"github.com/penstock/penstock/modules/nats"
	"github.com/penstock/penstock/modules/sqs"
)

func main() {
	cli.Main(steps.Catalogue().Add(modules()...))
}

// modules returns the modules in the directories beside this one.
func modules() []flows.Module {
	return []flows.Module{
		amqp.Module(),
		imap.Module(),
		kafka.Module(),
		ldap.Module(),
		mongodb.Module(),
		mqtt.Module(),
		nats.Module(),
		sqs.Module(),
	}
}
