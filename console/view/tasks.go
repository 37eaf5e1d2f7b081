package view

import "github.com/penstock/penstock/console/language"

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
	return []queueTab{{language.Key("Queues"), "/lines"}, {language.Key("Workers"), "/workers"}, {language.Key("Tasks, in asynqmon"), "/queues"}}
}

// style is the name of the style of the console.
func (p Page) style() string {
	if p.Layered {
		return "layered.css"
	}
	return "console.css"
}
