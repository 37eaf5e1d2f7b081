package view

import (
	"html"

	"github.com/a-h/templ"
)

// Tasks is asynqmon within the layout of the console.
type Tasks struct {
	Root     string   // path of asynqmon
	Scripts  []string // paths of its scripts
	ReadOnly bool
}

// queueTab is one of the pages about queues.
type queueTab struct{ title, path string }

// queueTabs are the pages about queues.
func queueTabs() []queueTab {
	return []queueTab{{"Queues", "/lines"}, {"Workers", "/workers"}, {"Tasks, in asynqmon", "/queues"}}
}

// layeredStyle loads the style of the console as the layer console. Every style outside of a layer counts more.
func (p Page) layeredStyle() templ.Component {
	return templ.Raw(`<style nonce="` + html.EscapeString(p.Nonce) + `">@import url("` + html.EscapeString(p.Asset("console.css")) + `") layer(console);</style>`)
}
