package connect_test

import (
	"fmt"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/store"
)

// Check validates a connection before it is stored. It does not connect.
func ExampleCheck() {
	crm := &store.Connection{
		Name: "crm", Type: "basic", Hosts: []string{"crm.example.org"},
		Settings: map[string]string{"username": "penstock", "password": "secret"},
	}
	fmt.Println(connect.Check(nil, crm))
	fmt.Println(connect.Shown(nil, crm).Settings)

	crm.Hosts = nil
	fmt.Println(connect.Check(nil, crm))
	// Output:
	// <nil>
	// map[username:penstock]
	// hosts is empty: a basic connection says who may see its credential
}
