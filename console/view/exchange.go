package view

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/flows"
)

// exchangeTook is the duration of an exchange.
func exchangeTook(x *flows.Exchange) string { return Took(time.Duration(x.Micros) * time.Microsecond) }

// exchangePlace says for which item, in which attempt and try a request was sent.
func exchangePlace(x *flows.Exchange) string {
	all := []string{"item " + x.Within + strconv.Itoa(x.Item)}
	if x.Attempt > 1 {
		all = append(all, "attempt "+strconv.Itoa(x.Attempt))
	}
	if x.Try > 1 {
		all = append(all, "try "+strconv.Itoa(x.Try))
	}
	return strings.Join(all, ", ")
}

// curl returns a command that sends the request again. Secrets are *** in it.
func curl(x *flows.Exchange) string {
	var b strings.Builder
	for _, name := range x.Connections {
		b.WriteString("# with the credential of the connection " + name + ", which is not recorded\n")
	}
	if x.Request.Omitted != "" {
		b.WriteString("# the body is not recorded: " + x.Request.Omitted + "\n")
	}
	if x.Request.Cut {
		b.WriteString("# the recorded headers or body are cut off\n")
	}
	b.WriteString("curl -X " + shellQuoted(x.Method) + " " + shellQuoted(x.URL))
	for _, name := range headerNames(&x.Request) {
		b.WriteString(" \\\n  -H " + shellQuoted(name+": "+x.Request.Headers[name]))
	}
	if x.Request.Body != "" {
		b.WriteString(" \\\n  --data-raw " + shellQuoted(x.Request.Body))
	}
	return b.String() + "\n"
}

// shellQuoted returns a text as one word of a POSIX shell.
func shellQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func headerNames(c *flows.ExchangeContent) []string {
	names := make([]string, 0, len(c.Headers))
	for name := range c.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
