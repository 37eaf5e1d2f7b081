package console

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/console/searchbox"
	"github.com/penstock/penstock/flows"
)

// maxOffered is the maximum number of values of one name that the completion offers.
const maxOffered = 500

// searchFields responds with the names and the values that the search box completes.
func searchFields(req *requestState) error {
	values := map[string][][2]string{}
	add := func(field, value, note string) {
		if value != "" && len(values[field]) < maxOffered && !slices.Contains(values[field], [2]string{value, note}) {
			values[field] = append(values[field], [2]string{value, note})
		}
	}
	for _, head := range req.visibleFlows() {
		number := strconv.FormatInt(head.Number, 10)
		add("flow", cmp.Or(head.Slug, number), strings.TrimSpace(number+" "+head.Name))
	}
	for _, flow := range req.deployedFlows() {
		add("queue", flow.Queue, "")
		for _, step := range flow.StepNames() {
			add("step", step, "")
		}
		for _, name := range flow.LabelNames() {
			add(searchbox.Label, name, "")
		}
	}
	for _, code := range flows.Codes() {
		add("code", string(code), "")
	}
	for _, ago := range [][2]string{{"15m", "15 minutes ago"}, {"1h", "an hour ago"}, {"today", "the last midnight"}, {"1d", "24 hours ago"}, {"7d", "a week ago"}} {
		add(searchbox.Since, ago[0], ago[1])
		add(searchbox.Until, ago[0], ago[1])
	}
	type field struct {
		Name   string      `json:"name"`
		Kind   string      `json:"kind"`
		Values [][2]string `json:"values,omitempty"` // with a note about each
	}
	var all []field
	for _, f := range searchbox.Fields() {
		for _, word := range f.Words {
			add(f.Name, word, "")
		}
		all = append(all, field{f.Name, f.Kind, values[f.Name]})
	}
	text := flows.EncodeJSON(all)
	req.w.Header().Set("Content-Type", "application/json")
	req.send(http.StatusOK, text)
	return nil
}
