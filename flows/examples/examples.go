// Package examples contains sample flows, each with its tests.
package examples

import "embed"

// FS contains the sample flows, *.yaml at its root.
//
//go:embed *.yaml
var FS embed.FS
