package language

import (
	"context"
	"strings"
	"time"
)

// The short names of weekdays and months are messages, too.
var _ = []string{
	Key("Mon"), Key("Tue"), Key("Wed"), Key("Thu"), Key("Fri"), Key("Sat"), Key("Sun"),
	Key("Jan"), Key("Feb"), Key("Mar"), Key("Apr"), Key("May"), Key("Jun"), Key("Jul"), Key("Aug"), Key("Sep"), Key("Oct"), Key("Nov"), Key("Dec"),
}

// Time formats a time by a layout as in package time, whose key is the layout in English. Short names of weekdays and months are
// those of the language.
func Time(ctx context.Context, t time.Time, layout string) string {
	l := Of(ctx)
	if l.plain == nil {
		return t.Format(layout)
	}
	said := l.find(layout)
	text := t.Format(said)
	for _, part := range []string{"Mon", "Jan"} {
		if name := t.Format(part); strings.Contains(said, part) {
			text = strings.Replace(text, name, l.find(name), 1)
		}
	}
	return text
}

// Layout returns a layout of times as in package time, without names, in the language of a context. Its key is that in English.
func Layout(ctx context.Context, layout string) string { return Of(ctx).find(layout) }

// find returns a message without arguments.
func (l *Language) find(key string) string {
	if text, found := l.plain[key]; found {
		return text
	}
	return key
}
