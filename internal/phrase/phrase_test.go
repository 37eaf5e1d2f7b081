package phrase_test

import (
	"fmt"

	"github.com/penstock/penstock/internal/phrase"
)

func ExampleCount() {
	fmt.Println(phrase.Count(0, "test"), phrase.Count(1, "test"), phrase.Count(2, "test"))
	// Output: 0 tests 1 test 2 tests
}

func ExampleIndent() {
	fmt.Print(phrase.Indent("a\nb\n"))
	// Output:
	//     a
	//     b
}

func ExampleShorten() {
	fmt.Println(phrase.Shorten("Zürich", 3), phrase.Shorten("Bern", 4))
	// Output: Zür… Bern
}
