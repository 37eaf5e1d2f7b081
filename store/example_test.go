package store_test

import (
	"fmt"

	"github.com/penstock/penstock/store"
)

// A sealed secret can be opened with any of the configured master keys, and only for its record.
func ExampleSealer() {
	oldKey, newKey := store.NewMasterKey(), store.NewMasterKey()
	before, err := store.NewSealer(oldKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	sealed := before.Seal("secret/webhook", "s3cret")

	during, err := store.NewSealer(newKey, oldKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(during.Open("secret/webhook", sealed))
	_, err = during.Open("secret/other", sealed)
	fmt.Println(err)
	// Output:
	// s3cret <nil>
	// open secret: it was changed, or belongs to another record
}
