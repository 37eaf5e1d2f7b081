package admin

import (
	"slices"

	"github.com/penstock/penstock/store"
)

// validName reports whether name is valid for a secret or a connection.
func validName(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for i := range len(name) {
		b := name[i]
		letter := 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
		if !letter && (i == 0 || !('0' <= b && b <= '9' || b == '_' || b == '.' || b == '-')) {
			return false
		}
	}
	return true
}

// checkFlows returns an error unless all elements are flow numbers.
func checkFlows(list []int64) error {
	if slices.ContainsFunc(list, func(n int64) bool { return n < 1 }) {
		return &store.InvalidError{Member: "flows", Reason: "must be flow numbers"}
	}
	return nil
}
