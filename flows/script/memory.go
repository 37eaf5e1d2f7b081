//go:build !race

package script

// maxData is what the child may hold in memory, bytes: four times what a script
// may be given at most, for the engine, its input and its output. A child that
// wants more ends, and with it only the script that it evaluates.
const maxData = 1 << 30
