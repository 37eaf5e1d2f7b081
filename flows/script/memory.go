//go:build !race

package script

// maxData is the memory limit of a child in bytes: four times the maximum of a script, for the engine, its input and
// its output. A child that needs more ends, and with it only its current script.
const maxData = 1 << 30
