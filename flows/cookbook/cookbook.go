// Package cookbook contains complete flows for common tasks, each with its tests.
package cookbook

import "embed"

// FS contains the flows, *.yaml at its root.
//
//go:embed *.yaml
var FS embed.FS
