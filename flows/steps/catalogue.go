// Package steps is the catalogue of step kinds, one file for each.
package steps

import "github.com/penstock/penstock/flows"

// Catalogue returns the kinds of this package, in the order of the reference. A program with its own kinds adds them
// with With.
func Catalogue() *flows.Catalogue {
	return flows.NewCatalogue(
		set(),
		transform(),
		filter(),
		split(),
		collect(),
		validate(),
		switchKind(),
		parallel(),
		callKind(),
		httpKind(),
		sqlKind(),
		emailKind(),
		encodeKind(),
		scriptKind(),
		state(),
		dedupe(),
		loopGuard(),
		lock(),
		limit(),
		emit(),
		respond(),
		fail(),
		delay(),
		waitFor(),
		logKind(),
	)
}
