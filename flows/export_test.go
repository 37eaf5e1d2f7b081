package flows

import "testing"

// ReadYAML is a file as values.
func ReadYAML(t testing.TB, src []byte) any {
	t.Helper()
	c := &compiler{report: newReport("test.yaml", src)}
	root := c.readYAML(src)
	if err := c.err(); err != nil {
		t.Fatal(err)
	}
	return c.literal(root)
}

// Scan is a text taken apart at its ${ }: literals and programs in turn.
func Scan(s string) (literals, programs []string, open int) {
	pieces, open := scan(s)
	for _, p := range pieces {
		if p.program {
			programs = append(programs, p.text)
		} else {
			literals = append(literals, p.text)
		}
	}
	return literals, programs, open
}
