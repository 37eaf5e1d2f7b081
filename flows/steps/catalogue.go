// Package steps is the catalogue of step kinds: a small kind is a file, a larger one a package below this one.
package steps

import (
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/connectors"
	"github.com/penstock/penstock/flows/steps/email"
	"github.com/penstock/penstock/flows/steps/encode"
	"github.com/penstock/penstock/flows/steps/httpstep"
	"github.com/penstock/penstock/flows/steps/llm"
	"github.com/penstock/penstock/flows/steps/remote"
	"github.com/penstock/penstock/flows/steps/sqlstep"
)

// Catalogue returns the kinds of this package, in the order of the reference. A program with its own kinds adds them
// with With.
func Catalogue() *flows.Catalogue {
	return flows.NewCatalogue(
		set(),
		transform(),
		filter(),
		split(),
		collect(),
		changes(),
		validate(),
		switchKind(),
		parallel(),
		repeat(),
		callKind(),
		httpstep.Kind(),
		uses(),
		sqlstep.Kind(),
		email.Kind(),
		llm.Kind(),
		remote.SFTP(),
		remote.S3(),
		webhook(),
		encode.Kind(),
		readFile(),
		scriptKind(),
		state(),
		dedupe(),
		loopGuard(),
		lock(),
		limit(),
		emit(),
		publish(),
		respond(),
		fail(),
		delay(),
		waitFor(),
		logKind(),
	).WithConnectors(connectors.Shipped())
}
