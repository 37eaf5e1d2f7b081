package view

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/samples"
	"github.com/penstock/penstock/flows"
)

// exchangeTook is the duration of an exchange.
func exchangeTook(ctx context.Context, x *flows.Exchange) string {
	return Took(ctx, time.Duration(x.Micros)*time.Microsecond)
}

// exchangePlace says for which item, in which attempt and try a request was sent.
func exchangePlace(ctx context.Context, x *flows.Exchange) string {
	all := []string{language.T(ctx, "item %s", x.Within+strconv.Itoa(x.Item))}
	if x.Attempt > 1 {
		all = append(all, language.T(ctx, "attempt %d", x.Attempt))
	}
	if x.Try > 1 {
		all = append(all, language.T(ctx, "try %d", x.Try))
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
	b.WriteString("curl -X " + samples.Shell(x.Method) + " " + samples.Shell(x.URL))
	for _, name := range headerNames(&x.Request) {
		b.WriteString(" \\\n  -H " + samples.Shell(name+": "+x.Request.Headers[name]))
	}
	if x.Request.Body != "" {
		b.WriteString(" \\\n  --data-raw " + samples.Shell(x.Request.Body))
	}
	return b.String() + "\n"
}

func headerNames(c *flows.ExchangeContent) []string {
	return slices.Sorted(maps.Keys(c.Headers))
}
