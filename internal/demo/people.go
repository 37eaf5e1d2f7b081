package demo

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed people.json
var peopleJSON []byte

// people returns the first constituents: that of the SmartSYNC documentation, member for member, and four invented
// ones.
func people() []record {
	d := json.NewDecoder(bytes.NewReader(peopleJSON))
	d.UseNumber()
	var all []record
	if err := d.Decode(&all); err != nil {
		panic(fmt.Sprintf("demo: people.json: %v", err)) // embedded; a test reads it
	}
	return all
}
