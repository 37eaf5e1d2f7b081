package cli

import (
	"fmt"
	"io"
	"maps"
)

// printItems prints the items of steps that had several, or that caught an error.
func printItems(w io.Writer, steps []any) error {
	var rows []any
	for _, s := range steps {
		step, _ := s.(map[string]any)
		each, _ := step["each"].([]any)
		for _, one := range each {
			item, _ := one.(map[string]any)
			if item == nil || len(each) == 1 && cell(step["in"]) == "1" && (item["error"] == nil || step["error"] != nil) {
				continue // the row of the step shows the same
			}
			row := maps.Clone(item)
			within, _ := step["within"].(string)
			row["step"], row["item"] = step["step"], within+cell(item["item"])
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return printTable(w, []column{
		{"step", "step"}, {"item", "item"}, {"after µs", "after_us"}, {"µs", "us"}, {"attempts", "attempts"}, {"journal", "replayed"}, {"out", "out"}, {"error", "error"},
	}, rows)
}
