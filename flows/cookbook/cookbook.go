// Package cookbook holds flows for what people build every day, each with its
// tests.
package cookbook

import "embed"

// FS holds the flows, *.yaml at its root.
//
//go:embed *.yaml
var FS embed.FS
