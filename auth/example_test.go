package auth_test

import (
	"fmt"

	"github.com/penstock/penstock/auth"
)

// The check value of a SmartSYNC request is the MD5 of its parameters, its body and the secret, separated by bars.
func ExampleCheckValue() {
	query, err := auth.ParseQuery("flow=69&key=crm&ts=1700000000")
	if err != nil {
		fmt.Println(err)
		return
	}
	body := auth.Canonical([]byte(`{"email":"ada@example.org"}`))
	fmt.Println(auth.CheckValue(query, body, "s3cret"))
	// Output: 90eb791a40aed300bb6b4c907b9de68e
}
