package view

import (
	"context"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
)

// Question asks whether something is to be done that cannot be undone, or that others notice at once.
type Question struct {
	Title  string
	Texts  []string // what happens then
	Flows  []int64  // numbers of the flows that it concerns
	Action string   // address of the form; it gets sure=yes
	Fields [][2]string
	Button string // of what is done
	Back   string // address of the page for those who would rather not
}

// mayEnable reports whether the user may switch the own triggers of flows.
func mayEnable(p Page) bool { return p.Allows(auth.ScopeWriteFlows) }

// disabledText says what does not happen while the own triggers of a flow are off.
func disabledText(ctx context.Context, f FlowRow) string {
	if f.Hook {
		return language.T(ctx, "Its webhook answers each delivery with 503. The API, and who may try it, can run it.")
	}
	return language.T(ctx, "No trigger of its own starts it. The API, and who may try it, can run it.")
}

// SwitchOff is the question before the own triggers of a flow are switched off.
func SwitchOff(ctx context.Context, f FlowRow) Question {
	q := Question{Title: language.T(ctx, "Switch off the triggers of %s?", f.Name), Action: f.path() + "/enabled", Fields: [][2]string{{"enabled", "false"}}, Button: language.T(ctx, "Switch off"), Back: Root + "/flows"}
	if f.Hook {
		q.Texts = append(q.Texts, language.T(ctx, "Its webhook then answers each delivery with 503. What its sender does not send again is lost."))
	} else {
		q.Texts = append(q.Texts, language.T(ctx, "No trigger of its own starts it then. What a schedule misses meanwhile is not caught up."))
	}
	q.Texts = append(q.Texts, language.T(ctx, "To hold its runs without losing any, pause the flow: what comes is accepted, and waits."))
	return q
}

// EnabledNotice describes that the own triggers of a flow were switched.
func EnabledNotice(ctx context.Context, f FlowRow) string {
	if f.Enabled {
		return language.T(ctx, "The triggers of %s are on.", f.Name)
	}
	return language.T(ctx, "The triggers of %s are off.", f.Name) + " " + disabledText(ctx, f)
}
