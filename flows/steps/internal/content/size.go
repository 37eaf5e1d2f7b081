package content

import "github.com/penstock/penstock/flows"

// ParseSize parses a number with a decimal unit: "512KB", "10 MB".
func ParseSize(text string) (int64, bool) { return flows.ParseSize(text) }

// SizeText is a size for messages, in the largest unit that is exact: "10 MB".
func SizeText(n int64) string { return flows.SizeText(n) }
