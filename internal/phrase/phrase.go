// Package phrase has pieces of sentences that programs write for people.
package phrase

import (
	"fmt"
	"strings"
)

// Count is a number with what is counted: "1 test", "2 tests".
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Indent moves every line of a text four characters to the right.
func Indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}

// Shorten returns the first n characters of a text, with an ellipsis when there are more.
func Shorten(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n]) + "…"
}
