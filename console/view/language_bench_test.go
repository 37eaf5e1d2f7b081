package view

import (
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/penstock/penstock/console/language"
)

// BenchmarkFlowsPage renders the list of 50 flows in each language.
func BenchmarkFlowsPage(b *testing.B) {
	list := FlowList{Sort: "number", Page: 1, Pages: 2, Found: 100, All: 100, Over: "24 hours"}
	for i := range 50 {
		list.Rows = append(list.Rows, FlowRow{
			Number: int64(i), Name: "Flow " + strconv.Itoa(i), Trigger: "webhook", Deployed: time.Unix(1, 0),
			Last: &RunRow{ID: "r", State: "succeeded", Created: time.Unix(100, 0)}, Figures: &FlowFigures{Runs: 5000, Failed: 7, P95: 1234 * time.Millisecond},
		})
	}
	p := Page{Site: ConsoleSite(), Title: "Flows", User: "ann", Asset: func(name string) string { return "/assets/" + name }, Now: time.Unix(1000, 0)}
	for _, l := range language.All() {
		ctx := language.With(b.Context(), l)
		b.Run(l.Code(), func(b *testing.B) {
			for b.Loop() {
				if err := FlowsPage(p, list).Render(ctx, io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
