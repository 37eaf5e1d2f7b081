//go:build race

package script

// maxData is unlimited: the race detector maps terabytes.
const maxData = 1<<64 - 1
