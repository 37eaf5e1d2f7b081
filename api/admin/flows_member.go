package admin

import (
	"slices"

	"github.com/penstock/penstock/store"
)

// checkFlows refuses a list with what is no flow number.
func checkFlows(list []int64) error {
	if slices.ContainsFunc(list, func(n int64) bool { return n < 1 }) {
		return &store.InvalidError{Member: "flows", Reason: "must be flow numbers"}
	}
	return nil
}
